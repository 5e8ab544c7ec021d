//! The timer's files: what its log, its wheel and its checkpoint say of one another.

use std::path::PathBuf;

use super::{
    super::{
        OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
    },
    LogSummary, Scope,
    timer_log::TimerLogPass,
};
use crate::{
    fs::OpenMode,
    recovery::files::read_up_to,
    timer::{
        TimerCheckpoint,
        block::BLOCK_BYTES,
        checkpoint,
        slot::{SLOT_BYTES, Slot},
        wheel,
    },
};

/// Slots read at a time.
const SLOTS_PER_READ: usize = 2_048;
/// How long a slot is where the checkpoint does not tell, `timerPrecisionMs`.
const PRECISION_MILLIS: i64 = 1_000;

/// What is in the timer's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimerSummary {
    /// Files of the timer log.
    pub file_count: u64,
    /// Blocks in them.
    pub block_count: u64,
    /// Slots of the wheel with messages that were not delivered.
    pub slot_count: u64,
}

/// Reads the timer's files as far as there are some.
pub(super) fn check_timer(
    scope: &Scope<'_>,
    log: &LogSummary,
    findings: &mut Findings,
) -> Result<TimerSummary, OfflineError> {
    let found = read_checkpoint(scope, findings)?;
    let saved = found.unwrap_or_default();
    let flushed = saved.last_timer_log_flush_position;
    let mut blocks = TimerLogPass::open(*scope, log, flushed, findings)?;
    blocks.run(findings)?;
    let mut report = |severity, reason: String| {
        let path = checkpoint_path(scope);
        findings.push(Finding::new(severity, FindingKind::TimerCheckpoint, path, reason).at(8));
    };
    if found.is_none() && blocks.block_count > 0 {
        report(Severity::Note, "is missing: all timed messages are looked at again".to_owned());
    }
    if flushed > blocks.end {
        let reason = format!("lastTimerLogFlushPos is {flushed}, the timer log ends at {}", blocks.end);
        report(scope.unfinished(), reason);
    }
    let mut wheel = WheelPass { scope, blocks: &blocks, saved: &saved, slot_count: 0 };
    wheel.run(findings)?;
    let slot_count = wheel.slot_count;
    Ok(TimerSummary { file_count: blocks.file_count(), block_count: blocks.block_count, slot_count })
}

fn checkpoint_path(scope: &Scope<'_>) -> PathBuf {
    scope.dir.options.config_path().join("timercheck")
}

/// The checkpoint; `None` when there is none.
fn read_checkpoint(
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Result<Option<TimerCheckpoint>, OfflineError> {
    let path = checkpoint_path(scope);
    let mut report = |severity, position, reason: String| {
        let finding = Finding::new(severity, FindingKind::TimerCheckpoint, &path, reason);
        findings.push(finding.at(position));
    };
    if !scope.dir.fs.exists(&path) {
        return Ok(None);
    }
    let failed = || OfflineError::io(&path);
    let file = scope.dir.fs.open(&path, OpenMode::Read).map_err(failed())?;
    let mut page = [0; checkpoint::FILE_BYTES];
    let got = read_up_to(&*file, &mut page, 0).map_err(failed())?;
    if got < page.len() {
        report(scope.unfinished(), got as u64, format!("has {got} bytes instead of {}", page.len()));
    }
    if checkpoint::is_own_damaged(&page) {
        report(
            Severity::Damage,
            checkpoint::OWN_AT as u64,
            "its second part is not as it was written".to_owned(),
        );
    }
    let saved = TimerCheckpoint::decode(&page);
    let fields = [
        (0, "lastReadTimeMs", saved.last_read_time_millis),
        (8, "lastTimerLogFlushPos", saved.last_timer_log_flush_position),
        (16, "lastTimerQueueOffset", saved.last_timer_queue_offset),
        (24, "masterTimerQueueOffset", saved.master_timer_queue_offset),
    ];
    for (position, name, value) in fields.into_iter().filter(|(_, _, value)| *value < 0) {
        report(Severity::Damage, position, format!("{name} is {value}"));
    }
    Ok(Some(saved))
}

/// The pass over the wheel.
struct WheelPass<'a> {
    scope: &'a Scope<'a>,
    blocks: &'a TimerLogPass<'a>,
    saved: &'a TimerCheckpoint,
    slot_count: u64,
}

impl WheelPass<'_> {
    fn run(&mut self, findings: &mut Findings) -> Result<(), OfflineError> {
        let (fs, path) = (&self.scope.dir.fs, self.scope.dir.root().join("timerwheel"));
        let mut report = |severity, position: Option<u64>, reason: String| {
            let finding = Finding::new(severity, FindingKind::TimerWheel, &path, reason);
            findings.push(position.into_iter().fold(finding, Finding::at));
        };
        if !fs.exists(&path) {
            if self.blocks.block_count > 0 {
                report(Severity::Note, None, "is missing: it is built again from the timer log".to_owned());
            }
            return Ok(());
        }
        let failed = || OfflineError::io(&path);
        let file = fs.open(&path, OpenMode::Read).map_err(failed())?;
        let len_bytes = file.len().map_err(failed())?;
        if len_bytes != wheel::FILE_BYTES {
            let severity = if len_bytes == 0 { self.scope.unfinished() } else { Severity::Damage };
            report(severity, None, format!("has {len_bytes} bytes instead of {}", wheel::FILE_BYTES));
            return Ok(());
        }
        let mut buffer = vec![0; SLOTS_PER_READ * SLOT_BYTES];
        let mut position = 0;
        while let Some(data) = file.next_data(position).map_err(failed())? {
            position = position.max(data - data % SLOT_BYTES as u64);
            let got = read_up_to(&*file, &mut buffer, position).map_err(failed())?;
            for bytes in buffer.get(..got).unwrap_or_default().as_chunks().0 {
                let slot = Slot::decode(bytes);
                if slot != Slot::default()
                    && let Some((severity, reason)) = self.problem(slot, position).map_err(failed())?
                {
                    report(severity, Some(position), reason);
                }
                position += SLOT_BYTES as u64;
            }
            if got < SLOT_BYTES {
                break;
            }
            if self.scope.progress.is_stopped() {
                return Err(OfflineError::Interrupted);
            }
        }
        Ok(())
    }

    /// What is wrong with a slot that holds something.
    fn problem(&mut self, slot: Slot, position: u64) -> std::io::Result<Option<(Severity, String)>> {
        let Slot { tick, first_position: first, last_position: last, count, .. } = slot;
        let damage = |reason: String| Ok(Some((Severity::Damage, reason)));
        if !slot.is_used() || u64::from(wheel::index(tick)) * SLOT_BYTES as u64 != position {
            return damage(format!("the slot of moment {tick} does not belong here"));
        }
        let precision_millis = self.saved.own.map_or(PRECISION_MILLIS, |own| own.precision_millis.max(1));
        if tick < self.saved.last_read_time_millis.div_euclid(precision_millis) {
            // Delivered: RocketMQ leaves such slots as they are, whatever becomes of the timer log.
            return Ok(None);
        }
        self.slot_count += 1;
        if first < 0 || first > last {
            return damage(format!("its blocks are said to be from {first} to {last}"));
        }
        if last >= self.blocks.end {
            let reason =
                format!("its last block is said to be at {last}, the timer log ends at {}", self.blocks.end);
            return Ok(Some((self.scope.unfinished(), reason)));
        }
        for end in [first, last].into_iter().filter(|end| *end >= self.blocks.begin()) {
            let Some(block) = self.blocks.at(end)? else {
                return damage(format!("no block of the timer log is at {end}"));
            };
            // Only then is it known how long a slot is.
            let is_other = self.saved.own.is_some() && block.slot_millis.div_euclid(precision_millis) != tick;
            if is_other {
                return damage(format!("the block at {end} is of another slot"));
            }
        }
        // A message that cancels another one counts -1, wherever the other one is.
        let most = last / BLOCK_BYTES as i64 + 1;
        let has_cancels = self.blocks.cancel_count > 0 || self.blocks.begin() > 0;
        let least = if has_cancels { -most } else { 0 };
        if !(least..=most).contains(&i64::from(count)) {
            return damage(format!("{count} messages are said to be in it"));
        }
        Ok(None)
    }
}
