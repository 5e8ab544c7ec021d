//! What happens between locking the directory and taking messages: finding the end of the CommitLog and
//! bringing the `ConsumeQueue`s up to it.
//!
//! 1. List the files; their names must follow one another and their sizes be the configured one.
//! 2. Choose where to begin: the checkpoint's own position; else RocketMQ's rules, by the queues after a clean
//!    stop and by the checkpoint's timestamps otherwise.
//! 3. Scan from there, checking every record and dispatching it again. Batch queues are cut to there before.
//! 4. Where no record begins: look for intact records behind it. There are some: the log is *damaged* there,
//!    which is reported and skipped. There are none: the log *ends* there, and what follows is cut durably.
//!
//! Invariant: nothing that reads as an intact record is ever removed.

pub(crate) mod begin;
mod dispatching;
pub(crate) mod files;
mod progress;
pub(crate) mod scan;

use std::{path::PathBuf, sync::Arc};

use runtime::clock::Clock;

use crate::{
    checkpoint::Checkpoint,
    consume_queue::ConsumeQueueTable,
    consume_queue_ext::ConsumeQueueExt,
    dispatch::DelayLevels,
    error::OpenError,
    fs::{FileSystem, OpenMode},
    lock::LastExit,
    mapped_file::MappedFile,
    mapped_file_queue::MappedFileQueue,
    options::Switch,
};

use begin::{Begin, Log, Rule};
use dispatching::Dispatching;
use files::{LogFile, find_files};
use progress::Progress;
use scan::LogScan;

/// Bytes of the CommitLog that are not records though records follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Physical offset of the first such byte.
    pub from_phy_offset: i64,
    /// Physical offset of the next intact record.
    pub until_phy_offset: i64,
}

/// What recovery works with.
pub(crate) struct Recovery<'a> {
    pub(crate) fs: &'a Arc<dyn FileSystem>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) dir: PathBuf,
    pub(crate) file_size: usize,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) last_exit: LastExit,
    pub(crate) index_must_be_complete: Switch,
    pub(crate) check_crc: Switch,
    pub(crate) require_record_crc: Switch,
    pub(crate) queues: &'a ConsumeQueueTable,
    pub(crate) extensions: &'a ConsumeQueueExt,
    pub(crate) levels: &'a DelayLevels,
    /// Whether records are in light queues, too.
    pub(crate) light: Switch,
}

/// What recovery found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) files: MappedFileQueue,
    /// Store timestamp of the last record.
    pub(crate) last_store_timestamp: i64,
    pub(crate) damage: Vec<Damage>,
}

impl Recovery<'_> {
    /// Recovers the log and its queues.
    pub(crate) fn run(&self) -> Result<Recovered, OpenError> {
        self.fs.create_dir_all(&self.dir).map_err(OpenError::io(&self.dir))?;
        let files = find_files(&**self.fs, &self.dir, self.file_size)?;
        let Some(first) = files.first() else { return self.empty_log() };
        let begin = self.begin(&files)?;
        tracing::info!(
            files = files.len(),
            min_phy_offset = first.base_phy_offset,
            begin_phy_offset = begin.phy_offset,
            rule = begin.rule,
            "recovering commit log"
        );
        let scan = LogScan {
            fs: self.fs,
            files: &files,
            file_size: self.file_size,
            check_crc: self.check_crc,
            require_record_crc: self.require_record_crc,
        };
        self.queues.truncate_batches_after(begin.phy_offset)?;
        let until =
            files.last().map_or(begin.phy_offset, |last| last.base_phy_offset + self.file_size as i64);
        let mut dispatching = Dispatching {
            queues: self.queues,
            extensions: self.extensions,
            levels: self.levels,
            light: self.light,
            progress: Progress::new(self.clock, begin.phy_offset..until),
            damage: Vec::new(),
        };
        let found = scan.run(begin.phy_offset, &mut dispatching)?;
        self.cut(&files, found.end)?;
        self.sync(&files, begin.phy_offset)?;
        // A clean stop at the very end leaves nothing in the queues that the log does not have.
        let is_as_left =
            self.last_exit == LastExit::Clean && begin.rule == Rule::OWN && begin.phy_offset == found.end;
        if !is_as_left {
            self.queues.truncate_after(found.end)?;
        }
        self.queues.correct_min(first.base_phy_offset)?;
        let last_store_timestamp = match found.last_store_timestamp {
            Some(timestamp) => timestamp,
            None => self.checkpoint.physic_msg_timestamp,
        };
        tracing::info!(end_phy_offset = found.end, records = found.record_count, "recovered commit log");
        Ok(Recovered {
            files: self.open_files(files, found.end)?,
            last_store_timestamp,
            damage: dispatching.damage,
        })
    }

    fn empty_log(&self) -> Result<Recovered, OpenError> {
        // Without a log the queues point to nothing, and what comes next begins at offset 0 again.
        self.queues.truncate_after(0)?;
        let files = MappedFileQueue::new(Arc::clone(self.fs), self.dir.clone(), self.file_size, Vec::new());
        Ok(Recovered { files, last_store_timestamp: 0, damage: Vec::new() })
    }

    /// Where scanning begins.
    fn begin(&self, files: &[LogFile]) -> Result<Begin, OpenError> {
        let log = Log { fs: &**self.fs, files, file_size: self.file_size };
        if self.last_exit == LastExit::Clean {
            begin::after_clean_stop(&log, self.checkpoint, self.queues)
        } else {
            begin::after_crash(&log, self.checkpoint, self.index_must_be_complete)
        }
    }

    /// Makes sure that nothing behind the end is ever read as part of the log.
    fn cut(&self, files: &[LogFile], end: i64) -> Result<(), OpenError> {
        for file in files.iter().rev() {
            if file.base_phy_offset + self.file_size as i64 <= end {
                break;
            }
            let keep = u64::try_from(end - file.base_phy_offset).unwrap_or(0);
            file.cut(&**self.fs, keep, self.file_size as u64).map_err(OpenError::io(&file.path))?;
        }
        Ok(())
    }

    /// What was found is what everybody goes on from: a power cut must not take it back. Below `begin` it is
    /// known to be on disk.
    fn sync(&self, files: &[LogFile], begin: i64) -> Result<(), OpenError> {
        for file in files.iter().filter(|file| file.base_phy_offset + self.file_size as i64 > begin) {
            let synced = self.fs.open(&file.path, OpenMode::ReadWrite).and_then(|file| file.sync_data());
            synced.map_err(OpenError::io(&file.path))?;
        }
        Ok(())
    }

    fn open_files(&self, found: Vec<LogFile>, end: i64) -> Result<MappedFileQueue, OpenError> {
        let size = self.file_size;
        let mut files = Vec::with_capacity(found.len());
        for file in found {
            let published = usize::try_from(end - file.base_phy_offset).unwrap_or(0).min(size);
            if file.base_phy_offset > end || (published == 0 && file.base_phy_offset != end) {
                self.fs.remove_file(&file.path).map_err(OpenError::io(&file.path))?;
                continue;
            }
            let fs = Arc::clone(self.fs);
            let mapped = if published < size {
                MappedFile::open_for_append(fs, &file.path, file.base_phy_offset, size, published)
                    .map_err(OpenError::io(&file.path))?
            } else {
                MappedFile::history(fs, &file.path, file.base_phy_offset, size, published)
            };
            files.push(Arc::new(mapped));
        }
        Ok(MappedFileQueue::new(Arc::clone(self.fs), self.dir.clone(), size, files))
    }
}
