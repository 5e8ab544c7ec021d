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

use message::record::{RecordError, RecordView};

use super::{
    super::{
        OfflineError, Progress, StoreDir, check,
        findings::{Finding, FindingKind, Severity},
        progress::goes_on,
    },
    RebuildReport, damage_finding,
    queues::options,
    stop_if_asked,
};
use crate::{
    consume_queue::{AppendError, AppendOutcome, ConsumeQueueTable, TableError, find_queues},
    dispatch::{DelayLevels, QueuePlace, queue_place},
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
    /// The new queues; absent when nothing is to be written.
    pub(super) table: Option<&'a ConsumeQueueTable>,
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
        if let Some(place) = queue_place(record, &self.levels) {
            if record.phy_offset() < self.dispatched && self.fate(record.topic()) == Fate::WasDeleted {
                self.report.deleted_count += 1;
            } else {
                self.place(record, place)?;
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
        let has_queues = self.dir.fs.exists(&self.dir.queues_path().join(topic));
        let fate =
            if !has_queues && self.config.is_deleted_topic(topic) { Fate::WasDeleted } else { Fate::IsBuilt };
        self.fates.insert(topic.into(), fate);
        fate
    }

    fn place(&mut self, record: &RecordView<'_>, place: QueuePlace) -> Result<(), OfflineError> {
        let (topic, queue_id) = (record.topic(), record.queue_id());
        let Some(table) = self.table else {
            self.count(topic, queue_id);
            return Ok(());
        };
        match table.append(topic, queue_id, place.queue_offset, place.unit) {
            Ok(AppendOutcome::AlreadyPresent) => self.contend(table, record, place)?,
            Ok(_) => self.count(topic, queue_id),
            Err(error @ (TableError::InvalidTopic(_) | TableError::Append(_)))
                if !matches!(error, TableError::Append(AppendError::Io(_))) =>
            {
                let reason = format!("a record of {topic}/{queue_id} has no place in its queue: {error}");
                let finding =
                    Finding::new(Severity::Damage, FindingKind::MissingUnit, &self.report.dir, reason);
                self.report.findings.push(finding.of_record(record.phy_offset()));
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
        record: &RecordView<'_>,
        place: QueuePlace,
    ) -> Result<(), OfflineError> {
        let (topic, queue_id) = (record.topic(), record.queue_id());
        let queue = self.dir.queue(topic, queue_id);
        let former = queue.read(place.queue_offset, 1).map_err(OfflineError::io(queue.path()))?;
        if former.first().is_none_or(|unit| unit.phy_offset != place.unit.phy_offset || !unit.is_message()) {
            self.report.superseded_count += 1;
            return Ok(());
        }
        table.delete_queue(topic, queue_id)?;
        let earlier = self.counts.get_mut(topic).and_then(|queues| queues.remove(&queue_id)).unwrap_or(0);
        self.report.superseded_count += earlier;
        self.report.entry_count -= earlier;
        table.append(topic, queue_id, place.queue_offset, place.unit)?;
        self.count(topic, queue_id);
        Ok(())
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
        let dir = self.dir;
        let former = ConsumeQueueTable::open(Arc::clone(&dir.fs), dir.queues_path(), &options(dir))?;
        for (topic, queue_ids) in find_queues(&*dir.fs, &dir.queues_path())? {
            for queue_id in queue_ids {
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
                    table.append(&topic, queue_id, next - 1, last)?;
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
