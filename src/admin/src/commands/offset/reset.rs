//! `resetOffsetByTime`, and the request it shares with `skipAccumulatedMessage`.

use std::collections::BTreeMap;

use bytes::Bytes;
use common::fastjson::ObjectKey;
use remoting::{
    body::{admin::ResetOffsetBody, consumer::MessageQueue},
    headers::offset::{ResetOffsetRequestHeader, UpdateConsumerOffsetRequestHeader},
    request::{InvokeBrokerToResetOffset, UpdateConsumerOffset},
    response_code::ResponseCode,
};

use super::old::{self, Reset};
use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    format,
    remote::addrs_of,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "resetOffsetByTime",
    Category::Offset,
    "Reset consumer offset by timestamp(without client restart).",
    &[
        Opt::value("g", "group", "set the consumer group").required(),
        Opt::value("t", "topic", "set the topic").required(),
        Opt::value("s", "timestamp", "set the timestamp[now|currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]")
            .required(),
        Opt::value("f", "force", "set the force rollback by timestamp switch[true|false]. Deprecated."),
        Opt::value("b", "broker", "broker addr"),
        Opt::value("q", "queue", "queue id"),
        Opt::value("o", "offset", "Expect queue offset, not support old version broker"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(reset(context)),
)
.harm("moves the offsets of a group, which then skips messages or gets them again");

const COLUMNS: &[Column] = &[
    Column::left("brokerName", "#brokerName", 40),
    Column::left("queueId", "#queueId", 40),
    Column::left("offset", "#offset", 40),
];

async fn reset(context: &Context) -> Result<(), AdminError> {
    let text = context.need("timestamp")?;
    let timestamp = match text {
        "now" => context.now(),
        _ => format::parse_time(text).ok_or_else(|| {
            context.usage(format!(
                "--timestamp is none of now, milliseconds and yyyy-MM-dd#HH:mm:ss:SSS: {text:?}"
            ))
        })?,
    };
    let reset = Reset {
        group: context.need("group")?,
        topic: context.need("topic")?,
        cluster: context.get("cluster"),
        timestamp,
        is_force: context.is_true("force").unwrap_or(true),
    };
    if let (Some(addr), Some(queue_id)) =
        (context.get("broker"), context.number::<i32>("queue")?.filter(|id| *id >= 0))
    {
        return reset_one(context, &reset, text, addr, queue_id).await;
    }
    let (group, topic, is_force) = (reset.group, reset.topic, reset.is_force);
    let mut report = Report::new();
    match ask_brokers(context, &reset).await {
        Ok(offsets) => {
            report.text(format_args!(
                "start reset consumer offset by specified, group[{group}], topic[{topic}], force[{is_force}], \
                 timestamp(string)[{text}], timestamp(long)[{timestamp}]\n"
            ));
            report.table("queues", &offsets_table(&offsets));
        }
        Err(error) if error.is(ResponseCode::CONSUMER_NOT_ONLINE) => {
            let table = old::reset(context, &reset, old::RESET_COLUMNS).await?;
            report.text(format_args!(
                "reset consumer offset by specified consumerGroup[{group}], topic[{topic}], force[{is_force}], \
                 timestamp(string)[{text}], timestamp(long)[{timestamp}]\n"
            ));
            report.table("queues", &table);
        }
        Err(error) => return Err(error),
    }
    report.field("group", group).field("topic", topic).field("timestamp", timestamp);
    context.out.emit(report);
    Ok(())
}

/// Offsets by queue.
pub(super) type Offsets = BTreeMap<ObjectKey<MessageQueue>, i64>;

/// Has the brokers of a topic set a group's offsets (`INVOKE_BROKER_TO_RESET_OFFSET`).
pub(super) async fn ask_brokers(context: &Context, reset: &Reset<'_>) -> Result<Offsets, AdminError> {
    let route = context.remote.route(reset.route_topic()).await?;
    let mut all = Offsets::new();
    for addr in addrs_of(&route) {
        let header = ResetOffsetRequestHeader {
            group: reset.group.to_owned(),
            topic: reset.topic.to_owned(),
            queue_id: -1,
            offset: Some(-1),
            timestamp: reset.timestamp,
            is_force: reset.is_force,
        };
        let body: ResetOffsetBody = context.remote.body::<InvokeBrokerToResetOffset, _>(addr, header).await?;
        all.extend(body.offset_table);
    }
    Ok(all)
}

pub(super) fn offsets_table(offsets: &Offsets) -> Table {
    let mut table = Table::new(COLUMNS);
    for (queue, offset) in offsets {
        table.row(row![Cell::cut(&queue.0.broker_name, 32), queue.0.queue_id, *offset]);
    }
    table
}

/// One queue of one broker; an offset of 0 is not set, as RocketMQ does not set it.
async fn reset_one(
    context: &Context,
    reset: &Reset<'_>,
    text: &str,
    addr: &str,
    queue_id: i32,
) -> Result<(), AdminError> {
    let (group, topic, timestamp) = (reset.group, reset.topic, reset.timestamp);
    let queue = MessageQueue::new(topic, "", queue_id);
    let offset = match context.number("offset")? {
        Some(offset) => offset,
        None => old::offset_at(context, addr, &queue, timestamp).await?,
    };
    if offset > 0 {
        let header = UpdateConsumerOffsetRequestHeader {
            consumer_group: group.to_owned(),
            topic: topic.to_owned(),
            queue_id,
            commit_offset: offset,
            lo: None,
        };
        context.remote.ask::<UpdateConsumerOffset>(addr, header, Bytes::new()).await?;
        let header = ResetOffsetRequestHeader {
            group: group.to_owned(),
            topic: topic.to_owned(),
            queue_id,
            offset: Some(offset),
            timestamp: 0,
            is_force: false,
        };
        context.remote.ask::<InvokeBrokerToResetOffset>(addr, header, Bytes::new()).await?;
    }
    let mut report = Report::new();
    report.text(format_args!(
        "start reset consumer offset by specified, group[{group}], topic[{topic}], queueId[{queue_id}], \
         broker[{addr}], timestamp(string)[{text}], timestamp(long)[{timestamp}]\n\
         reset consumer offset to {offset}\n"
    ));
    report.field("group", group).field("topic", topic).field("brokerAddr", addr);
    report.field("queueId", queue_id).field("offset", offset).field("isSet", offset > 0);
    context.out.emit(report);
    Ok(())
}
