use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use runtime::services::Services;
use tokio::runtime::Handle;

use super::harness::{Harness, assert_holds, get, message, put_many};
use crate::{
    error::{PutError, StopError, Unavailable},
    get::GetStatus,
    message_store::{Environment, MessageStore},
    options::{FlushDiskType, Switch},
    put::{Durability, FlushOutcome, WaitStore},
    testing::{Switches, WatchedFs},
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

/// A store whose CommitLog can be made to fail.
fn open_with_switches(harness: &Harness) -> (Arc<WatchedFs<Switches>>, Arc<MessageStore>) {
    let fs = WatchedFs::new(Switches { only_in: "commitlog", ..Switches::default() });
    let environment = Environment { fs: Arc::<WatchedFs<Switches>>::clone(&fs), ..harness.environment() };
    let store = MessageStore::open(harness.options.clone(), environment).unwrap();
    (fs, store)
}

#[tokio::test]
async fn a_failed_fsync_is_never_acked_and_fences_the_store() {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let (fs, store) = open_with_switches(&harness);
    let good = store.put(&[message("t", 0, 0)]).unwrap().durability;
    store.flush_log();
    assert_eq!(good.resolved().await, FlushOutcome::Flushed);
    let bad = store.put(&[message("t", 0, 1)]).unwrap().durability;
    fs.watcher.syncs.store(true, Ordering::SeqCst);
    store.flush_log();
    fs.watcher.syncs.store(false, Ordering::SeqCst);
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
    let (fs, store) = open_with_switches(&harness);
    fs.watcher.reservations.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(
            store.put(&[message("t", 0, 0)]),
            Err(PutError::ServiceNotAvailable(Unavailable::NoSpace { .. }))
        ));
    }
    assert_eq!(store.max_phy_offset(), 0);
    fs.watcher.reservations.store(false, Ordering::SeqCst);
    put_many(&store, "t", 0..300);
    assert_holds(&store, "t", 0..300);
}
