//! `rebuild-queues`.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{OfflineError, Progress, Stage, StoreDir, check, store_dir::LogRow},
    Claim, RebuildMode, RebuildReport,
    building::Building,
    refuse_incomplete_log, stop_if_asked,
    swap::Swap,
    sync_log,
};
use crate::{
    checkpoint::{Checkpoint, CheckpointFile},
    consume_queue::{ConsumeQueueTable, QueueKind},
    dispatch::DelayLevels,
    foreign,
    lock::{self, LastExit},
    recovery::{begin, scan::Found},
};

/// Builds the `ConsumeQueue`s again from the CommitLog.
pub fn rebuild_queues(
    dir: &StoreDir,
    mode: RebuildMode,
    progress: &dyn Progress,
) -> Result<RebuildReport, OfflineError> {
    let _claim = Claim::take(dir, mode)?;
    foreign::refuse(&*dir.fs, &dir.options)?;
    let mut row = dir.log()?;
    let mut findings = std::mem::take(&mut row.findings);
    refuse_incomplete_log(mode, &findings)?;
    let config = check::check_config(dir, &mut findings)?;
    let options = dir.options.queue_options(check::topic_kinds(dir, &config)?);
    let mut report = RebuildReport::new(mode, dir.queues_path(QueueKind::Simple), findings);
    let (begin, dispatched) = (row.min_phy_offset(), dispatched_before(dir, &row)?);
    let has_batch_queues =
        !config.batch_topics.is_empty() || dir.fs.exists(&dir.queues_path(QueueKind::Batch));
    let swaps = match mode {
        RebuildMode::DryRun => None,
        RebuildMode::Write => Some(Swaps::begin(dir, has_batch_queues)?),
    };
    let former = ConsumeQueueTable::open(Arc::clone(&dir.fs), dir.queues_path(QueueKind::Simple), &options)?;
    let build = || -> Result<Found, OfflineError> {
        let table = match &swaps {
            Some(swaps) => {
                let fresh = swaps.simple.fresh();
                Some(ConsumeQueueTable::open(Arc::clone(&dir.writable), fresh, &options)?)
            }
            None => None,
        };
        let levels = DelayLevels::new(dir.options.delay_level_millis.clone());
        let (counts, fates, table) = (HashMap::new(), HashMap::new(), table.as_ref());
        let mut building = Building {
            dir,
            levels,
            options: &options,
            table,
            former: &former,
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
        if let Some(swaps) = &swaps {
            swaps.each(Swap::abandon).for_each(drop);
        }
    })?;
    if let Some(swaps) = &swaps {
        replace(dir, swaps, &found)?;
    }
    Ok(report)
}

/// The directories of both kinds, which are exchanged one after the other.
struct Swaps<'a> {
    simple: Swap<'a>,
    /// Absent as long as nothing ever made one.
    batch: Option<Swap<'a>>,
}

impl<'a> Swaps<'a> {
    fn begin(dir: &'a StoreDir, has_batch_queues: bool) -> Result<Self, OfflineError> {
        let swap = |kind: QueueKind| Swap::begin(&*dir.writable, dir.root(), kind.dir_name());
        let batch = if has_batch_queues { Some(swap(QueueKind::Batch)?) } else { None };
        Ok(Self { simple: swap(QueueKind::Simple)?, batch })
    }

    fn each<T>(&self, work: impl FnMut(&Swap<'a>) -> T) -> impl Iterator<Item = T> {
        [Some(&self.simple), self.batch.as_ref()].into_iter().flatten().map(work)
    }
}

/// Puts the new queues in place, with a checkpoint that fits them.
fn replace(dir: &StoreDir, swaps: &Swaps<'_>, found: &Found) -> Result<(), OfflineError> {
    let failed = || OfflineError::io(dir.root().join("checkpoint"));
    let (file, former) = CheckpointFile::open(&*dir.writable, dir.root()).map_err(failed())?;
    // Whatever queues the next start finds in between, it brings them up to the log from its beginning.
    let unsure =
        Checkpoint { physic_msg_timestamp: 0, logics_msg_timestamp: 0, recover_phy_offset: None, ..former };
    file.save(&unsure).map_err(failed())?;
    swaps.each(Swap::exchange).collect::<Result<(), _>>()?;
    let timestamp = found.last_store_timestamp.unwrap_or(0);
    let mut checkpoint =
        Checkpoint { physic_msg_timestamp: timestamp, logics_msg_timestamp: timestamp, ..former };
    // Only where we wrote last: after RocketMQ, recovery has to go by RocketMQ's rules for the index, too.
    if former.recover_phy_offset.is_some() {
        checkpoint.recover_phy_offset = Some(found.end);
        checkpoint.confirm_phy_offset = found.end;
    }
    file.save(&checkpoint).map_err(failed())?;
    swaps.each(Swap::finish).collect()
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
