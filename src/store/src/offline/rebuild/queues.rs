//! `rebuild-queues`.
//!
//! Every record goes to its queue as if it were dispatched for the first time. Three things are taken from the
//! queues there were: which of two records with one place is the younger life of a topic that was deleted and
//! made again; that a topic without queues and configuration was deleted, unless its records are so young that
//! a start after the crash would dispatch them; and how far queues had come whose
//! messages have all expired, so that offsets go on from there.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use common::names::is_lmq;
use message::record::{RecordError, RecordView};

use super::{
    super::{
        OfflineError, Progress, Stage, StoreDir, check,
        findings::{Finding, FindingKind, Severity},
        store_dir::LogRow,
    },
    Claim, RebuildMode, RebuildReport, damage_finding, refuse_incomplete_log, stop_if_asked,
    swap::Swap,
    sync_log,
};
use crate::{
    checkpoint::{Checkpoint, CheckpointFile},
    consume_queue::{
        AppendError, AppendOutcome, ConsumeQueueOptions, ConsumeQueueTable, TableError, find_queues,
    },
    dispatch::{DelayLevels, QueuePlace, queue_place},
    lock::{self, LastExit},
    message_store::refuse_unsupported,
    recovery::{
        Damage, begin,
        scan::{Found, LogVisitor},
    },
};

/// Progress is told, and a wish to stop heard, every so many records.
const RECORDS_BETWEEN_TELLING: u64 = 1_024;

/// Units are written to their files every so many records: each takes 20 bytes of memory until then.
const RECORDS_BETWEEN_WRITES: u64 = 1 << 18;

/// What happens to the records of a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    IsBuilt,
    WasDeleted,
}

struct Building<'a> {
    dir: &'a StoreDir,
    levels: DelayLevels,
    /// The new queues; absent when nothing is to be written.
    table: Option<&'a ConsumeQueueTable>,
    /// How many units each queue has.
    counts: HashMap<Arc<str>, HashMap<i32, u64>>,
    fates: HashMap<Arc<str>, Fate>,
    config: check::ConfigSummary,
    progress: &'a dyn Progress,
    begin: i64,
    /// Records before this have been in their queues.
    dispatched: i64,
    report: &'a mut RebuildReport,
}

impl LogVisitor for Building<'_> {
    type Error = OfflineError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OfflineError> {
        self.report.record_count += 1;
        if self.report.record_count.is_multiple_of(RECORDS_BETWEEN_TELLING) {
            self.progress.advance(u64::try_from(record.phy_offset() - self.begin).unwrap_or(0));
            stop_if_asked(self.progress)?;
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

    fn queue_count(&self) -> u64 {
        self.counts.values().map(|queues| queues.len() as u64).sum()
    }

    fn has(&self, topic: &str, queue_id: i32) -> bool {
        self.counts.get(topic).is_some_and(|queues| queues.contains_key(&queue_id))
    }

    /// Takes over the end of every queue that has no record left in a log that ends at `end`, so that its
    /// offsets go on from there.
    fn carry_over(&mut self, end: i64) -> Result<(), OfflineError> {
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

fn options(dir: &StoreDir) -> ConsumeQueueOptions {
    ConsumeQueueOptions {
        file_size_bytes: dir.options.consume_queue_file_size_bytes,
        max_open_files: dir.options.max_open_consume_queue_files,
    }
}

/// Builds the `ConsumeQueue`s again from the CommitLog.
pub fn rebuild_queues(
    dir: &StoreDir,
    mode: RebuildMode,
    progress: &dyn Progress,
) -> Result<RebuildReport, OfflineError> {
    let _claim = Claim::take(dir, mode)?;
    refuse_unsupported(&*dir.fs, &dir.options)?;
    refuse_light_queues(dir)?;
    let mut row = dir.log()?;
    let mut findings = std::mem::take(&mut row.findings);
    refuse_incomplete_log(mode, &findings)?;
    let config = check::check_config(dir, &mut findings)?;
    let mut report = RebuildReport::new(mode, dir.queues_path(), findings);
    let (begin, dispatched) = (row.min_phy_offset(), dispatched_before(dir, &row)?);
    let swap = match mode {
        RebuildMode::DryRun => None,
        RebuildMode::Write => Some(Swap::begin(&*dir.writable, dir.root(), "consumequeue")?),
    };
    let build = || -> Result<Found, OfflineError> {
        let table = match &swap {
            Some(swap) => {
                Some(ConsumeQueueTable::open(Arc::clone(&dir.writable), swap.fresh(), &options(dir))?)
            }
            None => None,
        };
        let levels = DelayLevels::new(dir.options.delay_level_millis.clone());
        let (counts, fates, table) = (HashMap::new(), HashMap::new(), table.as_ref());
        let mut building = Building {
            dir,
            levels,
            table,
            counts,
            fates,
            config,
            progress,
            begin,
            dispatched,
            report: &mut report,
        };
        progress.begin(Stage::CommitLog, row.total_bytes());
        let found = row.scan(&dir.fs).run(begin, &mut building)?;
        building.carry_over(found.end)?;
        let queue_count = building.queue_count();
        report.container_count = queue_count + report.carried_count;
        report.end_phy_offset = found.end;
        if let Some(table) = table {
            progress.begin(Stage::Syncing, 0);
            table.flush()?;
            sync_log(dir, &row)?;
            stop_if_asked(progress)?;
        }
        Ok(found)
    };
    let found = build().inspect_err(|_| {
        if let Some(swap) = &swap {
            swap.abandon();
        }
    })?;
    if let Some(swap) = &swap {
        replace(dir, swap, &found)?;
    }
    Ok(report)
}

/// Puts the new queues in place, with a checkpoint that fits them.
fn replace(dir: &StoreDir, swap: &Swap<'_>, found: &Found) -> Result<(), OfflineError> {
    let failed = || OfflineError::io(dir.root().join("checkpoint"));
    let (file, former) = CheckpointFile::open(&*dir.writable, dir.root()).map_err(failed())?;
    // Whatever queues the next start finds in between, it brings them up to the log from its beginning.
    let unsure =
        Checkpoint { physic_msg_timestamp: 0, logics_msg_timestamp: 0, recover_phy_offset: None, ..former };
    file.save(&unsure).map_err(failed())?;
    swap.exchange()?;
    let timestamp = found.last_store_timestamp.unwrap_or(0);
    let mut checkpoint =
        Checkpoint { physic_msg_timestamp: timestamp, logics_msg_timestamp: timestamp, ..former };
    // Only where we wrote last: after RocketMQ, recovery has to go by RocketMQ's rules for the index, too.
    if former.recover_phy_offset.is_some() {
        checkpoint.recover_phy_offset = Some(found.end);
        checkpoint.confirm_phy_offset = found.end;
    }
    file.save(&checkpoint).map_err(failed())?;
    swap.finish()
}

/// Up to where the last broker had dispatched for certain.
fn dispatched_before(dir: &StoreDir, row: &LogRow) -> Result<i64, OfflineError> {
    if lock::last_exit(&*dir.fs, dir.root()).0 == LastExit::Clean {
        return Ok(i64::MAX);
    }
    let checkpoint = dir.checkpoint()?.unwrap_or_default();
    let log = begin::Log { fs: &*dir.fs, files: &row.files, file_size: row.file_size };
    Ok(begin::after_crash(&log, &checkpoint, dir.options.message_index_safe)?.phy_offset)
}

/// Light queues (LMQ) get their units from other queues' records, in a way this store does not know.
fn refuse_light_queues(dir: &StoreDir) -> Result<(), OfflineError> {
    let path = dir.queues_path();
    if find_queues(&*dir.fs, &path)?.iter().any(|(topic, _)| is_lmq(topic)) {
        return Err(OfflineError::Unsupported { path, what: "light queues (LMQ)" });
    }
    Ok(())
}
