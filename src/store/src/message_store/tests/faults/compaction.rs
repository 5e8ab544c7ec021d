//! Compacted topics on disks that fail, and in processes that end, at any call: of each key the newest acknowledged
//! message is there afterwards, or a newer one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use message::{properties::PropertyString, property_names as names, record::RecordView};

use super::{
    super::{
        super::checkpointing::Thoroughness,
        harness::{Harness, copy, get, message},
    },
    Acks, acknowledge,
    calls::{Failure, Lasts},
    open, open_on,
    scenario::Scenario,
    seed,
};
use crate::{
    fs::FileSystem,
    message_store::MessageStore,
    put::PendingMessage,
    testing::{Op, Verdict, WatchedFs, Watcher},
};

const TOPIC: &str = "t";
const MESSAGES: usize = 70;
/// More than the last file has messages.
const KEYS: usize = 11;

/// The life of [`work`].
const COMPACTED: Scenario<Acks> =
    Scenario { name: "a compacted topic", harness, prepare, work, verify, stride: 3, cases_min: 60 };

/// Nine messages a file.
fn harness() -> Harness {
    let mut harness = super::harness();
    harness.options.compaction_queue_file_size_bytes = 460;
    harness.options.compaction_log_file_size_bytes = 4_600;
    harness.options.message_index = crate::options::Switch::Off;
    prepare(&harness);
    harness
}

/// The broker has made its topics durable.
fn prepare(harness: &Harness) {
    let topics = r#"{"topicConfigTable":{"t":{"attributes":{"cleanup.policy":"COMPACTION"}}}}"#;
    fs::create_dir_all(harness.options.config_path()).unwrap();
    fs::write(harness.options.config_path().join("topics.json"), topics).unwrap();
}

fn keyed(number: usize) -> PendingMessage {
    let key = format!("k{}", number % KEYS);
    let properties: PropertyString = [(names::KEYS, key.as_str())].into_iter().collect();
    PendingMessage {
        properties,
        body: format!("message {number} of k{}", number % KEYS).into_bytes().into(),
        ..message(TOPIC, 0, number)
    }
}

fn compact(store: &MessageStore) {
    let Some(compaction) = store.compaction() else { return };
    compaction.all().iter().for_each(|log| compaction.compact(log, &|| false));
}

/// A life with two compactions, and an orderly stop at the end.
fn work(harness: &Harness, fs: Arc<dyn FileSystem>, acks: &Acks) {
    let Some(store) = open_on(harness, fs) else { return };
    let mut pending = Vec::new();
    for number in 0..MESSAGES {
        if let Ok(appended) = store.put(&[keyed(number)]) {
            pending.push((number, appended.durability));
        }
        if number % 7 == 6 {
            store.flush_log();
            acknowledge(&mut pending, acks);
        }
        if number % 23 == 22 {
            store.flush_queues(Thoroughness::Sync);
        }
        if number % 31 == 30 {
            compact(&store);
        }
    }
    let _stopped = store.stop();
    acknowledge(&mut pending, acks);
}

/// The numbers of all messages, by queue offset.
fn numbers(store: &MessageStore, case: &str) -> BTreeMap<i64, usize> {
    let mut numbers = BTreeMap::new();
    let mut next = 0;
    loop {
        let result = get(store, TOPIC, 0, next);
        for (record, offset) in result.messages.iter().zip(&result.queue_offsets) {
            let view = RecordView::decode(record).unwrap();
            let body = str::from_utf8(view.body()).unwrap();
            let number: usize = body.split(' ').nth(1).unwrap().parse().unwrap();
            assert_eq!(*body, format!("message {number} of k{}", number % KEYS), "{case}");
            assert!(numbers.insert(*offset, number).is_none(), "{case}: offset {offset} comes twice");
        }
        if result.next_begin_offset <= next {
            return numbers;
        }
        next = result.next_begin_offset;
    }
}

fn verify(harness: &Harness, acks: &Acks, case: &str) {
    let store = open(harness).unwrap_or_else(|| panic!("{case}: the store does not open"));
    let check = |found: &BTreeMap<i64, usize>| {
        let found_numbers: Vec<usize> = found.values().copied().collect();
        assert!(found_numbers.is_sorted(), "{case}: {found:?}");
        let present: BTreeSet<usize> = found_numbers.into_iter().collect();
        for acked in acks.lock().unwrap().iter() {
            let has_newer = present.range(acked..).any(|number| number % KEYS == acked % KEYS);
            assert!(has_newer, "{case}: message {acked} was acknowledged and is lost: {present:?}");
        }
    };
    check(&numbers(&store, case));
    let next = store.max_offset(TOPIC, 0).unwrap_or(0);
    for number in MESSAGES..MESSAGES + 20 {
        let put = store.put(&[keyed(number)]);
        assert!(put.is_ok(), "{case}: the store takes no message: {put:?}");
    }
    store.flush_log();
    compact(&store);
    let found = numbers(&store, case);
    check(&found);
    let end: Vec<_> = found.into_iter().rev().take(2).collect();
    assert_eq!(end, [(next + 19, MESSAGES + 19), (next + 18, MESSAGES + 18)], "{case}");
}

/// Ends the process at a call: what it had done is there, what it was to do is not.
#[derive(Debug)]
struct Kill {
    at_call: u64,
    calls: AtomicU64,
    root: PathBuf,
    image: PathBuf,
}

impl Watcher for Kill {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call == self.at_call && self.root.exists() {
            copy(&self.root, &self.image);
        }
        if call >= self.at_call {
            return Verdict::Fail(io::Error::other("killed"));
        }
        Verdict::hasty(op)
    }
}

#[test]
fn the_process_is_killed_at_any_call() {
    COMPACTED.at_every_call("kill", seed(), |at_call| {
        let (source, left) = (harness(), harness());
        let (root, image) = (source.root().to_owned(), left.root().to_owned());
        let fs = WatchedFs::new(Kill { at_call, calls: AtomicU64::new(0), root, image });
        let acks = COMPACTED.live(&source, &fs);
        if fs.watcher.calls.load(Ordering::SeqCst) <= at_call {
            return false;
        }
        verify(&left, &acks, &format!("kill at call {at_call}"));
        true
    });
}

#[test]
fn the_power_goes_out_at_any_call() {
    COMPACTED.power_goes_out(1);
}

#[test]
fn a_call_fails_once_or_from_then_on() {
    COMPACTED.calls_fail(Failure::Input, Lasts::Once);
    COMPACTED.calls_fail(Failure::ShortWrite, Lasts::FromThenOn);
    COMPACTED.calls_fail(Failure::NoSpace, Lasts::Once);
}
