//! When messages are delivered, which are refused, and which are cancelled.

use std::{sync::Arc, time::Duration};

use common::names::TIMER_TOPIC;
use message::{property_names as property, record::RecordView};
use remoting::response_code::ResponseCode;
use runtime::clock::ManualClock;

use super::{NOW, Timer, config, dir, draft};
use crate::{metadata::testing, timer::gate::TimerGate};

#[test]
fn messages_are_delivered_to_the_millisecond() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW + 300);
    for (key, millis) in [("a", 1), ("b", 700), ("c", 701), ("d", 1_500), ("e", 61_234)] {
        timer.send(key, millis);
    }
    timer.try_send("f", (property::TIMER_DELAY_SEC, 2), &[]).unwrap();
    timer.try_send("g", (property::TIMER_DELAY_MS, 1_501), &[]).unwrap();
    timer.pass(70_000);
    let expected =
        [("a", 1), ("b", 700), ("c", 701), ("d", 1_500), ("g", 1_501), ("f", 2_000), ("e", 61_234)];
    let expected = expected.map(|(key, millis)| (key.to_owned(), NOW + 300 + millis));
    assert_eq!(timer.delivered(), expected);
    assert_eq!(timer.service.pending_count(), 0);
    assert!(String::from_utf8(timer.service.metrics().encode()).unwrap().contains(r#""T":{"count":0"#));
}

#[test]
fn what_is_delivered_says_how_it_went() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    timer.send("a", 1_500);
    timer.pass(2_000);
    let mut seen = false;
    timer.store.walk(0, |record, _| {
        if record.topic() == "T" {
            seen = true;
            let millis = |name: &str| record.property(name).unwrap().parse::<i64>().unwrap() - NOW;
            assert_eq!(millis(property::TIMER_OUT_MS), 1_000);
            assert_eq!(millis(property::TIMER_ENQUEUE_MS), 0);
            assert_eq!(millis(property::TIMER_DEQUEUE_MS), 1_500);
            assert_eq!(record.property(property::REAL_TOPIC), Some("T"), "RocketMQ leaves it in place");
        }
        true
    });
    assert!(seen);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    let deliver = |at| (property::TIMER_DELIVER_MS, at);
    assert_eq!(timer.try_send("a", deliver(NOW + 259_200_001), &[]), Err(ResponseCode::MESSAGE_ILLEGAL));
    assert_eq!(
        timer.try_send("a", (property::TIMER_DELAY_SEC, i64::MAX), &[]),
        Err(ResponseCode::MESSAGE_ILLEGAL)
    );
    let unreadable = [(property::TIMER_DELAY_SEC, "soon")];
    assert_eq!(timer.try_send("a", deliver(NOW + 1), &unreadable), Err(ResponseCode::MESSAGE_ILLEGAL));
    let cancel = [(property::TIMER_DEL_UNIQKEY, "T+x")];
    assert_eq!(timer.try_send("a", deliver(NOW), &cancel), Err(ResponseCode::MESSAGE_ILLEGAL));
    assert_eq!(timer.try_send("late", deliver(NOW - 5), &[]), Ok(()));
    timer.settle();
    assert_eq!(timer.keys(), ["late"], "what is due goes its own way");
    let gate = TimerGate::new(&config(), Arc::new(ManualClock::at(NOW)), None);
    timer.gate = gate;
    assert_eq!(timer.try_send("a", deliver(NOW + 5), &[]), Err(ResponseCode::SYSTEM_ERROR));
}

#[test]
fn a_full_slot_takes_no_more() {
    let dir = dir();
    let mut config = config();
    config.timer_congest_num_each_slot = 2;
    let mut timer = Timer::with(dir.path(), NOW, &config);
    for number in 0..3 {
        timer.send(&format!("k{number}"), 5_500);
        timer.settle();
    }
    let mut refused = 0;
    for number in 0..100 {
        let at = (property::TIMER_DELIVER_MS, NOW + 5_500);
        refused +=
            i32::from(timer.try_send(&format!("r{number}"), at, &[]) == Err(ResponseCode::SYSTEM_ERROR));
        timer.settle();
    }
    assert!(refused >= 99, "four is the end");
    assert_eq!(timer.try_send("other", (property::TIMER_DELIVER_MS, NOW + 7_500), &[]), Ok(()));
}

#[test]
fn a_cancelled_message_does_not_come() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for key in ["a", "b", "c"] {
        timer.send(key, 5_500);
    }
    timer.cancel("b", NOW + 5_001);
    timer.cancel("unknown", NOW + 5_001);
    timer.pass(5_200);
    // Another slot's message is not meant, and one that comes while the slot is at hand counts.
    timer.cancel("a", NOW + 9_000);
    timer.cancel("c", NOW + 5_999);
    timer.pass(6_000);
    assert_eq!(timer.keys(), ["a"]);
    assert!(String::from_utf8(timer.service.metrics().encode()).unwrap().contains(r#""T":{"count":0"#));
}

#[test]
fn messages_further_off_than_the_window_are_rolled() {
    let dir = dir();
    let mut config = config();
    config.timer_roll_window_slot = 4;
    let mut timer = Timer::with(dir.path(), NOW, &config);
    timer.send("a", 30_250);
    timer.send("b", 30_250);
    timer.cancel("b", NOW + 30_001);
    timer.pass(12_000);
    timer.flush();
    drop(timer);
    let mut timer = Timer::with(dir.path(), NOW + 12_000, &config);
    timer.pass(20_000);
    assert_eq!(timer.delivered(), [("a".to_owned(), NOW + 30_250)]);
    let mut rolled = None;
    timer.store.walk(0, |record, _| {
        rolled = record.property(property::TIMER_ROLL_TIMES).map(str::to_owned).or(rolled.take());
        true
    });
    assert!(rolled.unwrap().parse::<i32>().unwrap() > 3);
}

#[test]
fn what_nobody_can_deliver_does_not_stop_the_rest() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    let stray = draft(TIMER_TOPIC, [(property::UNIQ_KEY, "stray")].into_iter().collect());
    let _durability = timer.store.put(&[stray.into_pending()]).unwrap().durability;
    timer.send("a", 1_000);
    timer.pass(2_000);
    assert_eq!(timer.keys(), ["a"]);
}

#[test]
fn a_slot_of_many_is_delivered_in_order() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for number in 0..2_000 {
        timer.send(&format!("k{number:04}"), 3_500);
    }
    timer.pass(4_000);
    let keys: Vec<_> = timer.delivered().into_iter().map(|(key, _)| key).collect();
    assert!(keys.is_sorted());
    assert_eq!(keys.len(), 2_000);
    assert_eq!(RecordView::decode(&timer.store.message_at(0).unwrap()).unwrap().topic(), TIMER_TOPIC);
}

/// `cargo test -p broker --release timer::tests::delivering::a_million -- --ignored --nocapture`
#[test]
#[ignore = "figures: memory and time for a million pending messages"]
fn a_million_pending_messages_cost_little() {
    const COUNT: i64 = 1_000_000;
    let resident_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let anonymous = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
        anonymous.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap()
    };
    let dir = dir();
    let config = testing::store_config();
    let mut timer = Timer::with(dir.path(), NOW, &config);
    for number in 0..COUNT {
        timer.send(&format!("k{number}"), 60_000 + number * 3_540_000 / COUNT);
    }
    let before = resident_kib();
    let began = std::time::Instant::now();
    timer.settle();
    timer.flush();
    let (took, grown) = (began.elapsed(), resident_kib() - before);
    assert_eq!(timer.service.pending_count(), COUNT);
    let began = std::time::Instant::now();
    timer.clock.advance(Duration::from_secs(120));
    timer.settle();
    let (delivered, delivery) = (COUNT - timer.service.pending_count(), began.elapsed());
    eprintln!("taken in {took:?}, {grown} KiB more; {delivered} delivered in {delivery:?}");
    drop(timer);
    let began = std::time::Instant::now();
    let timer = Timer::with(dir.path(), NOW + 120_000, &config);
    eprintln!("opened again in {:?}, {} pending", began.elapsed(), timer.service.pending_count());
}
