//! Finding a queue offset by store time, RocketMQ's `getOffsetInQueueByTime`.
//!
//! Store times do not decrease along a queue, so it is searched by bisecting. (Where the clock was set back they do,
//! and a search for a time that was there twice may find either.) What each boundary answers:
//!
//! ```text
//! store time    10  20  20  40        timestamp    5   10   20   30   40   50
//! queue offset   0   1   2   3        Lower        0    0    1    3    3    4
//!                                     Upper        0    0    2    2    3    3
//! ```

use std::io;

use super::{ConsumeQueue, QueueKind, Unit};

/// Which offset is asked for where several messages, or none, have the timestamp; RocketMQ's `BoundaryType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The first message stored at the timestamp or later; the maximum offset when there is none.
    Lower,
    /// The last message stored at the timestamp or earlier; the minimum offset when there is none.
    Upper,
}

/// How many units around one whose record cannot be read are tried in its place.
const PROBE_COUNT: i64 = 64;

impl ConsumeQueue {
    /// The queue offset at `timestamp` (milliseconds), always within `[min, max]`.
    ///
    /// `store_time_of` answers the store timestamp of the record at a physical offset with a size, `None`
    /// when it is not there any more. Answers the minimum when no record can be read.
    pub fn offset_by_time(
        &self,
        timestamp: i64,
        boundary: Boundary,
        store_time_of: &dyn Fn(i64, i32) -> Option<i64>,
    ) -> io::Result<i64> {
        if self.min_place() >= self.max_place() {
            return Ok(self.max_queue_offset());
        }
        let place = self.place_by_time(timestamp, boundary, store_time_of)?;
        match self.kind() {
            QueueKind::Simple => Ok(place),
            QueueKind::Batch => self.batch_offset_at(place),
        }
    }

    /// As [`Self::offset_by_time`], among places.
    fn place_by_time(
        &self,
        timestamp: i64,
        boundary: Boundary,
        store_time_of: &dyn Fn(i64, i32) -> Option<i64>,
    ) -> io::Result<i64> {
        let (min, max) = (self.min_place(), self.max_place());
        // What bisecting looks for is the first message that is too late.
        let is_too_late = |store_time: i64| match boundary {
            Boundary::Lower => store_time >= timestamp,
            Boundary::Upper => store_time > timestamp,
        };
        let (mut low, mut high) = (min, max);
        let (mut last_in_time, mut first_too_late) = (None, None);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.readable(middle, high, store_time_of)? {
                Some((place, store_time)) if is_too_late(store_time) => {
                    first_too_late = Some(place);
                    high = middle;
                }
                Some((place, _)) => {
                    last_in_time = Some(place);
                    low = place + 1;
                }
                None => high = middle,
            }
        }
        Ok(match boundary {
            Boundary::Lower if last_in_time.is_none() && first_too_late.is_none() => min,
            Boundary::Lower => first_too_late.unwrap_or(max),
            Boundary::Upper => last_in_time.unwrap_or(min),
        })
    }

    /// The first place in `[from, until)`, but not far behind `from`, whose record can be read, with its
    /// store time.
    fn readable(
        &self,
        from: i64,
        until: i64,
        store_time_of: &dyn Fn(i64, i32) -> Option<i64>,
    ) -> io::Result<Option<(i64, i64)>> {
        let of_unit = |unit: &Unit| {
            unit.is_message().then(|| store_time_of(unit.phy_offset, unit.size_bytes)).flatten()
        };
        let time = |place| match self.kind() {
            QueueKind::Simple => Ok(self.unit_at(place)?.as_ref().and_then(of_unit)),
            QueueKind::Batch => self.batch_store_time(place),
        };
        let mut next = from;
        let until_probe = until.min(from.saturating_add(PROBE_COUNT));
        while next < until_probe {
            if let Some(store_time) = time(next)? {
                return Ok(Some((next, store_time)));
            }
            next += 1;
        }
        Ok(None)
    }
}
