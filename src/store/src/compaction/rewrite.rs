//! Compacting a queue: writing all segments but the last anew, without what later messages have replaced.
//!
//! A message stays when no later one has its key, and it has a body: one without is the end of its key. Messages behind
//! the last one the map has room for stay as they are, for the next time.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use message::record::RecordView;
use parking_lot::MutexGuard;

use super::{
    CompactError,
    exchange::{Decision, Exchange},
    key_of,
    log::CompactionLog,
    offset_map::OffsetMap,
    positions::Positions,
    segment::{Segment, record_of},
    writer::SegmentWriter,
};
use crate::{consume_queue::BatchUnit, mapped_file_queue::file_name};

/// What came of a compaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// Messages that are gone.
    pub(crate) removed_count: usize,
    /// Messages that stayed.
    pub(crate) kept_count: usize,
}

impl CompactionLog {
    /// Compacts, if there is something new in a segment that is complete.
    pub(super) fn compact(
        &self,
        positions: &Positions,
        memory_bytes: usize,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Compacted>, CompactError> {
        let mut undone = self.undone.lock();
        self.complete_exchange(&mut undone, positions)?;
        let mut segments = self.segments.read().clone();
        segments.pop();
        let position = positions.get(self.topic(), self.queue_id());
        let is_new =
            |segment: &Arc<Segment>| segment.units().last().is_some_and(|unit| unit.base_offset > position);
        let Some(first_new) = segments.iter().position(is_new) else { return Ok(None) };
        let map =
            self.newest_offsets(segments.get(first_new..).unwrap_or_default(), position, memory_bytes)?;
        self.exchange().clear()?;
        let (written, compacted) = self.write_anew(&segments, &map, is_stopped)?;
        self.not_deleted()?;
        let name = |segment: &Arc<Segment>| file_name(segment.base());
        let decision = Decision {
            replaced: segments.iter().map(name).collect(),
            written: written.iter().map(name).collect(),
            position: map.last_offset(),
        };
        self.exchange().decide(&decision)?;
        self.segments.write().splice(..segments.len(), written);
        *undone = Some(decision);
        self.complete_exchange(&mut undone, positions)?;
        Ok(Some(compacted))
    }

    /// Brings the files to where the published segments say they are.
    fn complete_exchange(
        &self,
        undone: &mut MutexGuard<'_, Option<Decision>>,
        positions: &Positions,
    ) -> Result<(), CompactError> {
        self.not_deleted()?;
        let Some(decision) = (**undone).clone() else { return Ok(()) };
        self.exchange().carry_out(&decision)?;
        positions
            .set(self.topic(), self.queue_id(), decision.position)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        self.exchange().clear()?;
        let mut segments = self.segments.write();
        for segment in segments.iter_mut().take(decision.written.len()) {
            *segment = Arc::new(segment.moved_to(&self.fs, &self.dirs));
        }
        **undone = None;
        Ok(())
    }

    /// The newest message of each key behind what is compacted already.
    fn newest_offsets(
        &self,
        segments: &[Arc<Segment>],
        position: i64,
        memory_bytes: usize,
    ) -> Result<OffsetMap, CompactError> {
        let mut map = OffsetMap::new(memory_bytes, position);
        for segment in segments {
            for unit in segment.units().iter().filter(|unit| unit.base_offset > position) {
                let bytes = self.bytes(segment, &unit)?;
                let record = self.record(&bytes, &unit)?;
                // Without a key it replaces nothing.
                if !map.put(key_of(&record).unwrap_or_default(), unit.base_offset) {
                    return Ok(map);
                }
            }
        }
        Ok(map)
    }

    /// Writes the messages that stay to the working directory.
    fn write_anew(
        &self,
        segments: &[Arc<Segment>],
        map: &OffsetMap,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(Vec<Arc<Segment>>, Compacted), CompactError> {
        let dirs = self.layout.work_dirs(self.topic(), self.queue_id());
        let mut writer = SegmentWriter::new(Arc::clone(&self.fs), self.layout.clone(), dirs, 0);
        let (mut written, mut compacted) = (Vec::new(), Compacted::default());
        for segment in segments {
            for unit in segment.units().iter() {
                if is_stopped() {
                    return Err(CompactError::GivenUp);
                }
                let bytes = self.bytes(segment, &unit)?;
                let record = self.record(&bytes, &unit)?;
                if !stays(&record, map) {
                    compacted.removed_count += 1;
                    continue;
                }
                written.extend(writer.make_room(record.total_size())?);
                writer.append(&record)?;
                compacted.kept_count += 1;
            }
        }
        writer.finish()?;
        Ok((written, compacted))
    }

    fn bytes(&self, segment: &Segment, unit: &BatchUnit) -> Result<Bytes, CompactError> {
        self.not_deleted()?;
        segment.bytes(&unit.unit).ok_or_else(|| damaged(unit))
    }

    fn record<'a>(&self, bytes: &'a [u8], unit: &BatchUnit) -> Result<RecordView<'a>, CompactError> {
        record_of(bytes, unit, (self.topic(), self.queue_id())).ok_or_else(|| damaged(unit))
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange { fs: &*self.fs, layout: &self.layout, topic: self.topic(), queue_id: self.queue_id() }
    }

    fn not_deleted(&self) -> Result<(), CompactError> {
        if self.is_deleted.load(Ordering::Acquire) { Err(CompactError::GivenUp) } else { Ok(()) }
    }

    /// Where its log files are, for who reports on it.
    pub(super) fn log_dir(&self) -> &Path {
        &self.dirs.log
    }
}

fn damaged(unit: &BatchUnit) -> CompactError {
    CompactError::Damaged { queue_offset: unit.base_offset, phy_offset: unit.unit.phy_offset }
}

/// RocketMQ's `shouldRetainMsg`.
fn stays(record: &RecordView<'_>, map: &OffsetMap) -> bool {
    if record.queue_offset() > map.last_offset() {
        return true;
    }
    let is_newest = key_of(record).is_some_and(|key| !map.has_newer(key, record.queue_offset()));
    is_newest && !record.body().is_empty()
}
