//! Where queues and groups are.

use std::collections::{BTreeMap, BTreeSet};

use common::{data_version::DataVersion, fastjson::ObjectKey};
use serde::{Deserialize, Serialize};

use crate::body::{consumer::MessageQueue, heartbeat::null_as_default};

/// `TopicStatsTable`: the queues of a topic on one broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStatsTable {
    /// Where each queue begins and ends.
    pub offset_table: BTreeMap<ObjectKey<MessageQueue>, TopicOffset>,
    /// Messages a second, over the last minute.
    pub topic_put_tps: f64,
}

/// `TopicOffset`: where a queue begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicOffset {
    /// Store timestamp of the last message; 0 for a queue without messages.
    pub last_update_timestamp: i64,
    /// Queue offset after the last message.
    pub max_offset: i64,
    /// Queue offset of the first message.
    pub min_offset: i64,
}

/// `ConsumeStats`: how far a group is in the queues of one broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages a second handed to the group, over the last minute.
    pub consume_tps: f64,
    /// Where the group is, by queue.
    pub offset_table: BTreeMap<ObjectKey<MessageQueue>, OffsetWrapper>,
}

/// `OffsetWrapper`: how far a group is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetWrapper {
    /// Queue offset after the last message.
    pub broker_offset: i64,
    /// Where the group goes on.
    pub consumer_offset: i64,
    /// Store timestamp of the last message consumed; 0 for none.
    pub last_timestamp: i64,
    /// Up to where the group has pulled.
    pub pull_offset: i64,
}

/// `ResetOffsetBody`: where the queues of a group are set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBody {
    /// Queue offsets by queue.
    pub offset_table: BTreeMap<ObjectKey<MessageQueue>, i64>,
}

/// `ResetOffsetBodyForC`: [`ResetOffsetBody`] as the C++ client reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBodyForC {
    /// Queues with their queue offsets.
    pub offset_table: Vec<MessageQueueForC>,
}

/// `MessageQueueForC`: a queue and the queue offset it is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueueForC {
    /// Name of the broker.
    pub broker_name: String,
    /// The queue offset.
    #[serde(rename = "offset")]
    pub queue_offset: i64,
    /// Number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

impl From<&ResetOffsetBody> for ResetOffsetBodyForC {
    fn from(body: &ResetOffsetBody) -> Self {
        let flat = |(ObjectKey(queue), queue_offset): (&ObjectKey<MessageQueue>, &i64)| MessageQueueForC {
            broker_name: queue.broker_name.clone(),
            queue_offset: *queue_offset,
            queue_id: queue.queue_id,
            topic: queue.topic.clone(),
        };
        Self { offset_table: body.offset_table.iter().map(flat).collect() }
    }
}

/// `GetConsumerStatusBody`: where clients are by their own account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetConsumerStatusBody {
    /// A broker's answer: queue offsets by queue, by client id.
    #[serde(deserialize_with = "null_as_default")]
    pub consumer_table: BTreeMap<String, BTreeMap<ObjectKey<MessageQueue>, i64>>,
    /// A client's answer: queue offsets by queue.
    #[serde(deserialize_with = "null_as_default")]
    pub message_queue_table: BTreeMap<ObjectKey<MessageQueue>, i64>,
}

/// `QueryConsumeTimeSpanBody`: how old a group's messages are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeTimeSpanBody {
    /// One entry a queue.
    pub consume_time_span_set: Vec<QueueTimeSpan>,
}

/// `QueueTimeSpan`: store timestamps in a queue, in milliseconds and as local time.
///
/// A timestamp of -1 stands for a message that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueTimeSpan {
    /// Of the last message consumed.
    pub consume_time_stamp: i64,
    /// The same as text.
    pub consume_time_stamp_str: String,
    /// Age of the next message to consume, in milliseconds.
    pub delay_time: i64,
    /// Of the last message.
    pub max_time_stamp: i64,
    /// The same as text.
    pub max_time_stamp_str: String,
    /// The queue.
    pub message_queue: MessageQueue,
    /// Of the first message.
    pub min_time_stamp: i64,
    /// The same as text.
    pub min_time_stamp_str: String,
}

/// `QueryCorrectionOffsetBody`: the smallest offset of all groups, by queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryCorrectionOffsetBody {
    /// Queue offsets by queue; the largest number there is where the compared group is behind all others.
    pub correction_offsets: BTreeMap<i32, i64>,
}

/// `ConsumerOffsetSerializeWrapper`: all consumer offsets of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerOffsetSerializeWrapper {
    /// Version of the table.
    pub data_version: DataVersion,
    /// Topics by group.
    pub group_topic_map: BTreeMap<String, BTreeSet<String>>,
    /// Queue offsets by queue, by `topic@group`.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}
