//! The wall clock jumps while a store is open, between two of its lives, and at an hour at which files are deleted:
//! nothing is deleted before its time has really passed, and what has to do with time goes on.

use std::{collections::BTreeMap, time::Duration};

use common::names::SCHEDULE_TOPIC;
use message::{properties::PropertyString, property_names as names};
use runtime::clock::Clock;

use super::{TOPIC, Thoroughness, open, run_cases, tries_all};
use crate::{
    consume_queue::Boundary,
    message_store::{
        MessageStore,
        tests::harness::{Harness, get, message, put_many},
    },
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const JUMPS: [i64; 7] = [-HOUR, HOUR, 73 * HOUR, 3_653 * DAY, -365 * DAY, -30_000, 30_000];
/// 02:59 UTC of a day beyond the time the files of this test really have.
const START: i64 = 46_296 * DAY + 3 * HOUR - MINUTE;
/// Hours of a life: files expire after 72, and are deleted at four in the morning.
const HOURS: i64 = 180;
/// When it jumps: while everything is young, just before and when the first files expire, and later. The default is to
/// try two of them.
const JUMP_HOURS: [i64; 4] = [30, 73, 1, 97];
/// Messages of an hour: several files in a day.
const MESSAGES: usize = 6;
const RESERVED: Duration = Duration::from_secs(72 * 3_600);

/// When the store is closed and opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    Never,
    /// In order, at the jump: before it, or after it.
    BeforeJump,
    AfterJump,
    /// As after a kill, twenty hours after the jump.
    KilledLater,
}

const RESTARTS: [Restart; 4] =
    [Restart::Never, Restart::BeforeJump, Restart::AfterJump, Restart::KilledLater];

struct Life {
    harness: Harness,
    case: String,
    /// True time since the start, in hours.
    hour: i64,
    sent: usize,
    /// By the physical offset where a file begins: the true time at which it last grew.
    grew: BTreeMap<i64, i64>,
    deleted_count: usize,
}

impl Life {
    fn new(case: String) -> Self {
        let mut harness = Harness::new();
        harness.options.commit_log_file_size_bytes = 16 * 1024;
        harness.options.consume_queue_file_size_bytes = 20 * 100;
        harness.options.delete_when_hours = vec![4];
        harness.options.file_reserved_time = RESERVED;
        harness.clock.jump_to(START);
        Self { harness, case, hour: 0, sent: 0, grew: BTreeMap::new(), deleted_count: 0 }
    }

    /// A round of the cleaner, which may delete only what is old.
    fn clean(&mut self, store: &MessageStore) {
        store.clean();
        let min = store.min_phy_offset();
        let kept = self.grew.split_off(&min);
        for (base, grew) in std::mem::replace(&mut self.grew, kept) {
            let age = self.hour - grew;
            assert!(age >= 72, "{}: file {base} was deleted at an age of {age} hours", self.case);
            self.deleted_count += 1;
        }
    }

    /// An hour of messages, and what the store does at its end.
    fn live(&mut self, store: &MessageStore) {
        let before = store.max_phy_offset();
        put_many(store, TOPIC, self.sent..self.sent + MESSAGES);
        self.sent += MESSAGES;
        self.check_delayed(store);
        for file in store.log.files().files() {
            if file.end_phy_offset() > before {
                self.grew.insert(file.base_phy_offset(), self.hour);
            }
        }
        self.harness.clock.advance(Duration::from_secs(3_600));
        self.hour += 1;
        self.clean(store);
        assert!(!store.is_page_cache_busy() && store.writable().is_ok(), "{}", self.case);
        store.flush_log();
        store.flush_queues(Thoroughness::Sync);
    }

    /// A message of the first delay level is due in a second.
    fn check_delayed(&self, store: &MessageStore) {
        let properties: PropertyString = [(names::DELAY_LEVEL, "1")].into_iter().collect();
        let mut delayed = message(SCHEDULE_TOPIC, 0, 1);
        delayed.properties = properties;
        let appended = store.put(&[delayed]).unwrap();
        let unit = store.queue_units(SCHEDULE_TOPIC, 0, appended.queue_offset, 1)[0];
        let wait = unit.tags_code - self.harness.clock.now_millis();
        assert!((1_000..=61_000).contains(&wait), "{}: due in {wait} ms", self.case);
    }

    /// Every time has an offset that can be read from.
    fn search(&self, store: &MessageStore) {
        let now = self.harness.clock.now_millis();
        for timestamp in JUMPS.iter().map(|jump| now + jump).chain([0, now, i64::MAX]) {
            for boundary in [Boundary::Lower, Boundary::Upper] {
                let (min, max) = (store.min_offset(TOPIC, 0).unwrap(), store.max_offset(TOPIC, 0).unwrap());
                let found = store.offset_by_time(TOPIC, 0, timestamp, boundary).unwrap();
                assert!((min..=max).contains(&found), "{}: {found} is not in {min}..={max}", self.case);
                assert!(found == max || !get(store, TOPIC, 0, found).messages.is_empty(), "{}", self.case);
            }
        }
    }
}

fn live_through(jump: i64, jump_hour: i64, restart: Restart) {
    let mut life = Life::new(format!("{} min at hour {jump_hour}, restart {restart:?}", jump / MINUTE));
    let mut store = open(&life.harness).unwrap();
    let reopen = |life: &Life, store: std::sync::Arc<MessageStore>, stops: bool| {
        if stops {
            store.stop().unwrap();
        }
        drop(store);
        open(&life.harness).unwrap()
    };
    for hour in 0..HOURS {
        if hour == jump_hour {
            if restart == Restart::BeforeJump {
                store = reopen(&life, store, true);
            }
            life.harness.clock.jump_to(life.harness.clock.now_millis() + jump);
            if restart == Restart::AfterJump {
                store = reopen(&life, store, true);
            }
            life.clean(&store);
            store.delete_expired_files_now();
        }
        if hour == jump_hour + 20 && restart == Restart::KilledLater {
            store = reopen(&life, store, false);
        }
        life.live(&store);
    }
    life.search(&store);
    assert!(life.deleted_count > 5, "{}: only {} files were deleted", life.case, life.deleted_count);
    assert_eq!(
        get(&store, TOPIC, 0, store.min_offset(TOPIC, 0).unwrap()).status,
        crate::get::GetStatus::Found
    );
}

#[test]
fn the_clock_jumps_and_nothing_is_deleted_early() {
    let hours = if tries_all() { &JUMP_HOURS[..] } else { &JUMP_HOURS[..2] };
    let cases = run_cases("clock jump", |case| {
        let mut case = case as usize;
        let mut choose = |count: usize| {
            let chosen = case % count;
            case /= count;
            chosen
        };
        let (jump, hour, restart) =
            (JUMPS[choose(JUMPS.len())], hours[choose(hours.len())], RESTARTS[choose(RESTARTS.len())]);
        if case > 0 {
            return false;
        }
        live_through(jump, hour, restart);
        true
    });
    assert_eq!(cases, JUMPS.len() * hours.len() * RESTARTS.len());
}
