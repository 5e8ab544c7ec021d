//! Which broker gets which logical queue (`TopicQueueMappingUtils`).

use std::collections::{BTreeMap, BTreeSet};

use common::topic::TopicConfig;
use remoting::body::queue_mapping::{LogicQueueMappingItem, TopicQueueMappingDetail};
use serde::{Deserialize, Serialize};

use super::check::{self, Configs};
use crate::error::AdminError;

/// `TopicConfigAndQueueMapping`: what one broker knows of a static topic.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BrokerConfig {
    /// The topic.
    #[serde(flatten)]
    pub(crate) topic: TopicConfig,
    /// Its logical queues; absent when the topic is no static one there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mapping_detail: Option<TopicQueueMappingDetail>,
}

impl BrokerConfig {
    fn new(topic: &str, queues: i32, broker: &str, total_queues: i32, epoch: i64) -> Self {
        let mapping = TopicQueueMappingDetail {
            bname: broker.to_owned(),
            epoch,
            topic: topic.to_owned(),
            total_queues,
            ..TopicQueueMappingDetail::default()
        };
        Self { topic: TopicConfig::new(topic, queues), mapping_detail: Some(mapping) }
    }

    /// The logical queues, which a static topic has.
    pub(crate) fn mapping(&self, broker: &str) -> Result<&TopicQueueMappingDetail, AdminError> {
        self.mapping_detail
            .as_ref()
            .ok_or_else(|| AdminError::Failed(format!("Mapping info should not be null in broker {broker}")))
    }

    fn add_queue(&mut self) -> i32 {
        self.topic.write_queue_nums += 1;
        self.topic.read_queue_nums += 1;
        self.topic.write_queue_nums - 1
    }

    fn put(&mut self, queue_id: i32, items: Vec<LogicQueueMappingItem>) {
        if let Some(mapping) = &mut self.mapping_detail {
            mapping.hosted_queues.insert(queue_id, items);
        }
    }
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PlanKind {
    /// A topic is made, or gets more queues.
    #[default]
    CreateOrUpdate,
    /// Queues move to other brokers.
    Remapping,
}

/// `TopicRemappingDetailWrapper`: what every broker is to know of a static topic.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Plan {
    /// By broker.
    pub(crate) broker_config_map: Configs,
    /// Brokers that get queues.
    pub(crate) broker_to_map_in: BTreeSet<String>,
    /// Brokers that give queues away.
    pub(crate) broker_to_map_out: BTreeSet<String>,
    pub(crate) epoch: i64,
    pub(crate) topic: String,
    #[serde(rename = "type")]
    pub(crate) kind: PlanKind,
}

impl Plan {
    /// What brokers know now; `now` is the epoch of a topic nobody knows.
    pub(crate) fn current(topic: &str, configs: Configs, now: i64) -> Result<Self, AdminError> {
        let epoch = if configs.is_empty() { now } else { check::epoch_and_count(topic, &configs)?.0 };
        Ok(Self { broker_config_map: configs, epoch, topic: topic.to_owned(), ..Self::default() })
    }

    /// The plan for `count` queues on the brokers that have some and the `targets` (`createTopicConfigMapping`).
    pub(crate) fn grown(&self, count: i32, targets: &BTreeSet<String>, now: i64) -> Result<Self, AdminError> {
        let mut configs = self.broker_config_map.clone();
        let leaders = if configs.is_empty() {
            BTreeMap::new()
        } else {
            check::check_physical_queues(&configs)?;
            check::leaders(&configs)?
        };
        let known = i32::try_from(leaders.len()).unwrap_or(i32::MAX);
        if count < known {
            return Err(AdminError::Failed(format!(
                "Cannot decrease the queue num for static topic {count} < {known}"
            )));
        }
        if count == known {
            return Err(AdminError::Failed(
                "The topic queue num is equal the existed queue num, do nothing".to_owned(),
            ));
        }
        let mut shares: BTreeMap<&str, i32> = targets.iter().map(|name| (name.as_str(), 0)).collect();
        for leader in leaders.values().filter_map(|items| items.last()) {
            *shares.entry(&leader.bname).or_default() += 1;
        }
        let epoch = (self.epoch + 1000).max(now);
        for queue_id in known..count {
            let Some((broker, share)) = shares.iter_mut().min_by_key(|(_, share)| **share) else { break };
            *share += 1;
            let config = configs
                .entry((*broker).to_owned())
                .or_insert_with(|| BrokerConfig::new(&self.topic, 0, broker, 0, now));
            let item = LogicQueueMappingItem {
                bname: (*broker).to_owned(),
                queue_id: config.add_queue(),
                ..LogicQueueMappingItem::default()
            };
            config.put(queue_id, vec![item]);
        }
        self.checked(configs, epoch, count, PlanKind::CreateOrUpdate)
    }

    /// The plan for all queues on the `targets`, moving as few as that takes (`remappingStaticTopic`).
    pub(crate) fn moved(&self, targets: &BTreeSet<String>, now: i64) -> Result<Self, AdminError> {
        let mut configs = self.broker_config_map.clone();
        let (epoch, total) = check::epoch_and_count(&self.topic, &configs)?;
        let leaders = check::leaders(&configs)?;
        check::check_physical_queues(&configs)?;
        let epoch = (epoch + 1000).max(now);
        let (mut gaining, mut losing) = (BTreeSet::new(), BTreeSet::new());
        for (queue_id, broker) in destinations(&leaders, targets) {
            let Some(items) = leaders.get(&queue_id) else { continue };
            let Some(last) = items.last() else { continue };
            if last.bname == broker {
                continue;
            }
            let config = configs
                .entry(broker.clone())
                .or_insert_with(|| BrokerConfig::new(&self.topic, 0, &broker, total, epoch));
            let mut items = items.clone();
            items.push(LogicQueueMappingItem {
                bname: broker.clone(),
                generation: last.generation + 1,
                logic_offset: -1,
                queue_id: config.add_queue(),
                ..LogicQueueMappingItem::default()
            });
            config.put(queue_id, items.clone());
            if let Some(config) = configs.get_mut(&last.bname) {
                config.put(queue_id, items);
            }
            gaining.insert(broker);
            losing.insert(last.bname.clone());
        }
        let mut plan = self.checked(configs, epoch, total, PlanKind::Remapping)?;
        check::check_leaders(&check::leaders(&plan.broker_config_map)?, targets)?;
        plan.broker_to_map_in = gaining;
        plan.broker_to_map_out = losing;
        Ok(plan)
    }

    /// Brokers that get no queue know of the topic as well.
    pub(crate) fn complete(&mut self, brokers: &BTreeSet<String>) {
        let total = self.broker_config_map.values().find_map(|config| config.mapping_detail.as_ref());
        let Some(total) = total.map(|mapping| mapping.total_queues) else { return };
        for broker in brokers {
            let none = || BrokerConfig::new(&self.topic, 0, broker, total, self.epoch);
            self.broker_config_map.entry(broker.clone()).or_insert_with(none);
        }
    }

    /// Whether a plan that was read from a file can be one.
    pub(crate) fn check(&self, topic: &str) -> Result<(), AdminError> {
        check::epoch_and_count(topic, &self.broker_config_map)?;
        check::leaders(&self.broker_config_map).map(drop)
    }

    fn checked(
        &self,
        mut configs: Configs,
        epoch: i64,
        total: i32,
        kind: PlanKind,
    ) -> Result<Self, AdminError> {
        for mapping in configs.values_mut().filter_map(|config| config.mapping_detail.as_mut()) {
            mapping.epoch = epoch;
            mapping.total_queues = total;
        }
        check::epoch_and_count(&self.topic, &configs)?;
        check::leaders(&configs)?;
        check::check_physical_queues(&configs)?;
        Ok(Self {
            broker_config_map: configs,
            broker_to_map_in: BTreeSet::new(),
            broker_to_map_out: BTreeSet::new(),
            epoch,
            topic: self.topic.clone(),
            kind,
        })
    }
}

/// Where each queue goes: it stays while its broker has not more than its share.
fn destinations(
    leaders: &BTreeMap<i32, Vec<LogicQueueMappingItem>>,
    targets: &BTreeSet<String>,
) -> BTreeMap<i32, String> {
    let led = |broker: &str| {
        let lasts = leaders.values().filter_map(|items| items.last());
        lasts.filter(|last| last.bname == broker).count()
    };
    // Those that lead most keep most: the remainder goes to them.
    let mut order: Vec<&String> = targets.iter().collect();
    order.sort_by_key(|broker| std::cmp::Reverse(led(broker)));
    let (base, rest) = (leaders.len() / order.len().max(1), leaders.len() % order.len().max(1));
    let mut free: BTreeMap<&str, usize> = order
        .iter()
        .enumerate()
        .map(|(place, broker)| (broker.as_str(), base + usize::from(place < rest)))
        .collect();
    let mut destinations = BTreeMap::new();
    let mut homeless = Vec::new();
    for (queue_id, items) in leaders {
        let leader = items.last().map(|last| last.bname.as_str()).unwrap_or_default();
        match free.get_mut(leader).filter(|free| **free > 0) {
            Some(free) => {
                *free -= 1;
                destinations.insert(*queue_id, leader.to_owned());
            }
            None => homeless.push(*queue_id),
        }
    }
    let places = free.iter().flat_map(|(broker, free)| std::iter::repeat_n(*broker, *free));
    destinations.extend(homeless.into_iter().zip(places.map(str::to_owned)));
    destinations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn led(plan: &Plan) -> BTreeMap<String, usize> {
        let leaders = check::leaders(&plan.broker_config_map).unwrap();
        let mut led = BTreeMap::new();
        for items in leaders.values() {
            *led.entry(items.last().unwrap().bname.clone()).or_default() += 1;
        }
        led
    }

    #[test]
    fn queues_are_spread_evenly_and_only_grow() {
        let none = Plan::current("T", Configs::new(), 5_000).unwrap();
        let four = none.grown(4, &names(&["a", "b"]), 5_000).unwrap();
        assert_eq!(led(&four), [("a".to_owned(), 2), ("b".to_owned(), 2)].into());
        assert_eq!(four.broker_config_map["a"].topic.write_queue_nums, 2);
        let seven = four.grown(7, &names(&["a", "b", "c"]), 6_000).unwrap();
        assert_eq!(led(&seven), [("a".to_owned(), 3), ("b".to_owned(), 2), ("c".to_owned(), 2)].into());
        assert!(seven.epoch > four.epoch);
        assert!(seven.grown(7, &names(&["a"]), 7_000).is_err());
        assert!(seven.grown(6, &names(&["a"]), 7_000).is_err());
    }

    #[test]
    fn queues_move_no_more_than_needed() {
        let none = Plan::current("T", Configs::new(), 5_000).unwrap();
        let four = none.grown(4, &names(&["a", "b"]), 5_000).unwrap();
        let moved = four.moved(&names(&["b"]), 6_000).unwrap();
        assert_eq!(led(&moved), [("b".to_owned(), 4)].into());
        assert_eq!(
            (moved.broker_to_map_in.clone(), moved.broker_to_map_out.clone()),
            (names(&["b"]), names(&["a"]))
        );
        let last = &moved.broker_config_map["b"].mapping("b").unwrap().hosted_queues[&0];
        assert_eq!((last.len(), last[1].generation, last[1].logic_offset), (2, 1, -1));
    }
}
