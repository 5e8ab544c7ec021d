//! What survives: a restart, a kill -9, a second process on the same store, a consumer that dies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{
    ClientVersion, Cluster, Event, FAST, Options, ServerKind, assert_acked_is_kept, assert_delivered, named,
};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(180);
/// Longer than the lock of a queue lives, which its next owner asks for every second or so.
const TAKEOVER: Duration = Duration::from_secs(300);
/// Longer than it takes a client to renew its locks (`LOCK_INTERVAL_MILLIS` of the harness).
const LOCK_MILLIS: u64 = 12_000;
/// Acknowledged before each kill.
const ACKS_MIN: usize = 20;

#[test]
fn restart_on_ferrocket() {
    restart(&Cluster::start(Options::ferrocket()));
}

#[test]
fn consumers_outlive_their_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    consumers_outlive_their_broker(&cluster, "heartbeatV2=false");
    consumers_outlive_their_broker(&cluster, "heartbeatV2=true");
}

#[test]
fn crash_on_ferrocket() {
    crash(&Cluster::start(Options::ferrocket()), 3);
}

#[test]
fn crash_with_sync_flush_on_ferrocket() {
    crash(&Cluster::start(Options::ferrocket().with_broker_conf("flushDiskType=SYNC_FLUSH")), 1);
}

#[test]
fn consumer_death_on_ferrocket() {
    consumer_death(&Cluster::start(Options::ferrocket()));
}

#[test]
fn second_broker_on_one_store() {
    let cluster = Cluster::start(Options::ferrocket());
    if cluster.broker_kind() == ServerKind::Java {
        // Java's second broker ends too, but first takes the name it shares with the first one off the name server.
        return;
    }
    let mut second = cluster.spawn_broker();
    let status = second.wait(LONG).expect("the second broker keeps running");
    assert!(!status.success(), "the second broker ended with success");
    let events = cluster.client(V5).run("produce-sync", &format!("topic=alone group=p count=4 {FAST}"));
    assert_eq!(named(&events, "sent").len(), 4, "the first broker goes on");
    assert!(cluster.store().join("abort").exists(), "the second broker removed the first one's abort file");
}

#[test]
fn orderly_consumer_death_on_ferrocket() {
    orderly_consumer_death(&Cluster::start(Options::ferrocket().with_queue_locks_of(LOCK_MILLIS)));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn the_same_on_java() {
    restart(&Cluster::start(Options::java()));
    crash(&Cluster::start(Options::java()), 1);
    consumer_death(&Cluster::start(Options::java()));
    orderly_consumer_death(&Cluster::start(Options::java().with_queue_locks_of(LOCK_MILLIS)));
}

/// Messages, topics and offsets are there after an orderly restart, and no message comes twice.
fn restart(cluster: &Cluster) {
    let client = cluster.client(V5);
    let first =
        client.run("produce-sync", &format!("topic=kept group=p keys=first count=30 properties=true {FAST}"));
    let received = client.run("consume-push-concurrent", &format!("topic=kept group=g count=30 {FAST}"));
    assert_delivered(&first, &received);
    client.run("admin-topic", &format!("topic=configured read=3 write=2 {FAST}"));

    let status = cluster.stop_broker();
    // Java's virtual machine reports the signal it was stopped with.
    assert!(status.success() || status.code() == Some(143), "{status}");
    assert!(!cluster.store().join("abort").exists(), "abort file after an orderly stop");
    cluster.start_broker();
    assert!(cluster.store().join("abort").exists(), "no abort file while the broker runs");

    let route = client.run("route", "topic=configured");
    assert_eq!(named(&route, "route")[0].0["queues"][0]["read"], 3);
    let second = client.run("produce-sync", &format!("topic=kept group=p keys=second count=20 {FAST}"));
    let resumed = client.run("consume-push-concurrent", &format!("topic=kept group=g count=20 {FAST}"));
    assert_delivered(&second, &resumed);
    let all = client.run("consume-pull", &format!("topic=kept group=reader count=50 {FAST}"));
    assert_delivered(&[first, second].concat(), &all);
}

/// A consumer goes on when its broker comes back without any memory of the consumer's subscriptions.
///
/// A client with the second kind of heartbeat leaves them out unless the broker asks; Java's broker never does.
fn consumers_outlive_their_broker(cluster: &Cluster, heartbeat: &str) {
    let topic = format!("outlived-{}", heartbeat.ends_with("true"));
    let client = cluster.client(V5);
    client.run("produce-sync", &format!("topic={topic} group=p count=4 {FAST}"));
    let arguments = format!("topic={topic} group={topic} hold=true {heartbeat} {FAST}");
    let mut consumer = client.begin("consume-push-concurrent", &arguments);
    for _ in 0..4 {
        consumer.wait_for("message", LONG);
    }
    cluster.kill_broker();
    cluster.start_broker();
    client.run("produce-sync", &format!("topic={topic} group=p keys=after count=4 {FAST}"));
    for _ in 0..4 {
        consumer.wait_until("a message after the restart", LONG, |event| {
            event.name() == "message" && event.text("keys").starts_with("after")
        });
    }
    consumer.tell("stop");
    consumer.finish();
}

/// Every message acknowledged before or between kills is there, at the offset its producer was told.
fn crash(cluster: &Cluster, kills: usize) {
    let client = cluster.client(V5);
    let mut producer =
        client.begin("produce-acklog", "topic=acks group=p threads=4 sendTimeout=2000 retries=1");
    let mut acked = Vec::new();
    for _ in 0..kills {
        // As many as have to be there in the end, however slow the disk.
        for _ in 0..ACKS_MIN {
            producer.wait_for("ack", LONG);
        }
        acked.push(producer.wait_for("ack", LONG));
        thread::sleep(Duration::from_millis(700));
        cluster.kill_broker();
        assert!(cluster.store().join("abort").exists(), "no abort file after a kill");
        cluster.start_broker();
        // What was printed before the kill is read here; wait for one that can only come from the new process.
        let before = producer.wait_for("progress", LONG).number("sent");
        acked.push(producer.wait_until("an ack after the restart", LONG, |event| {
            event.name() == "ack" && event.number("number") > before
        }));
    }
    producer.tell("stop");
    let events = producer.finish();
    let log = client.run("verify-log", &format!("topic=acks group=reader {FAST}"));
    assert_acked_is_kept(&events, &log);
    assert!(acked.len() == 2 * kills);
}

fn consumer_death(cluster: &Cluster) {
    takeover(cluster, "consume-push-concurrent");
}

/// Nobody gets at the queues of a dead orderly consumer while its locks live, and what comes then comes in order.
fn orderly_consumer_death(cluster: &Cluster) {
    let Takeover { took, survivor, victim } = takeover(cluster, "consume-push-orderly");
    // The last renewal may be as old as the interval of renewals when the consumer dies.
    assert!(took >= Duration::from_millis(LOCK_MILLIS / 2), "taken over after {took:?}");
    let mut of_victim: BTreeMap<i64, i64> = BTreeMap::new();
    for message in named(&victim, "message") {
        of_victim.insert(message.number("queueId"), message.number("queueOffset") + 1);
    }
    assert_eq!(of_victim.len(), 2, "queues of the victim: {of_victim:?}");
    let mut next: BTreeMap<i64, i64> = BTreeMap::new();
    for message in named(&survivor, "message") {
        let (queue_id, offset) = (message.number("queueId"), message.number("queueOffset"));
        let expected = next.entry(queue_id).or_default();
        // What the victim consumed, the survivor need not.
        let left_out =
            of_victim.get(&queue_id).is_some_and(|reached| (*expected..=*reached).contains(&offset));
        assert!(offset == *expected || left_out, "queue {queue_id}: {offset} comes instead of {expected}");
        *expected = offset + 1;
    }
}

/// How a consumer's queues came to another.
struct Takeover {
    took: Duration,
    survivor: Vec<Event>,
    victim: Vec<Event>,
}

/// Two consumers of a group in two processes share the queues; one is killed, the other takes over what it had. Of an
/// orderly one the broker still holds locks for a while.
fn takeover(cluster: &Cluster, scenario: &str) -> Takeover {
    let survivor = cluster.client(V5);
    let victim = cluster.new_client(V5);
    survivor.run("produce-sync", &format!("topic=shared group=p keys=create count=4 {FAST}"));
    let arguments = format!("topic=shared group=g hold=true {FAST}");
    let mut first = survivor.begin(scenario, &arguments);
    let owns = |count: usize| {
        move |event: &Event| {
            event.name() == "assignment"
                && event.0["queues"].as_array().is_some_and(|queues| queues.len() == count)
        }
    };
    first.wait_until("all queues", LONG, owns(4));
    let mut second = victim.begin(scenario, &arguments);
    second.wait_until("half of the queues", LONG, owns(2));
    let during = survivor.run("produce-sync", &format!("topic=shared group=p keys=during count=40 {FAST}"));
    // It has both its queues in hand when it dies.
    let mut queues = BTreeSet::new();
    while queues.len() < 2 {
        queues.insert(second.wait_for("message", LONG).number("queueId"));
    }
    thread::sleep(Duration::from_secs(1));
    victim.kill();
    let killed = Instant::now();
    first.wait_until("all queues again", TAKEOVER, owns(4));
    let took = killed.elapsed();
    let after = survivor.run("produce-sync", &format!("topic=shared group=p keys=after count=40 {FAST}"));
    // Its output ends with its process.
    let victim = second.drain(LONG);
    let consumed = |events: &[Event]| -> BTreeSet<String> {
        named(events, "message").iter().map(|message| message.text("keys").to_owned()).collect()
    };
    let mut left: BTreeSet<String> = named(&[during, after].concat(), "sent")
        .iter()
        .map(|message| message.text("keys").to_owned())
        .collect();
    let by_victim = consumed(&victim);
    left.retain(|keys| !by_victim.contains(keys));
    // What nobody consumed comes to the one that is left; this panics if it does not.
    while !left.is_subset(&consumed(first.seen())) {
        first.wait_for("message", LONG);
    }
    first.tell("stop");
    Takeover { took, survivor: first.finish(), victim }
}
