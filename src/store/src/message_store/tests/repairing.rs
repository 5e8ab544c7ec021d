use std::os::unix::fs::FileExt;

use super::{
    super::checkpointing::Thoroughness,
    harness::{Harness, assert_holds, consume, flip, get, put_many},
};
use crate::{
    consume_queue::{UNIT_BYTES, Unit},
    get::{EveryMessage, GetRequest, WouldBlock},
    message_store::MessageStore,
};

const TOPIC: &str = "t";

fn write_units(harness: &Harness, from: i64, units: &[u8]) {
    let queue = harness.root().join("consumequeue/t/0").join(format!("{:020}", 0));
    let file = std::fs::File::options().write(true).open(queue).unwrap();
    file.write_all_at(units, from as u64 * UNIT_BYTES as u64).unwrap();
}

fn unit(store: &MessageStore, queue_id: i32, queue_offset: i64) -> Unit {
    store.queue_units(TOPIC, queue_id, queue_offset, 1)[0]
}

/// A store whose queues are in files.
fn written(messages: usize) -> (Harness, std::sync::Arc<MessageStore>) {
    let mut harness = Harness::new();
    harness.options.consume_queue_file_size_bytes = 20 * 1_000;
    let store = harness.open();
    put_many(&store, TOPIC, 0..messages);
    store.flush_queues(Thoroughness::Write);
    (harness, store)
}

#[test]
fn units_that_contradict_the_log_are_put_right() {
    let (harness, store) = written(40);
    let right = unit(&store, 0, 7);
    let foreign = unit(&store, 1, 7);
    let wrong = [
        Unit { phy_offset: 0, size_bytes: 0, tags_code: 0 },
        Unit { phy_offset: -5, ..right },
        Unit { phy_offset: right.phy_offset + 1, ..right },
        Unit { phy_offset: 1 << 40, ..right },
        Unit { size_bytes: right.size_bytes - 1, ..right },
        foreign,
        unit(&store, 0, 6),
        unit(&store, 0, 8),
    ];
    for (repaired, wrong) in (1..).zip(wrong) {
        write_units(&harness, 7, &wrong.encode());
        assert_holds(&store, TOPIC, 0..40);
        assert_eq!(unit(&store, 0, 7), right, "instead of {wrong:?}");
        assert_eq!(store.repaired_unit_count(), repaired);
    }
    store.stop().unwrap();
    drop(store);
    assert_holds(&harness.open(), TOPIC, 0..40);
}

#[test]
fn a_lost_page_of_units_is_put_right() {
    // At the start of the queue, in the middle, and at its end, where only the open store knows that it goes on.
    for from in [0, 50, 200] {
        let (harness, store) = written(800);
        write_units(&harness, from, &[0; 4_000]);
        assert_holds(&store, TOPIC, 0..800);
        assert_eq!(store.repaired_unit_count(), 200);
    }
    let (harness, store) = written(800);
    store.stop().unwrap();
    drop(store);
    write_units(&harness, 0, &[0; 1_000]);
    assert_holds(&harness.open(), TOPIC, 0..800);
}

#[test]
fn reading_from_memory_alone_leaves_repairs_to_who_may_wait() {
    let (harness, store) = written(40);
    write_units(&harness, 0, &[0; UNIT_BYTES]);
    let request =
        GetRequest { topic: TOPIC, queue_id: 0, queue_offset: 0, max_count: 32, max_bytes: 1 << 20 };
    assert_eq!(store.get_cached(&request, &EveryMessage).unwrap_err(), WouldBlock);
    assert_eq!(store.get(&request, &EveryMessage).message_count, 20);
    assert_eq!(store.get_cached(&request, &EveryMessage).unwrap().message_count, 20);
}

#[test]
fn what_has_no_record_is_served_around_and_not_looked_for_again() {
    let (harness, store) = written(40);
    let lost = unit(&store, 0, 3);
    flip(&harness.log_file(0), lost.phy_offset as u64 + 100);
    write_units(&harness, 3, &[0; UNIT_BYTES]);
    let queue = store.queue(TOPIC, 0).unwrap();
    assert!(store.may_repair(&queue, 3));
    let found = consume(&store, TOPIC, 0);
    assert_eq!(found.len(), 19);
    assert!(!found.contains(&6) && !store.may_repair(&queue, 3));
    assert_eq!(store.repaired_unit_count(), 0);
    let request = GetRequest { topic: TOPIC, queue_id: 0, queue_offset: 3, max_count: 1, max_bytes: 1 << 20 };
    assert_eq!(store.get_cached(&request, &EveryMessage).unwrap().queue_offsets, [4]);
}

#[test]
fn an_expired_place_is_not_looked_for() {
    let mut harness = Harness::new();
    harness.options.disk_min_free_bytes = Some(1);
    let store = harness.open();
    put_many(&store, TOPIC, 0..400);
    store.flush_queues(Thoroughness::Write);
    assert!(store.log.files().remove_first().unwrap());
    let result = get(&store, TOPIC, 0, 0);
    assert_eq!(store.repaired_unit_count(), 0);
    assert!(store.may_repair(&store.queue(TOPIC, 0).unwrap(), 0), "{result:?}");
}
