//! What a broker knows of a consumer group (`SubscriptionGroupConfig`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::topic::null_as_empty;

/// `SubscriptionGroupConfig`: how a group may consume, and what becomes of messages it fails on.
///
/// Fields stand in the order of their JSON names, which is the order RocketMQ writes them in.
#[expect(clippy::struct_excessive_bools, reason = "the switches are RocketMQ's, one JSON field each")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupConfig {
    /// Attributes; older brokers send none.
    #[serde(deserialize_with = "null_as_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Which broker of a set the group reads from normally; 0 is the master.
    pub broker_id: i64,
    /// Whether broadcasting members are served.
    pub consume_broadcast_enable: bool,
    /// Whether the group is served at all.
    pub consume_enable: bool,
    /// Whether the group may start at the oldest message.
    pub consume_from_min_enable: bool,
    /// Whether pop keeps the order of each queue.
    pub consume_message_orderly: bool,
    /// How long a push consumer may take for one message, in minutes.
    pub consume_timeout_minute: i32,
    /// The group's name.
    pub group_name: String,
    /// Pauses between pop retries.
    #[serde(deserialize_with = "null_as_empty")]
    pub group_retry_policy: GroupRetryPolicy,
    /// Unit bits.
    pub group_sys_flag: i32,
    /// Whether members hear of each other's coming and going at once.
    pub notify_consumer_ids_changed_enable: bool,
    /// Failures after which a message goes to the dead-letter queue.
    pub retry_max_times: i32,
    /// Number of queues of the group's retry topic.
    pub retry_queue_nums: i32,
    /// Subscriptions fixed by an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data_set: Option<Vec<Value>>,
    /// Which broker the group is sent to when it reads far behind.
    pub which_broker_when_consume_slowly: i64,
}

impl SubscriptionGroupConfig {
    /// A group with RocketMQ's defaults.
    pub fn new(group_name: impl Into<String>) -> Self {
        Self { group_name: group_name.into(), ..Self::default() }
    }
}

impl Default for SubscriptionGroupConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            broker_id: 0,
            consume_broadcast_enable: true,
            consume_enable: true,
            consume_from_min_enable: true,
            consume_message_orderly: false,
            consume_timeout_minute: 15,
            group_name: String::new(),
            group_retry_policy: GroupRetryPolicy::default(),
            group_sys_flag: 0,
            notify_consumer_ids_changed_enable: true,
            retry_max_times: 16,
            retry_queue_nums: 1,
            subscription_data_set: None,
            which_broker_when_consume_slowly: 1,
        }
    }
}

/// `GroupRetryPolicy`: the pauses between deliveries of a message that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupRetryPolicy {
    /// Given pauses, used when the type says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customized_retry_policy: Option<Value>,
    /// Growing pauses, used when the type says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponential_retry_policy: Option<Value>,
    /// Which of the two is in force.
    #[serde(rename = "type")]
    pub kind: GroupRetryPolicyType,
}

/// `GroupRetryPolicyType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum GroupRetryPolicyType {
    /// Pauses that grow by a factor.
    Exponential,
    /// Pauses from a list.
    #[default]
    Customized,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_javas() {
        let json = serde_json::to_string(&SubscriptionGroupConfig::new("G")).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"#,
                r#""consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"#,
                r#""groupName":"G","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"#,
                r#""notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"#,
                r#""whichBrokerWhenConsumeSlowly":1}"#
            )
        );
    }

    #[test]
    fn a_group_of_an_older_broker_gets_the_newer_defaults() {
        let json = r#"{"groupName":"G","retryMaxTimes":3,"consumeEnable":false}"#;
        let group: SubscriptionGroupConfig = serde_json::from_str(json).unwrap();
        assert_eq!(group.retry_max_times, 3);
        assert!(!group.consume_enable);
        assert!(group.notify_consumer_ids_changed_enable);
    }
}
