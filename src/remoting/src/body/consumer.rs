//! Bodies about who consumes what: [`MessageQueue`], the members of a group, a client's check of its
//! subscription.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::heartbeat::SubscriptionData;

/// `MessageQueue`: one queue of a topic on one broker.
///
/// Ordered as RocketMQ orders it, by topic, broker and queue. As a key of a map wrap it in
/// [`common::fastjson::ObjectKey`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueue {
    /// Name of the broker.
    #[serde(deserialize_with = "super::heartbeat::null_as_default")]
    pub broker_name: String,
    /// Number of the queue on that broker, from 0.
    pub queue_id: i32,
    /// Name of the topic.
    #[serde(deserialize_with = "super::heartbeat::null_as_default")]
    pub topic: String,
}

impl MessageQueue {
    /// The queue of that topic, broker and number.
    pub fn new(topic: impl Into<String>, broker_name: impl Into<String>, queue_id: i32) -> Self {
        Self { broker_name: broker_name.into(), queue_id, topic: topic.into() }
    }
}

impl Ord for MessageQueue {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.topic, &self.broker_name, self.queue_id).cmp(&(
            &other.topic,
            &other.broker_name,
            other.queue_id,
        ))
    }
}

impl PartialOrd for MessageQueue {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for MessageQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}:{}", self.topic, self.broker_name, self.queue_id)
    }
}

/// Reply body of `GET_CONSUMER_LIST_BY_GROUP`: the client ids of a group's members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetConsumerListByGroupResponseBody {
    /// Client ids in no particular order.
    #[serde(deserialize_with = "super::heartbeat::null_as_default")]
    pub consumer_id_list: Vec<String>,
}

/// Body of `CHECK_CLIENT_CONFIG`: a subscription a client wants to know acceptable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckClientRequestBody {
    /// Who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The client's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The subscription to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::fastjson::{self, ObjectKey};

    use super::*;

    #[test]
    fn a_queue_is_a_key_in_the_raw_dialect() {
        let table = BTreeMap::from([(ObjectKey(MessageQueue::new("T", "b", 1)), 9_i64)]);
        let text = fastjson::to_string(&table);
        assert_eq!(text, r#"{{"brokerName":"b","queueId":1,"topic":"T"}:9}"#);
        assert_eq!(fastjson::from_str::<BTreeMap<ObjectKey<MessageQueue>, i64>>(&text).unwrap(), table);
    }

    #[test]
    fn queues_are_ordered_by_topic_first() {
        let mut queues =
            [MessageQueue::new("b", "a", 0), MessageQueue::new("a", "b", 1), MessageQueue::new("a", "b", 0)];
        queues.sort();
        assert_eq!(queues.map(|queue| queue.to_string()), ["a@b:0", "a@b:1", "b@a:0"]);
    }

    #[test]
    fn a_check_without_subscription_is_read() {
        let body: CheckClientRequestBody =
            fastjson::from_str(r#"{"clientId":"c","group":"G","namespace":"","x":1}"#).unwrap();
        assert_eq!(body.subscription_data, None);
        assert_eq!(body.group.as_deref(), Some("G"));
    }
}
