//! The pass over the CommitLog.

use std::{ops::ControlFlow, sync::Arc};

use message::{
    record::{RecordCrc, RecordError, RecordVersion, RecordView},
    sys_flag,
};

use super::{
    super::{
        OfflineError, Stage,
        findings::{Finding, FindingKind, Findings, Severity},
        progress::goes_on,
    },
    Scope,
    index::IndexPass,
    places::PlacePass,
};
use crate::{
    consume_queue::QueueKinds,
    fs::OpenMode,
    recovery::{
        Damage,
        files::is_zero,
        scan::{Found, LogVisitor},
    },
};

/// What is in the CommitLog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSummary {
    /// Files that were read.
    pub file_count: u64,
    /// Length of each.
    pub file_bytes: u64,
    /// Intact records.
    pub record_count: u64,
    /// Their bytes.
    pub record_bytes: u64,
    /// Records with the layout for long topics.
    pub v2_count: u64,
    /// Records with an IPv6 address.
    pub ipv6_count: u64,
    /// Records with a checksum over themselves.
    pub checksummed_count: u64,
    /// Physical offset of the first file.
    pub min_phy_offset: i64,
    /// Physical offset after the last record.
    pub end_phy_offset: i64,
    /// Store timestamp of the first record.
    pub first_store_timestamp: Option<i64>,
    /// Store timestamp of the last record.
    pub last_store_timestamp: Option<i64>,
    /// The damaged places.
    pub damage: Vec<Damage>,
}

/// The pass, and what it keeps.
pub(super) struct LogPass<'a> {
    scope: Scope<'a>,
    pub(super) places: PlacePass<'a>,
    pub(super) index: IndexPass<'a>,
    pub(super) findings: Findings,
    summary: LogSummary,
}

impl<'a> LogPass<'a> {
    pub(super) fn new(
        scope: Scope<'a>,
        kinds: Arc<QueueKinds>,
        mut findings: Findings,
    ) -> Result<Self, OfflineError> {
        Ok(Self {
            scope,
            places: PlacePass::open(scope, kinds)?,
            index: IndexPass::open(scope, &mut findings)?,
            findings,
            summary: LogSummary::default(),
        })
    }

    /// Reads all of the log.
    pub(super) fn run(&mut self) -> Result<LogSummary, OfflineError> {
        let Scope { row, dir, progress, .. } = self.scope;
        progress.begin(Stage::CommitLog, row.total_bytes());
        let found = row.scan(&dir.fs).run(row.min_phy_offset(), self)?;
        if progress.is_stopped() {
            return Err(OfflineError::Interrupted);
        }
        self.tail(&found)?;
        let mut summary = std::mem::take(&mut self.summary);
        summary.file_count = row.files.len() as u64;
        summary.file_bytes = row.file_size as u64;
        summary.min_phy_offset = row.min_phy_offset();
        summary.end_phy_offset = found.end;
        summary.last_store_timestamp = found.last_store_timestamp;
        Ok(summary)
    }

    /// Tells a torn tail from one that was never written.
    fn tail(&mut self, found: &Found) -> Result<(), OfflineError> {
        let Scope { row, dir, .. } = self.scope;
        let Some(error) = &found.end_error else { return Ok(()) };
        let size = row.file_size as i64;
        for file in row.files.iter().filter(|file| file.base_phy_offset + size > found.end) {
            let failed = || OfflineError::io(&file.path);
            let from = u64::try_from(found.end - file.base_phy_offset).unwrap_or(0);
            let handle = dir.fs.open(&file.path, OpenMode::Read).map_err(failed())?;
            if is_zero(&*handle, from, size as u64).map_err(failed())? {
                continue;
            }
            let reason = format!("torn tail: no intact record begins here or later, {error}");
            let finding = Finding::new(self.scope.unfinished(), FindingKind::TornTail, &file.path, reason);
            self.findings.push(finding.at(from).of_record(file.base_phy_offset + from as i64));
            break;
        }
        Ok(())
    }

    fn count(&mut self, record: &RecordView<'_>) {
        let summary = &mut self.summary;
        summary.record_count += 1;
        summary.record_bytes += record.total_size() as u64;
        summary.v2_count += u64::from(record.version() == RecordVersion::V2);
        let v6_flags = sys_flag::BORN_HOST_V6 | sys_flag::STORE_HOST_V6;
        summary.ipv6_count += u64::from(record.sys_flag() & v6_flags != 0);
        summary.checksummed_count += u64::from(record.verify_record() == Ok(RecordCrc::Matches));
        summary.first_store_timestamp.get_or_insert(record.store_timestamp());
    }
}

impl LogVisitor for LogPass<'_> {
    type Error = OfflineError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OfflineError> {
        self.count(record);
        self.places.record(record, &mut self.findings)?;
        self.index.record(record, &mut self.findings)?;
        let begin = self.scope.row.min_phy_offset();
        Ok(if goes_on(self.scope.progress, self.summary.record_count, record, begin) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }

    fn damage(&mut self, damage: Damage, error: RecordError) {
        let base = self.scope.row.find(damage.from_phy_offset).map_or(0, |file| file.base_phy_offset);
        let len = damage.until_phy_offset - damage.from_phy_offset;
        let reason = format!(
            "damage in the middle: {error}; the next intact record is {len} bytes on, at {}",
            damage.until_phy_offset
        );
        let finding = Finding::new(Severity::Damage, FindingKind::LogDamage, &damage.path, reason)
            .at(u64::try_from(damage.from_phy_offset - base).unwrap_or(0))
            .of_record(damage.from_phy_offset);
        self.findings.push(finding);
        self.summary.damage.push(damage);
    }
}
