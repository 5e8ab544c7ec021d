//! What consumers say of themselves, as RocketMQ prints and judges it (`ConsumerRunningInfo`).

use std::{collections::BTreeMap, fmt::Write};

use common::fastjson::ObjectKey;
use remoting::body::{
    admin::{ConsumerRunningInfo, ProcessQueueInfo},
    consumer::MessageQueue,
};
use serde_json::Value;

use crate::{format, java};

/// A consumer that began less than so long ago may not have its subscription everywhere yet.
const SETTLED_MILLIS: i64 = 2 * 60 * 1000;
/// A queue that stands still for longer is suspicious.
const STUCK_MILLIS: i64 = 60 * 1000;

/// The account in full (`formatString`).
pub(crate) fn in_full(info: &ConsumerRunningInfo) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_head(&mut text, info);
    let _ = write_queues(&mut text, info);
    let _ = write_rates(&mut text, info);
    text
}

fn write_head(text: &mut String, info: &ConsumerRunningInfo) -> std::fmt::Result {
    writeln!(text, "#Consumer Properties#")?;
    for (key, value) in &info.properties {
        writeln!(text, "{key:<40}: {}", java::plain(value))?;
    }
    writeln!(text, "\n\n#Consumer Subscription#")?;
    for (place, subscription) in info.subscription_set.iter().enumerate() {
        writeln!(
            text,
            "{:03} Topic: {:<40} ClassFilter: {:<8} SubExpression: {}",
            place + 1,
            subscription.topic,
            subscription.class_filter_mode,
            subscription.sub_string
        )?;
    }
    Ok(())
}

fn write_queues(text: &mut String, info: &ConsumerRunningInfo) -> std::fmt::Result {
    let head = |width: usize, last: &str| {
        format!("{:<width$}  {:<32}  {:<4}  {last:<20}", "#Topic", "#Broker Name", "#QID")
    };
    writeln!(text, "\n\n#Consumer Offset#\n{}", head(64, "#Consumer Offset"))?;
    for (ObjectKey(queue), held) in &info.mq_table {
        writeln!(text, "{}  {:<20}", place(queue, 32), held.commit_offset)?;
    }
    writeln!(text, "\n\n#Consumer MQ Detail#\n{}", head(64, "#ProcessQueueInfo"))?;
    for (ObjectKey(queue), held) in &info.mq_table {
        writeln!(text, "{}  {}", place(queue, 64), held_text(held))?;
    }
    writeln!(text, "\n\n#Consumer Pop Detail#\n{}", head(32, "#ProcessQueueInfo"))?;
    for (ObjectKey(queue), held) in &info.mq_pop_table {
        writeln!(
            text,
            "{}  PopProcessQueueInfo [waitAckCount:{}, droped:{}, lastPopTimestamp:{}]",
            place(queue, 32),
            held.wait_ack_count,
            held.droped,
            held.last_pop_timestamp
        )?;
    }
    Ok(())
}

fn place(queue: &MessageQueue, width: usize) -> String {
    format!("{:<width$}  {:<32}  {:<4}", queue.topic, queue.broker_name, queue.queue_id)
}

fn held_text(held: &ProcessQueueInfo) -> String {
    format!(
        "ProcessQueueInfo [commitOffset={}, cachedMsgMinOffset={}, cachedMsgMaxOffset={}, cachedMsgCount={}, \
         cachedMsgSizeInMiB={}, transactionMsgMinOffset={}, transactionMsgMaxOffset={}, \
         transactionMsgCount={}, locked={}, tryUnlockTimes={}, lastLockTimestamp={}, droped={}, \
         lastPullTimestamp={}, lastConsumeTimestamp={}]",
        held.commit_offset,
        held.cached_msg_min_offset,
        held.cached_msg_max_offset,
        held.cached_msg_count,
        held.cached_msg_size_in_mi_b,
        held.transaction_msg_min_offset,
        held.transaction_msg_max_offset,
        held.transaction_msg_count,
        held.locked,
        held.try_unlock_times,
        format::digits(held.last_lock_timestamp),
        held.droped,
        format::digits(held.last_pull_timestamp),
        format::digits(held.last_consume_timestamp),
    )
}

fn write_rates(text: &mut String, info: &ConsumerRunningInfo) -> std::fmt::Result {
    writeln!(
        text,
        "\n\n#Consumer RT&TPS#\n{:<64}  {:>14} {:>14} {:>14} {:>14} {:>18} {:>25}",
        "#Topic",
        "#Pull RT",
        "#Pull TPS",
        "#Consume RT",
        "#ConsumeOK TPS",
        "#ConsumeFailed TPS",
        "#ConsumeFailedMsgsInHour"
    )?;
    for (topic, status) in &info.status_table {
        writeln!(
            text,
            "{topic:<32}  {:>14.2} {:>14.2} {:>14.2} {:>14.2} {:>18.2} {:>25}",
            status.pull_rt,
            status.pull_tps,
            status.consume_rt,
            status.consume_ok_tps,
            status.consume_failed_tps,
            status.consume_failed_msgs
        )?;
    }
    if let Some(own) = &info.user_consumer_info {
        writeln!(text, "\n\n#User Consume Info#")?;
        for (key, value) in own {
            writeln!(text, "{key:<40}: {value}")?;
        }
    }
    if let Some(stacks) = &info.jstack {
        write!(text, "\n\n#Consumer jstack#\n{stacks}")?;
    }
    Ok(())
}

/// A setting as text.
fn setting<'a>(info: &'a ConsumerRunningInfo, name: &str) -> &'a str {
    info.properties.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether its library pulls for it.
pub(crate) fn is_push(info: &ConsumerRunningInfo) -> bool {
    setting(info, "PROP_CONSUME_TYPE") == "CONSUME_PASSIVELY"
}

/// Whether all members subscribe to the same (`analyzeSubscription`); those that began just now are trusted.
pub(crate) fn have_one_subscription(members: &BTreeMap<String, ConsumerRunningInfo>, now: i64) -> bool {
    let Some(first) = members.values().next() else { return true };
    let begun: i64 = match first.properties.get("PROP_CONSUMER_START_TIMESTAMP") {
        Some(Value::String(text)) => text.parse().unwrap_or(now),
        Some(value) => value.as_i64().unwrap_or(now),
        None => now,
    };
    if !is_push(first) || now - begun <= SETTLED_MILLIS {
        return true;
    }
    let essence = |info: &ConsumerRunningInfo| {
        let mut set: Vec<_> = info
            .subscription_set
            .iter()
            .map(|subscription| (subscription.topic.clone(), subscription.sub_string.clone()))
            .collect();
        set.sort();
        set
    };
    members.values().all(|member| essence(member) == essence(first))
}

/// What seems to be stuck, a line each (`analyzeProcessQueue`).
pub(crate) fn stuck_queues(client_id: &str, info: &ConsumerRunningInfo, now: i64) -> String {
    if !is_push(info) {
        return String::new();
    }
    let is_orderly = setting(info, "PROP_CONSUMEORDERLY").eq_ignore_ascii_case("true");
    let complaint = |(ObjectKey(queue), held): (&ObjectKey<MessageQueue>, &ProcessQueueInfo)| {
        let queue = java::queue(queue);
        let still = now - held.last_consume_timestamp;
        if !is_orderly {
            return (still > STUCK_MILLIS && held.cached_msg_count > 0).then(|| {
                format!("{client_id} {queue} can't consume for a while, maybe blocked, {still}ms\n")
            });
        }
        if !held.locked {
            let unlocked = now - held.last_lock_timestamp;
            return Some(format!("{client_id} {queue} can't lock for a while, {unlocked}ms\n"));
        }
        (held.droped && held.try_unlock_times > 0)
            .then(|| format!("{client_id} {queue} unlock {} times, still failed\n", held.try_unlock_times))
    };
    info.mq_table.iter().filter_map(complaint).collect()
}
