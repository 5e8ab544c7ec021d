//! Read repair: a unit of a `ConsumeQueue` that contradicts the CommitLog is found out when it is read, and written
//! again from the record that says to be at its place.
//!
//! That record stands between those of the nearest units before and behind that are right, so only the log between
//! them is read, and no more than a bounded stretch. What cannot be repaired so is served around and told once;
//! `ferrocket store rebuild-queues` reads all of the log.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::MessageStore;
use crate::{
    commit_log::intact_record,
    consume_queue::{ConsumeQueue, Unit},
    dispatch::queue_place,
};

/// How far before a wrong unit a right one is looked for: readers come from there, and have put them right.
const BEFORE_COUNT: i64 = 64;
/// And how far behind: a lost page of the file is some 200 units.
const BEHIND_COUNT: i64 = 1_024;
/// How much of the log is read for one unit.
const SCAN_BYTES: i64 = 64 << 20;
/// Places remembered as beyond repair. With more of them they are told, and tried, again.
const BEYOND_REPAIR_COUNT: usize = 4_096;

/// A place of a queue.
type Place = (Arc<str>, i32, i64);

/// What read repair remembers.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    beyond: Mutex<HashSet<Place>>,
    count: AtomicU64,
}

impl Repairs {
    fn is_beyond(&self, place: &Place) -> bool {
        self.beyond.lock().contains(place)
    }

    fn give_up(&self, place: Place) {
        let mut beyond = self.beyond.lock();
        if beyond.len() >= BEYOND_REPAIR_COUNT {
            beyond.clear();
        }
        beyond.insert(place);
    }
}

fn place(queue: &ConsumeQueue, queue_offset: i64) -> Place {
    (Arc::clone(queue.topic()), queue.queue_id(), queue_offset)
}

impl MessageStore {
    /// How many units of `ConsumeQueue`s were repaired since the store was opened.
    pub fn repaired_unit_count(&self) -> u64 {
        self.repairs.count.load(Ordering::Relaxed)
    }

    /// Whether it makes sense to call [`Self::repair_unit`], which reads from the disk.
    pub(super) fn may_repair(&self, queue: &ConsumeQueue, queue_offset: i64) -> bool {
        !self.repairs.is_beyond(&place(queue, queue_offset))
    }

    /// Finds the record of a place whose unit, as `seen`, is wrong, and points the queue to it. Answers the unit that is
    /// right; `None` where none is found.
    pub(super) fn repair_unit(
        &self,
        queue: &Arc<ConsumeQueue>,
        queue_offset: i64,
        seen: Unit,
    ) -> Option<Unit> {
        let (topic, queue_id) = (&**queue.topic(), queue.queue_id());
        let found = self.surroundings(queue, queue_offset).and_then(|range| {
            self.find_record(queue, queue_offset, range)
                .ok_or("the commit log has no intact record of it there")
        });
        let unit = match found {
            Ok(unit) => unit,
            Err(reason) => {
                tracing::error!(
                    topic,
                    queue_id,
                    queue_offset,
                    phy_offset = seen.phy_offset,
                    size_bytes = seen.size_bytes,
                    reason,
                    "message is not served: its queue does not point to an intact record of it"
                );
                self.repairs.give_up(place(queue, queue_offset));
                return None;
            }
        };
        match queue.replace_unit(queue_offset, seen, unit) {
            Ok(_) => {
                self.repairs.count.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    topic,
                    queue_id,
                    queue_offset,
                    ?seen,
                    ?unit,
                    "unit of a consume queue repaired"
                );
            }
            // What was found can be served all the same.
            Err(error) => tracing::warn!(topic, queue_id, queue_offset, %error, "unit not written"),
        }
        Some(unit)
    }

    /// The stretch of the log in which the record of a place stands.
    fn surroundings(&self, queue: &ConsumeQueue, queue_offset: i64) -> Result<Range<i64>, &'static str> {
        let (min, max) = (queue.min_queue_offset(), queue.max_queue_offset());
        let is_right = |at: i64| {
            let unit = queue.unit_at(at).ok().flatten().filter(Unit::is_message)?;
            self.is_record_of(queue, at, &unit).then_some(unit)
        };
        let before = (min.max(queue_offset - BEFORE_COUNT)..queue_offset).rev().find_map(is_right);
        let behind = (queue_offset + 1..max.min(queue_offset + BEHIND_COUNT)).find_map(is_right);
        let from = match before {
            Some(unit) => unit.end_phy_offset(),
            None if queue_offset - min <= BEFORE_COUNT => self.log.min_phy_offset(),
            None => return Err("the units before it are wrong too"),
        };
        let until = match behind {
            Some(unit) => unit.phy_offset,
            None if max - queue_offset <= BEHIND_COUNT => self.confirm_phy_offset(),
            None => return Err("the units behind it are wrong too"),
        };
        if until.saturating_sub(from) > SCAN_BYTES {
            return Err("too much of the commit log lies between the units around it");
        }
        Ok(from..until)
    }

    fn is_record_of(&self, queue: &ConsumeQueue, queue_offset: i64, unit: &Unit) -> bool {
        let bytes =
            usize::try_from(unit.size_bytes).ok().and_then(|size| self.log.slice(unit.phy_offset, size));
        bytes.is_some_and(|bytes| {
            intact_record(&bytes, unit.phy_offset).is_some_and(|record| {
                record.total_size() == bytes.len()
                    && record.topic() == &**queue.topic()
                    && record.queue_id() == queue.queue_id()
                    && record.queue_offset() == queue_offset
            })
        })
    }

    /// The first record in a stretch of the log that says to be at a place.
    fn find_record(&self, queue: &ConsumeQueue, queue_offset: i64, range: Range<i64>) -> Option<Unit> {
        let mut found = None;
        self.log.walk(range.start, range.end, |record, bytes| {
            let is_of_place = record.queue_offset() == queue_offset
                && record.queue_id() == queue.queue_id()
                && record.topic() == &**queue.topic()
                && intact_record(bytes, record.phy_offset()).is_some();
            found = is_of_place.then(|| queue_place(record, &self.levels)).flatten();
            found.is_none()
        });
        found.map(|place| place.unit)
    }
}
