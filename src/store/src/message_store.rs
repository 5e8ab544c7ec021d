//! The store's one door: putting, getting and looking up messages, start and stop.
//!
//! What happens to a message: [`MessageStore::put`] appends it to the CommitLog and pushes its unit to its
//! `ConsumeQueue` under one short lock, then tells whoever waits for it; four threads follow behind: one
//! flushes, one makes room ahead, one builds the index and one writes `ConsumeQueue`s and the checkpoint.
//! With sync flush and without `readUnCommitted`, queues get their units from the flusher instead, after the
//! flush, so that consumers never see what a power cut could take back.

mod checkpointing;
mod cleaning;
mod collect;
mod compacted;
mod compacting;
mod get;
mod indexing;
mod lights;
mod lookup;
mod put;
mod repair;
mod services;
mod stretch;
mod tidying;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use runtime::{clock::Clock, live::Live};

use crate::{
    arrival::MessageArrival,
    checkpoint::{Checkpoint, CheckpointFile},
    commit_log::CommitLog,
    compaction::{self, CompactedTopics, CompactionStore},
    consume_queue::{ConsumeQueueTable, QueueKind, QueueKinds},
    consume_queue_ext::{ConsumeQueueExt, FilterBitMap},
    dispatch::DelayLevels,
    error::{OpenError, StopError},
    flush::GroupCommit,
    foreign,
    fs::FileSystem,
    health::Health,
    index_file::{IndexFeed, IndexOptions, IndexRecovery, IndexService, Layout},
    lock::{LastExit, StoreLock},
    options::StoreOptions,
    recovery::{Damage, Recovery},
    retention::{Retention, ages::Ages},
    signal::Signal,
    times::Times,
    topic_kinds,
};

use repair::Repairs;
pub use tidying::QueueLook;

/// How long stopping waits for the index.
const INDEX_STOP_LIMIT: Duration = Duration::from_secs(5);

/// What the store needs of its surroundings.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where files are.
    pub fs: Arc<dyn FileSystem>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who is told of new messages.
    pub arrival: Arc<dyn MessageArrival>,
    /// Who calculates the bits beside them.
    pub bit_maps: Arc<dyn FilterBitMap>,
}

/// How much went through the store since it opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages stored.
    pub put_messages: AtomicU64,
    /// Bytes of their records.
    pub put_bytes: AtomicU64,
    /// Puts refused.
    pub put_failures: AtomicU64,
    /// How long puts took.
    pub put_times: Times,
    /// Messages handed to consumers.
    pub got_messages: AtomicU64,
    /// Gets that found messages.
    pub gets_found: AtomicU64,
    /// Gets that found none.
    pub gets_missed: AtomicU64,
    /// How long gets took.
    pub get_times: Times,
}

/// RocketMQ's `MessageStore`.
#[derive(Debug)]
pub struct MessageStore {
    options: Live<StoreOptions>,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    arrival: Arc<dyn MessageArrival>,
    bit_maps: Arc<dyn FilterBitMap>,
    health: Health,
    log: CommitLog,
    queues: ConsumeQueueTable,
    extensions: ConsumeQueueExt,
    index: Option<IndexService>,
    index_feed: IndexFeed,
    levels: DelayLevels,
    group_commit: GroupCommit,
    /// Changes whenever a topic is deleted, so that a put does not use a queue it looked up before.
    deletions: AtomicU64,
    /// Queue offsets given to messages whose units are held back: the next one of each queue.
    assigned: Mutex<HashMap<(Arc<str>, i32), i64>>,
    /// Physical offset up to which units are in the queues, where they are held back.
    dispatched: Mutex<i64>,
    /// Physical offset up to which the index is built.
    indexed: AtomicI64,
    index_wanted: Signal,
    checkpoint_file: CheckpointFile,
    checkpoint: Mutex<Checkpoint>,
    /// What the checkpoint file holds, where known.
    saved_checkpoint: Mutex<Option<Checkpoint>>,
    /// Held while messages are indexed.
    indexing: Mutex<()>,
    queues_wanted: Signal,
    retention: Mutex<Retention>,
    /// Whether files stay beyond their time, see [`Self::hold_expired_files`].
    holds_expired: AtomicBool,
    cleaner_wanted: Signal,
    /// Copies of the messages of compacted topics, unless that is switched off.
    compaction: Option<CompactionStore>,
    compacted_topics: Arc<CompactedTopics>,
    compaction_wanted: Signal,
    counters: Counters,
    repairs: Repairs,
    damage: Vec<Damage>,
    physical_memory_bytes: u64,
    is_stopped: AtomicBool,
    /// Last, so that it is released after everything else is closed.
    lock: StoreLock,
}

impl MessageStore {
    /// Locks the directory, recovers what is in it and opens it. Nothing runs until [`Self::start`].
    pub fn open(options: StoreOptions, environment: Environment) -> Result<Arc<Self>, OpenError> {
        let Environment { fs, clock, arrival, bit_maps } = environment;
        let file_size = check(&options)?;
        let mut lock = StoreLock::acquire(Arc::clone(&fs), &options.root_dir)?;
        lock.extend_to(&options.commit_log_path())?;
        foreign::refuse(&*fs, &options)?;
        let queues_dir = options.queues_path(QueueKind::Simple);
        lock.make_dir(&queues_dir)?;
        let last_exit = lock.begin_run()?;
        let (checkpoint_file, checkpoint) = CheckpointFile::open(&*fs, &options.root_dir)
            .map_err(OpenError::io(options.root_dir.join("checkpoint")))?;
        let (kinds, compacted_topics) = topic_kinds::load(&fs, &clock, &options.config_path())?;
        let (kinds, compacted_topics) = (Arc::new(kinds), Arc::new(compacted_topics));
        let queues = ConsumeQueueTable::open(Arc::clone(&fs), queues_dir, &options.queue_options(kinds))
            .map_err(crate::consume_queue::TableError::Open)?;
        let extensions = ConsumeQueueExt::new(Arc::clone(&fs), &options);
        let levels = DelayLevels::new(options.delay_level_millis.clone());
        let recovered = Recovery {
            fs: &fs,
            clock: &*clock,
            dir: options.commit_log_path(),
            file_size,
            checkpoint: &checkpoint,
            last_exit,
            index_must_be_complete: options.message_index_safe,
            check_crc: options.check_crc_on_recover,
            require_record_crc: options.require_record_crc_on_recover,
            queues: &queues,
            extensions: &extensions,
            levels: &levels,
            light: options.light_queues,
        }
        .run()?;
        let log = CommitLog::new(recovered.files, recovered.last_store_timestamp);
        log.files().set_read_mode(options.read_mode);
        let end = log.end();
        let index = open_index(&options, &fs, &clock, last_exit, &checkpoint, end)?;
        // The last record in the index is put again: it may have had more keys.
        let indexed = index
            .as_ref()
            .map_or(end, |index| index.end_phy_offset().unwrap_or(0).clamp(log.min_phy_offset(), end));
        let compaction = open_compaction(&options, &fs, &clock, &compacted_topics)?;
        let store = Self {
            fs,
            clock,
            arrival,
            bit_maps,
            health: Health::default(),
            queues,
            extensions,
            index,
            index_feed: IndexFeed::default(),
            levels,
            group_commit: GroupCommit::default(),
            deletions: AtomicU64::new(0),
            assigned: Mutex::default(),
            dispatched: Mutex::new(end),
            indexed: AtomicI64::new(indexed),
            index_wanted: Signal::default(),
            checkpoint_file,
            checkpoint: Mutex::new(checkpoint),
            saved_checkpoint: Mutex::default(),
            indexing: Mutex::default(),
            queues_wanted: Signal::default(),
            retention: Mutex::default(),
            holds_expired: AtomicBool::new(false),
            cleaner_wanted: Signal::default(),
            compaction,
            compacted_topics,
            compaction_wanted: Signal::default(),
            counters: Counters::default(),
            repairs: Repairs::default(),
            damage: recovered.damage,
            physical_memory_bytes: physical_memory_bytes(),
            is_stopped: AtomicBool::new(false),
            log,
            options: Live::new(options),
            lock,
        };
        {
            let mut retention = store.retention.lock();
            retention.ages = Ages::load(&*store.fs, &store.options.now().root_dir, store.clock.monotonic());
            retention.opened_at_base = store.log.files().last().map_or(0, |last| last.base_phy_offset());
            retention.trimmed_below = Some(store.log.min_phy_offset());
        }
        store.open_compacted(last_exit)?;
        store.check_disk();
        Ok(Arc::new(store))
    }

    /// Makes everything durable and removes the abort file. To be called after the services have stopped;
    /// calling it again does nothing.
    pub fn stop(&self) -> Result<(), StopError> {
        self.health.shut_down();
        if self.is_stopped.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.log.stop_appending();
        if let Some(reason) = self.health.fenced() {
            self.group_commit.fail_all();
            return Err(StopError::Fenced(reason));
        }
        let flushed = self.log.flush().map_err(|error| {
            self.group_commit.fail_all();
            StopError::CommitLog(error)
        })?;
        self.dispatch_flushed(flushed);
        self.group_commit.flushed_until(flushed);
        let deadline = self.clock.monotonic() + INDEX_STOP_LIMIT;
        // What is not indexed now is after the next start.
        while self.build_index() && self.clock.monotonic() < deadline {}
        self.log.drop_next_file();
        self.save_checkpoint_on_stop()?;
        self.note_ages_on_stop();
        if let Some(reason) = self.health.fenced() {
            return Err(StopError::Fenced(reason));
        }
        let abort = self.lock.abort_path().to_owned();
        self.lock.end_run().map_err(|error| StopError::Io { path: abort, error })
    }

    /// Whether the store was stopped.
    pub fn is_shut_down(&self) -> bool {
        self.health.is_shut_down()
    }

    /// The options in force.
    pub fn options(&self) -> Arc<StoreOptions> {
        self.options.snapshot()
    }

    /// The largest body taken (`maxMessageSize`).
    pub fn max_message_size_bytes(&self) -> usize {
        self.options.now().max_message_size_bytes
    }

    /// Takes over what can be changed while the store is open, see [`StoreOptions::retuned`].
    pub fn reconfigure(&self, wanted: &StoreOptions) {
        self.options.set(self.options.now().retuned(wanted));
    }

    /// Where its files are.
    pub(crate) fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// Which topics get which kind of queues. Whoever makes a topic says so before anybody sends to it.
    pub fn queue_kinds(&self) -> &Arc<QueueKinds> {
        self.queues.kinds()
    }

    /// How much went through.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The damaged places of the CommitLog that recovery came across.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

/// Refuses options no store can have; answers the size of a CommitLog file.
fn check(options: &StoreOptions) -> Result<usize, OpenError> {
    let value = options.commit_log_file_size_bytes;
    let refuse = |reason| OpenError::Option { key: "mappedFileSizeCommitLog", value, reason };
    if value < 1024 {
        return Err(refuse("no message fits"));
    }
    let file_size = i32::try_from(value).map_err(|_| refuse("2147483647 is the limit"))?;
    for kind in QueueKind::ALL {
        let (key, value) = options.queue_file_size_bytes(kind);
        if value < kind.unit_bytes() as u64 {
            return Err(OpenError::Option { key, value, reason: "no unit fits" });
        }
    }
    Ok(file_size as usize)
}

fn open_index(
    options: &StoreOptions,
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    last_exit: LastExit,
    checkpoint: &Checkpoint,
    end: i64,
) -> Result<Option<IndexService>, OpenError> {
    if !options.message_index.is_on() {
        return Ok(None);
    }
    let layout = Layout { slot_count: options.max_hash_slot_count, item_count: options.max_index_count };
    let index_options =
        IndexOptions { layout, utc_offset_millis: options.utc_offset_millis, ..IndexOptions::default() };
    let open = |recovery| {
        let (fs, clock) = (Arc::clone(fs), Arc::clone(clock));
        IndexService::open(fs, options.root_dir.join("index"), index_options, clock, recovery)
            .map_err(|error| OpenError::Index(error.to_string()))
    };
    let recovery = match (last_exit, checkpoint.recover_phy_offset) {
        (LastExit::Clean, _) => IndexRecovery::AfterCleanStop,
        (LastExit::Unclean, Some(_)) => IndexRecovery::AfterCrash,
        (LastExit::Unclean, None) => {
            IndexRecovery::RemoveNewerThan { index_msg_timestamp: checkpoint.index_msg_timestamp }
        }
    };
    let index = open(recovery)?;
    if index.end_phy_offset().is_none_or(|index_end| index_end < end) {
        return Ok(Some(index));
    }
    // An index that knows more than the log would take the next messages for old ones.
    drop(index);
    open(IndexRecovery::RemoveNewerThan { index_msg_timestamp: i64::MIN }).map(Some)
}

/// Copies of compacted topics, unless `enableCompaction` is off.
fn open_compaction(
    options: &StoreOptions,
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    topics: &Arc<CompactedTopics>,
) -> Result<Option<CompactionStore>, OpenError> {
    if !options.compaction.is_on() {
        return Ok(None);
    }
    let (log_bytes, queue_bytes) =
        (options.compaction_log_file_size_bytes, options.compaction_queue_file_size_bytes);
    let layout = compaction::Layout::new(&options.root_dir, log_bytes, queue_bytes);
    let layout = layout.ok_or(OpenError::Option {
        key: "compactionCqMappedFileSize",
        value: queue_bytes,
        reason: "92 is the least, and five times of it must be less than 2147483648",
    })?;
    let settings = compaction::CompactionOptions {
        interval: options.compaction_interval,
        memory_bytes: options.max_offset_map_bytes / options.compaction_thread_count.max(1),
    };
    Ok(Some(CompactionStore::open(fs, clock, layout, settings, Arc::clone(topics))?))
}

fn physical_memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit))
}
