//! Static topics seen from outside: where their logical queues are and end.

use std::collections::BTreeMap;

use client::routes::mock_broker;
use common::fastjson::ObjectKey;
use remoting::{
    body::{
        admin::{ConsumeStats, MappingOfTopic, OffsetWrapper, TopicOffset, TopicStatsTable},
        consumer::MessageQueue,
        queue_mapping::{LogicQueueMappingItem, TopicQueueMappingDetail},
        route::TopicRouteData,
    },
    headers::topic::GetTopicConfigRequestHeader,
    request::GetTopicConfig,
    response_code::ResponseCode,
};

use crate::{
    error::AdminError,
    remote::{Remote, addrs_of},
};

/// The mappings that the brokers of a route have of a topic.
pub(crate) async fn mappings(
    remote: &Remote,
    topic: &str,
    route: &TopicRouteData,
) -> Result<Vec<TopicQueueMappingDetail>, AdminError> {
    let mut mappings = Vec::new();
    for addr in addrs_of(route) {
        let header = GetTopicConfigRequestHeader { topic: topic.to_owned(), lo: Some(true) };
        match remote.body::<GetTopicConfig, MappingOfTopic>(addr, header).await {
            Ok(config) => mappings.extend(config.mapping_detail),
            Err(error) if error.code() == Some(ResponseCode::TOPIC_NOT_EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(mappings)
}

/// A logical queue: the mapping that leads it, and its stretches.
type Led<'a> = (&'a TopicQueueMappingDetail, &'a [LogicQueueMappingItem]);

/// The logical queues by number, each as the latest mapping that leads it has it.
pub(crate) fn led_queues(mappings: &[TopicQueueMappingDetail]) -> BTreeMap<i32, Led<'_>> {
    let mut latest_first: Vec<_> = mappings.iter().collect();
    latest_first.sort_by_key(|mapping| std::cmp::Reverse(mapping.epoch));
    let mut led = BTreeMap::new();
    for mapping in latest_first {
        for (queue_id, items) in
            mapping.hosted_queues.iter().filter(|(queue_id, _)| mapping.leads(**queue_id))
        {
            led.entry(*queue_id).or_insert((mapping, items.as_slice()));
        }
    }
    led
}

fn logical_queue(topic: &str, mapping: &TopicQueueMappingDetail, queue_id: i32) -> ObjectKey<MessageQueue> {
    ObjectKey(MessageQueue::new(topic, mock_broker(&mapping.scope), queue_id))
}

fn physical_queue(topic: &str, item: &LogicQueueMappingItem) -> ObjectKey<MessageQueue> {
    ObjectKey(MessageQueue::new(topic, &*item.bname, item.queue_id))
}

/// Adds where the logical queues begin and end to where the physical ones do (`convertPhysicalTopicStats`).
pub(crate) fn add_logical_stats(
    topic: &str,
    mappings: &[TopicQueueMappingDetail],
    stats: &mut TopicStatsTable,
) {
    for (queue_id, (mapping, items)) in led_queues(mappings) {
        let mut decided = items.iter().filter(|item| item.is_decided());
        let Some(first) = decided.next() else { continue };
        let last = decided.next_back().unwrap_or(first);
        let offsets = |item| stats.offset_table.get(&physical_queue(topic, item));
        let (Some(begin), Some(end)) = (offsets(first), offsets(last)) else { continue };
        let logical = TopicOffset {
            last_update_timestamp: end.last_update_timestamp,
            max_offset: last.logical(end.max_offset).max(0),
            min_offset: first.logical_within(begin.min_offset).max(0),
        };
        stats.offset_table.insert(logical_queue(topic, mapping, queue_id), logical);
    }
}

/// Adds how far a group is in the logical queues (`convertPhysicalConsumeStats`).
pub(crate) fn add_logical_progress(
    topic: &str,
    mappings: &[TopicQueueMappingDetail],
    physical: &ConsumeStats,
    stats: &mut ConsumeStats,
) {
    for (queue_id, (mapping, items)) in led_queues(mappings) {
        let (mut consumed, mut end) = (None, None);
        for item in items.iter().rev() {
            let Some(offsets) = physical.offset_table.get(&physical_queue(topic, item)) else { continue };
            if consumed.is_none() && offsets.consumer_offset >= 0 {
                consumed = Some((offsets.consumer_offset, offsets.last_timestamp));
            }
            if end.is_none() && item.is_decided() {
                end = Some(item.logical(offsets.broker_offset)).filter(|end| *end >= 0);
            }
        }
        if let (Some((consumer_offset, last_timestamp)), Some(broker_offset)) = (consumed, end) {
            let progress = OffsetWrapper { broker_offset, consumer_offset, last_timestamp, pull_offset: 0 };
            stats.offset_table.insert(logical_queue(topic, mapping, queue_id), progress);
        }
    }
}
