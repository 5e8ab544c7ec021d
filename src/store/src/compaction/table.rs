//! All compacted queues of a store, RocketMQ's `CompactionStore`.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use runtime::clock::Clock;

use super::{
    CompactError,
    layout::Layout,
    leftovers::remove_tree,
    loading::Originals,
    log::{CompactionLog, Opening},
    positions::Positions,
    topics::CompactedTopics,
};
use crate::{config_files::ConfigFileError, error::OpenError, fs::FileSystem};

/// The queues of a topic by their ids.
type Queues = HashMap<i32, Arc<CompactionLog>>;

/// How compaction goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompactionOptions {
    /// Time between two compactions of a queue.
    pub(crate) interval: Duration,
    /// Memory for the keys of one compaction, in bytes.
    pub(crate) memory_bytes: usize,
}

/// Compacted queues by topic and id.
#[derive(Debug)]
pub(crate) struct CompactionStore {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    layout: Layout,
    options: CompactionOptions,
    topics: Arc<CompactedTopics>,
    positions: Positions,
    logs: RwLock<HashMap<Arc<str>, Queues>>,
    /// One is opened at a time.
    opening: Mutex<()>,
    jitter: RandomState,
}

impl CompactionStore {
    /// Reads how far queues are compacted; they are opened when they are asked for.
    pub(crate) fn open(
        fs: &Arc<dyn FileSystem>,
        clock: &Arc<dyn Clock>,
        layout: Layout,
        options: CompactionOptions,
        topics: Arc<CompactedTopics>,
    ) -> Result<Self, ConfigFileError> {
        let positions = Positions::load(fs, clock, layout.root().to_owned())?;
        Ok(Self {
            fs: Arc::clone(fs),
            clock: Arc::clone(clock),
            layout,
            options,
            topics,
            positions,
            logs: RwLock::default(),
            opening: Mutex::default(),
            jitter: RandomState::new(),
        })
    }

    /// Which topics are compacted.
    pub(crate) fn topics(&self) -> &Arc<CompactedTopics> {
        &self.topics
    }

    /// Paths and sizes.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A queue that is open.
    pub(crate) fn get(&self, topic: &str, queue_id: i32) -> Option<Arc<CompactionLog>> {
        self.logs.read().get(topic)?.get(&queue_id).cloned()
    }

    /// All queues that are open.
    pub(crate) fn all(&self) -> Vec<Arc<CompactionLog>> {
        self.logs.read().values().flat_map(Queues::values).cloned().collect()
    }

    /// A queue, opened when it is not.
    pub(crate) fn get_or_open(
        &self,
        topic: &Arc<str>,
        queue_id: i32,
        originals: &Originals<'_>,
    ) -> Result<Arc<CompactionLog>, OpenError> {
        let _one_at_a_time = self.opening.lock();
        if let Some(log) = self.get(topic, queue_id) {
            return Ok(log);
        }
        let opening = Opening {
            fs: &self.fs,
            layout: &self.layout,
            positions: &self.positions,
            now_millis: self.clock.now_millis(),
        };
        let log = Arc::new(CompactionLog::open(&opening, (topic, queue_id), originals)?);
        *log.due.lock() = self.next_due(&log);
        self.logs.write().entry(Arc::clone(topic)).or_default().insert(queue_id, Arc::clone(&log));
        Ok(log)
    }

    /// Compacts what is due, RocketMQ's `doCompaction` of each queue. Several threads may do so.
    pub(crate) fn compact_due(&self, is_stopped: &dyn Fn() -> bool) {
        let now = self.clock.monotonic();
        for log in self.all() {
            let is_due = {
                let mut due = log.due.lock();
                let is_due = *due <= now;
                if is_due {
                    *due = self.next_due(&log);
                }
                is_due
            };
            if is_due {
                self.compact(&log, is_stopped);
            }
        }
    }

    /// Compacts a queue.
    pub(crate) fn compact(&self, log: &CompactionLog, is_stopped: &dyn Fn() -> bool) {
        let (topic, queue_id) = (&**log.topic(), log.queue_id());
        match log.compact(&self.positions, self.options.memory_bytes, is_stopped) {
            Ok(Some(compacted)) => tracing::info!(topic, queue_id, ?compacted, "queue compacted"),
            Ok(None) | Err(CompactError::GivenUp) => {}
            Err(error) => {
                let dir = log.log_dir().display();
                tracing::error!(topic, queue_id, %dir, %error, "queue not compacted: nothing was removed");
            }
        }
    }

    /// Removes the queues of a topic.
    pub(crate) fn delete_topic(&self, topic: &str) -> io::Result<()> {
        let queues = self.logs.write().remove(topic).unwrap_or_default();
        for log in queues.values() {
            log.close_deleted();
        }
        let mut queue_ids: Vec<i32> = queues.into_keys().collect();
        for dir in self.layout.topic_dirs(topic) {
            if self.fs.exists(&dir) {
                queue_ids.extend(
                    self.fs.read_dir(&dir)?.iter().filter_map(|entry| entry.name.parse::<i32>().ok()),
                );
            }
            remove_tree(&*self.fs, &dir)?;
        }
        self.positions.remove(topic, &queue_ids).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The queues of a topic that have files.
    pub(crate) fn queue_ids_on_disk(&self, topic: &str) -> io::Result<Vec<i32>> {
        let [log_dir, ..] = self.layout.topic_dirs(topic);
        if !self.fs.exists(&log_dir) {
            return Ok(Vec::new());
        }
        let entries = self.fs.read_dir(&log_dir)?.into_iter().filter(|entry| entry.is_dir);
        Ok(entries.filter_map(|entry| entry.name.parse().ok()).collect())
    }

    /// Queues are not all compacted at once.
    fn next_due(&self, log: &CompactionLog) -> Duration {
        let now = self.clock.monotonic();
        let spread = self.jitter.hash_one((log.topic(), log.queue_id(), now)) % 1_000;
        now + self.options.interval + self.options.interval * u32::try_from(spread).unwrap_or(0) / 1_000
    }
}
