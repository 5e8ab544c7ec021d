use std::os::unix::fs::FileExt;

use message::record::RecordView;

use super::{
    super::checkpointing::Thoroughness,
    harness::{Harness, NOW, consume, flip, get, message, put_many},
};
use crate::{
    consume_queue::{Boundary, Unit},
    get::{EveryMessage, GetRequest, GetStatus, MessageFilter, WouldBlock},
    mapped_file::ReadMode,
};

#[test]
fn every_offset_has_its_status() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..100);
    let at = |queue_id, queue_offset| {
        let result = get(&store, "t", queue_id, queue_offset);
        (result.status, result.next_begin_offset)
    };
    assert_eq!(at(0, 0).0, GetStatus::Found);
    assert_eq!(at(0, 50), (GetStatus::OffsetOverflowOne, 50));
    assert_eq!(at(0, 51), (GetStatus::OffsetOverflowBadly, 50));
    assert_eq!(at(0, -1), (GetStatus::OffsetTooSmall, 0));
    assert_eq!(at(7, 3), (GetStatus::NoMatchedLogicQueue, 0));
}

#[test]
fn an_answer_is_limited_but_never_empty() {
    let mut harness = Harness::new();
    harness.options.max_transfer_count_in_memory = 10;
    harness.options.max_transfer_bytes_in_memory = 3_000;
    let store = harness.open();
    for number in [1, 2, 3, 700, 701, 702, 703, 704] {
        let _durability = store.put(&[message("t", 0, number)]).unwrap().durability;
    }
    let ask = |queue_offset, max_count, max_bytes| {
        let request = GetRequest { topic: "t", queue_id: 0, queue_offset, max_count, max_bytes };
        store.get(&request, &EveryMessage).messages.len()
    };
    assert_eq!(ask(0, 2, 1 << 20), 2);
    assert_eq!(ask(0, 1, 0), 1);
    assert_eq!(ask(3, 32, 1_000), 1);
    assert_eq!(ask(3, 32, 1 << 20), 3);
    assert_eq!(ask(0, 0, 0), 1);
}

#[test]
fn messages_side_by_side_leave_in_one_piece() {
    let harness = Harness::new();
    let store = harness.open();
    for (number, queue_id) in [0, 0, 1, 0, 0, 0].into_iter().enumerate() {
        let _durability = store.put(&[message("t", queue_id, number)]).unwrap().durability;
    }
    let result = get(&store, "t", 0, 0);
    assert_eq!((result.messages.len(), result.pieces.len()), (5, 2));
    assert_eq!(result.pieces.concat(), result.messages.concat());
    assert_eq!(result.total_bytes, result.pieces.concat().len());
}

#[derive(Debug)]
struct OnlyTag(i64);

impl MessageFilter for OnlyTag {
    fn matches_consume_queue(&self, tags_code: i64) -> bool {
        tags_code == self.0
    }
    fn matches_commit_log(&self, record: &RecordView<'_>) -> bool {
        record.tags_code() == self.0
    }
}

#[derive(Debug)]
struct NoBody;

impl MessageFilter for NoBody {
    fn matches_consume_queue(&self, _tags_code: i64) -> bool {
        true
    }
    fn matches_commit_log(&self, record: &RecordView<'_>) -> bool {
        record.body().is_empty()
    }
}

#[test]
fn filters_hold_back_and_still_get_on() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..60);
    let request = GetRequest { topic: "t", queue_id: 0, queue_offset: 0, max_count: 32, max_bytes: 1 << 20 };
    let tag = OnlyTag(message::hash::tags_code(Some("Tag1")));
    let result = store.get(&request, &tag);
    assert_eq!(result.status, GetStatus::Found);
    assert!(
        result.messages.iter().all(|record| tag.matches_commit_log(&RecordView::decode(record).unwrap()))
    );
    assert_eq!(result.message_count, result.queue_offsets.len());
    let result = store.get(&request, &NoBody);
    assert_eq!((result.status, result.next_begin_offset), (GetStatus::NoMatchedMessage, 20));
    assert_eq!(result.filtered_count, 20);
    let nothing = store.get(&request, &OnlyTag(1));
    assert_eq!((nothing.status, nothing.filtered_count), (GetStatus::NoMatchedMessage, 0));
}

#[test]
fn messages_are_found_by_time() {
    let harness = Harness::new();
    let store = harness.open();
    for number in 0..30 {
        harness.clock.jump_to(NOW + number as i64 * 10);
        let _durability = store.put(&[message("t", 0, number)]).unwrap().durability;
    }
    let at = |timestamp, boundary| store.offset_by_time("t", 0, NOW + timestamp, boundary).unwrap();
    assert_eq!((at(100, Boundary::Lower), at(101, Boundary::Lower), at(101, Boundary::Upper)), (10, 11, 10));
    assert_eq!((at(9_999, Boundary::Lower), at(-1, Boundary::Lower)), (30, 0));
    assert_eq!(store.offset_by_time("t", 5, NOW, Boundary::Lower), None);
    assert_eq!(store.store_time("t", 0, 7), Some(NOW + 70));
    assert_eq!(store.store_time("t", 0, 30), None);
    assert_eq!(store.earliest_store_time("t", 0), Some(NOW));
    assert_eq!(store.earliest_store_time_of_log(), Some(NOW));
    assert!(store.is_in_memory("t", 0, 0, 32));
    assert!(!store.is_in_memory("t", 0, 30, 1));
}

#[test]
fn messages_are_found_by_key() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..150);
    while store.build_index() {}
    assert_eq!(store.dispatch_behind_bytes(), 0);
    let find = |topic: &str, key: &str| store.query(topic, key, 32, 0, NOW * 2).messages;
    assert_eq!(find("t", "U77").len(), 1);
    assert_eq!(find("t", "key10").len(), 2);
    assert_eq!(find("t", "shared").len(), 32);
    assert!(find("other", "U77").is_empty());
    assert!(find("t", "key10 shared").is_empty());
    assert!(store.query("t", "U77", 32, 0, NOW - 10_000).messages.is_empty());
}

#[test]
fn what_is_no_record_is_not_served() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..10);
    let phy_offset = store.queue_units("t", 0, 2, 1)[0].phy_offset;
    assert!(store.message_at(phy_offset).is_some());
    for wrong in [-1, phy_offset + 1, store.max_phy_offset(), i64::MAX] {
        assert!(store.message_at(wrong).is_none());
    }
    assert!(store.select(phy_offset, 1 << 20).is_none());
    assert_eq!(store.select(phy_offset, 8).unwrap().len(), 8);
}

#[test]
fn a_damaged_record_is_skipped_and_the_others_are_served() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..10);
    let unit = store.queue_units("t", 0, 2, 1)[0];
    let body_at = unit.phy_offset as u64 + 100;
    flip(&harness.log_file(0), body_at);
    assert_eq!(consume(&store, "t", 0), [0, 2, 6, 8]);
    assert_eq!(get(&store, "t", 0, 2).queue_offsets, [3, 4]);
    assert!(store.message_at(unit.phy_offset).is_none());
}

/// As Java's broker leaves it with `enableConsumeQueueExt`.
#[test]
fn tags_behind_an_extension_address_are_those_of_the_record() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..10);
    store.flush_queues(Thoroughness::Write);
    let plain = store.queue_units("t", 0, 2, 1)[0];
    let address = Unit { tags_code: i64::MIN + 96, ..plain };
    let queue = harness.root().join("consumequeue/t/0").join(format!("{:020}", 0));
    let file = std::fs::File::options().write(true).open(queue).unwrap();
    file.write_all_at(&address.encode(), 2 * 20).unwrap();
    assert_eq!(store.queue_units("t", 0, 2, 1), [plain]);
    let request = GetRequest { topic: "t", queue_id: 0, queue_offset: 2, max_count: 1, max_bytes: 1 << 20 };
    let found = |tag| store.get(&request, &OnlyTag(message::hash::tags_code(Some(tag)))).queue_offsets;
    assert_eq!(found("Tag1"), [2], "message 4");
    assert_ne!(found("Tag2"), [2]);
}

/// Drops what the operating system keeps of a file in memory; nobody may have it mapped.
fn evict(path: &std::path::Path) {
    let file = std::fs::File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[test]
fn what_is_on_disk_only_is_not_waited_for() {
    let mut harness = Harness::new();
    harness.options.consume_queue_file_size_bytes = 20 * 1_000;
    let store = harness.open();
    put_many(&store, "t", 0..400);
    store.stop().unwrap();
    drop(store);

    let store = harness.open();
    evict(&harness.log_file(0));
    // A file system in memory keeps everything there.
    if store.log.files().resident_bytes(0, 1) == 0 {
        let request =
            GetRequest { topic: "t", queue_id: 0, queue_offset: 0, max_count: 32, max_bytes: 1 << 20 };
        assert_eq!(store.get_cached(&request, &EveryMessage).unwrap_err(), WouldBlock);
        assert_eq!(store.get(&request, &EveryMessage).message_count, 32);
        assert!(store.get_cached(&request, &EveryMessage).is_ok(), "read meanwhile");
    }
}

/// How much of a file that is mapped here counts as used lately, in KiB.
fn referenced_kib(path: &std::path::Path) -> usize {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let lines = maps.lines().skip_while(|line| !line.ends_with(path.to_str().unwrap()));
    let line = lines.skip(1).find(|line| line.starts_with("Referenced:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_scan_of_old_messages_leaves_their_memory_to_be_given_up_first() {
    for (hot_percent, is_cooled) in [(40, false), (0, true)] {
        let mut harness = Harness::new();
        harness.options.access_in_memory_max_percent = hot_percent;
        harness.options.commit_log_file_size_bytes = 4 << 20;
        harness.options.consume_queue_file_size_bytes = 20 * 10_000;
        let store = harness.open();
        put_many(&store, "t", 0..9_000);
        let (old, new) = (harness.log_file(0), harness.log_file(4 << 20));
        let before = (referenced_kib(&old), referenced_kib(&new));
        assert!(before.0 >= 4_000 && before.1 > 0, "{before:?}");
        let mut queue_offset = 0;
        while store.queue_units("t", 0, queue_offset, 1)[0].phy_offset < 4 << 20 {
            queue_offset = get(&store, "t", 0, queue_offset).next_begin_offset;
        }
        let after = (referenced_kib(&old), referenced_kib(&new));
        // What lies right behind the reader is kept a while longer.
        assert_eq!(after.0 <= 2_048, is_cooled, "{before:?} {after:?}");
        assert!(after.1 >= before.1, "what is new is not touched: {before:?} {after:?}");
    }
}

#[test]
fn without_reading_ahead_a_page_is_a_page() {
    let mut harness = Harness::new();
    harness.options.commit_log_file_size_bytes = 1 << 20;
    let store = harness.open();
    put_many(&store, "t", 0..1_000);
    store.stop().unwrap();
    drop(store);
    let mut brought = Vec::new();
    for read_mode in [ReadMode::Ahead, ReadMode::Random] {
        harness.options.read_mode = read_mode;
        let store = harness.open();
        let file = harness.log_file(0);
        let before = store.log.files().resident_bytes(0, 1 << 19);
        evict(&file);
        if before == 0 || store.log.files().resident_bytes(0, 1) > 0 {
            return;
        }
        assert!(store.select(0, 100).unwrap().iter().any(|byte| *byte != 0));
        brought.push(store.log.files().resident_bytes(0, 1 << 19));
        store.stop().unwrap();
    }
    let page_size = rustix::param::page_size();
    assert!(brought[0] > page_size && brought[1] == page_size, "{brought:?}");
}
