//! A file system for tests.

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use memmap2::MmapRaw;

use crate::fs::{DirEntry, DiskUsage, FileSystem, LockAttempt, LockScope, OpenMode, OsFileSystem, StoreFile};

/// The real file system, counting open files and failing on demand.
#[derive(Debug, Default)]
pub(super) struct TestFs {
    open_files: Arc<AtomicUsize>,
    most_open_files: AtomicUsize,
    pub(super) fail_writes: Arc<AtomicBool>,
    pub(super) fail_syncs: Arc<AtomicBool>,
}

impl TestFs {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn open_files(&self) -> usize {
        self.open_files.load(Ordering::SeqCst)
    }

    pub(super) fn most_open_files(&self) -> usize {
        self.most_open_files.load(Ordering::SeqCst)
    }
}

impl FileSystem for TestFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StoreFile>> {
        let file = OsFileSystem.open(path, mode)?;
        let open_files = self.open_files.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open_files.fetch_max(open_files, Ordering::SeqCst);
        Ok(Arc::new(TestFile {
            file,
            open_files: Arc::clone(&self.open_files),
            fail_writes: Arc::clone(&self.fail_writes),
            fail_syncs: Arc::clone(&self.fail_syncs),
        }))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.create_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        OsFileSystem.read_dir(path)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.remove_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFileSystem.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsFileSystem.sync_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        OsFileSystem.exists(path)
    }
    fn modified_millis(&self, path: &Path) -> io::Result<i64> {
        OsFileSystem.modified_millis(path)
    }
    fn disk_usage(&self, path: &Path) -> io::Result<DiskUsage> {
        OsFileSystem.disk_usage(path)
    }
}

#[derive(Debug)]
struct TestFile {
    file: Arc<dyn StoreFile>,
    open_files: Arc<AtomicUsize>,
    fail_writes: Arc<AtomicBool>,
    fail_syncs: Arc<AtomicBool>,
}

impl Drop for TestFile {
    fn drop(&mut self) {
        self.open_files.fetch_sub(1, Ordering::SeqCst);
    }
}

fn fail_if(flag: &AtomicBool) -> io::Result<()> {
    if flag.load(Ordering::SeqCst) { Err(io::Error::other("injected")) } else { Ok(()) }
}

impl StoreFile for TestFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        fail_if(&self.fail_writes)?;
        self.file.write_all_at(bytes, position)
    }
    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.file.set_len(len_bytes)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.file.reserve(range)
    }
    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        self.file.next_data(position)
    }
    fn next_hole(&self, position: u64) -> io::Result<u64> {
        self.file.next_hole(position)
    }
    fn sync_data(&self) -> io::Result<()> {
        fail_if(&self.fail_syncs)?;
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        fail_if(&self.fail_syncs)?;
        self.file.sync_all()
    }
    fn map_read(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        self.file.map_read(len_bytes)
    }
    fn map_write(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        self.file.map_write(len_bytes)
    }
    fn try_lock(&self, scope: LockScope) -> io::Result<LockAttempt> {
        self.file.try_lock(scope)
    }
}
