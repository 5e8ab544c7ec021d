//! A rebuild that is cut off after any number of changes to the disk.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{TOPIC, assert_sound, copy, stop, stopped_store, store_dir_on};
use crate::{
    fs::{FileSystem, OsFileSystem},
    message_store::tests::harness::{Harness, assert_holds},
    offline::{OfflineError, Quiet, RebuildMode, rebuild_index, rebuild_queues},
    testing::{Op, Verdict, WatchedFs, Watcher},
};

/// After so many changes nothing changes any more.
#[derive(Debug)]
struct CutOff {
    left: AtomicI64,
    can_exchange: bool,
}

impl Watcher for CutOff {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        if op.is_sync() {
            return Verdict::Pretend;
        }
        if op == Op::Exchange && !self.can_exchange {
            return Verdict::Fail(io::ErrorKind::Unsupported.into());
        }
        if op.is_change() && self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Verdict::Fail(io::Error::other("cut off"));
        }
        Verdict::Pass
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
        let cut_off = CutOff { left: AtomicI64::new(count), can_exchange };
        let outcome = rebuild(&harness, WatchedFs::new(cut_off));
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
