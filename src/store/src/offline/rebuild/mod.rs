//! Building the files that are derived from the CommitLog again.
//!
//! The new files are built in a directory beside the old one and made durable; then the two are exchanged, and
//! the checkpoint is brought in line. At every moment the directory under the real name is complete, either as
//! it was or as it will be, and the checkpoint never promises more than it holds: whoever opens the store after
//! an interruption finds every message. The CommitLog itself is only read.

mod building;
mod index;
mod queues;
mod swap;

use std::path::PathBuf;

pub use index::rebuild_index;
pub use queues::rebuild_queues;

use super::{
    OfflineError, Progress, StoreDir,
    findings::{Finding, FindingKind, Findings, Severity},
    store_dir::LogRow,
};
use crate::{
    fs::OpenMode,
    lock::{ReadingLock, StoreLock},
    recovery::Damage,
};

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildMode {
    /// It is only found out what would be.
    DryRun,
    /// It is.
    Write,
}

/// What was built, or would be.
#[derive(Debug)]
pub struct RebuildReport {
    /// Whether it was written.
    pub mode: RebuildMode,
    /// The directory that is replaced.
    pub dir: PathBuf,
    /// Records read.
    pub record_count: u64,
    /// Units or items made of them.
    pub entry_count: u64,
    /// Queues or index files they are in.
    pub container_count: u64,
    /// Queues taken over from before because no record of theirs is left.
    pub carried_count: u64,
    /// Records of topics that were deleted, which stay without units.
    pub deleted_count: u64,
    /// Records whose place is taken by another.
    pub superseded_count: u64,
    /// Physical offset after the last record.
    pub end_phy_offset: i64,
    /// Damage, and records that could not be taken.
    pub findings: Findings,
}

impl RebuildReport {
    fn new(mode: RebuildMode, dir: PathBuf, findings: Findings) -> Self {
        Self {
            mode,
            dir,
            record_count: 0,
            entry_count: 0,
            container_count: 0,
            carried_count: 0,
            deleted_count: 0,
            superseded_count: 0,
            end_phy_offset: 0,
            findings,
        }
    }
}

/// The lock an operation needs.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
enum Claim {
    Reading(ReadingLock),
    Writing(StoreLock),
}

impl Claim {
    fn take(dir: &StoreDir, mode: RebuildMode) -> Result<Self, OfflineError> {
        Ok(match mode {
            RebuildMode::DryRun => Self::Reading(ReadingLock::acquire(&*dir.writable, dir.root())?),
            RebuildMode::Write => {
                Self::Writing(StoreLock::acquire(std::sync::Arc::clone(&dir.writable), dir.root())?)
            }
        })
    }
}

fn damage_finding(damage: &Damage, error: &dyn std::fmt::Display) -> Finding {
    let reason = format!("damage: {error}; messages up to {} are lost", damage.until_phy_offset);
    Finding::new(Severity::Damage, FindingKind::LogDamage, &damage.path, reason)
        .of_record(damage.from_phy_offset)
}

/// What is built from a part of the CommitLog would lack the other messages.
fn refuse_incomplete_log(mode: RebuildMode, findings: &Findings) -> Result<(), OfflineError> {
    let wrong = findings.kept().iter().find(|finding| finding.severity == Severity::Damage);
    match wrong.filter(|_| mode == RebuildMode::Write) {
        Some(Finding { path, reason, .. }) => {
            Err(OfflineError::LogIncomplete { path: path.clone(), reason: reason.clone() })
        }
        None => Ok(()),
    }
}

/// Makes the CommitLog durable: what is built from it must not know more than it.
fn sync_log(dir: &StoreDir, row: &LogRow) -> Result<(), OfflineError> {
    for file in &row.files {
        let synced = dir.writable.open(&file.path, OpenMode::ReadWrite).and_then(|handle| handle.sync_data());
        synced.map_err(OfflineError::io(&file.path))?;
    }
    Ok(())
}

/// Whoever asked may not want it any more.
fn stop_if_asked(progress: &dyn Progress) -> Result<(), OfflineError> {
    if progress.is_stopped() { Err(OfflineError::Interrupted) } else { Ok(()) }
}
