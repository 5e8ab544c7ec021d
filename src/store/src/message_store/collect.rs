//! Collecting the messages of one answer, unit by unit.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use common::names::LMQ_PREFIX;
use message::record::RecordView;

use super::{MessageStore, stretch::Stretch};
use crate::{
    commit_log::intact_record,
    consume_queue::{ConsumeQueue, QueueKind, QueuedUnit, Unit},
    consume_queue_ext::Extension,
    fs::Disk,
    get::{GetRequest, GetResult, GetStatus, MessageFilter, WouldBlock},
};

/// The bytes a get is held to, whatever it asks for.
const MAX_PULL_BYTES: usize = 128 << 20;
/// And is given, however little it asks for.
const MIN_PULL_BYTES: usize = 100;
/// Units read at a time at least.
const MIN_READ_COUNT: usize = 32;
/// What this process has written last is in memory without asking, up to this much of it.
const RECENT_BYTES: i64 = 64 << 20;
/// This much of the log is asked about at once whether it is in memory.
const RESIDENCE_BYTES: usize = 128 * 1024;

/// Memory is given up in stretches of this length, so that large pages go as a whole.
const COOL_BYTES: i64 = 1 << 20;

/// One get under way.
pub(super) struct Collector<'a> {
    store: &'a MessageStore,
    disk: Disk,
    request: &'a GetRequest<'a>,
    filter: &'a dyn MessageFilter,
    queue: &'a Arc<ConsumeQueue>,
    limits: Limits,
    max_phy_offset: i64,
    first_phy_offset: i64,
    last_phy_offset: i64,
    /// Units before this place point into a file that is gone.
    resume_phy_offset: Option<i64>,
    /// Physical offsets known to be in memory.
    resident: Range<i64>,
    stretch: Stretch,
    result: &'a mut GetResult,
}

/// Whether a get goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Unit,
    End,
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
    /// The record is not in memory, and the get may not wait.
    OnDisk,
}

impl Miss {
    fn status(self) -> GetStatus {
        match self {
            Self::Blank | Self::Gone | Self::Damaged => GetStatus::MessageWasRemoving,
            Self::OtherTag | Self::Filtered | Self::OnDisk => GetStatus::NoMatchedMessage,
        }
    }
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        store: &'a MessageStore,
        disk: Disk,
        request: &'a GetRequest<'a>,
        filter: &'a dyn MessageFilter,
        queue: &'a Arc<ConsumeQueue>,
        result: &'a mut GetResult,
    ) -> Self {
        let max_phy_offset = store.log.end();
        let resident = store.log.written_recently(RECENT_BYTES);
        let limits = Limits::new(store, request, queue.kind());
        Self {
            store,
            disk,
            request,
            filter,
            queue,
            limits,
            max_phy_offset,
            first_phy_offset: 0,
            last_phy_offset: 0,
            resume_phy_offset: None,
            resident,
            stretch: Stretch::default(),
            result,
        }
    }

    /// Fills the answer, which begins at an offset the queue has.
    pub(super) fn collect(mut self) -> Result<(), WouldBlock> {
        let look_at_end = self.request.queue_offset.saturating_add(self.limits.look_at_count as i64);
        let end = self.result.max_offset.min(look_at_end);
        // As in RocketMQ one get looks at units of a few files only, mostly one.
        let mut files_left = self.store.options.now().travel_consume_queue_files;
        let mut until = self.request.queue_offset;
        'reading: loop {
            if self.result.next_begin_offset >= until {
                if files_left == 0 || until >= end || !self.result.messages.is_empty() {
                    break;
                }
                files_left -= 1;
                until = end.min(self.end_of_file());
            }
            let units = self.read_units(until)?;
            if units.is_empty() {
                if self.result.messages.is_empty() {
                    self.result.status = GetStatus::OffsetFoundNull;
                    self.result.next_begin_offset = self.behind_file().min(self.result.max_offset);
                }
                break;
            }
            for queued in units.into_iter().take_while(|queued| queued.queue_offset < end) {
                if self.take_unit(&queued)? == Next::End {
                    break 'reading;
                }
            }
        }
        let behind = u64::try_from(self.max_phy_offset.saturating_sub(self.last_phy_offset)).unwrap_or(0);
        self.cool_what_was_read();
        self.result.suggest_pulling_from_slave = behind > self.store.hot_bytes();
        Ok(())
    }

    /// Who reads old messages goes through a lot of them once: that must not push the new ones out of memory. What the
    /// reader has come through lately is given up; where it is now, the next answer begins.
    fn cool_what_was_read(&self) {
        if !self.result.messages.is_empty() && !self.store.is_hot(self.first_phy_offset, self.max_phy_offset)
        {
            let behind = self.first_phy_offset - self.first_phy_offset.rem_euclid(COOL_BYTES) - COOL_BYTES;
            self.store.log.files().cool(behind, COOL_BYTES as usize);
        }
    }

    /// Where the file ends that the answer has got to. In a batch queue only its units could tell, and one get
    /// looks at few of them.
    fn end_of_file(&self) -> i64 {
        match self.queue.kind() {
            QueueKind::Simple => self.behind_file(),
            QueueKind::Batch => i64::MAX,
        }
    }

    fn behind_file(&self) -> i64 {
        self.queue.roll_next_file(self.result.next_begin_offset).unwrap_or_else(|error| {
            tracing::error!(topic = self.request.topic, %error, "consume queue cannot be read");
            self.result.max_offset
        })
    }

    /// Units from where the answer has got to; none where they cannot be read.
    fn read_units(&self, until: i64) -> Result<Vec<QueuedUnit>, WouldBlock> {
        let from = self.result.next_begin_offset;
        let count = usize::try_from(until - from).unwrap_or(usize::MAX);
        let count = count.min(self.request.max_count.max(MIN_READ_COUNT));
        self.queue.read_queued(self.disk, from, count).or_else(|error| {
            if error.kind() == io::ErrorKind::WouldBlock && self.result.messages.is_empty() {
                return Err(WouldBlock);
            }
            if error.kind() != io::ErrorKind::WouldBlock {
                let (topic, queue_id) = (self.request.topic, self.request.queue_id);
                tracing::error!(topic, queue_id, %error, "consume queue cannot be read");
            }
            Ok(Vec::new())
        })
    }

    /// Looks at the unit the answer has got to.
    fn take_unit(&mut self, queued: &QueuedUnit) -> Result<Next, WouldBlock> {
        let QueuedUnit { unit, queue_offset, .. } = queued;
        let is_hot = self.store.is_hot(unit.phy_offset, self.max_phy_offset);
        if self.limits.is_full(queued, is_hot, self.result) {
            return Ok(Next::End);
        }
        let reached = self.result.next_begin_offset;
        self.result.next_begin_offset = queued.next_offset();
        if unit.is_message() {
            self.last_phy_offset = unit.phy_offset;
            if self.resume_phy_offset.is_some_and(|resume| unit.phy_offset < resume) {
                return Ok(Next::Unit);
            }
        }
        match self.repaired_record(unit, *queue_offset) {
            Ok(record) => {
                if self.result.messages.is_empty() {
                    self.first_phy_offset = self.last_phy_offset;
                }
                self.result.total_bytes += record.len();
                self.add_piece(&record);
                self.result.messages.push(record);
                self.result.queue_offsets.push(*queue_offset);
                self.result.message_count += usize::try_from(queued.message_count).unwrap_or(0);
                self.result.status = GetStatus::Found;
                self.resume_phy_offset = None;
            }
            Err(Miss::OnDisk) if self.result.messages.is_empty() => return Err(WouldBlock),
            Err(Miss::OnDisk) => {
                self.result.next_begin_offset = reached;
                return Ok(Next::End);
            }
            Err(miss) => self.note(miss, unit),
        }
        Ok(Next::Unit)
    }

    /// Adds a record to the pieces of the answer, joined to the last of them where it lies behind that.
    fn add_piece(&mut self, record: &Bytes) {
        if let Some(last) = self.result.pieces.last_mut()
            && let Some(joined) = self.stretch.join(last, record)
        {
            *last = joined;
        } else {
            self.result.pieces.push(record.clone());
        }
    }

    /// As [`Self::wanted_record`]; a unit that contradicts the log is repaired first.
    fn repaired_record(&mut self, unit: &Unit, queue_offset: i64) -> Result<Bytes, Miss> {
        let miss = match self.wanted_record(unit, queue_offset) {
            Err(miss) if self.is_wrong(unit, queue_offset, miss) => miss,
            outcome => return outcome,
        };
        if !self.store.may_repair(self.queue, queue_offset) {
            return Err(miss);
        }
        if self.disk == Disk::CachedOnly {
            return Err(Miss::OnDisk);
        }
        match self.store.repair_unit(self.queue, queue_offset, *unit) {
            Some(unit) => self.wanted_record(&unit, queue_offset),
            None => Err(miss),
        }
    }

    /// Whether a miss says that the unit does not belong where it stands.
    fn is_wrong(&self, unit: &Unit, queue_offset: i64, miss: Miss) -> bool {
        let min_phy_offset = self.store.log.min_phy_offset();
        match miss {
            // Light queues take records of other topics, and the units of batches do not say which record has a place.
            _ if self.request.topic.starts_with(LMQ_PREFIX) || self.queue.kind() == QueueKind::Batch => false,
            Miss::Blank => !unit.is_blank(),
            Miss::Damaged => true,
            Miss::Gone if unit.phy_offset >= min_phy_offset => true,
            // Expired, unless the one before it has not.
            Miss::Gone => {
                let before = self.queue.unit_at(queue_offset - 1).ok().flatten();
                before.is_some_and(|before| before.is_message() && before.phy_offset >= min_phy_offset)
            }
            Miss::OtherTag | Miss::Filtered | Miss::OnDisk => false,
        }
    }

    fn note(&mut self, miss: Miss, unit: &Unit) {
        if self.result.messages.is_empty() {
            self.result.status = miss.status();
        }
        if miss == Miss::Filtered {
            self.result.filtered_count += 1;
        }
        let log = &self.store.log;
        if miss == Miss::Gone && unit.phy_offset < log.min_phy_offset() {
            // The whole file is gone: its other messages need no look.
            self.resume_phy_offset = Some(log.files().next_file_phy_offset(unit.phy_offset));
        }
    }

    /// The record a unit stands for, if it is there, is what it should be, and is wanted.
    fn wanted_record(&mut self, unit: &Unit, queue_offset: i64) -> Result<Bytes, Miss> {
        if !unit.is_message() {
            return Err(Miss::Blank);
        }
        let extension = self.extension(unit);
        let is_wanted = match &extension {
            Some(beside) => {
                self.filter.matches_consume_queue(beside.tags_code)
                    && self.filter.matches_bit_map(beside.store_timestamp, &beside.bit_map)
            }
            None => unit.has_extension() || self.filter.matches_consume_queue(unit.tags_code),
        };
        if !is_wanted {
            return Err(Miss::OtherTag);
        }
        let size = usize::try_from(unit.size_bytes).unwrap_or(0);
        let record = self.slice(unit.phy_offset, size).ok_or(Miss::Gone)?;
        if self.disk == Disk::CachedOnly && !self.is_resident(unit) {
            return Err(Miss::OnDisk);
        }
        let view = self.record(&record, unit, queue_offset).ok_or(Miss::Damaged)?;
        let is_unknown = extension.is_none() && unit.has_extension();
        if is_unknown && !self.filter.matches_consume_queue(self.store.tags_code_of(&view)) {
            return Err(Miss::OtherTag);
        }
        if !self.filter.matches_commit_log(&view) {
            return Err(Miss::Filtered);
        }
        Ok(record)
    }

    /// Published bytes of the log.
    fn slice(&mut self, phy_offset: i64, size: usize) -> Option<Bytes> {
        if let Some(slice) = self.stretch.slice(phy_offset, size) {
            return Some(slice);
        }
        self.stretch = Stretch::new(phy_offset, self.store.log.files().slice_from(phy_offset)?);
        self.stretch.slice(phy_offset, size)
    }

    /// What stands beside the unit, if anything does.
    fn extension(&self, unit: &Unit) -> Option<Extension> {
        if !unit.has_extension() {
            return None;
        }
        self.store.extensions.get(self.disk, self.queue.topic(), self.queue.queue_id(), unit)
    }

    /// The record of a place in the queue, if `bytes` are it, whole and undamaged.
    fn record<'b>(&self, bytes: &'b [u8], unit: &Unit, queue_offset: i64) -> Option<RecordView<'b>> {
        let view = intact_record(bytes, unit.phy_offset)?;
        // A light queue points to records of the topics it was dispatched from.
        let is_of_place = self.request.topic.starts_with(LMQ_PREFIX)
            || (view.topic() == self.request.topic
                && view.queue_id() == self.request.queue_id
                && view.queue_offset() == queue_offset);
        (view.total_size() == bytes.len() && is_of_place).then_some(view)
    }

    /// Whether a record can be read without waiting for the disk.
    fn is_resident(&mut self, unit: &Unit) -> bool {
        let (start, end) = (unit.phy_offset, unit.end_phy_offset());
        if self.resident.start <= start && end <= self.resident.end {
            return true;
        }
        let size = usize::try_from(unit.size_bytes).unwrap_or(0).max(RESIDENCE_BYTES);
        let resident = self.store.log.files().resident_bytes(start, size);
        self.resident = start..start + resident as i64;
        end <= self.resident.end
    }
}

/// What one answer may carry.
pub(super) struct Limits {
    max_count: usize,
    max_bytes: usize,
    look_at_count: usize,
    hot: (usize, usize),
    cold: (usize, usize),
}

impl Limits {
    pub(super) fn new(store: &MessageStore, request: &GetRequest<'_>, kind: QueueKind) -> Self {
        let options = store.options.now();
        let unit_bytes = kind.unit_bytes();
        let look_at_bytes =
            options.max_filter_message_size_bytes.max(request.max_count.saturating_mul(unit_bytes));
        Self {
            max_count: request.max_count,
            max_bytes: request.max_bytes.clamp(MIN_PULL_BYTES, MAX_PULL_BYTES),
            look_at_count: look_at_bytes.div_ceil(unit_bytes),
            hot: (options.max_transfer_count_in_memory, options.max_transfer_bytes_in_memory),
            cold: (options.max_transfer_count_on_disk, options.max_transfer_bytes_on_disk),
        }
    }

    /// Whether a message of this size goes into another answer, RocketMQ's `isTheBatchFull`. The first never
    /// does.
    pub(super) fn is_full(&self, queued: &QueuedUnit, is_hot: bool, result: &GetResult) -> bool {
        let count = result.message_count;
        if count == 0 {
            return false;
        }
        let bytes = result.total_bytes.saturating_add(usize::try_from(queued.unit.size_bytes).unwrap_or(0));
        let (transfer_count, transfer_bytes) = if is_hot { self.hot } else { self.cold };
        let added = usize::try_from(queued.message_count).unwrap_or(0);
        count.saturating_add(added) > self.max_count
            || bytes > self.max_bytes
            || bytes > transfer_bytes
            || count >= transfer_count
    }
}
