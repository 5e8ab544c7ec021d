//! Where the logical queues of a static topic are (`TopicQueueMappingDetail`).
//!
//! A logical queue is a row of stretches ([`LogicQueueMappingItem`]), oldest first, each held by one
//! physical queue of one broker. The broker of the last one leads the queue: it takes its messages.
//!
//! ```text
//! logical queue 0   0 ............ 1000 ............ 2000 ....
//!                   broker-a/0 @0    broker-b/3 @1000  broker-c/1 @2000, leads
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::route::{SCOPE_GLOBAL, TopicQueueMappingInfo, null_as_default};

/// `TopicQueueMappingDetail`: a [`TopicQueueMappingInfo`] and its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicQueueMappingDetail {
    /// Name of the broker.
    pub bname: String,
    /// Physical queue by logical queue.
    #[serde(deserialize_with = "null_as_default")]
    pub curr_id_map: BTreeMap<i32, i32>,
    /// Whether the mapping is being changed.
    pub dirty: bool,
    /// Which mapping this is.
    pub epoch: i64,
    /// Where each logical queue has been, oldest first.
    #[serde(deserialize_with = "null_as_default")]
    pub hosted_queues: BTreeMap<i32, Vec<LogicQueueMappingItem>>,
    /// Where the mapping holds.
    pub scope: String,
    /// The topic.
    pub topic: String,
    /// Number of logical queues.
    pub total_queues: i32,
}

impl Default for TopicQueueMappingDetail {
    fn default() -> Self {
        Self {
            bname: String::new(),
            curr_id_map: BTreeMap::new(),
            dirty: false,
            epoch: 0,
            hosted_queues: BTreeMap::new(),
            scope: SCOPE_GLOBAL.to_owned(),
            topic: String::new(),
            total_queues: 0,
        }
    }
}

impl TopicQueueMappingDetail {
    /// Whether the broker of this mapping leads a logical queue (`checkIfLeader`).
    pub fn leads(&self, queue_id: i32) -> bool {
        let items = self.hosted_queues.get(&queue_id);
        items.and_then(|items| items.last()).is_some_and(|leader| leader.bname == self.bname)
    }

    /// What NameServers keep of it: the queues this broker leads.
    pub fn to_info(&self) -> TopicQueueMappingInfo {
        let led = self.hosted_queues.iter().filter_map(|(queue_id, items)| {
            let leader = items.last().filter(|leader| leader.bname == self.bname)?;
            Some((*queue_id, leader.queue_id))
        });
        TopicQueueMappingInfo {
            bname: self.bname.clone(),
            curr_id_map: led.collect(),
            dirty: false,
            epoch: self.epoch,
            topic: self.topic.clone(),
            total_queues: self.total_queues,
            ..TopicQueueMappingInfo::default()
        }
    }
}

/// `LogicQueueMappingItem`: a stretch of a logical queue and the physical queue that holds it.
///
/// An end or a time of -1 is not decided yet; nor is a logical start of -1, which a queue has that takes
/// messages while it is not known yet where its predecessor ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogicQueueMappingItem {
    /// Name of the broker.
    pub bname: String,
    /// End of the stretch in the physical queue, exclusive.
    pub end_offset: i64,
    /// Which stretch of its queue this is.
    #[serde(rename = "gen")]
    pub generation: i32,
    /// Start of the stretch in the logical queue.
    pub logic_offset: i64,
    /// The physical queue.
    pub queue_id: i32,
    /// Start of the stretch in the physical queue.
    pub start_offset: i64,
    /// Milliseconds at which the stretch ended.
    pub time_of_end: i64,
    /// Milliseconds at which the stretch began.
    pub time_of_start: i64,
}

impl Default for LogicQueueMappingItem {
    fn default() -> Self {
        Self {
            bname: String::new(),
            end_offset: -1,
            generation: 0,
            logic_offset: 0,
            queue_id: 0,
            start_offset: 0,
            time_of_end: -1,
            time_of_start: -1,
        }
    }
}

impl LogicQueueMappingItem {
    /// Whether it is known where the stretch begins in the logical queue (`checkIfLogicoffsetDecided`).
    pub fn is_decided(&self) -> bool {
        self.logic_offset >= 0
    }

    /// Where the stretch ends in the physical queue, exclusive, if that is decided.
    pub fn physical_end(&self) -> Option<i64> {
        (self.end_offset > self.start_offset).then_some(self.end_offset)
    }

    /// The logical offset of a physical one; what lies before the stretch counts as its beginning
    /// (`computeStaticQueueOffsetStrictly`).
    pub fn logical(&self, physical: i64) -> i64 {
        self.logic_offset.saturating_add(physical.saturating_sub(self.start_offset).max(0))
    }

    /// The same, never beyond the end of the stretch; -1 while its beginning is not decided
    /// (`computeStaticQueueOffsetLoosely`).
    pub fn logical_within(&self, physical: i64) -> i64 {
        if !self.is_decided() {
            return -1;
        }
        let has_end = self.end_offset >= self.start_offset;
        self.logical(if has_end { physical.min(self.end_offset) } else { physical })
    }

    /// The physical offset of a logical one (`computePhysicalQueueOffset`).
    pub fn physical(&self, logical: i64) -> i64 {
        logical.saturating_sub(self.logic_offset).saturating_add(self.start_offset)
    }

    /// Where the stretch ends in the logical queue as far as that is decided
    /// (`computeMaxStaticQueueOffset`).
    pub fn logical_end(&self) -> i64 {
        if self.end_offset >= self.start_offset { self.logical(self.end_offset) } else { self.logic_offset }
    }

    /// What to add to a physical offset to get the logical one (`computeOffsetDelta`).
    pub fn offset_delta(&self) -> i64 {
        self.logic_offset.saturating_sub(self.start_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(logic_offset: i64, start_offset: i64, end_offset: i64) -> LogicQueueMappingItem {
        LogicQueueMappingItem { end_offset, logic_offset, start_offset, ..LogicQueueMappingItem::default() }
    }

    #[test]
    fn offsets_are_shifted_there_and_back() {
        let open = stretch(1_000, 5, -1);
        assert_eq!((open.logical(7), open.logical(3), open.physical(1_002)), (1_002, 1_000, 7));
        assert_eq!((open.logical_within(7), open.logical_end(), open.offset_delta()), (1_002, 1_000, 995));
        let ended = stretch(1_000, 5, 10);
        assert_eq!((ended.logical(12), ended.logical_within(12), ended.logical_end()), (1_007, 1_005, 1_005));
        assert_eq!((ended.physical_end(), open.physical_end()), (Some(10), None));
    }

    #[test]
    fn an_undecided_stretch_has_no_logical_offsets() {
        let undecided = stretch(-1, 0, -1);
        assert!(!undecided.is_decided());
        assert_eq!(undecided.logical_within(3), -1);
    }

    #[test]
    fn name_servers_hear_of_the_queues_a_broker_leads() {
        let item = |bname: &str, queue_id| LogicQueueMappingItem {
            bname: bname.to_owned(),
            queue_id,
            ..LogicQueueMappingItem::default()
        };
        let detail = TopicQueueMappingDetail {
            bname: "a".to_owned(),
            epoch: 7,
            hosted_queues: [
                (0, vec![item("a", 4)]),
                (1, vec![item("a", 5), item("b", 0)]),
                (2, vec![item("b", 1), item("a", 6)]),
            ]
            .into(),
            total_queues: 3,
            ..TopicQueueMappingDetail::default()
        };
        let info = detail.to_info();
        assert_eq!((info.curr_id_map, info.epoch, info.total_queues), ([(0, 4), (2, 6)].into(), 7, 3));
    }
}
