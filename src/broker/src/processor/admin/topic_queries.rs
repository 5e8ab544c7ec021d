//! Questions about topics: their configurations, their queues, and who consumes them.

use std::{collections::BTreeMap, sync::Arc};

use common::{config::BrokerConfig, fastjson, fastjson::ObjectKey};
use remoting::{
    body::{
        admin::{AllTopicConfig, GroupList, TopicConfigAndQueueMapping, TopicOffset, TopicStatsTable},
        consumer::MessageQueue,
        topic_list::TopicList,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        GetAllTopicConfig, GetSystemTopicListFromBroker, GetTopicConfig, GetTopicStatsInfo,
        QueryTopicConsumeByWho, QueryTopicsByConsumer,
    },
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;
use store::message_store::MessageStore;

use super::queues;
use crate::{
    clients::ConsumerManager, offsets::ConsumerOffsetManager, static_topics::TopicQueueMappingManager,
    stats::BrokerStats, topics::TopicConfigManager,
};

/// Answers questions about topics.
pub struct TopicQueries {
    pub(crate) config: Live<BrokerConfig>,
    /// The address announced to clients.
    pub(crate) broker_addr: String,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) stats: Arc<BrokerStats>,
}

impl Processor<GetTopicConfig> for TopicQueries {
    async fn process(&self, incoming: Incoming<GetTopicConfig>) -> ReplyResult<GetTopicConfig> {
        let topic = &incoming.header.topic;
        let config = self.topics.find(topic).ok_or_else(|| {
            let remark = format!("No topic in this broker. topic: {topic}");
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })?;
        let mapping = incoming.header.lo.unwrap_or(false).then(|| self.mappings.find(topic)).flatten();
        let body = TopicConfigAndQueueMapping::new(&config, mapping.as_deref());
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<GetAllTopicConfig> for TopicQueries {
    async fn process(&self, _: Incoming<GetAllTopicConfig>) -> ReplyResult<GetAllTopicConfig> {
        let snapshot = self.topics.snapshot();
        let (mapping_data_version, topic_queue_mapping_detail_map) = self.mappings.snapshot();
        let body = AllTopicConfig {
            data_version: snapshot.data_version,
            mapping_data_version,
            topic_config_table: snapshot.topics,
            topic_queue_mapping_detail_map,
            ..AllTopicConfig::default()
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<GetSystemTopicListFromBroker> for TopicQueries {
    async fn process(
        &self,
        _: Incoming<GetSystemTopicListFromBroker>,
    ) -> ReplyResult<GetSystemTopicListFromBroker> {
        let list: TopicList = self.topics.system_topics().into_iter().collect();
        Ok(Reply::success().with_body(list.encode()))
    }
}

impl Processor<GetTopicStatsInfo> for TopicQueries {
    async fn process(&self, incoming: Incoming<GetTopicStatsInfo>) -> ReplyResult<GetTopicStatsInfo> {
        let topic = incoming.header.topic;
        let config = self.topics.find(&topic).ok_or_else(|| no_such_topic(&topic))?;
        let topic_put_tps = self.stats.topic_put_tps(&topic);
        let queue_ids = queues::queue_ids(config.write_queue_nums.max(config.read_queue_nums));
        let store = Arc::clone(&self.store);
        let broker_name = self.config.now().broker_name.clone();
        let read = move || -> BTreeMap<_, _> {
            queue_ids
                .map(|queue_id| {
                    let queue = MessageQueue::new(topic.as_str(), broker_name.as_str(), queue_id);
                    (ObjectKey(queue), topic_offset(&store, &topic, queue_id))
                })
                .collect()
        };
        let queue_count = usize::try_from(config.write_queue_nums).unwrap_or(0);
        let offset_table = queues::read(queue_count, read).await?;
        Ok(Reply::success().with_body(fastjson::to_vec(&TopicStatsTable { offset_table, topic_put_tps })))
    }
}

impl Processor<QueryTopicConsumeByWho> for TopicQueries {
    async fn process(
        &self,
        incoming: Incoming<QueryTopicConsumeByWho>,
    ) -> ReplyResult<QueryTopicConsumeByWho> {
        let topic = &incoming.header.topic;
        let mut group_list = self.consumers.groups_of_topic(topic);
        group_list.extend(self.offsets.groups_of_topic(topic));
        Ok(Reply::success().with_body(fastjson::to_vec(&GroupList { group_list })))
    }
}

impl Processor<QueryTopicsByConsumer> for TopicQueries {
    async fn process(&self, incoming: Incoming<QueryTopicsByConsumer>) -> ReplyResult<QueryTopicsByConsumer> {
        let topic_list = self.offsets.topics_of_group(&incoming.header.group);
        let list = TopicList { broker_addr: Some(self.broker_addr.clone()), topic_list };
        Ok(Reply::success().with_body(list.encode()))
    }
}

fn topic_offset(store: &MessageStore, topic: &str, queue_id: i32) -> TopicOffset {
    let max_offset = store.max_offset(topic, queue_id).unwrap_or(0);
    let last_update_timestamp = match max_offset {
        ..=0 => 0,
        max_offset => store.store_time(topic, queue_id, max_offset - 1).unwrap_or(-1),
    };
    TopicOffset {
        last_update_timestamp,
        max_offset,
        min_offset: store.min_offset(topic, queue_id).unwrap_or(0),
    }
}

pub(super) fn no_such_topic(topic: &str) -> Refusal {
    Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("topic[{topic}] not exist"))
}

#[cfg(test)]
#[path = "topic_queries_tests.rs"]
mod tests;
