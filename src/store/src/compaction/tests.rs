//! Compacted topics through the store's door: what stays, what a crash leaves, what a Java broker leaves.

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use message::{properties::PropertyString, property_names as names, record::RecordView};

use crate::{
    fs::OsFileSystem,
    get::{EveryMessage, GetRequest, GetResult, GetStatus},
    message_store::{
        Environment, MessageStore,
        tests::harness::{Harness, NOW, copy, flip, message},
    },
    offline::{
        Dumped, FindingKind, Liveness, Quiet, RecordFilter, Severity, SizesFrom, StoreDir, check,
        dump_compacted,
    },
    put::PendingMessage,
    testing::{Switches, WatchedFs},
};

const TOPIC: &str = "Compacted";

/// Queue files of 9 units, log files of 11 times their length: a segment has 9 messages of up to 500 bytes.
fn harness() -> Harness {
    let mut harness = Harness::new();
    harness.options.compaction_queue_file_size_bytes = 460;
    harness.options.compaction_log_file_size_bytes = 460 * 10;
    write_topics(&harness);
    harness
}

fn write_topics(harness: &Harness) {
    fs::create_dir_all(harness.options.config_path()).unwrap();
    let topics = format!(
        r#"{{"topicConfigTable":{{"{TOPIC}":{{"topicName":"{TOPIC}","attributes":{{"cleanup.policy":"COMPACTION"}}}}}}}}"#
    );
    fs::write(harness.options.config_path().join("topics.json"), topics).unwrap();
}

/// A message whose body says its number, with a key of its own choice.
fn keyed(key: &str, number: usize) -> PendingMessage {
    let properties: PropertyString =
        [(names::UNIQ_KEY, format!("U{number}").as_str()), (names::KEYS, key)].into_iter().collect();
    PendingMessage {
        properties,
        tags_code: 0,
        body: format!("message {number}").into_bytes().into(),
        ..message(TOPIC, 0, number)
    }
}

/// The end of a key.
fn tombstone(key: &str) -> PendingMessage {
    PendingMessage { body: Bytes::new(), ..keyed(key, 0) }
}

fn put(store: &MessageStore, message: PendingMessage) {
    let _durability = store.put(&[message]).unwrap().durability;
}

/// Puts messages with the keys `k0`, `k1`, ... in turn.
fn put_numbers(store: &MessageStore, numbers: std::ops::Range<usize>, key_count: usize) {
    for number in numbers {
        put(store, keyed(&format!("k{}", number % key_count), number));
    }
}

fn get(store: &MessageStore, queue_offset: i64) -> GetResult {
    let request = GetRequest { topic: TOPIC, queue_id: 0, queue_offset, max_count: 32, max_bytes: 1 << 20 };
    store.get(&request, &EveryMessage)
}

/// Bodies by queue offset, as a consumer gets them that begins with the first.
fn consume(store: &MessageStore) -> BTreeMap<i64, String> {
    let mut bodies = BTreeMap::new();
    let mut queue_offset = 0;
    loop {
        let result = get(store, queue_offset);
        if !matches!(result.status, GetStatus::Found | GetStatus::MessageWasRemoving) {
            return bodies;
        }
        for (record, offset) in result.messages.iter().zip(&result.queue_offsets) {
            let view = RecordView::decode(record).unwrap();
            assert_eq!((view.queue_offset(), view.topic()), (*offset, TOPIC));
            view.verify_body().unwrap();
            let body = String::from_utf8(view.body().to_vec()).unwrap();
            assert_eq!(bodies.insert(*offset, body), None, "an offset comes once");
        }
        assert!(result.next_begin_offset > queue_offset, "a get always gets on: {result:?}");
        queue_offset = result.next_begin_offset;
    }
}

fn offsets(store: &MessageStore) -> Vec<i64> {
    consume(store).into_keys().collect()
}

fn compact(store: &MessageStore) {
    for log in store.compaction().unwrap().all() {
        store.compaction().unwrap().compact(&log, &|| false);
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn queue_dir(harness: &Harness, kind: &str) -> std::path::PathBuf {
    harness.root().join("compaction").join(kind).join(TOPIC).join("0")
}

#[test]
fn the_newest_message_of_each_key_stays() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..30, 4);
    put(&store, tombstone("k1"));
    put_numbers(&store, 31..50, 3);
    assert_eq!(offsets(&store).len(), 50, "nothing is compacted yet");
    compact(&store);
    // The last of 6 segments, from 45 on, is not compacted. k1 came again after its end.
    let kept: Vec<i64> = offsets(&store).into_iter().filter(|offset| *offset < 45).collect();
    assert_eq!(kept, [27, 42, 43, 44]);
    assert_eq!(offsets(&store)[4..], [45, 46, 47, 48, 49]);
    let position = fs::read_to_string(harness.root().join("compaction/position-checkpoint")).unwrap();
    assert!(position.contains(r#""Compacted_0": 44"#), "{position}");
    // Who asks for what is gone gets the next one that is there; offsets and queries speak of the whole queue.
    assert_eq!(get(&store, 28).queue_offsets, [42, 43, 44]);
    let result = get(&store, 50);
    assert_eq!((result.status, result.min_offset, result.max_offset), (GetStatus::OffsetOverflowOne, 27, 50));
    let result = get(&store, 51);
    assert_eq!((result.status, result.next_begin_offset), (GetStatus::OffsetOverflowBadly, 50));
    assert_eq!((store.min_offset(TOPIC, 0), store.max_offset(TOPIC, 0)), (Some(0), Some(50)));
    compact(&store);
    assert_eq!(offsets(&store).len(), 9, "nothing new, nothing done");
    store.stop().unwrap();
    drop(store);
    let store = harness.open();
    assert_eq!(offsets(&store).len(), 9);
    put_numbers(&store, 50..64, 3);
    compact(&store);
    assert_eq!(offsets(&store)[..4], [27, 60, 61, 62]);
}

#[test]
fn a_key_ends_with_a_message_without_body() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..4, 4);
    put(&store, tombstone("k1"));
    put_numbers(&store, 5..19, 1);
    compact(&store);
    assert_eq!(offsets(&store), [2, 3, 17, 18], "neither 1 nor its end");
}

#[test]
fn a_map_without_room_compacts_step_by_step() {
    let mut harness = harness();
    harness.options.max_offset_map_bytes = 0;
    let store = harness.open();
    put_numbers(&store, 0..330, 150);
    compact(&store);
    let first: Vec<_> = offsets(&store).into_iter().take(3).collect();
    assert_eq!(first, [0, 1, 2], "100 keys had room, and none of them twice");
    for _ in 0..8 {
        compact(&store);
    }
    // 36 complete segments.
    let expected: Vec<i64> = (174..330).collect();
    assert_eq!(offsets(&store), expected);
}

#[test]
fn what_the_commit_log_has_lost_is_still_served() {
    let mut harness = harness();
    harness.options.commit_log_file_size_bytes = 4_096;
    harness.options.delete_file_batch_max = 1_000;
    harness.clock.jump_to(4_000_000_000_000);
    let store = harness.open();
    put_numbers(&store, 0..100, 5);
    compact(&store);
    store.clean();
    harness.clock.advance(Duration::from_secs(72 * 3_600));
    store.delete_expired_files_now();
    store.clean();
    assert!(store.min_offset(TOPIC, 0) > Some(50), "{:?}", store.min_offset(TOPIC, 0));
    let expected = offsets(&store);
    assert!(expected[0] >= 94, "{expected:?}");
    put_numbers(&store, 100..101, 7);
    store.stop().unwrap();
    drop(store);
    assert_eq!(offsets(&harness.open()).len(), expected.len() + 1);
}

#[test]
fn the_commit_log_keeps_what_is_not_copied_durably() {
    let mut harness = harness();
    harness.options.commit_log_file_size_bytes = 4_096;
    harness.options.delete_file_batch_max = 1_000;
    harness.clock.jump_to(4_000_000_000_000);
    let fs = WatchedFs::new(Switches { only_in: "compactionLog", ..Switches::default() });
    let environment = Environment { fs: fs.clone(), ..harness.environment() };
    let store = MessageStore::open(harness.options.clone(), environment).unwrap();
    put_numbers(&store, 0..60, 5);
    fs.watcher.syncs.store(true, Ordering::SeqCst);
    put_numbers(&store, 60..100, 5);
    store.clean();
    harness.clock.advance(Duration::from_secs(72 * 3_600));
    store.delete_expired_files_now();
    store.clean();
    assert_eq!(store.min_phy_offset(), 0, "none is known to be on the disk");
    assert!(store.stop().is_err());
    drop(store);
    let store = harness.open();
    assert_eq!(offsets(&store).len(), 100);
    store.delete_expired_files_now();
    store.clean();
    assert!(store.min_phy_offset() > 0);
}

#[test]
fn a_topic_that_is_deleted_takes_its_copies_along() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..20, 5);
    compact(&store);
    assert_eq!(store.delete_topics(&[TOPIC]), 1);
    for kind in ["compactionLog", "compactionCq", "rewriting"] {
        assert!(!harness.root().join("compaction").join(kind).join(TOPIC).exists());
    }
    put_numbers(&store, 0..3, 5);
    assert_eq!(offsets(&store), [0, 1, 2]);
    compact(&store);
    store.stop().unwrap();
    drop(store);
    assert_eq!(offsets(&harness.open()), [0, 1, 2]);
}

#[test]
fn a_message_without_key_has_no_place() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..2, 5);
    put(&store, keyed("  ", 2));
    put_numbers(&store, 3..4, 5);
    assert_eq!(offsets(&store), [0, 1, 3]);
    store.stop().unwrap();
    drop(store);
    assert_eq!(offsets(&harness.open()), [0, 1, 3]);
    let too_long = PendingMessage { body: vec![0; 5_000].into(), ..keyed("k", 4) };
    assert!(harness.open().put(&[too_long]).is_err(), "no file has room for it");
}

#[test]
fn compaction_switched_off_serves_the_commit_log() {
    let mut harness = harness();
    harness.options.compaction = crate::options::Switch::Off;
    let store = harness.open();
    put_numbers(&store, 0..12, 2);
    assert_eq!(offsets(&store).len(), 12);
    assert!(!harness.root().join("compaction").exists());
    store.stop().unwrap();
    drop(store);
    harness.options.compaction = crate::options::Switch::On;
    let store = harness.open();
    assert_eq!(offsets(&store).len(), 12, "what was there before is copied");
    compact(&store);
    assert_eq!(offsets(&store), [7, 8, 9, 10, 11]);
}

/// A store with 25 messages in three segments, not stopped.
fn killed_store() -> Harness {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..25, 4);
    store.flush_log();
    store.write_queues();
    harness
}

#[test]
fn a_lost_end_is_copied_again() {
    let source = killed_store();
    for lose in ["compactionLog", "compactionCq"] {
        let left = harness();
        copy(source.root(), left.root());
        let last = names_in(&queue_dir(&left, lose)).pop().unwrap();
        let path = queue_dir(&left, lose).join(last);
        let len = fs::metadata(&path).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        file.set_len(len).unwrap();
        let store = left.open();
        assert_eq!(offsets(&store).len(), 25, "{lose}");
        compact(&store);
        assert_eq!(offsets(&store)[..4], [14, 15, 16, 17], "{lose}");
    }
}

#[test]
fn a_queue_file_that_is_gone_is_made_again() {
    let source = killed_store();
    for name in names_in(&queue_dir(&source, "compactionCq")) {
        let left = harness();
        copy(source.root(), left.root());
        fs::remove_file(queue_dir(&left, "compactionCq").join(&name)).unwrap();
        let store = left.open();
        assert_eq!(offsets(&store).len(), 25, "{name}");
        put_numbers(&store, 25..40, 4);
        assert_eq!(offsets(&store).len(), 40, "{name}");
    }
}

/// As a Java broker does with files that are replaced.
fn rename_replaced(dir: &Path, names: &[String]) {
    for name in names {
        fs::rename(dir.join(name), dir.join(format!("{name}.delete"))).unwrap();
    }
}

#[test]
fn an_exchange_java_was_killed_in_is_undone_or_done() {
    let source = killed_store();
    let store = source.open();
    let before = names_in(&queue_dir(&source, "compactionLog"));
    let old = harness();
    copy(source.root(), old.root());
    compact(&store);
    let (new_log, new_queue) = (queue_dir(&source, "compactionLog"), queue_dir(&source, "compactionCq"));
    let replaced = &before[..2];
    // Its log files renamed, the new ones in their directory still.
    let undone = harness();
    copy(old.root(), undone.root());
    let dir = queue_dir(&undone, "compactionLog");
    fs::create_dir_all(dir.join("compacting")).unwrap();
    rename_replaced(&dir, replaced);
    fs::copy(new_log.join(&before[0]), dir.join("compacting").join(&before[0])).unwrap();
    assert_eq!(offsets(&undone.open()).len(), 25);
    assert_eq!(names_in(&dir.join("compacting")), [""; 0]);
    // New log files, the queue files not yet exchanged.
    let done = harness();
    copy(old.root(), done.root());
    let dir = queue_dir(&done, "compactionLog");
    rename_replaced(&dir, replaced);
    fs::copy(new_log.join(&before[0]), dir.join(&before[0])).unwrap();
    let store = done.open();
    assert_eq!(offsets(&store), [14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
    assert_eq!(names_in(&dir), names_in(&new_log));
    assert_eq!(names_in(&queue_dir(&done, "compactionCq")), names_in(&new_queue));
}

#[test]
fn copies_of_lost_messages_are_dropped() {
    let source = killed_store();
    // The CommitLog lost its end, the copies did not.
    fs::remove_dir_all(source.root().join("consumequeue")).unwrap();
    let log = fs::OpenOptions::new().write(true).open(source.log_file(0)).unwrap();
    let first = fs::read(source.log_file(0)).unwrap();
    let end = RecordView::decode(&first).unwrap().total_size() as u64;
    log.set_len(end).unwrap();
    log.set_len(first.len() as u64).unwrap();
    let store = source.open();
    assert_eq!(offsets(&store), [0]);
    put(&store, keyed("new", 77));
    assert_eq!(consume(&store)[&1], "message 77");
}

#[test]
fn files_of_a_queue_that_is_empty_are_set_aside() {
    let source = killed_store();
    for dir in ["consumequeue", "commitlog"] {
        fs::remove_dir_all(source.root().join(dir)).unwrap();
    }
    let store = source.open();
    assert_eq!(offsets(&store), [0; 0]);
    put_numbers(&store, 0..1, 1);
    assert_eq!(offsets(&store), [0]);
    let aside = source.root().join(format!("compaction/set-aside/{NOW}/{TOPIC}/0/log"));
    assert_eq!(names_in(&aside).len(), 3);
}

#[test]
fn damage_costs_the_message_it_hits_and_stops_compaction() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..25, 4);
    let path = queue_dir(&harness, "compactionLog").join("00000000000000000000");
    flip(&path, 90);
    compact(&store);
    assert_eq!(offsets(&store), (1..25).collect::<Vec<_>>());
    store.stop().unwrap();
    drop(store);
    let store = harness.open();
    assert_eq!(offsets(&store), (1..25).collect::<Vec<_>>());
}

#[test]
fn an_examination_reads_compacted_files() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..50, 4);
    compact(&store);
    store.index_everything();
    store.stop().unwrap();
    drop(store);
    let examine = || {
        let dir = StoreDir::open(Arc::new(OsFileSystem), harness.options.clone(), SizesFrom::Files).unwrap();
        (check(&dir, Liveness::Offline, &Quiet).unwrap(), dir)
    };
    let (report, dir) = examine();
    assert_eq!(report.findings.counts().count(), 0, "{:?}", report.findings);
    let compaction = report.compaction;
    assert_eq!((compaction.queue_count, compaction.file_count, compaction.message_count), (1, 2, 9));
    let mut dumped = Vec::new();
    let filter = RecordFilter { key: Some("k1".to_owned()), ..RecordFilter::default() };
    dump_compacted(&dir, &filter, &Quiet, &mut |record| {
        let Dumped::Record(record) = record else { unreachable!("{TOPIC} is whole") };
        dumped.push(record.queue_offset());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(dumped, [41, 45, 49]);
    drop(dir);
    flip(&queue_dir(&harness, "compactionLog").join("00000000000000000000"), 90);
    let found: Vec<_> = examine().0.findings.counts().collect();
    assert_eq!(found, [(Severity::Damage, FindingKind::Compaction, 1)]);
    fs::remove_file(queue_dir(&harness, "compactionCq").join("00000000000000000000")).unwrap();
    let found: Vec<_> = examine().0.findings.counts().collect();
    assert_eq!(found, [(Severity::Damage, FindingKind::Compaction, 1)], "{found:?}");
}

#[test]
fn readers_and_writers_go_on_while_a_queue_is_compacted() {
    let harness = harness();
    let store = harness.open();
    put_numbers(&store, 0..40, 5);
    std::thread::scope(|scope| {
        let compactor = Arc::clone(&store);
        let compacting = scope.spawn(move || (0..30).for_each(|_| compact(&compactor)));
        let writer = Arc::clone(&store);
        let writing = scope.spawn(move || put_numbers(&writer, 40..400, 5));
        while !(compacting.is_finished() && writing.is_finished()) {
            let bodies = consume(&store);
            // Of each key there is one at any time.
            let keys: std::collections::BTreeSet<_> = bodies.keys().map(|offset| offset % 5).collect();
            assert_eq!(keys.len(), 5);
        }
    });
    compact(&store);
    let offsets = offsets(&store);
    assert!(offsets.len() <= 5 + 9 && offsets.ends_with(&[395, 396, 397, 398, 399]), "{offsets:?}");
}
