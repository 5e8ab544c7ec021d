//! Messages with extensions beside their units: filtered by their bits, across restarts and crashes.

use std::sync::Arc;

use message::record::RecordView;

use super::{
    super::checkpointing::Thoroughness,
    harness::{Harness, message},
};
use crate::{
    consume_queue_ext::FilterBitMap,
    get::{GetRequest, GetStatus, MessageFilter},
    message_store::{Environment, MessageStore},
    options::{FlushDiskType, Switch},
};

/// One bit for every third message.
#[derive(Debug)]
struct OneBit;

impl FilterBitMap for OneBit {
    fn bit_map(&self, _topic: &str, properties: &[u8]) -> Option<Vec<u8>> {
        Some(vec![u8::from(properties.windows(4).any(|window| window == b"Tag0"))])
    }
}

/// Takes what has that bit, and never looks at the message.
#[derive(Debug)]
struct ByBit;

impl MessageFilter for ByBit {
    fn matches_consume_queue(&self, _tags_code: i64) -> bool {
        true
    }

    fn matches_bit_map(&self, store_timestamp: i64, bit_map: &[u8]) -> bool {
        assert!(store_timestamp > 0);
        bit_map.first().is_none_or(|bits| bits & 1 == 1)
    }

    fn matches_commit_log(&self, _record: &RecordView<'_>) -> bool {
        true
    }
}

fn open(harness: &Harness) -> Arc<MessageStore> {
    let environment = Environment { bit_maps: Arc::new(OneBit), ..harness.environment() };
    MessageStore::open(harness.options.clone(), environment).unwrap()
}

fn put(store: &MessageStore, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let _durability = store.put(&[message("T", 0, number)]).unwrap().durability;
    }
}

fn found(store: &MessageStore) -> Vec<i64> {
    let request = GetRequest { topic: "T", queue_id: 0, queue_offset: 0, max_count: 32, max_bytes: 1 << 20 };
    let result = store.get(&request, &ByBit);
    assert_eq!((result.status, result.next_begin_offset), (GetStatus::Found, result.max_offset));
    result.queue_offsets
}

fn extended() -> Harness {
    let mut harness = Harness::new();
    harness.options.consume_queue_ext = Switch::On;
    harness.options.consume_queue_ext_file_size_bytes = 1024;
    harness
}

#[test]
fn messages_are_held_back_by_their_bits_before_and_after_a_restart() {
    let harness = extended();
    let store = open(&harness);
    put(&store, 0..10);
    assert_eq!(found(&store), [0, 3, 6, 9]);
    store.stop().unwrap();
    drop(store);
    let store = open(&harness);
    put(&store, 10..13);
    assert_eq!(found(&store), [0, 3, 6, 9, 12]);
    assert_eq!(store.delete_topics(&["T"]), 1);
    assert!(!harness.root().join("consumequeue_ext/T").exists());
}

#[test]
fn bits_of_before_a_crash_hold_nothing_back() {
    let harness = extended();
    let store = open(&harness);
    put(&store, 0..4);
    store.flush_log();
    store.flush_queues(Thoroughness::Sync);
    put(&store, 4..7);
    store.flush_queues(Thoroughness::Write);
    put(&store, 7..9);
    drop(store);
    let store = open(&harness);
    put(&store, 9..13);
    // Known to be on disk: the first four. Dispatched again, perhaps over bits that were lost: to the eighth.
    assert_eq!(found(&store), [0, 3, 4, 5, 6, 7, 8, 9, 12]);
}

#[test]
fn units_that_wait_for_the_flush_have_bits_too() {
    let mut harness = extended();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let store = open(&harness);
    put(&store, 0..7);
    store.flush_log();
    assert_eq!(found(&store), [0, 3, 6]);
}

#[test]
fn extensions_that_are_gone_are_not_missed() {
    let mut harness = extended();
    let store = open(&harness);
    put(&store, 0..4);
    store.stop().unwrap();
    drop(store);
    std::fs::remove_dir_all(harness.root().join("consumequeue_ext")).unwrap();
    harness.options.consume_queue_ext = Switch::Off;
    let store = open(&harness);
    put(&store, 4..6);
    assert_eq!(found(&store), [0, 1, 2, 3, 4, 5]);
}
