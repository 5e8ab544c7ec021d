//! Stores with timed messages.

use std::path::PathBuf;

use common::names::TIMER_TOPIC;

use super::{
    FindingKind as Kind,
    Severity::{Damage, Note, Pending},
    checked, content, flip, kinds, stop, write_at,
};
use crate::{
    message_store::tests::harness::{Harness, NOW, message},
    timer::{Flushed, Kind as BlockKind, NewTimer, TimerOptions, TimerStore},
};

/// Twenty blocks and the mark of the end.
const LOG_FILE_BYTES: u64 = 20 * 52 + 40;

/// A stopped store of 30 timed messages, three to a slot.
fn timed_store() -> Harness {
    let harness = Harness::new();
    let store = harness.open();
    for number in 0..30 {
        let _durability = store.put(&[message(TIMER_TOPIC, 0, number)]).unwrap().durability;
    }
    // The timer's files speak of what is durable only.
    stop(store);
    let store = harness.open();
    let options = TimerOptions { log_file_size_bytes: LOG_FILE_BYTES, precision_millis: 1_000 };
    let (timers, _) = TimerStore::open(&store, &options, NOW).unwrap();
    for (queue_offset, unit) in (0..).zip(store.queue_units(TIMER_TOPIC, 0, 0, 30)) {
        let timer = NewTimer {
            slot_millis: NOW + 60_000 + queue_offset / 3 * 1_000,
            enqueue_millis: NOW,
            kind: BlockKind { rolls: false, cancels: false },
            phy_offset: unit.phy_offset,
            size_bytes: unit.size_bytes,
            queue_offset,
            topic: super::TOPIC,
        };
        timers.put(&timer).unwrap();
    }
    assert_eq!(timers.flush(NOW).unwrap(), Flushed::Everything);
    drop(timers);
    stop(store);
    harness
}

/// Where the slot of the first three messages is.
fn first_slot() -> u64 {
    ((NOW + 60_000) / 1_000).rem_euclid(7 * 86_400 * 2) as u64 * 32
}

#[test]
fn timed_messages_are_clean_and_stay_as_they_are() {
    let harness = timed_store();
    let before = content(harness.root());
    let report = checked(&harness);
    assert!(report.findings.kept().is_empty(), "{:#?}", report.findings);
    let timer = &report.timer;
    assert_eq!((timer.file_count, timer.block_count, timer.slot_count), (2, 30, 10));
    assert!(content(harness.root()) == before);
}

/// A flipped bit is found, with the file and the position of what it is in.
fn assert_found(harness: &Harness, kind: Kind, path: &PathBuf, (position, field): (u64, u64)) {
    flip(path, position + field);
    let report = checked(harness);
    let is_it = |finding: &&crate::offline::Finding| {
        (finding.severity, finding.kind, &finding.path, finding.position)
            == (Damage, kind, path, Some(position))
    };
    assert!(report.findings.kept().iter().any(|finding| is_it(&finding)), "{field}: {:#?}", report.findings);
    flip(path, position + field);
}

#[test]
fn a_bit_of_a_block_is_found() {
    let harness = timed_store();
    let path = harness.root().join("timerlog/00000000000000000000");
    // Size, position of the block before, magic, physical offset, record size.
    for field in [3, 10, 11, 12, 34, 35, 39] {
        assert_found(&harness, Kind::TimerLog, &path, (7 * 52, field));
    }
    let second = harness.root().join("timerlog").join(format!("{LOG_FILE_BYTES:020}"));
    assert_found(&harness, Kind::TimerLog, &second, (52, 3));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [0; 100]).unwrap();
    assert!(kinds(&checked(&harness)).contains(&(Damage, Kind::TimerLog)));
}

#[test]
fn a_bit_of_a_slot_is_found() {
    let harness = timed_store();
    let path = harness.root().join("timerwheel");
    // Moment, first and last block, number of messages.
    for field in [0, 6, 7, 15, 22, 23, 24] {
        assert_found(&harness, Kind::TimerWheel, &path, (first_slot(), field));
    }
    // The slot of a message, in the timer log.
    let log = harness.root().join("timerlog/00000000000000000000");
    flip(&log, 26);
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::TimerWheel)]);
    flip(&log, 26);
    std::fs::write(&path, [0; 320]).unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::TimerWheel)]);
}

#[test]
fn a_bit_of_the_checkpoint_is_found() {
    let harness = timed_store();
    let path = harness.root().join("config/timercheck");
    // Up to where the timer log is durable, and a byte of what only we write.
    assert_found(&harness, Kind::TimerCheckpoint, &path, (8, 4));
    assert_found(&harness, Kind::TimerCheckpoint, &path, (2048, 70));
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20).unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::TimerCheckpoint)]);
}

#[test]
fn a_crash_takes_blocks_from_behind_the_checkpoint_only() {
    let harness = timed_store();
    let path = harness.root().join("timerlog").join(format!("{LOG_FILE_BYTES:020}"));
    std::fs::write(harness.root().join("abort"), "77").unwrap();
    write_at(&path, 10 * 52, b"torn");
    assert_eq!(kinds(&checked(&harness)), [(Pending, Kind::TimerLog), (Note, Kind::Abort)]);
    write_at(&path, 9 * 52, &[0; 52]);
    assert!(kinds(&checked(&harness)).contains(&(Pending, Kind::TimerWheel)));
    write_at(&path, 3 * 52, b"torn");
    assert!(kinds(&checked(&harness)).contains(&(Damage, Kind::TimerLog)));
}
