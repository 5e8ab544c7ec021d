//! Cutting queues: at their end after a crash, at their start as the CommitLog expires, and whole.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use super::{ConsumeQueue, QueueKind, Unit, batch_unit::decode_all};
use crate::fs::Disk;

/// More damaged units in a row than this before the first good one count as expired: a page has some 200.
const DAMAGE_COUNT: i64 = 256;

impl ConsumeQueue {
    /// The last unit that stands for a record, looked for on disk.
    pub(super) fn find_last_message(&self) -> io::Result<Option<Unit>> {
        let mut next = self.max_place();
        let first = self.min_place();
        // Nearly always the very last one: a queue ends with a blank only where a crash tore a row of them.
        while next > first {
            next -= 1;
            match self.unit_at(next)? {
                Some(unit) if unit.is_message() => return Ok(Some(unit)),
                Some(_) => {}
                None => next = self.layout().base_of(next),
            }
        }
        Ok(None)
    }

    /// The first place in `[low, high)` whose record is at `phy_offset` or behind it, with its unit.
    pub(super) fn first_at_or_behind(
        &self,
        phy_offset: i64,
        mut low: i64,
        mut high: i64,
    ) -> io::Result<Option<(i64, Unit)>> {
        let end = high;
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next_message(middle, end)? {
                Some((place, unit)) if unit.phy_offset >= phy_offset => {
                    found = Some((place, unit));
                    high = middle;
                }
                Some((place, _)) => low = place + 1,
                // Nothing further on but blanks or a lost file.
                None => high = middle,
            }
        }
        Ok(found)
    }

    /// The first place in `[from, until)` with a unit that stands for a record.
    pub(super) fn next_message(&self, from: i64, until: i64) -> io::Result<Option<(i64, Unit)>> {
        let mut next = from;
        let mut count = 1;
        while next < until {
            let count_left = count.min((until - next) as usize);
            let units = self.read_from_any::<Unit>(Disk::MayWait, next, count_left)?;
            if let Some(found) = (next..).zip(units.iter()).find(|(_, unit)| unit.is_message()) {
                return Ok(Some((found.0, *found.1)));
            }
            next = if units.is_empty() { self.file_end(next) } else { next + units.len() as i64 };
            count = 256;
        }
        Ok(None)
    }

    /// Moves the minimum up to the first unit whose record is at `min_phy_offset` or behind it, RocketMQ's
    /// `correctMinOffset`. Where no record is left, the minimum becomes the maximum.
    pub(super) fn correct_min(&self, min_phy_offset: i64) -> io::Result<()> {
        self.correct_min_place(min_phy_offset)?;
        self.note_first_batch()
    }

    fn correct_min_place(&self, min_phy_offset: i64) -> io::Result<()> {
        let (low, high) = {
            let state = self.state.lock();
            let (min, max) = (self.min.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed));
            if state.min_unit_phy_offset.is_some_and(|phy_offset| phy_offset >= min_phy_offset) || min >= max
            {
                return Ok(());
            }
            if state.last.is_none_or(|last| last.phy_offset < min_phy_offset) {
                drop(state);
                self.set_min(max, None);
                return Ok(());
            }
            (min, max)
        };
        match self.first_at_or_behind(min_phy_offset, low, high)? {
            Some((queue_offset, unit)) => {
                self.set_min(self.before_damage(low, queue_offset)?, Some(unit.phy_offset));
            }
            None => self.set_min(high, None),
        }
        Ok(())
    }

    /// Units before the first one that is not expired may be damaged and stand for messages all the same.
    fn before_damage(&self, low: i64, mut queue_offset: i64) -> io::Result<i64> {
        let reach = low.max(queue_offset.saturating_sub(DAMAGE_COUNT));
        while queue_offset > reach {
            match self.unit_at(queue_offset - 1)? {
                Some(unit) if !unit.is_message() && !unit.is_blank() => queue_offset -= 1,
                _ => break,
            }
        }
        Ok(queue_offset)
    }

    /// Moves the minimum up, unless something else has moved it further or cut the queue meanwhile.
    fn set_min(&self, place: i64, phy_offset: Option<i64>) {
        let mut state = self.state.lock();
        let bounds = self.min.load(Ordering::Relaxed)..=self.max.load(Ordering::Relaxed);
        if bounds.contains(&place) {
            state.min_unit_phy_offset = phy_offset;
            self.min.store(place, Ordering::Release);
        }
    }

    /// Removes files whose last record is before `min_phy_offset`, never the last file, and corrects the
    /// minimum; RocketMQ's `deleteExpiredFile`. Answers how many files.
    pub(super) fn delete_files_below(&self, min_phy_offset: i64) -> io::Result<usize> {
        let is_intact = {
            let state = self.state.lock();
            state.min_unit_phy_offset.is_some_and(|phy_offset| phy_offset >= min_phy_offset)
                && state
                    .files
                    .is_none_or(|(first, _)| self.layout().base_of(self.min.load(Ordering::Relaxed)) == first)
        };
        if is_intact {
            return Ok(0);
        }
        let _io = self.io.lock();
        let mut removed_count = 0;
        loop {
            let Some((first, last)) = self.state.lock().files else { break };
            if first >= last {
                break;
            }
            let end = first + self.layout().units_per_file;
            let last_unit = self.unit_at(end - 1)?;
            // A file that is missing or ends with blanks is judged by what follows it.
            let judge = match last_unit {
                Some(unit) if unit.is_message() => Some(unit),
                _ => self.next_message(end, self.max_place())?.map(|(_, unit)| unit),
            };
            if judge.is_none_or(|unit| unit.phy_offset >= min_phy_offset) {
                break;
            }
            let mut state = self.state.lock();
            state.files = Some((end, last));
            if self.min.load(Ordering::Relaxed) < end {
                state.min_unit_phy_offset = None;
                self.min.store(end, Ordering::Release);
            }
            drop(state);
            self.remove_file(first)?;
            removed_count += 1;
        }
        self.correct_min(min_phy_offset)?;
        Ok(removed_count)
    }

    /// Drops all units whose record is at `phy_offset` or behind it, RocketMQ's `truncateDirtyLogicFiles`,
    /// and whatever else the files hold after the first of them, as a power cut may leave it. The first file
    /// stays, so that the queue goes on from its offset.
    ///
    /// Units before `phy_offset` must stand without a hole: see [`super::ConsumeQueueTable::truncate_after`].
    pub(super) fn truncate(self: &Arc<Self>, phy_offset: i64) -> io::Result<()> {
        // Most queues have nothing there: nobody wrote to them when it happened. Those of batches must end with their
        // last unit, as the next one stands right behind it.
        let ends_before = self.state.lock().last.is_some_and(|last| last.phy_offset < phy_offset);
        if ends_before && self.kind == QueueKind::Simple {
            return Ok(());
        }
        let _io = self.io.lock();
        let is_good = |unit: &Unit| unit.is_written() && unit.phy_offset < phy_offset;
        let Some((first, last)) = self.state.lock().files else {
            self.truncate_tail(None, is_good);
            return self.note_truncated();
        };
        let mut base = last;
        let mut is_changed = false;
        let end = loop {
            let file = self.open_or_create_file(base)?;
            let count = match self.kind {
                QueueKind::Simple => self.good_prefix(&*file, base, is_good)?,
                QueueKind::Batch => self.good_batches(&*file, base, phy_offset)?,
            };
            if count > 0 || base <= first {
                is_changed |= self.clear_behind(&*file, count)?;
                break base + count;
            }
            self.remove_file(base)?;
            is_changed = true;
            base -= self.layout().units_per_file;
            self.state.lock().files = Some((first, base));
        };
        if is_changed {
            let mut state = self.state.lock();
            state.has_new_file |= base < last;
            self.note_unsynced(&mut state, base);
        }
        self.truncate_tail(Some(end), is_good);
        self.note_truncated()
    }

    /// Cuts the tail where it stops being good; all of it when the files end before it, at `files_end`.
    fn truncate_tail(&self, files_end: Option<i64>, is_good: impl Fn(&Unit) -> bool) {
        let mut state = self.state.lock();
        let unit_bytes = self.layout().unit_bytes();
        let files_end = files_end.unwrap_or(state.written);
        let kept_count = if files_end == state.written {
            // Blanks belong to the unit after them.
            let units: Vec<Unit> = decode_all(&state.tail, unit_bytes).collect();
            let cut = units.iter().position(|unit| !unit.is_blank() && !is_good(unit)).unwrap_or(units.len());
            units.iter().take(cut).rposition(|unit| !unit.is_blank()).map_or(0, |last| last + 1)
        } else {
            0
        };
        state.tail.truncate(kept_count * unit_bytes);
        state.tail.shrink_to_fit();
        state.written = files_end;
        let max = files_end + kept_count as i64;
        self.max.store(max, Ordering::Release);
        self.min.fetch_min(max, Ordering::AcqRel);
    }

    /// Brings what is known of the last and the first unit in line with a queue that was cut.
    fn note_truncated(&self) -> io::Result<()> {
        let last = self.find_last_message()?;
        let mut state = self.state.lock();
        state.last = last;
        let max = self.max.load(Ordering::Relaxed);
        if last.is_none() || self.min.load(Ordering::Relaxed) >= max {
            self.min.store(max, Ordering::Release);
            state.min_unit_phy_offset = None;
        }
        drop(state);
        self.note_last_batch()
    }

    /// Removes the queue with its directory, RocketMQ's `destroy`. It takes no more units.
    pub(super) fn destroy(&self) -> io::Result<()> {
        let _io = self.io.lock();
        let files = {
            let mut state = self.state.lock();
            state.is_deleted = true;
            state.tail = Vec::new();
            state.unsynced_from = None;
            state.last = None;
            state.min_unit_phy_offset = None;
            state.batch = (self.kind == QueueKind::Batch).then(Box::default);
            self.min.store(0, Ordering::Release);
            self.max.store(0, Ordering::Release);
            state.files.take()
        };
        if let Some((first, last)) = files {
            let mut base = first;
            while base <= last {
                self.remove_file(base)?;
                base += self.layout().units_per_file;
            }
        }
        match self.shared.fs.remove_dir(&self.dir()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
