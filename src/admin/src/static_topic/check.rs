//! Whether the mappings of all brokers make one topic (`TopicQueueMappingUtils.check…`).

use std::collections::{BTreeMap, BTreeSet};

use remoting::body::queue_mapping::{LogicQueueMappingItem, TopicQueueMappingDetail};

use super::plan::BrokerConfig;
use crate::error::AdminError;

/// What brokers know of a topic, by their names.
pub(super) type Configs = BTreeMap<String, BrokerConfig>;

fn wrong(problem: impl Into<String>) -> AdminError {
    AdminError::Failed(problem.into())
}

/// Epoch and number of queues, on which all brokers agree.
pub(super) fn epoch_and_count(topic: &str, configs: &Configs) -> Result<(i64, i32), AdminError> {
    let mut first: Option<&TopicQueueMappingDetail> = None;
    for (broker, config) in configs {
        let mapping = config.mapping(broker)?;
        if mapping.bname != *broker {
            return Err(wrong(format!("The broker name is not equal {broker} != {} ", mapping.bname)));
        }
        if mapping.dirty {
            return Err(wrong(format!("The mapping info is dirty in broker  {broker}")));
        }
        if mapping.topic != config.topic.topic_name || mapping.topic != topic {
            return Err(wrong(format!("The topic name is not match for broker  {broker}")));
        }
        let known = *first.get_or_insert(mapping);
        if known.scope != mapping.scope {
            return Err(wrong(format!(
                "scope does not match {} != {} in {broker}",
                mapping.scope, known.scope
            )));
        }
        if known.epoch != mapping.epoch {
            return Err(wrong(format!(
                "epoch does not match {} != {} in {broker}",
                known.epoch, mapping.epoch
            )));
        }
        if known.total_queues != mapping.total_queues {
            return Err(wrong(format!(
                "total queue number does not match {} != {} in {broker}",
                known.total_queues, mapping.total_queues
            )));
        }
    }
    let first = first.ok_or_else(|| wrong("No topic route to do the remapping"))?;
    Ok((first.epoch, first.total_queues))
}

/// The leader of each logical queue and its stretches; every queue has one, and no two share a physical queue.
pub(super) fn leaders(configs: &Configs) -> Result<BTreeMap<i32, Vec<LogicQueueMappingItem>>, AdminError> {
    let mut leaders = BTreeMap::new();
    let mut total = 0;
    for (broker, config) in configs {
        let mapping = config.mapping(broker)?;
        total = total.max(mapping.total_queues);
        for (queue_id, items) in &mapping.hosted_queues {
            check_stretches(items)?;
            if mapping.leads(*queue_id) && leaders.insert(*queue_id, items.clone()).is_some() {
                return Err(wrong(format!("The queue id is duplicated in broker {broker} {broker}")));
            }
        }
    }
    if usize::try_from(total).ok() != Some(leaders.len()) {
        return Err(wrong(format!(
            "The total queue number in config does not match the real hosted queues {total} != {}",
            leaders.len()
        )));
    }
    if let Some(absent) = (0..total).find(|queue_id| !leaders.contains_key(queue_id)) {
        return Err(wrong(format!("The queue number {absent} is not in globalIdMap")));
    }
    let mut physical = BTreeMap::new();
    for (queue_id, items) in &leaders {
        for item in items {
            if let Some(other) = physical.insert((item.bname.clone(), item.queue_id), *queue_id) {
                return Err(wrong(format!(
                    "global queue id {queue_id} and {other} shared the same physical queue {}-{}",
                    item.bname, item.queue_id
                )));
            }
        }
    }
    Ok(leaders)
}

/// Whether the stretches of a queue follow each other (`checkLogicQueueMappingItemOffset`).
fn check_stretches(items: &[LogicQueueMappingItem]) -> Result<(), AdminError> {
    let mut later: Option<&LogicQueueMappingItem> = None;
    for item in items.iter().rev() {
        if item.start_offset < 0 || item.generation < 0 || item.queue_id < 0 {
            return Err(wrong("The field is illegal, should not be negative"));
        }
        if item.end_offset != -1 && item.end_offset < item.start_offset {
            return Err(wrong("The endOffset is smaller than the start offset"));
        }
        if let Some(later) = later {
            if !item.is_decided() {
                return Err(wrong("The non-latest item has negative logic offset"));
            }
            if item.generation >= later.generation {
                return Err(wrong("The gen does not increase monotonically"));
            }
            if later.is_decided() && item.logic_offset >= later.logic_offset {
                return Err(wrong("The base logic offset does not increase monotonically"));
            }
            if later.is_decided() && item.logical_end() >= later.logic_offset {
                return Err(wrong("The max logic offset does not increase monotonically"));
            }
        }
        later = Some(item);
    }
    Ok(())
}

/// Whether every stretch is in a queue its broker has (`checkPhysicalQueueConsistence`).
pub(super) fn check_physical_queues(configs: &Configs) -> Result<(), AdminError> {
    for (broker, config) in configs {
        if config.topic.read_queue_nums < config.topic.write_queue_nums {
            return Err(wrong("Read queues is smaller than write queues"));
        }
        for item in config.mapping(broker)?.hosted_queues.values().flatten() {
            let holder =
                configs.get(&item.bname).ok_or_else(|| wrong("The broker of item does not exist"))?;
            if item.start_offset != 0 {
                return Err(wrong("The start offset does not begin from 0"));
            }
            if item.queue_id >= holder.topic.write_queue_nums {
                return Err(wrong("The physical queue id is overflow the write queues"));
            }
        }
    }
    Ok(())
}

/// Whether only wanted brokers lead queues.
pub(super) fn check_leaders(
    leaders: &BTreeMap<i32, Vec<LogicQueueMappingItem>>,
    targets: &BTreeSet<String>,
) -> Result<(), AdminError> {
    let mut lasts = leaders.values().filter_map(|items| items.last());
    if lasts.any(|leader| !targets.contains(&leader.bname)) {
        return Err(wrong("The leader broker does not in target broker"));
    }
    Ok(())
}
