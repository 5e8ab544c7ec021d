//! `exportConfigs`.

use std::collections::BTreeMap;

use serde_json::json;

use super::{FILE_PATH, write};
use crate::{
    command::{Category, Opt, Spec},
    commands::broker::config_of,
    context::{Context, groups_of},
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "exportConfigs",
    Category::Export,
    "Export configs.",
    &[Opt::value("c", "clusterName", "choose a cluster to export").required(), FILE_PATH],
    |context| Box::pin(export(context)),
);

/// What is exported of a broker's configuration.
const KEYS: [&str; 16] = [
    "brokerClusterName",
    "brokerId",
    "brokerName",
    "brokerRole",
    "fileReservedTime",
    "filterServerNums",
    "flushDiskType",
    "maxMessageSize",
    "messageDelayLevel",
    "msgTraceTopicName",
    "slaveReadEnable",
    "traceOn",
    "traceTopicEnable",
    "useTLS",
    "autoCreateTopicEnable",
    "autoCreateSubscriptionGroup",
];

async fn export(context: &Context) -> Result<(), AdminError> {
    let info = context.remote.cluster_info().await?;
    let (mut masters, mut slaves) = (0, 0);
    let mut configs: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    for group in groups_of(&info, context.need("clusterName")?)? {
        let Some(addr) = group.master_addr() else { continue };
        let config = config_of(context, addr).await?;
        masters += 1;
        slaves += group.broker_addrs.len() - 1;
        let kept = KEYS.into_iter().filter_map(|key| Some((key, config.get(key)?.to_owned())));
        let name = config.get("brokerName").unwrap_or(&group.broker_name);
        configs.insert(name.to_owned(), kept.collect());
    }
    let result = json!({
        "brokerConfigs": configs,
        "clusterScale": {
            "masterBrokerSize": masters,
            "namesrvSize": context.remote.names.addrs().len(),
            "slaveBrokerSize": slaves,
        },
    });
    write(context, "configs.json", &result, "")
}
