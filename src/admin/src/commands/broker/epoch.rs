//! `getBrokerEpoch`.

use bytes::Bytes;
use remoting::{header::NoHeader, request::GetBrokerEpochCache};
use serde::{Deserialize, Serialize};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::cluster_name,
    context::{Context, Reach},
    error::AdminError,
    remote::LIMIT,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "getBrokerEpoch",
    Category::Broker,
    "Fetch broker epoch entries.",
    &[
        cluster_name("which cluster"),
        Opt::value("b", "brokerName", "which broker to fetch"),
        Opt::value("i", "interval", "the interval(second) of get info"),
    ],
    |context| Box::pin(context.at_interval(async || print(context).await)),
)
.note("Only brokers under a controller keep epochs.");

/// `EpochEntryCache`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EpochEntryCache {
    broker_id: i64,
    broker_name: Option<String>,
    cluster_name: Option<String>,
    epoch_list: Vec<EpochEntry>,
    max_offset: i64,
}

/// `EpochEntry`: the stretch of a `CommitLog` one master wrote.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EpochEntry {
    end_offset: i64,
    epoch: i32,
    start_offset: i64,
}

async fn print(context: &Context) -> Result<(), AdminError> {
    for addr in context.named_brokers(Reach::Everyone).await? {
        let brokers = &context.remote.brokers;
        let mut cache: EpochEntryCache =
            brokers.body::<GetBrokerEpochCache, _>(&addr, NoHeader {}, Bytes::new(), LIMIT).await?;
        if let Some(last) = cache.epoch_list.last_mut() {
            last.end_offset = cache.max_offset;
        }
        let mut report = Report::new();
        report.text(format_args!(
            "\n#clusterName\t{}\n#brokerName\t{}\n#brokerAddr\t{addr}\n#brokerId\t{}",
            crate::java::or_null(cache.cluster_name.as_ref()),
            crate::java::or_null(cache.broker_name.as_ref()),
            cache.broker_id
        ));
        for entry in &cache.epoch_list {
            report.text(format_args!(
                "\n#Epoch: EpochEntry{{epoch={}, startOffset={}, endOffset={}}}",
                entry.epoch, entry.start_offset, entry.end_offset
            ));
        }
        report.text("\n").field("brokerAddr", &addr).field("epochs", &cache);
        context.out.emit(report);
    }
    Ok(())
}
