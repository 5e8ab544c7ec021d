//! The files of compacted queues: whether each message has its unit and each unit its message.

use std::{collections::HashSet, io, path::PathBuf};

use super::{
    super::{
        Liveness, OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
    },
    Scope,
};
use crate::{
    compaction::{Dirs, Layout, Units, has_record, units_of, whole_file},
    consume_queue::{BatchUnit, find_queues},
    mapped_file_queue::{file_name, parse_file_name},
};

/// What is in the files of compacted queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactionSummary {
    /// Compacted queues.
    pub queue_count: u64,
    /// Their log files.
    pub file_count: u64,
    /// Messages in them.
    pub message_count: u64,
}

/// Reads the files of all compacted queues.
pub(super) fn check_compaction(
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Result<CompactionSummary, OfflineError> {
    let mut summary = CompactionSummary::default();
    let root = scope.dir.root();
    for (topic, queue_ids) in find_queues(&*scope.dir.fs, &Layout::log_root(root))? {
        for queue_id in queue_ids {
            let dirs = Layout::dirs_below(root, &topic, queue_id);
            let mut pass = QueuePass {
                scope,
                place: (&topic, queue_id),
                dirs: &dirs,
                last_offset: -1,
                summary: &mut summary,
                findings,
            };
            match pass.run() {
                // A broker that runs may have compacted meanwhile.
                Err(error) if is_gone(&error) && scope.liveness == Liveness::Live => {}
                outcome => outcome.map_err(OfflineError::io(&dirs.log))?,
            }
        }
    }
    Ok(summary)
}

/// Whether a file is not there any more, or not as long as it was.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
}

/// One queue.
struct QueuePass<'a> {
    scope: &'a Scope<'a>,
    place: (&'a str, i32),
    dirs: &'a Dirs,
    last_offset: i64,
    summary: &'a mut CompactionSummary,
    findings: &'a mut Findings,
}

impl QueuePass<'_> {
    fn run(&mut self) -> io::Result<()> {
        self.summary.queue_count += 1;
        self.note_interruption()?;
        let mut logs: Vec<(i64, usize)> = Vec::new();
        for entry in self.scope.dir.fs.read_dir(&self.dirs.log)?.into_iter().filter(|entry| !entry.is_dir) {
            if let Some(base) = parse_file_name(&entry.name) {
                logs.push((base, usize::try_from(entry.len).unwrap_or(0)));
            } else {
                let path = self.dirs.log.join(&entry.name);
                self.report(Severity::Pending, path, None, "is left of a compaction that did not end");
            }
        }
        logs.sort_unstable();
        let last = logs.last().map(|(base, _)| *base);
        for (base, len) in logs {
            self.check_file(base, len, Some(base) == last)?;
        }
        Ok(())
    }

    fn note_interruption(&mut self) -> io::Result<()> {
        let fs = &self.scope.dir.fs;
        let decided = Layout::decided_path(self.scope.dir.root(), self.place.0, self.place.1);
        let compacting = self.dirs.log.join("compacting");
        let is_interrupted = fs.exists(&compacting) && !fs.read_dir(&compacting)?.is_empty();
        for (path, is_there) in [(decided.clone(), fs.exists(&decided)), (compacting, is_interrupted)] {
            if is_there {
                self.report(Severity::Pending, path, None, "says that files are being exchanged");
            }
        }
        Ok(())
    }

    fn check_file(&mut self, base: i64, len: usize, is_last: bool) -> io::Result<()> {
        self.summary.file_count += 1;
        let path = self.dirs.log.join(file_name(base));
        if len == 0 {
            self.report(self.scope.unfinished(), path, None, "is empty");
            return Ok(());
        }
        let log = whole_file(&self.scope.dir.fs, &path, base, len)?;
        let queue_path = self.dirs.queue.join(file_name(base));
        let queue_len = self.queue_file_len(base)?;
        let Some(queue_len) = queue_len.filter(|len| *len > 0) else {
            self.report(
                self.scope.unfinished(),
                queue_path,
                None,
                "is missing, and made again by the next start",
            );
            return Ok(());
        };
        let queue = whole_file(&self.scope.dir.fs, &queue_path, base, queue_len)?;
        let units = Units::over(queue).prefix(BatchUnit::is_messages);
        let mut known = HashSet::new();
        for (index, unit) in units.iter().enumerate() {
            self.summary.message_count += 1;
            known.insert(unit.base_offset);
            if !has_record(&log, base, &unit, self.place) {
                let at = u64::try_from(unit.unit.phy_offset - base).ok();
                let reason = format!("has no intact record of queue offset {}", unit.base_offset);
                self.report(Severity::Damage, path.clone(), at, &reason);
            }
            if unit.base_offset <= self.last_offset {
                let at = index as u64 * crate::consume_queue::BATCH_UNIT_BYTES as u64;
                let reason = format!("has queue offset {} behind {}", unit.base_offset, self.last_offset);
                self.report(Severity::Damage, queue_path.clone(), Some(at), &reason);
            }
            self.last_offset = self.last_offset.max(unit.base_offset);
        }
        let severity = if is_last { self.scope.unfinished() } else { Severity::Damage };
        for unit in units_of(&log, base, self.place) {
            if !known.contains(&unit.base_offset) {
                let reason = format!("has no unit of queue offset {}", unit.base_offset);
                self.report(severity, queue_path.clone(), None, &reason);
            }
        }
        Ok(())
    }

    fn queue_file_len(&self, base: i64) -> io::Result<Option<usize>> {
        if !self.scope.dir.fs.exists(&self.dirs.queue) {
            return Ok(None);
        }
        let name = file_name(base);
        let entries = self.scope.dir.fs.read_dir(&self.dirs.queue)?;
        Ok(entries.iter().find(|entry| entry.name == name).and_then(|entry| usize::try_from(entry.len).ok()))
    }

    fn report(&mut self, severity: Severity, path: PathBuf, at: Option<u64>, reason: &str) {
        let finding = Finding::new(severity, FindingKind::Compaction, path, reason.to_owned());
        self.findings.push(match at {
            Some(at) => finding.at(at),
            None => finding,
        });
    }
}
