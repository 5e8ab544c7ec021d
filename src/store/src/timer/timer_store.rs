//! The timer's files as one: putting messages into slots, taking them out, and making it durable.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use super::{
    block::{self, Block, Kind},
    checkpoint::{OwnPart, TimerCheckpoint, TimerCheckpointFile},
    log::{TimerLog, Unsynced},
    recovery::{self, Opened, Recovered},
    slot::Slot,
    wheel::{Changes, SLOT_COUNT, TimerWheel},
};
use crate::{error::OpenError, message_store::MessageStore};

/// A checkpoint that tells nothing but that time has passed is written once in so many flushes.
const IDLE_FLUSHES: u32 = 10;

/// How the timer's files are laid out.
#[derive(Clone, Copy, Debug)]
pub struct TimerOptions {
    /// `mappedFileSizeTimerLog`
    pub log_file_size_bytes: u64,
    /// `timerPrecisionMs`
    pub precision_millis: i64,
}

/// A message that goes into a slot.
#[derive(Clone, Copy, Debug)]
pub struct NewTimer<'a> {
    /// The moment of the slot, in milliseconds.
    pub slot_millis: i64,
    /// Now, in milliseconds.
    pub enqueue_millis: i64,
    /// What it stands for.
    pub kind: Kind,
    /// Where its record is in the CommitLog.
    pub phy_offset: i64,
    /// How long its record is.
    pub size_bytes: i32,
    /// Where it is in the queue of the timer topic.
    pub queue_offset: i64,
    /// The topic it goes to.
    pub topic: &'a str,
}

/// What became of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Everything there was is durable.
    Everything,
    /// It goes on when the CommitLog is durable as far as it speaks of that.
    Waits,
    /// Nothing is made durable any more: an fsync has failed, and what it covered may never reach the disk, whatever a
    /// later one says. The next start goes on from the last checkpoint, and the CommitLog has the rest.
    Nothing,
}

/// The timer's files, RocketMQ's `TimerMessageStore` without its threads.
#[derive(Debug)]
pub struct TimerStore {
    store: Arc<MessageStore>,
    state: Mutex<State>,
    file: TimerCheckpointFile,
    flush: Mutex<Flush>,
}

#[derive(Debug)]
struct State {
    wheel: TimerWheel,
    log: TimerLog,
    /// The first message of the timer topic that is not in the log.
    next_queue_offset: i64,
    read_time_millis: i64,
    deliveries_phy_offset: i64,
    /// Sum of the counts of all slots.
    pending_count: i64,
}

#[derive(Debug)]
struct Flush {
    saved: TimerCheckpoint,
    /// One that waits for the CommitLog.
    begun: Option<BegunFlush>,
    idle_flushes: u32,
    /// An fsync has failed.
    has_lost: bool,
}

#[derive(Debug)]
struct BegunFlush {
    unsynced: Unsynced,
    changes: Changes,
    checkpoint: TimerCheckpoint,
    /// Up to where the CommitLog has to be durable first.
    phy_end: i64,
}

impl TimerStore {
    /// Opens and repairs the files of a store.
    ///
    /// # Errors
    /// When they cannot be read, or are not of the configured size.
    pub fn open(
        store: &Arc<MessageStore>,
        options: &TimerOptions,
        now_millis: i64,
    ) -> Result<(Self, Recovered), OpenError> {
        let Opened { wheel, log, file, saved, recovered, pending_count } =
            recovery::open(store, options, now_millis)?;
        let state = State {
            wheel,
            log,
            next_queue_offset: recovered.next_queue_offset,
            read_time_millis: recovered.read_time_millis,
            deliveries_phy_offset: recovered.deliveries_phy_offset,
            pending_count,
        };
        let flush = Flush { saved, begun: None, idle_flushes: 0, has_lost: false };
        let opened =
            Self { store: Arc::clone(store), state: Mutex::new(state), file, flush: Mutex::new(flush) };
        Ok((opened, recovered))
    }

    /// How far slots may reach ahead and behind together, in milliseconds: one turn of the wheel.
    pub fn turn_millis(&self) -> i64 {
        i64::from(SLOT_COUNT) * self.state.lock().wheel.precision_millis()
    }

    /// Puts a message into its slot.
    ///
    /// # Errors
    /// When the files refuse; nothing has changed then.
    pub fn put(&self, timer: &NewTimer<'_>) -> io::Result<Block> {
        let mut state = self.state.lock();
        let slot = state.wheel.get(timer.slot_millis)?;
        let block = Block {
            previous_position: slot.map(|slot| slot.last_position),
            kind: timer.kind,
            enqueue_millis: timer.enqueue_millis,
            slot_millis: state.wheel.slot_millis(timer.slot_millis),
            phy_offset: timer.phy_offset,
            size_bytes: timer.size_bytes,
            topic_hash: block::topic_hash(timer.topic),
        };
        let position = state.log.append(&block)?;
        let change = timer.kind.count_change();
        let tick = state.wheel.tick(timer.slot_millis);
        let slot = slot.unwrap_or(Slot::default()).with(tick, position, change);
        state.wheel.put(slot);
        state.pending_count += i64::from(change);
        state.next_queue_offset = timer.queue_offset + 1;
        Ok(block)
    }

    /// The messages of the timer topic before this one need no slot, or have one.
    pub fn skip_to(&self, queue_offset: i64) {
        self.state.lock().next_queue_offset = queue_offset;
    }

    /// The first message of the timer topic that was not put into a slot yet.
    pub fn next_queue_offset(&self) -> i64 {
        self.state.lock().next_queue_offset
    }

    /// The messages of a slot, in the order they came.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn messages_of(&self, slot_millis: i64) -> io::Result<Vec<Block>> {
        let state = self.state.lock();
        let Some(slot) = state.wheel.get(slot_millis)? else { return Ok(Vec::new()) };
        let mut blocks = Vec::new();
        let mut next = Some(slot.last_position);
        while let Some(position) = next {
            let block = state.log.block(position)?;
            let Some(block) = block.filter(|block| state.wheel.tick(block.slot_millis) == slot.tick) else {
                // Files of the timer log are deleted with the messages they are about.
                if position >= state.log.begin() {
                    tracing::error!(slot_millis, position, "chain of timed messages is broken");
                }
                break;
            };
            blocks.push(block);
            next = block.previous_position.filter(|previous| *previous < position);
        }
        blocks.reverse();
        Ok(blocks)
    }

    /// Everything in a slot was delivered.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn finish(&self, slot_millis: i64) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(slot) = state.wheel.get(slot_millis)? {
            state.pending_count -= i64::from(slot.count);
            state.wheel.clear(slot_millis);
        }
        Ok(())
    }

    /// The first slot with messages that begins in `[from, until)`, as the moment it begins at.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn next_used(&self, from: i64, until: i64) -> io::Result<Option<i64>> {
        self.state.lock().wheel.next_used(from, until)
    }

    /// How many messages are in the slot of a moment.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn count_at(&self, millis: i64) -> io::Result<i32> {
        Ok(self.state.lock().wheel.get(millis)?.map_or(0, |slot| slot.count))
    }

    /// How many messages are in all slots.
    pub fn pending_count(&self) -> i64 {
        self.state.lock().pending_count
    }

    /// All slots before this one are delivered, and so far nothing of it or later ones.
    pub fn set_read_time(&self, read_time_millis: i64) {
        let phy_offset = self.store.max_phy_offset();
        let mut state = self.state.lock();
        state.read_time_millis = read_time_millis;
        state.deliveries_phy_offset = phy_offset;
    }

    /// The first slot that may hold messages that were not delivered.
    pub fn read_time_millis(&self) -> i64 {
        self.state.lock().read_time_millis
    }

    /// The checkpoint as it was last written.
    pub fn checkpoint(&self) -> TimerCheckpoint {
        self.flush.lock().saved
    }

    /// Makes what there is durable, or, while the CommitLog is not yet durable as far as that, begins to.
    ///
    /// # Errors
    /// When the disk refuses; the next call tries again, unless it was an fsync that failed.
    pub fn flush(&self, now_millis: i64) -> io::Result<Flushed> {
        let mut flush = self.flush.lock();
        if flush.has_lost {
            return Ok(Flushed::Nothing);
        }
        let begun = flush.begun.take().unwrap_or_else(|| self.begin_flush());
        if self.store.flushed_phy_offset() < begun.phy_end {
            flush.begun = Some(begun);
            return Ok(Flushed::Waits);
        }
        for file in begun.unsynced.files() {
            file?.sync_data().inspect_err(|_| flush.has_lost = true)?;
        }
        begun.changes.write()?;
        begun.changes.sync().inspect_err(|_| flush.has_lost = true)?;
        {
            let mut state = self.state.lock();
            state.log.synced(begun.unsynced.end);
            state.wheel.end_flush();
        }
        let is_idle = begun.changes.is_empty()
            && begun.checkpoint.last_timer_queue_offset == flush.saved.last_timer_queue_offset;
        if is_idle && flush.idle_flushes < IDLE_FLUSHES {
            flush.idle_flushes += 1;
            return Ok(Flushed::Everything);
        }
        flush.idle_flushes = 0;
        let mut checkpoint = begun.checkpoint;
        checkpoint.data_version = flush.saved.data_version;
        if checkpoint != flush.saved {
            checkpoint.data_version.advance(now_millis);
            self.file.write(&checkpoint)?;
            self.file.sync().inspect_err(|_| flush.has_lost = true)?;
            flush.saved = checkpoint;
        }
        Ok(Flushed::Everything)
    }

    fn begin_flush(&self) -> BegunFlush {
        let mut state = self.state.lock();
        let unsynced = state.log.unsynced();
        let checkpoint = TimerCheckpoint {
            last_read_time_millis: state.read_time_millis,
            last_timer_log_flush_position: unsynced.end,
            last_timer_queue_offset: state.next_queue_offset,
            master_timer_queue_offset: state.next_queue_offset,
            own: Some(OwnPart {
                precision_millis: state.wheel.precision_millis(),
                deliveries_phy_offset: state.deliveries_phy_offset,
            }),
            ..TimerCheckpoint::default()
        };
        let changes = state.wheel.begin_flush();
        BegunFlush { unsynced, changes, checkpoint, phy_end: self.store.max_phy_offset() }
    }

    /// Makes everything durable before the store is closed.
    ///
    /// # Errors
    /// When the disk refuses: the next start goes on from an earlier checkpoint.
    pub fn close(&self, now_millis: i64) -> io::Result<()> {
        self.store.flush();
        let had_begun = {
            let mut flush = self.flush.lock();
            flush.idle_flushes = IDLE_FLUSHES;
            flush.begun.is_some()
        };
        self.flush(now_millis)?;
        if had_begun {
            self.flush.lock().idle_flushes = IDLE_FLUSHES;
            self.flush(now_millis)?;
        }
        Ok(())
    }

    /// Deletes files of the timer log that are about messages the CommitLog does not have any more.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub fn delete_expired(&self) -> io::Result<usize> {
        let min_phy_offset = self.store.min_phy_offset();
        self.state.lock().log.delete_below(min_phy_offset)
    }
}
