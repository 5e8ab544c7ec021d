//! Finding the segments of a queue and where the last one ends.
//!
//! What was written after the last flush may be there in part after a crash. The CommitLog has all of it still, so the
//! last segment ends where it differs from that, and is filled again from there.

use std::{io, path::PathBuf, sync::Arc};

use bytes::Bytes;

use super::{
    layout::{Dirs, Layout},
    rebuild::{agrees, units_of, write_units},
    segment::{Segment, Units, whole_file},
    writer::make_dir,
};
use crate::{
    consume_queue::{BATCH_UNIT_BYTES, BatchUnit},
    error::OpenError,
    fs::FileSystem,
    lock::LastExit,
    mapped_file::MappedFile,
    mapped_file_queue::{file_name, parse_file_name},
    recovery::files::LogFile,
};

/// Where a record says where it is: the one difference between a copy and its original.
const PHY_OFFSET: std::ops::Range<usize> = 28..36;

/// What the CommitLog and a `ConsumeQueue` know of a compacted queue.
pub(crate) struct Originals<'a> {
    /// The queue offset the next message gets: copies from there on are of messages that are lost.
    pub(crate) next_queue_offset: i64,
    /// The record at a queue offset, while the CommitLog has it.
    pub(crate) record: &'a dyn Fn(i64) -> Option<Bytes>,
    /// How the last run ended.
    pub(crate) last_exit: LastExit,
}

/// Loads one queue.
pub(super) struct Loading<'a> {
    pub(super) fs: &'a Arc<dyn FileSystem>,
    pub(super) layout: &'a Layout,
    pub(super) place: (&'a str, i32),
    pub(super) dirs: &'a Dirs,
    pub(super) originals: &'a Originals<'a>,
}

impl Loading<'_> {
    /// Its segments, the last one open for writing.
    pub(super) fn run(&self) -> Result<Vec<Arc<Segment>>, OpenError> {
        let bases = self.bases()?;
        let mut found = Vec::with_capacity(bases.len());
        for base in bases {
            let units = self.units(base).map_err(OpenError::io(self.dirs.log.join(file_name(base))))?;
            found.push((base, units));
        }
        // What is behind the end of the queue was never acknowledged, and its offsets are given again.
        let next = self.originals.next_queue_offset;
        while let Some((base, _)) =
            found.pop_if(|(_, units)| units.first().is_some_and(|unit| unit.base_offset >= next))
        {
            tracing::warn!(
                topic = self.place.0,
                queue_id = self.place.1,
                base,
                "compacted file is behind its queue"
            );
            self.remove(base)?;
        }
        let last = found.pop();
        let sizes = (self.layout.log_file_bytes, self.layout.queue_file_bytes);
        let complete = found
            .iter()
            .map(|(base, units)| Arc::new(Segment::complete(self.fs, self.dirs, *base, sizes, units.len())));
        let mut segments: Vec<_> = complete.collect();
        if let Some((base, units)) = last {
            let opened = self.open_last(base, &units);
            segments.push(opened.map_err(OpenError::io(self.dirs.log.join(file_name(base))))?);
        }
        Ok(segments)
    }

    /// Where the log files begin. Queue files without one are removed.
    fn bases(&self) -> Result<Vec<i64>, OpenError> {
        let logs = self.files(&self.dirs.log, self.layout.log_file_bytes)?;
        for base in self.files(&self.dirs.queue, self.layout.queue_file_bytes)? {
            if !logs.contains(&base) {
                self.remove(base)?;
            }
        }
        Ok(logs)
    }

    /// The files of a directory; those a crash left without a length are removed.
    fn files(&self, dir: &PathBuf, size_bytes: usize) -> Result<Vec<i64>, OpenError> {
        if !self.fs.exists(dir) {
            return Ok(Vec::new());
        }
        let mut bases = Vec::new();
        for entry in self.fs.read_dir(dir).map_err(OpenError::io(dir))? {
            let Some(base) = parse_file_name(&entry.name).filter(|_| !entry.is_dir) else { continue };
            let path = dir.join(&entry.name);
            if entry.len == 0 {
                self.fs.remove_file(&path).map_err(OpenError::io(&path))?;
            } else if entry.len == size_bytes as u64 {
                bases.push(base);
            } else {
                let (len_bytes, expected_bytes) = (entry.len, size_bytes as u64);
                return Err(OpenError::CompactedFileSize { path, len_bytes, expected_bytes });
            }
        }
        bases.sort_unstable();
        Ok(bases)
    }

    fn remove(&self, base: i64) -> Result<(), OpenError> {
        for dir in self.dirs.both() {
            let path = dir.join(file_name(base));
            if self.fs.exists(&path) {
                self.fs
                    .remove_file(&path)
                    .and_then(|()| self.fs.sync_dir(dir))
                    .map_err(OpenError::io(path))?;
            }
        }
        Ok(())
    }

    /// The units of a segment, from its queue file as long as that agrees with the log file.
    fn units(&self, base: i64) -> io::Result<Units> {
        let log =
            whole_file(self.fs, &self.dirs.log.join(file_name(base)), base, self.layout.log_file_bytes)?;
        let path = self.dirs.queue.join(file_name(base));
        if self.fs.exists(&path) {
            let units = Units::over(whole_file(self.fs, &path, base, self.layout.queue_file_bytes)?);
            let units = units.prefix(BatchUnit::is_messages);
            if agrees(&log, base, &units, self.place) {
                return Ok(units);
            }
        }
        let units = units_of(&log, base, self.place);
        let (topic, queue_id) = self.place;
        tracing::warn!(
            topic,
            queue_id,
            base,
            count = units.len(),
            "queue file of a compacted log made again"
        );
        let work_dir = self.layout.work_dir(topic, queue_id);
        for dir in [&work_dir, &self.dirs.queue] {
            make_dir(&**self.fs, self.layout.root(), dir)?;
        }
        let most = self.layout.queue_file_bytes / BATCH_UNIT_BYTES;
        let units = Units::of(units.get(..most).unwrap_or(&units));
        write_units(&**self.fs, &work_dir, &path, &units, self.layout.queue_file_bytes as u64)?;
        Ok(units)
    }

    fn open_last(&self, base: i64, units: &Units) -> io::Result<Arc<Segment>> {
        let (log_bytes, queue_bytes) = (self.layout.log_file_bytes, self.layout.queue_file_bytes);
        let (log_path, queue_path) =
            (self.dirs.log.join(file_name(base)), self.dirs.queue.join(file_name(base)));
        let kept = {
            let log = whole_file(self.fs, &log_path, base, log_bytes)?;
            self.kept_count(&log, base, units)
        };
        let end = kept
            .checked_sub(1)
            .and_then(|last| units.get(last))
            .map_or(0, |last| usize::try_from(last.unit.end_phy_offset() - base).unwrap_or(0).min(log_bytes));
        let open = |path: PathBuf, size: usize, end: usize| {
            LogFile { path: path.clone(), base_phy_offset: base }.cut(&**self.fs, end as u64, size as u64)?;
            MappedFile::open_for_append(Arc::clone(self.fs), &path, base, size, end).map(Arc::new)
        };
        let log = open(log_path, log_bytes, end)?;
        let queue = open(queue_path, queue_bytes, kept * BATCH_UNIT_BYTES)?;
        Ok(Arc::new(Segment::new(log, queue, kept)))
    }

    /// How many units of the last segment stay.
    fn kept_count(&self, log: &[u8], base: i64, units: &Units) -> usize {
        let within = units.partition_point(|unit| unit.base_offset < self.originals.next_queue_offset);
        if self.originals.last_exit == LastExit::Clean {
            return within;
        }
        let is_kept = |unit: &BatchUnit| match (self.originals.record)(unit.base_offset) {
            Some(original) => is_copy(log, base, unit, &original),
            // It expired, so its copy was on the disk: what is wrong with it now is damage, and no end.
            None => true,
        };
        let mut end = base;
        let mut kept = 0;
        for unit in units.iter().take(within) {
            if unit.unit.phy_offset != end || !is_kept(&unit) {
                break;
            }
            end = unit.unit.end_phy_offset();
            kept += 1;
        }
        kept
    }
}

/// Whether the record of a unit is a record of the CommitLog but for its place.
fn is_copy(log: &[u8], base: i64, unit: &BatchUnit, original: &[u8]) -> bool {
    let start = usize::try_from(unit.unit.phy_offset - base).unwrap_or(usize::MAX);
    let copy = log.get(start..).and_then(|rest| rest.get(..original.len())).unwrap_or_default();
    let is_equal = |range: std::ops::Range<usize>| copy.get(range.clone()) == original.get(range);
    !copy.is_empty()
        && usize::try_from(unit.unit.size_bytes) == Ok(original.len())
        && is_equal(0..PHY_OFFSET.start)
        && is_equal(PHY_OFFSET.end..original.len())
}
