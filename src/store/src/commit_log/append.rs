//! Appending records under the one short append lock.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use message::{
    encode::{Placement, PreparedRecord},
    record::{BLANK_HEADER_BYTES, BLANK_MAGIC},
};
use runtime::clock::Clock;

use super::CommitLog;
use crate::{
    error::IllegalMessage,
    mapped_file::{FileWriter, MappedFile, WriteError},
};

/// A clock that has gone back by less is being adjusted; by more, it was wrong before and has been set.
const ADJUSTMENT_MILLIS: i64 = 60_000;

/// The store timestamp of what is appended now, not before that of the record before it unless the clock was set
/// back: messages of a day that has not come yet would be delivered late, and never expire.
fn store_timestamp(now: i64, last: i64) -> i64 {
    if last.saturating_sub(now) > ADJUSTMENT_MILLIS { now } else { now.max(last) }
}

/// The time that waits for the append lock are measured by: the wall clock may jump while it is held.
pub(crate) fn lock_millis(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX).max(1)
}

/// What the append lock guards.
#[derive(Debug, Default)]
pub(super) struct Appender {
    /// Absent before the first append.
    writer: Option<FileWriter>,
}

/// Records that were not appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The next file could not be made.
    #[error("next commit log file: {0}")]
    CreateFile(io::Error),
    /// No blocks are left for them.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is known under the lock only is in their way.
    #[error(transparent)]
    Illegal(IllegalMessage),
    /// They are larger than a file.
    #[error("records of {0} bytes do not fit into a file")]
    TooLarge(usize),
}

/// Where records were appended.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) phy_offset: i64,
    pub(crate) further_phy_offsets: Vec<i64>,
    /// Of the first record.
    pub(crate) queue_offset: i64,
    /// After the last one.
    pub(crate) next_queue_offset: i64,
    pub(crate) store_timestamp: i64,
    pub(crate) wrote_bytes: usize,
}

impl Placed {
    /// Physical offset after the last record.
    pub(crate) fn end_phy_offset(&self) -> i64 {
        self.phy_offset + self.wrote_bytes as i64
    }
}

impl CommitLog {
    /// Appends records contiguously. Under the append lock `assign` says the queue offset of the first and adds
    /// to the records what depends on it, and after they can be read `published` is told of all.
    pub(crate) fn append<'a>(
        &self,
        records: &mut [PreparedRecord<'a>],
        clock: &dyn Clock,
        assign: impl FnOnce(&mut [PreparedRecord<'a>]) -> Result<QueueOffsets, IllegalMessage>,
        published: impl FnOnce(&Placed, &[PreparedRecord<'a>]),
    ) -> Result<Placed, AppendError> {
        let mut appender = self.appender.lock();
        let now = clock.now_millis();
        self.locked_since_millis.store(lock_millis(clock), Ordering::Relaxed);
        let outcome = self.append_locked(&mut appender, records, now, assign);
        if let Ok(placed) = &outcome {
            self.last_store_timestamp.store(placed.store_timestamp, Ordering::Release);
            self.end.store(placed.end_phy_offset(), Ordering::Release);
            published(placed, records);
        }
        self.locked_since_millis.store(0, Ordering::Relaxed);
        if appender.writer.as_ref().is_some_and(|writer| self.wants_room_ahead(writer.file())) {
            self.wants_room.raise();
        }
        outcome
    }

    fn append_locked<'a>(
        &self,
        appender: &mut Appender,
        records: &mut [PreparedRecord<'a>],
        now: i64,
        assign: impl FnOnce(&mut [PreparedRecord<'a>]) -> Result<QueueOffsets, IllegalMessage>,
    ) -> Result<Placed, AppendError> {
        let offsets = assign(records).map_err(AppendError::Illegal)?;
        let total: usize = records.iter().map(PreparedRecord::size_bytes).sum();
        if total + BLANK_HEADER_BYTES > self.files.file_size() {
            return Err(AppendError::TooLarge(total));
        }
        let writer = self.writer_with_room(appender, total + BLANK_HEADER_BYTES)?;
        let first = writer.phy_offset();
        let store_timestamp = store_timestamp(now, self.last_store_timestamp());
        let mut placed = Placed {
            phy_offset: first,
            further_phy_offsets: Vec::new(),
            queue_offset: offsets.first,
            next_queue_offset: offsets.first + offsets.step * records.len() as i64,
            store_timestamp,
            wrote_bytes: total,
        };
        if records.len() > 1 {
            placed.further_phy_offsets.reserve_exact(records.len() - 1);
        }
        writer.write(total, |mut target| {
            let mut queue_offset = offsets.first;
            let mut phy_offset = first;
            for record in &*records {
                if phy_offset != first {
                    placed.further_phy_offsets.push(phy_offset);
                }
                let placement = Placement { queue_offset, phy_offset, store_timestamp };
                let size = record.size_bytes();
                if let Some((place, rest)) = std::mem::take(&mut target).split_at_mut_checked(size) {
                    let fits = record.write(place, placement);
                    debug_assert!(fits, "the place has the record's size");
                    target = rest;
                }
                queue_offset += offsets.step;
                phy_offset += size as i64;
            }
        })?;
        writer.publish(total);
        Ok(placed)
    }

    /// The writer of a file with `needed` bytes left: the current one, or the next file's.
    fn writer_with_room<'a>(
        &self,
        appender: &'a mut Appender,
        needed: usize,
    ) -> Result<&'a mut FileWriter, AppendError> {
        if appender.writer.is_none() {
            appender.writer = self.files.last().filter(|file| !file.is_full()).and_then(|file| file.writer());
        }
        if let Some(writer) = &mut appender.writer
            && writer.remaining() < needed
        {
            self.finish_file(writer)?;
            appender.writer = None;
        }
        if appender.writer.is_none() {
            let file = self.roll().map_err(AppendError::CreateFile)?;
            appender.writer = file.writer();
        }
        appender.writer.as_mut().ok_or_else(|| {
            AppendError::CreateFile(io::Error::other("the last commit log file has another writer"))
        })
    }

    /// Fills the rest of a file with a blank.
    fn finish_file(&self, writer: &mut FileWriter) -> Result<(), AppendError> {
        let remaining = writer.remaining();
        if remaining >= BLANK_HEADER_BYTES {
            writer.write(BLANK_HEADER_BYTES, |target| {
                let (size, magic) = ((remaining as i32).to_be_bytes(), BLANK_MAGIC.to_be_bytes());
                for (place, byte) in target.iter_mut().zip(size.into_iter().chain(magic)) {
                    *place = byte;
                }
            })?;
        }
        writer.publish(remaining);
        self.end.store(writer.phy_offset(), Ordering::Release);
        Ok(())
    }

    /// Goes on to the next file, which may have been made ahead. Whoever makes a file holds `next_file` until
    /// it has its place, so that no two are made under one name.
    fn roll(&self) -> io::Result<Arc<MappedFile>> {
        let mut next = self.next_file.lock();
        let file = match next.take() {
            Some(file) => file,
            None => self.files.create_file(self.files.next_base())?,
        };
        self.has_next_file.store(false, Ordering::Release);
        self.files.push(Arc::clone(&file));
        Ok(file)
    }

    /// Runs `work` while nobody appends.
    pub(crate) fn while_not_appending<T>(&self, work: impl FnOnce() -> T) -> T {
        let _appender = self.appender.lock();
        work()
    }

    /// Lets go of the writer, so that the last file can be closed.
    pub(crate) fn stop_appending(&self) {
        self.appender.lock().writer = None;
    }
}

/// The queue offsets of records that are appended together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueOffsets {
    /// Of the first.
    pub(crate) first: i64,
    /// From one to the next: how many messages are in a record, 0 for records that are in no queue.
    pub(crate) step: i64,
}
