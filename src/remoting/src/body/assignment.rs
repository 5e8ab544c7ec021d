//! Bodies of `QUERY_ASSIGNMENT` and `SET_MESSAGE_REQUEST_MODE`: which queues a consumer has, and whether it
//! pulls or pops them.

use common::config::MessageRequestMode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    consumer::MessageQueue,
    heartbeat::{MessageModel, known_or_none, null_as_default},
};

/// Body of `QUERY_ASSIGNMENT`: who asks for its queues of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryAssignmentRequestBody {
    /// The consumer.
    #[serde(deserialize_with = "null_as_default")]
    pub client_id: String,
    /// Its group.
    #[serde(deserialize_with = "null_as_default")]
    pub consumer_group: String,
    /// How the group consumes.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known_or_none")]
    pub message_model: Option<MessageModel>,
    /// How queues are divided: `AVG` or `AVG_BY_CIRCLE`.
    #[serde(deserialize_with = "null_as_default")]
    pub strategy_name: String,
    /// The topic.
    #[serde(deserialize_with = "null_as_default")]
    pub topic: String,
}

/// Reply body of `QUERY_ASSIGNMENT`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryAssignmentResponseBody {
    /// The queues; `None` when they cannot be told, and the consumer keeps what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_queue_assignments: Option<Vec<MessageQueueAssignment>>,
}

/// `MessageQueueAssignment`: one queue of a consumer; queue -1 stands for all queues of its broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageQueueAssignment {
    /// The queue.
    pub message_queue: MessageQueue,
    /// How it is consumed.
    #[serde(serialize_with = "write_mode", deserialize_with = "read_mode")]
    pub mode: MessageRequestMode,
}

/// Body of `SET_MESSAGE_REQUEST_MODE`: how a group consumes a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetMessageRequestModeRequestBody {
    /// The group.
    #[serde(deserialize_with = "null_as_default")]
    pub consumer_group: String,
    /// Whether it pulls or pops.
    #[serde(serialize_with = "write_mode", deserialize_with = "read_mode")]
    pub mode: MessageRequestMode,
    /// How many consumers that follow in the list of members share a popping consumer's queues; 0 or less
    /// for all.
    pub pop_share_queue_num: i32,
    /// The topic.
    #[serde(deserialize_with = "null_as_default")]
    pub topic: String,
}

impl Default for SetMessageRequestModeRequestBody {
    fn default() -> Self {
        Self {
            consumer_group: String::new(),
            mode: MessageRequestMode::Pull,
            pop_share_queue_num: 0,
            topic: String::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn write_mode<S: Serializer>(mode: &MessageRequestMode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match mode {
        MessageRequestMode::Pull => "PULL",
        MessageRequestMode::Pop => "POP",
    })
}

/// A mode that is not named is to pull.
fn read_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MessageRequestMode, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        Some("POP") => Ok(MessageRequestMode::Pop),
        None | Some("PULL") => Ok(MessageRequestMode::Pull),
        Some(other) => Err(serde::de::Error::unknown_variant(other, &["PULL", "POP"])),
    }
}

#[cfg(test)]
mod tests {
    use common::fastjson;

    use super::*;

    #[test]
    fn json_is_javas() {
        let request = r#"{"clientId":"c","consumerGroup":"G","messageModel":"CLUSTERING","strategyName":"AVG","topic":"T"}"#;
        let read: QueryAssignmentRequestBody = fastjson::from_str(request).unwrap();
        assert_eq!(read.message_model, Some(MessageModel::Clustering));
        assert_eq!(fastjson::to_string(&read), request);
        assert_eq!(fastjson::to_string(&QueryAssignmentResponseBody::default()), "{}");
        let assignment = MessageQueueAssignment {
            message_queue: MessageQueue::new("T", "b", -1),
            mode: MessageRequestMode::Pop,
        };
        let reply = QueryAssignmentResponseBody { message_queue_assignments: Some(vec![assignment]) };
        assert_eq!(
            fastjson::to_string(&reply),
            r#"{"messageQueueAssignments":[{"messageQueue":{"brokerName":"b","queueId":-1,"topic":"T"},"mode":"POP"}]}"#
        );
    }

    #[test]
    fn a_mode_is_read_with_its_defaults() {
        let read: SetMessageRequestModeRequestBody =
            fastjson::from_str(r#"{"topic":"T","consumerGroup":"G"}"#).unwrap();
        assert_eq!((read.mode, read.pop_share_queue_num), (MessageRequestMode::Pull, 0));
        let text = r#"{"consumerGroup":"G","mode":"POP","popShareQueueNum":0,"topic":"T"}"#;
        let read: SetMessageRequestModeRequestBody = fastjson::from_str(text).unwrap();
        assert_eq!(fastjson::to_string(&read), text);
        assert!(fastjson::from_str::<SetMessageRequestModeRequestBody>(r#"{"mode":"PEEK"}"#).is_err());
    }
}
