//! A log file and the queue file of the same name.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use message::record::{RecordView, Scanned, scan};

use super::layout::Dirs;
use crate::{
    consume_queue::{AtPlace, BATCH_UNIT_BYTES, BatchUnit, Unit},
    fs::FileSystem,
    mapped_file::MappedFile,
    mapped_file_queue::file_name,
};

/// A stretch of a compacted queue.
#[derive(Debug)]
pub(crate) struct Segment {
    base: i64,
    log: Arc<MappedFile>,
    queue: Arc<MappedFile>,
    /// How many units are published.
    unit_count: AtomicUsize,
}

impl Segment {
    /// Over two files that begin at `base`.
    pub(super) fn new(log: Arc<MappedFile>, queue: Arc<MappedFile>, unit_count: usize) -> Self {
        Self { base: log.base_phy_offset(), log, queue, unit_count: AtomicUsize::new(unit_count) }
    }

    /// A complete one, mapped when somebody reads it.
    pub(super) fn complete(
        fs: &Arc<dyn FileSystem>,
        dirs: &Dirs,
        base: i64,
        (log_bytes, queue_bytes): (usize, usize),
        unit_count: usize,
    ) -> Self {
        let open = |path: PathBuf, bytes, end| {
            Arc::new(MappedFile::history(Arc::clone(fs), &path, base, bytes, end))
        };
        let log = open(dirs.log.join(file_name(base)), log_bytes, log_bytes);
        let queue = open(dirs.queue.join(file_name(base)), queue_bytes, unit_count * BATCH_UNIT_BYTES);
        Self::new(log, queue, unit_count)
    }

    /// The same files in other directories.
    pub(super) fn moved_to(&self, fs: &Arc<dyn FileSystem>, dirs: &Dirs) -> Self {
        Self::complete(fs, dirs, self.base, (self.log.size(), self.queue.size()), self.unit_count())
    }

    /// Where it begins in the compacted log.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Where its records end.
    pub(crate) fn end_phy_offset(&self) -> i64 {
        self.log.end_phy_offset()
    }

    /// Its log file.
    pub(crate) fn log(&self) -> &Arc<MappedFile> {
        &self.log
    }

    /// Its queue file.
    pub(super) fn queue(&self) -> &Arc<MappedFile> {
        &self.queue
    }

    /// How many messages it has.
    pub(crate) fn unit_count(&self) -> usize {
        self.unit_count.load(Ordering::Acquire)
    }

    /// Lets readers see one more.
    pub(super) fn publish_unit(&self) {
        self.unit_count.fetch_add(1, Ordering::Release);
    }

    /// Its units; none where the file cannot be read.
    pub(crate) fn units(&self) -> Units {
        let len = self.unit_count() * BATCH_UNIT_BYTES;
        Units { bytes: self.queue.slice(0, len, 0).unwrap_or_default() }
    }

    /// Queue offset of its last message.
    pub(crate) fn last_offset(&self) -> Option<i64> {
        let start = self.unit_count().checked_sub(1)? * BATCH_UNIT_BYTES;
        let bytes = self.queue.slice(start, BATCH_UNIT_BYTES, 0)?;
        Some(BatchUnit::decode(&bytes)?.base_offset)
    }

    /// Whether `len` bytes from a physical offset are in memory.
    pub(crate) fn is_resident(&self, phy_offset: i64, len: usize) -> bool {
        let start = usize::try_from(phy_offset - self.base).unwrap_or(0);
        self.log.resident_bytes(start, len) >= len
    }

    /// The bytes a unit points to.
    pub(crate) fn bytes(&self, unit: &Unit) -> Option<Bytes> {
        let start = usize::try_from(unit.phy_offset.checked_sub(self.base)?).ok()?;
        self.log.slice(start, usize::try_from(unit.size_bytes).ok()?, 0)
    }

    /// Gives up mappings nobody needs now.
    pub(super) fn unmap(&self) {
        self.log.unmap_idle(1);
        self.queue.unmap_idle(1);
    }
}

/// The units of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    bytes: Bytes,
}

impl Units {
    /// Of certain units.
    pub(super) fn of(units: &[BatchUnit]) -> Self {
        let mut bytes = Vec::with_capacity(units.len() * BATCH_UNIT_BYTES);
        for unit in units {
            unit.encode_to(&mut bytes);
        }
        Self { bytes: bytes.into() }
    }

    /// Their bytes in a file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Over the bytes of units.
    pub(crate) fn over(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / BATCH_UNIT_BYTES
    }

    /// The one at an index.
    pub(crate) fn get(&self, index: usize) -> Option<BatchUnit> {
        let start = index.checked_mul(BATCH_UNIT_BYTES)?;
        self.bytes.get(start..).and_then(BatchUnit::decode)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = BatchUnit> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Those at a queue offset and behind.
    pub(crate) fn at_and_behind(&self, queue_offset: i64) -> impl Iterator<Item = BatchUnit> {
        let start = self.partition_point(|unit| unit.base_offset < queue_offset);
        (start..self.len()).filter_map(|index| self.get(index))
    }

    /// The first one.
    pub(crate) fn first(&self) -> Option<BatchUnit> {
        self.get(0)
    }

    /// The last one.
    pub(crate) fn last(&self) -> Option<BatchUnit> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Those before the first one for which `is_before` does not hold.
    pub(crate) fn prefix(&self, is_before: impl Fn(&BatchUnit) -> bool) -> Self {
        Self { bytes: self.bytes.slice(..self.partition_point(is_before) * BATCH_UNIT_BYTES) }
    }

    /// How many are before the first one for which `is_before` does not hold.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&BatchUnit) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(|unit| is_before(&unit)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// A whole file that begins at `base`, mapped.
pub(crate) fn whole_file(fs: &Arc<dyn FileSystem>, path: &Path, base: i64, len: usize) -> io::Result<Bytes> {
    let file = MappedFile::history(Arc::clone(fs), path, base, len, len);
    file.slice(0, len, 0).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// The record of a unit, if `bytes` are it and its body is whole. Its checksum property, where it has one, is about
/// the record in the CommitLog, which was at another physical offset.
pub(crate) fn record_of<'a>(
    bytes: &'a [u8],
    unit: &BatchUnit,
    (topic, queue_id): (&str, i32),
) -> Option<RecordView<'a>> {
    let Ok(Scanned::Record(record)) = scan(bytes) else { return None };
    let is_it = record.total_size() == bytes.len()
        && record.phy_offset() == unit.unit.phy_offset
        && record.queue_offset() == unit.base_offset
        && record.queue_id() == queue_id
        && record.topic() == topic
        && record.verify_body().is_ok();
    is_it.then_some(record)
}

/// The unit a record at a physical offset makes.
pub(super) fn unit_of(record: &RecordView<'_>, phy_offset: i64) -> BatchUnit {
    let size_bytes = i32::try_from(record.total_size()).unwrap_or(i32::MAX);
    BatchUnit {
        unit: Unit { phy_offset, size_bytes, tags_code: record.tags_code() },
        store_timestamp: record.store_timestamp(),
        base_offset: record.queue_offset(),
        message_count: 1,
    }
}
