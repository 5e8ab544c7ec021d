//! `queryMsgByOffset`.

use client::puller::{PullStatus, Puller};
use client::routes::RoutedQueue;
use common::names::TOOLS_CONSUMER_GROUP;

use super::{
    detail::{self, Shown},
    text::Charset,
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "queryMsgByOffset",
    Category::Message,
    "Query Message by offset.",
    &[
        TOPIC,
        Opt::value("b", "brokerName", "Broker Name").required(),
        Opt::value("i", "queueId", "Queue Id").required(),
        Opt::value("o", "offset", "Queue Offset").required(),
        Opt::value("f", "bodyFormat", "print message body by the specified format"),
    ],
    |context| Box::pin(query(context)),
);

async fn query(context: &Context) -> Result<(), AdminError> {
    let charset = Charset::given(context, "bodyFormat")?;
    let offset: i64 = context.number("offset")?.unwrap_or(0);
    let puller = context.puller(TOOLS_CONSUMER_GROUP);
    let queue = named_queue(context, &puller).await?;
    let pulled = puller.pull(&queue, "*", offset, 1).await?;
    let Some(message) = pulled.messages.first().filter(|_| pulled.status == PullStatus::Found) else {
        return Err(AdminError::Failed(format!(
            "{} has no message at {offset}: {}, it holds {} to {}",
            queue.queue,
            pulled.status.name(),
            pulled.min_offset,
            pulled.max_offset
        )));
    };
    let shown = Shown { with_offset_id: true, charset, suffix: String::new(), track_end: "\n" };
    detail::show(context, message, &shown).await
}

/// The queue that `--topic`, `--brokerName` and `--queueId` name.
pub(super) async fn named_queue(context: &Context, puller: &Puller) -> Result<RoutedQueue, AdminError> {
    let (topic, name) = (context.need("topic")?, context.need("brokerName")?);
    let queue_id: i32 = context.number("queueId")?.unwrap_or(0);
    let queues = puller.queues(topic).await?;
    let is_meant =
        |routed: &RoutedQueue| routed.queue.broker_name == name && routed.queue.queue_id == queue_id;
    queues.into_iter().find(is_meant).ok_or_else(|| AdminError::Missing {
        what: format!("topic {topic} has no queue {queue_id} on broker {name}"),
        advice: "see the queues with topicStatus",
    })
}
