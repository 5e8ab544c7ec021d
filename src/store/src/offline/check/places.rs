//! From records to units: whether each record of the CommitLog has its unit.
//!
//! Records come in the order of the CommitLog, units stand by queue. So places are gathered, sorted by queue,
//! and compared queue by queue: one open file and a few reads for all places of a queue in a batch.

use std::{collections::HashMap, sync::Arc};

use common::names::SCHEDULE_TOPIC;
use message::record::RecordView;

use super::{
    super::{
        OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
        lookup::LogLookup,
    },
    Scope,
};
use crate::{
    consume_queue::{BatchUnit, ConsumeQueueTable, QueueKind, QueueKinds, UNIT_BYTES, Unit},
    dispatch::{DelayLevels, places},
    options::Switch,
};

/// Places gathered before they are compared; about 40 bytes each.
const BATCH_PLACES: usize = 1 << 20;

/// Units read at a time.
const RUN_UNITS: i64 = 4_096;

/// From here on no file of a queue could be named.
const MAX_QUEUE_OFFSET: i64 = i64::MAX / (2 * UNIT_BYTES as i64);

/// What is known of a queue from the records in it.
#[derive(Debug)]
pub(super) struct QueueEntry {
    pub(super) topic: Arc<str>,
    pub(super) queue_id: i32,
    pub(super) kind: QueueKind,
    /// Records in it.
    pub(super) record_count: u64,
    /// Records whose place holds a unit for them, right or not quite.
    pub(super) met_count: u64,
    /// Records without a unit.
    pub(super) missing_count: u64,
    /// Queue offset and physical offset of the first of them.
    pub(super) first_missing: Option<(i64, i64)>,
    /// The last physical offset of any of them.
    pub(super) last_missing_phy_offset: i64,
    /// Records whose place is another record's, as after a topic was deleted and made again.
    pub(super) superseded_count: u64,
}

/// The queues records were found in.
#[derive(Debug, Default)]
pub(super) struct QueueBook {
    pub(super) entries: Vec<QueueEntry>,
    numbers: HashMap<Arc<str>, HashMap<i32, u32>>,
}

impl QueueBook {
    fn number(&mut self, topic: &str, queue_id: i32, kinds: &QueueKinds) -> u32 {
        if let Some(number) = self.numbers.get(topic).and_then(|queues| queues.get(&queue_id)) {
            return *number;
        }
        let name =
            self.numbers.get_key_value(topic).map_or_else(|| topic.into(), |(name, _)| Arc::clone(name));
        let number = self.entries.len() as u32;
        self.entries.push(QueueEntry {
            topic: Arc::clone(&name),
            queue_id,
            kind: kinds.of(topic),
            record_count: 0,
            met_count: 0,
            missing_count: 0,
            first_missing: None,
            last_missing_phy_offset: -1,
            superseded_count: 0,
        });
        self.numbers.entry(name).or_default().insert(queue_id, number);
        number
    }

    pub(super) fn get(&self, topic: &str, queue_id: i32) -> Option<&QueueEntry> {
        let number = self.numbers.get(topic)?.get(&queue_id)?;
        self.entries.get(*number as usize)
    }
}

/// What a record says of its unit.
#[derive(Clone, Copy, Debug)]
struct Place {
    queue: u32,
    queue_offset: i64,
    unit: Unit,
    /// What more a batch queue keeps.
    message_count: i16,
    /// In the schedule topic the tags code is a delivery time, computed from levels that may have been
    /// configured differently since: then it must not be before this.
    store_timestamp: Option<i64>,
}

impl Place {
    /// Whether `unit` is what a broker would have written for the record.
    fn is_met_by(&self, unit: &Unit) -> bool {
        let same_record = (unit.phy_offset, unit.size_bytes) == (self.unit.phy_offset, self.unit.size_bytes);
        let tags_fit = unit.tags_code == self.unit.tags_code
            || unit.has_extension()
            || self.store_timestamp.is_some_and(|stored| unit.tags_code >= stored);
        same_record && tags_fit
    }
}

/// The comparison.
pub(super) struct PlacePass<'a> {
    scope: Scope<'a>,
    levels: DelayLevels,
    light: Switch,
    /// The queues as a broker would load them: those of batches are searched by offset.
    queues: ConsumeQueueTable,
    book: QueueBook,
    batch: Vec<Place>,
    lookup: LogLookup<'a>,
}

impl<'a> PlacePass<'a> {
    pub(super) fn open(scope: Scope<'a>, kinds: Arc<QueueKinds>) -> Result<Self, OfflineError> {
        let dir = scope.dir;
        let levels = DelayLevels::new(dir.options.delay_level_millis.clone());
        let lookup = LogLookup::new(dir, scope.row);
        let (path, options) = (dir.queues_path(QueueKind::Simple), dir.options.queue_options(kinds));
        let queues = ConsumeQueueTable::open(Arc::clone(&dir.fs), path, &options)?;
        let light = dir.light_queues()?;
        Ok(Self { scope, levels, light, queues, book: QueueBook::default(), batch: Vec::new(), lookup })
    }

    /// Takes note of a record's places.
    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        for (topic, queue_id, place) in places(record, &self.levels, self.light) {
            let queue = self.book.number(topic, queue_id, self.queues.kinds());
            let store_timestamp = (topic == SCHEDULE_TOPIC).then_some(place.store_timestamp);
            let BatchUnit { unit, base_offset, message_count, .. } = place.batch_unit();
            self.batch.push(Place { queue, queue_offset: base_offset, unit, message_count, store_timestamp });
        }
        if self.batch.len() >= BATCH_PLACES {
            self.compare(findings)?;
        }
        Ok(())
    }

    /// Compares what is left and gives out what is known of the queues.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> Result<QueueBook, OfflineError> {
        self.compare(findings)?;
        Ok(std::mem::take(&mut self.book))
    }

    fn compare(&mut self, findings: &mut Findings) -> Result<(), OfflineError> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.sort_unstable_by_key(|place| (place.queue, place.queue_offset, place.unit.phy_offset));
        let is_one_run = |left: &Place, right: &Place| {
            left.queue == right.queue
                && left.queue_offset.div_euclid(RUN_UNITS) == right.queue_offset.div_euclid(RUN_UNITS)
        };
        for run in batch.chunk_by(is_one_run) {
            self.compare_run(run, findings)?;
            if self.scope.progress.is_stopped() {
                return Err(OfflineError::Interrupted);
            }
        }
        batch.clear();
        self.batch = batch;
        Ok(())
    }

    /// Compares places of one queue that stand close together.
    fn compare_run(&mut self, run: &[Place], findings: &mut Findings) -> Result<(), OfflineError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let Some(entry) = self.book.entries.get_mut(first.queue as usize) else { return Ok(()) };
        if entry.kind == QueueKind::Batch {
            return self.compare_batches(run, findings);
        }
        let queue = self.scope.dir.queue(QueueKind::Simple, &entry.topic, entry.queue_id);
        let count = usize::try_from(last.queue_offset - first.queue_offset + 1).unwrap_or(0);
        let is_possible = first.queue_offset >= 0 && last.queue_offset < MAX_QUEUE_OFFSET;
        let units = if is_possible {
            queue.read(first.queue_offset, count).map_err(OfflineError::io(queue.path()))?
        } else {
            Vec::new()
        };
        for place in run {
            entry.record_count += 1;
            let at = (place.queue_offset - first.queue_offset) as usize;
            let unit = units.get(at).filter(|unit| unit.is_message());
            match unit {
                Some(unit) if place.is_met_by(unit) => entry.met_count += 1,
                Some(unit)
                    if self.lookup.is_at(unit, &entry.topic, entry.queue_id, place.queue_offset)?
                        && unit.phy_offset != place.unit.phy_offset =>
                {
                    entry.superseded_count += 1;
                }
                Some(unit) => {
                    // A unit that is wrong in its own words was met all the same: it is reported here.
                    entry.met_count += u64::from(unit.phy_offset == place.unit.phy_offset);
                    findings.push(mismatch(entry, place, unit, queue.locate(place.queue_offset)));
                }
                None => entry.miss(place),
            }
        }
        Ok(())
    }

    /// Compares places of one batch queue.
    fn compare_batches(&mut self, run: &[Place], findings: &mut Findings) -> Result<(), OfflineError> {
        let Some(first) = run.first() else { return Ok(()) };
        let Some(entry) = self.book.entries.get_mut(first.queue as usize) else { return Ok(()) };
        let dir = self.scope.dir.queue(QueueKind::Batch, &entry.topic, entry.queue_id);
        let queue = match self.queues.get(&entry.topic, entry.queue_id) {
            Ok(queue) => queue,
            Err(error) => {
                let reason = format!("cannot be read: {error}");
                findings.push(Finding::new(Severity::Damage, FindingKind::QueueFile, dir.path(), reason));
                None
            }
        };
        for place in run {
            entry.record_count += 1;
            let found = match &queue {
                Some(queue) => queue.find_batch(place.queue_offset).map_err(OfflineError::io(dir.path()))?,
                None => None,
            };
            match found.filter(|batch| batch.next_offset() > place.queue_offset) {
                Some(batch) if batch.unit.phy_offset != place.unit.phy_offset => entry.superseded_count += 1,
                Some(batch) => {
                    entry.met_count += 1;
                    let asked = (place.queue_offset, place.message_count);
                    if !place.is_met_by(&batch.unit) || (batch.base_offset, batch.message_count) != asked {
                        let at = (dir.path().to_owned(), 0);
                        findings.push(mismatch(entry, place, &batch.unit, at));
                    }
                }
                None => entry.miss(place),
            }
        }
        Ok(())
    }
}

impl QueueEntry {
    /// A record of the queue has no unit.
    fn miss(&mut self, place: &Place) {
        self.missing_count += 1;
        let missing = (place.queue_offset, place.unit.phy_offset);
        self.last_missing_phy_offset = self.last_missing_phy_offset.max(missing.1);
        self.first_missing = Some(self.first_missing.map_or(missing, |first| first.min(missing)));
    }
}

fn mismatch(
    entry: &QueueEntry,
    place: &Place,
    unit: &Unit,
    (path, position): (std::path::PathBuf, u64),
) -> Finding {
    let reason = format!(
        "unit of {}/{} at queue offset {} is {}, its record makes it {}",
        entry.topic,
        entry.queue_id,
        place.queue_offset,
        words(unit),
        words(&place.unit)
    );
    Finding::new(Severity::Damage, FindingKind::WrongUnit, path, reason)
        .at(position)
        .of_record(place.unit.phy_offset)
}

fn words(unit: &Unit) -> String {
    let Unit { phy_offset, size_bytes, tags_code } = unit;
    format!("({phy_offset}, {size_bytes} bytes, tags {tags_code})")
}
