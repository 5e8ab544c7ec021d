//! One `ConsumeQueue`: its bounds, its tail, appending and reading.
//!
//! A unit has a *place*: how many units would stand before it if none had expired. In a simple queue that is
//! its queue offset.
//!
//! Two locks: `state` guards what is in memory and is held for nanoseconds, `io` lets one at a time change
//! the files. Who takes both takes `io` first; nobody waits for a file while holding `state`.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    QueueKind, QueuedUnit, UNIT_BYTES, Unit,
    batch::BatchBounds,
    batch_unit::{AtPlace, decode_all},
    files::Shared,
};
use crate::fs::Disk;

/// A tail of this size is written by whoever appends to it, so that a hot queue does not wait for the
/// flusher with more and more memory.
const TAIL_WRITE_BYTES: usize = 64 * 1024;

/// A tail grows by this much at least.
const TAIL_STEP_BYTES: usize = 4 * UNIT_BYTES;

/// A tail of this size takes no more units until it is written.
const TAIL_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// What became of a unit handed to [`ConsumeQueue::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is the new last unit.
    Appended,
    /// It is the new last unit, and this many queue offsets before it have no message: it is not in the
    /// CommitLog any more. In a simple queue their places became [`Unit::BLANK`].
    AppendedAfterGap {
        /// How many queue offsets have no message.
        blank_count: i64,
    },
    /// The queue has a unit at that offset already, as after a restart that dispatches again.
    AlreadyPresent,
    /// The place held nothing or a record further on in the CommitLog, and holds the unit now.
    Repaired,
}

impl AppendOutcome {
    pub(super) fn after_gap(blank_count: i64) -> Self {
        if blank_count == 0 { Self::Appended } else { Self::AppendedAfterGap { blank_count } }
    }
}

/// Why a unit was not appended. The queue is as before.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The topic was deleted; look the queue up again.
    #[error("consume queue is deleted")]
    Deleted,
    /// The offset is further ahead than a damaged log explains: more likely the offset itself is damaged.
    #[error("queue offset {queue_offset} is far beyond the next one, {next_queue_offset}")]
    GapTooLarge {
        /// The offset that was asked for.
        queue_offset: i64,
        /// The offset that would be next.
        next_queue_offset: i64,
    },
    /// A negative offset, or one whose byte position no file can have.
    #[error("queue offset {queue_offset} is not one a queue can have")]
    OutOfRange {
        /// The offset that was asked for.
        queue_offset: i64,
    },
    /// Not a unit that stands for a record, or not one of this kind of queue.
    #[error("unit has no valid phy offset and size, or is of another kind of queue: {0:?}")]
    InvalidUnit(Unit),
    /// The files of the queue could not be written, and its tail is full.
    #[error("consume queue cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// One queue of a topic, RocketMQ's `ConsumeQueue`. Got from [`super::ConsumeQueueTable`].
#[derive(Debug)]
pub struct ConsumeQueue {
    pub(super) shared: Arc<Shared>,
    pub(super) kind: QueueKind,
    pub(super) topic: Arc<str>,
    pub(super) queue_id: i32,
    /// Names this queue in the file cache.
    pub(super) number: u64,
    /// Place of the first unit whose record still exists. Written under `state`.
    pub(super) min: AtomicI64,
    /// Place after the last unit. Written under `state`.
    pub(super) max: AtomicI64,
    pub(super) io: Mutex<()>,
    pub(super) state: Mutex<State>,
}

/// What `ConsumeQueue::state` guards. Kept small: there is one for each of many idle queues.
#[derive(Debug)]
pub(super) struct State {
    /// Place up to which units are in the files; the tail begins here.
    pub(super) written: i64,
    /// Encoded units `[written, max)`; without a buffer when empty.
    pub(super) tail: Vec<u8>,
    /// Bases of the first and of the last file, `None` while there is none.
    pub(super) files: Option<(i64, i64)>,
    /// Base of the first file written since the queue was last made durable.
    pub(super) unsynced_from: Option<i64>,
    /// The last unit that stands for a record.
    pub(super) last: Option<Unit>,
    /// Physical offset of the unit at `min`, where known.
    pub(super) min_unit_phy_offset: Option<i64>,
    /// Of a batch queue only.
    pub(super) batch: Option<Box<BatchBounds>>,
    /// Whether the queue is in the list of dirty ones.
    pub(super) is_listed_dirty: bool,
    /// Whether a file was created since directories were last made durable.
    pub(super) has_new_file: bool,
    pub(super) is_deleted: bool,
}

impl State {
    /// The state of a queue that has nothing yet.
    pub(super) fn empty(kind: QueueKind) -> Self {
        Self {
            batch: (kind == QueueKind::Batch).then(Box::default),
            written: 0,
            tail: Vec::new(),
            files: None,
            unsynced_from: None,
            last: None,
            min_unit_phy_offset: None,
            is_listed_dirty: false,
            has_new_file: false,
            is_deleted: false,
        }
    }

    /// Room for another unit in the tail. It grows by a quarter instead of twofold: there may be very many of them.
    fn make_room(&mut self) {
        if self.tail.capacity() - self.tail.len() < UNIT_BYTES {
            self.tail.reserve_exact(TAIL_STEP_BYTES.max(self.tail.len() / 4));
        }
    }

    /// Whether `unit` should stand where `present` stands: the first record that claims a queue offset has
    /// it, so only what is no record or a later one gives way.
    fn gives_way(present: &Unit, unit: &Unit) -> bool {
        !present.is_message() || present.phy_offset > unit.phy_offset
    }
}

impl ConsumeQueue {
    /// The topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The queue id.
    pub fn queue_id(&self) -> i32 {
        self.queue_id
    }

    /// What its units stand for.
    pub fn kind(&self) -> QueueKind {
        self.kind
    }

    /// Queue offset of the first message whose record still exists, RocketMQ's `getMinOffsetInQueue`. Equal to
    /// [`Self::max_queue_offset`] when there is none.
    pub fn min_queue_offset(&self) -> i64 {
        match self.kind {
            QueueKind::Simple => self.min_place(),
            QueueKind::Batch => self.state.lock().batch.as_ref().map_or(0, |bounds| bounds.min),
        }
    }

    /// Queue offset after the last message, RocketMQ's `getMaxOffsetInQueue`: the offset the next message gets.
    pub fn max_queue_offset(&self) -> i64 {
        match self.kind {
            QueueKind::Simple => self.max_place(),
            QueueKind::Batch => self.state.lock().batch.as_ref().map_or(0, |bounds| bounds.max),
        }
    }

    pub(super) fn min_place(&self) -> i64 {
        self.min.load(Ordering::Acquire)
    }

    pub(super) fn max_place(&self) -> i64 {
        self.max.load(Ordering::Acquire)
    }

    /// Where the last record of this queue ends in the CommitLog, RocketMQ's `getMaxPhysicOffset`.
    pub fn max_phy_offset(&self) -> Option<i64> {
        self.state.lock().last.map(|unit| unit.end_phy_offset())
    }

    /// The last unit that stands for a record.
    pub fn last_unit(&self) -> Option<Unit> {
        self.state.lock().last
    }

    /// The first queue offset of the file after the one `queue_offset` stands in, RocketMQ's `rollNextFile`:
    /// where a reader goes on that finds nothing in a file.
    pub fn roll_next_file(&self, queue_offset: i64) -> io::Result<i64> {
        match self.kind {
            QueueKind::Simple => Ok(self.file_end(queue_offset)),
            QueueKind::Batch => self.roll_next_batch_file(queue_offset),
        }
    }

    /// Appends the unit of the message at `queue_offset`, RocketMQ's `putMessagePositionInfo`. It can be read
    /// at once and is written to its file later.
    ///
    /// The same unit may be appended again. Offsets that are skipped become blank; a queue that never had a
    /// message, or none whose record still exists, begins at whatever offset comes first.
    pub fn append(self: &Arc<Self>, queue_offset: i64, unit: Unit) -> Result<AppendOutcome, AppendError> {
        let places = i64::MAX / UNIT_BYTES as i64 - self.layout().units_per_file;
        if !(0..places).contains(&queue_offset) {
            return Err(AppendError::OutOfRange { queue_offset });
        }
        if !unit.is_message() || self.kind != QueueKind::Simple {
            return Err(AppendError::InvalidUnit(unit));
        }
        loop {
            let mut state = match self.turn_to_append()? {
                AppendTurn::Now(state) => state,
                AppendTurn::Again => continue,
            };
            let next_queue_offset = self.max.load(Ordering::Relaxed);
            if queue_offset < next_queue_offset {
                drop(state);
                return Ok(self.append_again(queue_offset, unit)?);
            }
            let has_no_message = self.min.load(Ordering::Relaxed) == next_queue_offset;
            let gap = queue_offset - next_queue_offset;
            let reach = self.layout().units_per_file;
            let base = self.layout().base_of(queue_offset);
            let has_nothing = state.files.is_none() && state.tail.is_empty();
            if has_no_message && base > next_queue_offset && (gap > reach || has_nothing) {
                drop(state);
                self.restart_at(base, next_queue_offset)?;
                continue;
            }
            if gap > reach {
                return Err(AppendError::GapTooLarge { queue_offset, next_queue_offset });
            }
            for _ in 0..gap {
                state.tail.extend_from_slice(&Unit::BLANK.encode());
            }
            state.make_room();
            state.tail.extend_from_slice(&unit.encode());
            state.last = Some(unit);
            if has_no_message {
                state.min_unit_phy_offset = Some(unit.phy_offset);
                self.min.store(queue_offset, Ordering::Release);
            }
            self.max.store(queue_offset + 1, Ordering::Release);
            self.after_append(state);
            return Ok(AppendOutcome::after_gap(gap));
        }
    }

    /// Takes the lock under which a unit is appended, when there is room for it.
    pub(super) fn turn_to_append(self: &Arc<Self>) -> Result<AppendTurn<'_>, AppendError> {
        let state = self.state.lock();
        if state.is_deleted {
            return Err(AppendError::Deleted);
        }
        if state.tail.len() < TAIL_LIMIT_BYTES {
            return Ok(AppendTurn::Now(state));
        }
        drop(state);
        self.write_tail(&self.io.lock())?;
        Ok(AppendTurn::Again)
    }

    /// Sees to it that a unit that is in the tail now gets to its file.
    pub(super) fn after_append(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let newly_dirty = !std::mem::replace(&mut state.is_listed_dirty, true);
        let tail_bytes = state.tail.len();
        drop(state);
        if newly_dirty {
            self.shared.dirty.lock().push(Arc::downgrade(self));
        }
        if tail_bytes >= TAIL_WRITE_BYTES
            && let Some(io) = self.io.try_lock()
        {
            // A failure leaves the units in the tail: the flusher meets it again and tells.
            let _met_again = self.write_tail(&io);
        }
    }

    /// A unit for a place the queue has already.
    fn append_again(self: &Arc<Self>, queue_offset: i64, unit: Unit) -> io::Result<AppendOutcome> {
        let _io = self.io.lock();
        let first = {
            let mut state = self.state.lock();
            if queue_offset >= state.written {
                let index = (queue_offset - state.written) as usize;
                let place = state.tail.as_chunks_mut::<UNIT_BYTES>().0.get_mut(index);
                return Ok(match place {
                    Some(place) if State::gives_way(&Unit::decode(place), &unit) => {
                        *place = unit.encode();
                        self.note_repaired(&mut state, queue_offset, unit);
                        AppendOutcome::Repaired
                    }
                    _ => AppendOutcome::AlreadyPresent,
                });
            }
            let Some((first, _)) = state.files else { return Ok(AppendOutcome::AlreadyPresent) };
            first
        };
        let base = self.layout().base_of(queue_offset);
        let file = self.open_or_create_file(base)?;
        let mut present = [0; UNIT_BYTES];
        file.read_exact_at(&mut present, self.position_in_file(queue_offset))?;
        // Before the first file a crash took one whose records are still there: nothing in it counts.
        if base >= first && !State::gives_way(&Unit::decode(&present), &unit) {
            return Ok(AppendOutcome::AlreadyPresent);
        }
        file.write_all_at(&unit.encode(), self.position_in_file(queue_offset))?;
        let mut state = self.state.lock();
        if base < first {
            state.files = state.files.map(|(first, last)| (first.min(base), last));
        }
        // The file may be one that was missing.
        state.has_new_file = true;
        self.note_repaired(&mut state, queue_offset, unit);
        self.note_unsynced(&mut state, base);
        Ok(AppendOutcome::Repaired)
    }

    pub(super) fn note_repaired(&self, state: &mut State, queue_offset: i64, unit: Unit) {
        if queue_offset + 1 == self.max.load(Ordering::Relaxed) {
            state.last = Some(unit);
        }
        // Its record is there, whatever the queue was thought to begin with.
        if queue_offset <= self.min.load(Ordering::Relaxed) {
            self.min.store(queue_offset, Ordering::Release);
            state.min_unit_phy_offset = Some(unit.phy_offset);
        }
    }

    /// Lets a queue without messages go on at `base`, the start of a file, and drops the files it has.
    /// Nothing happens if the queue has moved on from `seen_max` meanwhile.
    fn restart_at(&self, base: i64, seen_max: i64) -> io::Result<()> {
        let _io = self.io.lock();
        let files = {
            let state = self.state.lock();
            let max = self.max.load(Ordering::Relaxed);
            if max != seen_max || self.min.load(Ordering::Relaxed) != max {
                return Ok(());
            }
            state.files
        };
        if let Some((first, last)) = files {
            tracing::warn!(
                topic = &*self.topic,
                queue_id = self.queue_id,
                expired_until = seen_max,
                goes_on_at = base,
                "consume queue has no message left and goes on further ahead"
            );
            let mut doomed = last;
            while doomed >= first {
                self.remove_file(doomed)?;
                doomed -= self.layout().units_per_file;
            }
        }
        let mut state = self.state.lock();
        if self.max.load(Ordering::Relaxed) == seen_max {
            state.written = base;
            state.tail = Vec::new();
            state.files = None;
            state.unsynced_from = None;
            state.last = None;
            state.min_unit_phy_offset = None;
            self.max.store(base, Ordering::Release);
            self.min.store(base, Ordering::Release);
        }
        Ok(())
    }

    /// Reads up to `max_count` consecutive units from the one on that has `queue_offset`, RocketMQ's
    /// `iterateFrom`. Empty outside of `[min, max)` and where a file is missing: go on at
    /// [`Self::roll_next_file`] then. A unit may be [`Unit::BLANK`].
    pub fn read_queued(
        &self,
        disk: Disk,
        queue_offset: i64,
        max_count: usize,
    ) -> io::Result<Vec<QueuedUnit>> {
        match self.kind {
            QueueKind::Simple => {
                let units = self.read_with(disk, queue_offset, max_count)?;
                let queued = |(queue_offset, unit)| QueuedUnit { unit, queue_offset, message_count: 1 };
                Ok((queue_offset..).zip(units).map(queued).collect())
            }
            QueueKind::Batch => self.read_batches(disk, queue_offset, max_count),
        }
    }

    /// Reads up to `max_count` consecutive units of a simple queue from `queue_offset` on. Empty outside of
    /// `[min, max)` and where a file is missing. A unit may be [`Unit::BLANK`].
    pub fn read(&self, queue_offset: i64, max_count: usize) -> io::Result<Vec<Unit>> {
        self.read_with(Disk::MayWait, queue_offset, max_count)
    }

    /// As [`Self::read`], waiting for the disk or not.
    pub fn read_with(&self, disk: Disk, queue_offset: i64, max_count: usize) -> io::Result<Vec<Unit>> {
        if queue_offset < self.min_place() {
            return Ok(Vec::new());
        }
        self.read_from_any(disk, queue_offset, max_count)
    }

    /// Reads what is at up to `max_count` consecutive places of any queue, expired units too, as long as their
    /// file is there.
    pub(super) fn read_from_any<T: AtPlace>(
        &self,
        disk: Disk,
        place: i64,
        max_count: usize,
    ) -> io::Result<Vec<T>> {
        let unit_bytes = self.layout().unit_bytes();
        let max_count = i64::try_from(max_count).unwrap_or(i64::MAX);
        let mut from_tail = Vec::new();
        let (until, written) = {
            let state = self.state.lock();
            let until = self.max.load(Ordering::Relaxed).min(place.saturating_add(max_count));
            let from = place.max(state.written);
            if from < until {
                let skip = (from - state.written) as usize * unit_bytes;
                let count = (until - from) as usize * unit_bytes;
                let bytes = state.tail.get(skip..skip + count).unwrap_or_default();
                if place >= state.written {
                    return Ok(decode_all(bytes, unit_bytes).collect());
                }
                from_tail.extend(decode_all::<T>(bytes, unit_bytes));
            }
            (until, state.written)
        };
        if place < 0 || place >= until {
            return Ok(Vec::new());
        }
        let file_end = until.min(written);
        let mut units = Vec::with_capacity((until - place) as usize);
        self.read_files(disk, place, file_end, &mut units)?;
        if units.len() as i64 == file_end - place {
            units.append(&mut from_tail);
        }
        Ok(units)
    }

    /// The unit at one place; `None` outside of the queue and where its file is missing.
    pub(crate) fn unit_at(&self, place: i64) -> io::Result<Option<Unit>> {
        Ok(self.read_from_any(Disk::MayWait, place, 1)?.first().copied())
    }
}

/// Whether a unit can be appended now.
pub(super) enum AppendTurn<'a> {
    /// It can, with this lock held.
    Now(MutexGuard<'a, State>),
    /// The tail had to be written first; look again.
    Again,
}
