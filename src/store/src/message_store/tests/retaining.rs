use std::{os::unix::fs::MetadataExt, path::Path, time::Duration};

use super::harness::{Harness, assert_holds, consume, get, put_many};
use crate::{
    error::{PutError, Unavailable},
    get::GetStatus,
};

/// Beyond the time of day the files really have.
const FAR: i64 = 4_000_000_000_000;

#[test]
fn expired_files_go_and_their_queue_places_with_them() {
    let mut harness = Harness::new();
    harness.options.delete_file_batch_max = 2;
    harness.clock.jump_to(FAR);
    let store = harness.open();
    put_many(&store, "t", 0..400);
    store.clean();
    assert_eq!(store.min_phy_offset(), 0);
    harness.clock.advance(Duration::from_secs(72 * 3_600));
    store.clean();
    assert_eq!(store.min_phy_offset(), 0, "not the hour");
    store.delete_expired_files_now();
    store.clean();
    assert_eq!(store.min_phy_offset(), 2 * 65_536);
    assert!(!harness.log_file(0).exists());
    let min = store.min_offset("t", 0).unwrap();
    assert!(min > 0);
    let result = get(&store, "t", 0, 0);
    assert_eq!((result.status, result.next_begin_offset), (GetStatus::OffsetTooSmall, min));
    assert_eq!(consume(&store, "t", 0).len() as i64, 200 - min);
    for _ in 0..5 {
        store.clean();
    }
    let last_file = store.min_phy_offset();
    assert!(last_file < store.max_phy_offset(), "the last file stays");
    put_many(&store, "t", 400..410);
    store.stop().unwrap();
    drop(store);
    let store = harness.open();
    assert_eq!(store.min_phy_offset(), last_file);
    assert_eq!(store.max_offset("t", 0), Some(205));
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing() {
    let harness = Harness::new();
    harness.clock.jump_to(FAR);
    let store = harness.open();
    put_many(&store, "t", 0..400);
    store.clean();
    harness.clock.jump_to(FAR + 365 * 24 * 3_600_000);
    store.delete_expired_files_now();
    for _ in 0..20 {
        store.clean();
    }
    assert_eq!(store.min_phy_offset(), 0);
    assert_holds(&store, "t", 0..400);
}

#[test]
fn a_mount_beyond_its_limit_is_relieved_and_named() {
    let mut harness = Harness::new();
    harness.options.disk_min_free_bytes = Some(1);
    let store = harness.open();
    put_many(&store, "t", 0..400);
    drop(store);
    harness.options.disk_min_free_bytes = Some(u64::MAX / 4);
    let store = harness.open();
    let refused = store.put(&[super::harness::message("t", 0, 1)]);
    let Err(PutError::ServiceNotAvailable(Unavailable::NoSpace { mount, .. })) = refused else {
        panic!("{refused:?}");
    };
    let device = |path: &Path| std::fs::metadata(path).unwrap().dev();
    assert!(harness.root().starts_with(&mount) && device(&mount) == device(harness.root()), "{mount:?}");
    assert!(mount.parent().is_none_or(|above| device(above) != device(&mount)), "{mount:?}");
    store.clean();
    assert!(store.min_phy_offset() > 0, "the oldest files go whatever their age");
    assert!(harness.log_file(store.min_phy_offset()).exists());
}

#[test]
fn forced_deletion_can_be_switched_off() {
    let mut harness = Harness::new();
    harness.options.clean_file_forcibly = crate::options::Switch::Off;
    harness.options.disk_min_free_bytes = Some(u64::MAX / 4);
    harness.options.disk_min_free_bytes = None;
    let store = harness.open();
    put_many(&store, "t", 0..400);
    drop(store);
    harness.options.disk_min_free_bytes = Some(u64::MAX / 4);
    let store = harness.open();
    store.clean();
    assert_eq!(store.min_phy_offset(), 0);
}

#[test]
fn queues_without_messages_are_removed_when_asked_and_begin_again() {
    let harness = Harness::new();
    harness.clock.jump_to(FAR);
    let store = harness.open();
    put_many(&store, "old", 0..10);
    put_many(&store, "t", 0..400);
    store.clean();
    harness.clock.advance(Duration::from_secs(72 * 3_600));
    store.delete_expired_files_now();
    store.clean();
    assert!(store.min_phy_offset() > 0);
    assert_eq!(store.clean_expired_queues(|topic| topic == "old"), 0, "kept");
    assert_eq!(store.clean_expired_queues(|_| false), 2, "both queues of the topic");
    assert_eq!((store.max_offset("old", 0), store.max_offset("t", 0)), (None, Some(200)));
    assert_eq!(store.look_at_queue("t", 0, 0, 1).map(|look| look.units), Some(None), "before the first");
    let looked = store.look_at_queue("t", 0, 199, 5).and_then(|look| look.units).unwrap();
    assert_eq!(looked.len(), 1);
    put_many(&store, "old", 0..2);
    assert_eq!(store.max_offset("old", 0), Some(1));
    assert_holds(&store, "old", 0..2);
}

#[test]
fn an_open_store_keeps_its_files_and_changes_its_limits() {
    let harness = Harness::new();
    let store = harness.open();
    let wanted = crate::options::StoreOptions {
        file_reserved_time: Duration::from_secs(1),
        max_message_size_bytes: 1,
        ..crate::options::StoreOptions::at("/elsewhere")
    };
    store.reconfigure(&wanted);
    let options = store.options();
    assert_eq!(options.root_dir, harness.root());
    assert_eq!(options.commit_log_file_size_bytes, harness.options.commit_log_file_size_bytes);
    assert_eq!((options.file_reserved_time, store.max_message_size_bytes()), (Duration::from_secs(1), 1));
    assert!(store.put(&[super::harness::message("t", 0, 100)]).is_err());
}
