//! How far groups are: `GET_CONSUME_STATS`, `CLONE_GROUP_OFFSET`, `QUERY_CORRECTION_OFFSET`, and the whole
//! tables of offsets for other brokers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use common::{config::BrokerConfig, fastjson, fastjson::ObjectKey};
use remoting::{
    body::{
        admin::{ConsumeStats, ConsumerOffsetSerializeWrapper, OffsetWrapper, QueryCorrectionOffsetBody},
        consumer::MessageQueue,
    },
    headers::consumer::GetConsumeStatsRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        CloneGroupOffset, GetAllConsumerOffset, GetAllDelayOffset, GetConsumeStats, QueryCorrectionOffset,
    },
    router::Processor,
};
use runtime::live::Live;
use store::message_store::MessageStore;

use super::queues;
use crate::{
    clients::ConsumerManager,
    offsets::{ConsumerOffsetManager, QueueOffsets},
    schedule::service::ScheduleMessageService,
    static_topics::TopicQueueMappingManager,
    stats::BrokerStats,
    topics::TopicConfigManager,
};

/// Between the names of a list of topics.
const TOPIC_SEPARATOR: char = ';';
/// Between the names of a list of groups.
const GROUP_SEPARATOR: char = ',';

/// Serves operators who look after consumer offsets.
pub struct OffsetAdmin {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) queues: Arc<dyn QueueOffsets>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) schedule: Arc<ScheduleMessageService>,
    pub(crate) stats: Arc<BrokerStats>,
}

impl Processor<GetConsumeStats> for OffsetAdmin {
    async fn process(&self, incoming: Incoming<GetConsumeStats>) -> ReplyResult<GetConsumeStats> {
        let topics = self.topics_of_interest(&incoming.header);
        let group = incoming.header.consumer_group;
        let mut places = Vec::new();
        let mut consume_tps = 0.0;
        for topic in topics {
            let Some(config) = self.topics.find(&topic) else {
                tracing::warn!(topic, group, "group consumes a topic that is not there");
                continue;
            };
            consume_tps += self.stats.group_get_tps(&topic, &group);
            let unread = self.unread_offset(&topic);
            places.push((topic, unread, queues::queue_ids(config.read_queue_nums)));
        }
        let queue_count = places.iter().map(|(.., queue_ids)| queue_ids.len()).sum();
        let (store, offsets) = (Arc::clone(&self.store), Arc::clone(&self.offsets));
        let broker_name = self.config.now().broker_name.clone();
        let read = move || -> BTreeMap<_, _> {
            let queues = places.into_iter().flat_map(|(topic, unread, queue_ids)| {
                queue_ids.map(move |queue_id| (unread, MessageQueue::new(topic.as_str(), "", queue_id)))
            });
            queues
                .map(|(unread, mut queue)| {
                    let progress = progress(&store, &offsets, &group, &queue, unread);
                    queue.broker_name.clone_from(&broker_name);
                    (ObjectKey(queue), progress)
                })
                .collect()
        };
        let offset_table = queues::read(queue_count, read).await?;
        Ok(Reply::success().with_body(fastjson::to_vec(&ConsumeStats { consume_tps, offset_table })))
    }
}

impl OffsetAdmin {
    /// The topics a request for statistics is about: those it lists, or else those of the group that it
    /// subscribes to as far as the broker knows.
    fn topics_of_interest(&self, header: &GetConsumeStatsRequestHeader) -> BTreeSet<String> {
        let listed = header.topic_list.as_deref().unwrap_or_default();
        if !listed.trim().is_empty() {
            let names = listed.split(TOPIC_SEPARATOR).filter(|name| !name.is_empty());
            return names.map(str::to_owned).collect();
        }
        let group = &header.consumer_group;
        let mut topics = self.named_or_all(group, header.topic.as_deref());
        topics.retain(|topic| self.may_consume(group, topic));
        topics
    }

    /// The topic, or all in which the group has offsets.
    fn named_or_all(&self, group: &str, topic: Option<&str>) -> BTreeSet<String> {
        match topic.filter(|topic| !topic.trim().is_empty()) {
            Some(topic) => BTreeSet::from([topic.to_owned()]),
            None => self.offsets.topics_of_group(group),
        }
    }

    /// Where a group is in a queue it has not read: at its beginning. Of a static topic it may have read
    /// another stretch of the logical queue, so that -1 says that it is not in this one.
    fn unread_offset(&self, topic: &str) -> i64 {
        if self.mappings.find(topic).is_some() { -1 } else { 0 }
    }

    /// Whether a group subscribes to a topic, or is not there to be asked.
    fn may_consume(&self, group: &str, topic: &str) -> bool {
        self.consumers.find_subscription(group, topic).is_some()
            || self.consumers.subscription_count(group) == 0
    }
}

fn progress(
    store: &MessageStore,
    offsets: &ConsumerOffsetManager,
    group: &str,
    queue: &MessageQueue,
    unread: i64,
) -> OffsetWrapper {
    let (topic, queue_id) = (queue.topic.as_str(), queue.queue_id);
    let consumer_offset = offsets.query(group, topic, queue_id).unwrap_or(unread);
    let pulled = offsets.query_pull(group, topic, queue_id).unwrap_or(unread);
    let last_timestamp = match consumer_offset {
        ..=0 => None,
        consumer_offset => store.store_time(topic, queue_id, consumer_offset - 1),
    };
    OffsetWrapper {
        broker_offset: store.max_offset(topic, queue_id).unwrap_or(0),
        consumer_offset,
        last_timestamp: last_timestamp.unwrap_or(0),
        pull_offset: pulled.max(consumer_offset),
    }
}

impl Processor<CloneGroupOffset> for OffsetAdmin {
    async fn process(&self, incoming: Incoming<CloneGroupOffset>) -> ReplyResult<CloneGroupOffset> {
        let header = &incoming.header;
        let (source, destination) = (&header.src_group, &header.dest_group);
        tracing::info!(source, destination, peer = %incoming.peer.peer_addr(), "offsets are to be cloned");
        let is_offline = header.offline.unwrap_or(false);
        for topic in self.named_or_all(source, header.topic.as_deref()) {
            if !self.topics.contains(&topic) || !(is_offline || self.may_consume(source, &topic)) {
                tracing::warn!(topic, source, "offsets not cloned: no such topic, or not subscribed to");
                continue;
            }
            self.offsets
                .clone_group(source, destination, &topic)
                .map_err(|error| Refusal::system_error(error.to_string()))?;
        }
        Ok(Reply::success())
    }
}

impl Processor<QueryCorrectionOffset> for OffsetAdmin {
    async fn process(&self, incoming: Incoming<QueryCorrectionOffset>) -> ReplyResult<QueryCorrectionOffset> {
        let header = incoming.header;
        let compared = self.offsets.query_all(&header.compare_group, &header.topic).unwrap_or_default();
        let (offsets, queues) = (Arc::clone(&self.offsets), Arc::clone(&self.queues));
        // Every offset of the table is looked at: never on a worker of the runtime.
        let read = move || {
            let names = header.filter_groups.unwrap_or_default();
            let except: Vec<&str> = names.split(GROUP_SEPARATOR).filter(|name| !name.is_empty()).collect();
            offsets.min_in_all_groups(&header.topic, &except, &*queues)
        };
        let mut correction_offsets = queues::read(usize::MAX, read).await?;
        for (queue_id, smallest) in &mut correction_offsets {
            if compared.get(queue_id).is_some_and(|own| *smallest > *own) {
                *smallest = i64::MAX;
            }
        }
        Ok(Reply::success().with_body(fastjson::to_vec(&QueryCorrectionOffsetBody { correction_offsets })))
    }
}

impl Processor<GetAllConsumerOffset> for OffsetAdmin {
    async fn process(&self, _: Incoming<GetAllConsumerOffset>) -> ReplyResult<GetAllConsumerOffset> {
        let offsets = Arc::clone(&self.offsets);
        let write = move || {
            let snapshot = offsets.snapshot();
            fastjson::to_vec(&ConsumerOffsetSerializeWrapper {
                data_version: snapshot.data_version,
                group_topic_map: offsets.group_topics(),
                offset_table: snapshot.offset_table,
            })
        };
        Ok(Reply::success().with_body(queues::read(usize::MAX, write).await?))
    }
}

impl Processor<GetAllDelayOffset> for OffsetAdmin {
    async fn process(&self, _: Incoming<GetAllDelayOffset>) -> ReplyResult<GetAllDelayOffset> {
        Ok(Reply::success().with_body(self.schedule.encode_offsets()))
    }
}

#[cfg(test)]
#[path = "offsets_tests.rs"]
mod tests;
