//! Bodies of `LOCK_BATCH_MQ` and `UNLOCK_BATCH_MQ`: orderly consumers own their queues exclusively.

use serde::{Deserialize, Serialize};

use super::{consumer::MessageQueue, heartbeat::null_as_default};

/// Body of `LOCK_BATCH_MQ`: the queues a client wants to own within its group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LockBatchRequestBody {
    /// Who wants to own the queues.
    #[serde(deserialize_with = "null_as_default")]
    pub client_id: String,
    /// The group within which a queue has one owner.
    #[serde(deserialize_with = "null_as_default")]
    pub consumer_group: String,
    /// The queues.
    #[serde(deserialize_with = "null_as_default")]
    pub mq_set: Vec<MessageQueue>,
    /// Set between the brokers of a set, so that they do not ask each other in circles.
    pub only_this_broker: bool,
}

/// Body of `UNLOCK_BATCH_MQ`, of the same fields.
pub type UnlockBatchRequestBody = LockBatchRequestBody;

/// Reply body of `LOCK_BATCH_MQ`: those of the wanted queues the client owns now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockBatchResponseBody {
    /// The queues.
    #[serde(rename = "lockOKMQSet", deserialize_with = "null_as_default")]
    pub lock_ok_mq_set: Vec<MessageQueue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_javas() {
        let body = LockBatchResponseBody { lock_ok_mq_set: vec![MessageQueue::new("T", "b", 1)] };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"lockOKMQSet":[{"brokerName":"b","queueId":1,"topic":"T"}]}"#
        );
    }

    #[test]
    fn older_clients_do_not_name_the_scope() {
        let json = concat!(
            r#"{"clientId":"c","consumerGroup":"G","#,
            r#""mqSet":[{"topic":"T","brokerName":"b","queueId":2}]}"#
        );
        let body: LockBatchRequestBody = serde_json::from_str(json).unwrap();
        assert!(!body.only_this_broker);
        assert_eq!(body.mq_set, [MessageQueue::new("T", "b", 2)]);
    }
}
