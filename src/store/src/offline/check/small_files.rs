//! The checkpoint against the CommitLog.

use std::io;

use super::{
    super::{
        OfflineError, StoreDir,
        findings::{Finding, FindingKind, Findings, Severity},
    },
    Liveness, LogSummary, Scope,
};
use crate::checkpoint::{Checkpoint, CheckpointFile};

/// Reads the checkpoint; `None` when there is none to be read.
pub(super) fn read_checkpoint(
    dir: &StoreDir,
    findings: &mut Findings,
) -> Result<Option<Checkpoint>, OfflineError> {
    let path = dir.root().join("checkpoint");
    let report =
        |severity, reason: &str| Finding::new(severity, FindingKind::Checkpoint, &path, reason.to_owned());
    match CheckpointFile::open(&*dir.fs, dir.root()) {
        Ok((_, checkpoint)) => Ok(Some(checkpoint)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(report(Severity::Note, "is missing: the next start reads all of the commit log"));
            Ok(None)
        }
        // A short file would have to grow first, which is refused here.
        Err(_) if dir.fs.exists(&path) => {
            findings.push(report(Severity::Damage, "is short or cannot be read"));
            Ok(None)
        }
        Err(error) => Err(OfflineError::io(path)(error)),
    }
}

/// Compares it with what the log holds.
pub(super) fn check_checkpoint(
    scope: &Scope<'_>,
    checkpoint: Option<&Checkpoint>,
    log: &LogSummary,
    findings: &mut Findings,
) {
    let Some(checkpoint) = checkpoint else { return };
    if scope.liveness == Liveness::Live {
        return;
    }
    let path = scope.dir.root().join("checkpoint");
    let mut report = |reason: String| {
        findings.push(Finding::new(scope.unfinished(), FindingKind::Checkpoint, &path, reason));
    };
    let last = log.last_store_timestamp.unwrap_or(0);
    for (name, timestamp) in [
        ("physicMsgTimestamp", checkpoint.physic_msg_timestamp),
        ("logicsMsgTimestamp", checkpoint.logics_msg_timestamp),
        ("indexMsgTimestamp", checkpoint.index_msg_timestamp),
    ] {
        if timestamp < 0 || log.record_count > 0 && timestamp > last {
            report(format!("{name} is {timestamp}, the last record was stored at {last}"));
        }
    }
    let range = log.min_phy_offset..=log.end_phy_offset;
    if let Some(at) = checkpoint.recover_phy_offset.filter(|at| !range.contains(at)) {
        report(format!(
            "recovery would begin at {at}, the commit log is {} to {}",
            range.start(),
            range.end()
        ));
    }
}
