//! Many queues, failing disks and several threads.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{super::table::WALK_THREADS, *};
use crate::testing::{Op, Switches, Verdict, WatchedFs, Watcher};

#[test]
fn many_queues_need_few_open_files() {
    let dir = tempfile::tempdir().unwrap();
    let fs = WatchedFs::new(Switches::default());
    let (queue_count, limit) = (5_000, 16);
    let table = open_with(fs.clone(), dir.path(), limit);
    for topic in 0..queue_count / 8 {
        for queue_id in 0..8 {
            fill(&table, &format!("topic-{topic}"), queue_id, 0..2);
        }
    }
    assert_eq!(table.write_tails().unwrap().queue_count, queue_count);
    assert_eq!(table.open_file_count(), limit);
    drop(table);
    let table = open_with(fs.clone(), dir.path(), limit);
    assert_eq!((fs.open_files(), table.queue_count()), (0, queue_count));
    assert_eq!(table.max_phy_offset().unwrap(), Some(nth(1).end_phy_offset()));
    assert_eq!(table.next_queue_offset("topic-17", 3).unwrap(), 2);
    // Each thread that goes through all queues may use a file that another has pushed out, and have one more open for as
    // long as it takes to close another.
    assert!(fs.most_open_files() <= limit + 2 * WALK_THREADS, "{}", fs.most_open_files());
}

#[test]
fn what_could_not_be_written_is_kept_and_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let fs = WatchedFs::new(Switches::default());
    let table = open_with(fs.clone(), dir.path(), 4);
    fill(&table, "t", 0, 0..9);
    fs.watcher.writes.store(true, Ordering::SeqCst);
    assert!(matches!(table.flush(), Err(FlushError::Write { queue_id: 0, .. })));
    assert_eq!(table.dirty_queue_count(), 1);
    fs.watcher.writes.store(false, Ordering::SeqCst);
    fill(&table, "t", 0, 9..10);
    assert_eq!(table.flush().unwrap().unit_count, 10);
    assert_eq!(queue(&table).read(0, 99).unwrap(), (0..10).map(nth).collect::<Vec<_>>());
}

#[test]
fn after_a_failed_fsync_nothing_is_called_durable() {
    let dir = tempfile::tempdir().unwrap();
    let fs = WatchedFs::new(Switches::default());
    let table = open_with(fs.clone(), dir.path(), 4);
    fill(&table, "t", 0, 0..9);
    fs.watcher.syncs.store(true, Ordering::SeqCst);
    assert!(matches!(table.flush(), Err(FlushError::Sync { .. })));
    fs.watcher.syncs.store(false, Ordering::SeqCst);
    assert!(matches!(table.flush(), Err(FlushError::Fenced)));
    table.write_tails().unwrap();
    assert_eq!(bounds(&table), (0, 9));
}

/// Counts syncs by kind; those of mounts fail while that is switched on.
#[derive(Debug, Default)]
struct CountedSyncs {
    files: AtomicUsize,
    dirs: AtomicUsize,
    mounts: AtomicUsize,
    mounts_fail: AtomicBool,
}

impl CountedSyncs {
    fn counts(&self) -> (usize, usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        (count(&self.files), count(&self.dirs), count(&self.mounts))
    }
}

impl Watcher for CountedSyncs {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        let count = match op {
            Op::Sync => &self.files,
            Op::SyncDir => &self.dirs,
            Op::SyncMount => &self.mounts,
            _ => return Verdict::Pass,
        };
        count.fetch_add(1, Ordering::SeqCst);
        match op {
            Op::SyncMount if self.mounts_fail.load(Ordering::SeqCst) => {
                Verdict::Fail(std::io::Error::other("injected"))
            }
            _ => Verdict::Pretend,
        }
    }
}

#[test]
fn more_files_than_may_be_open_are_made_durable_with_their_mount() {
    let dir = tempfile::tempdir().unwrap();
    let fs = WatchedFs::new(CountedSyncs::default());
    let table = open_with(fs.clone(), dir.path(), 4);
    let flush = |queue_count, offset| {
        (0..queue_count).for_each(|queue_id| fill(&table, "t", queue_id, offset..offset + 1));
        assert_eq!(table.flush().unwrap().synced_file_count, queue_count as usize);
        fs.watcher.counts()
    };
    // Four are few: each, and their four directories, the topic's and the root.
    assert_eq!(flush(4, 0), (4, 6, 0));
    assert_eq!(flush(3, 1), (7, 6, 0));
    (3..5).for_each(|queue_id| fill(&table, "t", queue_id, if queue_id == 3 { 1..2 } else { 0..2 }));
    assert_eq!(flush(5, 2), (7, 6, 1));
    fs.watcher.mounts_fail.store(true, Ordering::SeqCst);
    assert_eq!(flush(5, 3), (12, 6, 2));
}

#[test]
fn appending_reading_and_flushing_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let table = &open(dir.path());
    let done = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            fill(table, "t", 0, 0..3_000);
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(move || {
            while !done.load(Ordering::SeqCst) {
                table.flush().unwrap();
            }
        });
        let queue = table.get_or_create("t", 0).unwrap();
        let mut next = 0;
        while next < 3_000 {
            for unit in queue.read(next, 32).unwrap() {
                assert_eq!(unit, nth(next));
                next += 1;
            }
        }
    });
}
