//! Queues by the hundred thousand: a store of many queues with one message each, written, stopped, started, killed and
//! started again, with few open files whatever their number.
//!
//! The default is small. What a million costs, with the limits of an ordinary process, is printed by
//!
//! ```sh
//! (ulimit -n 1024; STORE_QUEUES=1000000 cargo test --release -p store many_queues -- --nocapture)
//! ```

use std::{fmt::Display, sync::Arc, time::Duration};

use runtime::clock::{Clock, SystemClock};

use super::{
    super::checkpointing::Thoroughness,
    harness::{Harness, get, message},
};
use crate::{
    fs::FileSystem,
    message_store::{Environment, MessageStore},
    options::{StoreOptions, Switch},
    testing::{Op, Verdict, WatchedFs, Watcher},
};

const QUEUES_OF_A_TOPIC: usize = 1_000;
/// Messages between two rounds of writing what queues have in memory, about a second's.
const ROUND: usize = 100_000;

/// Lets every call be made, but for syncs where nobody measures.
#[derive(Debug)]
struct Pass {
    measures: bool,
}

impl Watcher for Pass {
    fn before(&self, op: Op, _: &std::path::Path) -> Verdict {
        if self.measures { Verdict::Pass } else { Verdict::hasty(op) }
    }
}

/// Prints what a step took, in time and in memory that is not mapped from files.
struct Steps {
    clock: SystemClock,
    since: Duration,
    queue_count: usize,
}

impl Steps {
    fn done(&mut self, step: impl Display) {
        let now = self.clock.monotonic();
        let anonymous = anonymous_bytes();
        eprintln!(
            "{step}: {:.1} s, {} MiB, {} bytes a queue",
            now.saturating_sub(self.since).as_secs_f64(),
            anonymous >> 20,
            anonymous / self.queue_count
        );
        self.since = self.clock.monotonic();
    }
}

/// What this process has allocated, allocator and stacks included.
fn anonymous_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn place(number: usize) -> (String, i32) {
    (format!("Topic{}", number / QUEUES_OF_A_TOPIC), (number % QUEUES_OF_A_TOPIC) as i32)
}

fn put_in_each(store: &MessageStore, queue_count: usize) {
    for number in 0..queue_count {
        let (topic, queue_id) = place(number);
        let _durability = store.put(&[message(&topic, queue_id, 7)]).unwrap().durability;
        if number % ROUND == ROUND - 1 {
            store.flush_queues(Thoroughness::Write);
        }
    }
}

fn assert_each_holds(store: &MessageStore, queue_count: usize, messages: usize) {
    for number in 0..queue_count {
        let (topic, queue_id) = place(number);
        assert_eq!(get(store, &topic, queue_id, 0).messages.len(), messages, "{topic}/{queue_id}");
    }
}

#[test]
fn many_queues_need_few_open_files() {
    let wanted = std::env::var("STORE_QUEUES").ok();
    let queue_count = wanted.as_ref().map_or(2_000, |count| count.parse().expect("STORE_QUEUES is a number"));
    let harness = Harness::new();
    let mut options = StoreOptions::at(harness.root());
    options.message_index = Switch::Off;
    options.disk_warning_percent = 100;
    options.disk_clean_forcibly_percent = 100;
    let fs = WatchedFs::new(Pass { measures: wanted.is_some() });
    let environment = || Environment { fs: Arc::clone(&fs) as Arc<dyn FileSystem>, ..harness.environment() };
    let open = || MessageStore::open(options.clone(), environment()).unwrap();
    let clock = SystemClock::new();
    let mut steps = Steps { since: clock.monotonic(), clock, queue_count };
    steps.done(format_args!("{queue_count} queues, nothing open"));

    let store = open();
    put_in_each(&store, queue_count);
    steps.done("one message put in each");
    store.flush_log();
    store.flush_queues(Thoroughness::Sync);
    steps.done("all made durable");
    store.stop().unwrap();
    drop(store);
    steps.done("stopped");

    let store = open();
    steps.done("started after a clean stop");
    assert_each_holds(&store, queue_count, 1);
    steps.done("every queue read");
    put_in_each(&store, queue_count);
    store.flush_queues(Thoroughness::Write);
    steps.done("another message put in each and written");
    // As after kill -9.
    drop(store);
    steps.done("killed");

    let store = open();
    steps.done("started after the kill");
    assert_each_holds(&store, queue_count, 2);
    steps.done("every queue read");
    store.flush_queues(Thoroughness::Sync);
    steps.done("all made durable");
    drop(store);
    assert!(fs.most_open_files() < options.max_open_consume_queue_files + 40, "{}", fs.most_open_files());
}
