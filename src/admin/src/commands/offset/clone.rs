//! `cloneGroupOffset`.

use bytes::Bytes;
use client::routes::addr_of;
use remoting::{headers::offset::UpdateConsumerOffsetRequestHeader, request::UpdateConsumerOffset};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "cloneGroupOffset",
    Category::Offset,
    "Clone offset from other group.",
    &[
        Opt::value("s", "srcGroup", "set source consumer group").required(),
        Opt::value("d", "destGroup", "set destination consumer group").required(),
        Opt::value("t", "topic", "set the topic").required(),
        Opt::value("o", "offline", "the group or the topic is offline"),
    ],
    |context| Box::pin(clone(context)),
)
.note("The offsets of all topics of the source group are copied, as RocketMQ copies them, on the brokers of the topic.");

async fn clone(context: &Context) -> Result<(), AdminError> {
    let (source, target) = (context.need("srcGroup")?, context.need("destGroup")?);
    let topic = context.need("topic")?;
    let stats = context.remote.consume_stats(None, source, None).await?;
    let route = context.remote.route(topic).await?;
    let mut cloned = 0;
    for (queue, offsets) in stats.offset_table.iter().filter(|(_, offsets)| offsets.consumer_offset >= 0) {
        let group = route.broker_datas.iter().find(|group| group.broker_name == queue.0.broker_name);
        let addr = group.and_then(addr_of).ok_or_else(|| AdminError::Missing {
            what: format!("broker {} of {} does not hold topic {topic}", queue.0.broker_name, queue.0),
            advice: "name a topic that is on all brokers of the group",
        })?;
        let header = UpdateConsumerOffsetRequestHeader {
            consumer_group: target.to_owned(),
            topic: queue.0.topic.clone(),
            queue_id: queue.0.queue_id,
            commit_offset: offsets.consumer_offset,
            lo: None,
        };
        context.remote.ask::<UpdateConsumerOffset>(addr, header, Bytes::new()).await?;
        cloned += 1;
    }
    let mut report = Report::new();
    report.text(format_args!(
        "clone group offset success. srcGroup[{source}], destGroup=[{target}], topic[{topic}]"
    ));
    report.field("srcGroup", source).field("destGroup", target).field("topic", topic).field("queues", cloned);
    context.out.emit(report);
    Ok(())
}
