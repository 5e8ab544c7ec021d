use std::fs::OpenOptions;

use super::harness::{Harness, assert_holds, consume, flip, message, put_many};
use crate::{error::OpenError, message_store::MessageStore, options::Switch};

const TOPIC: &str = "TopicTest";

#[test]
fn everything_is_there_after_a_clean_stop() {
    let harness = Harness::new();
    let mut from = 0;
    for round in 1..=4 {
        let store = harness.open();
        assert_holds(&store, TOPIC, 0..from);
        put_many(&store, TOPIC, from..round * 130);
        from = round * 130;
        store.stop().unwrap();
        assert!(!harness.root().join("abort").exists());
    }
    let store = harness.open();
    assert_holds(&store, TOPIC, 0..from);
    assert!(store.damage().is_empty());
    while store.build_index() {}
    assert_eq!(store.dispatch_behind_bytes(), 0);
    assert_eq!(store.query(TOPIC, "U77", 32, 0, i64::MAX).messages.len(), 1);
}

#[test]
fn everything_is_there_after_a_kill_whenever_queues_were_flushed() {
    let harness = Harness::new();
    for round in 0..6_usize {
        let store = harness.open();
        assert!(harness.root().join("abort").exists());
        assert_holds(&store, TOPIC, 0..round * 100);
        put_many(&store, TOPIC, round * 100..round * 100 + 50);
        match round % 3 {
            0 => {}
            1 => store.flush_queues(super::super::checkpointing::Thoroughness::Write),
            _ => {
                store.flush_log();
                while store.build_index() {}
                store.flush_queues(super::super::checkpointing::Thoroughness::Sync);
                store.flush_index();
            }
        }
        put_many(&store, TOPIC, round * 100 + 50..round * 100 + 100);
        drop(store);
    }
    let store = harness.open();
    assert_holds(&store, TOPIC, 0..600);
    while store.build_index() {}
    for number in [0, 77, 333, 599] {
        assert_eq!(store.query(TOPIC, &format!("U{number}"), 32, 0, i64::MAX).messages.len(), 1, "{number}");
    }
}

#[test]
fn a_second_opener_is_refused_and_changes_nothing() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..10);
    let refused = MessageStore::open(harness.options.clone(), harness.environment());
    assert!(matches!(refused, Err(OpenError::InUse { pid: Some(_), .. })));
    put_many(&store, TOPIC, 10..20);
    assert_holds(&store, TOPIC, 0..20);
    store.stop().unwrap();
    drop(store);
    assert_holds(&harness.open(), TOPIC, 0..20);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_durably() {
    let source = Harness::new();
    let store = source.open();
    put_many(&store, TOPIC, 0..9);
    let before_last = store.max_phy_offset() as usize;
    put_many(&store, TOPIC, 9..10);
    let end = store.max_phy_offset() as usize;
    drop(store);
    let whole = std::fs::read(source.log_file(0)).unwrap();
    for cut in before_last..end {
        let harness = Harness::new();
        std::fs::create_dir_all(harness.root().join("commitlog")).unwrap();
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        std::fs::write(harness.log_file(0), &torn).unwrap();
        std::fs::write(harness.root().join("abort"), "1").unwrap();
        let store = harness.open();
        assert_eq!(store.max_phy_offset() as usize, before_last, "cut at {cut}");
        assert_holds(&store, TOPIC, 0..9);
        assert!(store.damage().is_empty());
        drop(store);
        let healed = std::fs::read(harness.log_file(0)).unwrap();
        assert_eq!(healed.len(), whole.len());
        assert!(healed[before_last..].iter().all(|byte| *byte == 0), "cut at {cut}");
    }
}

#[test]
fn what_follows_a_cut_never_comes_back() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..10);
    let before_last = store.max_phy_offset();
    put_many(&store, TOPIC, 10..12);
    drop(store);
    // Both last records are damaged: nothing intact follows, so the log ends before them.
    flip(&harness.log_file(0), before_last as u64 + 100);
    let last = before_last as u64 + record_size(&harness, before_last);
    flip(&harness.log_file(0), last + 100);
    let store = harness.open();
    assert_eq!(store.max_phy_offset(), before_last);
    drop(store);
    flip(&harness.log_file(0), before_last as u64 + 100);
    let store = harness.open();
    assert_eq!(store.max_phy_offset(), before_last);
    assert_holds(&store, TOPIC, 0..10);
}

fn record_size(harness: &Harness, phy_offset: i64) -> u64 {
    let bytes = std::fs::read(harness.log_file(0)).unwrap();
    let at = phy_offset as usize;
    u64::from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
}

#[test]
fn a_flipped_byte_in_the_middle_is_skipped_and_kept() {
    for offset_in_record in [1, 5, 30, 85, 92, 120] {
        let harness = Harness::new();
        let store = harness.open();
        put_many(&store, TOPIC, 0..300);
        let unit = store.queue_units(TOPIC, 0, 20, 1)[0];
        let end = store.max_phy_offset();
        drop(store);
        let base = unit.phy_offset - unit.phy_offset % 65_536;
        let place = (unit.phy_offset - base) as u64 + offset_in_record;
        flip(&harness.log_file(base), place);
        let before = std::fs::read(harness.log_file(base)).unwrap();
        let store = harness.open();
        assert_eq!(store.max_phy_offset(), end, "byte {offset_in_record}");
        let expected: Vec<usize> = (0..300).filter(|number| number % 2 == 0 && *number != 40).collect();
        assert_eq!(consume(&store, TOPIC, 0), expected, "byte {offset_in_record}");
        assert_eq!(consume(&store, TOPIC, 1).len(), 150);
        assert_eq!(store.damage().len(), 1);
        assert_eq!(store.damage()[0].from_phy_offset, unit.phy_offset);
        assert_eq!(store.damage()[0].until_phy_offset, unit.end_phy_offset());
        drop(store);
        assert_eq!(std::fs::read(harness.log_file(base)).unwrap(), before);
    }
}

#[test]
fn a_damaged_record_is_not_served_while_running() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..20);
    let unit = store.queue_units(TOPIC, 0, 4, 1)[0];
    flip(&harness.log_file(0), unit.phy_offset as u64 + 5);
    assert_eq!(consume(&store, TOPIC, 0), [0, 2, 4, 6, 10, 12, 14, 16, 18]);
}

#[test]
fn records_can_carry_a_checksum_that_covers_the_header() {
    let mut harness = Harness::new();
    harness.options.append_properties_crc = Switch::On;
    let store = harness.open();
    put_many(&store, TOPIC, 0..30);
    let unit = store.queue_units(TOPIC, 0, 5, 1)[0];
    drop(store);
    // The queue id: without the checksum nobody would notice.
    flip(&harness.log_file(0), unit.phy_offset as u64 + 15);
    let store = harness.open();
    assert_eq!(store.damage().len(), 1);
    assert_eq!(consume(&store, TOPIC, 0).len(), 14);
}

#[test]
fn an_emptied_log_begins_anew() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..30);
    while store.build_index() {}
    store.stop().unwrap();
    drop(store);
    std::fs::remove_dir_all(harness.root().join("commitlog")).unwrap();
    let store = harness.open();
    assert_eq!(store.max_phy_offset(), 0);
    put_many(&store, TOPIC, 100..120);
    while store.build_index() {}
    assert_holds(&store, TOPIC, 100..120);
    assert_eq!(store.query(TOPIC, "U110", 32, 0, i64::MAX).messages.len(), 1);
}

#[test]
fn files_of_another_size_or_a_missing_one_are_refused() {
    let mut harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..400);
    store.stop().unwrap();
    drop(store);
    harness.options.commit_log_file_size_bytes = 128 * 1024;
    let refused = MessageStore::open(harness.options.clone(), harness.environment());
    assert!(matches!(refused, Err(OpenError::FileSize { len_bytes: 65_536, .. })));
    harness.options.commit_log_file_size_bytes = 64 * 1024;
    std::fs::remove_file(harness.log_file(65_536)).unwrap();
    let refused = MessageStore::open(harness.options.clone(), harness.environment());
    assert!(matches!(refused, Err(OpenError::FileMissing { .. })));
}

#[test]
fn messages_this_store_cannot_see_are_a_reason_not_to_open_it() {
    for (hiding, refused) in
        [("consumequeue/CURRENT", true), ("dledger-n0/data", true), ("config/topics/CURRENT", false)]
    {
        let harness = Harness::new();
        std::fs::create_dir_all(harness.root().join(hiding)).unwrap();
        let opened = MessageStore::open(harness.options.clone(), harness.environment());
        assert_eq!(matches!(opened, Err(OpenError::Unsupported { .. })), refused, "{hiding}");
    }
}

#[test]
fn queues_ahead_of_the_log_are_cut_back() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..10);
    let kept = store.max_phy_offset();
    put_many(&store, TOPIC, 10..20);
    store.flush_queues(super::super::checkpointing::Thoroughness::Write);
    drop(store);
    // A power cut took what was not flushed of the log, but left the queues.
    let file = OpenOptions::new().write(true).open(harness.log_file(0)).unwrap();
    file.set_len(kept as u64).unwrap();
    file.set_len(65_536).unwrap();
    let store = harness.open();
    assert_eq!(store.max_phy_offset(), kept);
    assert_holds(&store, TOPIC, 0..10);
    let appended = store.put(&[message(TOPIC, 0, 50)]).unwrap();
    assert_eq!(appended.queue_offset, 5);
    assert_eq!(consume(&store, TOPIC, 0).len(), 6);
}
