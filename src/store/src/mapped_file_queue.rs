//! The files of the CommitLog in their order, RocketMQ's `MappedFileQueue`.
//!
//! Invariant: files follow one another without a gap; a file's name is the physical offset of its first byte
//! in 20 digits, and all have one size.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::{
    fs::FileSystem,
    mapped_file::{MappedFile, ReadMode},
};

/// The name of the file that begins at a physical offset.
pub fn file_name(base_phy_offset: i64) -> String {
    format!("{base_phy_offset:020}")
}

/// The physical offset a file name stands for; `None` for other files.
pub fn parse_file_name(name: &str) -> Option<i64> {
    (name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok())?
}

/// The row of files.
#[derive(Debug)]
pub struct MappedFileQueue {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    file_size: usize,
    files: RwLock<Vec<Arc<MappedFile>>>,
    /// Counts rounds of the cleaner, to tell files nobody reads.
    tick: AtomicU64,
    read_mode: Mutex<ReadMode>,
}

impl MappedFileQueue {
    /// A row of files that exist already.
    pub fn new(fs: Arc<dyn FileSystem>, dir: PathBuf, file_size: usize, files: Vec<Arc<MappedFile>>) -> Self {
        Self {
            fs,
            dir,
            file_size,
            files: RwLock::new(files),
            tick: AtomicU64::new(1),
            read_mode: Mutex::default(),
        }
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes of each file.
    pub fn file_size(&self) -> usize {
        self.file_size
    }

    /// First physical offset; 0 without files.
    pub fn min_phy_offset(&self) -> i64 {
        self.files.read().first().map_or(0, |file| file.base_phy_offset())
    }

    /// Physical offset after the last published byte; 0 without files.
    pub fn max_phy_offset(&self) -> i64 {
        self.files.read().last().map_or(0, |file| file.end_phy_offset())
    }

    /// The last file.
    pub fn last(&self) -> Option<Arc<MappedFile>> {
        self.files.read().last().cloned()
    }

    /// All files, oldest first.
    pub fn files(&self) -> Vec<Arc<MappedFile>> {
        self.files.read().clone()
    }

    /// The file a physical offset is in.
    pub fn find(&self, phy_offset: i64) -> Option<Arc<MappedFile>> {
        let files = self.files.read();
        let distance = phy_offset.checked_sub(files.first()?.base_phy_offset())?;
        let index = usize::try_from(distance).ok()? / self.file_size;
        files.get(index).cloned()
    }

    /// `size` published bytes from a physical offset, all of one file.
    pub fn slice(&self, phy_offset: i64, size: usize) -> Option<Bytes> {
        let file = self.find(phy_offset)?;
        let start = usize::try_from(phy_offset - file.base_phy_offset()).ok()?;
        file.slice(start, size, self.tick.load(Ordering::Relaxed))
    }

    /// How many of `size` bytes from a physical offset are in memory, see [`MappedFile::resident_bytes`].
    pub fn resident_bytes(&self, phy_offset: i64, size: usize) -> usize {
        let Some(file) = self.find(phy_offset) else { return size };
        let start = usize::try_from(phy_offset - file.base_phy_offset()).unwrap_or(0);
        file.resident_bytes(start, size)
    }

    /// Tells the kernel that `size` bytes from a physical offset will not be read soon, see [`MappedFile::cool`].
    pub fn cool(&self, phy_offset: i64, size: usize) {
        let Some(file) = self.find(phy_offset) else { return };
        let start = usize::try_from(phy_offset - file.base_phy_offset()).unwrap_or(0);
        file.cool(start, size);
    }

    /// The published bytes from a physical offset to the end of its file.
    pub fn slice_from(&self, phy_offset: i64) -> Option<Bytes> {
        let file = self.find(phy_offset)?;
        let start = usize::try_from(phy_offset - file.base_phy_offset()).ok()?;
        file.slice_from(start, self.tick.load(Ordering::Relaxed))
    }

    /// Where the file after that of a physical offset begins, RocketMQ's `rollNextFile`.
    pub fn next_file_phy_offset(&self, phy_offset: i64) -> i64 {
        let size = self.file_size as i64;
        phy_offset - phy_offset.rem_euclid(size) + size
    }

    /// Where the file after the last one begins.
    pub fn next_base(&self) -> i64 {
        self.files.read().last().map_or(0, |file| file.base_phy_offset() + self.file_size as i64)
    }

    /// Makes a file, without adding it. One that exists already is never touched: recovery leaves no file
    /// behind the end of the log.
    pub fn create_file(&self, base_phy_offset: i64) -> io::Result<Arc<MappedFile>> {
        let path = self.dir.join(file_name(base_phy_offset));
        if self.fs.exists(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match MappedFile::create(Arc::clone(&self.fs), &path, base_phy_offset, self.file_size) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => {
                // Half made, it would stand in the way of the next attempt.
                if let Err(error) = self.fs.remove_file(&path) {
                    tracing::warn!(file = %path.display(), %error, "half made commit log file not removed");
                }
                Err(error)
            }
        }
    }

    /// Adds the file that begins at [`Self::next_base`].
    pub fn push(&self, file: Arc<MappedFile>) {
        advise(&file, *self.read_mode.lock());
        self.files.write().push(file);
    }

    /// Tells the operating system how files are read, those to come included.
    pub fn set_read_mode(&self, mode: ReadMode) {
        *self.read_mode.lock() = mode;
        self.files().iter().for_each(|file| advise(file, mode));
    }

    /// Deletes a file that was made but never added.
    pub fn remove_unused(&self, file: &MappedFile) -> io::Result<()> {
        self.fs.remove_file(file.path())?;
        self.fs.sync_dir(&self.dir)
    }

    /// Deletes the oldest file, never the last one; answers whether it did.
    pub fn remove_first(&self) -> io::Result<bool> {
        let mut files = self.files.write();
        let Some(first) = files.first().filter(|_| files.len() > 1).cloned() else { return Ok(false) };
        self.fs.remove_file(first.path())?;
        files.remove(0);
        drop(files);
        self.fs.sync_dir(&self.dir)?;
        Ok(true)
    }

    /// Begins a new round and lets go of mappings nobody used in the last `idle_rounds`.
    pub fn unmap_idle(&self, idle_rounds: u64) {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        for file in self.files() {
            file.unmap_idle(tick.saturating_sub(idle_rounds));
        }
    }
}

/// It is advice: where it is not taken, files are read all the same.
fn advise(file: &MappedFile, mode: ReadMode) {
    if let Err(error) = file.set_read_mode(mode) {
        tracing::warn!(file = %file.path().display(), %error, ?mode, "the system does not take advice on reading");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    #[test]
    fn names_are_twenty_digits() {
        assert_eq!(file_name(1_073_741_824), "00000000001073741824");
        assert_eq!(parse_file_name("00000000001073741824"), Some(1_073_741_824));
        assert_eq!(parse_file_name("1073741824"), None);
        assert_eq!(parse_file_name("99999999999999999999"), None);
        assert_eq!(parse_file_name("0000000000107374182x"), None);
    }

    #[test]
    fn offsets_find_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let queue = MappedFileQueue::new(Arc::new(OsFileSystem), dir.path().into(), 4096, Vec::new());
        assert!(queue.find(0).is_none());
        for base in [8192, 12_288] {
            queue.push(queue.create_file(base).unwrap());
        }
        assert_eq!(queue.min_phy_offset(), 8192);
        assert!(queue.find(8191).is_none());
        assert_eq!(queue.find(12_287).unwrap().base_phy_offset(), 8192);
        assert_eq!(queue.find(12_288).unwrap().base_phy_offset(), 12_288);
        assert!(queue.find(16_384).is_none());
        assert_eq!(queue.next_file_phy_offset(8192), 12_288);
        assert_eq!(queue.next_base(), 16_384);
        assert_eq!(queue.create_file(12_288).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(queue.remove_first().unwrap());
        assert!(!queue.remove_first().unwrap());
        assert_eq!(queue.min_phy_offset(), 12_288);
    }
}
