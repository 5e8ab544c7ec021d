//! Finding queues on disk and where their units end. Only directories are listed when a table is opened; a
//! queue's files are looked at when somebody asks for the queue.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{ConsumeQueue, QueueKind, Unit, files::Shared, queue::State};
use crate::fs::{DirEntry, FileSystem};

/// Digits of a file name.
const NAME_DIGITS: usize = 20;

/// Why queues on disk could not be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file was written with another `mappedFileSizeConsumeQueue` or `mapperFileSizeBatchConsumeQueue`.
    #[error("{} has {len_bytes} bytes at position {start_bytes}, {key} says {file_bytes}", path.display())]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The position of its first byte in the queue, from its name.
        start_bytes: u64,
        /// The configured length of every file.
        file_bytes: u64,
        /// Where it is configured.
        key: &'static str,
    },
    /// Queues of both kinds: their messages cannot all be served.
    #[error("topic {0:?} has queues of both kinds")]
    TwoKinds(String),
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// The entries of a directory; none when there is no such directory.
pub(super) fn list_dir(fs: &dyn FileSystem, path: &Path) -> Result<Vec<DirEntry>, OpenError> {
    match fs.read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(OpenError::io(path)),
    }
}

/// Finds the queues below the directory of a kind: topics with their queue ids in ascending order.
pub(crate) fn find_queues(fs: &dyn FileSystem, root: &Path) -> Result<Vec<(String, Vec<i32>)>, OpenError> {
    let mut topics = Vec::new();
    for topic in list_dir(fs, root)?.into_iter().filter(|entry| entry.is_dir) {
        let mut queue_ids: Vec<i32> = list_dir(fs, &root.join(&topic.name))?
            .into_iter()
            .filter(|entry| entry.is_dir)
            .filter_map(|entry| entry.name.parse().ok())
            .collect();
        queue_ids.sort_unstable();
        topics.push((topic.name, queue_ids));
    }
    Ok(topics)
}

/// A file of a queue, as its directory lists it.
pub(super) struct Found {
    pub(super) start_bytes: u64,
    pub(super) len_bytes: u64,
}

/// The files of a queue in their order.
pub(super) fn list_files(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<Found>, OpenError> {
    let mut files: Vec<Found> = list_dir(fs, dir)?
        .into_iter()
        .filter(|entry| !entry.is_dir && entry.name.len() == NAME_DIGITS)
        .filter_map(|entry| Some(Found { start_bytes: entry.name.parse().ok()?, len_bytes: entry.len }))
        .collect();
    files.sort_unstable_by_key(|file| file.start_bytes);
    Ok(files)
}

impl ConsumeQueue {
    /// A queue that has nothing on disk.
    pub(super) fn empty(shared: &Arc<Shared>, kind: QueueKind, topic: &Arc<str>, queue_id: i32) -> Self {
        Self {
            shared: Arc::clone(shared),
            kind,
            topic: Arc::clone(topic),
            queue_id,
            number: shared.next_number.fetch_add(1, Ordering::Relaxed),
            min: AtomicI64::new(0),
            max: AtomicI64::new(0),
            io: Mutex::new(()),
            state: Mutex::new(State::empty(kind)),
        }
    }

    /// Looks at the files of a queue, RocketMQ's `load` and `recover`.
    pub(super) fn load(
        shared: &Arc<Shared>,
        kind: QueueKind,
        topic: &Arc<str>,
        queue_id: i32,
    ) -> Result<Self, OpenError> {
        let queue = Self::empty(shared, kind, topic, queue_id);
        let layout = queue.layout();
        let files = queue.find_files()?;
        let (Some(first), Some(last)) = (files.first(), files.last()) else { return Ok(queue) };
        let bases = (queue.base_at(first.start_bytes), queue.base_at(last.start_bytes));
        if files.len() as i64 != (bases.1 - bases.0) / layout.units_per_file + 1 {
            tracing::warn!(
                topic = &**topic,
                queue_id,
                "consume queue lacks files between its first and its last"
            );
        }
        for short in files.iter().filter(|file| file.len_bytes < layout.file_bytes()) {
            let base = queue.base_at(short.start_bytes);
            let grown = queue.open_file(base).and_then(|file| file.set_len(layout.file_bytes()));
            grown.map_err(OpenError::io(&queue.file_path(base)))?;
        }
        queue.find_bounds(bases).map_err(OpenError::io(&queue.file_path(bases.1)))?;
        Ok(queue)
    }

    fn base_at(&self, start_bytes: u64) -> i64 {
        let base = start_bytes / self.layout().unit_bytes() as u64;
        self.layout().base_of(i64::try_from(base).unwrap_or(i64::MAX))
    }

    fn find_files(&self) -> Result<Vec<Found>, OpenError> {
        let (dir, file_bytes) = (self.dir(), self.layout().file_bytes());
        let files = list_files(&*self.shared.fs, &dir)?;
        for file in &files {
            // A file may be short: a crash came between its creation, or its cutting, and its growth.
            let fits = file.len_bytes <= file_bytes;
            let is_in_reach = file.start_bytes <= i64::MAX as u64 - file_bytes;
            if !fits || !is_in_reach || !file.start_bytes.is_multiple_of(file_bytes) {
                return Err(OpenError::FileSize {
                    path: dir.join(format!("{:020}", file.start_bytes)),
                    len_bytes: file.len_bytes,
                    start_bytes: file.start_bytes,
                    file_bytes,
                    key: self.kind.file_size_key(),
                });
            }
        }
        Ok(files)
    }

    /// Finds where the units end and which of them have expired.
    fn find_bounds(&self, (first, last): (i64, i64)) -> io::Result<()> {
        let file = self.open_file(last)?;
        let count = self.good_prefix(&*file, last, Unit::is_written)?;
        {
            let mut state = self.state.lock();
            state.files = Some((first, last));
            state.written = last + count;
            self.min.store(first, Ordering::Release);
            self.max.store(last + count, Ordering::Release);
        }
        let last_message = self.find_last_message()?;
        self.state.lock().last = last_message;
        self.note_last_batch()?;
        self.correct_min(self.shared.min_phy_offset.load(Ordering::Acquire))
    }
}
