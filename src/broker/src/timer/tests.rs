//! The timer over a real store, driven step by step with a clock that stands still in between.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{config::MessageStoreConfig, names::TIMER_TOPIC};
use message::{property_names as property, record::RecordView};
use remoting::response_code::ResponseCode;
use runtime::clock::{Clock, ManualClock};
use store::{
    arrival::NobodyWaits,
    consume_queue_ext::NoBitMap,
    fs::OsFileSystem,
    message_store::{Environment, MessageStore},
    options::StoreOptions,
    timer::{TimerOptions, TimerStore},
};
use tempfile::TempDir;

use super::{
    cancel_key_of,
    delivery::{Delivery, Step},
    gate::TimerGate,
    metrics::TimerMetrics,
    service::{TimerMessageService, TimerParts, TimerWaker},
};
use crate::{
    draft::MessageDraft,
    metadata::testing,
    stats::{BrokerStats, StatsSources, StoreTotals},
};

/// The beginning of a slot.
const NOW: i64 = 1_700_000_000_000;

struct Timer {
    clock: Arc<ManualClock>,
    store: Arc<MessageStore>,
    service: Arc<TimerMessageService>,
    delivery: Delivery,
    gate: TimerGate,
}

/// Five blocks a file of the timer log.
fn config() -> MessageStoreConfig {
    MessageStoreConfig { mapped_file_size_timer_log: 280, ..testing::store_config() }
}

impl Timer {
    fn open(dir: &Path, now: i64) -> Self {
        Self::with(dir, now, &config())
    }

    fn with(dir: &Path, now: i64, config: &MessageStoreConfig) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let time = || Arc::clone(&clock) as Arc<dyn Clock>;
        let mut options = StoreOptions::at(dir);
        options.commit_log_file_size_bytes = 1 << 20;
        (options.max_hash_slot_count, options.max_index_count) = (100, 1_000);
        (options.disk_warning_percent, options.disk_clean_forcibly_percent) = (100, 100);
        let environment = Environment {
            fs: Arc::new(OsFileSystem),
            clock: time(),
            arrival: Arc::new(NobodyWaits),
            bit_maps: Arc::new(NoBitMap),
        };
        let store = MessageStore::open(options, environment).unwrap();
        let precision_millis = i64::from(config.clamped_timer_precision_ms());
        let log_file_size_bytes = u64::try_from(config.mapped_file_size_timer_log).unwrap();
        let options = TimerOptions { log_file_size_bytes, precision_millis };
        let (timers, recovered) = TimerStore::open(&store, &options, now).unwrap();
        let timers = Arc::new(timers);
        let sources = StatsSources {
            counts_light_queues_apart: false,
            is_system: Box::new(|_| false),
            store: Box::new(StoreTotals::default),
            put_times: Box::new(store::times::TimeCounts::default),
            clock: time(),
            utc_offset_millis: 0,
        };
        let parts = TimerParts {
            store: Arc::clone(&store),
            timers: Arc::clone(&timers),
            recovered,
            metrics: TimerMetrics::load(testing::memory().1, time()).unwrap(),
            stats: Arc::new(BrokerStats::new("C", sources)),
            clock: time(),
            waker: Arc::new(TimerWaker::default()),
        };
        let service = Arc::new(TimerMessageService::new(config, parts));
        let recovered = service.take_recovered().unwrap();
        Self {
            delivery: Delivery::new(Arc::clone(&service), recovered),
            gate: TimerGate::new(config, time(), Some(timers)),
            clock,
            store,
            service,
        }
    }

    /// Sends a message of topic `T` and answers what the gate said.
    fn try_send(&self, key: &str, time: (&str, i64), more: &[(&str, &str)]) -> Result<(), ResponseCode> {
        let value = time.1.to_string();
        let properties = [(property::UNIQ_KEY, key), (time.0, value.as_str())];
        let host = SocketAddr::from(([127, 0, 0, 1], 10911));
        let mut message = MessageDraft {
            topic: Arc::from("T"),
            queue_id: 0,
            flag: 0,
            sys_flag: 0,
            born_timestamp: 1,
            born_host: host,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: Bytes::from_static(b"body"),
            properties: properties.into_iter().chain(more.iter().copied()).collect(),
        };
        self.gate.admit(&mut message).map_err(|refusal| refusal.code())?;
        let _durability = self.store.put(&[message.into_pending()]).unwrap().durability;
        Ok(())
    }

    fn send(&self, key: &str, millis_from_now: i64) {
        let at = self.clock.now_millis() + millis_from_now;
        self.try_send(key, (property::TIMER_DELIVER_MS, at), &[]).unwrap();
    }

    /// Cancels a message that is delivered at that time.
    fn cancel(&self, key: &str, at: i64) {
        let cancelled = cancel_key_of("T", key);
        let more = [(property::TIMER_DEL_UNIQKEY, cancelled.as_str())];
        self.try_send(&format!("no-{key}"), (property::TIMER_DELIVER_MS, at), &more).unwrap();
    }

    /// Steps until nothing is to do now; answers for how long.
    fn settle(&mut self) -> Duration {
        for _ in 0..100_000 {
            if let Step::Idle(wait) = self.delivery.step() {
                return wait;
            }
        }
        panic!("the timer does not settle");
    }

    /// Lets time pass, as the thread would: from wake to wake.
    fn pass(&mut self, millis: u64) {
        let end = self.clock.now_millis() + i64::try_from(millis).unwrap();
        loop {
            let wait = self.settle();
            let left = Duration::from_millis(u64::try_from(end - self.clock.now_millis()).unwrap());
            if left.is_zero() {
                return;
            }
            self.clock.advance(wait.max(Duration::from_millis(1)).min(left));
        }
    }

    /// Keys of the messages of topic `T`, and when they were stored.
    fn delivered(&self) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        self.store.walk(0, |record, _| {
            if record.topic() == "T" {
                found.push((
                    record.property(property::UNIQ_KEY).unwrap().to_owned(),
                    record.store_timestamp(),
                ));
            }
            true
        });
        found
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.delivered().into_iter().map(|(key, _)| key).collect();
        keys.sort();
        keys
    }

    fn flush(&self) {
        self.store.flush();
        for _ in 0..2 {
            self.service.flush();
        }
    }

    fn stop(self) {
        self.service.close();
        self.store.stop().unwrap();
    }
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

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

/// Kills the broker after some steps, with the last flush some steps ago.
#[test]
fn a_crash_neither_loses_nor_doubles() {
    for crash_after in [0, 1, 5, 8, 12] {
        for flush_after in (0..=crash_after).rev().step_by(3) {
            let dir = dir();
            let mut timer = Timer::open(dir.path(), NOW);
            let mut expected = Vec::new();
            for step in 0..crash_after {
                for (kind, millis) in [("near", 150), ("far", 1_900), ("next", 1_000)] {
                    let key = format!("{step:02}-{kind}");
                    timer.send(&key, millis);
                    expected.push(key);
                }
                timer.send(&format!("{step:02}-cancelled"), 2_500);
                timer.cancel(&format!("{step:02}-cancelled"), timer.clock.now_millis() + 2_500);
                timer.pass(170);
                if step == flush_after {
                    timer.flush();
                }
            }
            // Sent, and not yet seen by the timer.
            timer.send("last", 800);
            expected.push("last".to_owned());
            expected.sort();
            let now = timer.clock.now_millis();
            drop(timer);
            let mut timer = Timer::open(dir.path(), now + 400);
            timer.pass(10_000);
            assert_eq!(timer.keys(), expected, "crash after {crash_after}, flush after {flush_after}");
            timer.stop();
            let mut timer = Timer::open(dir.path(), now + 10_400);
            timer.pass(5_000);
            assert_eq!(timer.keys(), expected, "and no more after a clean stop");
        }
    }
}

#[test]
fn the_wheel_and_the_checkpoint_can_be_made_again() {
    for lost in ["timerwheel", "config/timercheck"] {
        let dir = dir();
        let mut timer = Timer::open(dir.path(), NOW);
        for number in 0..20 {
            timer.send(&format!("k{number:02}"), 500 * number + 250);
        }
        timer.pass(4_000);
        let before = timer.keys();
        timer.stop();
        std::fs::remove_file(dir.path().join(lost)).unwrap();
        let mut timer = Timer::open(dir.path(), NOW + 4_100);
        timer.pass(10_000);
        let expected: Vec<_> = (0..20).map(|number| format!("k{number:02}")).collect();
        assert_eq!(before, expected[..8]);
        assert_eq!(timer.keys(), expected, "without {lost}");
    }
}

#[test]
fn other_slots_than_the_last_run_are_made_anew() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    timer.send("a", 3_250);
    timer.send("b", 5_250);
    timer.pass(1_000);
    timer.stop();
    let mut config = config();
    config.timer_precision_ms = 100;
    let mut timer = Timer::with(dir.path(), NOW + 1_000, &config);
    timer.send("c", 3_000);
    timer.pass(6_000);
    assert_eq!(timer.keys(), ["a", "b", "c"]);
}

#[test]
fn a_clock_set_back_delivers_nothing_early_and_nothing_twice() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    timer.send("old", 2_500);
    timer.send("later", 8_500);
    timer.pass(5_000);
    timer.clock.jump_to(NOW - 3_600_000);
    timer.settle();
    timer.send("new", 2_500);
    timer.pass(2_499);
    assert_eq!(timer.keys(), ["old"]);
    timer.pass(1);
    assert_eq!(timer.keys(), ["new", "old"]);
    timer.flush();
    timer.stop();
    let mut timer = Timer::open(dir.path(), NOW - 3_000_000);
    timer.clock.jump_to(NOW + 5_000);
    timer.pass(10_000);
    assert_eq!(timer.keys(), ["later", "new", "old"]);
}

#[test]
fn a_clock_set_ahead_makes_everything_due() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for (key, millis) in [("a", 3_500), ("b", 90_000), ("c", 200_000_000)] {
        timer.send(key, millis);
    }
    timer.settle();
    timer.clock.jump_to(NOW + 3_600_000);
    timer.settle();
    assert_eq!(timer.keys(), ["a", "b"]);
}

#[test]
fn a_long_sleep_loses_nothing() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    for hour in 0..60 {
        timer.send(&format!("k{hour:02}"), hour * 3_600_000 + 777);
    }
    timer.settle();
    timer.stop();
    // More than two turns of the wheel.
    let mut timer = Timer::open(dir.path(), NOW + 30 * 86_400_000);
    timer.send("new", 1_500);
    timer.pass(2_000);
    assert_eq!(timer.delivered().len(), 61);
    assert_eq!(timer.service.pending_count(), 0);
}

#[test]
fn what_nobody_can_deliver_does_not_stop_the_rest() {
    let dir = dir();
    let mut timer = Timer::open(dir.path(), NOW);
    let host = SocketAddr::from(([127, 0, 0, 1], 10911));
    let stray = MessageDraft {
        topic: Arc::from(TIMER_TOPIC),
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from_static(b"body"),
        properties: [(property::UNIQ_KEY, "stray")].into_iter().collect(),
    };
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

/// `cargo test -p broker --release timer::tests::a_million -- --ignored --nocapture`
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
