//! The n-th fsync fails, for every n, once or from then on. As on Linux what it covered of a file is lost: a later fsync
//! of it answers that all is well and brings nothing of that to the disk. (Entries of directories are in a journal: they
//! get there with a later one, or the whole file system fails.)

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use runtime::{
    clock::{Clock, SystemClock},
    services::Services,
};
use tokio::runtime::Handle;

use super::{
    Acks, Harness, TOPIC,
    calls::Lasts,
    crashes::{PowerCut, inodes_below},
    few_open_files, harness, open_on, run_cases, seed, verify, work_until_stop,
};
use crate::{
    error::{PutError, Unavailable},
    fs::FileSystem,
    message_store::{
        MessageStore,
        tests::harness::{consume, message},
    },
    options::FlushDiskType,
    testing::{Op, Verdict, WatchedFs, Watcher},
};

#[derive(Debug)]
pub(super) struct FailingSyncs {
    nth: u64,
    lasts: Lasts,
    syncs: AtomicU64,
    /// Files that have lost something.
    lost: Mutex<HashSet<PathBuf>>,
    /// Those of them that were told of by a sync of the whole mount only: they tell it once themselves.
    untold: Mutex<HashSet<PathBuf>>,
    /// Knows what reached the disk.
    disk: PowerCut,
}

impl Watcher for FailingSyncs {
    fn before(&self, op: Op, path: &Path) -> Verdict {
        let failed = || Verdict::Fail(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        if op == Op::Sync && self.untold.lock().unwrap().remove(path) {
            return failed();
        }
        if op.is_sync() {
            let sync = self.syncs.fetch_add(1, Ordering::SeqCst);
            if sync == self.nth || (self.lasts == Lasts::FromThenOn && sync > self.nth) {
                match op {
                    Op::Sync => {
                        self.lost.lock().unwrap().insert(path.to_owned());
                    }
                    Op::SyncMount => {
                        let mut files = HashMap::new();
                        inodes_below(path, &mut files);
                        self.lost.lock().unwrap().extend(files.values().cloned());
                        self.untold.lock().unwrap().extend(files.into_values());
                    }
                    _ => {}
                }
                return failed();
            }
        }
        self.disk.before(op, path)
    }

    fn after(&self, op: Op, path: &Path) {
        let mut lost = self.lost.lock().unwrap();
        match op {
            Op::Remove => {
                lost.remove(path);
                self.untold.lock().unwrap().remove(path);
            }
            Op::SyncMount => return self.disk.mount_was_synced(&lost),
            _ => {}
        }
        if !op.is_sync() || !lost.contains(path) {
            self.disk.after(op, path);
        }
    }
}

impl FailingSyncs {
    pub(super) fn new(nth: u64, lasts: Lasts, disk: PowerCut) -> Self {
        let (syncs, lost, untold) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Self { nth, lasts, syncs, lost, untold, disk }
    }

    /// Whether as many syncs were asked for.
    pub(super) fn was_reached(&self) -> bool {
        self.syncs.load(Ordering::SeqCst) > self.nth
    }

    /// Writes down what is on the disk.
    pub(super) fn leave(&self) {
        self.disk.leave();
    }

    /// Whether a file of the CommitLog that is still there has lost something.
    fn log_has_lost(&self) -> bool {
        let lost = self.lost.lock().unwrap();
        lost.iter().any(|path| path.exists() && path.parent().is_some_and(|dir| dir.ends_with("commitlog")))
    }
}

/// What a store whose log could not be made durable does: it refuses messages, and serves those it has.
fn is_fenced(store: &MessageStore, case: &str) {
    let refused = store.put(&[message(TOPIC, 0, 0)]);
    assert!(
        matches!(refused, Err(PutError::ServiceNotAvailable(Unavailable::Fenced { .. }))),
        "{case}: {refused:?}"
    );
    for queue_id in 0..2 {
        let visible = store.max_offset(TOPIC, queue_id).unwrap_or(0);
        assert_eq!(consume(store, TOPIC, queue_id).len() as i64, visible, "{case}: reads go on");
    }
}

fn every_sync(harness: fn() -> Harness, flush: FlushDiskType, lasts: Lasts) {
    let seed = seed();
    let cases = run_cases(&format!("n-th fsync, {flush:?} {lasts:?}"), |nth| {
        let (mut source, mut left) = (harness(), harness());
        source.options.flush_disk_type = flush;
        left.options.flush_disk_type = flush;
        let disk = PowerCut::new(u64::MAX, source.root(), left.root(), seed ^ nth);
        let fs = WatchedFs::new(FailingSyncs::new(nth, lasts, disk));
        let acks = Acks::default();
        let case = format!("fsync {nth}, {flush:?} {lasts:?}, STORE_FAULT_SEED={seed}");
        work_until_stop(&source, Arc::clone(&fs) as Arc<dyn FileSystem>, &acks, |store| {
            if fs.watcher.log_has_lost() {
                is_fenced(store, &case);
            }
        });
        if !fs.watcher.was_reached() {
            return false;
        }
        if flush == FlushDiskType::Sync {
            // The power goes out, and what was acknowledged has to be among what is left.
            fs.watcher.leave();
            verify(&left, &acks, &case);
        }
        // Only the process has ended.
        verify(&source, &acks, &case);
        true
    });
    assert!(cases > 10, "{cases}");
}

#[test]
fn an_fsync_fails_once() {
    every_sync(harness, FlushDiskType::Sync, Lasts::Once);
    every_sync(harness, FlushDiskType::Async, Lasts::Once);
}

#[test]
fn fsyncs_fail_from_one_on() {
    every_sync(harness, FlushDiskType::Sync, Lasts::FromThenOn);
    every_sync(harness, FlushDiskType::Async, Lasts::FromThenOn);
}

#[test]
fn a_sync_of_the_mount_fails() {
    every_sync(few_open_files, FlushDiskType::Sync, Lasts::Once);
    every_sync(few_open_files, FlushDiskType::Async, Lasts::FromThenOn);
}

/// Remembers what of the first file of the CommitLog is on the disk.
#[derive(Debug, Default)]
struct FirstLogFile(Mutex<Vec<u8>>);

impl Watcher for FirstLogFile {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        Verdict::hasty(op)
    }

    fn after(&self, op: Op, path: &Path) {
        if op == Op::Sync && path.ends_with("commitlog/00000000000000000000") {
            *self.0.lock().unwrap() = std::fs::read(path).unwrap();
        }
    }
}

/// With `ASYNC_FLUSH` a message waits for the disk no longer than `flushIntervalCommitLog`, however few come with it:
/// RocketMQ waits for four pages of them, ten seconds at most.
#[tokio::test(flavor = "multi_thread")]
async fn async_flush_loses_no_more_than_its_interval() {
    let mut harness = harness();
    harness.options.flush_disk_type = FlushDiskType::Async;
    harness.options.flush_interval_commit_log = Duration::from_millis(100);
    let fs = WatchedFs::new(FirstLogFile::default());
    let store = open_on(&harness, Arc::clone(&fs) as Arc<dyn FileSystem>).unwrap();
    let services = Services::new(Handle::current());
    store.start(&services).unwrap();
    let clock = SystemClock::new();
    let mut waits = Vec::new();
    // Small ones one by one, and then many at a time.
    for burst in [1, 1, 1, 1, 1, 5, 5, 5, 5] {
        let mut last = 0;
        for _ in 0..burst {
            last = store.put(&[message(TOPIC, 0, 0)]).unwrap().phy_offset as usize;
        }
        let put = clock.monotonic();
        let is_on_disk = || {
            let file = fs.watcher.0.lock().unwrap();
            file.get(last..last + 4).is_some_and(|size| size != [0; 4])
        };
        while !is_on_disk() {
            assert!(clock.monotonic() < put + Duration::from_secs(60), "not on the disk for so long");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waits.push(clock.monotonic().saturating_sub(put));
    }
    waits.sort_unstable();
    // A busy disk may take a second or two for each.
    assert!(waits[waits.len() / 2] < Duration::from_secs(5), "{waits:?}");
    services.stop(Duration::from_secs(30)).await;
    store.stop().unwrap();
}
