//! Forgetting stretches that are no longer needed (`TopicQueueMappingCleanService`).
//!
//! In the hours of `deleteWhen` the leader of a queue forgets its first stretch once all messages of it are
//! deleted, and a broker forgets a queue whose leadership has moved on twice since it had it: the first
//! successor still sends clients on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use common::{fastjson, fastjson::ObjectKey};
use remoting::{
    body::{
        admin::{MappingOfTopic, TopicOffset, TopicStatsTable},
        consumer::MessageQueue,
        queue_mapping::TopicQueueMappingDetail,
        route::TopicQueueMappingInfo,
    },
    headers::topic::{GetTopicConfigRequestHeader, GetTopicStatsInfoRequestHeader},
    reply::Refusal,
    request::{GetTopicConfig, GetTopicStatsInfo, Request},
    response_code::ResponseCode,
};
use runtime::services::{Schedule, Services};

use super::{layer::StaticTopics, other_brokers::refused};

/// How often mappings are looked through.
const CLEAN_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(300), pause: Duration::from_secs(300) };

/// Cleans the mappings of a broker.
pub struct TopicQueueMappingCleanService {
    topics: Arc<StaticTopics>,
}

impl TopicQueueMappingCleanService {
    /// A service for these mappings.
    pub fn new(topics: Arc<StaticTopics>) -> Self {
        Self { topics }
    }

    /// Cleans from now on.
    pub fn start(self, services: &Services) {
        let service = Arc::new(self);
        services.every("queue-mapping-clean", CLEAN_SCAN, move || {
            let service = Arc::clone(&service);
            async move {
                if service.topics.store.is_delete_hour() {
                    service.clean().await;
                }
            }
        });
    }

    async fn clean(&self) {
        for (topic, detail) in self.topics.mappings.snapshot().1 {
            let cleaned = async {
                self.forget_empty_stretches(&topic, &detail).await?;
                self.forget_moved_queues(&topic, &detail).await
            };
            if let Err(refusal) = cleaned.await {
                tracing::warn!(
                    topic,
                    error = refusal.remark(),
                    "queue mapping not cleaned, trying again later"
                );
            }
        }
    }

    /// `cleanItemExpired`.
    async fn forget_empty_stretches(
        &self,
        topic: &str,
        detail: &TopicQueueMappingDetail,
    ) -> Result<(), Refusal> {
        let holders: BTreeSet<String> = first_stretches(detail).map(|(_, queue)| queue.broker_name).collect();
        let mut offsets = BTreeMap::new();
        for holder in holders {
            offsets.extend(self.offsets_of(topic, &holder, detail).await?);
        }
        let empty = empty_stretches(detail, &offsets);
        if !empty.is_empty() {
            tracing::info!(topic, ?empty, "first stretches of logical queues are empty, they are forgotten");
            self.topics.mappings.clean(topic, |detail| Some(without_first_stretches(detail, &empty)));
        }
        Ok(())
    }

    /// Where the queues of a topic begin and end on one broker.
    async fn offsets_of(
        &self,
        topic: &str,
        holder: &str,
        detail: &TopicQueueMappingDetail,
    ) -> Result<BTreeMap<MessageQueue, TopicOffset>, Refusal> {
        if holder == detail.bname {
            let here = first_stretches(detail).filter(|(_, queue)| queue.broker_name == holder);
            let store = &self.topics.store;
            return Ok(here
                .map(|(_, queue)| {
                    let offset = TopicOffset {
                        min_offset: store.min_offset(topic, queue.queue_id).unwrap_or(0),
                        max_offset: store.max_offset(topic, queue.queue_id).unwrap_or(0),
                        ..TopicOffset::default()
                    };
                    (queue, offset)
                })
                .collect());
        }
        let header = GetTopicStatsInfoRequestHeader { topic: topic.to_owned(), lo: Some(false) };
        let table: TopicStatsTable = self.ask_body::<GetTopicStatsInfo, _>(holder, header).await?;
        Ok(table.offset_table.into_iter().map(|(ObjectKey(queue), offset)| (queue, offset)).collect())
    }

    /// `cleanItemListMoreThanSecondGen`.
    async fn forget_moved_queues(
        &self,
        topic: &str,
        detail: &TopicQueueMappingDetail,
    ) -> Result<(), Refusal> {
        let moved: BTreeSet<i32> =
            detail.hosted_queues.keys().copied().filter(|queue_id| !detail.leads(*queue_id)).collect();
        if moved.is_empty() {
            return Ok(());
        }
        let route = self.topics.brokers.route(topic).await;
        let route = route.map_err(|error| Refusal::system_error(error.to_string()))?.unwrap_or_default();
        let leaders = leaders(&route.topic_queue_mapping_by_broker.unwrap_or_default());
        let mut there = BTreeMap::new();
        for leader in moved.iter().filter_map(|queue_id| leaders.get(queue_id)) {
            if !there.contains_key(leader) {
                let header = GetTopicConfigRequestHeader { topic: topic.to_owned(), lo: Some(true) };
                let config: MappingOfTopic = self.ask_body::<GetTopicConfig, _>(leader, header).await?;
                there.insert(leader.clone(), config.mapping_detail.unwrap_or_default());
            }
        }
        let forgotten: BTreeSet<i32> = moved
            .into_iter()
            .filter(|queue_id| {
                let leader = leaders.get(queue_id).and_then(|leader| there.get(leader));
                leader.is_some_and(|leader| has_moved_on(detail, leader, *queue_id))
            })
            .collect();
        if !forgotten.is_empty() {
            tracing::info!(topic, ?forgotten, "logical queues have moved on, they are forgotten here");
            self.topics
                .mappings
                .clean(topic, |now| (now.epoch == detail.epoch).then(|| without_queues(now, &forgotten)));
        }
        Ok(())
    }

    async fn ask_body<R: Request, T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        header: R::Header,
    ) -> Result<T, Refusal> {
        let answer = self.topics.brokers.ask::<R>(name, header).await?;
        if answer.code != ResponseCode::SUCCESS.0 {
            return Err(refused(name, &answer));
        }
        fastjson::from_slice(&answer.body)
            .map_err(|error| Refusal::system_error(format!("answer of broker {name}: {error}")))
    }
}

/// The physical queues of the first stretches of those queues that are led here and have several.
fn first_stretches(detail: &TopicQueueMappingDetail) -> impl Iterator<Item = (i32, MessageQueue)> {
    detail.hosted_queues.iter().filter_map(|(queue_id, items)| match items.as_slice() {
        [first, _, ..] if detail.leads(*queue_id) => {
            let holder = MessageQueue::new(detail.topic.as_str(), first.bname.as_str(), first.queue_id);
            Some((*queue_id, holder))
        }
        _ => None,
    })
}

/// The first stretches without messages: the generation of each by its queue.
fn empty_stretches(
    detail: &TopicQueueMappingDetail,
    offsets: &BTreeMap<MessageQueue, TopicOffset>,
) -> BTreeMap<i32, i32> {
    first_stretches(detail)
        .filter(|(_, holder)| {
            offsets
                .get(holder)
                .is_some_and(|offset| offset.max_offset == 0 || offset.max_offset == offset.min_offset)
        })
        .filter_map(|(queue_id, _)| {
            Some((queue_id, detail.hosted_queues.get(&queue_id)?.first()?.generation))
        })
        .collect()
}

fn without_first_stretches(
    detail: &TopicQueueMappingDetail,
    empty: &BTreeMap<i32, i32>,
) -> TopicQueueMappingDetail {
    let mut detail = detail.clone();
    for (queue_id, generation) in empty {
        if let Some(items) = detail.hosted_queues.get_mut(queue_id).filter(|items| items.len() > 1) {
            items.retain(|item| item.generation != *generation);
        }
    }
    detail
}

fn without_queues(detail: &TopicQueueMappingDetail, forgotten: &BTreeSet<i32>) -> TopicQueueMappingDetail {
    let mut detail = detail.clone();
    detail.hosted_queues.retain(|queue_id, _| !forgotten.contains(queue_id));
    detail
}

/// The broker that leads each queue, of two that claim to the one with the later mapping.
fn leaders(mappings: &BTreeMap<String, TopicQueueMappingInfo>) -> BTreeMap<i32, String> {
    let mut oldest_first: Vec<_> = mappings.values().collect();
    oldest_first.sort_by_key(|mapping| mapping.epoch);
    let led = |mapping: &TopicQueueMappingInfo| {
        let bname = mapping.bname.clone();
        mapping.curr_id_map.clone().into_keys().map(move |queue_id| (queue_id, bname.clone()))
    };
    oldest_first.into_iter().flat_map(led).collect()
}

/// Whether a queue is led by another broker than the one that followed us, and that one knows it.
fn has_moved_on(here: &TopicQueueMappingDetail, there: &TopicQueueMappingDetail, queue_id: i32) -> bool {
    let successor = here.hosted_queues.get(&queue_id).and_then(|items| items.last());
    there.epoch == here.epoch
        && there.total_queues == here.total_queues
        && there.leads(queue_id)
        && successor.is_some_and(|successor| successor.bname != there.bname)
}

#[cfg(test)]
mod tests {
    use remoting::body::queue_mapping::LogicQueueMappingItem;

    use super::*;

    fn item(generation: i32, bname: &str) -> LogicQueueMappingItem {
        LogicQueueMappingItem { bname: bname.to_owned(), generation, ..LogicQueueMappingItem::default() }
    }

    fn detail(bname: &str, items: Vec<LogicQueueMappingItem>) -> TopicQueueMappingDetail {
        TopicQueueMappingDetail {
            bname: bname.to_owned(),
            topic: "T".to_owned(),
            hosted_queues: [(0, items)].into(),
            ..TopicQueueMappingDetail::default()
        }
    }

    fn offsets(bname: &str, min_offset: i64, max_offset: i64) -> BTreeMap<MessageQueue, TopicOffset> {
        let offset = TopicOffset { min_offset, max_offset, ..TopicOffset::default() };
        [(MessageQueue::new("T", bname, 0), offset)].into()
    }

    #[test]
    fn an_empty_first_stretch_is_forgotten_by_the_leader() {
        let led = detail("b", vec![item(0, "a"), item(1, "b")]);
        assert!(empty_stretches(&led, &offsets("a", 3, 9)).is_empty());
        assert!(empty_stretches(&led, &BTreeMap::new()).is_empty());
        let empty = empty_stretches(&led, &offsets("a", 9, 9));
        assert_eq!(empty, [(0, 0)].into());
        let cleaned = without_first_stretches(&led, &empty);
        assert_eq!(cleaned.hosted_queues[&0], [item(1, "b")]);
        // The only stretch stays, and who does not lead does nothing.
        assert!(empty_stretches(&cleaned, &offsets("b", 0, 0)).is_empty());
        let follower = detail("a", vec![item(0, "a"), item(1, "b")]);
        assert!(empty_stretches(&follower, &offsets("a", 9, 9)).is_empty());
    }

    #[test]
    fn a_queue_that_moved_on_twice_is_forgotten() {
        let here = detail("a", vec![item(0, "a"), item(1, "b")]);
        let successor = detail("b", vec![item(0, "a"), item(1, "b")]);
        let later = detail("c", vec![item(0, "a"), item(1, "b"), item(2, "c")]);
        assert!(!has_moved_on(&here, &successor, 0));
        assert!(has_moved_on(&here, &later, 0));
        assert!(!has_moved_on(&here, &TopicQueueMappingDetail { epoch: 1, ..later }, 0));
        assert!(without_queues(&here, &[0].into()).hosted_queues.is_empty());
    }

    #[test]
    fn the_later_mapping_names_the_leader() {
        let info = |bname: &str, epoch| TopicQueueMappingInfo {
            bname: bname.to_owned(),
            curr_id_map: [(0, 0)].into(),
            epoch,
            ..TopicQueueMappingInfo::default()
        };
        let mappings = [("a".to_owned(), info("a", 2)), ("b".to_owned(), info("b", 1))].into();
        assert_eq!(leaders(&mappings), [(0, "a".to_owned())].into());
    }
}
