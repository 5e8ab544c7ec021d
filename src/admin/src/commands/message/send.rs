//! `sendMessage`.

use client::{
    producer::{Outgoing, Producer, SendResult},
    routes::RoutedQueue,
};
use common::names::TRACE_TOPIC;
use message::property_names::{KEYS, TAGS, WAIT_STORE_OK};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    report::{Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "sendMessage",
    Category::Message,
    "Send a message.",
    &[
        TOPIC,
        Opt::value("p", "body", "UTF-8 string format of the message body").required(),
        Opt::value("k", "key", "Message keys"),
        Opt::value("c", "tags", "Message tags"),
        Opt::value("b", "broker", "Send message to target broker"),
        Opt::value("i", "qid", "Send message to target queue"),
        Opt::value("m", "msgTraceEnable", "Message Trace Enable, Default: false"),
    ],
    |context| Box::pin(send(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("status", "#Send Result", 20).gap("    "),
    Column::left("msgId", "#MsgId", 0),
];

async fn send(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let mut message = Outgoing::new(topic, context.need("body")?.to_owned());
    message.properties.push(KEYS, context.get("key").unwrap_or_default());
    message.properties.push(WAIT_STORE_OK, "true");
    message.properties.push(TAGS, context.get("tags").unwrap_or_default());
    let queue_id: Option<i32> = context.number("qid")?;
    let producer = context.producer(&context.now().to_string());
    let begun = context.clock.monotonic();
    let result = match (context.get("broker"), queue_id) {
        (None, Some(_)) => return Err(context.usage("Broker name must be set if the queue is chosen!")),
        (Some(name), Some(queue_id)) => {
            let queues = producer.queues(topic).await?;
            let is_meant =
                |routed: &&RoutedQueue| routed.queue.broker_name == name && routed.queue.queue_id == queue_id;
            let queue = queues.iter().find(is_meant).ok_or_else(|| AdminError::Missing {
                what: format!("topic {topic} has no queue {queue_id} on broker {name}"),
                advice: "see the queues with topicStatus",
            })?;
            producer.send_to(&message, queue).await?
        }
        _ => producer.send(&message).await?,
    };
    if context.is_true("msgTraceEnable") == Some(true) {
        let cost = context.millis_since(begun);
        send_trace(context, &producer, &message, &result, cost).await?;
    }
    let mut table = Table::new(COLUMNS);
    table.row(row![&result.queue.broker_name, result.queue.queue_id, result.status.name(), &result.msg_id]);
    let mut report = Report::new();
    report.table("sent", &table).field("offsetMsgId", &result.offset_msg_id);
    report.field("queueOffset", result.queue_offset);
    context.out.emit(report);
    Ok(())
}

/// Sends what `queryMsgTraceById` reads (`TraceDataEncoder`, type `Pub`).
async fn send_trace(
    context: &Context,
    producer: &Producer,
    message: &Outgoing,
    result: &SendResult,
    cost_millis: i64,
) -> Result<(), AdminError> {
    let queues = producer.queues(&message.topic).await?;
    let sent_to = queues.iter().find(|routed| routed.queue == result.queue);
    let keys = message.properties.get(KEYS).unwrap_or_default();
    let fields = [
        "Pub".to_owned(),
        context.now().to_string(),
        "DefaultRegion".to_owned(),
        context.now().to_string(),
        message.topic.clone(),
        result.msg_id.clone(),
        message.properties.get(TAGS).unwrap_or_default().to_owned(),
        keys.to_owned(),
        sent_to.map_or_else(String::new, |routed| routed.addr.clone()),
        message.body.len().to_string(),
        cost_millis.to_string(),
        "0".to_owned(),
        result.offset_msg_id.clone(),
        "true".to_owned(),
    ];
    let mut trace = Outgoing::new(TRACE_TOPIC, format!("{}\u{2}", fields.join("\u{1}")));
    trace.properties.push(KEYS, format!("{} {keys}", result.msg_id).trim());
    producer.send(&trace).await?;
    Ok(())
}
