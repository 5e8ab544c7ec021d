//! The get path: from units of a `ConsumeQueue` to records of the CommitLog.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use common::names::LMQ_PREFIX;
use message::record::RecordView;

use super::MessageStore;
use crate::{
    commit_log::intact_record,
    consume_queue::{ConsumeQueue, UNIT_BYTES, Unit},
    dispatch::queue_place,
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
                if !self.take_unit(request, &unit, filter, &mut pass, result) {
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
        request: &GetRequest<'_>,
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
        result.next_begin_offset = queue_offset + 1;
        if unit.is_message() {
            pass.last_phy_offset = unit.phy_offset;
            if pass.resume_phy_offset.is_some_and(|resume| unit.phy_offset < resume) {
                return true;
            }
        }
        let place = Place { topic: request.topic, queue_id: request.queue_id, queue_offset };
        match self.wanted_record(&place, unit, filter) {
            Ok(record) => {
                result.total_bytes += record.len();
                result.messages.push(record);
                result.queue_offsets.push(queue_offset);
                result.status = GetStatus::Found;
                pass.resume_phy_offset = None;
            }
            Err(miss) => {
                if result.messages.is_empty() {
                    result.status = miss.status();
                }
                if miss == Miss::Filtered {
                    result.filtered_count += 1;
                }
                if miss == Miss::Gone && unit.phy_offset < self.log.min_phy_offset() {
                    // The whole file is gone: its other messages need no look.
                    pass.resume_phy_offset = Some(self.log.files().next_file_phy_offset(unit.phy_offset));
                }
            }
        }
        true
    }

    /// The record a unit stands for, if it is there, is what it should be, and is wanted.
    fn wanted_record(
        &self,
        place: &Place<'_>,
        unit: &Unit,
        filter: &dyn MessageFilter,
    ) -> Result<Bytes, Miss> {
        if !unit.is_message() {
            return Err(Miss::Blank);
        }
        if !unit.has_extension() && !filter.matches_consume_queue(unit.tags_code) {
            return Err(Miss::OtherTag);
        }
        let size = usize::try_from(unit.size_bytes).unwrap_or(0);
        let record = self.log.slice(unit.phy_offset, size).ok_or(Miss::Gone)?;
        let Some(view) = place.record(&record, unit) else {
            tracing::error!(
                topic = place.topic,
                queue_id = place.queue_id,
                queue_offset = place.queue_offset,
                phy_offset = unit.phy_offset,
                size_bytes = unit.size_bytes,
                "message is damaged and not served: its queue does not point to an intact record of it"
            );
            return Err(Miss::Damaged);
        };
        if unit.has_extension() && !filter.matches_consume_queue(self.tags_code_of(&view)) {
            return Err(Miss::OtherTag);
        }
        if !filter.matches_commit_log(&view) {
            return Err(Miss::Filtered);
        }
        Ok(record)
    }

    /// The tags code a unit of this record has.
    fn tags_code_of(&self, record: &RecordView<'_>) -> i64 {
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
    fn hot_bytes(&self) -> u64 {
        self.physical_memory_bytes / 100 * u64::from(self.options.access_in_memory_max_percent)
    }

    /// Whether a place in the log is likely in memory, RocketMQ's `estimateInMemByCommitOffset`.
    pub(super) fn is_hot(&self, phy_offset: i64, max_phy_offset: i64) -> bool {
        u64::try_from(max_phy_offset - phy_offset).unwrap_or(0) <= self.hot_bytes()
    }
}

/// Why a place of a queue adds nothing to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    /// It never had a message.
    Blank,
    /// Its tags are not wanted.
    OtherTag,
    /// Its record is not in the log any more.
    Gone,
    /// There is another record, or a damaged one.
    Damaged,
    /// The record is not wanted.
    Filtered,
}

impl Miss {
    fn status(self) -> GetStatus {
        match self {
            Self::Blank | Self::Gone | Self::Damaged => GetStatus::MessageWasRemoving,
            Self::OtherTag | Self::Filtered => GetStatus::NoMatchedMessage,
        }
    }
}

/// Whose turn it is in a queue.
struct Place<'a> {
    topic: &'a str,
    queue_id: i32,
    queue_offset: i64,
}

impl Place<'_> {
    /// The record of this place, if `bytes` are it, whole and undamaged.
    fn record<'b>(&self, bytes: &'b [u8], unit: &Unit) -> Option<RecordView<'b>> {
        let view = intact_record(bytes, unit.phy_offset)?;
        (view.total_size() == bytes.len() && self.is_of(&view)).then_some(view)
    }

    /// A light queue (`%LMQ%`) points to records of the topics it was dispatched from.
    fn is_of(&self, view: &RecordView<'_>) -> bool {
        self.topic.starts_with(LMQ_PREFIX)
            || (view.topic() == self.topic
                && view.queue_id() == self.queue_id
                && view.queue_offset() == self.queue_offset)
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
