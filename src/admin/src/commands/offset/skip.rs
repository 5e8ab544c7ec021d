//! `skipAccumulatedMessage`.

use remoting::response_code::ResponseCode;

use super::{
    old::{self, Reset},
    reset,
};
use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "skipAccumulatedMessage",
    Category::Offset,
    "Skip all messages that are accumulated (not consumed) currently.",
    &[
        Opt::value("g", "group", "set the consumer group").required(),
        Opt::value("t", "topic", "set the topic").required(),
        Opt::value("f", "force", "set the force rollback by timestamp switch[true|false]"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(skip(context)),
)
.harm("has a group skip every message it has not consumed");

async fn skip(context: &Context) -> Result<(), AdminError> {
    let skipped = Reset {
        group: context.need("group")?,
        topic: context.need("topic")?,
        cluster: context.get("cluster"),
        timestamp: -1,
        is_force: context.is_true("force").unwrap_or(true),
    };
    let mut report = Report::new();
    match reset::ask_brokers(context, &skipped).await {
        Ok(offsets) => report.table("queues", &reset::offsets_table(&offsets)),
        Err(error) if error.is(ResponseCode::CONSUMER_NOT_ONLINE) => {
            report.table("queues", &old::reset(context, &skipped, old::SKIP_COLUMNS).await?)
        }
        Err(error) => return Err(error),
    };
    report.field("group", skipped.group).field("topic", skipped.topic);
    context.out.emit(report);
    Ok(())
}
