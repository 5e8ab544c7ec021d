//! Cleaning up: `cleanExpiredCQ`, `deleteExpiredCommitLog` and `cleanUnusedTopic`.

use bytes::Bytes;
use remoting::{
    header::NoHeader,
    request::{CleanExpiredConsumequeue, CleanUnusedTopic, DeleteExpiredCommitlog, Request},
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::broker_addr,
    context::{Context, Reach},
    error::AdminError,
    report::Report,
};

const CLUSTER: Opt = Opt::value("c", "cluster", "cluster name | default all clusters");

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "cleanExpiredCQ",
        Category::Broker,
        "Clean expired ConsumeQueue on broker.",
        &[broker_addr("Broker address"), CLUSTER],
        |context| Box::pin(clean::<CleanExpiredConsumequeue>(context)),
    )
    .harm("deletes the queues of topics that hold no messages any more"),
    Spec::new(
        "deleteExpiredCommitLog",
        Category::Broker,
        "Delete expired CommitLog files.",
        &[broker_addr("Broker address"), CLUSTER],
        |context| Box::pin(clean::<DeleteExpiredCommitlog>(context)),
    )
    .harm("deletes the messages that are past their time now"),
    Spec::new(
        "cleanUnusedTopic",
        Category::Broker,
        "Clean unused topic on broker.",
        &[broker_addr("Broker address"), CLUSTER],
        |context| Box::pin(clean::<CleanUnusedTopic>(context)),
    )
    .harm("deletes the queues of topics that no longer exist"),
];

async fn clean<R: Request<Header = NoHeader>>(context: &Context) -> Result<(), AdminError> {
    let mut addrs = Vec::new();
    match (context.get("brokerAddr"), context.get("cluster").filter(|name| !name.is_empty())) {
        (Some(addr), _) => addrs.push(addr.to_owned()),
        (None, Some(cluster)) => addrs = context.cluster_brokers(cluster, Reach::Everyone).await?,
        (None, None) => {
            let info = context.remote.cluster_info().await?;
            addrs.extend(
                info.broker_addr_table.values().flat_map(|group| group.broker_addrs.values().cloned()),
            );
        }
    }
    for addr in &addrs {
        context.remote.ask::<R>(addr, NoHeader {}, Bytes::new()).await?;
    }
    let mut report = Report::new();
    report.text(if addrs.is_empty() { "false" } else { "success" }).field("brokerAddrs", addrs);
    context.out.emit(report);
    Ok(())
}
