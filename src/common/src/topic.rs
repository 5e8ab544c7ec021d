//! What a broker knows of a topic (`TopicConfig`).

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::permission::Permission;

/// How many tags a message of the topic carries (`TopicFilterType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TopicFilterType {
    /// One tag a message.
    #[default]
    #[serde(rename = "SINGLE_TAG")]
    SingleTag,
    /// Several tags a message.
    #[serde(rename = "MULTI_TAG")]
    MultiTag,
}

impl TopicFilterType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SingleTag => "SINGLE_TAG",
            Self::MultiTag => "MULTI_TAG",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "SINGLE_TAG" => Some(Self::SingleTag),
            "MULTI_TAG" => Some(Self::MultiTag),
            _ => None,
        }
    }
}

/// `TopicConfig`: name, queues and permissions of a topic on one broker.
///
/// Fields stand in the order of their JSON names, which is the order RocketMQ writes them in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    /// Attributes such as `message.type`; older brokers send none.
    #[serde(deserialize_with = "null_as_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Whether the topic's queues keep their order across brokers.
    pub order: bool,
    /// What clients may do with the topic.
    pub perm: Permission,
    /// Number of queues consumers read.
    pub read_queue_nums: i32,
    /// Kept for the record only: RocketMQ's brokers do not act on it.
    #[serde(deserialize_with = "unknown_as_default")]
    pub topic_filter_type: TopicFilterType,
    /// The topic's name.
    pub topic_name: String,
    /// Unit bits (`TopicSysFlag`).
    pub topic_sys_flag: i32,
    /// Number of queues producers send to.
    pub write_queue_nums: i32,
}

/// `TopicSysFlag`: the topic belongs to a unit.
pub const TOPIC_SYS_FLAG_UNIT: i32 = 1;
/// `TopicSysFlag`: a unit subscribes to the topic.
pub const TOPIC_SYS_FLAG_UNIT_SUB: i32 = 2;

impl TopicConfig {
    /// Whether its queues are batch queues: the attribute `queue.type` (`QueueTypeUtils.isBatchCq`).
    pub fn has_batch_queues(&self) -> bool {
        self.attributes.get("queue.type").is_some_and(|kind| kind == "BatchCQ")
    }

    /// Whether only the newest message of each key stays: the attribute `cleanup.policy`
    /// (`CleanupPolicyUtils.isCompaction`).
    pub fn is_compacted(&self) -> bool {
        self.attributes.get("cleanup.policy").is_some_and(|policy| policy == "COMPACTION")
    }

    /// A readable and writable topic with as many write as read queues.
    pub fn new(topic_name: impl Into<String>, queue_nums: i32) -> Self {
        Self {
            topic_name: topic_name.into(),
            read_queue_nums: queue_nums,
            write_queue_nums: queue_nums,
            ..Self::default()
        }
    }

    /// The same topic with other permissions.
    #[must_use]
    pub fn with_permission(mut self, permission: Permission) -> Self {
        self.perm = permission;
        self
    }

    /// The text form in compressed registrations: `name read write perm filterType attributes`.
    pub fn encode_compact(&self) -> String {
        let attributes = serde_json::to_string(&self.attributes).unwrap_or_else(|_| "{}".to_owned());
        format!(
            "{} {} {} {} {} {attributes}",
            self.topic_name,
            self.read_queue_nums,
            self.write_queue_nums,
            self.perm.0,
            self.topic_filter_type.as_str(),
        )
    }

    /// Reads [`Self::encode_compact`]'s form; `None` when a field is missing or no number.
    ///
    /// Attributes that cannot be read are dropped, as RocketMQ does.
    pub fn decode_compact(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ' ');
        let topic_name = parts.next()?.to_owned();
        let read_queue_nums = parts.next()?.parse().ok()?;
        let write_queue_nums = parts.next()?.parse().ok()?;
        let perm = Permission(parts.next()?.parse().ok()?);
        let topic_filter_type = TopicFilterType::from_name(parts.next()?)?;
        let attributes = parts.next().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        Some(Self {
            attributes,
            order: false,
            perm,
            read_queue_nums,
            topic_filter_type,
            topic_name,
            topic_sys_flag: 0,
            write_queue_nums,
        })
    }
}

/// RocketMQ's own wording, which stands in remarks.
impl fmt::Display for TopicConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<_> =
            self.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        write!(
            formatter,
            "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}, topicFilterType={}, \
             topicSysFlag={}, order={}, attributes={{{}}}]",
            self.topic_name,
            self.read_queue_nums,
            self.write_queue_nums,
            self.perm.text(),
            self.topic_filter_type.as_str(),
            self.topic_sys_flag,
            self.order,
            attributes.join(", "),
        )
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            order: false,
            perm: Permission::READ_WRITE,
            read_queue_nums: 16,
            topic_filter_type: TopicFilterType::SingleTag,
            topic_name: String::new(),
            topic_sys_flag: 0,
            write_queue_nums: 16,
        }
    }
}

/// Java writes absent maps as `null`.
pub(crate) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn unknown_as_default<'de, D>(deserializer: D) -> Result<TopicFilterType, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.as_deref().and_then(TopicFilterType::from_name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_javas() {
        let mut topic = TopicConfig::new("T", 4);
        topic.attributes.insert("message.type".into(), "NORMAL".into());
        let json = serde_json::to_string(&topic).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"attributes":{"message.type":"NORMAL"},"order":false,"perm":6,"readQueueNums":4,"#,
                r#""topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}"#
            )
        );
        assert_eq!(serde_json::from_str::<TopicConfig>(&json).unwrap(), topic);
    }

    #[test]
    fn a_topic_of_an_older_broker_has_no_attributes() {
        let json = r#"{"order":true,"perm":4,"readQueueNums":1,"topicName":"T","writeQueueNums":2,"x":1}"#;
        let topic: TopicConfig = serde_json::from_str(json).unwrap();
        assert!(topic.order);
        assert!(topic.attributes.is_empty());
    }

    #[test]
    fn compact_form_keeps_attributes() {
        let mut topic = TopicConfig::new("T", 4);
        topic.attributes.insert("message.type".into(), "FIFO".into());
        assert_eq!(TopicConfig::decode_compact(&topic.encode_compact()), Some(topic));
        assert_eq!(TopicConfig::decode_compact("T 4 x 6 SINGLE_TAG"), None);
    }
}
