//! Writing tails to files, and making files durable.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak, atomic::Ordering},
};

use parking_lot::MutexGuard;

use super::{ConsumeQueue, ConsumeQueueTable, QueueKind, files::Shared, queue::State};

/// At most this much of a tail is copied and written at a time.
const RUN_BYTES: usize = 1024 * 1024;

/// What a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Queues whose tail was written.
    pub queue_count: usize,
    /// Units written.
    pub unit_count: u64,
    /// Files made durable.
    pub synced_file_count: usize,
}

/// Why a flush did not finish. What was not written stays in memory and is tried again next time.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// A tail could not be written; others were.
    #[error("consume queue {topic}/{queue_id} cannot be written: {source}")]
    Write {
        /// The topic.
        topic: Arc<str>,
        /// The queue id.
        queue_id: i32,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file could not be made durable.
    #[error("consume queue {topic}/{queue_id} cannot be made durable: {source}")]
    Sync {
        /// The topic.
        topic: Arc<str>,
        /// The queue id.
        queue_id: i32,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory could not be made durable.
    #[error("directory {} cannot be made durable: {source}", dir.display())]
    SyncDir {
        /// The directory.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier fsync failed. What it covered may be lost although a later one would succeed, so nothing
    /// is called durable until the store is opened again and dispatches again.
    #[error("an earlier fsync of a consume queue failed")]
    Fenced,
}

impl ConsumeQueue {
    /// Writes the tail to the files; answers how many units. `_io` is the guard of this queue's `io`.
    pub(super) fn write_tail(self: &Arc<Self>, _io: &MutexGuard<'_, ()>) -> io::Result<u64> {
        let unit_bytes = self.layout().unit_bytes();
        let mut unit_count = 0;
        loop {
            let (start, run, is_new) = {
                let state = self.state.lock();
                if state.tail.is_empty() || state.is_deleted {
                    return Ok(unit_count);
                }
                let room = (self.file_end(state.written) - state.written) as usize * unit_bytes;
                let run_bytes = state.tail.len().min(room).min(RUN_BYTES - RUN_BYTES % unit_bytes);
                let is_new = state.files.is_none_or(|(_, last)| last < self.layout().base_of(state.written));
                (state.written, state.tail.get(..run_bytes).unwrap_or_default().to_vec(), is_new)
            };
            let base = self.layout().base_of(start);
            let file = if is_new { self.create_file(base)? } else { self.open_file(base)? };
            file.write_all_at(&run, self.position_in_file(start))?;

            let count = run.len() / unit_bytes;
            let mut state = self.state.lock();
            state.written += count as i64;
            if state.tail.len() == run.len() {
                // An idle queue keeps no buffer.
                state.tail = Vec::new();
            } else {
                state.tail.drain(..run.len());
            }
            let (first, last) = state.files.unwrap_or((base, i64::MIN));
            if base > last {
                state.files = Some((first, base));
                state.has_new_file = true;
            }
            self.note_unsynced(&mut state, base);
            unit_count += count as u64;
        }
    }

    /// Notes that the file beginning at `base` was written.
    pub(super) fn note_unsynced(self: &Arc<Self>, state: &mut State, base: i64) {
        let from = state.unsynced_from;
        state.unsynced_from = Some(from.map_or(base, |from| from.min(base)));
        if from.is_none() {
            self.shared.unsynced.lock().push(Arc::downgrade(self));
        }
    }

    /// What was written since the queue was last made durable, which it is to be now.
    fn take_unsynced(&self) -> Option<Unsynced> {
        let mut state = self.state.lock();
        let from = state.unsynced_from.take()?;
        let (first, last) = state.files?;
        let has_new_file = std::mem::take(&mut state.has_new_file);
        Some(Unsynced { from: from.max(first), last, has_new_file })
    }

    /// Makes files durable, one by one; directories with new entries go to `dirs`.
    fn sync_files(&self, unsynced: &Unsynced, dirs: &mut BTreeSet<PathBuf>) -> Result<(), SyncFault> {
        if unsynced.has_new_file {
            let root = &self.layout().root;
            dirs.extend([self.dir(), self.layout().topic_dir(&self.topic), root.clone()]);
            if self.kind == QueueKind::Batch {
                // Unlike that of simple queues, this directory comes with the first queue in it.
                dirs.extend(root.parent().map(Path::to_path_buf));
            }
        }
        let mut base = unsynced.from;
        while base <= unsynced.last {
            match self.open_file(base) {
                Ok(file) => file.sync_data().map_err(SyncFault::Lost)?,
                // Retention or a deletion of the topic was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SyncFault::NotTried { from: base, error }),
            }
            base += self.layout().units_per_file;
        }
        Ok(())
    }
}

/// Files of a queue that are not durable.
struct Unsynced {
    /// Base of the first of them.
    from: i64,
    /// Base of the last of them.
    last: i64,
    /// Whether directories have new entries.
    has_new_file: bool,
}

impl Unsynced {
    fn file_count(&self, queue: &ConsumeQueue) -> usize {
        ((self.last - self.from) / queue.layout().units_per_file + 1).max(0) as usize
    }
}

/// Why a queue was not made durable.
enum SyncFault {
    /// The file beginning at `from` could not even be opened: the next flush may try again.
    NotTried { from: i64, error: io::Error },
    /// An fsync failed: what it covered may be gone from the page cache.
    Lost(io::Error),
}

impl ConsumeQueueTable {
    /// Writes all tails to their files, where they survive the end of the process.
    ///
    /// Every unit appended before the call is in a file when it answers `Ok`.
    pub fn write_tails(&self) -> Result<FlushReport, FlushError> {
        let _writing = self.shared.writing.lock();
        let listed = std::mem::take(&mut *self.shared.dirty.lock());
        let mut report = FlushReport::default();
        let mut failed = None;
        for queue in listed.iter().filter_map(Weak::upgrade) {
            let io = queue.io.lock();
            queue.state.lock().is_listed_dirty = false;
            match queue.write_tail(&io) {
                Ok(0) => {}
                Ok(unit_count) => {
                    report.queue_count += 1;
                    report.unit_count += unit_count;
                }
                Err(source) => {
                    relist(&queue);
                    let (topic, queue_id) = (Arc::clone(&queue.topic), queue.queue_id);
                    failed.get_or_insert(FlushError::Write { topic, queue_id, source });
                }
            }
        }
        failed.map_or(Ok(report), Err)
    }

    /// Writes all tails and makes everything written durable, RocketMQ's `flush(0)` of all queues.
    ///
    /// Every unit appended before the call survives a power cut when it answers `Ok`. May run beside
    /// [`Self::write_tails`]: many files take long to be made durable.
    pub fn flush(&self) -> Result<FlushReport, FlushError> {
        if self.shared.sync_failed.load(Ordering::Acquire) {
            return Err(FlushError::Fenced);
        }
        let mut report = self.write_tails()?;
        report.synced_file_count = sync_all(&self.shared)?;
        Ok(report)
    }

    /// How many queues have units that are not in a file yet.
    pub fn dirty_queue_count(&self) -> usize {
        self.shared.dirty.lock().len()
    }

    /// Memory of the units that are not in a file yet.
    pub fn tail_bytes(&self) -> usize {
        let _writing = self.shared.writing.lock();
        // Whoever appends waits for this list.
        let listed = std::mem::take(&mut *self.shared.dirty.lock());
        let tails = listed.iter().filter_map(Weak::upgrade).map(|queue| queue.state.lock().tail.capacity());
        let bytes = tails.sum();
        let mut dirty = self.shared.dirty.lock();
        let since = std::mem::replace(&mut *dirty, listed);
        dirty.extend(since);
        bytes
    }
}

/// Puts a queue whose tail could not be written back into the list of dirty ones.
fn relist(queue: &Arc<ConsumeQueue>) {
    let was_listed = std::mem::replace(&mut queue.state.lock().is_listed_dirty, true);
    if !was_listed {
        queue.shared.dirty.lock().push(Arc::downgrade(queue));
    }
}

/// Makes all files written since the last time durable; answers how many.
pub(super) fn sync_all(shared: &Shared) -> Result<usize, FlushError> {
    let _syncing = shared.syncing.lock();
    if shared.sync_failed.load(Ordering::Acquire) {
        return Err(FlushError::Fenced);
    }
    let listed = std::mem::take(&mut *shared.unsynced.lock());
    let listed = listed.iter().filter_map(Weak::upgrade);
    let unsynced: Vec<_> =
        listed.filter_map(|queue| queue.take_unsynced().map(|unsynced| (queue, unsynced))).collect();
    let file_count = unsynced.iter().map(|(queue, unsynced)| unsynced.file_count(queue)).sum();
    if file_count <= shared.cache.limit() || !sync_mounts(shared, &unsynced) {
        sync_one_by_one(shared, &unsynced)?;
    }
    Ok(file_count)
}

/// Makes everything on the mounts of the queues durable: with more files than are kept open that takes a small part of
/// what they take one by one. Answers whether it was done; if not, each file is asked for its own error.
fn sync_mounts(shared: &Shared, unsynced: &[(Arc<ConsumeQueue>, Unsynced)]) -> bool {
    let roots: BTreeSet<_> = unsynced.iter().map(|(queue, _)| &queue.layout().root).collect();
    roots.into_iter().all(|root| match shared.fs.sync_mount(root) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, dir = %root.display(), "queues are made durable one by one");
            false
        }
    })
}

fn sync_one_by_one(shared: &Shared, unsynced: &[(Arc<ConsumeQueue>, Unsynced)]) -> Result<(), FlushError> {
    let mut dirs = BTreeSet::new();
    let mut failed = None;
    for (queue, unsynced) in unsynced {
        let source = match queue.sync_files(unsynced, &mut dirs) {
            Ok(()) => continue,
            Err(SyncFault::NotTried { from, error }) => {
                queue.note_unsynced(&mut queue.state.lock(), from);
                error
            }
            Err(SyncFault::Lost(error)) => {
                shared.sync_failed.store(true, Ordering::Release);
                error
            }
        };
        let (topic, queue_id) = (Arc::clone(&queue.topic), queue.queue_id);
        failed.get_or_insert(FlushError::Sync { topic, queue_id, source });
    }
    for dir in dirs {
        match shared.fs.sync_dir(&dir) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                shared.sync_failed.store(true, Ordering::Release);
                failed.get_or_insert(FlushError::SyncDir { dir, source });
            }
            _ => {}
        }
    }
    failed.map_or(Ok(()), Err)
}
