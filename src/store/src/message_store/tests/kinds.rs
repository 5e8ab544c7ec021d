//! Batch queues and light queues in whole stores.

use bytes::{Bytes, BytesMut};
use message::{
    batch::{BatchItem, items, push_item},
    properties::PropertyString,
    property_names as names,
    record::RecordView,
    sys_flag,
};

use super::harness::{Harness, consume, get, message, number_of};
use crate::{
    consume_queue::Boundary,
    error::{IllegalMessage, PutError},
    get::GetStatus,
    message_store::MessageStore,
    options::{FlushDiskType, Switch},
    put::PendingMessage,
};

const TOPIC: &str = "batches";

/// A broker made the topic before.
pub(crate) fn with_batch_topic(harness: &Harness, topic: &str) {
    let config = harness.root().join("config");
    std::fs::create_dir_all(&config).unwrap();
    let batch = format!(r#""{topic}":{{"attributes":{{"queue.type":"BatchCQ"}}}}"#);
    let topics = format!(r#"{{"topicConfigTable":{{{batch},"fed":{{}}}}}}"#);
    std::fs::write(config.join("topics.json"), topics).unwrap();
}

fn batch_harness() -> Harness {
    let harness = Harness::new();
    with_batch_topic(&harness, TOPIC);
    harness
}

fn light_harness() -> Harness {
    let mut harness = Harness::new();
    harness.options.light_queues = Switch::On;
    harness
}

/// An inner batch of messages with these numbers.
fn inner(numbers: std::ops::Range<usize>) -> PendingMessage {
    let mut body = BytesMut::new();
    for number in numbers.clone() {
        let message = message(TOPIC, 0, number);
        assert!(push_item(&mut body, &BatchItem { flag: 0, body: message.body, properties: Bytes::new() }));
    }
    let mut properties = message(TOPIC, 0, numbers.start).properties;
    properties.set(names::INNER_NUM, &numbers.len().to_string());
    PendingMessage {
        sys_flag: sys_flag::INNER_BATCH | sys_flag::NEED_UNWRAP,
        body: body.freeze(),
        properties,
        ..message(TOPIC, 0, numbers.start)
    }
}

/// Puts batches of one to five messages until all of `numbers` are in one.
fn put_batches(store: &MessageStore, numbers: std::ops::Range<usize>) {
    let mut next = numbers.start;
    while next < numbers.end {
        let end = numbers.end.min(next + 1 + next % 5);
        let appended = store.put(&[inner(next..end)]).unwrap();
        assert_eq!((appended.queue_offset, appended.message_count), (next as i64, end - next));
        let _durability = appended.durability;
        next = end;
    }
}

/// The numbers of all messages in the batches of the queue, each at the offset that is its number.
fn unwrapped(store: &MessageStore) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut next = store.min_offset(TOPIC, 0).unwrap();
    while next < store.max_offset(TOPIC, 0).unwrap() {
        let result = get(store, TOPIC, 0, next);
        assert_eq!(result.status, GetStatus::Found);
        for (record, base) in result.messages.iter().zip(&result.queue_offsets) {
            let view = RecordView::decode(record).unwrap();
            assert_eq!(view.property(names::INNER_BASE), Some(base.to_string().as_str()));
            for (queue_offset, item) in (*base..).zip(items(Bytes::copy_from_slice(view.body()))) {
                let number = number_of_body(&item.unwrap().body);
                assert_eq!(queue_offset, number as i64);
                numbers.push(number);
            }
        }
        assert_eq!(result.message_count, numbers.len() - usize::try_from(next).unwrap());
        next = result.next_begin_offset;
    }
    numbers
}

fn number_of_body(body: &[u8]) -> usize {
    str::from_utf8(body).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn batches_take_as_many_offsets_as_they_have_messages() {
    let harness = batch_harness();
    let store = harness.open();
    put_batches(&store, 0..100);
    assert_eq!(unwrapped(&store), (0..100).collect::<Vec<_>>());
    assert_eq!(store.counters().put_messages.load(std::sync::atomic::Ordering::Relaxed), 100);
    assert!(harness.heard.0.lock().contains(&(TOPIC.into(), 0, 100)));
    // A message that is no batch is one of its own, and a get that begins within a batch gets all of it.
    assert_eq!(store.put(&[message(TOPIC, 0, 100)]).unwrap().queue_offset, 100);
    assert_eq!(get(&store, TOPIC, 0, 100).messages.len(), 1);
    assert_eq!(get(&store, TOPIC, 0, 99).queue_offsets.last(), Some(&100));
    let found = store.offset_by_time(TOPIC, 0, i64::MAX, Boundary::Lower);
    assert_eq!(found, Some(100));
}

#[test]
fn batches_are_there_after_stops_and_kills() {
    let harness = batch_harness();
    let store = harness.open();
    put_batches(&store, 0..100);
    store.write_queues();
    put_batches(&store, 100..150);
    drop(store);
    let store = harness.open();
    put_batches(&store, 150..200);
    store.stop().unwrap();
    drop(store);
    let store = harness.open();
    assert_eq!(unwrapped(&store), (0..200).collect::<Vec<_>>());
    drop(store);
    std::fs::remove_dir_all(harness.root().join("batchconsumequeue")).unwrap();
    std::fs::remove_file(harness.root().join("checkpoint")).unwrap();
    let store = harness.open();
    assert_eq!(unwrapped(&store), (0..200).collect::<Vec<_>>());
    assert!(!harness.root().join("consumequeue").join(TOPIC).exists());
}

#[test]
fn batches_show_when_they_are_flushed() {
    let mut harness = batch_harness();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let store = harness.open();
    put_batches(&store, 0..20);
    assert_eq!(store.max_offset(TOPIC, 0), Some(0));
    store.flush_log();
    assert_eq!(unwrapped(&store), (0..20).collect::<Vec<_>>());
    put_batches(&store, 20..30);
    store.flush_log();
    assert_eq!(unwrapped(&store).len(), 30);
}

#[test]
fn inner_batches_that_are_none_are_refused() {
    let harness = batch_harness();
    let store = harness.open();
    let refused = |message: PendingMessage| {
        let outcome = store.put(&[message]);
        assert!(matches!(outcome, Err(PutError::MessageIllegal(IllegalMessage::InnerBatch))), "{outcome:?}");
    };
    refused(PendingMessage { topic: "simple".into(), ..inner(0..3) });
    refused(PendingMessage { sys_flag: 0, ..inner(0..3) });
    refused(PendingMessage { properties: PropertyString::new(), ..inner(0..3) });
    let mut too_many = PropertyString::new();
    too_many.set(names::INNER_NUM, "40000");
    refused(PendingMessage { properties: too_many, ..inner(0..3) });
    assert_eq!(store.max_phy_offset(), 0);
}

#[test]
fn expired_batches_go() {
    let harness = batch_harness();
    let store = harness.open();
    put_batches(&store, 0..400);
    store.write_queues();
    store.log.files().remove_first().unwrap();
    store.clean();
    let min = store.min_offset(TOPIC, 0).unwrap();
    assert!((1..400).contains(&min), "{min}");
    assert_eq!(unwrapped_from(&store, min), (min as usize..400).collect::<Vec<_>>());
    assert_eq!(get(&store, TOPIC, 0, 0).status, GetStatus::OffsetTooSmall);
}

fn unwrapped_from(store: &MessageStore, min: i64) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut next = min;
    while next < 400 {
        let result = get(store, TOPIC, 0, next);
        numbers.extend((next..result.next_begin_offset).map(|offset| offset as usize));
        next = result.next_begin_offset;
    }
    numbers
}

fn naming(lights: &str, number: usize) -> PendingMessage {
    let mut properties = message("fed", 0, number).properties;
    properties.set(names::INNER_MULTI_DISPATCH, lights);
    // What its sender claims counts for nothing.
    properties.set(names::INNER_MULTI_QUEUE_OFFSET, "7,7");
    PendingMessage { properties, ..message("fed", (number % 2) as i32, number) }
}

fn light_numbers(store: &MessageStore, name: &str) -> Vec<usize> {
    let result = get(store, name, 0, 0);
    result.messages.iter().map(|record| number_of(&RecordView::decode(record).unwrap())).collect()
}

#[test]
fn a_message_is_in_the_light_queues_it_names() {
    let harness = light_harness();
    let store = harness.open();
    let put = |store: &MessageStore, lights: &str, number: usize| {
        let appended = store.put(&[naming(lights, number)]).unwrap();
        let record = store.message_at(appended.phy_offset).unwrap();
        let view = RecordView::decode(&record).unwrap();
        view.property(names::INNER_MULTI_QUEUE_OFFSET).unwrap_or_default().to_owned()
    };
    assert_eq!(put(&store, "%LMQ%a,%LMQ%b", 0), "0,0");
    assert_eq!(put(&store, "x,%LMQ%b,%LMQ%no/name", 1), ",1,");
    assert_eq!(put(&store, "%LMQ%b,%LMQ%b", 2), "2,2");
    assert!(harness.heard.0.lock().contains(&("%LMQ%b".into(), 0, 3)));
    assert_eq!((light_numbers(&store, "%LMQ%a"), light_numbers(&store, "%LMQ%b")), (vec![0], vec![0, 1, 2]));
    assert_eq!(consume(&store, "%RETRY%g", 0), [] as [usize; 0]);
    store.write_queues();
    assert_eq!(put(&store, "%LMQ%a", 3), "1");
    drop(store);
    let store = harness.open();
    assert_eq!(put(&store, "%LMQ%a,%LMQ%b", 4), "2,3");
    assert_eq!(
        (light_numbers(&store, "%LMQ%a"), light_numbers(&store, "%LMQ%b")),
        (vec![0, 3, 4], vec![0, 1, 2, 4])
    );
    // A deleted one begins anew.
    assert_eq!(store.delete_topics(&["%LMQ%a"]), 1);
    assert_eq!(put(&store, "%LMQ%a", 5), "0");
}

#[test]
fn light_queues_wait_for_the_flush_too() {
    let mut harness = light_harness();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    let store = harness.open();
    for number in 0..5 {
        let _durability = store.put(&[naming("%LMQ%a", number)]).unwrap().durability;
    }
    assert!(light_numbers(&store, "%LMQ%a").is_empty());
    store.flush_log();
    assert_eq!(light_numbers(&store, "%LMQ%a"), [0, 1, 2, 3, 4]);
    assert_eq!(harness.heard.0.lock().iter().filter(|(topic, ..)| topic == "%LMQ%a").count(), 5);
}

#[test]
fn names_do_not_count_while_light_queues_are_off() {
    let harness = Harness::new();
    let store = harness.open();
    let appended = store.put(&[naming("%LMQ%a", 0)]).unwrap();
    assert!(store.topics().iter().all(|topic| &**topic == "fed"));
    let record = store.message_at(appended.phy_offset).unwrap();
    assert_eq!(RecordView::decode(&record).unwrap().property(names::INNER_MULTI_QUEUE_OFFSET), Some("7,7"));
}
