//! Examining a store: every record of the CommitLog, every unit of the `ConsumeQueue`s, every item of the
//! index, and the small files and those of the timer beside them.
//!
//! One pass over the CommitLog checks each record and compares it with its unit and its index items, which
//! are asked for in sorted batches. One pass over the `ConsumeQueue`s then looks at the order of the units,
//! and at those no record asked for. So each file is read once and in order, and memory grows with the number
//! of queues only.

mod compaction;
mod config;
mod extensions;
mod index;
mod log;
mod missing;
mod places;
mod queues;
mod small_files;
mod timer;
mod timer_log;

use std::{path::PathBuf, sync::Arc};

use message::record::RecordView;

pub use compaction::CompactionSummary;
pub use config::ConfigSummary;
pub use index::IndexSummary;
pub use log::LogSummary;
pub use queues::QueueSummary;
pub use timer::TimerSummary;

pub(super) use config::check as check_config;

use super::{
    OfflineError, Progress, StoreDir,
    findings::{Finding, FindingKind, Findings, Severity},
    store_dir::LogRow,
};
use crate::{
    checkpoint::Checkpoint,
    consume_queue::{QueueKind, QueueKinds},
    foreign::{self, Foreign},
    lock::{self, LastExit, ReadingLock},
};

/// Whether somebody may be working on the store meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Nobody: the store is locked while it is examined.
    Offline,
    /// A broker may: what it has not finished writing is passed over.
    Live,
}

/// What an examination found.
#[derive(Debug)]
pub struct CheckReport {
    /// Whether a broker may have been at work.
    pub liveness: Liveness,
    /// How the last run ended.
    pub last_exit: LastExit,
    /// The process the abort file names.
    pub abort_pid: Option<i32>,
    /// The CommitLog.
    pub log: LogSummary,
    /// The `ConsumeQueue`s.
    pub queues: QueueSummary,
    /// The index.
    pub index: IndexSummary,
    /// The checkpoint, if there is one.
    pub checkpoint: Option<Checkpoint>,
    /// The timer's files.
    pub timer: TimerSummary,
    /// The files of compacted queues.
    pub compaction: CompactionSummary,
    /// The configuration files.
    pub config: ConfigSummary,
    /// What is wrong or worth knowing.
    pub findings: Findings,
}

impl CheckReport {
    /// Whether there is no damage.
    pub fn is_sound(&self) -> bool {
        self.findings.count(Severity::Damage) == 0
    }
}

/// What a part of the examination knows of the whole.
#[derive(Clone, Copy)]
struct Scope<'a> {
    dir: &'a StoreDir,
    row: &'a LogRow,
    liveness: Liveness,
    last_exit: LastExit,
    progress: &'a dyn Progress,
}

impl Scope<'_> {
    /// How bad it is that something at the end is unfinished: a broker that runs is still at it, and one that
    /// was killed puts it right when it starts.
    fn unfinished(&self) -> Severity {
        if self.liveness == Liveness::Live || self.last_exit == LastExit::Unclean {
            Severity::Pending
        } else {
            Severity::Damage
        }
    }
}

/// Examines a store. Nothing is created or changed in it.
pub fn check(
    dir: &StoreDir,
    liveness: Liveness,
    progress: &dyn Progress,
) -> Result<CheckReport, OfflineError> {
    let _lock = match liveness {
        Liveness::Offline => Some(ReadingLock::acquire(&*dir.writable, dir.root())?),
        Liveness::Live => None,
    };
    let (last_exit, abort_pid) = lock::last_exit(&*dir.fs, dir.root());
    let mut row = dir.log()?;
    let mut findings = std::mem::take(&mut row.findings);
    let scope = Scope { dir, row: &row, liveness, last_exit, progress };
    if last_exit == LastExit::Unclean && liveness == Liveness::Offline {
        findings.push(abort_finding(dir, abort_pid));
    }
    note_interrupted_rebuild(dir, &mut findings);
    note_foreign(dir, &mut findings)?;
    let config = check_config(dir, &mut findings)?;
    let checkpoint = small_files::read_checkpoint(dir, &mut findings)?;
    let kinds = topic_kinds(dir, &config)?;
    let mut pass = log::LogPass::new(scope, kinds, findings)?;
    let log = pass.run()?;
    let index = pass.index.finish(&mut pass.findings, log.end_phy_offset)?;
    let (book, mut findings) = (pass.places.finish(&mut pass.findings)?, pass.findings);
    small_files::check_checkpoint(&scope, checkpoint.as_ref(), &log, &mut findings);
    let queue_pass = queues::QueuePass { scope, log: &log, config: &config, checkpoint: checkpoint.as_ref() };
    let queues = queue_pass.run(&book, &mut findings)?;
    let timer = timer::check_timer(&scope, &log, &mut findings)?;
    let compaction = compaction::check_compaction(&scope, &mut findings)?;
    Ok(CheckReport {
        liveness,
        last_exit,
        abort_pid,
        log,
        queues,
        index,
        checkpoint,
        timer,
        compaction,
        config,
        findings,
    })
}

fn abort_finding(dir: &StoreDir, pid: Option<i32>) -> Finding {
    let who = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let reason = format!("the last broker{who} did not stop in order; the next start recovers");
    Finding::new(Severity::Note, FindingKind::Abort, dir.root().join("abort"), reason)
}

fn note_interrupted_rebuild(dir: &StoreDir, findings: &mut Findings) {
    for path in ["consumequeue", "batchconsumequeue", "index"].iter().flat_map(|name| beside(dir, name)) {
        if dir.fs.exists(&path) {
            let reason = "left by an interrupted rebuild: give the command again".to_owned();
            findings.push(Finding::new(Severity::Note, FindingKind::NotChecked, path, reason));
        }
    }
}

fn beside(dir: &StoreDir, name: &str) -> [PathBuf; 2] {
    ["new", "old"].map(|suffix| dir.root().join(format!("{name}.{suffix}")))
}

fn note_foreign(dir: &StoreDir, findings: &mut Findings) -> Result<(), OfflineError> {
    for Foreign { path, kind } in foreign::find(&*dir.fs, &dir.options)? {
        findings.push(Finding::new(Severity::Note, FindingKind::NotChecked, path, format!("{kind}")));
    }
    Ok(())
}

/// Which topics have which kind of queues: the directories tell, and the configuration of those without.
pub(super) fn topic_kinds(dir: &StoreDir, config: &ConfigSummary) -> Result<Arc<QueueKinds>, OfflineError> {
    let kinds = QueueKinds::default();
    for topic in &config.batch_topics {
        kinds.set(topic, QueueKind::Batch);
    }
    for kind in QueueKind::ALL {
        for (topic, queue_ids) in dir.topics(kind)? {
            if !queue_ids.is_empty() {
                kinds.set(&topic, kind);
            }
        }
    }
    Ok(Arc::new(kinds))
}

/// How a record is called in findings.
fn name_of(record: &RecordView<'_>) -> String {
    format!("{}/{} at queue offset {}", record.topic(), record.queue_id(), record.queue_offset())
}
