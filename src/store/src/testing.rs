//! A file system for tests: the real one, with somebody watching every call who may let it fail.

use std::{
    fmt::Debug,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use memmap2::MmapRaw;

use crate::fs::{DirEntry, DiskUsage, FileSystem, LockAttempt, LockScope, OpenMode, OsFileSystem, StoreFile};

/// What is asked of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Of a file that must exist, or of a directory.
    Open,
    /// Of a file that may have to be made.
    Create,
    CreateDir,
    ReadDir,
    Remove,
    Rename,
    Exchange,
    SyncDir,
    SyncMount,
    Stat,
    Read,
    Write,
    SetLen,
    Reserve,
    Sync,
    Map,
    Lock,
}

impl Op {
    /// Whether it changes what is on the disk.
    pub(crate) fn is_change(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::CreateDir
                | Self::Remove
                | Self::Rename
                | Self::Exchange
                | Self::Write
                | Self::SetLen
        )
    }

    /// Whether it makes earlier changes durable.
    pub(crate) fn is_sync(self) -> bool {
        matches!(self, Self::Sync | Self::SyncDir | Self::SyncMount)
    }
}

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is made.
    Pass,
    /// It is not made and answers that it was. For syncs only, which take their time.
    Pretend,
    /// It is not made and answers this error.
    Fail(io::Error),
    /// Half of what it should write is written, and it answers this error. Other calls are not made.
    Half(io::Error),
}

impl Verdict {
    /// Lets a call pass, without the time a sync takes.
    pub(crate) fn hasty(op: Op) -> Self {
        if op.is_sync() { Self::Pretend } else { Self::Pass }
    }
}

/// Sees every call before it is made.
pub(crate) trait Watcher: Debug + Send + Sync + 'static {
    fn before(&self, op: Op, path: &Path) -> Verdict;
    /// A call was made and succeeded.
    fn after(&self, _op: Op, _path: &Path) {}
}

/// The real file system under a watcher; counts open files.
#[derive(Debug)]
pub(crate) struct WatchedFs<W> {
    pub(crate) watcher: Arc<W>,
    open_files: Arc<AtomicUsize>,
    most_open_files: AtomicUsize,
}

#[derive(Debug)]
struct WatchedFile<W> {
    file: Arc<dyn StoreFile>,
    path: PathBuf,
    watcher: Arc<W>,
    open_files: Arc<AtomicUsize>,
}

impl<W: Watcher> WatchedFs<W> {
    pub(crate) fn new(watcher: W) -> Arc<Self> {
        Arc::new(Self {
            watcher: Arc::new(watcher),
            open_files: Arc::default(),
            most_open_files: AtomicUsize::new(0),
        })
    }

    pub(crate) fn open_files(&self) -> usize {
        self.open_files.load(Ordering::SeqCst)
    }

    pub(crate) fn most_open_files(&self) -> usize {
        self.most_open_files.load(Ordering::SeqCst)
    }
}

/// Makes a call the watcher lets pass.
fn watched<T>(
    watcher: &impl Watcher,
    op: Op,
    path: &Path,
    call: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    match watcher.before(op, path) {
        Verdict::Pass => {
            let done = call()?;
            watcher.after(op, path);
            Ok(done)
        }
        Verdict::Fail(error) | Verdict::Half(error) => Err(error),
        Verdict::Pretend => unreachable!("{op:?} has an answer to give"),
    }
}

/// Makes a sync the watcher lets pass.
fn watched_sync(
    watcher: &impl Watcher,
    op: Op,
    path: &Path,
    call: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    match watcher.before(op, path) {
        Verdict::Pass => call()?,
        Verdict::Pretend => {}
        Verdict::Fail(error) | Verdict::Half(error) => return Err(error),
    }
    watcher.after(op, path);
    Ok(())
}

impl<W: Watcher> FileSystem for WatchedFs<W> {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StoreFile>> {
        let op =
            if matches!(mode, OpenMode::Create | OpenMode::CreatePrivate) { Op::Create } else { Op::Open };
        let file = watched(&*self.watcher, op, path, || OsFileSystem.open(path, mode))?;
        let open_files = self.open_files.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open_files.fetch_max(open_files, Ordering::SeqCst);
        Ok(Arc::new(WatchedFile {
            file,
            path: path.to_owned(),
            watcher: Arc::clone(&self.watcher),
            open_files: Arc::clone(&self.open_files),
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        watched(&*self.watcher, Op::CreateDir, path, || OsFileSystem.create_dir_all(path))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        watched(&*self.watcher, Op::ReadDir, path, || OsFileSystem.read_dir(path))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        watched(&*self.watcher, Op::Remove, path, || OsFileSystem.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        watched(&*self.watcher, Op::Remove, path, || OsFileSystem.remove_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        watched(&*self.watcher, Op::Rename, to, || OsFileSystem.rename(from, to))
    }

    fn exchange(&self, left: &Path, right: &Path) -> io::Result<()> {
        watched(&*self.watcher, Op::Exchange, left, || OsFileSystem.exchange(left, right))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        watched_sync(&*self.watcher, Op::SyncDir, path, || OsFileSystem.sync_dir(path))
    }

    fn sync_mount(&self, path: &Path) -> io::Result<()> {
        watched_sync(&*self.watcher, Op::SyncMount, path, || OsFileSystem.sync_mount(path))
    }

    fn exists(&self, path: &Path) -> bool {
        OsFileSystem.exists(path)
    }

    fn modified_millis(&self, path: &Path) -> io::Result<i64> {
        watched(&*self.watcher, Op::Stat, path, || OsFileSystem.modified_millis(path))
    }

    fn disk_usage(&self, path: &Path) -> io::Result<DiskUsage> {
        watched(&*self.watcher, Op::Stat, path, || OsFileSystem.disk_usage(path))
    }

    fn mount_point(&self, path: &Path) -> PathBuf {
        OsFileSystem.mount_point(path)
    }
}

impl<W> Drop for WatchedFile<W> {
    fn drop(&mut self) {
        self.open_files.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<W: Watcher> WatchedFile<W> {
    fn watched<T>(&self, op: Op, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        watched(&*self.watcher, op, &self.path, call)
    }
}

impl<W: Watcher> StoreFile for WatchedFile<W> {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.watched(Op::Read, || self.file.read_at(buffer, position))
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        match self.watcher.before(Op::Write, &self.path) {
            Verdict::Pass => {
                self.file.write_all_at(bytes, position)?;
                self.watcher.after(Op::Write, &self.path);
                Ok(())
            }
            Verdict::Fail(error) => Err(error),
            Verdict::Pretend => unreachable!("a write that is not made"),
            Verdict::Half(error) => {
                self.file.write_all_at(&bytes[..bytes.len() / 2], position)?;
                Err(error)
            }
        }
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.watched(Op::SetLen, || self.file.set_len(len_bytes))
    }

    fn len(&self) -> io::Result<u64> {
        self.watched(Op::Stat, || self.file.len())
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.watched(Op::Reserve, || self.file.reserve(range))
    }

    fn clear(&self, range: Range<u64>) -> io::Result<()> {
        self.watched(Op::Reserve, || self.file.clear(range))
    }

    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        self.watched(Op::Stat, || self.file.next_data(position))
    }

    fn next_hole(&self, position: u64) -> io::Result<u64> {
        self.watched(Op::Stat, || self.file.next_hole(position))
    }

    fn sync_data(&self) -> io::Result<()> {
        watched_sync(&*self.watcher, Op::Sync, &self.path, || self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        watched_sync(&*self.watcher, Op::Sync, &self.path, || self.file.sync_all())
    }

    fn map_read(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        self.watched(Op::Map, || self.file.map_read(len_bytes))
    }

    fn map_write(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        self.watched(Op::Map, || self.file.map_write(len_bytes))
    }

    fn try_lock(&self, scope: LockScope) -> io::Result<LockAttempt> {
        self.watched(Op::Lock, || self.file.try_lock(scope))
    }
}

/// Kinds of calls that fail while they are switched to, in all files whose path contains a text.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    pub(crate) only_in: &'static str,
    pub(crate) writes: AtomicBool,
    pub(crate) syncs: AtomicBool,
    pub(crate) reservations: AtomicBool,
}

impl Watcher for Switches {
    fn before(&self, op: Op, path: &Path) -> Verdict {
        let (switch, error) = match op {
            Op::Write => (&self.writes, io::Error::other("injected")),
            Op::Sync => (&self.syncs, io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
            Op::Reserve => (&self.reservations, io::ErrorKind::StorageFull.into()),
            _ => return Verdict::Pass,
        };
        if switch.load(Ordering::SeqCst) && path.to_string_lossy().contains(self.only_in) {
            Verdict::Fail(error)
        } else {
            Verdict::Pass
        }
    }
}
