//! `rebuild-index`.

use std::{ops::ControlFlow, sync::Arc};

use message::record::{RecordError, RecordView};
use runtime::clock::Clock;

use super::{
    super::{OfflineError, Progress, Stage, StoreDir, progress::goes_on},
    Claim, RebuildMode, RebuildReport, damage_finding, refuse_incomplete_log, stop_if_asked,
    swap::Swap,
    sync_log,
};
use crate::{
    checkpoint::CheckpointFile,
    index_file::{IndexOptions, IndexRecovery, IndexRequest, IndexService, list_index_files},
    recovery::{Damage, scan::LogVisitor},
};

struct Indexing<'a> {
    /// Absent when nothing is to be written.
    index: Option<&'a IndexService>,
    progress: &'a dyn Progress,
    begin: i64,
    report: &'a mut RebuildReport,
}

impl LogVisitor for Indexing<'_> {
    type Error = OfflineError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OfflineError> {
        self.report.record_count += 1;
        if !goes_on(self.progress, self.report.record_count, record, self.begin) {
            return Err(OfflineError::Interrupted);
        }
        if let Some(request) = IndexRequest::of(record) {
            self.report.entry_count += request.all_keys().count() as u64;
            if let Some(index) = self.index {
                index.put(&request)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn damage(&mut self, damage: Damage, error: RecordError) {
        self.report.findings.push(damage_finding(&damage, &error));
    }
}

/// Builds the index again from the CommitLog.
pub fn rebuild_index(
    dir: &StoreDir,
    mode: RebuildMode,
    clock: Arc<dyn Clock>,
    progress: &dyn Progress,
) -> Result<RebuildReport, OfflineError> {
    let _claim = Claim::take(dir, mode)?;
    refuse_other_layout(dir)?;
    let mut row = dir.log()?;
    let findings = std::mem::take(&mut row.findings);
    refuse_incomplete_log(mode, &findings)?;
    let mut report = RebuildReport::new(mode, dir.index_path(), findings);
    let (begin, scan) = (row.min_phy_offset(), row.scan(&dir.fs));
    progress.begin(Stage::CommitLog, row.total_bytes());
    if mode == RebuildMode::DryRun {
        let mut indexing = Indexing { index: None, progress, begin, report: &mut report };
        report.end_phy_offset = scan.run(begin, &mut indexing)?.end;
        let per_file = u64::from(dir.index_layout().item_count).saturating_sub(1).max(1);
        report.container_count = report.entry_count.div_ceil(per_file);
        return Ok(report);
    }
    let swap = Swap::begin(&*dir.writable, dir.root(), "index")?;
    let build = || -> Result<i64, OfflineError> {
        let options = IndexOptions {
            layout: dir.index_layout(),
            utc_offset_millis: dir.options.utc_offset_millis,
            ..IndexOptions::default()
        };
        let fs = Arc::clone(&dir.writable);
        let index = IndexService::open(fs, swap.fresh(), options, clock, IndexRecovery::AfterCleanStop)?;
        let mut indexing = Indexing { index: Some(&index), progress, begin, report: &mut report };
        let found = scan.run(begin, &mut indexing)?;
        report.end_phy_offset = found.end;
        report.container_count = index.file_count() as u64;
        progress.begin(Stage::Syncing, 0);
        let flushed = index.flush()?;
        sync_log(dir, &row)?;
        stop_if_asked(progress)?;
        Ok(flushed.map_or(0, |flushed| flushed.end_timestamp))
    };
    let end_timestamp = build().inspect_err(|_| swap.abandon())?;
    swap.exchange()?;
    let failed = || OfflineError::io(dir.root().join("checkpoint"));
    let (file, mut checkpoint) = CheckpointFile::open(&*dir.writable, dir.root()).map_err(failed())?;
    checkpoint.index_msg_timestamp = end_timestamp;
    file.save(&checkpoint).map_err(failed())?;
    swap.finish()?;
    Ok(report)
}

/// Files of another layout show that the broker is configured for it.
fn refuse_other_layout(dir: &StoreDir) -> Result<(), OfflineError> {
    let expected_bytes = dir.index_layout().file_bytes();
    let listed = list_index_files(&*dir.fs, &dir.index_path())?;
    let Some((number, len_bytes)) = listed.last().filter(|(_, len)| *len != expected_bytes && *len != 0)
    else {
        return Ok(());
    };
    Err(OfflineError::Sizes {
        path: dir.index_path().join(format!("{number:017}")),
        len_bytes: *len_bytes,
        expected_bytes,
        keys: "maxHashSlotNum and maxIndexNum",
    })
}
