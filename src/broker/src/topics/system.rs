//! The topics RocketMQ makes by itself at start (`TopicConfigManager.init`).

use common::{
    config::{BrokerConfig, MessageStoreConfig},
    names::{
        AUTO_CREATE_TOPIC_KEY_TOPIC, BENCHMARK_TOPIC, OFFSET_MOVED_EVENT, SCHEDULE_TOPIC, SELF_TEST_TOPIC,
        SYNC_BROKER_MEMBER_GROUP_PREFIX, TIMER_TOPIC, TRANS_HALF_TOPIC, TRANS_OP_HALF_TOPIC, reply_topic,
        revive_topic,
    },
    permission::Permission,
    topic::TopicConfig,
};

/// Queues of the schedule topic: one a delay level, of which RocketMQ has 18.
const SCHEDULE_TOPIC_QUEUE_NUMS: i32 = 18;
/// Queues of the benchmark topic.
const BENCHMARK_TOPIC_QUEUE_NUMS: i32 = 1024;
/// Queues of the topic that carries the cluster's name.
const CLUSTER_TOPIC_QUEUE_NUMS: i32 = 16;

/// All of them, in the order RocketMQ makes them.
pub(super) fn topics_at_start(broker: &BrokerConfig, store: &MessageStoreConfig) -> Vec<TopicConfig> {
    let cluster = &broker.broker_cluster_name;
    let everything = Permission::READ_WRITE.with(Permission::INHERIT);
    let if_enabled = |enabled| if enabled { everything } else { Permission::INHERIT };
    let mut topics = vec![TopicConfig::new(SELF_TEST_TOPIC, 1)];
    if broker.auto_create_topic_enable {
        topics.push(
            TopicConfig::new(AUTO_CREATE_TOPIC_KEY_TOPIC, broker.default_topic_queue_nums)
                .with_permission(everything),
        );
    }
    topics.extend([
        TopicConfig::new(BENCHMARK_TOPIC, BENCHMARK_TOPIC_QUEUE_NUMS),
        TopicConfig::new(cluster, CLUSTER_TOPIC_QUEUE_NUMS)
            .with_permission(if_enabled(broker.cluster_topic_enable)),
        TopicConfig::new(&broker.broker_name, 1).with_permission(if_enabled(broker.broker_topic_enable)),
        TopicConfig::new(OFFSET_MOVED_EVENT, 1),
        TopicConfig::new(SCHEDULE_TOPIC, SCHEDULE_TOPIC_QUEUE_NUMS),
    ]);
    if broker.trace_topic_enable {
        topics.push(TopicConfig::new(&broker.msg_trace_topic_name, 1));
    }
    topics.extend([
        TopicConfig::new(reply_topic(cluster), 1),
        TopicConfig::new(revive_topic(cluster), broker.revive_queue_num),
        TopicConfig::new(format!("{SYNC_BROKER_MEMBER_GROUP_PREFIX}{}", broker.broker_name), 1)
            .with_permission(Permission::INHERIT),
        TopicConfig::new(TRANS_HALF_TOPIC, 1),
        TopicConfig::new(TRANS_OP_HALF_TOPIC, 1),
    ]);
    if store.timer_wheel_enable {
        topics.push(TopicConfig::new(TIMER_TOPIC, 1));
    }
    topics
}

/// The system topics that are named after this broker, its cluster or its configuration, and so are no
/// system topics elsewhere.
pub(super) fn own_names(broker: &BrokerConfig) -> Vec<String> {
    let cluster = &broker.broker_cluster_name;
    let mut names = vec![
        cluster.clone(),
        broker.broker_name.clone(),
        reply_topic(cluster),
        revive_topic(cluster),
        format!("{SYNC_BROKER_MEMBER_GROUP_PREFIX}{}", broker.broker_name),
        TIMER_TOPIC.to_owned(),
    ];
    if broker.trace_topic_enable {
        names.push(broker.msg_trace_topic_name.clone());
    }
    names
}
