//! The get path: from an offset of a `ConsumeQueue` to records of the CommitLog.

use std::{sync::atomic::Ordering, time::Instant};

use message::record::RecordView;

use super::{MessageStore, collect::Collector};
use crate::{
    consume_queue::Unit,
    dispatch::queue_place,
    fs::Disk,
    get::{GetRequest, GetResult, GetStatus, MessageFilter, WouldBlock},
};

impl MessageStore {
    /// Messages of a queue from an offset on, RocketMQ's `getMessage`. May wait for the disk.
    pub fn get(&self, request: &GetRequest<'_>, filter: &dyn MessageFilter) -> GetResult {
        self.get_with(Disk::MayWait, request, filter).unwrap_or_else(|WouldBlock| GetResult::default())
    }

    /// As [`Self::get`], from memory alone. Messages in memory before the first one that is not are an answer.
    ///
    /// # Errors
    /// When the first message has to come from the disk.
    pub fn get_cached(
        &self,
        request: &GetRequest<'_>,
        filter: &dyn MessageFilter,
    ) -> Result<GetResult, WouldBlock> {
        self.get_with(Disk::CachedOnly, request, filter)
    }

    fn get_with(
        &self,
        disk: Disk,
        request: &GetRequest<'_>,
        filter: &dyn MessageFilter,
    ) -> Result<GetResult, WouldBlock> {
        let begun = Instant::now();
        let result = match self.compaction_of(request.topic) {
            Some(compaction) => self.get_compacted(compaction, disk, request),
            None => self.get_ordinary(disk, request, filter),
        }?;
        self.count_get(&result);
        self.counters.get_times.note(begun.elapsed());
        Ok(result)
    }

    fn get_ordinary(
        &self,
        disk: Disk,
        request: &GetRequest<'_>,
        filter: &dyn MessageFilter,
    ) -> Result<GetResult, WouldBlock> {
        let mut result = GetResult::default();
        if let Some(queue) = self.queue(request.topic, request.queue_id) {
            result.min_offset = queue.min_queue_offset();
            result.max_offset = queue.max_queue_offset();
            let (min, max, asked) = (result.min_offset, result.max_offset, request.queue_offset);
            (result.status, result.next_begin_offset) = if max == 0 {
                (GetStatus::NoMessageInQueue, 0)
            } else if asked < min {
                (GetStatus::OffsetTooSmall, min)
            } else if asked == max {
                (GetStatus::OffsetOverflowOne, asked)
            } else if asked > max {
                (GetStatus::OffsetOverflowBadly, max)
            } else {
                (GetStatus::NoMatchedMessage, asked)
            };
            if result.status == GetStatus::NoMatchedMessage {
                Collector::new(self, disk, request, filter, &queue, &mut result).collect()?;
            }
        }
        Ok(result)
    }

    fn count_get(&self, result: &GetResult) {
        let counter = if result.status == GetStatus::Found {
            &self.counters.gets_found
        } else {
            &self.counters.gets_missed
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.counters.got_messages.fetch_add(result.message_count as u64, Ordering::Relaxed);
    }

    /// The tags code a unit of this record has.
    pub(super) fn tags_code_of(&self, record: &RecordView<'_>) -> i64 {
        queue_place(record, &self.levels).map_or_else(|| record.tags_code(), |place| place.unit.tags_code)
    }

    /// The unit with a tags code of its own, where Java's broker keeps that in a file beside the queue.
    pub(super) fn resolved(&self, mut unit: Unit) -> Unit {
        if unit.has_extension()
            && let Some(record) = self.log.record(unit.phy_offset)
            && let Ok(view) = RecordView::decode(&record)
        {
            unit.tags_code = self.tags_code_of(&view);
        }
        unit
    }

    /// Bytes at the end of the log that are taken to be in memory.
    pub(super) fn hot_bytes(&self) -> u64 {
        self.physical_memory_bytes / 100 * u64::from(self.options.now().access_in_memory_max_percent)
    }

    /// Whether a place in the log is likely in memory, RocketMQ's `estimateInMemByCommitOffset`.
    pub(super) fn is_hot(&self, phy_offset: i64, max_phy_offset: i64) -> bool {
        u64::try_from(max_phy_offset.saturating_sub(phy_offset)).unwrap_or(0) <= self.hot_bytes()
    }
}
