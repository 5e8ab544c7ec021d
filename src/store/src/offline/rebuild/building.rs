//! The queues while they are built, record by record.
//!
//! Every record goes to its queue as if it were dispatched for the first time. Three things are taken from the
//! queues there were:
//!
//! - which of two records with one place is of the younger life of a topic that was deleted and made again;
//! - that a topic without queues and configuration was deleted, unless its records are so young that a start
//!   after the crash would dispatch them;
//! - how far queues had come whose messages have all expired, so that their offsets go on from there.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use common::names::is_lmq;
use message::record::{RecordError, RecordView};

use super::{
    super::{
        OfflineError, Progress, StoreDir, check,
        findings::{Finding, FindingKind, Severity},
        progress::goes_on,
    },
    RebuildReport, damage_finding, stop_if_asked,
};
use crate::{
    consume_queue::{
        AppendError, AppendOutcome, ConsumeQueue, ConsumeQueueOptions, ConsumeQueueTable, QueueKind,
        TableError, Unit,
    },
    dispatch::{DelayLevels, QueuePlace, places},
    options::Switch,
    recovery::{Damage, scan::LogVisitor},
};

/// Units are written to their files every so many records: each takes 20 bytes of memory until then.
const RECORDS_BETWEEN_WRITES: u64 = 1 << 18;

/// What happens to the records of a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    IsBuilt,
    WasDeleted,
}

/// The queues as far as they are built.
pub(super) struct Building<'a> {
    pub(super) dir: &'a StoreDir,
    pub(super) levels: DelayLevels,
    pub(super) options: &'a ConsumeQueueOptions,
    /// The new queues; absent when nothing is to be written.
    pub(super) table: Option<&'a ConsumeQueueTable>,
    /// The queues there were.
    pub(super) former: &'a ConsumeQueueTable,
    /// How many units each queue has.
    pub(super) counts: HashMap<Arc<str>, HashMap<i32, u64>>,
    pub(super) fates: HashMap<Arc<str>, Fate>,
    pub(super) config: check::ConfigSummary,
    pub(super) progress: &'a dyn Progress,
    pub(super) begin: i64,
    /// Records before this have been in their queues.
    pub(super) dispatched: i64,
    pub(super) report: &'a mut RebuildReport,
}

impl LogVisitor for Building<'_> {
    type Error = OfflineError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OfflineError> {
        self.report.record_count += 1;
        if !goes_on(self.progress, self.report.record_count, record, self.begin) {
            return Err(OfflineError::Interrupted);
        }
        if let Some(table) =
            self.table.filter(|_| self.report.record_count.is_multiple_of(RECORDS_BETWEEN_WRITES))
        {
            table.write_tails()?;
        }
        let levels = self.levels.clone();
        for (topic, queue_id, place) in places(record, &levels, Switch::On) {
            if record.phy_offset() < self.dispatched && self.fate(topic) == Fate::WasDeleted {
                self.report.deleted_count += 1;
            } else {
                self.place(topic, queue_id, place)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn damage(&mut self, damage: Damage, error: RecordError) {
        self.report.findings.push(damage_finding(&damage, &error));
    }
}

impl Building<'_> {
    fn fate(&mut self, topic: &str) -> Fate {
        if let Some(fate) = self.fates.get(topic) {
            return *fate;
        }
        let kind = self.options.kinds.of(topic);
        let has_queues = self.dir.fs.exists(&self.dir.queues_path(kind).join(topic));
        // Light queues are in no configuration.
        let is_deleted = self.config.is_deleted_topic(topic) && !is_lmq(topic);
        let fate = if !has_queues && is_deleted { Fate::WasDeleted } else { Fate::IsBuilt };
        self.fates.insert(topic.into(), fate);
        fate
    }

    fn place(&mut self, topic: &str, queue_id: i32, place: QueuePlace) -> Result<(), OfflineError> {
        let Some(table) = self.table else {
            self.count(topic, queue_id);
            return Ok(());
        };
        match table.append_with(topic, queue_id, |queue| place.append_to(queue)) {
            Ok(AppendOutcome::AlreadyPresent) => self.contend(table, topic, queue_id, place)?,
            Ok(_) => self.count(topic, queue_id),
            Err(error @ (TableError::InvalidTopic(_) | TableError::Append(_)))
                if !matches!(error, TableError::Append(AppendError::Io(_))) =>
            {
                let reason = format!("a record of {topic}/{queue_id} has no place in its queue: {error}");
                let finding =
                    Finding::new(Severity::Damage, FindingKind::MissingUnit, &self.report.dir, reason);
                self.report.findings.push(finding.of_record(place.unit.phy_offset));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn count(&mut self, topic: &str, queue_id: i32) {
        self.report.entry_count += 1;
        if !self.counts.contains_key(topic) {
            self.counts.insert(topic.into(), HashMap::new());
        }
        if let Some(queues) = self.counts.get_mut(topic) {
            *queues.entry(queue_id).or_default() += 1;
        }
    }

    /// A record whose place is taken. Where the queue there was points to it, its topic was deleted and made
    /// again, and what was built so far is of the earlier life.
    fn contend(
        &mut self,
        table: &ConsumeQueueTable,
        topic: &str,
        queue_id: i32,
        place: QueuePlace,
    ) -> Result<(), OfflineError> {
        if !self.was_at(topic, queue_id, &place)? {
            self.report.superseded_count += 1;
            return Ok(());
        }
        table.delete_queue(topic, queue_id)?;
        let earlier = self.counts.get_mut(topic).and_then(|queues| queues.remove(&queue_id)).unwrap_or(0);
        self.report.superseded_count += earlier;
        self.report.entry_count -= earlier;
        table.append_with(topic, queue_id, |queue| place.append_to(queue))?;
        self.count(topic, queue_id);
        Ok(())
    }

    /// Whether the queue there was points to the record of this place.
    fn was_at(&self, topic: &str, queue_id: i32, place: &QueuePlace) -> Result<bool, OfflineError> {
        let kind = self.options.kinds.of(topic);
        let dir = self.dir.queue(kind, topic, queue_id);
        let unit = match kind {
            QueueKind::Simple => {
                dir.read(place.queue_offset, 1).map_err(OfflineError::io(dir.path()))?.first().copied()
            }
            QueueKind::Batch => match self.former.get(topic, queue_id) {
                Ok(Some(queue)) => {
                    let batch = queue.find_batch(place.queue_offset).map_err(OfflineError::io(dir.path()))?;
                    batch.filter(|batch| batch.base_offset == place.queue_offset).map(|batch| batch.unit)
                }
                // A queue that cannot be read says nothing.
                Ok(None) | Err(_) => None,
            },
        };
        Ok(unit.is_some_and(|unit| unit.phy_offset == place.unit.phy_offset && unit.is_message()))
    }

    pub(super) fn queue_count(&self) -> u64 {
        self.counts.values().map(|queues| queues.len() as u64).sum()
    }

    fn has(&self, topic: &str, queue_id: i32) -> bool {
        self.counts.get(topic).is_some_and(|queues| queues.contains_key(&queue_id))
    }

    /// Takes over the end of every queue that has no record left in a log that ends at `end`, so that its
    /// offsets go on from there.
    pub(super) fn carry_over(&mut self, end: i64) -> Result<(), OfflineError> {
        let former = self.former;
        for topic in former.topics() {
            for queue_id in former.queues(&topic) {
                stop_if_asked(self.progress)?;
                // A queue that cannot be read has no end to take over.
                let Ok(Some(queue)) = former.get(&topic, queue_id) else { continue };
                let next = queue.max_queue_offset();
                // What points behind the end of the log, recovery would cut too.
                let Some(last) = queue.last_unit().filter(|unit| unit.phy_offset < end) else { continue };
                if self.has(&topic, queue_id) {
                    self.note_if_shorter(&topic, queue_id, next)?;
                    continue;
                }
                self.report.carried_count += 1;
                if let Some(table) = self.table {
                    carry(table, &queue, last, next)?;
                }
            }
        }
        Ok(())
    }

    fn note_if_shorter(&mut self, topic: &str, queue_id: i32, former: i64) -> Result<(), OfflineError> {
        let Some(table) = self.table else { return Ok(()) };
        let next = table.next_queue_offset(topic, queue_id)?;
        if next < former {
            let reason =
                format!("{topic}/{queue_id} ended at queue offset {former}, its records end at {next}");
            let finding = Finding::new(Severity::Note, FindingKind::MissingUnit, &self.report.dir, reason);
            self.report.findings.push(finding);
        }
        Ok(())
    }
}

/// Lets a queue go on at `next` after its last unit.
fn carry(
    table: &ConsumeQueueTable,
    queue: &Arc<ConsumeQueue>,
    last: Unit,
    next: i64,
) -> Result<(), OfflineError> {
    match queue.kind() {
        QueueKind::Simple => table.append(queue.topic(), queue.queue_id(), next - 1, last)?,
        QueueKind::Batch => {
            let found = queue.find_batch(next - 1).map_err(TableError::files(queue))?;
            let Some(batch) = found else { return Ok(()) };
            table.append_with(queue.topic(), queue.queue_id(), |new| new.append_batch(batch))?
        }
    };
    Ok(())
}
