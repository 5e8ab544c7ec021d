//! A rebuild that is cut off after any number of changes to the disk.

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use memmap2::MmapRaw;

use super::{TOPIC, assert_sound, copy, stop, stopped_store, store_dir_on};
use crate::{
    fs::{DirEntry, DiskUsage, FileSystem, LockAttempt, LockScope, OpenMode, OsFileSystem, StoreFile},
    message_store::tests::harness::{Harness, assert_holds},
    offline::{OfflineError, Quiet, RebuildMode, rebuild_index, rebuild_queues},
};

/// The real file system, until so many changes have been made: from then on nothing changes any more.
#[derive(Clone, Debug)]
struct CutOff {
    left: Arc<AtomicI64>,
    can_exchange: bool,
}

impl CutOff {
    fn after(count: i64, can_exchange: bool) -> Self {
        Self { left: Arc::new(AtomicI64::new(count)), can_exchange }
    }

    fn change(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("cut off")) }
    }
}

impl FileSystem for CutOff {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StoreFile>> {
        if mode == OpenMode::Create {
            self.change()?;
        }
        Ok(Arc::new(CutOffFile { file: OsFileSystem.open(path, mode)?, fs: self.clone() }))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        OsFileSystem.create_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        OsFileSystem.read_dir(path)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        OsFileSystem.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        OsFileSystem.remove_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        OsFileSystem.rename(from, to)
    }
    fn exchange(&self, left: &Path, right: &Path) -> io::Result<()> {
        if !self.can_exchange {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.change()?;
        OsFileSystem.exchange(left, right)
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
struct CutOffFile {
    file: Arc<dyn StoreFile>,
    fs: CutOff,
}

impl StoreFile for CutOffFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.fs.change()?;
        self.file.write_all_at(bytes, position)
    }
    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.fs.change()?;
        self.file.set_len(len_bytes)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.file.reserve(range)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn sync_all(&self) -> io::Result<()> {
        Ok(())
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

type Rebuild = fn(&Harness, Arc<dyn FileSystem>) -> Result<(), OfflineError>;

fn queues(harness: &Harness, fs: Arc<dyn FileSystem>) -> Result<(), OfflineError> {
    rebuild_queues(&store_dir_on(harness, fs), RebuildMode::Write, &Quiet).map(|_| ())
}

fn index(harness: &Harness, fs: Arc<dyn FileSystem>) -> Result<(), OfflineError> {
    let clock = harness.environment().clock;
    rebuild_index(&store_dir_on(harness, fs), RebuildMode::Write, clock, &Quiet).map(|_| ())
}

/// Cuts a rebuild off after every number of changes; answers how many there are.
fn cut_everywhere(rebuild: Rebuild, can_exchange: bool, prepare: fn(&Harness)) -> i64 {
    let source = stopped_store(90);
    prepare(&source);
    for count in 0.. {
        let harness = Harness::new();
        copy(source.root(), harness.root());
        let outcome = rebuild(&harness, Arc::new(CutOff::after(count, can_exchange)));
        if count % 2 == 0 {
            // A broker comes first.
            let store = harness.open();
            assert_holds(&store, TOPIC, 0..90);
            stop(store);
            assert_eq!(harness.open().query(TOPIC, "U50", 32, 0, i64::MAX).messages.len(), 1, "{count}");
        } else {
            // The command is given again.
            rebuild(&harness, Arc::new(OsFileSystem)).unwrap();
            assert_sound(&harness);
            assert_holds(&harness.open(), TOPIC, 0..90);
            let names = std::fs::read_dir(harness.root()).unwrap().map(|entry| entry.unwrap().file_name());
            let left = names.filter(|name| name.to_str().is_some_and(|name| name.contains('.')));
            assert_eq!(left.count(), 0, "nothing is left behind after cut {count}");
        }
        if outcome.is_ok() {
            return count;
        }
    }
    unreachable!("a rebuild ends")
}

#[test]
fn interrupted_at_any_change_nothing_is_lost() {
    for can_exchange in [true, false] {
        assert!(cut_everywhere(queues, can_exchange, |_| {}) > 20);
        assert!(cut_everywhere(index, can_exchange, |_| {}) > 10);
    }
}

#[test]
fn nor_in_a_store_that_was_killed() {
    let kill = |harness: &Harness| std::fs::write(harness.root().join("abort"), "1").unwrap();
    assert!(cut_everywhere(queues, false, kill) > 20);
    assert!(cut_everywhere(index, true, kill) > 10);
}
