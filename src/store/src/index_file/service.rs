//! All index files of a store, RocketMQ's `IndexService`.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use message::hash::index_key_hash;
use parking_lot::{Mutex, RwLock};
use runtime::clock::Clock;

use super::{
    Layout,
    file::{FlushFault, IndexFile, Put, Wanted},
    layout::Header,
    list_index_files, name,
    request::IndexRequest,
};
use crate::fs::{FileSystem, OpenMode};

/// How index files are kept.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// The size of every file: `maxHashSlotNum` and `maxIndexNum`.
    pub layout: Layout,
    /// The most a query answers, RocketMQ's `maxMsgsNumBatch`.
    pub max_query_count: usize,
    /// How far local time is ahead of UTC: files are named by local time.
    pub utc_offset_millis: i64,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { layout: Layout::default(), max_query_count: 64, utc_offset_millis: 0 }
    }
}

/// What is to be done about the files found on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexRecovery {
    /// Nothing: they were closed in order.
    AfterCleanStop,
    /// This process's predecessor stopped in between: the newest file is repaired.
    AfterCrash,
    /// RocketMQ's own broker did, which writes in no particular order: files that end behind the checkpoint's
    /// index timestamp are removed, to be built again from the CommitLog.
    RemoveNewerThan {
        /// `indexMsgTimestamp` of the checkpoint, milliseconds.
        index_msg_timestamp: i64,
    },
}

/// What a query found, RocketMQ's `QueryOffsetResult`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexQueryResult {
    /// Records that probably have the key, newest first within a file: look at each.
    pub phy_offsets: Vec<i64>,
    /// Store timestamp of the last record in the index; 0 when the index is empty.
    pub index_last_update_timestamp: i64,
    /// Where the last record in the index begins; 0 when the index is empty.
    pub index_last_update_phy_offset: i64,
}

/// How far the index is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFlushed {
    /// Where the last durably indexed record begins.
    pub end_phy_offset: i64,
    /// Its store timestamp: what the checkpoint's `indexMsgTimestamp` may say.
    pub end_timestamp: i64,
}

/// Why an operation on the index did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file or directory could not be read, written or removed.
    #[error("index file {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file was written with another `maxHashSlotNum` or `maxIndexNum`.
    #[error(
        "index file {} has {len_bytes} bytes, maxHashSlotNum and maxIndexNum make {file_bytes}",
        path.display()
    )]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The length the configuration gives to all.
        file_bytes: u64,
    },
    /// A layout no index can have: no slots, or no room for an item.
    #[error("an index needs at least 1 slot and 2 items, and no more than 2147483647 of either")]
    Layout,
    /// An earlier fsync failed: nothing is called durable until the store is opened again.
    #[error("an earlier fsync of an index file failed")]
    Fenced,
}

impl IndexError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// All index files below one `index` directory. `put`, `flush` and `delete_below` take turns; queries run
/// beside them.
#[derive(Debug)]
pub struct IndexService {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    options: IndexOptions,
    clock: Arc<dyn Clock>,
    /// Oldest first.
    files: RwLock<Vec<Arc<IndexFile>>>,
    /// Held by whoever changes files.
    writer: Mutex<()>,
    flush_failed: AtomicBool,
}

impl IndexService {
    /// Opens the files below `dir`, which need not exist.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        dir: impl Into<PathBuf>,
        options: IndexOptions,
        clock: Arc<dyn Clock>,
        recovery: IndexRecovery,
    ) -> Result<Self, IndexError> {
        let limit = i32::MAX.unsigned_abs();
        let Layout { slot_count, item_count } = options.layout;
        if !(1..=limit).contains(&slot_count) || !(2..=limit).contains(&item_count) {
            return Err(IndexError::Layout);
        }
        let dir = dir.into();
        let service = Self {
            fs,
            dir,
            options,
            clock,
            files: RwLock::default(),
            writer: Mutex::default(),
            flush_failed: AtomicBool::new(false),
        };
        let mut files = Vec::new();
        for (number, len_bytes) in list_index_files(&*service.fs, &service.dir)? {
            let file = service.load(number, len_bytes)?;
            if let IndexRecovery::RemoveNewerThan { index_msg_timestamp } = recovery
                && file.header().end_timestamp > index_msg_timestamp
            {
                tracing::info!(path = %file.path.display(), "index file ahead of the checkpoint is built again");
                service.fs.remove_file(&file.path).map_err(IndexError::io(&file.path))?;
                continue;
            }
            if let Some(previous) = files.last() {
                let previous: &Arc<IndexFile> = previous;
                file.follow(&previous.header());
            }
            files.push(Arc::new(file));
        }
        if let (IndexRecovery::AfterCrash, Some(last)) = (recovery, files.last()) {
            last.repair().map_err(IndexError::io(&last.path))?;
        }
        *service.files.write() = files;
        Ok(service)
    }

    fn load(&self, number: u64, len_bytes: u64) -> Result<IndexFile, IndexError> {
        let path = self.dir.join(name::format(number));
        let file_bytes = self.options.layout.file_bytes();
        if len_bytes == 0 {
            // A crash came between its creation and its growth.
            let grown = self.fs.open(&path, OpenMode::ReadWrite).and_then(|file| file.set_len(file_bytes));
            grown.map_err(IndexError::io(&path))?;
        } else if len_bytes != file_bytes {
            return Err(IndexError::FileSize { path, len_bytes, file_bytes });
        }
        IndexFile::load(&self.fs, path.clone(), number, self.options.layout).map_err(IndexError::io(&path))
    }

    fn snapshot(&self) -> Vec<Arc<IndexFile>> {
        self.files.read().clone()
    }

    /// Where the last indexed record begins: where to go on with building. That record may be put again.
    pub fn end_phy_offset(&self) -> Option<i64> {
        let last = self.files.read().last()?.header();
        (last.has_item() || last.end_phy_offset > 0).then_some(last.end_phy_offset)
    }

    /// How many files there are.
    pub fn file_count(&self) -> usize {
        self.files.read().len()
    }

    /// Length of all files, RocketMQ's `getTotalSize`.
    pub fn total_bytes(&self) -> u64 {
        self.file_count() as u64 * self.options.layout.file_bytes()
    }

    /// Adds the keys of a record, RocketMQ's `buildIndex`. Records are put in the order of the CommitLog; what
    /// is before the end of the index is there already and is passed over.
    ///
    /// After an error some keys may have been added; put the record again.
    pub fn put(&self, request: &IndexRequest<'_>) -> Result<(), IndexError> {
        self.put_hashes(request.phy_offset, request.store_timestamp, request.key_hashes())
    }

    /// As [`Self::put`], with the hashes of the keys.
    pub(crate) fn put_hashes(
        &self,
        phy_offset: i64,
        store_timestamp: i64,
        hashes: impl Iterator<Item = i32>,
    ) -> Result<(), IndexError> {
        let _writer = self.writer.lock();
        let end_phy_offset = self.end_phy_offset();
        if end_phy_offset.is_some_and(|end| phy_offset < end) {
            return Ok(());
        }
        // Only a record that is put again can be where the index ends.
        let is_again = end_phy_offset == Some(phy_offset);
        for key_hash in hashes {
            if is_again && self.has(key_hash, phy_offset)? {
                continue;
            }
            self.put_key(key_hash, phy_offset, store_timestamp)?;
        }
        Ok(())
    }

    /// Whether a key of the last record is there: it may have filled one file and gone on in the next.
    fn has(&self, key_hash: i32, phy_offset: i64) -> Result<bool, IndexError> {
        for file in self.snapshot().iter().rev().take(2) {
            if file.contains(key_hash, phy_offset).map_err(IndexError::io(&file.path))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn put_key(&self, key_hash: i32, phy_offset: i64, store_timestamp: i64) -> Result<(), IndexError> {
        loop {
            let last = self.files.read().last().cloned();
            let file = match last {
                Some(file) if !file.is_full() => file,
                full => self.roll(full.as_deref())?,
            };
            let put = file.put(key_hash, phy_offset, store_timestamp);
            if put.map_err(IndexError::io(&file.path))? == Put::Stored {
                return Ok(());
            }
        }
    }

    /// Begins the next file, once the one before is durable.
    fn roll(&self, full: Option<&IndexFile>) -> Result<Arc<IndexFile>, IndexError> {
        if let Some(full) = full {
            self.flush_file(full)?;
        }
        let local_millis = self.clock.now_millis().saturating_add(self.options.utc_offset_millis);
        let number = name::next(local_millis, full.map(|file| file.number));
        let path = self.dir.join(name::format(number));
        self.fs.create_dir_all(&self.dir).map_err(IndexError::io(&self.dir))?;
        let previous: Option<Header> = full.map(IndexFile::header);
        let file = IndexFile::create(&self.fs, path.clone(), number, self.options.layout, previous.as_ref())
            .map_err(IndexError::io(&path))?;
        self.fs.sync_dir(&self.dir).map_err(IndexError::io(&self.dir))?;
        let file = Arc::new(file);
        self.files.write().push(Arc::clone(&file));
        Ok(file)
    }

    fn flush_file(&self, file: &IndexFile) -> Result<(), IndexError> {
        if self.flush_failed.load(Ordering::Acquire) {
            return Err(IndexError::Fenced);
        }
        file.flush().map_err(|fault| {
            let source = match fault {
                FlushFault::Write(error) => error,
                FlushFault::Sync(error) => {
                    self.flush_failed.store(true, Ordering::Release);
                    error
                }
            };
            IndexError::Io { path: file.path.clone(), source }
        })
    }

    /// Makes all that was put durable. `None` while the index is empty.
    pub fn flush(&self) -> Result<Option<IndexFlushed>, IndexError> {
        let _writer = self.writer.lock();
        // Files before the last were flushed when it was begun.
        let Some(last) = self.files.read().last().cloned() else { return Ok(None) };
        self.flush_file(&last)?;
        let header = last.header();
        let is_empty = !header.has_item() && header.end_phy_offset == 0;
        Ok((!is_empty).then_some(IndexFlushed {
            end_phy_offset: header.end_phy_offset,
            end_timestamp: header.end_timestamp,
        }))
    }

    /// Finds records with a key that were stored between `begin` and `end`, both in milliseconds and
    /// included; RocketMQ's `queryOffset`. Times are known to the second.
    pub fn query(
        &self,
        topic: &str,
        key: &str,
        max_count: usize,
        begin: i64,
        end: i64,
    ) -> Result<IndexQueryResult, IndexError> {
        let max_count = max_count.min(self.options.max_query_count);
        let wanted = Wanted { key_hash: index_key_hash(topic, key), begin, end };
        let mut result = IndexQueryResult::default();
        let files = self.snapshot();
        if let Some(last) = files.last() {
            let header = last.header();
            result.index_last_update_timestamp = header.end_timestamp;
            result.index_last_update_phy_offset = header.end_phy_offset;
        }
        for file in files.iter().rev() {
            let header = file.header();
            if header.overlaps(begin, end) {
                match file.find(&wanted, max_count, &mut result.phy_offsets) {
                    // Retention removed it meanwhile, and with it the records.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    outcome => outcome.map_err(IndexError::io(&file.path))?,
                }
            }
            if header.begin_timestamp < begin || result.phy_offsets.len() >= max_count {
                break;
            }
        }
        Ok(result)
    }

    /// Removes files that hold only records before `min_phy_offset`, never the last file; RocketMQ's
    /// `deleteExpiredFile`. Answers how many.
    pub fn delete_below(&self, min_phy_offset: i64) -> Result<usize, IndexError> {
        let _writer = self.writer.lock();
        let mut removed_count = 0;
        loop {
            let oldest = match self.files.read().as_slice() {
                [oldest, _, ..] if oldest.header().end_phy_offset < min_phy_offset => Arc::clone(oldest),
                _ => return Ok(removed_count),
            };
            self.fs.remove_file(&oldest.path).map_err(IndexError::io(&oldest.path))?;
            self.files.write().remove(0);
            removed_count += 1;
        }
    }
}
