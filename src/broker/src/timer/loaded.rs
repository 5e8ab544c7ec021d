//! The messages of the slots at hand, in the order they are due, and the cancellations in those slots.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use store::timer::Block;

/// A message that leaves its slot soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    // The order of fields is that of deliveries.
    pub(super) at_millis: i64,
    pub(super) slot_millis: i64,
    pub(super) phy_offset: i64,
    pub(super) size_bytes: i32,
    pub(super) enqueue_millis: i64,
    pub(super) rolls: bool,
}

impl Due {
    /// A message of the timer log that is due then.
    pub(super) fn of(block: &Block, slot_millis: i64, at_millis: i64) -> Self {
        Self {
            at_millis,
            slot_millis,
            phy_offset: block.phy_offset,
            size_bytes: block.size_bytes,
            enqueue_millis: block.enqueue_millis,
            rolls: block.kind.rolls,
        }
    }
}

/// Slots that are read from the wheel, or came into being since.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    due: BinaryHeap<Reverse<Due>>,
    /// By slot; of each cancelled message whether it was there.
    slots: BTreeMap<i64, HashMap<String, WasFound>>,
}

/// Whether the message of a cancellation was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WasFound {
    Yes,
    No,
}

impl Loaded {
    /// Counts a slot as loaded, whatever is in it.
    pub(super) fn open_slot(&mut self, slot_millis: i64) {
        self.slots.entry(slot_millis).or_default();
    }

    pub(super) fn push(&mut self, due: Due) {
        self.open_slot(due.slot_millis);
        self.due.push(Reverse(due));
    }

    /// A message of the slot is cancelled.
    pub(super) fn cancel(&mut self, slot_millis: i64, key: String) {
        self.slots.entry(slot_millis).or_default().entry(key).or_insert(WasFound::No);
    }

    /// Whether a message of the slot was cancelled.
    pub(super) fn is_cancelled(&mut self, slot_millis: i64, key: &str) -> bool {
        let Some(found) = self.slots.get_mut(&slot_millis).and_then(|slot| slot.get_mut(key)) else {
            return false;
        };
        *found = WasFound::Yes;
        true
    }

    /// The message that is due next.
    pub(super) fn next(&self) -> Option<Due> {
        self.due.peek().map(|Reverse(due)| *due)
    }

    pub(super) fn pop(&mut self) {
        self.due.pop();
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// The next slot before a moment that nothing is left of; with the cancellations that found no message.
    pub(super) fn close_slot(&mut self, before_millis: i64) -> Option<(i64, Vec<String>)> {
        let first = self.slots.first_entry().filter(|slot| *slot.key() < before_millis)?;
        let (slot_millis, cancelled) = first.remove_entry();
        let unused = cancelled.into_iter().filter(|(_, found)| *found == WasFound::No);
        Some((slot_millis, unused.map(|(key, _)| key).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(at_millis: i64, slot_millis: i64, phy_offset: i64) -> Due {
        Due { at_millis, slot_millis, phy_offset, size_bytes: 1, enqueue_millis: 0, rolls: false }
    }

    #[test]
    fn messages_leave_by_time_then_slot_then_place() {
        let mut loaded = Loaded::default();
        for message in
            [due(2_000, 2_000, 1), due(2_000, 1_000, 9), due(1_500, 1_000, 5), due(1_500, 1_000, 4)]
        {
            loaded.push(message);
        }
        let mut order = Vec::new();
        while let Some(next) = loaded.next() {
            order.push(next.phy_offset);
            loaded.pop();
        }
        assert_eq!(order, [4, 5, 9, 1]);
    }

    #[test]
    fn cancellations_hold_for_their_slot() {
        let mut loaded = Loaded::default();
        loaded.cancel(1_000, "T+a".to_owned());
        loaded.cancel(1_000, "T+b".to_owned());
        assert!(loaded.is_cancelled(1_000, "T+a"));
        assert!(!loaded.is_cancelled(2_000, "T+a"));
        assert_eq!(loaded.close_slot(1_000), None);
        assert_eq!(loaded.close_slot(2_000), Some((1_000, vec!["T+b".to_owned()])));
        assert_eq!(loaded.close_slot(9_000), None);
    }
}
