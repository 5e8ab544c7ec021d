//! The timer's files on disks that fail and machines that lose power: of every message that is due later and was
//! acknowledged, the next start has to know, once.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use common::names::TIMER_TOPIC;

use super::{
    super::harness::{Harness, message},
    calls::{Failure, Lasts},
    harness, open, open_on,
    scenario::Scenario,
};
use crate::{
    fs::FileSystem,
    message_store::{MessageStore, checkpointing::Thoroughness},
    put::{Durability, FlushOutcome},
    timer::{Kind, NewTimer, TimerOptions, TimerStore, wheel::SLOT_COUNT},
};

/// Enough for several files of the timer log.
const MESSAGES: usize = 60;
/// Messages from one delivery to the next.
const PER_SLOT: usize = 10;
const SECOND: i64 = 1_000;
/// A moment whose slot is the first of the wheel.
const ORIGIN: i64 = 1_400 * SLOT_COUNT as i64 * SECOND;
/// Ten blocks a file.
const OPTIONS: TimerOptions = TimerOptions { log_file_size_bytes: 560, precision_millis: SECOND };

/// The life of [`work`].
const TIMER: Scenario<Shared> =
    Scenario { name: "a timer", harness, prepare: |_| {}, work, verify, stride: 4, cases_min: 80 };

/// A message of the timer topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timed {
    slot_millis: i64,
    queue_offset: i64,
    phy_offset: i64,
    size_bytes: i32,
}

/// What a life promised and what it delivered.
#[derive(Debug, Default)]
struct Ledger {
    acked: BTreeSet<Timed>,
    delivered_slots: BTreeSet<i64>,
}

type Shared = Mutex<Ledger>;

/// A timer under way.
struct Life<'a> {
    timers: &'a TimerStore,
    /// Stored, and not in the timer yet: the next try takes them in the same order.
    waiting: VecDeque<Timed>,
    put: BTreeSet<Timed>,
    next_slot: usize,
    ledger: &'a Shared,
}

fn slot_millis(slot: usize) -> i64 {
    ORIGIN + slot as i64 * SECOND
}

/// A life of a timer: messages to several slots, deliveries, flushes and an orderly stop. Errors are met as a broker
/// meets them, by trying again.
fn work(harness: &Harness, fs: Arc<dyn FileSystem>, ledger: &Shared) {
    let Some(store) = open_on(harness, fs) else { return };
    if let Ok((timers, _)) = TimerStore::open(&store, &OPTIONS, ORIGIN) {
        let mut life =
            Life { timers: &timers, waiting: VecDeque::new(), put: BTreeSet::new(), next_slot: 0, ledger };
        for number in 0..MESSAGES {
            life.store(&store, number);
            life.put();
            if number % 7 == 6 {
                let _flushed = timers.flush(ORIGIN);
            }
            if number % 29 == 28 {
                store.flush_queues(Thoroughness::Sync);
            }
            if number % PER_SLOT == PER_SLOT - 1 {
                life.deliver(number / PER_SLOT);
            }
        }
        let _closed = timers.close(ORIGIN);
    }
    let _stopped = store.stop();
}

impl Life<'_> {
    fn store(&mut self, store: &MessageStore, number: usize) {
        let Ok(appended) = store.put(&[message(TIMER_TOPIC, 0, number)]) else { return };
        store.flush_log();
        let timed = Timed {
            slot_millis: slot_millis(number / PER_SLOT + 1 + number % 5),
            queue_offset: appended.queue_offset,
            phy_offset: appended.phy_offset,
            size_bytes: appended.wrote_bytes as i32,
        };
        self.waiting.push_back(timed);
        let outcome = match appended.durability {
            Durability::Ready => Ok(FlushOutcome::Flushed),
            Durability::Pending(mut flush) => flush.done.try_recv(),
        };
        if outcome == Ok(FlushOutcome::Flushed) {
            self.ledger.lock().unwrap().acked.insert(timed);
        }
    }

    fn put(&mut self) {
        while let Some(timed) = self.waiting.front() {
            let timer = NewTimer {
                slot_millis: timed.slot_millis,
                enqueue_millis: ORIGIN,
                kind: Kind { rolls: false, cancels: false },
                phy_offset: timed.phy_offset,
                size_bytes: timed.size_bytes,
                queue_offset: timed.queue_offset,
                topic: "t",
            };
            if self.timers.put(&timer).is_err() {
                break;
            }
            self.put.extend(self.waiting.pop_front());
        }
    }

    /// Delivers all slots up to one, if nothing is missing in them.
    fn deliver(&mut self, until: usize) {
        while self.waiting.is_empty() && self.next_slot <= until {
            let millis = slot_millis(self.next_slot);
            let Ok(blocks) = self.timers.messages_of(millis) else { return };
            let found: BTreeSet<_> = blocks.iter().map(|block| block.phy_offset).collect();
            let expected = self.put.iter().filter(|timed| timed.slot_millis == millis);
            assert_eq!(found, expected.map(|timed| timed.phy_offset).collect(), "slot {}", self.next_slot);
            self.ledger.lock().unwrap().delivered_slots.insert(millis);
            if self.timers.finish(millis).is_err() {
                return;
            }
            self.timers.set_read_time(millis + SECOND);
            self.next_slot += 1;
        }
    }
}

/// Opens what is left: every message is in its slot, or comes to be put into it; those that were delivered may be.
fn verify(harness: &Harness, ledger: &Shared, case: &str) {
    let store = open(harness).unwrap_or_else(|| panic!("{case}: the store does not open"));
    let (timers, recovered) = TimerStore::open(&store, &OPTIONS, slot_millis(MESSAGES))
        .unwrap_or_else(|error| panic!("{case}: the timer does not open: {error}"));
    let mut known: BTreeMap<i64, usize> = BTreeMap::new();
    let mut from = recovered.read_time_millis;
    while let Some(millis) = timers.next_used(from, slot_millis(2 * MESSAGES)).unwrap() {
        for block in timers.messages_of(millis).unwrap() {
            *known.entry(block.phy_offset).or_default() += 1;
        }
        from = millis + SECOND;
    }
    let end = store.max_offset(TIMER_TOPIC, 0).unwrap_or(0);
    for queue_offset in recovered.next_queue_offset..end {
        for unit in store.queue_units(TIMER_TOPIC, 0, queue_offset, 1) {
            if !recovered.logged.contains(&unit.phy_offset) {
                *known.entry(unit.phy_offset).or_default() += 1;
            }
        }
    }
    let ledger = ledger.lock().unwrap();
    for timed in &ledger.acked {
        let times = known.get(&timed.phy_offset).copied().unwrap_or(0);
        let was_delivered = ledger.delivered_slots.contains(&timed.slot_millis);
        assert!(times == 1 || (times == 0 && was_delivered), "{case}: {times} times: {timed:?}");
    }
}

#[test]
fn a_call_fails_once() {
    TIMER.calls_fail(Failure::Input, Lasts::Once);
    TIMER.calls_fail(Failure::ShortWrite, Lasts::Once);
    TIMER.calls_fail(Failure::NoSpace, Lasts::Once);
}

#[test]
fn calls_fail_from_one_on() {
    TIMER.calls_fail(Failure::Input, Lasts::FromThenOn);
    TIMER.calls_fail(Failure::NoSpace, Lasts::FromThenOn);
}

#[test]
fn the_power_goes_out_at_any_call() {
    TIMER.power_goes_out(2);
}

#[test]
fn an_fsync_fails_once_and_from_one_on() {
    TIMER.syncs_fail(Lasts::Once);
    TIMER.syncs_fail(Lasts::FromThenOn);
}
