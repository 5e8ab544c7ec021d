//! The get path of compacted topics: messages come from the compacted log, where offsets are missing.
//!
//! As in RocketMQ no filter is applied here: clients drop what has another tag.

use std::sync::Arc;

use super::{MessageStore, collect::Limits};
use crate::{
    compaction::{CompactionLog, CompactionStore, Segment, record_of},
    consume_queue::{BatchUnit, QueueKind},
    fs::Disk,
    get::{GetRequest, GetResult, GetStatus, WouldBlock},
};

impl MessageStore {
    /// Messages of a compacted queue, RocketMQ's `CompactionStore.getMessage`.
    pub(super) fn get_compacted(
        &self,
        compaction: &CompactionStore,
        disk: Disk,
        request: &GetRequest<'_>,
    ) -> Result<GetResult, WouldBlock> {
        let Some(log) = compaction.get(request.topic, request.queue_id) else {
            return Ok(GetResult::default());
        };
        let asked = request.queue_offset;
        // Whoever is at the end must see what was acknowledged.
        if asked >= log.bounds().1 && self.max_offset(request.topic, request.queue_id) > Some(log.copied()) {
            if disk == Disk::CachedOnly {
                return Err(WouldBlock);
            }
            self.copy_if_compacted(request.topic, request.queue_id);
        }
        let (min_offset, max_offset) = log.bounds();
        let mut result = GetResult { min_offset, max_offset, ..GetResult::default() };
        (result.status, result.next_begin_offset) = if max_offset == 0 {
            (GetStatus::NoMessageInQueue, 0)
        } else if asked == max_offset {
            (GetStatus::OffsetOverflowOne, asked)
        } else if asked > max_offset {
            (GetStatus::OffsetOverflowBadly, if min_offset == 0 { min_offset } else { max_offset })
        } else {
            (GetStatus::NoMatchedMessage, asked)
        };
        if result.status == GetStatus::NoMatchedMessage {
            log.read(|segments| {
                let limits = Limits::new(self, request, QueueKind::Batch);
                Collector { store: self, disk, request, log: &log, limits, result: &mut result }
                    .collect(segments)
            })?;
        }
        Ok(result)
    }
}

/// One get under way.
struct Collector<'a> {
    store: &'a MessageStore,
    disk: Disk,
    request: &'a GetRequest<'a>,
    log: &'a CompactionLog,
    limits: Limits,
    result: &'a mut GetResult,
}

impl Collector<'_> {
    /// Fills the answer from the segment it begins in, and further ones while there is nothing.
    fn collect(mut self, segments: &[Arc<Segment>]) -> Result<(), WouldBlock> {
        let max_phy_offset = segments.last().map_or(0, |last| last.end_phy_offset());
        let mut last_phy_offset = 0;
        let mut files_left = self.store.options.now().travel_consume_queue_files;
        while self.result.messages.is_empty()
            && files_left > 0
            && self.result.next_begin_offset < self.result.max_offset
        {
            files_left -= 1;
            let next = self.result.next_begin_offset;
            let Some(segment) = segments.iter().find(|segment| segment.last_offset() >= Some(next)) else {
                self.result.status = GetStatus::OffsetFoundNull;
                self.result.next_begin_offset = self.result.max_offset;
                break;
            };
            let units = segment.units();
            for unit in units.at_and_behind(next) {
                let is_hot = self.store.is_hot(unit.unit.phy_offset, max_phy_offset);
                if self.limits.is_full(&unit.into(), is_hot, self.result) || !self.take(segment, &unit)? {
                    break;
                }
                last_phy_offset = unit.unit.phy_offset;
            }
        }
        let behind = u64::try_from(max_phy_offset.saturating_sub(last_phy_offset)).unwrap_or(0);
        self.result.suggest_pulling_from_slave = behind > self.store.hot_bytes();
        Ok(())
    }

    /// Looks at a message; answers whether the get goes on.
    fn take(&mut self, segment: &Segment, unit: &BatchUnit) -> Result<bool, WouldBlock> {
        let size = usize::try_from(unit.unit.size_bytes).unwrap_or(0);
        if self.disk == Disk::CachedOnly && !segment.is_resident(unit.unit.phy_offset, size) {
            return if self.result.messages.is_empty() { Err(WouldBlock) } else { Ok(false) };
        }
        self.result.next_begin_offset = unit.next_offset();
        let place = (self.request.topic, self.request.queue_id);
        let bytes = segment.bytes(&unit.unit).filter(|bytes| record_of(bytes, unit, place).is_some());
        let Some(bytes) = bytes else {
            let (topic, queue_id, queue_offset) = (&**self.log.topic(), place.1, unit.base_offset);
            tracing::error!(
                topic,
                queue_id,
                queue_offset,
                "message of a compacted log is damaged and not served"
            );
            if self.result.messages.is_empty() {
                self.result.status = GetStatus::MessageWasRemoving;
            }
            return Ok(true);
        };
        self.result.total_bytes += bytes.len();
        self.result.pieces.push(bytes.clone());
        self.result.messages.push(bytes);
        self.result.queue_offsets.push(unit.base_offset);
        self.result.message_count += 1;
        self.result.status = GetStatus::Found;
        Ok(true)
    }
}
