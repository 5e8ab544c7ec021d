//! The CommitLog: the row of files all messages are appended to, whatever their topic.
//!
//! ```text
//! | record | record | record ... | blank |   next file: | record ...
//!                                 a record and 8 bytes more did not fit here
//! ```
//!
//! Invariants:
//! - Records lie one after another in the order they were appended; batches are contiguous in one file.
//! - `flushed <= end`; what lies below `flushed` is on disk, what lies below `end` can be read.
//! - Store timestamps never decrease, but where the wall clock was set back by more than a minute.

mod append;
mod flush;
mod prepare;

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

use bytes::Bytes;
use message::record::{RecordView, Scanned, scan};
use parking_lot::Mutex;

use crate::{mapped_file::MappedFile, mapped_file_queue::MappedFileQueue, signal::Signal};

use append::Appender;
pub(crate) use append::{AppendError, Placed, QueueOffsets, lock_millis};

/// RocketMQ's `CommitLog`.
#[derive(Debug)]
pub(crate) struct CommitLog {
    files: MappedFileQueue,
    appender: Mutex<Appender>,
    /// Physical offset after the last byte that was there before this process.
    opened_at: i64,
    /// Physical offset after the last published byte.
    end: AtomicI64,
    /// Physical offset up to which everything is on disk.
    flushed: AtomicI64,
    /// Store timestamp of the last published record.
    last_store_timestamp: AtomicI64,
    /// Store timestamp of the last record known to be on disk.
    flushed_timestamp: AtomicI64,
    /// Since when somebody holds the append lock, as [`lock_millis`]; 0 while nobody does.
    locked_since_millis: AtomicI64,
    flushing: Mutex<()>,
    /// The file after the last one, made ahead of need.
    next_file: Mutex<Option<std::sync::Arc<MappedFile>>>,
    has_next_file: AtomicBool,
    /// Wakes the thread that makes room ahead of the appender.
    pub(crate) wants_room: Signal,
}

impl CommitLog {
    /// The log over recovered files; all of it counts as flushed.
    pub(crate) fn new(files: MappedFileQueue, last_store_timestamp: i64) -> Self {
        let end = files.max_phy_offset();
        Self {
            files,
            appender: Mutex::new(Appender::default()),
            opened_at: end,
            end: AtomicI64::new(end),
            flushed: AtomicI64::new(end),
            last_store_timestamp: AtomicI64::new(last_store_timestamp),
            flushed_timestamp: AtomicI64::new(last_store_timestamp),
            locked_since_millis: AtomicI64::new(0),
            flushing: Mutex::new(()),
            next_file: Mutex::new(None),
            has_next_file: AtomicBool::new(false),
            wants_room: Signal::default(),
        }
    }

    /// Its files.
    pub(crate) fn files(&self) -> &MappedFileQueue {
        &self.files
    }

    /// First physical offset.
    pub(crate) fn min_phy_offset(&self) -> i64 {
        self.files.min_phy_offset()
    }

    /// Physical offset after the last record.
    pub(crate) fn end(&self) -> i64 {
        self.end.load(Ordering::Acquire)
    }

    /// Physical offsets this process has written, the last `recent_bytes` at most: their pages are in memory.
    pub(crate) fn written_recently(&self, recent_bytes: i64) -> Range<i64> {
        let end = self.end();
        self.opened_at.max(end - recent_bytes)..end
    }

    /// Physical offset up to which everything is on disk.
    pub(crate) fn flushed(&self) -> i64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// Store timestamp of the last record.
    pub(crate) fn last_store_timestamp(&self) -> i64 {
        self.last_store_timestamp.load(Ordering::Acquire)
    }

    /// Store timestamp of the last record known to be on disk.
    pub(crate) fn flushed_timestamp(&self) -> i64 {
        self.flushed_timestamp.load(Ordering::Acquire)
    }

    /// Since when the append lock is held, as [`lock_millis`]; `None` while it is free.
    pub(crate) fn locked_since_millis(&self) -> Option<i64> {
        Some(self.locked_since_millis.load(Ordering::Relaxed)).filter(|since| *since != 0)
    }

    /// `size` bytes from a physical offset.
    pub(crate) fn slice(&self, phy_offset: i64, size: usize) -> Option<Bytes> {
        self.files.slice(phy_offset, size)
    }

    /// The record at a physical offset; `None` when none begins there or it is damaged.
    pub(crate) fn record(&self, phy_offset: i64) -> Option<Bytes> {
        let head = self.files.slice(phy_offset, 8)?;
        let size = i32::from_be_bytes(*head.first_chunk()?);
        let record = self.files.slice(phy_offset, usize::try_from(size).ok()?)?;
        intact_record(&record, phy_offset)?;
        Some(record)
    }

    /// Store timestamp of the record at a physical offset.
    pub(crate) fn store_time(&self, phy_offset: i64) -> Option<i64> {
        Some(RecordView::decode(&self.record(phy_offset)?).ok()?.store_timestamp())
    }

    /// Hands the records from `from` up to `until` to `visit`, in order, and answers where it stopped: at
    /// `until`, or where `visit` answered `false`. Damaged places were reported by recovery and are skipped
    /// to the end of their file.
    pub(crate) fn walk(
        &self,
        from: i64,
        until: i64,
        mut visit: impl FnMut(&RecordView<'_>, &Bytes) -> bool,
    ) -> i64 {
        let mut phy_offset = from.max(self.min_phy_offset());
        while phy_offset < until {
            let Some(bytes) = self.files.slice_from(phy_offset) else { break };
            let mut at = 0;
            let file_end = self.files.next_file_phy_offset(phy_offset);
            let next = loop {
                let here = phy_offset + at as i64;
                if here >= until || at >= bytes.len() {
                    break here;
                }
                match scan(bytes.get(at..).unwrap_or_default()) {
                    Ok(Scanned::Record(record)) => {
                        let size = record.total_size();
                        if here + size as i64 > until || !visit(&record, &bytes.slice(at..at + size)) {
                            return here;
                        }
                        at += size;
                    }
                    Ok(Scanned::Blank { .. }) => break file_end,
                    Err(_) => match next_record(&bytes, at + 1, phy_offset) {
                        Some(found) => at = found,
                        None => break if file_end <= until { file_end } else { until },
                    },
                }
            };
            if next <= phy_offset {
                break;
            }
            phy_offset = next;
        }
        phy_offset.min(until)
    }
}

/// The record `bytes` begin with, if it belongs at that physical offset and its checksums match.
pub(crate) fn intact_record(bytes: &[u8], phy_offset: i64) -> Option<RecordView<'_>> {
    let Ok(Scanned::Record(record)) = scan(bytes) else { return None };
    let is_intact =
        record.phy_offset() == phy_offset && record.verify_body().is_ok() && record.verify_record().is_ok();
    is_intact.then_some(record)
}

/// Whether an intact record stands at `at` in `bytes` (which begin at `base`) that belongs there.
pub(crate) fn is_intact_record(bytes: &[u8], at: usize, base: i64) -> bool {
    intact_record(bytes.get(at..).unwrap_or_default(), base + at as i64).is_some()
}

/// The first place in `[from, end)` of `bytes` that has a record's magic code 4 bytes behind it.
pub(crate) fn next_magic(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let stretch = bytes.get(from.checked_add(4)?..end.saturating_add(6).min(bytes.len()))?;
    stretch.windows(3).position(|window| window == [0xDA, 0xA3, 0x20]).map(|found| from + found)
}

/// The first intact record at or after `from` in `bytes`, which begin at `base`.
fn next_record(bytes: &[u8], from: usize, base: i64) -> Option<usize> {
    let mut at = from;
    while let Some(found) = next_magic(bytes, at, bytes.len()) {
        if is_intact_record(bytes, found, base) {
            return Some(found);
        }
        at = found + 1;
    }
    None
}
