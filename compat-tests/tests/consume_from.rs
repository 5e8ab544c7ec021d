//! Where a new group begins.
//!
//! A broker answers 0 for a group without an offset while the first message of the queue is there and in memory, and then
//! the client's wish does not count. Here the first messages have been deleted, so it does; retention is tested on the way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{Client, ClientVersion, Cluster, Event, FAST, Options, assert_delivered, named};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(180);
/// Java looks for old files only from a minute after its start on.
const DELETION: Duration = Duration::from_secs(300);

/// Files of 1 MiB, kept for no time at all, at any hour.
const NO_RETENTION: &str = "mappedFileSizeCommitLog=1048576
fileReservedTime=0
deleteWhen=00;01;02;03;04;05;06;07;08;09;10;11;12;13;14;15;16;17;18;19;20;21;22;23
cleanResourceInterval=1000";

#[test]
fn on_ferrocket() {
    everywhere(&Cluster::start(Options::ferrocket().with_broker_conf(NO_RETENTION)));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    everywhere(&Cluster::start(Options::java().with_broker_conf(NO_RETENTION)));
}

/// First everybody loses the beginning, then everybody begins: what one fills up would take from the other.
fn everywhere(cluster: &Cluster) {
    for step in [lose_the_beginning, begin] {
        thread::scope(|scope| {
            for version in [ClientVersion::V5_3_3, ClientVersion::V4_7_1] {
                let client = cluster.client(version);
                scope.spawn(move || step(client, &format!("from-{}", version.label())));
            }
        });
    }
}

/// Fills several files and waits until the first of them are deleted and no queue begins at 0 any more.
fn lose_the_beginning(client: &Client, topic: &str) {
    let filler = format!(
        "topic={topic} group={topic}-p keys=filler count=80 size=60000 body=random tags=filler {FAST}"
    );
    client.run("produce-sync", &filler);
    let deadline = Instant::now() + DELETION;
    loop {
        let found = client.run("offset-range", &format!("topic={topic} group={topic}-range {FAST}"));
        if named(&found, "queue").iter().all(|queue| queue.number("minOffset") > 0) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing deleted: {:?}", named(&found, "queue"));
        thread::sleep(Duration::from_secs(1));
    }
}

fn begin(client: &Client, topic: &str) {
    let send = |keys: &str| {
        client.run(
            "produce-sync",
            &format!("topic={topic} group={topic}-p keys={keys} tags=batch count=12 {FAST}"),
        )
    };
    let consume = |group: &str, from: &str, count: usize| {
        let arguments = format!(
            "topic={topic} group={topic}-{group} tags=batch from={from} count={count} settle=2000 {FAST}"
        );
        client.run("consume-push-concurrent", &arguments)
    };
    let first = send("first");
    // The wish is a time in whole seconds, and a busy machine may tell late that something was sent.
    thread::sleep(Duration::from_secs(8));
    let second = send("second");
    let between = named(&second, "sent")[0].number("sentMillis") - 4_000;
    let both = [first, second.clone()].concat();
    assert_delivered(&both, &consume("first", "first", 24));
    assert_delivered(&second, &consume("between", &format!("millis-{between}"), 12));
    assert_delivered(&[], &consume("future", "20990101000000", 0));
    last(client, topic, &send);
}

/// From the end on: nothing of what was there, everything that comes.
fn last(client: &Client, topic: &str, send: &dyn Fn(&str) -> Vec<Event>) {
    let arguments = format!("topic={topic} group={topic}-last tags=batch from=last hold=true {FAST}");
    let mut consumer = client.begin("consume-push-concurrent", &arguments);
    consumer.wait_until("its queues", LONG, |event| {
        event.name() == "assignment" && event.0["queues"].as_array().is_some_and(|queues| queues.len() == 4)
    });
    thread::sleep(Duration::from_secs(1));
    let third = send("third");
    for _ in named(&third, "sent") {
        consumer.wait_for("message", LONG);
    }
    // For what should not come.
    thread::sleep(Duration::from_secs(2));
    consumer.tell("stop");
    assert_delivered(&third, &consumer.finish());
}
