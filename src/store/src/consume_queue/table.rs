//! All `ConsumeQueue`s of a store, RocketMQ's `ConsumeQueueStore`.

use std::{
    io,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use parking_lot::{Mutex, RwLock};
use runtime::shared_map::SharedMap;

use super::{
    AppendError, AppendOutcome, BATCH_UNIT_BYTES, ConsumeQueue, FlushError, OpenError, QueueKind, QueueKinds,
    UNIT_BYTES, Unit, files::Shared, flush, kind::Layout, load,
};
use crate::{file_cache::FileCache, fs::FileSystem};

/// The longest name a directory can have.
const MAX_TOPIC_BYTES: usize = 255;

/// All queues are walked by several threads from this many on.
const MANY_QUEUES: usize = 1_000;
pub(super) const WALK_THREADS: usize = 4;

/// How queues are kept.
#[derive(Clone, Debug)]
pub struct ConsumeQueueOptions {
    /// Length of every file, RocketMQ's `mappedFileSizeConsumeQueue`; rounded up to whole units.
    pub file_size_bytes: u64,
    /// The same of batch queues, RocketMQ's `mapperFileSizeBatchConsumeQueue`.
    pub batch_file_size_bytes: u64,
    /// Which topics get which kind of queues.
    pub kinds: Arc<QueueKinds>,
    /// How many files may be open at a time.
    pub max_open_files: usize,
}

impl Default for ConsumeQueueOptions {
    fn default() -> Self {
        Self {
            file_size_bytes: 300_000 * UNIT_BYTES as u64,
            batch_file_size_bytes: 300_000 * BATCH_UNIT_BYTES as u64,
            kinds: Arc::default(),
            max_open_files: 256,
        }
    }
}

/// Why an operation on the table of queues did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A queue on disk could not be loaded.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A name no directory can have.
    #[error("topic {0:?} cannot be the name of a directory")]
    InvalidTopic(String),
    /// A unit could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Files could not be made durable.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// Files of a queue could not be read, cut or removed.
    #[error("files of consume queue {topic}/{queue_id}: {source}")]
    Files {
        /// The topic.
        topic: Arc<str>,
        /// The queue id.
        queue_id: i32,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory could not be removed or made durable.
    #[error("directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl TableError {
    pub(crate) fn files(queue: &ConsumeQueue) -> impl FnOnce(io::Error) -> Self {
        let (topic, queue_id) = (Arc::clone(queue.topic()), queue.queue_id());
        move |source| Self::Files { topic, queue_id, source }
    }
}

/// All `ConsumeQueue`s of a store, of both kinds.
///
/// Queues found on disk are loaded when they are first asked for. The table itself never deletes or loses a
/// queue that [`Self::delete_topic`] or [`Self::delete_queue`] was not asked to.
#[derive(Debug)]
pub struct ConsumeQueueTable {
    pub(super) shared: Arc<Shared>,
    topics: SharedMap<Arc<str>, Arc<TopicQueues>>,
}

#[derive(Debug)]
struct TopicQueues {
    name: Arc<str>,
    kind: QueueKind,
    queues: RwLock<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    /// Ascending by queue id; `None` until the queue is loaded.
    slots: Vec<(i32, Option<Arc<ConsumeQueue>>)>,
    /// Whether the topic left the table.
    is_deleted: bool,
}

impl Queues {
    fn find(&self, queue_id: i32) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&queue_id, |(id, _)| *id)
    }

    fn loaded(&self, queue_id: i32) -> Option<&Arc<ConsumeQueue>> {
        self.slots.get(self.find(queue_id).ok()?)?.1.as_ref()
    }
}

/// What to do about a queue that does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    IsCreated,
    StaysAbsent,
}

impl ConsumeQueueTable {
    /// Finds the queues below `root`, the `consumequeue` directory, and those below the directory beside it that
    /// has `batch` before its name; they need not exist. Only lists directories.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        root: impl Into<PathBuf>,
        options: &ConsumeQueueOptions,
    ) -> Result<Self, OpenError> {
        let root = root.into();
        let batch_root = batch_root(&root);
        let found = [
            (QueueKind::Simple, load::find_queues(&*fs, &root)?),
            (QueueKind::Batch, load::find_queues(&*fs, &batch_root)?),
        ];
        let table = Self {
            shared: Arc::new(Shared {
                fs,
                simple: Layout::new(QueueKind::Simple, root, options.file_size_bytes),
                batch: Layout::new(QueueKind::Batch, batch_root, options.batch_file_size_bytes),
                kinds: Arc::clone(&options.kinds),
                cache: FileCache::new(options.max_open_files),
                dirty: Mutex::default(),
                unsynced: Mutex::default(),
                writing: Mutex::default(),
                syncing: Mutex::default(),
                sync_failed: AtomicBool::new(false),
                min_phy_offset: AtomicI64::new(0),
                next_number: AtomicU64::new(0),
            }),
            topics: SharedMap::default(),
        };
        for (kind, topics) in found {
            for (topic, queue_ids) in topics {
                let slots: Vec<_> = queue_ids.into_iter().map(|queue_id| (queue_id, None)).collect();
                let queues = table.topic_or_new(&topic, kind);
                if queues.kind != kind && !slots.is_empty() {
                    return Err(OpenError::TwoKinds(topic));
                }
                queues.queues.write().slots.extend(slots);
            }
        }
        Ok(table)
    }

    /// The queue, if it exists. Loads it from disk the first time.
    pub fn get(&self, topic: &str, queue_id: i32) -> Result<Option<Arc<ConsumeQueue>>, TableError> {
        let Some(queues) = self.topic(topic) else { return Ok(None) };
        if let Some(queue) = queues.queues.read().loaded(queue_id) {
            return Ok(Some(Arc::clone(queue)));
        }
        self.load(&queues, queue_id, Absent::StaysAbsent)
    }

    /// The queue; it becomes one without messages if it does not exist. Nothing is written for it until it
    /// has a unit.
    pub fn get_or_create(&self, topic: &str, queue_id: i32) -> Result<Arc<ConsumeQueue>, TableError> {
        loop {
            let queues = match self.topic(topic) {
                Some(queues) => queues,
                None if is_directory_name(topic) => self.topic_or_new(topic, self.shared.kinds.of(topic)),
                None => return Err(TableError::InvalidTopic(topic.to_owned())),
            };
            if let Some(queue) = queues.queues.read().loaded(queue_id) {
                return Ok(Arc::clone(queue));
            }
            // Nothing comes back when the topic was deleted in between: then it begins anew.
            if let Some(queue) = self.load(&queues, queue_id, Absent::IsCreated)? {
                return Ok(queue);
            }
        }
    }

    fn topic(&self, topic: &str) -> Option<Arc<TopicQueues>> {
        self.topics.get(topic).map(|queues| Arc::clone(&queues))
    }

    fn topic_or_new(&self, topic: &str, kind: QueueKind) -> Arc<TopicQueues> {
        let name: Arc<str> = topic.into();
        let queues = self.topics.entry(Arc::clone(&name));
        let queues =
            queues.or_insert_with(|| Arc::new(TopicQueues { name, kind, queues: RwLock::default() }));
        Arc::clone(&queues)
    }

    fn load(
        &self,
        topic: &TopicQueues,
        queue_id: i32,
        absent: Absent,
    ) -> Result<Option<Arc<ConsumeQueue>>, TableError> {
        let mut queues = topic.queues.write();
        if queues.is_deleted {
            return Ok(None);
        }
        let place = queues.find(queue_id);
        let queue = match place {
            Ok(place) => match queues.slots.get(place) {
                Some((_, Some(queue))) => return Ok(Some(Arc::clone(queue))),
                _ => Arc::new(ConsumeQueue::load(&self.shared, topic.kind, &topic.name, queue_id)?),
            },
            Err(_) if absent == Absent::StaysAbsent => return Ok(None),
            Err(_) => Arc::new(ConsumeQueue::empty(&self.shared, topic.kind, &topic.name, queue_id)),
        };
        match place {
            Ok(place) => {
                if let Some((_, slot)) = queues.slots.get_mut(place) {
                    *slot = Some(Arc::clone(&queue));
                }
            }
            Err(place) => queues.slots.insert(place, (queue_id, Some(Arc::clone(&queue)))),
        }
        Ok(Some(queue))
    }

    /// The offset the next message of a queue gets; 0 for a queue that does not exist.
    pub fn next_queue_offset(&self, topic: &str, queue_id: i32) -> Result<i64, TableError> {
        Ok(self.get(topic, queue_id)?.map_or(0, |queue| queue.max_queue_offset()))
    }

    /// Appends a unit to a queue, which is created if need be. See [`ConsumeQueue::append`].
    pub fn append(
        &self,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
        unit: Unit,
    ) -> Result<AppendOutcome, TableError> {
        self.append_with(topic, queue_id, |queue| queue.append(queue_offset, unit))
    }

    /// Lets `append` append to a queue, which is created if need be.
    pub(crate) fn append_with(
        &self,
        topic: &str,
        queue_id: i32,
        append: impl Fn(&Arc<ConsumeQueue>) -> Result<AppendOutcome, AppendError>,
    ) -> Result<AppendOutcome, TableError> {
        loop {
            match append(&self.get_or_create(topic, queue_id)?) {
                // Looked up just before its topic was deleted.
                Err(AppendError::Deleted) => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Which topics get which kind of queues.
    pub fn kinds(&self) -> &Arc<QueueKinds> {
        &self.shared.kinds
    }

    /// The topics that have queues, in no particular order.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.topics.iter().map(|topic| Arc::clone(topic.key())).collect()
    }

    /// The queue ids of a topic, ascending.
    pub fn queues(&self, topic: &str) -> Vec<i32> {
        let Some(queues) = self.topic(topic) else { return Vec::new() };
        let queues = queues.queues.read();
        queues.slots.iter().map(|(queue_id, _)| *queue_id).collect()
    }

    /// How many queues there are.
    pub fn queue_count(&self) -> usize {
        self.all_topics().iter().map(|topic| topic.queues.read().slots.len()).sum()
    }

    /// How many files are open.
    pub fn open_file_count(&self) -> usize {
        self.shared.cache.len()
    }

    /// Where the last record known to any queue ends in the CommitLog, RocketMQ's
    /// `getMaxPhyOffsetInConsumeQueue`. Loads all queues.
    pub fn max_phy_offset(&self) -> Result<Option<i64>, TableError> {
        let max = Mutex::new(None);
        self.for_each(|queue| {
            let mut max = max.lock();
            *max = queue.max_phy_offset().max(*max);
            Ok(())
        })?;
        Ok(max.into_inner())
    }

    /// Drops all units whose record is at `phy_offset` or behind it, durably, RocketMQ's `truncateDirty`.
    /// Loads all queues.
    ///
    /// A power cut may leave holes among units that were not durable. They are put right by appending
    /// everything again from where the queues were durable, either after truncating to there, or before
    /// truncating to the end of the CommitLog.
    pub fn truncate_after(&self, phy_offset: i64) -> Result<(), TableError> {
        self.for_each(|queue| queue.truncate(phy_offset).map_err(TableError::files(queue)))?;
        flush::sync_all(&self.shared)?;
        Ok(())
    }

    /// As [`Self::truncate_after`], of batch queues only: their units do not say where a lost one belongs, so
    /// that all are appended again that may have been lost.
    pub fn truncate_batches_after(&self, phy_offset: i64) -> Result<(), TableError> {
        let of_batches = |topic: &Arc<TopicQueues>| topic.kind == QueueKind::Batch;
        for topic in self.all_topics().into_iter().filter(of_batches) {
            for queue_id in self.queues(&topic.name) {
                if let Some(queue) = self.get(&topic.name, queue_id)? {
                    queue.truncate(phy_offset).map_err(TableError::files(&queue))?;
                }
            }
        }
        flush::sync_all(&self.shared)?;
        Ok(())
    }

    /// Moves the minimum of every queue up to its first record at or behind `min_phy_offset`, where the
    /// CommitLog begins. A queue that is not loaded follows when it is.
    pub fn correct_min(&self, min_phy_offset: i64) -> Result<(), TableError> {
        self.shared.min_phy_offset.store(min_phy_offset, Ordering::Release);
        for queue in self.loaded() {
            queue.correct_min(min_phy_offset).map_err(TableError::files(&queue))?;
        }
        Ok(())
    }

    /// Removes the files of all queues that hold nothing but records before `min_phy_offset`, never the last
    /// file of a queue, and corrects the minimums. Answers how many files. Loads all queues.
    pub fn delete_files_below(&self, min_phy_offset: i64) -> Result<usize, TableError> {
        self.shared.min_phy_offset.store(min_phy_offset, Ordering::Release);
        let removed_count = AtomicUsize::new(0);
        self.for_each(|queue| {
            let removed = queue.delete_files_below(min_phy_offset).map_err(TableError::files(queue))?;
            removed_count.fetch_add(removed, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(removed_count.into_inner())
    }

    /// Removes a topic with all its queues and their files. Answers whether there was one.
    pub fn delete_topic(&self, topic: &str) -> Result<bool, TableError> {
        let Some(queues) = self.topic(topic) else { return Ok(false) };
        for queue_id in self.queues(topic) {
            self.delete_queue(topic, queue_id)?;
        }
        {
            // New queues may have come since: the topic goes only when it is empty, with its lock held.
            let mut queues = queues.queues.write();
            if !queues.slots.is_empty() {
                drop(queues);
                return self.delete_topic(topic);
            }
            queues.is_deleted = true;
            self.topics.remove(topic);
        }
        let layout = self.shared.layout(queues.kind);
        let path = layout.topic_dir(topic);
        let at = |source| TableError::Directory { path: path.clone(), source };
        match self.shared.fs.remove_dir(&path) {
            Ok(()) => self.shared.fs.sync_dir(&layout.root).map_err(at)?,
            // What does not belong to a queue is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(error)),
        }
        Ok(true)
    }

    /// Removes one queue with its files. Answers whether there was one.
    pub fn delete_queue(&self, topic: &str, queue_id: i32) -> Result<bool, TableError> {
        let Some(queues) = self.topic(topic) else { return Ok(false) };
        let Some(queue) = self.get(topic, queue_id)? else { return Ok(false) };
        let mut queues = queues.queues.write();
        // The lock is kept meanwhile, so that no new queue of the same name meets the files of this one.
        let outcome = queue.destroy().map_err(TableError::files(&queue));
        if let Ok(place) = queues.find(queue_id) {
            queues.slots.remove(place);
        }
        outcome.map(|()| true)
    }

    /// All topics. Collected first: nobody waits for a topic's lock while holding one of the map.
    fn all_topics(&self) -> Vec<Arc<TopicQueues>> {
        self.topics.iter().map(|topic| Arc::clone(topic.value())).collect()
    }

    /// All queues that are loaded.
    fn loaded(&self) -> Vec<Arc<ConsumeQueue>> {
        let mut loaded = Vec::new();
        for topic in self.all_topics() {
            loaded.extend(topic.queues.read().slots.iter().filter_map(|(_, queue)| queue.clone()));
        }
        loaded
    }

    /// Calls `work` for every queue, loading those that are not: many of them by several threads, each taking a topic
    /// at a time, as loading waits for the disk.
    fn for_each(
        &self,
        work: impl Fn(&Arc<ConsumeQueue>) -> Result<(), TableError> + Sync,
    ) -> Result<(), TableError> {
        let topics = self.topics();
        let next = AtomicUsize::new(0);
        let walk = || -> Result<(), TableError> {
            while let Some(topic) = topics.get(next.fetch_add(1, Ordering::Relaxed)) {
                for queue_id in self.queues(topic) {
                    if let Some(queue) = self.get(topic, queue_id)? {
                        work(&queue)?;
                    }
                }
            }
            Ok(())
        };
        if self.queue_count() < MANY_QUEUES {
            return walk();
        }
        thread::scope(|scope| {
            let walks: Vec<_> = (0..WALK_THREADS).map(|_| scope.spawn(walk)).collect();
            let mut outcomes = walks.into_iter().map(ScopedJoinHandle::join);
            outcomes.try_for_each(|outcome| outcome.unwrap_or_else(|panic| resume_unwind(panic)))
        })
    }
}

fn batch_root(root: &Path) -> PathBuf {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    root.with_file_name(format!("batch{name}"))
}

fn is_directory_name(topic: &str) -> bool {
    let is_special = topic.is_empty() || topic == "." || topic == "..";
    !is_special && topic.len() <= MAX_TOPIC_BYTES && !topic.contains(['/', '\0'])
}
