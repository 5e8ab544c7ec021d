//! The names RocketMQ reserves and the rules for all others (`TopicValidator`, `MixAll`).

use thiserror::Error;

/// The topic whose settings auto-created topics copy.
pub const AUTO_CREATE_TOPIC_KEY_TOPIC: &str = "TBW102";
/// Where delayed messages wait; queue `level - 1` holds one delay level.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
/// Topic of RocketMQ's own benchmark.
pub const BENCHMARK_TOPIC: &str = "BenchmarkTest";
/// Where half messages wait for the decision of their transaction.
pub const TRANS_HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// Where message traces go.
pub const TRACE_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// Where op messages record decided transactions.
pub const TRANS_OP_HALF_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Where half messages end that were checked too often.
pub const TRANS_CHECK_MAX_TIME_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
/// The group whose offsets say how far half and op messages are dealt with.
pub const TRANS_GROUP: &str = "CID_RMQ_SYS_TRANS";
/// Topic of RocketMQ's self test.
pub const SELF_TEST_TOPIC: &str = "SELF_TEST_TOPIC";
/// Where moved consumer offsets are reported.
pub const OFFSET_MOVED_EVENT: &str = "OFFSET_MOVED_EVENT";
/// Checkpoints of offsets kept in a key-value store.
pub const ROCKSDB_OFFSET_TOPIC: &str = "CHECKPOINT_TOPIC";
/// Where messages of arbitrary delivery time wait.
pub const TIMER_TOPIC: &str = "rmq_sys_wheel_timer";
/// Every topic of this prefix belongs to the system.
pub const SYSTEM_TOPIC_PREFIX: &str = "rmq_sys_";
/// Prefix of a broker's member-group topic.
pub const SYNC_BROKER_MEMBER_GROUP_PREFIX: &str = "rmq_sys_SYNC_BROKER_MEMBER_";
/// Prefix of a cluster's revive-log topic.
pub const REVIVE_LOG_PREFIX: &str = "rmq_sys_REVIVE_LOG_";
/// Suffix of a cluster's reply topic.
pub const REPLY_TOPIC_SUFFIX: &str = "REPLY_TOPIC";
/// Prefix of a group's retry topic.
pub const RETRY_GROUP_TOPIC_PREFIX: &str = "%RETRY%";
/// Prefix of a group's dead-letter queue.
pub const DLQ_GROUP_TOPIC_PREFIX: &str = "%DLQ%";
/// Prefix of a light message queue.
pub const LMQ_PREFIX: &str = "%LMQ%";
/// Group delayed messages are delivered under.
pub const SCHEDULE_GROUP: &str = "SCHEDULE_CONSUMER";
/// Prefix of the groups and topics RocketMQ's own tools use.
pub const CID_RMQ_SYS_PREFIX: &str = "CID_RMQ_SYS_";
/// Prefix of the topics a static topic's logical queues are addressed by.
pub const LOGICAL_QUEUE_MOCK_BROKER_PREFIX: &str = "__syslo__";
/// KV namespace whose entries order a topic's queues.
pub const NAMESPACE_ORDER_TOPIC_CONFIG: &str = "ORDER_TOPIC_CONFIG";
/// Group of RocketMQ's own tools.
pub const TOOLS_CONSUMER_GROUP: &str = "TOOLS_CONSUMER";
/// Groups every broker knows without their being created.
pub const PREDEFINED_GROUPS: [&str; 9] = [
    TOOLS_CONSUMER_GROUP,
    "FILTERSRV_CONSUMER",
    "SELF_TEST_C_GROUP",
    "CID_ONS-HTTP-PROXY",
    "CID_ONSAPI_PULL",
    "CID_ONSAPI_PERMISSION",
    "CID_ONSAPI_OWNER",
    TRANS_GROUP,
    "CID_DefaultHeartBeatSyncerTopic",
];
/// Longest topic a client may name, in UTF-16 units.
pub const TOPIC_LENGTH_MAX: usize = 127;
/// Longest name of any topic or group that is stored, in bytes: what a one-byte length can hold.
pub const NAME_LENGTH_MAX_BYTES: usize = 255;

const SYSTEM_TOPICS: [&str; 10] = [
    AUTO_CREATE_TOPIC_KEY_TOPIC,
    SCHEDULE_TOPIC,
    BENCHMARK_TOPIC,
    TRANS_HALF_TOPIC,
    TRACE_TOPIC,
    TRANS_OP_HALF_TOPIC,
    TRANS_CHECK_MAX_TIME_TOPIC,
    SELF_TEST_TOPIC,
    OFFSET_MOVED_EVENT,
    ROCKSDB_OFFSET_TOPIC,
];

const NOT_ALLOWED_SEND_TOPICS: [&str; 6] = [
    SCHEDULE_TOPIC,
    TRANS_HALF_TOPIC,
    TRANS_OP_HALF_TOPIC,
    TRANS_CHECK_MAX_TIME_TOPIC,
    SELF_TEST_TOPIC,
    OFFSET_MOVED_EVENT,
];

/// Why a topic name is refused; the text is RocketMQ's remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidTopic {
    /// Nothing but white space.
    #[error("The specified topic is blank.")]
    Blank,
    /// A character outside RocketMQ's set.
    #[error("The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")]
    IllegalCharacter,
    /// More than [`TOPIC_LENGTH_MAX`].
    #[error("The specified topic is longer than topic max length.")]
    TooLong,
}

/// Checks a topic named by a client (`TopicValidator.validateTopic`).
pub fn validate_topic(topic: &str) -> Result<(), InvalidTopic> {
    if topic.trim().is_empty() {
        return Err(InvalidTopic::Blank);
    }
    if !has_legal_characters(topic) {
        return Err(InvalidTopic::IllegalCharacter);
    }
    if topic.len() > TOPIC_LENGTH_MAX {
        return Err(InvalidTopic::TooLong);
    }
    Ok(())
}

/// Whether `name` may become a group: characters and length.
pub fn is_valid_group(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_LENGTH_MAX_BYTES && has_legal_characters(name)
}

/// Whether all characters are of `[%|a-zA-Z0-9_-]` (the empty name passes, as in RocketMQ).
pub fn has_legal_characters(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'|' | b'-' | b'_'))
}

/// Whether the topic is RocketMQ's own under any cluster or broker name.
///
/// A broker adds its own name and its cluster's to these.
pub fn is_system_topic(topic: &str) -> bool {
    SYSTEM_TOPICS.contains(&topic) || topic.starts_with(SYSTEM_TOPIC_PREFIX)
}

/// The system topics every broker has, whatever its name.
pub fn system_topics() -> impl Iterator<Item = &'static str> {
    SYSTEM_TOPICS.into_iter()
}

/// Whether clients may not send to the topic.
pub fn is_not_allowed_send_topic(topic: &str) -> bool {
    NOT_ALLOWED_SEND_TOPICS.contains(&topic)
}

/// Whether a group belongs to RocketMQ itself (`MixAll.isSysConsumerGroup`).
pub fn is_system_group(group: &str) -> bool {
    group.starts_with(CID_RMQ_SYS_PREFIX)
}

/// Whether a group is RocketMQ's own or one every broker knows (`MixAll.isPredefinedGroup`).
pub fn is_predefined_group(group: &str) -> bool {
    PREDEFINED_GROUPS.contains(&group)
}

/// `%RETRY%<group>`: where messages wait that the group failed to consume.
pub fn retry_topic(group: &str) -> String {
    format!("{RETRY_GROUP_TOPIC_PREFIX}{group}")
}

/// `%DLQ%<group>`: where messages end that the group failed to consume too often.
pub fn dlq_topic(group: &str) -> String {
    format!("{DLQ_GROUP_TOPIC_PREFIX}{group}")
}

/// The group that the broker itself reads the revive log as (`PopAckConstants.REVIVE_GROUP`).
pub const REVIVE_GROUP: &str = "CID_RMQ_SYS_REVIVE_GROUP";

/// How the retry topic of popped messages is named, which is for each group and topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopRetryVersion {
    /// `%RETRY%<group>_<topic>`.
    V1,
    /// `%RETRY%<group>+<topic>`, of which group and topic can be told again.
    V2,
}

impl PopRetryVersion {
    const fn separator(self) -> char {
        match self {
            Self::V1 => '_',
            Self::V2 => '+',
        }
    }
}

/// Where messages wait that were popped from `topic` and not acknowledged (`KeyBuilder.buildPopRetryTopic`).
pub fn pop_retry_topic(topic: &str, group: &str, version: PopRetryVersion) -> String {
    format!("{RETRY_GROUP_TOPIC_PREFIX}{group}{}{topic}", version.separator())
}

/// Whether the topic is a retry topic of popped messages, of the second version.
pub fn is_pop_retry_topic_v2(topic: &str) -> bool {
    group_of_retry_topic(topic).is_some_and(|rest| rest.contains(PopRetryVersion::V2.separator()))
}

/// The topic whose messages a group's retry topic holds; a topic that is none stands for itself.
pub fn normal_topic_of<'a>(topic: &'a str, group: &str) -> &'a str {
    let rest = group_of_retry_topic(topic).and_then(|rest| rest.strip_prefix(group));
    rest.and_then(|rest| rest.strip_prefix(['_', '+'])).unwrap_or(topic)
}

/// `rmq_sys_REVIVE_LOG_<cluster>`: where the check points and acknowledgements of pops go.
pub fn revive_topic(cluster: &str) -> String {
    format!("{REVIVE_LOG_PREFIX}{cluster}")
}

/// `<cluster>_REPLY_TOPIC`: where replies of request-reply calls are recorded.
pub fn reply_topic(cluster: &str) -> String {
    format!("{cluster}_{REPLY_TOPIC_SUFFIX}")
}

/// The group a retry topic belongs to, if it is one.
pub fn group_of_retry_topic(topic: &str) -> Option<&str> {
    topic.strip_prefix(RETRY_GROUP_TOPIC_PREFIX)
}

/// Whether the topic is a light message queue.
pub fn is_lmq(topic: &str) -> bool {
    topic.starts_with(LMQ_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_checked_in_javas_order() {
        assert_eq!(validate_topic(" "), Err(InvalidTopic::Blank));
        assert_eq!(validate_topic("../etc"), Err(InvalidTopic::IllegalCharacter));
        assert_eq!(validate_topic(&"a".repeat(128)), Err(InvalidTopic::TooLong));
        assert_eq!(validate_topic("MQ_INST_x%topic|1-2"), Ok(()));
    }

    #[test]
    fn pop_retry_topics_lead_back_to_their_topic() {
        for (version, name) in
            [(PopRetryVersion::V1, "%RETRY%g_1_t_2"), (PopRetryVersion::V2, "%RETRY%g_1+t_2")]
        {
            assert_eq!(pop_retry_topic("t_2", "g_1", version), name);
            assert_eq!(normal_topic_of(name, "g_1"), "t_2");
            assert_eq!(is_pop_retry_topic_v2(name), version == PopRetryVersion::V2);
        }
        assert_eq!(normal_topic_of("t+u", "g"), "t+u");
        assert!(!is_pop_retry_topic_v2("t+u"));
    }

    #[test]
    fn system_topics_are_known_by_name_and_prefix() {
        assert!(is_system_topic("TBW102"));
        assert!(is_system_topic("rmq_sys_anything"));
        assert!(!is_system_topic("orders"));
        assert!(is_not_allowed_send_topic("SCHEDULE_TOPIC_XXXX"));
        assert!(!is_not_allowed_send_topic("TBW102"));
    }
}
