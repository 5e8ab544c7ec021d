//! From units to records: whether the units of each queue stand in order, and point to records of the queue.

use common::names::is_lmq;

use super::{
    super::{
        OfflineError, Stage,
        findings::{Finding, FindingKind, Findings, Severity},
        lookup::LogLookup,
    },
    ConfigSummary, Liveness, LogSummary, Scope,
    places::{QueueBook, QueueEntry},
};
use crate::{
    checkpoint::Checkpoint,
    consume_queue::{QueueDir, QueueDirFile, QueueKind, QueuedUnit, Unit},
};

/// What is in the `ConsumeQueue`s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSummary {
    /// Topics with queues on disk.
    pub topic_count: u64,
    /// Queues on disk.
    pub queue_count: u64,
    /// Files of queues.
    pub file_count: u64,
    /// Units that stand for a record of the CommitLog.
    pub unit_count: u64,
    /// Units whose record has left the CommitLog.
    pub expired_unit_count: u64,
    /// Of them light queues.
    pub light_queue_count: u64,
    /// Of them batch queues.
    pub batch_queue_count: u64,
    /// Extension files.
    pub extension_file_count: u64,
    /// Units with an extension.
    pub extension_count: u64,
}

/// The pass over all queues.
pub(super) struct QueuePass<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) log: &'a LogSummary,
    pub(super) config: &'a ConfigSummary,
    pub(super) checkpoint: Option<&'a Checkpoint>,
}

/// What walking one queue tells.
#[derive(Default)]
pub(super) struct Walked {
    /// Units that point into the CommitLog.
    in_log_count: u64,
    /// Units that point behind its end.
    behind_count: u64,
    /// Where the first unit points that stands for a record of the log.
    pub(super) first_phy_offset: Option<i64>,
    last_phy_offset: Option<i64>,
    /// The place after the last written one.
    next_place: Option<i64>,
    /// Units of records in the log that have an extension.
    extension_count: u64,
    /// Queue offset after the last message.
    pub(super) next: Option<i64>,
}

impl QueuePass<'_> {
    pub(super) fn run(
        &self,
        book: &QueueBook,
        findings: &mut Findings,
    ) -> Result<QueueSummary, OfflineError> {
        let Scope { dir, progress, .. } = self.scope;
        let mut summary = QueueSummary::default();
        let mut topics = Vec::new();
        for kind in QueueKind::ALL {
            topics.extend(dir.topics(kind)?.into_iter().map(|(topic, queue_ids)| (kind, topic, queue_ids)));
        }
        let queue_count = topics.iter().map(|(.., queues)| queues.len() as u64).sum();
        progress.begin(Stage::ConsumeQueues, queue_count);
        let mut seen = std::collections::HashSet::new();
        let mut done = 0;
        for (kind, topic, queue_ids) in &topics {
            done += queue_ids.len() as u64;
            summary.light_queue_count += if is_lmq(topic) { queue_ids.len() as u64 } else { 0 };
            summary.batch_queue_count += if *kind == QueueKind::Batch { queue_ids.len() as u64 } else { 0 };
            summary.topic_count += 1;
            for queue_id in queue_ids {
                summary.queue_count += 1;
                let entry = book.get(topic, *queue_id);
                let queue = dir.queue(*kind, topic, *queue_id);
                self.queue(&queue, topic, *queue_id, entry, &mut summary, findings)?;
                if entry.is_some() {
                    seen.insert((topic.as_str(), *queue_id));
                }
                if progress.is_stopped() {
                    return Err(OfflineError::Interrupted);
                }
            }
            progress.advance(done);
        }
        for entry in &book.entries {
            if !seen.contains(&(&*entry.topic, entry.queue_id)) {
                self.without_directory(entry, findings)?;
            }
        }
        self.extensions_without_queue(findings)?;
        Ok(summary)
    }

    fn queue(
        &self,
        queue: &QueueDir<'_>,
        topic: &str,
        queue_id: i32,
        entry: Option<&QueueEntry>,
        summary: &mut QueueSummary,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let files = queue.files()?;
        summary.file_count += files.len() as u64;
        self.files(queue, &files, findings);
        let mut walked = Walked::default();
        for file in files.iter().filter(|file| file.is_aligned) {
            let failed = OfflineError::io(&file.path);
            queue
                .walk(file, |place, queued| {
                    let at = (place - file.base) as u64 * queue.unit_bytes() as u64;
                    self.unit((file, place, at), &queued, &mut walked, summary, findings)
                })
                .map_err(failed)?;
        }
        summary.unit_count += walked.in_log_count;
        if walked.behind_count > 0 && self.scope.liveness == Liveness::Offline {
            let reason = format!(
                "{} units point behind the end of the commit log, {}",
                walked.behind_count, self.log.end_phy_offset
            );
            let severity = self.scope.unfinished();
            findings.push(Finding::new(severity, FindingKind::StrayUnit, queue.path(), reason));
        }
        summary.extension_count += walked.extension_count;
        // Units without extensions need not be read again.
        let extended = if walked.extension_count > 0 { files.as_slice() } else { &[] };
        summary.extension_file_count += self.extensions(queue, extended, topic, queue_id, findings)?;
        if let Some(entry) = entry {
            self.records(queue, entry, &walked, findings)?;
        }
        if walked.in_log_count != entry.map_or(0, |entry| entry.met_count) {
            self.strays(queue, &files, topic, queue_id, findings)?;
        }
        Ok(())
    }

    fn files(&self, queue: &QueueDir<'_>, files: &[QueueDirFile], findings: &mut Findings) {
        let mut report = |file: &QueueDirFile, severity, reason| {
            findings.push(Finding::new(severity, FindingKind::QueueFile, &file.path, reason));
        };
        let file_bytes = queue.file_bytes();
        for (index, file) in files.iter().enumerate() {
            if !file.is_aligned {
                let reason = format!("begins where no file of {file_bytes} bytes does: not read");
                report(file, Severity::Damage, reason);
            } else if file.len_bytes != file_bytes {
                let is_last = index + 1 == files.len() && file.len_bytes < file_bytes;
                let severity = if is_last { self.scope.unfinished() } else { Severity::Damage };
                report(file, severity, format!("has {} bytes instead of {file_bytes}", file.len_bytes));
            }
        }
        let units_per_file = (file_bytes / queue.unit_bytes() as u64) as i64;
        for pair in files.windows(2) {
            if let [left, right] = pair
                && right.base - left.base > units_per_file
            {
                report(right, Severity::Damage, "the file before it is missing".to_owned());
            }
        }
    }

    /// Looks at one unit in its order; always goes on.
    fn unit(
        &self,
        (file, place, position): (&QueueDirFile, i64, u64),
        queued: &QueuedUnit,
        walked: &mut Walked,
        summary: &mut QueueSummary,
        findings: &mut Findings,
    ) -> bool {
        let QueuedUnit { unit, queue_offset, .. } = queued;
        let mut report = |reason: String| {
            let finding = Finding::new(Severity::Damage, FindingKind::UnitOrder, &file.path, reason);
            findings.push(finding.at(position).of_record(unit.phy_offset));
        };
        if let Some(next) = walked.next_place.filter(|next| *next < place) {
            report(format!("{} places before queue offset {queue_offset} were never written", place - next));
        }
        if let Some(next) = walked.next.filter(|next| next > queue_offset) {
            report(format!("queue offset {queue_offset} follows others up to {next}"));
        }
        walked.next_place = Some(place + 1);
        walked.next = Some(queued.next_offset());
        if unit.is_blank() {
            return true;
        }
        if !unit.is_message() || queued.message_count <= 0 {
            report(format!(
                "queue offset {queue_offset} holds no unit: {} bytes at {}",
                unit.size_bytes, unit.phy_offset
            ));
            return true;
        }
        if let Some(last) = walked.last_phy_offset.filter(|last| *last >= unit.phy_offset) {
            report(format!(
                "queue offset {queue_offset} points to {}, the unit before it to {last}",
                unit.phy_offset
            ));
        }
        walked.last_phy_offset = Some(unit.phy_offset);
        if unit.phy_offset < self.log.min_phy_offset {
            summary.expired_unit_count += 1;
            return true;
        }
        walked.first_phy_offset.get_or_insert(unit.phy_offset);
        if unit.phy_offset < self.log.end_phy_offset {
            walked.in_log_count += 1;
            walked.extension_count += u64::from(unit.has_extension());
        } else {
            walked.behind_count += 1;
        }
        true
    }

    /// Looks at every unit of a queue that has other units than its records ask for.
    fn strays(
        &self,
        queue: &QueueDir<'_>,
        files: &[QueueDirFile],
        topic: &str,
        queue_id: i32,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let mut lookup = LogLookup::new(self.scope.dir, self.scope.row);
        for file in files.iter().filter(|file| file.is_aligned) {
            let mut outcome = Ok(());
            let walked = queue.walk(file, |place, QueuedUnit { unit, queue_offset, .. }| {
                let in_log = self.log.min_phy_offset..self.log.end_phy_offset;
                if !unit.is_message() || !in_log.contains(&unit.phy_offset) {
                    return true;
                }
                match lookup.is_at(&unit, topic, queue_id, queue_offset) {
                    Ok(true) => {}
                    Ok(false) => {
                        let position = (place - file.base) as u64 * queue.unit_bytes() as u64;
                        findings.push(stray(file, queue_offset, position, &unit));
                    }
                    Err(error) => outcome = Err(error),
                }
                outcome.is_ok() && !self.scope.progress.is_stopped()
            });
            walked.map_err(OfflineError::io(&file.path))?;
            outcome?;
        }
        Ok(())
    }
}

fn stray(file: &QueueDirFile, queue_offset: i64, position: u64, unit: &Unit) -> Finding {
    let reason = format!("unit at queue offset {queue_offset} points to no intact record of the queue");
    Finding::new(Severity::Damage, FindingKind::StrayUnit, &file.path, reason)
        .at(position)
        .of_record(unit.phy_offset)
}
