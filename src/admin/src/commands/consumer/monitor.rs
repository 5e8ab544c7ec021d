//! `startMonitoring`.

use std::{collections::BTreeMap, time::Duration};

use client::puller::Puller;
use common::names::{OFFSET_MOVED_EVENT, RETRY_GROUP_TOPIC_PREFIX, TOOLS_CONSUMER_GROUP};
use remoting::body::{admin::OffsetWrapper, consumer::MessageQueue};

use crate::{
    command::{Category, Spec},
    context::Context,
    error::AdminError,
    report::Report,
    running_info,
};

pub(super) const SPEC: Spec = Spec::new(
    "startMonitoring",
    Category::Consumer,
    "Start Monitoring.",
    &[],
    |context| Box::pin(monitor(context)),
)
.note("Goes on until it is stopped: a round a minute over all groups. RocketMQ's tool writes the same to its log.");

/// Between two rounds (`MonitorConfig`).
const ROUND: Duration = Duration::from_secs(60);

async fn monitor(context: &Context) -> Result<(), AdminError> {
    let puller = context.puller(TOOLS_CONSUMER_GROUP);
    let mut moved = MovedOffsets::default();
    while !context.out.is_closed() {
        say(context, "=========================================beginRound", "beginRound");
        moved.report(context, &puller).await?;
        let topics = context.remote.topics().await?.topic_list;
        for group in topics.iter().filter_map(|topic| topic.strip_prefix(RETRY_GROUP_TOPIC_PREFIX)) {
            let group = group.split('+').next().unwrap_or(group);
            // A group nobody is connected for has nothing to report.
            if context.remote.consumer_connection(group).await.is_ok() {
                report_undone(context, &puller, group).await;
                report_members(context, group).await;
            }
        }
        say(context, "=========================================endRound", "endRound");
        tokio::time::sleep(ROUND).await;
    }
    Ok(())
}

fn say(context: &Context, text: &str, event: &str) {
    let mut report = Report::new();
    report.text(format_args!("[MONITOR] {text}\n")).field("event", event).field("text", text);
    context.out.emit(report);
}

/// How much each topic has for the group, and how late it is.
async fn report_undone(context: &Context, puller: &Puller, group: &str) {
    let Ok(stats) = context.remote.consume_stats(None, group, None).await else { return };
    let mut topics: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    for (queue, offsets) in &stats.offset_table {
        let diff = offsets.broker_offset - offsets.consumer_offset;
        let delay = delay_of(puller, &queue.0, offsets).await.unwrap_or(0);
        let (total, single, latest) = topics.entry(queue.0.topic.clone()).or_default();
        *total += diff.max(0);
        *single = diff.max(*single);
        *latest = delay.max(*latest);
    }
    for (topic, (total, single, delay)) in topics {
        let text = format!(
            "reportUndoneMsgs: UndoneMsgs [consumerGroup={group}, topic={topic}, undoneMsgsTotal={total}, \
             undoneMsgsSingleMQ={single}, undoneMsgsDelayTimeMills={delay}]"
        );
        let mut report = Report::new();
        report.text(format_args!("[MONITOR] {text}\n")).field("event", "undoneMsgs");
        report.field("group", group).field("topic", topic).field("total", total);
        report.field("singleQueue", single).field("delayMillis", delay);
        context.out.emit(report);
    }
}

/// How much later the last message was stored than the last one consumed.
async fn delay_of(puller: &Puller, queue: &MessageQueue, offsets: &OffsetWrapper) -> Option<i64> {
    if offsets.last_timestamp <= 0 {
        return None;
    }
    let queues = puller.queues(&queue.topic).await.ok()?;
    let routed = queues.iter().find(|routed| routed.queue == *queue)?;
    let end = puller.max_offset(routed).await.ok().filter(|end| *end > 0)?;
    let pulled = puller.pull(routed, "*", end - 1, 1).await.ok()?;
    Some(pulled.messages.first()?.store_timestamp - offsets.last_timestamp)
}

/// Whether the members agree and get on.
async fn report_members(context: &Context, group: &str) {
    let Ok(connection) = context.remote.consumer_connection(group).await else { return };
    let mut members = BTreeMap::new();
    for client in &connection.connection_set {
        if let Ok(info) = context.remote.running_info(group, &client.client_id, false).await {
            members.insert(client.client_id.clone(), info);
        }
    }
    let now = context.now();
    let notify =
        |text: String| say(context, &format!(" [NOTIFY] reportConsumerRunningInfo: {text}"), "notify");
    if !running_info::have_one_subscription(&members, now) {
        notify(format!("ConsumerGroup: {group}, Subscription different"));
    }
    for (client_id, info) in &members {
        let stuck = running_info::stuck_queues(client_id, info, now);
        if !stuck.is_empty() {
            notify(format!("ConsumerGroup: {group}, ClientId: {client_id}, {}", stuck.trim_end()));
        }
    }
}

/// Up to where brokers' reports of moved offsets have been read.
#[derive(Default)]
struct MovedOffsets {
    next: BTreeMap<String, i64>,
}

impl MovedOffsets {
    /// Tells of what came since the last round.
    async fn report(&mut self, context: &Context, puller: &Puller) -> Result<(), AdminError> {
        for routed in puller.queues(OFFSET_MOVED_EVENT).await? {
            let key = routed.queue.to_string();
            let end = puller.max_offset(&routed).await?;
            let mut next = *self.next.entry(key.clone()).or_insert(end);
            while next < end {
                let pulled = puller.pull(&routed, "*", next, 32).await?;
                for message in &pulled.messages {
                    let body = String::from_utf8_lossy(&message.body);
                    say(context, &format!("reportDeleteMsgsEvent: {body}"), "deleteMsgs");
                }
                next = pulled.next_begin_offset.max(next + 1);
            }
            self.next.insert(key, next);
        }
        Ok(())
    }
}
