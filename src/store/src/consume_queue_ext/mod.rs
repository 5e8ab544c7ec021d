//! The extension files of `ConsumeQueue`s, RocketMQ's `ConsumeQueueExt`: what is kept of a message to filter by,
//! beyond the hash of its tags.
//!
//! ```text
//! consumequeue_ext/<topic>/<queue id>/<position of the first byte, 20 digits>
//! ```
//!
//! Units follow one another; the file ends with a size of -1 where the next does not fit. A unit of the queue has the
//! position in the place of its tags code.
//!
//! Invariants: a queue's unit never points to an extension that is not written; an extension is durable before the
//! checkpoint says that its unit is, and bits that may be older than a power cut are set ([`ConsumeQueueExt::distrust`]),
//! so that they hold nothing back. What cannot be read says nothing: the record itself has tags and properties.

mod queue;
mod unit;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use runtime::shared_map::SharedMap;

use self::queue::ExtQueue;
use crate::{
    consume_queue::{ConsumeQueue, Unit},
    file_cache::FileCache,
    fs::{Disk, FileSystem},
    options::StoreOptions,
};

pub use unit::Extension;
pub(crate) use unit::{HEADER_BYTES, position_of};

/// Name of the directory under the store root.
pub(crate) const DIR_NAME: &str = "consumequeue_ext";
/// A unit, and the mark of the end of a file behind it.
const MIN_FILE_BYTES: u64 = 1024;

/// Which bits are to stand beside a message: the store knows nobody who filters.
pub trait FilterBitMap: Send + Sync + std::fmt::Debug {
    /// The bits for a message with these encoded properties; `None` where none are calculated.
    ///
    /// Called under the append lock: it must neither block nor put.
    fn bit_map(&self, topic: &str, properties: &[u8]) -> Option<Vec<u8>>;
}

/// Nobody filters.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBitMap;

impl FilterBitMap for NoBitMap {
    fn bit_map(&self, _topic: &str, _properties: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// The extension files of all queues.
#[derive(Debug)]
pub(crate) struct ConsumeQueueExt {
    shared: Shared,
    queues: SharedMap<(Arc<str>, i32), Arc<ExtQueue>>,
    is_written: bool,
    /// Whether there are extensions, or will be.
    is_used: bool,
    next_number: AtomicU64,
}

/// What all queues share.
#[derive(Debug)]
struct Shared {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    file_bytes: u64,
    cache: FileCache,
    /// Files written since they were last made durable.
    unsynced: Mutex<BTreeSet<PathBuf>>,
    /// Set by a failed fsync: what it covered may be lost, and nothing is called durable from then on.
    sync_failed: AtomicBool,
}

impl ConsumeQueueExt {
    /// The files of a store; nothing is looked at yet.
    pub(crate) fn new(fs: Arc<dyn FileSystem>, options: &StoreOptions) -> Self {
        let root = options.root_dir.join(DIR_NAME);
        let is_written = options.consume_queue_ext.is_on();
        let is_used = is_written || fs.exists(&root);
        let shared = Shared {
            fs,
            root,
            file_bytes: options.consume_queue_ext_file_size_bytes.max(MIN_FILE_BYTES),
            cache: FileCache::new(options.max_open_consume_queue_files),
            unsynced: Mutex::default(),
            sync_failed: AtomicBool::new(false),
        };
        Self { shared, queues: SharedMap::default(), is_written, is_used, next_number: AtomicU64::new(0) }
    }

    /// Whether messages get extensions, RocketMQ's `enableConsumeQueueExt`.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written
    }

    fn queue(&self, topic: &Arc<str>, queue_id: i32) -> Arc<ExtQueue> {
        let queue = self.queues.entry((Arc::clone(topic), queue_id)).or_insert_with(|| {
            let dir = self.shared.root.join(&**topic).join(queue_id.to_string());
            Arc::new(ExtQueue::new(dir, self.next_number.fetch_add(1, Ordering::Relaxed)))
        });
        Arc::clone(&queue)
    }

    /// Writes what is to stand beside the next unit of a queue; answers the tags code of that unit, which is the
    /// extension's own where it cannot be written.
    pub(crate) fn put(&self, queue: &ConsumeQueue, extension: &Extension) -> i64 {
        let (topic, queue_id) = (queue.topic(), queue.queue_id());
        let put = self.queue(topic, queue_id).put(&self.shared, queue.last_unit(), extension);
        put.unwrap_or_else(|error| {
            tracing::warn!(%topic, queue_id, %error, "extension of a message not written, its tags are");
            None
        })
        .unwrap_or(extension.tags_code)
    }

    /// What stands beside a unit; `None` where that is nothing, or cannot be read.
    pub(crate) fn get(&self, disk: Disk, topic: &Arc<str>, queue_id: i32, unit: &Unit) -> Option<Extension> {
        let position = position_of(unit.tags_code).filter(|_| self.is_used)?;
        let queue = self.queue(topic, queue_id);
        match queue.get(&self.shared, disk, position) {
            Ok(extension) => extension,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock) => None,
            Err(error) => {
                tracing::warn!(%topic, queue_id, position, %error, "extension of a message cannot be read");
                None
            }
        }
    }

    /// Sets all bits beside a unit that may have come to the disk without them.
    pub(crate) fn distrust(&self, topic: &Arc<str>, queue_id: i32, unit: &Unit) -> io::Result<()> {
        let Some(position) = position_of(unit.tags_code) else { return Ok(()) };
        match self.queue(topic, queue_id).distrust(&self.shared, position) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.shared.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier fsync of an extension failed"));
        }
        let paths = std::mem::take(&mut *self.shared.unsynced.lock());
        for path in &paths {
            match self.shared.sync_file(path) {
                // Retention or a deletion of the topic was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.shared.sync_failed.store(true, Ordering::Release);
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Whether a queue has files here.
    pub(crate) fn has(&self, topic: &str, queue_id: i32) -> bool {
        self.is_used && self.shared.fs.exists(&self.shared.root.join(topic).join(queue_id.to_string()))
    }

    /// Removes the files that end before the extension of a queue's first unit.
    pub(crate) fn delete_files_below(&self, topic: &Arc<str>, queue_id: i32, first: &Unit) -> io::Result<()> {
        let Some(position) = position_of(first.tags_code) else { return Ok(()) };
        self.queue(topic, queue_id).delete_files_below(&self.shared, position)
    }

    /// Removes all files of a queue.
    pub(crate) fn delete_queue(&self, topic: &Arc<str>, queue_id: i32) -> io::Result<()> {
        if !self.has(topic, queue_id) {
            return Ok(());
        }
        let deleted = self.queue(topic, queue_id).delete(&self.shared);
        self.queues.remove(&(Arc::clone(topic), queue_id));
        deleted
    }

    /// Removes all files of a topic.
    pub(crate) fn delete_topic(&self, topic: &str) -> io::Result<()> {
        let dir = self.shared.root.join(topic);
        if !self.shared.fs.exists(&dir) {
            return Ok(());
        }
        for entry in self.shared.fs.read_dir(&dir)?.into_iter().filter(|entry| entry.is_dir) {
            if let Ok(queue_id) = entry.name.parse() {
                let queue = self.queue(&Arc::from(topic), queue_id);
                queue.delete(&self.shared)?;
            }
        }
        self.queues.retain(|(known, _), _| **known != *topic);
        match self.shared.fs.remove_dir(&dir) {
            // What does not belong to a queue is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            outcome => outcome,
        }
    }
}
