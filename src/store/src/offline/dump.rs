//! Listing what is in a store. Nothing is locked: it may be done beside a broker.

use std::{
    ops::{ControlFlow, Range},
    path::Path,
};

use message::{
    hash::index_key_hash,
    record::{RecordError, RecordView},
};

use super::{OfflineError, Progress, Stage, StoreDir, progress::goes_on};
use crate::{
    consume_queue::{QueueKind, QueuedUnit, Unit},
    index_file::{Header, IndexReader, IndexRequest, Item, list_index_files},
    recovery::{Damage, scan::LogVisitor},
};

/// Which records are wanted: those that fit everything that is given.
#[derive(Clone, Debug)]
pub struct RecordFilter {
    /// Of this topic.
    pub topic: Option<String>,
    /// Of this queue of their topic.
    pub queue_id: Option<i32>,
    /// That begin here.
    pub phy_offsets: Range<i64>,
    /// With such an offset in their queue.
    pub queue_offsets: Range<i64>,
    /// With this key or unique id.
    pub key: Option<String>,
    /// No more than so many.
    pub limit: u64,
}

impl Default for RecordFilter {
    fn default() -> Self {
        let (all, limit) = (0..i64::MAX, u64::MAX);
        Self { topic: None, queue_id: None, phy_offsets: all.clone(), queue_offsets: all, key: None, limit }
    }
}

impl RecordFilter {
    pub(super) fn takes(&self, record: &RecordView<'_>) -> bool {
        self.phy_offsets.contains(&record.phy_offset())
            && self.queue_offsets.contains(&record.queue_offset())
            && self.topic.as_ref().is_none_or(|topic| topic == record.topic())
            && self.queue_id.is_none_or(|queue_id| queue_id == record.queue_id())
            && self.key.as_ref().is_none_or(|key| {
                IndexRequest::of(record).is_some_and(|request| request.all_keys().any(|found| found == key))
            })
    }
}

/// What a listing of the CommitLog comes across.
pub enum Dumped<'a> {
    /// A record that is wanted.
    Record(&'a RecordView<'a>),
    /// Bytes that are no records.
    Damage(Damage, RecordError),
}

struct RecordDump<'a> {
    filter: &'a RecordFilter,
    progress: &'a dyn Progress,
    emit: &'a mut dyn FnMut(&Dumped<'_>) -> ControlFlow<()>,
    begin: i64,
    seen_count: u64,
    emitted_count: u64,
}

impl LogVisitor for RecordDump<'_> {
    type Error = OfflineError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OfflineError> {
        self.seen_count += 1;
        if !goes_on(self.progress, self.seen_count, record, self.begin) {
            return Ok(ControlFlow::Break(()));
        }
        if record.phy_offset() >= self.filter.phy_offsets.end || self.emitted_count >= self.filter.limit {
            return Ok(ControlFlow::Break(()));
        }
        if !self.filter.takes(record) {
            return Ok(ControlFlow::Continue(()));
        }
        self.emitted_count += 1;
        let flow = (self.emit)(&Dumped::Record(record));
        let is_last = self.emitted_count >= self.filter.limit;
        Ok(if is_last { ControlFlow::Break(()) } else { flow })
    }

    fn damage(&mut self, damage: Damage, error: RecordError) {
        // Whoever does not want to go on is asked again at the next record.
        let _flow = (self.emit)(&Dumped::Damage(damage, error));
    }
}

/// Hands the wanted records to `emit`, in the order of the CommitLog, until it breaks.
pub fn dump_records(
    dir: &StoreDir,
    filter: &RecordFilter,
    progress: &dyn Progress,
    emit: &mut dyn FnMut(&Dumped<'_>) -> ControlFlow<()>,
) -> Result<(), OfflineError> {
    let row = dir.log()?;
    let begin = row.find(filter.phy_offsets.start).map_or(row.min_phy_offset(), |file| file.base_phy_offset);
    if filter.phy_offsets.start >= row.max_phy_offset() {
        return Ok(());
    }
    progress.begin(Stage::CommitLog, u64::try_from(row.max_phy_offset() - begin).unwrap_or(0));
    let mut visitor = RecordDump { filter, progress, emit, begin, seen_count: 0, emitted_count: 0 };
    row.scan(&dir.fs).run(begin, &mut visitor)?;
    Ok(())
}

/// Which units are wanted.
#[derive(Clone, Debug)]
pub struct UnitFilter {
    /// Of this topic.
    pub topic: Option<String>,
    /// Of this queue of their topic.
    pub queue_id: Option<i32>,
    /// At these places.
    pub queue_offsets: Range<i64>,
    /// No more than so many.
    pub limit: u64,
}

/// A unit and its place.
#[derive(Clone, Copy, Debug)]
pub struct DumpedUnit<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The queue id.
    pub queue_id: i32,
    /// The first queue offset it stands for.
    pub queue_offset: i64,
    /// How many messages are in its record.
    pub message_count: i64,
    /// The unit.
    pub unit: Unit,
}

/// Hands the wanted units to `emit`, queue by queue, until it breaks.
pub fn dump_units(
    dir: &StoreDir,
    filter: &UnitFilter,
    progress: &dyn Progress,
    emit: &mut dyn FnMut(&DumpedUnit<'_>) -> ControlFlow<()>,
) -> Result<(), OfflineError> {
    let mut topics = Vec::new();
    for kind in QueueKind::ALL {
        topics.extend(dir.topics(kind)?.into_iter().map(|(topic, queue_ids)| (topic, queue_ids, kind)));
    }
    topics.retain(|(topic, ..)| filter.topic.as_ref().is_none_or(|wanted| wanted == topic));
    topics.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    let mut left = filter.limit;
    for (topic, queue_ids, kind) in &topics {
        for queue_id in queue_ids.iter().filter(|id| filter.queue_id.is_none_or(|wanted| wanted == **id)) {
            let queue = dir.queue(*kind, topic, *queue_id);
            for file in queue.files()? {
                let walked = queue.walk(&file, |_, queued| {
                    let QueuedUnit { unit, queue_offset, message_count } = queued;
                    if left == 0 || queue_offset >= filter.queue_offsets.end || progress.is_stopped() {
                        return false;
                    }
                    if queued.next_offset() > filter.queue_offsets.start {
                        left -= 1;
                        let dumped =
                            DumpedUnit { topic, queue_id: *queue_id, queue_offset, message_count, unit };
                        if emit(&dumped).is_break() {
                            left = 0;
                        }
                    }
                    true
                });
                walked.map_err(OfflineError::io(&file.path))?;
                if left == 0 || progress.is_stopped() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// An index file and its header.
#[derive(Clone, Copy, Debug)]
pub struct DumpedFile<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Store timestamp of the first record in it.
    pub begin_timestamp: i64,
    /// Store timestamp of the last record in it.
    pub end_timestamp: i64,
    /// Physical offset of the first record in it.
    pub begin_phy_offset: i64,
    /// Physical offset of the last record in it.
    pub end_phy_offset: i64,
    /// Slots that have items.
    pub used_slot_count: u32,
    /// The index the next item gets.
    pub next_index: u32,
}

/// An item of an index file.
#[derive(Clone, Copy, Debug)]
pub struct DumpedItem {
    /// Its index.
    pub index: u32,
    /// Hash of topic and key.
    pub key_hash: i32,
    /// Where the record begins.
    pub phy_offset: i64,
    /// When the record was stored, to the second.
    pub store_timestamp: i64,
    /// The next older item in the slot; 0 for none.
    pub previous: u32,
}

/// Hands all index files with their items to `emit`, until it breaks; of a key only, given as topic and key.
pub fn dump_index(
    dir: &StoreDir,
    key: Option<(&str, &str)>,
    mut limit: u64,
    emit: &mut dyn FnMut(&DumpedFile<'_>, Option<&DumpedItem>) -> ControlFlow<()>,
) -> Result<(), OfflineError> {
    let (path, layout) = (dir.index_path(), dir.index_layout());
    let wanted = key.map(|(topic, key)| index_key_hash(topic, key));
    for (number, len_bytes) in list_index_files(&*dir.fs, &path)? {
        let file = path.join(format!("{number:017}"));
        if len_bytes != layout.file_bytes() {
            let keys = "maxHashSlotNum and maxIndexNum";
            return Err(OfflineError::Sizes {
                path: file,
                len_bytes,
                expected_bytes: layout.file_bytes(),
                keys,
            });
        }
        let failed = || OfflineError::io(&file);
        let mut reader = IndexReader::open(&*dir.fs, &path, number, layout).map_err(failed())?;
        let header = *reader.header();
        let dumped = file_of(&file, &header);
        if limit == 0 || emit(&dumped, None).is_break() {
            return Ok(());
        }
        for index in 1..header.next_index {
            let Some(item) = reader.item(index).map_err(failed())? else { break };
            if wanted.is_some_and(|wanted| wanted != item.key_hash) {
                continue;
            }
            limit -= 1;
            if emit(&dumped, Some(&item_of(index, &item, &header))).is_break() || limit == 0 {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn file_of<'a>(path: &'a Path, header: &Header) -> DumpedFile<'a> {
    DumpedFile {
        path,
        begin_timestamp: header.begin_timestamp,
        end_timestamp: header.end_timestamp,
        begin_phy_offset: header.begin_phy_offset,
        end_phy_offset: header.end_phy_offset,
        used_slot_count: header.used_slot_count,
        next_index: header.next_index,
    }
}

fn item_of(index: u32, item: &Item, header: &Header) -> DumpedItem {
    DumpedItem {
        index,
        key_hash: item.key_hash,
        phy_offset: item.phy_offset,
        store_timestamp: header.begin_timestamp.saturating_add(i64::from(item.seconds) * 1_000),
        previous: item.previous,
    }
}
