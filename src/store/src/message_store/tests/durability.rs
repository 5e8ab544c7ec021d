use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runtime::services::Services;
use tokio::runtime::Handle;

use super::harness::{Harness, assert_holds, get, message, put_many};
use crate::{
    error::{PutError, StopError, Unavailable},
    fs::{DirEntry, DiskUsage, FileSystem, LockAttempt, LockScope, OpenMode, OsFileSystem, StoreFile},
    get::GetStatus,
    message_store::{Environment, MessageStore},
    options::{FlushDiskType, Switch},
    put::{Durability, FlushOutcome, WaitStore},
};

#[tokio::test]
async fn sync_flush_shows_and_acks_only_what_is_on_disk() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let store = harness.open();
    let mut durabilities = Vec::new();
    for number in 0..10 {
        let appended = store.put(&[message("t", 0, number)]).unwrap();
        assert_eq!(appended.queue_offset, number as i64);
        assert!(matches!(appended.durability, Durability::Pending(_)));
        durabilities.push(appended.durability);
    }
    assert_eq!(get(&store, "t", 0, 0).status, GetStatus::NoMessageInQueue);
    assert!(harness.heard.0.lock().is_empty());
    store.flush_log();
    for durability in durabilities {
        assert_eq!(durability.resolved().await, FlushOutcome::Flushed);
    }
    assert_eq!(get(&store, "t", 0, 0).messages.len(), 10);
    assert_eq!(harness.heard.0.lock().len(), 10);
    assert_eq!(store.put(&[message("t", 0, 10)]).unwrap().queue_offset, 10);
}

#[tokio::test]
async fn read_uncommitted_shows_before_the_flush() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    harness.options.read_uncommitted = Switch::On;
    let store = harness.open();
    let _durability = store.put(&[message("t", 0, 1)]).unwrap().durability;
    assert_eq!(get(&store, "t", 0, 0).status, GetStatus::Found);
}

#[tokio::test]
async fn who_does_not_wait_is_ready_and_a_slow_flush_times_out() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    harness.options.sync_flush_timeout = Duration::from_millis(1);
    let store = harness.open();
    let mut hasty = message("t", 0, 1);
    hasty.wait_store_ok = WaitStore::DontWait;
    assert!(matches!(store.put(&[hasty]).unwrap().durability, Durability::Ready));
    let waits = store.put(&[message("t", 0, 2)]).unwrap().durability;
    assert_eq!(waits.resolved().await, FlushOutcome::FlushTimeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_flush_and_stop() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let store = harness.open();
    let services = Services::new(Handle::current());
    store.start(&services).unwrap();
    for number in 0..200 {
        let appended = store.put(&[message("t", (number % 2) as i32, number)]).unwrap();
        assert_eq!(appended.durability.resolved().await, FlushOutcome::Flushed);
        assert!(store.flushed_phy_offset() >= appended.phy_offset);
    }
    assert_holds(&store, "t", 0..200);
    services.stop(Duration::from_secs(30)).await;
    store.stop().unwrap();
    drop(store);
    assert_holds(&harness.open(), "t", 0..200);
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_while_room_is_made_ahead_loses_nothing() {
    let harness = Harness::new();
    let store = harness.open();
    let services = Services::new(Handle::current());
    store.start(&services).unwrap();
    for round in 0..10 {
        put_many(&store, "t", round * 400..(round + 1) * 400);
        // Now and then the room maker catches up, and now and then the appender is ahead of it.
        tokio::time::sleep(Duration::from_millis(round as u64 % 3)).await;
    }
    services.stop(Duration::from_secs(30)).await;
    store.stop().unwrap();
    drop(store);
    let store = harness.open();
    assert_holds(&store, "t", 0..4_000);
    let queued: i64 = (0..2).map(|queue_id| store.max_offset("t", queue_id).unwrap()).sum();
    assert_eq!(queued, 4_000);
}

/// A file system whose fsync, or whose allocation, can be made to fail.
#[derive(Debug, Default)]
struct Failing {
    sync: Arc<AtomicBool>,
    reserve: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile {
    inner: Arc<dyn StoreFile>,
    sync: Arc<AtomicBool>,
    reserve: Arc<AtomicBool>,
}

impl FileSystem for Failing {
    fn open(&self, path: &Path, mode: OpenMode) -> std::io::Result<Arc<dyn StoreFile>> {
        let inner = OsFileSystem.open(path, mode)?;
        let in_log = path.to_string_lossy().contains("commitlog");
        let (sync, reserve) =
            if in_log { (Arc::clone(&self.sync), Arc::clone(&self.reserve)) } else { Default::default() };
        Ok(Arc::new(FailingFile { inner, sync, reserve }))
    }
    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        OsFileSystem.create_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> std::io::Result<Vec<DirEntry>> {
        OsFileSystem.read_dir(path)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        OsFileSystem.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> std::io::Result<()> {
        OsFileSystem.remove_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        OsFileSystem.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        OsFileSystem.sync_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        OsFileSystem.exists(path)
    }
    fn modified_millis(&self, path: &Path) -> std::io::Result<i64> {
        OsFileSystem.modified_millis(path)
    }
    fn disk_usage(&self, path: &Path) -> std::io::Result<DiskUsage> {
        OsFileSystem.disk_usage(path)
    }
}

impl StoreFile for FailingFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> std::io::Result<usize> {
        self.inner.read_at(buffer, position)
    }
    fn write_all_at(&self, bytes: &[u8], position: u64) -> std::io::Result<()> {
        self.inner.write_all_at(bytes, position)
    }
    fn set_len(&self, len_bytes: u64) -> std::io::Result<()> {
        self.inner.set_len(len_bytes)
    }
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
    fn reserve(&self, range: std::ops::Range<u64>) -> std::io::Result<()> {
        if self.reserve.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.inner.reserve(range)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        if self.sync.load(Ordering::SeqCst) {
            return Err(std::io::Error::from_raw_os_error(5));
        }
        self.inner.sync_data()
    }
    fn sync_all(&self) -> std::io::Result<()> {
        self.inner.sync_all()
    }
    fn map_read(&self, len_bytes: usize) -> std::io::Result<memmap2::MmapRaw> {
        self.inner.map_read(len_bytes)
    }
    fn map_write(&self, len_bytes: usize) -> std::io::Result<memmap2::MmapRaw> {
        self.inner.map_write(len_bytes)
    }
    fn try_lock(&self, scope: LockScope) -> std::io::Result<LockAttempt> {
        self.inner.try_lock(scope)
    }
}

#[tokio::test]
async fn a_failed_fsync_is_never_acked_and_fences_the_store() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let failing = Failing::default();
    let sync = Arc::clone(&failing.sync);
    let environment = Environment { fs: Arc::new(failing), ..harness.environment() };
    let store = MessageStore::open(harness.options.clone(), environment).unwrap();
    let good = store.put(&[message("t", 0, 0)]).unwrap().durability;
    store.flush_log();
    assert_eq!(good.resolved().await, FlushOutcome::Flushed);
    let bad = store.put(&[message("t", 0, 1)]).unwrap().durability;
    sync.store(true, Ordering::SeqCst);
    store.flush_log();
    sync.store(false, Ordering::SeqCst);
    store.flush_log();
    assert_eq!(bad.resolved().await, FlushOutcome::Failed);
    assert!(matches!(
        store.put(&[message("t", 0, 2)]),
        Err(PutError::ServiceNotAvailable(Unavailable::Fenced { .. }))
    ));
    assert_eq!(get(&store, "t", 0, 0).messages.len(), 1);
    assert!(matches!(store.stop(), Err(StopError::Fenced(_))));
    assert!(harness.root().join("abort").exists());
    drop(store);
    let store = harness.open();
    assert!(!get(&store, "t", 0, 0).messages.is_empty());
}

#[test]
fn a_full_disk_refuses_puts_and_heals() {
    let harness = Harness::new();
    let failing = Failing::default();
    let reserve = Arc::clone(&failing.reserve);
    let environment = Environment { fs: Arc::new(failing), ..harness.environment() };
    let store = MessageStore::open(harness.options.clone(), environment).unwrap();
    reserve.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(
            store.put(&[message("t", 0, 0)]),
            Err(PutError::ServiceNotAvailable(Unavailable::NoSpace { .. }))
        ));
    }
    assert_eq!(store.max_phy_offset(), 0);
    reserve.store(false, Ordering::SeqCst);
    put_many(&store, "t", 0..300);
    assert_holds(&store, "t", 0..300);
}
