use std::sync::Arc;

use message::{properties::PropertyString, record::RecordView, sys_flag};

use super::harness::{Harness, NOW, assert_holds, body, get, message, number_of, put_many};
use crate::{
    error::{IllegalMessage, PutError, Unavailable},
    get::GetStatus,
};

#[test]
fn what_is_put_is_got_at_once_across_rolling_files() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "TopicTest", 0..400);
    assert_holds(&store, "TopicTest", 0..400);
    assert!(harness.log_file(2 * 65_536).exists());
    assert_eq!(harness.heard.0.lock().len(), 400);
    assert_eq!(harness.heard.0.lock()[3], ("TopicTest".to_owned(), 1, 2));
    store.stop().unwrap();
}

#[test]
fn a_batch_is_contiguous_and_its_places_are_told() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..3);
    let batch: Vec<_> = (0..20).map(|number| message("t", 0, number)).collect();
    let appended = store.put(&batch).unwrap();
    assert_eq!((appended.queue_offset, appended.message_count), (2, 20));
    let mut expected = appended.phy_offset;
    for (number, phy_offset) in appended.phy_offsets().enumerate() {
        assert_eq!(phy_offset, expected);
        let record = store.message_at(phy_offset).unwrap();
        let view = RecordView::decode(&record).unwrap();
        assert_eq!(view.queue_offset(), 2 + number as i64);
        assert_eq!(view.body(), body(number));
        expected += record.len() as i64;
    }
    assert_eq!(expected, appended.end_phy_offset());
    assert_eq!(store.max_offset("t", 0), Some(22));
}

#[test]
fn half_and_rolled_back_messages_are_in_no_queue() {
    let harness = Harness::new();
    let store = harness.open();
    for flag in [sys_flag::TRANSACTION_PREPARED, sys_flag::TRANSACTION_ROLLBACK] {
        let mut half = message("t", 0, 1);
        half.sys_flag = flag;
        let appended = store.put(&[half]).unwrap();
        assert_eq!(appended.queue_offset, 0);
        let record = store.message_at(appended.phy_offset).unwrap();
        assert_eq!(RecordView::decode(&record).unwrap().sys_flag(), flag);
    }
    assert_eq!(get(&store, "t", 0, 0).status, GetStatus::NoMatchedLogicQueue);
    let mut commit = message("t", 0, 1);
    commit.sys_flag = sys_flag::TRANSACTION_COMMIT;
    assert_eq!(store.put(&[commit]).unwrap().queue_offset, 0);
    assert_eq!(get(&store, "t", 0, 0).status, GetStatus::Found);
}

#[test]
fn store_time_waits_for_a_clock_that_is_adjusted_and_follows_one_that_is_set_back() {
    let harness = Harness::new();
    let store = harness.open();
    let first = store.put(&[message("t", 0, 1)]).unwrap().store_timestamp;
    harness.clock.jump_to(NOW - 60_000);
    assert_eq!(store.put(&[message("t", 0, 2)]).unwrap().store_timestamp, first);
    harness.clock.jump_to(NOW - 60_001);
    assert_eq!(store.put(&[message("t", 0, 3)]).unwrap().store_timestamp, NOW - 60_001);
    harness.clock.jump_to(NOW + 1);
    assert_eq!(store.put(&[message("t", 0, 3)]).unwrap().store_timestamp, NOW + 1);
}

#[test]
fn delayed_messages_carry_their_delivery_time() {
    let harness = Harness::new();
    let store = harness.open();
    let mut delayed = message("SCHEDULE_TOPIC_XXXX", 2, 1);
    delayed.properties = PropertyString::from_encoded(*b"DELAY\x013\x02");
    let _durability = store.put(&[delayed]).unwrap().durability;
    assert_eq!(store.queue_units("SCHEDULE_TOPIC_XXXX", 2, 0, 1)[0].tags_code, NOW + 10_000);
}

#[test]
fn limits_are_refused_and_nothing_is_stored() {
    let mut harness = Harness::new();
    harness.options.max_message_size_bytes = 1_000_000;
    let store = harness.open();
    let refused = |message| match store.put(&[message]) {
        Err(PutError::MessageIllegal(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut large = message("t", 0, 1);
    large.body = vec![0; 1_000_001].into();
    assert!(matches!(refused(large), IllegalMessage::Body { limit_bytes: 1_000_000, .. }));
    let mut beyond_file = message("t", 0, 1);
    beyond_file.body = vec![0; 65_536].into();
    assert!(matches!(refused(beyond_file), IllegalMessage::Record { .. }));
    let mut properties = message("t", 0, 1);
    properties.properties = PropertyString::from_encoded(vec![b'x'; 32_768]);
    assert!(matches!(refused(properties), IllegalMessage::Properties { .. }));
    assert!(matches!(
        refused(message(&"t".repeat(128), 0, 1)),
        IllegalMessage::Topic { limit_bytes: 127, .. }
    ));
    assert!(matches!(refused(message("t", -1, 1)), IllegalMessage::QueueId(-1)));
    let mut inner = message("t", 0, 1);
    inner.sys_flag = sys_flag::INNER_BATCH;
    assert_eq!(refused(inner), IllegalMessage::InnerBatch);
    assert!(matches!(
        store.put(&[message("t", 0, 1), message("t", 1, 2)]),
        Err(PutError::MessageIllegal(IllegalMessage::Batch))
    ));
    assert!(matches!(store.put(&[]), Err(PutError::MessageIllegal(IllegalMessage::Batch))));
    assert_eq!(store.max_phy_offset(), 0);
    let retry = format!("%RETRY%{}", "g".repeat(200));
    let appended = store.put(&[message(&retry, 0, 1)]).unwrap();
    let record = store.message_at(appended.phy_offset).unwrap();
    assert_eq!(RecordView::decode(&record).unwrap().topic(), retry);
}

#[test]
fn a_stopped_store_takes_nothing_but_is_read() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..10);
    store.stop().unwrap();
    store.stop().unwrap();
    assert!(matches!(
        store.put(&[message("t", 0, 1)]),
        Err(PutError::ServiceNotAvailable(Unavailable::Shutdown))
    ));
    assert_holds(&store, "t", 0..10);
}

#[test]
fn concurrent_puts_leave_no_gap_and_keep_each_producers_order() {
    let harness = Harness::new();
    let store = harness.open();
    std::thread::scope(|scope| {
        for producer in 0..4_usize {
            let store = &store;
            scope.spawn(move || {
                for number in 0..200 {
                    let mut message = message("t", (number % 2) as i32, number);
                    message.flag = producer as i32;
                    let _durability = store.put(&[message]).unwrap().durability;
                }
            });
        }
    });
    for queue_id in 0..2 {
        assert_eq!(store.max_offset("t", queue_id), Some(400));
        let mut last_of = [None; 4];
        let mut queue_offset = 0;
        while queue_offset < 400 {
            let result = get(&store, "t", queue_id, queue_offset);
            for (record, offset) in result.messages.iter().zip(&result.queue_offsets) {
                let view = RecordView::decode(record).unwrap();
                assert_eq!(view.queue_offset(), *offset);
                let number = number_of(&view);
                let last = &mut last_of[view.flag() as usize];
                assert!(last.is_none_or(|last| last < number));
                *last = Some(number);
            }
            queue_offset = result.next_begin_offset;
        }
    }
}

#[test]
fn a_deleted_topic_begins_anew() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "t", 0..50);
    put_many(&store, "other", 0..10);
    assert_eq!(store.delete_topics(&["t", "absent"]), 1);
    assert_eq!(store.max_offset("t", 0), None);
    put_many(&store, "t", 100..110);
    assert_holds(&store, "t", 100..110);
    assert_holds(&store, "other", 0..10);
    assert_eq!(store.topics().len(), 2);
    let _: &Arc<str> = &store.topics()[0];
}
