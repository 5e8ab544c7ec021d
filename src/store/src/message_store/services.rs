//! The threads behind the store.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::services::Services;

use super::{MessageStore, checkpointing::Thoroughness};
use crate::signal::{Signal, Woken};

/// The index follows in steps of this length: queries by key may be that far behind, and puts wake nobody.
const INDEX_PAUSE: Duration = Duration::from_millis(10);
/// A thread that waits for a signal looks around this often anyway.
const IDLE_WAIT: Duration = Duration::from_secs(5);
/// Queues are made durable in every round while they are this few. More of them wait until it is due: a write and a
/// sync for each cost much, and a start reads the log from the last checkpoint on whether there are units behind it
/// or not.
const FEW_QUEUES: usize = 64;
/// It is due when a start would have to read so much of the log, but not before these rounds have passed.
const UNSYNCED_MAX_BYTES: i64 = 1024 * 1024 * 1024;
const BUSY_SYNC_ROUNDS: u32 = 10;
/// Until then the units of many queues stay in memory up to this size.
const TAILS_MAX_BYTES: usize = 24 * 1024 * 1024;
/// The index is made durable each so often.
const INDEX_SYNC_ROUNDS: u32 = 10;

impl MessageStore {
    /// Starts the background services: room ahead, flusher, `ConsumeQueue` flusher, index builder, cleaner.
    pub fn start(self: &Arc<Self>, services: &Services) -> io::Result<()> {
        self.service(services, "commit-log-room", |store| &store.log.wants_room, Self::run_room)?;
        self.service(services, "commit-log-flush", |store| &store.group_commit.wanted, Self::run_flusher)?;
        self.service(services, "consume-queue-flush", |store| &store.queues_wanted, Self::run_queue_flusher)?;
        if self.index.is_some() {
            self.service(services, "index-build", |store| &store.index_wanted, Self::run_index)?;
        }
        let threads = if self.compaction.is_some() { self.compaction_thread_count() } else { 0 };
        for _ in 0..threads {
            self.service(services, "compaction", |store| &store.compaction_wanted, Self::run_compaction)?;
        }
        self.service(services, "store-clean", |store| &store.cleaner_wanted, Self::run_cleaner)
    }

    /// A thread that ends when its signal is stopped, which a task does on shutdown.
    fn service(
        self: &Arc<Self>,
        services: &Services,
        name: &'static str,
        signal: fn(&Self) -> &Signal,
        body: fn(&Self),
    ) -> io::Result<()> {
        let store = Arc::clone(self);
        services.thread(name, move |_| body(&store))?;
        let store = Arc::clone(self);
        services.task(name, move |shutdown| async move {
            shutdown.requested().await;
            signal(&store).stop();
        });
        Ok(())
    }

    fn run_room(&self) {
        loop {
            if let Err(error) = self.log.make_room() {
                tracing::warn!(%error, "no room made ahead in the commit log");
                self.log.wants_room.pause(Duration::from_secs(1));
            }
            if self.log.wants_room.wait(IDLE_WAIT) == Woken::Stopped {
                return;
            }
        }
    }

    fn run_flusher(&self) {
        let interval = || self.options.now().flush_interval_commit_log;
        while self.group_commit.wanted.wait(interval()) != Woken::Stopped {
            self.flush_log();
        }
    }

    /// Makes the log durable now, whatever the flusher's interval.
    pub fn flush(&self) {
        self.flush_log();
    }

    /// Flushes the log and answers whoever waits for it.
    pub(crate) fn flush_log(&self) {
        if self.health.fenced().is_some() {
            self.group_commit.fail_all();
            return;
        }
        match self.log.flush() {
            Ok(flushed) => {
                self.dispatch_flushed(flushed);
                self.group_commit.flushed_until(flushed);
            }
            Err(error) => {
                self.health.fence(&format!("flush of the commit log failed: {error}"));
                self.group_commit.fail_all();
            }
        }
    }

    fn run_queue_flusher(&self) {
        let mut rounds: u32 = 0;
        let mut synced = LastSync::at(self.log.end());
        while self.queues_wanted.wait(self.options.now().flush_interval_consume_queue) != Woken::Stopped {
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(INDEX_SYNC_ROUNDS) {
                self.flush_index();
            }
            synced.rounds += 1;
            let longest = self.options.now().flush_consume_queue_thorough_interval;
            let end = self.log.end();
            if self.queues.dirty_queue_count() <= FEW_QUEUES || synced.is_long_ago(end, longest) {
                self.flush_queues(Thoroughness::Sync);
                synced = LastSync::at(end);
            } else if self.queues.tail_bytes() > TAILS_MAX_BYTES {
                self.flush_queues(Thoroughness::Write);
            }
        }
    }

    fn run_index(&self) {
        loop {
            while self.build_index() && !self.index_wanted.is_stopped() {}
            self.index_wanted.pause(INDEX_PAUSE);
            if self.index_wanted.wait(IDLE_WAIT) == Woken::Stopped {
                return;
            }
        }
    }

    fn run_cleaner(&self) {
        while self.cleaner_wanted.wait(self.options.now().clean_interval) != Woken::Stopped {
            self.clean();
        }
    }
}

/// When queues were made durable last.
struct LastSync {
    at: Instant,
    /// Where the log ended.
    log_end: i64,
    /// How many rounds have passed.
    rounds: u32,
}

impl LastSync {
    fn at(log_end: i64) -> Self {
        Self { at: Instant::now(), log_end, rounds: 0 }
    }

    fn is_long_ago(&self, log_end: i64, longest: Duration) -> bool {
        let is_much = log_end - self.log_end >= UNSYNCED_MAX_BYTES;
        (is_much && self.rounds >= BUSY_SYNC_ROUNDS) || self.at.elapsed() >= longest
    }
}
