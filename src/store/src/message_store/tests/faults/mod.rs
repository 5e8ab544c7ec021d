//! Disks that fail and machines that lose power: what was acknowledged is there afterwards, and nothing that is wrong.
//!
//! Each family prints how many cases it has tried. Random choices come from a seed that is printed with a failure;
//! `STORE_FAULT_SEED=7` repeats it. `STORE_FAULTS=all` tries everything where the default is a sample.

mod calls;
mod clocks;
mod compaction;
mod config;
mod crashes;
mod cuts;
mod flips;
mod scenario;
mod syncs;
mod timers;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use self::scenario::Scenario;
use super::{
    super::checkpointing::Thoroughness,
    harness::{Harness, consume, message},
};
use crate::{
    fs::FileSystem,
    message_store::{Environment, MessageStore},
    options::{FlushDiskType, Switch},
    put::{Durability, FlushOutcome},
    testing::{Op, Verdict, WatchedFs, Watcher},
};

const TOPIC: &str = "t";
/// Messages of [`work`]: enough for a second file of each kind.
const MESSAGES: usize = 130;

/// The life of [`work`].
const STORE: Scenario<Acks> =
    Scenario { name: "a store", harness, prepare: |_| {}, work, verify, stride: 1, cases_min: 150 };

/// Which messages were acknowledged, by their numbers.
type Acks = Mutex<BTreeSet<usize>>;

/// Lets everything pass but the time syncs take.
#[derive(Debug)]
struct Hasty;

impl Watcher for Hasty {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        Verdict::hasty(op)
    }
}

fn harness() -> Harness {
    let mut harness = Harness::new();
    harness.options.flush_disk_type = FlushDiskType::Sync;
    // Sectors are lost that only a checksum over the whole record misses.
    harness.options.append_properties_crc = Switch::On;
    harness.options.require_record_crc_on_recover = Switch::On;
    harness
}

/// Queues have more files to be made durable than may be open: it is done for the whole mount.
fn few_open_files() -> Harness {
    let mut harness = harness();
    harness.options.max_open_consume_queue_files = 1;
    harness
}

fn open_on(harness: &Harness, fs: Arc<dyn FileSystem>) -> Option<Arc<MessageStore>> {
    MessageStore::open(harness.options.clone(), Environment { fs, ..harness.environment() }).ok()
}

fn open(harness: &Harness) -> Option<Arc<MessageStore>> {
    open_on(harness, WatchedFs::new(Hasty))
}

/// A life of a store: messages, flushes of each kind in between, and an orderly stop at the end. Errors are met as a
/// broker meets them, by going on.
fn work(harness: &Harness, fs: Arc<dyn FileSystem>, acks: &Acks) {
    work_until_stop(harness, fs, acks, |_| {});
}

/// As [`work`], with a look at the store before it is stopped.
fn work_until_stop(
    harness: &Harness,
    fs: Arc<dyn FileSystem>,
    acks: &Acks,
    look: impl FnOnce(&MessageStore),
) {
    let Some(store) = open_on(harness, fs) else { return };
    let mut pending = Vec::new();
    for number in 0..MESSAGES {
        if let Ok(appended) = store.put(&[message(TOPIC, (number % 2) as i32, number)]) {
            pending.push((number, appended.durability));
        }
        if number % 7 == 6 {
            store.flush_log();
            acknowledge(&mut pending, acks);
        }
        if number % 29 == 28 {
            while store.build_index() {}
            store.flush_queues(Thoroughness::Write);
        }
        if number % 43 == 42 {
            store.flush_queues(Thoroughness::Sync);
            store.flush_index();
        }
        if number == MESSAGES / 2 {
            store.clean();
        }
    }
    look(&store);
    let _stopped = store.stop();
    acknowledge(&mut pending, acks);
}

fn acknowledge(pending: &mut Vec<(usize, Durability)>, acks: &Acks) {
    pending.retain_mut(|(number, durability)| {
        let outcome = match durability {
            Durability::Ready => Ok(FlushOutcome::Flushed),
            Durability::Pending(flush) => flush.done.try_recv(),
        };
        if outcome == Ok(FlushOutcome::Flushed) {
            acks.lock().unwrap().insert(*number);
        }
        outcome.is_err()
    });
}

/// Opens what is left and reads it: everything acknowledged has to be there, unchanged and once, and the store has to
/// work.
fn verify(harness: &Harness, acks: &Acks, case: &str) {
    let store = open(harness).unwrap_or_else(|| panic!("{case}: the store does not open"));
    let mut found = BTreeSet::new();
    for queue_id in 0..2 {
        for number in consume(&store, TOPIC, queue_id) {
            assert!(found.insert(number), "{case}: message {number} is there twice");
        }
    }
    let acks = acks.lock().unwrap();
    let lost: Vec<_> = acks.difference(&found).collect();
    assert!(lost.is_empty(), "{case}: acknowledged and lost: {lost:?}");
    let put = store.put(&[message(TOPIC, 0, 0)]);
    assert!(put.is_ok(), "{case}: the store takes no message: {put:?}");
}

/// Runs cases on all processors, each with its number, until one says that there are no more; answers how many ran.
fn run_cases(family: &str, case: impl Fn(u64) -> bool + Sync) -> usize {
    let next = AtomicUsize::new(0);
    let ran = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while case(next.fetch_add(1, Ordering::Relaxed) as u64) {
                    ran.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let ran = ran.into_inner();
    eprintln!("{family}: {ran} cases");
    ran
}

fn seed() -> u64 {
    std::env::var("STORE_FAULT_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap())
}

fn tries_all() -> bool {
    std::env::var("STORE_FAULTS").is_ok_and(|which| which == "all")
}
