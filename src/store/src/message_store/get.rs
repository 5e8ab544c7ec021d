//! The get path: from units of a `ConsumeQueue` to records of the CommitLog.

use std::sync::{Arc, atomic::Ordering};

use message::record::RecordView;

use super::MessageStore;
use crate::{
    consume_queue::{ConsumeQueue, UNIT_BYTES, Unit},
    get::{GetRequest, GetResult, GetStatus, MessageFilter},
};

/// The bytes a get is held to, whatever it asks for.
const MAX_PULL_BYTES: usize = 128 << 20;
/// And is given, however little it asks for.
const MIN_PULL_BYTES: usize = 100;
/// Units read at a time at least.
const MIN_READ_COUNT: usize = 32;

impl MessageStore {
    /// Messages of a queue from an offset on, RocketMQ's `getMessage`.
    pub fn get(&self, request: &GetRequest<'_>, filter: &dyn MessageFilter) -> GetResult {
        let mut result = GetResult {
            status: GetStatus::NoMatchedLogicQueue,
            next_begin_offset: 0,
            min_offset: 0,
            max_offset: 0,
            messages: Vec::new(),
            queue_offsets: Vec::new(),
            total_bytes: 0,
            filtered_count: 0,
            suggest_pulling_from_slave: false,
        };
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
                self.collect(&queue, request, filter, &mut result);
            }
        }
        let counter = if result.status == GetStatus::Found {
            &self.counters.gets_found
        } else {
            &self.counters.gets_missed
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.counters.got_messages.fetch_add(result.messages.len() as u64, Ordering::Relaxed);
        result
    }

    fn collect(
        &self,
        queue: &Arc<ConsumeQueue>,
        request: &GetRequest<'_>,
        filter: &dyn MessageFilter,
        result: &mut GetResult,
    ) {
        let limits = Limits::new(self, request);
        let max_phy_offset = self.log.end();
        let look_at_end = request.queue_offset.saturating_add(limits.look_at_count as i64);
        let end = result.max_offset.min(look_at_end);
        // As in RocketMQ one get looks at units of a few files only, mostly one.
        let mut files_left = self.options.travel_consume_queue_files;
        let mut until = request.queue_offset;
        let mut pass = Pass { limits, max_phy_offset, last_phy_offset: 0, resume_phy_offset: None };
        'reading: loop {
            if result.next_begin_offset >= until {
                if files_left == 0 || until >= end || !result.messages.is_empty() {
                    break;
                }
                files_left -= 1;
                until = end.min(queue.roll_next_file(result.next_begin_offset));
            }
            let count = usize::try_from(until - result.next_begin_offset).unwrap_or(usize::MAX);
            let count = count.min(request.max_count.max(MIN_READ_COUNT));
            let units = match queue.read(result.next_begin_offset, count) {
                Ok(units) => units,
                Err(error) => {
                    tracing::error!(topic = request.topic, queue_id = request.queue_id, %error, "consume queue cannot be read");
                    Vec::new()
                }
            };
            if units.is_empty() {
                if result.messages.is_empty() {
                    result.status = GetStatus::OffsetFoundNull;
                    result.next_begin_offset =
                        queue.roll_next_file(result.next_begin_offset).min(result.max_offset);
                }
                break;
            }
            for unit in units {
                if !self.take_unit(&unit, filter, &mut pass, result) {
                    break 'reading;
                }
            }
        }
        let behind = u64::try_from(max_phy_offset - pass.last_phy_offset).unwrap_or(0);
        result.suggest_pulling_from_slave = behind > self.hot_bytes();
    }

    /// Looks at the unit at `result.next_begin_offset`; `false` when the answer is full.
    fn take_unit(
        &self,
        unit: &Unit,
        filter: &dyn MessageFilter,
        pass: &mut Pass,
        result: &mut GetResult,
    ) -> bool {
        let is_hot = self.is_hot(unit.phy_offset, pass.max_phy_offset);
        if pass.limits.is_full(unit, is_hot, result) {
            return false;
        }
        let queue_offset = result.next_begin_offset;
        let miss = |result: &mut GetResult, status| {
            if result.messages.is_empty() {
                result.status = status;
            }
        };
        result.next_begin_offset = queue_offset + 1;
        if !unit.is_message() {
            miss(result, GetStatus::MessageWasRemoving);
            return true;
        }
        pass.last_phy_offset = unit.phy_offset;
        if pass.resume_phy_offset.is_some_and(|resume| unit.phy_offset < resume) {
            return true;
        }
        if !filter.matches_consume_queue(unit.tags_code) {
            miss(result, GetStatus::NoMatchedMessage);
            return true;
        }
        let Some(record) = self.log.record_of_unit(unit.phy_offset, unit.size_bytes) else {
            miss(result, GetStatus::MessageWasRemoving);
            if unit.phy_offset < self.log.min_phy_offset() {
                // The whole file is gone: its other messages need no look.
                pass.resume_phy_offset = Some(self.log.files().next_file_phy_offset(unit.phy_offset));
            }
            return true;
        };
        if !RecordView::decode(&record).is_ok_and(|view| filter.matches_commit_log(&view)) {
            miss(result, GetStatus::NoMatchedMessage);
            result.filtered_count += 1;
            return true;
        }
        result.total_bytes += record.len();
        result.messages.push(record);
        result.queue_offsets.push(queue_offset);
        result.status = GetStatus::Found;
        pass.resume_phy_offset = None;
        true
    }

    /// Bytes at the end of the log that are taken to be in memory.
    fn hot_bytes(&self) -> u64 {
        self.physical_memory_bytes / 100 * u64::from(self.options.access_in_memory_max_percent)
    }

    /// Whether a place in the log is likely in memory, RocketMQ's `estimateInMemByCommitOffset`.
    pub(super) fn is_hot(&self, phy_offset: i64, max_phy_offset: i64) -> bool {
        u64::try_from(max_phy_offset - phy_offset).unwrap_or(0) <= self.hot_bytes()
    }
}

struct Pass {
    limits: Limits,
    max_phy_offset: i64,
    last_phy_offset: i64,
    /// Units before this place point into a file that is gone.
    resume_phy_offset: Option<i64>,
}

struct Limits {
    max_count: usize,
    max_bytes: usize,
    look_at_count: usize,
    hot: (usize, usize),
    cold: (usize, usize),
}

impl Limits {
    fn new(store: &MessageStore, request: &GetRequest<'_>) -> Self {
        let options = &store.options;
        let look_at_bytes =
            options.max_filter_message_size_bytes.max(request.max_count.saturating_mul(UNIT_BYTES));
        Self {
            max_count: request.max_count,
            max_bytes: request.max_bytes.clamp(MIN_PULL_BYTES, MAX_PULL_BYTES),
            look_at_count: look_at_bytes.div_ceil(UNIT_BYTES),
            hot: (options.max_transfer_count_in_memory, options.max_transfer_bytes_in_memory),
            cold: (options.max_transfer_count_on_disk, options.max_transfer_bytes_on_disk),
        }
    }

    /// Whether a message of this size goes into another answer, RocketMQ's `isTheBatchFull`. The first never
    /// does.
    fn is_full(&self, unit: &Unit, is_hot: bool, result: &GetResult) -> bool {
        let count = result.messages.len();
        if count == 0 {
            return false;
        }
        let bytes = result.total_bytes.saturating_add(usize::try_from(unit.size_bytes).unwrap_or(0));
        let (transfer_count, transfer_bytes) = if is_hot { self.hot } else { self.cold };
        count >= self.max_count || bytes > self.max_bytes || bytes > transfer_bytes || count >= transfer_count
    }
}
