//! RocksDB: requests about it, and the refusal to read its files.

use bytes::Bytes;
use remoting::{
    headers::consumer::{CheckRocksdbCqWriteProgressRequestHeader, ExportRocksDBConfigToJsonRequestHeader},
    request::{CheckRocksdbCqWriteProgress, ExportRocksDbConfigToJson},
};
use serde::Deserialize;

use super::options::broker_addr;
use crate::{
    command::{Category, Opt, Spec},
    context::{Context, Reach, groups_of},
    error::AdminError,
    remote::LIMIT,
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "checkRocksdbCqWriteProgress",
        Category::RocksDb,
        "check if rocksdb cq is same as file cq",
        &[
            Opt::value("c", "cluster", "cluster name").required(),
            Opt::value("t", "topic", "topic name"),
            Opt::value("cf", "checkFrom", "check from time"),
        ],
        |context| Box::pin(check_progress(context)),
    ),
    Spec::new(
        "rocksDBConfigToJson",
        Category::RocksDb,
        "Convert RocksDB kv config (topics/subscriptionGroups/consumerOffsets) to json.",
        &[
            Opt::value("t", "configType", "Name of kv config, e.g. topics/subscriptionGroups/consumerOffsets."),
            Opt::value("p", "configPath", "[local mode] Absolute path to the metadata config directory"),
            Opt::value("e", "exportFile", "[local mode] Absolute file path for exporting"),
            Opt::value("j", "jsonEnable", "[local mode] Json format enable"),
            Opt::value("c", "cluster", "[rpc mode] Cluster name."),
            broker_addr("[rpc mode] Broker address."),
        ],
        |context| Box::pin(config_to_json(context)),
    )
    .note(LOCAL),
    Spec::new(
        "exportMetadataInRocksDB",
        Category::RocksDb,
        "export RocksDB kv config (topics/subscriptionGroups). Recommend to use [mqadmin rocksDBConfigToJson]",
        &[
            Opt::value("p", "path", "Absolute path for the metadata directory").required(),
            Opt::value("t", "configType", "Name of kv config, e.g. topics/subscriptionGroups").required(),
            Opt::value("j", "jsonEnable", "Json format enable, Default: false"),
        ],
        |_| Box::pin(async { Err(local_refusal()) }),
    )
    .note(LOCAL),
];

const LOCAL: &str =
    "Files of RocksDB are not read here: Ferrocket keeps no RocksDB. Use RocketMQ's own tool for them.";

fn local_refusal() -> AdminError {
    AdminError::Missing {
        what: "files of RocksDB are not read by this tool".to_owned(),
        advice: "use RocketMQ's own mqadmin, or ask the broker: rocksDBConfigToJson -b <brokerAddr>",
    }
}

/// `CheckRocksdbCqWriteResult`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CheckResult {
    check_result: Option<String>,
    check_status: i32,
}

/// `CheckStatus.CHECK_ERROR`.
const CHECK_ERROR: i32 = 3;
/// How far back is looked unless that is given.
const CHECKED_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

async fn check_progress(context: &Context) -> Result<(), AdminError> {
    let check_from = context.number("checkFrom")?.unwrap_or_else(|| context.now() - CHECKED_MILLIS);
    let info = context.remote.cluster_info().await?;
    for group in groups_of(&info, context.need("cluster")?)? {
        let Some(addr) = group.master_addr() else { continue };
        let header = CheckRocksdbCqWriteProgressRequestHeader {
            topic: context.get("topic").unwrap_or_default().to_owned(),
            check_store_time: Some(check_from),
        };
        let result: CheckResult = context.remote.body::<CheckRocksdbCqWriteProgress, _>(addr, header).await?;
        let name = &group.broker_name;
        let mut report = Report::new();
        report.field("brokerName", name).field("status", result.check_status);
        report.field("result", &result.check_result);
        if result.check_status == CHECK_ERROR {
            let info = crate::java::or_null(result.check_result.as_ref());
            report.text(format_args!("{name} check error, please check log... errInfo: {info}"));
        } else {
            report.text(format_args!("{name} check doing, please wait and get the result from log... \n"));
        }
        context.out.emit(report);
    }
    Ok(())
}

const CONFIG_TYPES: [&str; 3] = ["topics", "subscriptionGroups", "consumerOffsets"];

async fn config_to_json(context: &Context) -> Result<(), AdminError> {
    let (addrs, whom) = match (context.get("cluster"), context.get("brokerAddr")) {
        (Some(cluster), _) => {
            (context.cluster_brokers(cluster, Reach::Masters).await?, "call all brokers in cluster")
        }
        (None, Some(addr)) => (vec![addr.to_owned()], "call broker"),
        (None, None) if context.get("configPath").is_some() => return Err(local_refusal()),
        (None, None) => return Err(context.usage("name a broker with -b or a cluster with -c")),
    };
    let wanted: Vec<&str> =
        context.get("configType").map_or(CONFIG_TYPES.to_vec(), |text| text.split(';').collect());
    let known = |name: &&str| CONFIG_TYPES.iter().any(|known| known.eq_ignore_ascii_case(name.trim()));
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        return Err(context.usage(format!("--configType is none of {}: {unknown}", CONFIG_TYPES.join(", "))));
    }
    let config_type: String = wanted.join(";") + ";";
    context
        .each_broker(&addrs, async |addr| {
            let header = ExportRocksDBConfigToJsonRequestHeader { config_type: config_type.clone() };
            let brokers = &context.remote.brokers;
            brokers.ask::<ExportRocksDbConfigToJson>(addr, header, Bytes::new(), LIMIT * 6).await?;
            Ok(())
        })
        .await?;
    let mut report = Report::new();
    report.text(format_args!("Use [rpc mode] {whom} to export to json file \nbroker export done."));
    report.field("brokerAddrs", addrs).field("configTypes", wanted);
    context.out.emit(report);
    Ok(())
}
