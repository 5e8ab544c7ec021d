//! How Java shows its objects (`toString`).

use client::{producer::SendResult, stored_message::StoredMessage};
use message::hash::sort_as_hash_map;
use remoting::body::consumer::MessageQueue;
use serde_json::Value;

/// `MessageQueue`.
pub(crate) fn queue(queue: &MessageQueue) -> String {
    format!(
        "MessageQueue [topic={}, brokerName={}, queueId={}]",
        queue.topic, queue.broker_name, queue.queue_id
    )
}

/// A JSON value: texts without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A `List` of texts; `null` for none.
pub(crate) fn list(items: Option<&[String]>) -> String {
    items.map_or_else(|| "null".to_owned(), |items| format!("[{}]", items.join(", ")))
}

/// What may be `null`.
pub(crate) fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// `SendResult`.
pub(crate) fn send_result(result: &SendResult) -> String {
    format!(
        "SendResult [sendStatus={}, msgId={}, offsetMsgId={}, messageQueue={}, queueOffset={}, recallHandle={}]",
        result.status.name(),
        result.msg_id,
        result.offset_msg_id,
        queue(&result.queue),
        result.queue_offset,
        or_null(result.recall_handle.as_ref()),
    )
}

/// The properties of a message as the `HashMap` Java reads them into.
pub(crate) fn properties(message: &StoredMessage) -> String {
    let pairs: Vec<_> = in_hash_order(&message.properties, 128)
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// `MessageExt`, of the broker whose name is known.
pub(crate) fn message(message: &StoredMessage, broker_name: Option<&str>) -> String {
    // A byte of Java has a sign.
    let body: Vec<_> = message.body.iter().map(|byte| byte.cast_signed().to_string()).collect();
    format!(
        "MessageExt [brokerName={}, queueId={}, storeSize={}, queueOffset={}, sysFlag={}, bornTimestamp={}, \
         bornHost=/{}, storeTimestamp={}, storeHost=/{}, msgId={}, commitLogOffset={}, bodyCRC={}, \
         reconsumeTimes={}, preparedTransactionOffset={}, toString()=Message{{topic='{}', flag={}, \
         properties={}, body=[{}], transactionId='null'}}]",
        or_null(broker_name),
        message.queue_id,
        message.store_size,
        message.queue_offset,
        message.sys_flag,
        message.born_timestamp,
        message.born_host,
        message.store_timestamp,
        message.store_host,
        message.offset_msg_id(),
        message.phy_offset,
        message.body_crc,
        message.reconsume_times,
        message.prepared_transaction_offset,
        message.topic,
        message.flag,
        properties(message),
        body.join(", "),
    )
}

/// Pairs in the order a `HashMap` of that capacity gives them.
fn in_hash_order(pairs: &[(String, String)], capacity: usize) -> Vec<(&str, &str)> {
    let mut entries: Vec<(&str, &str)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        match entries.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => entries.push((name, value)),
        }
    }
    sort_as_hash_map(&mut entries, capacity.next_power_of_two(), |(name, _)| name);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_in_the_order_of_a_hash_map() {
        let pairs = ["UNIQ_KEY", "CLUSTER", "TAGS", "WAIT", "MIN_OFFSET", "MAX_OFFSET", "KEYS"];
        let pairs: Vec<_> = pairs.map(|name| (name.to_owned(), String::new())).into();
        let names: Vec<_> = in_hash_order(&pairs, 128).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["UNIQ_KEY", "CLUSTER", "MIN_OFFSET", "TAGS", "KEYS", "WAIT", "MAX_OFFSET"]);
    }
}
