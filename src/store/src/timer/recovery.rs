//! Opening the timer's files: whatever the last run was, and however it ended.

use std::{collections::HashSet, io, sync::Arc};

use common::names::TIMER_TOPIC;

use super::{
    checkpoint::{TimerCheckpoint, TimerCheckpointFile},
    log::TimerLog,
    slot::Slot,
    timer_store::TimerOptions,
    wheel::TimerWheel,
};
use crate::{consume_queue::Boundary, error::OpenError, message_store::MessageStore};

/// At most so much of the CommitLog is looked through for what the last run delivered, when that run was RocketMQ's.
const DELIVERIES_SCAN_BYTES: i64 = 1 << 30;

/// Where to go on.
#[derive(Debug)]
pub struct Recovered {
    /// The first slot that may hold messages that were not delivered, in milliseconds; not in the future.
    pub read_time_millis: i64,
    /// The first message of the timer topic that may need a slot.
    pub next_queue_offset: i64,
    /// Messages of the timer topic from `next_queue_offset` on that have a slot already, by physical offset.
    pub logged: HashSet<i64>,
    /// What was delivered already, of what is still to be read, is in the CommitLog from this physical offset on.
    pub deliveries_phy_offset: i64,
}

/// The files, opened and repaired.
pub(super) struct Opened {
    pub(super) wheel: TimerWheel,
    pub(super) log: TimerLog,
    pub(super) file: TimerCheckpointFile,
    pub(super) saved: TimerCheckpoint,
    pub(super) recovered: Recovered,
    pub(super) pending_count: i64,
}

/// Opens and repairs the files.
pub(super) fn open(
    store: &Arc<MessageStore>,
    options: &TimerOptions,
    now_millis: i64,
) -> Result<Opened, OpenError> {
    let options_in_force = store.options();
    let root = &options_in_force.root_dir;
    let (fs, path) = (store.fs(), root.join("config/timercheck"));
    let (file, saved) = TimerCheckpointFile::open(&**fs, &path).map_err(OpenError::io(&path))?;
    let path = root.join("timerwheel");
    let (wheel, is_new) =
        TimerWheel::open(&**fs, &path, options.precision_millis).map_err(OpenError::io(&path))?;
    let log = TimerLog::open(fs, &root.join("timerlog"), options.log_file_size_bytes)?;
    // What is promised of files wants their names on the disk.
    for dir in [root.clone(), root.join("config")] {
        fs.sync_dir(&dir).map_err(OpenError::io(&dir))?;
    }
    let next_queue_offset = next_queue_offset(store, &saved);
    let mut repair = Repair {
        store,
        saved: &saved,
        wheel,
        log,
        next_phy_offset: phy_offset(store, next_queue_offset).unwrap_or(i64::MAX),
        logged: HashSet::new(),
    };
    let has_other_slots = saved.own.is_some_and(|own| own.precision_millis != options.precision_millis);
    let seen = repair.run(is_new || has_other_slots, options).map_err(OpenError::io(&path))?;
    let Repair { wheel, log, logged, .. } = repair;
    let now_slot = wheel.slot_millis(now_millis);
    let recovered = Recovered {
        // What lies before the first slot in use is empty, however long nothing has run.
        read_time_millis: seen.first_slot_millis.map_or(now_slot, |first| first.min(now_slot)),
        next_queue_offset,
        logged,
        deliveries_phy_offset: deliveries_phy_offset(store, &saved, next_queue_offset),
    };
    tracing::info!(
        pending = seen.pending_count,
        read_time_millis = recovered.read_time_millis,
        next_queue_offset,
        timer_log_end = log.end(),
        "timer opened"
    );
    Ok(Opened { wheel, log, file, saved, recovered, pending_count: seen.pending_count })
}

/// Brings the wheel to where the log is, and the log to where the CommitLog is.
struct Repair<'a> {
    store: &'a MessageStore,
    saved: &'a TimerCheckpoint,
    wheel: TimerWheel,
    log: TimerLog,
    /// Where the first message that may need a slot is.
    next_phy_offset: i64,
    logged: HashSet<i64>,
}

/// What is in the wheel.
#[derive(Default)]
struct Seen {
    pending_count: i64,
    first_slot_millis: Option<i64>,
    /// Slots that were delivered and not emptied, as RocketMQ leaves them.
    done: Vec<Slot>,
    /// A chain ends in what the log does not have.
    is_ahead: bool,
}

impl Repair<'_> {
    fn run(&mut self, rebuild: bool, options: &TimerOptions) -> io::Result<Seen> {
        let flushed = self.saved.last_timer_log_flush_position;
        let from = match self.saved.own {
            Some(_) => flushed,
            // RocketMQ's own caution: its checkpoint and its wheel are not written in one order.
            None => flushed - i64::try_from(options.log_file_size_bytes).unwrap_or(i64::MAX),
        };
        if rebuild {
            return self.rebuild();
        }
        self.replay(from)?;
        let seen = self.look()?;
        if seen.is_ahead {
            tracing::warn!(wheel = %self.wheel.path().display(), "wheel is ahead of the timer log, built again");
            return self.rebuild();
        }
        Ok(self.empty(seen))
    }

    /// Makes the wheel from the log alone.
    fn rebuild(&mut self) -> io::Result<Seen> {
        self.wheel.reset()?;
        self.logged.clear();
        self.replay(self.log.begin())?;
        let seen = self.look()?;
        Ok(self.empty(seen))
    }

    /// Puts the blocks of the log into the wheel that are not in it.
    fn replay(&mut self, from: i64) -> io::Result<()> {
        let Self { store, saved, wheel, log, next_phy_offset, logged } = self;
        let phy_end = store.max_phy_offset();
        let read_tick = wheel.tick(saved.last_read_time_millis);
        log.scan(from, |position, block| {
            if block.phy_offset.saturating_add(i64::from(block.size_bytes)) > phy_end {
                // A power cut took the message, and those behind it.
                return Ok(false);
            }
            if block.phy_offset >= *next_phy_offset {
                logged.insert(block.phy_offset);
            }
            let tick = wheel.tick(block.slot_millis);
            if tick >= read_tick {
                let slot = wheel.get(block.slot_millis)?;
                if slot.is_none_or(|slot| slot.last_position < position) {
                    let change = block.kind.count_change();
                    wheel.put(slot.unwrap_or_default().with(tick, position, change));
                }
            }
            Ok(true)
        })
    }

    fn look(&self) -> io::Result<Seen> {
        let mut seen = Seen::default();
        let (read_tick, end) = (self.wheel.tick(self.saved.last_read_time_millis), self.log.end());
        let mut first_tick = None;
        self.wheel.for_each(|slot| {
            if slot.tick < read_tick {
                seen.done.push(slot);
            } else {
                seen.pending_count += i64::from(slot.count);
                seen.is_ahead |= slot.last_position >= end;
                first_tick = Some(first_tick.map_or(slot.tick, |first: i64| first.min(slot.tick)));
            }
        })?;
        seen.first_slot_millis = first_tick.map(|tick| tick.saturating_mul(self.wheel.precision_millis()));
        Ok(seen)
    }

    /// Empties slots that are done with, so that a clock that is set back cannot deliver them again.
    fn empty(&mut self, seen: Seen) -> Seen {
        for slot in &seen.done {
            self.wheel.clear(slot.tick.saturating_mul(self.wheel.precision_millis()));
        }
        seen
    }
}

/// The first message of the timer topic that may need a slot.
fn next_queue_offset(store: &MessageStore, saved: &TimerCheckpoint) -> i64 {
    let next = saved.last_timer_queue_offset.min(saved.master_timer_queue_offset);
    let min = store.min_offset(TIMER_TOPIC, 0).unwrap_or(0);
    let max = store.max_offset(TIMER_TOPIC, 0).unwrap_or(0);
    if next < min {
        tracing::error!(next, min, "timed messages have expired before they were put into the timer");
    }
    next.clamp(min, max.max(min))
}

fn phy_offset(store: &MessageStore, queue_offset: i64) -> Option<i64> {
    let units = store.queue_units(TIMER_TOPIC, 0, queue_offset, 1);
    units.first().filter(|unit| unit.is_message()).map(|unit| unit.phy_offset)
}

/// Where in the CommitLog to look for what was delivered already.
fn deliveries_phy_offset(store: &MessageStore, saved: &TimerCheckpoint, next_queue_offset: i64) -> i64 {
    if let Some(own) = saved.own {
        return own.deliveries_phy_offset;
    }
    // RocketMQ does not say. What it delivered since its checkpoint is younger than the last message of the timer
    // topic that is older than that.
    let time = saved.last_read_time_millis;
    let younger = store.offset_by_time(TIMER_TOPIC, 0, time, Boundary::Lower).unwrap_or(0);
    let end = store.max_phy_offset();
    let before = younger.min(next_queue_offset).saturating_sub(1).max(0);
    let from = phy_offset(store, before).unwrap_or(end);
    from.max(store.file_phy_offset(end.saturating_sub(DELIVERIES_SCAN_BYTES)))
}
