//! `rebuild-queues`.

use std::{collections::HashMap, sync::Arc};

use common::names::is_lmq;

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
    consume_queue::{ConsumeQueueOptions, ConsumeQueueTable, find_queues},
    dispatch::DelayLevels,
    lock::{self, LastExit},
    message_store::refuse_unsupported,
    recovery::{begin, scan::Found},
};

/// How queues are kept in this store.
pub(super) fn options(dir: &StoreDir) -> ConsumeQueueOptions {
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
