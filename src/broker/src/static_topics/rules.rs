//! Which mapping may follow which.

use remoting::body::queue_mapping::{LogicQueueMappingItem, TopicQueueMappingDetail};
use thiserror::Error;

/// Logical queues of one topic, and stretches of one queue.
const QUEUES_MAX: usize = 65_536;
const STRETCHES_MAX: usize = 4_096;

/// Why a mapping is not taken; the texts are RocketMQ's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// A number below zero.
    #[error("The field is illegal, should not be negative")]
    Negative,
    /// Only the last stretch may begin anywhere.
    #[error("The non-latest item has negative logic offset")]
    Undecided,
    /// Generations are to grow.
    #[error("The gen does not increase monotonically")]
    Generation,
    /// A stretch ends before it begins.
    #[error("The endOffset is smaller than the start offset")]
    EndBeforeStart,
    /// A stretch begins before its predecessor.
    #[error("The base logic offset does not increase monotonically")]
    LogicOffset,
    /// A stretch begins before its predecessor ends.
    #[error("The max logic offset does not increase monotonically")]
    Overlap,
    /// The mapping is older than the one that is there.
    #[error("Can't accept data with small epoch {new} < {old}")]
    Epoch {
        /// That of the mapping.
        new: i64,
        /// That of the one that is there.
        old: i64,
    },
    /// The mapping is of another scope than the one that is there.
    #[error("Can't accept data with unmatched scope {new} != {old}")]
    Scope {
        /// That of the mapping.
        new: String,
        /// That of the one that is there.
        old: String,
    },
    /// A queue is missing in a mapping of the same epoch.
    #[error("Cannot accept equal epoch with null data")]
    MissingQueue,
    /// A queue that had stretches has none.
    #[error("The new item list is null or empty")]
    NoStretches,
    /// A stretch is another one than that of its generation that is there.
    #[error("The item of gen {0} is another one than before")]
    Changed(i32),
    /// Another broker or queue leads, in the same epoch.
    #[error("The new leader is different but epoch equal")]
    Leader,
    /// The mapping is that of another broker.
    #[error("The broker name is not equal {new} != {own} ")]
    ForeignBroker {
        /// The broker it names.
        new: String,
        /// This broker.
        own: String,
    },
    /// More queues or stretches than anybody needs.
    #[error("the mapping has too many queues or items")]
    TooLarge,
}

/// Whether a mapping may replace any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Only one it can follow.
    Checked,
    /// Any; queues it lacks stay as they are (`force`).
    Forced,
}

/// Checks a mapping by itself (`checkLogicQueueMappingItemOffset`).
pub(super) fn check(detail: &TopicQueueMappingDetail, own: &str) -> Result<(), MappingError> {
    if detail.bname != own {
        return Err(MappingError::ForeignBroker { new: detail.bname.clone(), own: own.to_owned() });
    }
    let queues = &detail.hosted_queues;
    if queues.len() > QUEUES_MAX || queues.values().any(|items| items.len() > STRETCHES_MAX) {
        return Err(MappingError::TooLarge);
    }
    queues.values().try_for_each(|items| check_stretches(items))
}

fn check_stretches(items: &[LogicQueueMappingItem]) -> Result<(), MappingError> {
    let mut next: Option<&LogicQueueMappingItem> = None;
    for item in items.iter().rev() {
        if item.start_offset < 0 || item.generation < 0 || item.queue_id < 0 {
            return Err(MappingError::Negative);
        }
        if item.end_offset != -1 && item.end_offset < item.start_offset {
            return Err(MappingError::EndBeforeStart);
        }
        if let Some(next) = next {
            check_neighbours(item, next)?;
        }
        next = Some(item);
    }
    Ok(())
}

fn check_neighbours(item: &LogicQueueMappingItem, next: &LogicQueueMappingItem) -> Result<(), MappingError> {
    if !item.is_decided() {
        return Err(MappingError::Undecided);
    }
    if item.generation >= next.generation {
        return Err(MappingError::Generation);
    }
    if !next.is_decided() {
        return Ok(());
    }
    if item.logic_offset >= next.logic_offset {
        return Err(MappingError::LogicOffset);
    }
    if item.logical_end() >= next.logic_offset {
        return Err(MappingError::Overlap);
    }
    Ok(())
}

/// What follows `old` when `new` is wanted (`updateTopicQueueMapping`): `new` with the queues it leaves out.
pub(super) fn follow(
    old: &TopicQueueMappingDetail,
    mut new: TopicQueueMappingDetail,
    replacement: Replacement,
) -> Result<TopicQueueMappingDetail, MappingError> {
    let is_forced = replacement == Replacement::Forced;
    if !is_forced && new.epoch < old.epoch {
        return Err(MappingError::Epoch { new: new.epoch, old: old.epoch });
    }
    if !is_forced && new.scope != old.scope {
        return Err(MappingError::Scope { new: new.scope, old: old.scope.clone() });
    }
    let same_epoch = new.epoch == old.epoch;
    for (queue_id, old_items) in &old.hosted_queues {
        match new.hosted_queues.get(queue_id) {
            Some(_) if is_forced => {}
            Some(new_items) => check_successor(old_items, new_items, same_epoch)?,
            None if same_epoch && !is_forced => return Err(MappingError::MissingQueue),
            None => {
                new.hosted_queues.insert(*queue_id, old_items.clone());
            }
        }
    }
    Ok(new)
}

/// Stretches may come and go at either end; those that stay are what they were
/// (`makeSureLogicQueueMappingItemImmutable`).
fn check_successor(
    old: &[LogicQueueMappingItem],
    new: &[LogicQueueMappingItem],
    same_epoch: bool,
) -> Result<(), MappingError> {
    let Some(old_leader) = old.last() else { return Ok(()) };
    let new_leader = new.last().ok_or(MappingError::NoStretches)?;
    for was in old {
        let is = new.iter().find(|item| item.generation == was.generation);
        let is_same = is.is_none_or(|is| {
            is_same_place(was, is) && (was.logic_offset == -1 || is.logic_offset == was.logic_offset)
        });
        if !is_same {
            return Err(MappingError::Changed(was.generation));
        }
    }
    let same_leader = new_leader.generation == old_leader.generation && is_same_place(old_leader, new_leader);
    if same_epoch && !same_leader {
        return Err(MappingError::Leader);
    }
    Ok(())
}

fn is_same_place(a: &LogicQueueMappingItem, b: &LogicQueueMappingItem) -> bool {
    a.bname == b.bname && a.queue_id == b.queue_id && a.start_offset == b.start_offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(generation: i32, bname: &str, logic_offset: i64) -> LogicQueueMappingItem {
        LogicQueueMappingItem {
            bname: bname.to_owned(),
            generation,
            logic_offset,
            ..LogicQueueMappingItem::default()
        }
    }

    fn detail(epoch: i64, items: Vec<LogicQueueMappingItem>) -> TopicQueueMappingDetail {
        TopicQueueMappingDetail {
            bname: "a".to_owned(),
            epoch,
            hosted_queues: [(0, items)].into(),
            ..TopicQueueMappingDetail::default()
        }
    }

    fn checked(items: Vec<LogicQueueMappingItem>) -> Result<(), MappingError> {
        check(&detail(1, items), "a")
    }

    #[test]
    fn stretches_stand_one_after_the_other() {
        assert_eq!(checked(vec![item(0, "a", 0), item(1, "b", 1_000), item(2, "c", -1)]), Ok(()));
        assert_eq!(checked(vec![item(0, "a", -1), item(1, "b", 9)]), Err(MappingError::Undecided));
        assert_eq!(checked(vec![item(1, "a", 0), item(1, "b", 9)]), Err(MappingError::Generation));
        assert_eq!(checked(vec![item(0, "a", 9), item(1, "b", 9)]), Err(MappingError::LogicOffset));
        let long = LogicQueueMappingItem { end_offset: 9, ..item(0, "a", 0) };
        assert_eq!(checked(vec![long, item(1, "b", 9)]), Err(MappingError::Overlap));
        let backwards = LogicQueueMappingItem { start_offset: 3, end_offset: 2, ..item(0, "a", 0) };
        assert_eq!(checked(vec![backwards]), Err(MappingError::EndBeforeStart));
        assert_eq!(checked(vec![item(-1, "a", 0)]), Err(MappingError::Negative));
        assert!(matches!(check(&detail(1, vec![]), "b"), Err(MappingError::ForeignBroker { .. })));
    }

    #[test]
    fn an_older_mapping_is_not_taken_unless_forced() {
        let old = detail(5, vec![item(0, "a", 0)]);
        let new = detail(4, vec![item(0, "a", 0)]);
        assert_eq!(
            follow(&old, new.clone(), Replacement::Checked),
            Err(MappingError::Epoch { new: 4, old: 5 })
        );
        assert_eq!(follow(&old, new.clone(), Replacement::Forced), Ok(new));
    }

    #[test]
    fn a_queue_left_out_stays_in_a_later_epoch() {
        let old = detail(5, vec![item(0, "a", 0)]);
        let new = |epoch| TopicQueueMappingDetail { hosted_queues: [].into(), ..detail(epoch, vec![]) };
        assert_eq!(follow(&old, new(5), Replacement::Checked), Err(MappingError::MissingQueue));
        let followed = follow(&old, new(6), Replacement::Checked).unwrap();
        assert_eq!(followed.hosted_queues, old.hosted_queues);
        assert_eq!(follow(&old, new(5), Replacement::Forced).unwrap().hosted_queues, old.hosted_queues);
    }

    #[test]
    fn the_leader_changes_with_the_epoch() {
        let old = detail(5, vec![item(0, "a", 0)]);
        let moved = || vec![item(0, "a", 0), item(1, "b", -1)];
        assert_eq!(follow(&old, detail(5, moved()), Replacement::Checked), Err(MappingError::Leader));
        let remapped = follow(&old, detail(6, moved()), Replacement::Checked).unwrap();
        // Deciding where the new leader begins, and forgetting the first stretch, change no leader.
        let decided = detail(6, vec![item(0, "a", 0), item(1, "b", 1_000)]);
        let decided = follow(&remapped, decided, Replacement::Checked).unwrap();
        assert!(follow(&decided, detail(6, vec![item(1, "b", 1_000)]), Replacement::Checked).is_ok());
        assert_eq!(
            follow(&decided, detail(7, vec![item(1, "b", 2_000)]), Replacement::Checked),
            Err(MappingError::Changed(1))
        );
        assert_eq!(follow(&decided, detail(7, vec![]), Replacement::Checked), Err(MappingError::NoStretches));
    }
}
