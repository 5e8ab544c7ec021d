//! How far all groups are: `GET_BROKER_CONSUME_STATS`.

use std::{collections::BTreeMap, sync::Arc};

use common::{config::BrokerConfig, fastjson, fastjson::ObjectKey};
use remoting::{
    body::{
        admin::{ConsumeStats, ConsumeStatsList, OffsetWrapper},
        consumer::MessageQueue,
    },
    reply::{Incoming, Reply, ReplyResult},
    request::GetBrokerConsumeStats,
    router::Processor,
};
use runtime::live::Live;
use store::message_store::MessageStore;

use super::queues;
use crate::{
    clients::ConsumerManager, groups::SubscriptionGroupManager, offsets::ConsumerOffsetManager,
    stats::BrokerStats, topics::TopicConfigManager,
};

/// Tells how far all groups of the broker are.
pub struct BrokerConsumeStats {
    pub(crate) config: Live<BrokerConfig>,
    /// The address announced to clients.
    pub(crate) broker_addr: String,
    pub(crate) tables: Arc<ConsumeTables>,
}

/// Where that stands.
pub(crate) struct ConsumeTables {
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) stats: Arc<BrokerStats>,
}

impl Processor<GetBrokerConsumeStats> for BrokerConsumeStats {
    async fn process(&self, incoming: Incoming<GetBrokerConsumeStats>) -> ReplyResult<GetBrokerConsumeStats> {
        let is_order = incoming.header.is_order;
        let tables = Arc::clone(&self.tables);
        let broker_name = self.config.now().broker_name.clone();
        let broker_addr = self.broker_addr.clone();
        let write = move || {
            let mut list = ConsumeStatsList { broker_addr, ..ConsumeStatsList::default() };
            for group in tables.groups.snapshot().groups.into_keys() {
                let stats = tables.of_group(&group, is_order, &broker_name);
                let wrappers = || stats.iter().flat_map(|stats| stats.offset_table.values());
                list.total_diff += wrappers().map(|at| at.broker_offset - at.consumer_offset).sum::<i64>();
                list.total_inflight_diff +=
                    wrappers().map(|at| at.pull_offset - at.consumer_offset).sum::<i64>();
                list.consume_stats_list.push(BTreeMap::from([(group, stats)]));
            }
            fastjson::to_vec(&list)
        };
        // Every queue of every group is looked at: never on a worker of the runtime.
        Ok(Reply::success().with_body(queues::read(usize::MAX, write).await?))
    }
}

impl ConsumeTables {
    /// The topics a group has offsets in and still subscribes to.
    fn of_group(&self, group: &str, is_order: bool, broker_name: &str) -> Vec<ConsumeStats> {
        let mut all = Vec::new();
        for topic in self.offsets.topics_of_group(group) {
            let Some(config) = self.topics.find(&topic) else {
                tracing::warn!(topic, group, "group consumes a topic that is not there");
                continue;
            };
            let is_left = self.consumers.find_subscription(group, &topic).is_none()
                && self.consumers.subscription_count(group) > 0;
            if is_left || (is_order && !config.order) {
                continue;
            }
            let at = |queue_id| {
                let queue = MessageQueue::new(topic.as_str(), broker_name, queue_id);
                (ObjectKey(queue), self.progress(group, &topic, queue_id))
            };
            all.push(ConsumeStats {
                consume_tps: self.stats.group_get_tps(&topic, group),
                offset_table: queues::queue_ids(config.write_queue_nums).map(at).collect(),
            });
        }
        all
    }

    /// As RocketMQ tells it here: without what was pulled.
    fn progress(&self, group: &str, topic: &str, queue_id: i32) -> OffsetWrapper {
        let consumer_offset = self.offsets.query(group, topic, queue_id).unwrap_or(0).max(0);
        let last = (consumer_offset > 0).then(|| self.store.store_time(topic, queue_id, consumer_offset - 1));
        OffsetWrapper {
            broker_offset: self.store.max_offset(topic, queue_id).unwrap_or(0),
            consumer_offset,
            last_timestamp: last.flatten().unwrap_or(0),
            pull_offset: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use remoting::headers::consumer::GetConsumeStatsInBrokerHeader;

    use super::*;
    use crate::processor::admin::testing::{Fixture, incoming, text};

    #[tokio::test]
    async fn all_groups_are_listed_with_what_they_lack() {
        let fixture = Fixture::new();
        fixture.topic("T", 1);
        fixture.store_messages("T", 0, 5);
        fixture.groups.find_or_create("G").unwrap();
        fixture.offsets.commit(&"client", "G", "T", 0, 2).unwrap();
        let stats = BrokerConsumeStats {
            config: fixture.config.clone(),
            broker_addr: "192.0.2.1:10911".to_owned(),
            tables: Arc::new(ConsumeTables {
                topics: Arc::clone(&fixture.topics),
                groups: Arc::clone(&fixture.groups),
                offsets: Arc::clone(&fixture.offsets),
                consumers: Arc::clone(&fixture.consumers),
                store: Arc::clone(&fixture.store),
                stats: Arc::clone(&fixture.stats),
            }),
        };
        let ask = async |is_order| {
            let header = GetConsumeStatsInBrokerHeader { is_order };
            let reply = stats.process(incoming::<GetBrokerConsumeStats>(header, "")).await.unwrap();
            fastjson::from_str::<ConsumeStatsList>(&text(&reply)).unwrap()
        };
        let list = ask(false).await;
        assert_eq!(
            (list.total_diff, list.total_inflight_diff, &*list.broker_addr),
            (3, -2, "192.0.2.1:10911")
        );
        let of_group = list.consume_stats_list.iter().find_map(|groups| groups.get("G")).unwrap();
        let at = of_group[0].offset_table.values().next().unwrap();
        assert_eq!((at.broker_offset, at.consumer_offset), (5, 2));
        assert!(at.last_timestamp > 0);
        assert_eq!(ask(true).await.total_diff, 0);
    }
}
