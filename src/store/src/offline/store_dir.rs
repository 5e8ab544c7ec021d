//! A store directory, and what has to be known to read its files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use common::names::is_lmq;

use super::{
    OfflineError,
    findings::{Finding, FindingKind, Findings, Severity},
    read_only::ReadOnly,
};
use crate::{
    checkpoint::{Checkpoint, CheckpointFile},
    consume_queue::{QueueDir, QueueKind, find_queues},
    consume_queue_ext,
    error::OpenError,
    fs::FileSystem,
    index_file::Layout,
    lock::ReadingLock,
    mapped_file_queue::{file_name, parse_file_name},
    options::{StoreOptions, Switch},
    recovery::{files::LogFile, scan::LogScan},
};

/// Who says how long files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizesFrom {
    /// The options.
    Options,
    /// The files that are there; the options where there are none.
    Files,
}

/// A store directory that is not open.
#[derive(Clone, Debug)]
pub struct StoreDir {
    pub(super) writable: Arc<dyn FileSystem>,
    /// Refuses every change.
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) options: StoreOptions,
}

impl StoreDir {
    /// Looks at the directory `options.root_dir`, which must hold a CommitLog.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        options: StoreOptions,
        sizes: SizesFrom,
    ) -> Result<Self, OfflineError> {
        let commit_log = options.commit_log_path();
        if !fs.exists(&commit_log) {
            return Err(OfflineError::NotAStore { root: options.root_dir, missing: commit_log });
        }
        let read_only: Arc<dyn FileSystem> = Arc::new(ReadOnly(Arc::clone(&fs)));
        let mut dir = Self { writable: fs, fs: read_only, options };
        if sizes == SizesFrom::Files {
            dir.take_sizes()?;
        }
        Ok(dir)
    }

    /// Whether nobody has the store open at this moment.
    ///
    /// # Errors
    /// [`OpenError::InUse`] with who has it, or why that cannot be told.
    pub fn check_free(&self) -> Result<(), OpenError> {
        ReadingLock::acquire(&*self.writable, self.root()).map(drop)
    }

    /// The store root.
    pub fn root(&self) -> &Path {
        &self.options.root_dir
    }

    /// How the store is read.
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    /// Its checkpoint; `None` when there is none.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, OfflineError> {
        let path = self.root().join("checkpoint");
        if !self.fs.exists(&path) {
            return Ok(None);
        }
        let opened = CheckpointFile::open(&*self.fs, self.root());
        Ok(Some(opened.map_err(OfflineError::io(path))?.1))
    }

    pub(super) fn queues_path(&self, kind: QueueKind) -> PathBuf {
        self.options.queues_path(kind)
    }

    /// The queues on disk: topics with their queue ids.
    pub(super) fn topics(&self, kind: QueueKind) -> Result<Vec<(String, Vec<i32>)>, OfflineError> {
        Ok(find_queues(&*self.fs, &self.queues_path(kind))?)
    }

    /// Whether the store has light queues: a broker may have been told to fill them, and there are some.
    pub(super) fn light_queues(&self) -> Result<Switch, OfflineError> {
        let has_some = self.topics(QueueKind::Simple)?.iter().any(|(topic, _)| is_lmq(topic));
        Ok((has_some || self.options.light_queues.is_on()).into())
    }

    pub(super) fn index_path(&self) -> PathBuf {
        self.root().join("index")
    }

    pub(super) fn queue(&self, kind: QueueKind, topic: &str, queue_id: i32) -> QueueDir<'_> {
        let (_, size) = self.options.queue_file_size_bytes(kind);
        QueueDir::new(&*self.fs, (kind, &self.queues_path(kind)), (topic, queue_id), size)
    }

    pub(super) fn index_layout(&self) -> Layout {
        Layout { slot_count: self.options.max_hash_slot_count, item_count: self.options.max_index_count }
    }

    fn take_sizes(&mut self) -> Result<(), OfflineError> {
        let dir = self.options.commit_log_path();
        let entries = self.fs.read_dir(&dir).map_err(OfflineError::io(&dir))?;
        let first = entries.iter().filter(|entry| parse_file_name(&entry.name).is_some() && entry.len > 0);
        if let Some(first) = first.min_by(|left, right| left.name.cmp(&right.name)) {
            self.options.commit_log_file_size_bytes = first.len;
        }
        if let Some(len_bytes) = self.first_queue_file_len(QueueKind::Simple)? {
            self.options.consume_queue_file_size_bytes = len_bytes;
        }
        if let Some(len_bytes) = self.first_queue_file_len(QueueKind::Batch)? {
            self.options.batch_consume_queue_file_size_bytes = len_bytes;
        }
        if let Some(len_bytes) = self.first_extension_file_len()? {
            self.options.consume_queue_ext_file_size_bytes = len_bytes;
        }
        Ok(())
    }

    fn first_extension_file_len(&self) -> Result<Option<u64>, OfflineError> {
        let root = self.extensions_path();
        for (topic, queue_ids) in find_queues(&*self.fs, &root)? {
            for queue_id in queue_ids {
                let path = root.join(&topic).join(queue_id.to_string());
                let entries = self.fs.read_dir(&path).map_err(OfflineError::io(&path))?;
                let longest = entries.iter().filter(|entry| !entry.is_dir).map(|entry| entry.len).max();
                if let Some(len_bytes) = longest.filter(|len| *len > 0) {
                    return Ok(Some(len_bytes));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn extensions_path(&self) -> PathBuf {
        self.root().join(consume_queue_ext::DIR_NAME)
    }

    fn first_queue_file_len(&self, kind: QueueKind) -> Result<Option<u64>, OfflineError> {
        for (topic, queue_ids) in self.topics(kind)? {
            for queue_id in queue_ids {
                // The last one may be short after a crash.
                let files = self.queue(kind, &topic, queue_id).files()?;
                if let Some(len_bytes) = files.iter().map(|file| file.len_bytes).max().filter(|len| *len > 0)
                {
                    return Ok(Some(len_bytes));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn log(&self) -> Result<LogRow, OfflineError> {
        LogRow::list(self)
    }
}

/// The files of the CommitLog that can be read, oldest first.
#[derive(Debug)]
pub(super) struct LogRow {
    pub(super) files: Vec<LogFile>,
    pub(super) file_size: usize,
    /// What is wrong with the row.
    pub(super) findings: Findings,
}

impl LogRow {
    fn list(dir: &StoreDir) -> Result<Self, OfflineError> {
        let path = dir.options.commit_log_path();
        let size = dir.options.commit_log_file_size_bytes;
        let mut entries = dir.fs.read_dir(&path).map_err(OfflineError::io(&path))?;
        entries.retain(|entry| !entry.is_dir && parse_file_name(&entry.name).is_some());
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        let mut row = Self {
            files: Vec::new(),
            file_size: usize::try_from(size).unwrap_or(usize::MAX),
            findings: Findings::default(),
        };
        let last_name = entries.last().map(|last| last.name.clone());
        for entry in entries {
            let file = path.join(&entry.name);
            let Some(base_phy_offset) = parse_file_name(&entry.name) else { continue };
            if entry.len != size {
                let is_new = entry.len == 0 && last_name.as_ref() == Some(&entry.name);
                let severity = if is_new { Severity::Pending } else { Severity::Damage };
                let reason = format!("has {} bytes, the other files {size}: not read", entry.len);
                row.findings.push(Finding::new(severity, FindingKind::LogFile, file, reason));
                continue;
            }
            let expected =
                row.files.last().map_or(base_phy_offset, |last| last.base_phy_offset + size as i64);
            if base_phy_offset != expected {
                let reason = format!("is missing before {}", entry.name);
                let missing = path.join(file_name(expected));
                row.findings.push(Finding::new(Severity::Damage, FindingKind::LogFile, missing, reason));
            }
            row.files.push(LogFile { path: file, base_phy_offset });
        }
        Ok(row)
    }

    pub(super) fn min_phy_offset(&self) -> i64 {
        self.files.first().map_or(0, |file| file.base_phy_offset)
    }

    /// Where the last file ends.
    pub(super) fn max_phy_offset(&self) -> i64 {
        self.files.last().map_or(0, |file| file.base_phy_offset + self.file_size as i64)
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.files.len() as u64 * self.file_size as u64
    }

    /// The file a physical offset is in.
    pub(super) fn find(&self, phy_offset: i64) -> Option<&LogFile> {
        let index = self.files.partition_point(|file| file.base_phy_offset <= phy_offset).checked_sub(1)?;
        let file = self.files.get(index)?;
        (phy_offset < file.base_phy_offset + self.file_size as i64).then_some(file)
    }

    pub(super) fn scan<'a>(&'a self, fs: &'a Arc<dyn FileSystem>) -> LogScan<'a> {
        LogScan {
            fs,
            files: &self.files,
            file_size: self.file_size,
            check_crc: Switch::On,
            require_record_crc: Switch::Off,
        }
    }
}
