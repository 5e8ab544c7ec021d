//! Records without units: what it means depends on why they are missing. A topic may have been deleted, or
//! deleted and made again; a broker may not have come so far; or units were lost.

use super::{
    super::{
        OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
    },
    Liveness, Scope,
    places::QueueEntry,
    queues::{QueuePass, Walked},
};
use crate::{consume_queue::QueueDir, lock::LastExit, recovery::begin};

impl QueuePass<'_> {
    /// What becomes of records that have no unit.
    pub(super) fn records(
        &self,
        queue: &QueueDir<'_>,
        entry: &QueueEntry,
        walked: &Walked,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let is_earlier_life = entry.first_missing.is_some()
            && walked.first_phy_offset.is_some_and(|first| entry.last_missing_phy_offset < first);
        let mut superseded = entry.superseded_count;
        if is_earlier_life {
            superseded += entry.missing_count;
        }
        if superseded > 0 {
            let reason = format!("{superseded} records are of an earlier life of the topic and not served");
            findings.push(Finding::new(Severity::Note, FindingKind::MissingUnit, queue.path(), reason));
        }
        let Some((queue_offset, phy_offset)) = entry.first_missing.filter(|_| !is_earlier_life) else {
            return Ok(());
        };
        let is_at_end = walked.next.is_none_or(|next| queue_offset >= next);
        let severity = self.missing_severity(phy_offset, is_at_end)?;
        let reason = format!(
            "records without a unit: {}, the first at queue offset {queue_offset}",
            entry.missing_count
        );
        let finding = Finding::new(severity, FindingKind::MissingUnit, queue.path(), reason);
        findings.push(finding.of_record(phy_offset));
        Ok(())
    }

    /// A start after a crash dispatches from a position of its own on: what lies before stays missing.
    pub(super) fn missing_severity(
        &self,
        phy_offset: i64,
        is_at_end: bool,
    ) -> Result<Severity, OfflineError> {
        let Scope { dir, row, liveness, last_exit, .. } = self.scope;
        let is_repaired = match (liveness, last_exit) {
            (Liveness::Live, _) => is_at_end,
            (_, LastExit::Clean) => false,
            (_, LastExit::Unclean) => {
                let checkpoint = self.checkpoint.copied().unwrap_or_default();
                let log = begin::Log { fs: &*dir.fs, files: &row.files, file_size: row.file_size };
                let safe = dir.options.message_index_safe;
                begin::after_crash(&log, &checkpoint, safe)?.phy_offset <= phy_offset
            }
        };
        Ok(if is_repaired { Severity::Pending } else { Severity::Damage })
    }

    /// A queue that has records and no directory.
    pub(super) fn without_directory(
        &self,
        entry: &QueueEntry,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let QueueEntry { topic, queue_id, kind, record_count, .. } = entry;
        let path = self.scope.dir.queues_path(*kind).join(&**topic).join(queue_id.to_string());
        let phy_offset = entry.first_missing.map_or(0, |(_, phy_offset)| phy_offset);
        let severity = self.missing_severity(phy_offset, true)?;
        // What a start would dispatch may be of a topic that is too young to be in the configuration.
        if severity == Severity::Damage && self.config.is_deleted_topic(topic) {
            let reason = format!("{record_count} records of the deleted topic wait to expire");
            findings.push(Finding::new(Severity::Note, FindingKind::MissingUnit, path, reason));
            return Ok(());
        }
        let reason = format!("there is no such queue, but {record_count} records of it");
        findings.push(Finding::new(severity, FindingKind::MissingUnit, path, reason).of_record(phy_offset));
        Ok(())
    }
}
