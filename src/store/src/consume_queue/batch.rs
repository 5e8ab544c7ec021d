//! What a batch queue does otherwise than a simple one, RocketMQ's `BatchConsumeQueue`: its units stand one
//! behind the other, whatever queue offsets they have, and are found by bisecting.

use std::{io, sync::Arc, sync::atomic::Ordering};

use super::{
    AppendError, AppendOutcome, BATCH_UNIT_BYTES, BatchUnit, ConsumeQueue, QueueKind, QueuedUnit,
    batch_unit::decode_all, queue::AppendTurn,
};
use crate::fs::{Disk, StoreFile};

/// Units read in one system call.
const RUN_UNITS: usize = 256;
/// Queue offsets that may be missing before a unit. More are rather a damaged offset than a damaged log.
const MAX_GAP: i64 = 1 << 32;

/// Where the messages of a batch queue begin and end, in queue offsets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BatchBounds {
    pub(super) min: i64,
    pub(super) max: i64,
    /// Of the first message of the last unit, as long as the queue has one.
    last_base: i64,
}

impl BatchBounds {
    fn end_at(&mut self, last: &BatchUnit) {
        self.max = last.next_offset();
        self.last_base = last.base_offset;
    }
}

impl ConsumeQueue {
    /// Appends the unit of a record to a batch queue (`putBatchMessagePositionInfo`). It can be read at once and
    /// is written to its file later.
    ///
    /// The same unit may be appended again; so may one whose offsets the queue has: the first record that claims
    /// them has them.
    pub fn append_batch(self: &Arc<Self>, batch: BatchUnit) -> Result<AppendOutcome, AppendError> {
        if self.kind != QueueKind::Batch || !batch.is_messages() {
            return Err(AppendError::InvalidUnit(batch.unit));
        }
        loop {
            let mut state = match self.turn_to_append()? {
                AppendTurn::Now(state) => state,
                AppendTurn::Again => continue,
            };
            let place = self.max.load(Ordering::Relaxed);
            let has_messages = self.min.load(Ordering::Relaxed) < place;
            let bounds = state.batch.as_deref().copied().unwrap_or_default();
            let is_next = |last: super::Unit| {
                last.phy_offset < batch.unit.phy_offset && bounds.last_base < batch.base_offset
            };
            if !state.last.is_none_or(is_next) {
                return Ok(AppendOutcome::AlreadyPresent);
            }
            let gap = if has_messages { batch.base_offset.saturating_sub(bounds.max).max(0) } else { 0 };
            if gap > MAX_GAP {
                let (queue_offset, next_queue_offset) = (batch.base_offset, bounds.max);
                return Err(AppendError::GapTooLarge { queue_offset, next_queue_offset });
            }
            batch.encode_to(&mut state.tail);
            state.last = Some(batch.unit);
            if let Some(bounds) = state.batch.as_deref_mut() {
                bounds.end_at(&batch);
                if !has_messages {
                    bounds.min = batch.base_offset;
                }
            }
            if !has_messages {
                state.min_unit_phy_offset = Some(batch.unit.phy_offset);
            }
            self.max.store(place + 1, Ordering::Release);
            self.after_append(state);
            return Ok(AppendOutcome::after_gap(gap));
        }
    }

    /// Takes over where the messages end from the last unit, after the queue was loaded or cut.
    pub(super) fn note_last_batch(&self) -> io::Result<()> {
        if self.kind == QueueKind::Simple {
            return Ok(());
        }
        let last = self.batch_at(Disk::MayWait, self.max_place() - 1)?;
        if let Some(bounds) = self.state.lock().batch.as_deref_mut() {
            match last {
                Some(last) => bounds.end_at(&last),
                // What was cut off begins where the queue goes on.
                None => bounds.max = bounds.max.min(bounds.min),
            }
        }
        self.note_first_batch()
    }

    /// Takes over where the messages begin from the first unit, after the minimum has moved.
    pub(super) fn note_first_batch(&self) -> io::Result<()> {
        if self.kind == QueueKind::Simple {
            return Ok(());
        }
        loop {
            let place = self.min_place();
            let first = self.batch_at(Disk::MayWait, place)?;
            let mut state = self.state.lock();
            if self.min_place() != place {
                continue;
            }
            if let Some(bounds) = state.batch.as_deref_mut() {
                match first {
                    Some(first) => bounds.min = first.base_offset,
                    None if place >= self.max_place() => bounds.min = bounds.max,
                    // Appended meanwhile, or its file is missing.
                    None => {}
                }
            }
            return Ok(());
        }
    }

    /// The place of the last unit that begins at `queue_offset` or before.
    fn locate(&self, disk: Disk, queue_offset: i64) -> io::Result<Option<i64>> {
        let (bounds, min, max) = {
            let state = self.state.lock();
            (state.batch.as_deref().copied().unwrap_or_default(), self.min_place(), self.max_place())
        };
        if min >= max || queue_offset < bounds.min {
            return Ok(None);
        }
        // Consumers are mostly at the end.
        if queue_offset >= bounds.last_base {
            return Ok(Some(max - 1));
        }
        let (mut low, mut high) = (min, max - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.batch_at(disk, middle)? {
                Some(batch) if batch.base_offset <= queue_offset => low = middle + 1,
                // Of a file that is missing nothing is known: the units before it lead there.
                Some(_) | None => high = middle,
            }
        }
        Ok(Some((low - 1).max(min)))
    }

    fn batch_at(&self, disk: Disk, place: i64) -> io::Result<Option<BatchUnit>> {
        Ok(self.read_from_any(disk, place, 1)?.first().copied())
    }

    /// The batch that has `queue_offset`, or would have it if it were longer.
    pub(crate) fn find_batch(&self, queue_offset: i64) -> io::Result<Option<BatchUnit>> {
        match self.locate(Disk::MayWait, queue_offset)? {
            Some(place) => Ok(self.batch_at(Disk::MayWait, place)?.filter(BatchUnit::is_messages)),
            None => Ok(None),
        }
    }

    /// Up to which place of the file beginning at `base` there are batches stored before `phy_offset`, each behind
    /// the one before it. Of one that a power cut tore the first or the last bytes may be there.
    pub(super) fn good_batches(&self, file: &dyn StoreFile, base: i64, phy_offset: i64) -> io::Result<i64> {
        let mut bytes = [0; RUN_UNITS * BATCH_UNIT_BYTES];
        let (mut last, mut count): (Option<BatchUnit>, i64) = (None, 0);
        let mut next = base;
        let end = self.file_end(base);
        while next < end {
            let run = (end - next).min(RUN_UNITS as i64);
            let Some(target) = bytes.get_mut(..run as usize * BATCH_UNIT_BYTES) else { break };
            file.read_exact_at(target, self.position_in_file(next))?;
            for (place, batch) in (next..).zip(decode_all::<BatchUnit>(target, BATCH_UNIT_BYTES)) {
                let follows = last.is_none_or(|last| {
                    last.unit.phy_offset < batch.unit.phy_offset && last.next_offset() <= batch.base_offset
                });
                if batch.is_messages() && batch.unit.phy_offset < phy_offset && follows {
                    (last, count) = (Some(batch), place + 1 - base);
                }
            }
            next += run;
            if next < end && file.next_data(self.position_in_file(next))?.is_none() {
                break;
            }
        }
        Ok(count)
    }

    /// As [`Self::read_queued`], of a batch queue.
    pub(super) fn read_batches(
        &self,
        disk: Disk,
        queue_offset: i64,
        max_count: usize,
    ) -> io::Result<Vec<QueuedUnit>> {
        let Some(place) = self.locate(disk, queue_offset)? else { return Ok(Vec::new()) };
        let batches = self.read_from_any::<BatchUnit>(disk, place, max_count)?;
        let readable = batches.into_iter().take_while(BatchUnit::is_messages).map(QueuedUnit::from);
        Ok(readable.skip_while(|queued| queued.next_offset() <= queue_offset).collect())
    }

    /// As [`Self::roll_next_file`], of a batch queue.
    pub(super) fn roll_next_batch_file(&self, queue_offset: i64) -> io::Result<i64> {
        let mut place = self.locate(Disk::MayWait, queue_offset)?.unwrap_or_else(|| self.min_place());
        while place < self.max_place() {
            place = self.file_end(place);
            if let Some(batch) = self.batch_at(Disk::MayWait, place)?
                && batch.base_offset > queue_offset
            {
                return Ok(batch.base_offset);
            }
        }
        Ok(self.max_queue_offset())
    }

    /// Queue offset of the first message at a place; of the last one's batch behind the end, as RocketMQ answers
    /// when it is asked for a time after the last message.
    pub(super) fn batch_offset_at(&self, place: i64) -> io::Result<i64> {
        let batch = self.batch_at(Disk::MayWait, place.min(self.max_place() - 1))?;
        Ok(batch.map_or_else(|| self.max_queue_offset(), |batch| batch.base_offset))
    }

    /// When the record of a place was stored: its unit says so.
    pub(super) fn batch_store_time(&self, place: i64) -> io::Result<Option<i64>> {
        let batch = self.batch_at(Disk::MayWait, place)?.filter(BatchUnit::is_messages);
        Ok(batch.map(|batch| batch.store_timestamp))
    }
}
