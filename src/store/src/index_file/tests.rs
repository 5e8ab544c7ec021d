//! Tests of the index on real files.

use std::{collections::HashMap, path::Path, sync::Arc};

use message::hash::index_key_hash;
use proptest::prelude::*;
use runtime::clock::ManualClock;

use super::*;
use crate::fs::{FileSystem, OpenMode, OsFileSystem};

const SMALL: Layout = Layout { slot_count: 7, item_count: 20 };
const START: i64 = 1_700_000_000_000;
const FOREVER: i64 = i64::MAX;

/// A file of RocketMQ 5.3.3 with 7 slots and 20 items, up to its last item: `key0` to `key4` in turn at 1000,
/// 1100, … every 700 ms, then one more key.
const WRITTEN_BY_ROCKETMQ: &str = "\
    0000018bcfe568000000018bcfe6eab800000000000003e800000000000182b8000000050000000b\
    000000000000000a0000000900000008000000070000000600000000\
    0000000000000000000000000000000000000000\
    62b4514d00000000000003e80000000000000000\
    62b4514c000000000000044c0000000000000000\
    62b4514b00000000000004b00000000100000000\
    62b4514a00000000000005140000000200000000\
    62b4514900000000000005780000000200000000\
    62b4514d00000000000005dc0000000300000001\
    62b4514c00000000000006400000000400000002\
    62b4514b00000000000006a40000000400000003\
    62b4514a00000000000007080000000500000004\
    1cb157f400000000000182b80000006300000005";

fn written_by_rocketmq() -> Vec<u8> {
    let digits: Vec<u8> = WRITTEN_BY_ROCKETMQ.bytes().collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let mut bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    bytes.resize(SMALL.file_bytes() as usize, 0);
    bytes
}

fn open_as(dir: &Path, layout: Layout, recovery: IndexRecovery) -> Result<IndexService, IndexError> {
    let options = IndexOptions { layout, ..IndexOptions::default() };
    IndexService::open(Arc::new(OsFileSystem), dir, options, Arc::new(ManualClock::at(START)), recovery)
}

fn open(dir: &Path) -> IndexService {
    open_as(dir, SMALL, IndexRecovery::AfterCleanStop).unwrap()
}

fn put(index: &IndexService, key: &str, phy_offset: i64, store_timestamp: i64) {
    let request =
        IndexRequest { topic: "TopicTest", uniq_key: Some(key), keys: "", phy_offset, store_timestamp };
    index.put(&request).unwrap();
}

/// What the golden file holds.
fn put_golden(index: &IndexService) {
    for place in 0..9 {
        put(index, &format!("key{}", place % 5), 1_000 + place * 100, START + place * 700);
    }
    put(index, "长长的键", 99_000, START + 99_000);
}

fn find(index: &IndexService, key: &str) -> Vec<i64> {
    index.query("TopicTest", key, 64, 0, FOREVER).unwrap().phy_offsets
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = OsFileSystem.read_dir(dir).unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

fn content(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join(names(dir).first().unwrap())).unwrap()
}

#[test]
fn a_file_of_rocketmq_is_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("20231114221320000"), written_by_rocketmq()).unwrap();
    let index = open(dir.path());
    assert_eq!(find(&index, "key0"), [1_500, 1_000]);
    assert_eq!(find(&index, "key4"), [1_400]);
    assert_eq!(find(&index, "长长的键"), [99_000]);
    assert_eq!(find(&index, "key5"), Vec::<i64>::new());
    assert_eq!(index.end_phy_offset(), Some(99_000));
    put(&index, "key0", 99_100, START + 100_000);
    assert_eq!(find(&index, "key0"), [99_100, 1_500, 1_000]);
}

#[test]
fn the_same_keys_make_the_same_file_as_rocketmq() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    put_golden(&index);
    let flushed = index.flush().unwrap();
    assert_eq!(flushed, Some(IndexFlushed { end_phy_offset: 99_000, end_timestamp: START + 99_000 }));
    assert_eq!(names(dir.path()), ["20231114221320000"]);
    assert_eq!(content(dir.path()), written_by_rocketmq());
}

#[test]
fn keys_are_found_before_and_after_a_flush_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let request = IndexRequest {
        topic: "TopicTest",
        uniq_key: Some("uniq"),
        keys: " a  b ",
        phy_offset: 0,
        store_timestamp: START,
    };
    index.put(&request).unwrap();
    put(&index, "a", 100, START + 1_000);
    for _ in 0..2 {
        assert_eq!(find(&index, "uniq"), [0]);
        assert_eq!(find(&index, "a"), [100, 0]);
        assert_eq!(find(&index, "b"), [0]);
        assert_eq!(find(&index, ""), Vec::<i64>::new());
        index.flush().unwrap();
    }
    let result = open(dir.path()).query("TopicTest", "a", 1, 0, FOREVER).unwrap();
    let expected = IndexQueryResult {
        phy_offsets: vec![100],
        index_last_update_timestamp: START + 1_000,
        index_last_update_phy_offset: 100,
    };
    assert_eq!(result, expected);
    assert_eq!(index.query("Other", "a", 9, 0, FOREVER).unwrap().phy_offsets, Vec::<i64>::new());
}

#[test]
fn an_empty_index_knows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir.path().join("index"));
    assert_eq!(index.query("t", "k", 9, 0, FOREVER).unwrap(), IndexQueryResult::default());
    assert_eq!((index.end_phy_offset(), index.flush().unwrap()), (None, None));
    assert!(!dir.path().join("index").exists());
}

#[test]
fn times_bound_a_query() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    for place in 0..10 {
        put(&index, "k", place, START + place * 1_000);
    }
    let within = |begin: i64, end: i64| {
        index.query("TopicTest", "k", 64, START + begin, START + end).unwrap().phy_offsets
    };
    assert_eq!(within(3_000, 5_000), [5, 4, 3]);
    assert_eq!(within(-9, 1_500), [1, 0]);
    assert_eq!(within(9_001, 99_000), Vec::<i64>::new());
    assert_eq!(within(-9, -1), Vec::<i64>::new());
    assert_eq!(within(-1, 99_000).len(), 10);
}

#[test]
fn files_roll_and_expire_but_the_last_stays() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    for place in 0..100 {
        put(&index, "k", place, START + place * 1_000);
    }
    // The clock stands still: names ascend all the same. A file takes 19 items.
    assert_eq!(index.file_count(), 6);
    assert_eq!(names(dir.path()).last().unwrap(), "20231114221320005");
    assert_eq!(index.total_bytes(), 6 * SMALL.file_bytes());
    let newest_first: Vec<i64> = (36..100).rev().collect();
    assert_eq!(find(&index, "k"), newest_first);
    assert_eq!(index.delete_below(18).unwrap(), 0);
    assert_eq!(index.delete_below(19).unwrap(), 1);
    assert_eq!(index.delete_below(i64::MAX).unwrap(), 4);
    assert_eq!(names(dir.path()), ["20231114221320005"]);
    index.flush().unwrap();
    assert_eq!(find(&open(dir.path()), "k"), [99, 98, 97, 96, 95]);
}

#[test]
fn a_record_put_again_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    for before in 14..19 {
        let dir = dir.path().join(before.to_string());
        let index = open(&dir);
        for place in 0..before {
            put(&index, "other", place, START);
        }
        let request = IndexRequest {
            topic: "TopicTest",
            uniq_key: Some("uniq"),
            keys: "a a b",
            phy_offset: 1_000,
            store_timestamp: START,
        };
        index.put(&request).unwrap();
        index.put(&request).unwrap();
        index.flush().unwrap();
        let index = open(&dir);
        index.put(&request).unwrap();
        put(&index, "other", 5, START);
        assert_eq!(find(&index, "uniq"), [1_000]);
        assert_eq!(find(&index, "a"), [1_000, 1_000], "as often as the record names it");
        assert_eq!(find(&index, "b"), [1_000]);
        assert_eq!(find(&index, "other").len(), before as usize);
    }
}

#[test]
fn after_a_crash_the_rest_is_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    for place in 0..5 {
        put(&index, &format!("k{place}"), place, START);
    }
    index.flush().unwrap();
    let header = content(dir.path()).get(..40).unwrap().to_vec();
    for place in 5..12 {
        put(&index, &format!("k{}", place % 5), place, START);
    }
    index.flush().unwrap();
    drop(index);
    // Items and slots reached the disk, the header did not.
    let name = names(dir.path()).remove(0);
    let file = OsFileSystem.open(&dir.path().join(name), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&header, 0).unwrap();

    let index = open_as(dir.path(), SMALL, IndexRecovery::AfterCrash).unwrap();
    assert_eq!(index.end_phy_offset(), Some(4));
    for place in 0..5 {
        assert_eq!(find(&index, &format!("k{place}")), [place]);
    }
    for place in 4..12 {
        put(&index, &format!("k{}", place % 5), place, START);
    }
    assert_eq!(find(&index, "k0"), [10, 5, 0]);
    assert_eq!(find(&index, "k4"), [9, 4]);
}

#[test]
fn after_a_crash_of_rocketmq_files_ahead_of_the_checkpoint_go() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    for place in 0..50 {
        put(&index, "k", place, START + place * 1_000);
    }
    index.flush().unwrap();
    let recovery = IndexRecovery::RemoveNewerThan { index_msg_timestamp: START + 18_000 };
    let index = open_as(dir.path(), SMALL, recovery).unwrap();
    assert_eq!((index.file_count(), index.end_phy_offset()), (1, Some(18)));
    assert_eq!(names(dir.path()).len(), 1);
}

#[test]
fn a_file_of_another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("20231114221320000"), written_by_rocketmq()).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "not an index file").unwrap();
    let other = Layout { slot_count: 7, item_count: 21 };
    let refused = open_as(dir.path(), other, IndexRecovery::AfterCleanStop).unwrap_err();
    assert!(matches!(refused, IndexError::FileSize { len_bytes: 468, file_bytes: 488, .. }), "{refused}");
    let none = Layout { slot_count: 0, item_count: 20 };
    assert!(matches!(open_as(dir.path(), none, IndexRecovery::AfterCleanStop), Err(IndexError::Layout)));
    // An empty file is one whose creation a crash cut short.
    std::fs::write(dir.path().join("20231114221320001"), "").unwrap();
    let index = open(dir.path());
    assert_eq!((index.file_count(), index.end_phy_offset()), (2, Some(99_000)));
    put(&index, "key0", 99_100, START + 100_000);
    assert_eq!(find(&index, "key0"), [99_100, 1_500, 1_000]);
}

#[test]
fn damage_neither_loops_nor_fails() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("20231114221320000");
    let mut bytes = written_by_rocketmq();
    // Item 6, the newest of key0's slot, points at itself.
    bytes[68 + 6 * 20 + 16..68 + 7 * 20].copy_from_slice(&6_u32.to_be_bytes());
    std::fs::write(&name, &bytes).unwrap();
    assert_eq!(find(&open(dir.path()), "key0"), [1_500]);
}

#[test]
fn queries_beside_building_see_every_record_put_before() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout { slot_count: 3_000, item_count: 9_000 };
    let index = &open_as(dir.path(), layout, IndexRecovery::AfterCleanStop).unwrap();
    put(index, "k", 0, START);
    let done = &std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for place in 1..20_000 {
                put(index, &format!("k{place}"), place, START);
                if place % 997 == 0 {
                    index.flush().unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let end = index.end_phy_offset().unwrap();
            assert_eq!(find(index, "k"), [0]);
            if end > 0 {
                // The last one may be half put.
                assert!(end == 1 || find(index, &format!("k{}", end - 1)).contains(&(end - 1)));
            }
        }
    });
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>),
    Flush,
    Reopen,
    Crash,
    Query(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..12_u8, 0..4).prop_map(Step::Put),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        4 => (0..12_u8, 0..70_usize).prop_map(|(key, count)| Step::Query(key, count)),
    ]
}

fn put_keys(index: &IndexService, keys: &[u8], phy_offset: i64) {
    let keys: Vec<String> = keys.iter().map(|key| format!("k{key}")).collect();
    let request = IndexRequest {
        topic: "TopicTest",
        uniq_key: None,
        keys: &keys.join(" "),
        phy_offset,
        store_timestamp: START + phy_offset,
    };
    index.put(&request).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_index_behaves_as_a_map(steps in prop::collection::vec(step(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let mut index = open(dir.path());
        let mut records: Vec<Vec<u8>> = Vec::new();
        for step in &steps {
            match step {
                Step::Put(keys) => {
                    // A record of several keys may be put again: each is there once.
                    let mut keys = keys.clone();
                    keys.sort_unstable();
                    keys.dedup();
                    put_keys(&index, &keys, records.len() as i64);
                    records.push(keys);
                }
                Step::Flush => {
                    index.flush().unwrap();
                }
                Step::Reopen => {
                    index.flush().unwrap();
                    index = open(dir.path());
                }
                Step::Crash => {
                    drop(index);
                    index = open_as(dir.path(), SMALL, IndexRecovery::AfterCrash).unwrap();
                    let from = index.end_phy_offset().unwrap_or(0);
                    for (phy_offset, keys) in records.iter().enumerate().skip(from as usize) {
                        put_keys(&index, keys, phy_offset as i64);
                    }
                }
                Step::Query(key, count) => {
                    let mut with_key: HashMap<u8, Vec<i64>> = HashMap::new();
                    for (phy_offset, keys) in records.iter().enumerate().rev() {
                        for key in keys {
                            with_key.entry(*key).or_default().push(phy_offset as i64);
                        }
                    }
                    let mut expected = with_key.remove(key).unwrap_or_default();
                    expected.truncate((*count).min(64));
                    let found = index.query("TopicTest", &format!("k{key}"), *count, 0, FOREVER).unwrap();
                    prop_assert_eq!(found.phy_offsets, expected);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_an_index_file(bytes in prop::collection::vec(any::<u8>(), 468), recover: bool) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("20231114221320000"), &bytes).unwrap();
        let recovery = if recover { IndexRecovery::AfterCrash } else { IndexRecovery::AfterCleanStop };
        let index = open_as(dir.path(), SMALL, recovery).unwrap();
        index.query("TopicTest", "k", 64, 0, FOREVER).unwrap();
        let phy_offset = index.end_phy_offset().unwrap_or(0).max(0);
        put(&index, "k", phy_offset, START);
        prop_assert!(index_key_hash("TopicTest", "k") >= 0);
        index.flush().unwrap();
    }
}
