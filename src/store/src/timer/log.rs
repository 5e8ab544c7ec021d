//! The `timerlog` directory: a block for every message that was put into the timer, RocketMQ's `TimerLog`.
//!
//! Files have one size and are named by the position of their first byte. Blocks do not cross their ends: what is left
//! there is marked as blank. Blocks of one slot form a chain from the last to the first.
//!
//! Invariants: below `end` every place holds what was written as a whole; what lies behind it reads as nothing. However
//! many files there are, a bounded number is open.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::block::{BLANK_BYTES, BLOCK_BYTES, Block, Entry, end_of_file};
use crate::{
    error::OpenError,
    file_cache::FileCache,
    fs::{FileSystem, OpenMode, StoreFile},
    mapped_file_queue::{file_name, parse_file_name},
};

/// Blocks read at a time in a row.
const BLOCKS_PER_READ: usize = 1_024;
/// Files that are open at a time: chains reach back, mostly not far.
const OPEN_FILES: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct TimerLog {
    files: Arc<Files>,
    file_size: u64,
    /// Position of the first byte of each file, one after the other.
    bases: VecDeque<u64>,
    end: u64,
    /// Up to where everything is durable.
    synced: u64,
}

/// The directory, of which some files are open.
#[derive(Debug)]
struct Files {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    open: FileCache,
}

/// What of the log is not durable yet.
#[derive(Debug)]
pub(crate) struct Unsynced {
    files: Arc<Files>,
    bases: Vec<u64>,
    pub(crate) end: i64,
}

impl Files {
    fn path(&self, base: u64) -> PathBuf {
        self.dir.join(file_name(base.cast_signed()))
    }

    fn get(&self, base: u64) -> io::Result<Arc<dyn StoreFile>> {
        self.open.get_or_open((0, base.cast_signed()), || self.fs.open(&self.path(base), OpenMode::ReadWrite))
    }

    /// Looks at a file that was there before.
    fn check(&self, base: u64, file_size: u64) -> Result<(), OpenError> {
        let path = self.path(base);
        let file = self.get(base).map_err(OpenError::io(&path))?;
        let mut len_bytes = file.len().map_err(OpenError::io(&path))?;
        if len_bytes == 0 {
            // A crash came between making it and giving it its length.
            file.set_len(file_size).map_err(OpenError::io(&path))?;
            len_bytes = file_size;
        }
        if len_bytes != file_size {
            let why = format!("{len_bytes} bytes, but mappedFileSizeTimerLog is {file_size}");
            return Err(OpenError::Io { path, error: io::Error::other(why) });
        }
        Ok(())
    }

    fn create(&self, base: u64, len_bytes: u64) -> io::Result<()> {
        let file = self.fs.open(&self.path(base), OpenMode::Create)?;
        file.set_len(len_bytes)?;
        if let Err(error) = file.sync_all().and_then(|()| self.fs.sync_dir(&self.dir)) {
            // After a failed fsync a later one says nothing: the next try makes another file.
            let _removed = self.remove(base);
            return Err(error);
        }
        self.open.replace((0, base.cast_signed()), &file);
        Ok(())
    }

    fn remove(&self, base: u64) -> io::Result<()> {
        self.open.remove((0, base.cast_signed()));
        self.fs.remove_file(&self.path(base))
    }
}

impl TimerLog {
    /// Opens the files there are. Where they end is for [`Self::scan`] to find.
    pub(crate) fn open(fs: &Arc<dyn FileSystem>, dir: &Path, file_size: u64) -> Result<Self, OpenError> {
        let smallest = (BLOCK_BYTES + BLANK_BYTES) as u64;
        if file_size < smallest {
            let reason = "no block fits";
            return Err(OpenError::Option { key: "mappedFileSizeTimerLog", value: file_size, reason });
        }
        fs.create_dir_all(dir).map_err(OpenError::io(dir))?;
        let entries = fs.read_dir(dir).map_err(OpenError::io(dir))?;
        let mut bases: Vec<_> = entries.iter().filter_map(|entry| parse_file_name(&entry.name)).collect();
        bases.sort_unstable();
        let files = Files { fs: Arc::clone(fs), dir: dir.to_owned(), open: FileCache::new(OPEN_FILES) };
        let bases: VecDeque<_> = bases.into_iter().map(i64::cast_unsigned).collect();
        for (base, next) in bases.iter().zip(bases.iter().skip(1)) {
            if base + file_size != *next {
                let (path, missing) = (files.path(*next), files.path(base + file_size));
                return Err(OpenError::FileMissing { path, missing });
            }
        }
        for base in &bases {
            files.check(*base, file_size)?;
        }
        let end = bases.front().copied().unwrap_or(0);
        Ok(Self { files: Arc::new(files), file_size, bases, end, synced: end })
    }

    /// Position of the first block.
    pub(crate) fn begin(&self) -> i64 {
        self.bases.front().map_or(0, |first| first.cast_signed())
    }

    /// Position after the last block.
    pub(crate) fn end(&self) -> i64 {
        self.end.cast_signed()
    }

    /// Hands the blocks from `from` on to `visit` with their positions, and takes the log to end where there is none
    /// or `visit` answers false. A `from` inside a block counts as the beginning of its file.
    pub(crate) fn scan(
        &mut self,
        from: i64,
        mut visit: impl FnMut(i64, &Block) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut position = self.place_of(u64::try_from(from).unwrap_or(0));
        let mut buffer = vec![0; BLOCKS_PER_READ * BLOCK_BYTES];
        'files: for base in &self.bases {
            let file_end = base + self.file_size;
            if file_end <= position {
                continue;
            }
            let file = self.files.get(*base)?;
            loop {
                let count = usize::try_from(file_end - position).unwrap_or(buffer.len()).min(buffer.len());
                let chunk = buffer.get_mut(..count).unwrap_or_default();
                file.read_exact_at(chunk, position - base)?;
                for bytes in chunk.chunks(BLOCK_BYTES) {
                    match Entry::decode(bytes) {
                        Entry::Block(block) if visit(position.cast_signed(), &block)? => {
                            position += BLOCK_BYTES as u64;
                        }
                        Entry::EndOfFile => {
                            position = file_end;
                            continue 'files;
                        }
                        Entry::Block(_) | Entry::Nothing => break 'files,
                    }
                }
                if position >= file_end {
                    continue 'files;
                }
            }
        }
        self.end_at(position)
    }

    /// Where a scan begins.
    fn place_of(&self, from: u64) -> u64 {
        let (Some(first), Some(last)) = (self.bases.front(), self.bases.back()) else { return from };
        let from = from.clamp(*first, last + self.file_size);
        let in_file = (from - first) % self.file_size;
        if in_file.is_multiple_of(BLOCK_BYTES as u64) { from } else { from - in_file }
    }

    /// Removes what lies behind the end.
    fn end_at(&mut self, end: u64) -> io::Result<()> {
        self.end = end;
        while let Some(last) = self.bases.back().copied().filter(|last| *last > end) {
            self.files.remove(last)?;
            self.bases.pop_back();
        }
        let Some(last) = self.bases.back().filter(|last| end < *last + self.file_size) else { return Ok(()) };
        let file = self.files.get(*last)?;
        if file.next_data(end - last)?.is_some() {
            // What a crash left there must not be taken for blocks later.
            file.set_len(end - last)?;
            file.set_len(self.file_size)?;
        }
        Ok(())
    }

    /// Adds a block; answers its position.
    pub(crate) fn append(&mut self, block: &Block) -> io::Result<i64> {
        let mut last = self.last_file(self.end)?;
        let rest = last + self.file_size - self.end;
        if rest < (BLOCK_BYTES + BLANK_BYTES) as u64 {
            if rest >= BLANK_BYTES as u64 {
                let mark = end_of_file(usize::try_from(rest).unwrap_or(usize::MAX));
                self.files.get(last)?.write_all_at(&mark, self.end - last)?;
            }
            let next = last + self.file_size;
            last = self.last_file(next)?;
            self.end = next;
        }
        self.files.get(last)?.write_all_at(&block.encode(), self.end - last)?;
        let position = self.end;
        self.end += BLOCK_BYTES as u64;
        Ok(position.cast_signed())
    }

    /// The base of the file a position behind the end is in, which is made when it is not there.
    fn last_file(&mut self, position: u64) -> io::Result<u64> {
        if let Some(last) = self.bases.back().filter(|last| position < *last + self.file_size) {
            return Ok(*last);
        }
        let base = position - position % self.file_size;
        self.files.create(base, self.file_size)?;
        self.bases.push_back(base);
        Ok(base)
    }

    /// The block at a position; `None` when the log does not have it any more, or never had.
    pub(crate) fn block(&self, position: i64) -> io::Result<Option<Block>> {
        let position = position.cast_unsigned();
        let after = self.bases.partition_point(|base| *base <= position);
        let Some(base) = after.checked_sub(1).and_then(|index| self.bases.get(index)) else {
            return Ok(None);
        };
        if position >= self.end || position + BLOCK_BYTES as u64 > base + self.file_size {
            return Ok(None);
        }
        let mut bytes = [0; BLOCK_BYTES];
        self.files.get(*base)?.read_exact_at(&mut bytes, position - base)?;
        Ok(match Entry::decode(&bytes) {
            Entry::Block(block) => Some(block),
            Entry::EndOfFile | Entry::Nothing => None,
        })
    }

    /// What a flush has to make durable.
    pub(crate) fn unsynced(&self) -> Unsynced {
        let is_unsynced = |base: &u64| self.synced < base + self.file_size && *base < self.end;
        let bases = self.bases.iter().copied().filter(|base| self.synced < self.end && is_unsynced(base));
        Unsynced { files: Arc::clone(&self.files), bases: bases.collect(), end: self.end() }
    }

    /// Everything below `end` is durable.
    pub(crate) fn synced(&mut self, end: i64) {
        self.synced = self.synced.max(end.cast_unsigned());
    }

    /// Deletes the oldest files whose messages the CommitLog does not have any more; answers how many.
    pub(crate) fn delete_below(&mut self, min_phy_offset: i64) -> io::Result<usize> {
        let mut deleted = 0;
        while let Some(first) = self.bases.front().copied().filter(|_| self.bases.len() > 1) {
            let last_position = first + last_block_position(self.file_size);
            let newest = self.block(last_position.cast_signed())?;
            if newest.is_none_or(|block| block.phy_offset >= min_phy_offset) {
                break;
            }
            self.files.remove(first)?;
            self.bases.pop_front();
            deleted += 1;
        }
        Ok(deleted)
    }
}

impl Unsynced {
    /// The files to sync, one after the other.
    pub(crate) fn files(&self) -> impl Iterator<Item = io::Result<Arc<dyn StoreFile>>> {
        let opened = self.bases.iter().map(|base| self.files.get(*base));
        // One that is missing was deleted meanwhile, with the messages it is about.
        opened.filter(|file| file.as_ref().err().is_none_or(|error| error.kind() != io::ErrorKind::NotFound))
    }
}

/// Where the last block of a full file is (`getOffsetForLastUnit`).
fn last_block_position(file_size: u64) -> u64 {
    let usable = file_size - BLANK_BYTES as u64;
    usable - usable % BLOCK_BYTES as u64 - BLOCK_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fs::OsFileSystem,
        testing::{Switches, WatchedFs},
        timer::block::Kind,
    };

    /// Three blocks and an end mark.
    const FILE_SIZE: u64 = 180;

    fn open(dir: &tempfile::TempDir) -> TimerLog {
        let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        TimerLog::open(&fs, dir.path(), FILE_SIZE).unwrap()
    }

    fn block(phy_offset: i64) -> Block {
        Block {
            previous_position: None,
            kind: Kind { rolls: false, cancels: false },
            enqueue_millis: 0,
            slot_millis: 1_000,
            phy_offset,
            size_bytes: 100,
            topic_hash: 0,
        }
    }

    fn scanned(log: &mut TimerLog, from: i64) -> Vec<i64> {
        let mut found = Vec::new();
        let visit = |_, block: &Block| {
            found.push(block.phy_offset);
            Ok(true)
        };
        log.scan(from, visit).unwrap();
        found
    }

    #[test]
    fn blocks_do_not_cross_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(&dir);
        let positions: Vec<_> = (0..7).map(|phy_offset| log.append(&block(phy_offset)).unwrap()).collect();
        assert_eq!(positions, [0, 52, 104, 180, 232, 284, 360]);
        assert_eq!(log.block(284).unwrap(), Some(block(5)));
        assert_eq!(log.block(412).unwrap(), None);
        let mut again = open(&dir);
        assert_eq!(scanned(&mut again, 0), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(again.end(), 412);
        assert_eq!(scanned(&mut again, 232), [4, 5, 6]);
    }

    #[test]
    fn a_torn_block_is_cut_off_with_all_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(&dir);
        for phy_offset in 0..7 {
            log.append(&block(phy_offset)).unwrap();
        }
        let second = dir.path().join(file_name(180));
        let mut bytes = std::fs::read(&second).unwrap();
        bytes[52..60].fill(0);
        std::fs::write(&second, bytes).unwrap();
        let mut log = open(&dir);
        assert_eq!(scanned(&mut log, 0), [0, 1, 2, 3]);
        assert!(!dir.path().join(file_name(360)).exists());
        assert_eq!(log.append(&block(9)).unwrap(), 232);
        assert_eq!(scanned(&mut open(&dir), 0), [0, 1, 2, 3, 9]);
    }

    #[test]
    fn files_go_when_their_messages_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(&dir);
        for phy_offset in 0..7 {
            log.append(&block(phy_offset)).unwrap();
        }
        assert_eq!(log.delete_below(2).unwrap(), 0);
        assert_eq!(log.delete_below(3).unwrap(), 1);
        assert_eq!(log.delete_below(100).unwrap(), 1, "the last one stays");
        assert_eq!(log.block(0).unwrap(), None);
        assert_eq!(scanned(&mut open(&dir), 0), [6]);
    }

    #[test]
    fn few_files_are_open_however_many_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let fs = WatchedFs::new(Switches::default());
        let as_fs: Arc<dyn FileSystem> = Arc::clone(&fs) as _;
        let mut log = TimerLog::open(&as_fs, dir.path(), FILE_SIZE).unwrap();
        for phy_offset in 0..600 {
            log.append(&block(phy_offset)).unwrap();
        }
        assert_eq!(log.unsynced().files().map(Result::unwrap).count(), 200);
        let mut again = TimerLog::open(&as_fs, dir.path(), FILE_SIZE).unwrap();
        assert_eq!(scanned(&mut again, 0).len(), 600);
        assert_eq!(again.block(0).unwrap(), Some(block(0)));
        assert!(fs.most_open_files() <= 2 * OPEN_FILES + 1, "{}", fs.most_open_files());
        assert_eq!(again.delete_below(300).unwrap(), 100);
        assert_eq!(log.unsynced().files().map(Result::unwrap).count(), 100, "what is gone needs no sync");
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(&dir);
        for phy_offset in 0..7 {
            log.append(&block(phy_offset)).unwrap();
        }
        std::fs::remove_file(dir.path().join(file_name(180))).unwrap();
        let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        let error = TimerLog::open(&fs, dir.path(), FILE_SIZE).unwrap_err();
        assert!(matches!(error, OpenError::FileMissing { .. }), "{error}");
    }
}
