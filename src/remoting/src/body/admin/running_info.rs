//! What a consumer says of itself (`ConsumerRunningInfo`).

use std::collections::BTreeMap;

use common::fastjson::ObjectKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::{
    consumer::MessageQueue,
    heartbeat::{SubscriptionData, null_as_default},
};

/// `ConsumerRunningInfo`: a consumer's own account of its work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerRunningInfo {
    /// A stack of every thread, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jstack: Option<String>,
    /// Queues it pops.
    #[serde(deserialize_with = "null_as_default")]
    pub mq_pop_table: BTreeMap<ObjectKey<MessageQueue>, PopProcessQueueInfo>,
    /// Queues it pulls.
    #[serde(deserialize_with = "null_as_default")]
    pub mq_table: BTreeMap<ObjectKey<MessageQueue>, ProcessQueueInfo>,
    /// Its settings.
    #[serde(deserialize_with = "null_as_default")]
    pub properties: BTreeMap<String, Value>,
    /// How fast it is, by topic.
    #[serde(deserialize_with = "null_as_default")]
    pub status_table: BTreeMap<String, ConsumeStatus>,
    /// What it subscribes to.
    #[serde(deserialize_with = "null_as_default")]
    pub subscription_set: Vec<SubscriptionData>,
    /// What the application adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_consumer_info: Option<BTreeMap<String, String>>,
}

/// `ProcessQueueInfo`: what a consumer holds of a queue; times are wall-clock milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessQueueInfo {
    /// Messages it holds.
    pub cached_msg_count: i32,
    /// Queue offset of the last of them.
    pub cached_msg_max_offset: i64,
    /// Queue offset of the first of them.
    pub cached_msg_min_offset: i64,
    /// Their size.
    pub cached_msg_size_in_mi_b: i32,
    /// Up to where it has consumed.
    pub commit_offset: i64,
    /// Whether it gave the queue up; the name is RocketMQ's.
    pub droped: bool,
    /// When it last consumed.
    pub last_consume_timestamp: i64,
    /// When it last locked the queue.
    pub last_lock_timestamp: i64,
    /// When it last pulled.
    pub last_pull_timestamp: i64,
    /// Whether it owns the queue.
    pub locked: bool,
    /// Messages it is consuming in order.
    pub transaction_msg_count: i32,
    /// Queue offset of the last of them.
    pub transaction_msg_max_offset: i64,
    /// Queue offset of the first of them.
    pub transaction_msg_min_offset: i64,
    /// How often it tried to give the lock back.
    pub try_unlock_times: i64,
}

/// `PopProcessQueueInfo`: what a consumer holds of a queue it pops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PopProcessQueueInfo {
    /// Whether it gave the queue up; the name is RocketMQ's.
    pub droped: bool,
    /// When it last popped.
    pub last_pop_timestamp: i64,
    /// Messages it has to acknowledge.
    pub wait_ack_count: i32,
}

/// `ConsumeStatus`: how fast a consumer is in a topic; times are milliseconds, rates are a second's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStatus {
    /// Messages it failed on in the last hour.
    pub consume_failed_msgs: i64,
    /// Messages it failed on.
    #[serde(rename = "consumeFailedTPS")]
    pub consume_failed_tps: f64,
    /// Messages it consumed.
    #[serde(rename = "consumeOKTPS")]
    pub consume_ok_tps: f64,
    /// Time a message takes.
    #[serde(rename = "consumeRT")]
    pub consume_rt: f64,
    /// Time a pull takes.
    #[serde(rename = "pullRT")]
    pub pull_rt: f64,
    /// Messages pulled.
    #[serde(rename = "pullTPS")]
    pub pull_tps: f64,
}

#[cfg(test)]
mod tests {
    use common::fastjson;

    use super::*;

    #[test]
    fn a_clients_answer_is_read() {
        let json = concat!(
            r#"{"mqPopTable":{},"mqTable":{{"brokerName":"b","queueId":1,"topic":"T"}:{"cachedMsgCount":2,"#,
            r#""cachedMsgSizeInMiB":3,"commitOffset":4,"droped":true}},"properties":{"PROP_CONSUMEORDERLY":"#,
            r#""false"},"statusTable":{"T":{"consumeOKTPS":1.5,"pullRT":2.0}},"subscriptionSet":[],"#,
            r#""userConsumerInfo":{}}"#
        );
        let info: ConsumerRunningInfo = fastjson::from_str(json).unwrap();
        let queue = &info.mq_table[&ObjectKey(MessageQueue::new("T", "b", 1))];
        assert_eq!((queue.cached_msg_count, queue.cached_msg_size_in_mi_b, queue.commit_offset), (2, 3, 4));
        assert!((info.status_table["T"].consume_ok_tps - 1.5).abs() < 1e-9);
    }
}
