//! A store goes from Java's broker to ours and back, again and again, under load, after orderly stops and after kills.
//!
//! Producers log what was acknowledged; a consumer stops before each exchange and another goes on after it; delayed
//! messages are under way each time. At the end Java's broker has every acknowledged message at its place, the consumers
//! together got every message, and hardly one twice, every delayed message has come, and Java's logs have no error.
//!
//! `COMPAT_ROUND_TRIPS=20` makes more of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{
    ClientVersion, Cluster, Event, FAST, Options, ServerKind, assert_acked_is_kept, assert_delivered, named,
    wire::Wire,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(180);
const QUERY_CONSUMER_OFFSET: i32 = 14;
/// Of the topic, which is made by its first message.
const QUEUES: u32 = 4;
/// How long one broker has the store under load.
const STAGE: Duration = Duration::from_millis(2_500);
/// Messages of the level 3 come 10 s later.
const DELAYED: &str = "topic=delayed group=p count=5 delay=3";

/// Small files, so that exchanges meet several; offsets are on disk soon.
const BROKER_CONF: &str = "mappedFileSizeCommitLog=1048576
mappedFileSizeConsumeQueue=20000
maxHashSlotNum=500
maxIndexNum=2000
flushConsumerOffsetInterval=500
flushDelayOffsetInterval=500
";

/// How a broker ends.
#[derive(Clone, Copy, Debug)]
enum Exit {
    Clean,
    Killed,
}

#[test]
fn a_store_goes_to_and_fro_under_load() {
    let cluster = Cluster::start(Options::java().with_broker_conf(BROKER_CONF));
    let trips: usize = std::env::var("COMPAT_ROUND_TRIPS").map_or(2, |trips| trips.parse().unwrap());
    let client = cluster.client(V5);
    let mut producer = client.begin(
        "produce-acklog",
        "topic=exchanged group=p threads=4 pause=4 sendTimeout=2000 retries=1 poll=1000",
    );
    producer.wait_for("ack", LONG);
    let mut consumed = Vec::new();
    let mut delayed = Vec::new();
    let exits = [(Exit::Clean, Exit::Killed), (Exit::Killed, Exit::Clean)];
    for trip in 0..trips {
        let (java, ours) = exits[trip % 2];
        for (kind, exit) in [(ServerKind::Java, java), (ServerKind::Ferrocket, ours)] {
            assert_eq!(cluster.broker_kind(), kind);
            let keys = format!("keys={trip}-{kind:?}-");
            delayed.extend(client.run("produce-sync", &format!("{DELAYED} {keys} {FAST}")));
            let stage = consume_for(&cluster, STAGE);
            let before = places(&consumed);
            let again = places(&stage).into_keys().filter(|place| before.contains_key(place)).count();
            eprintln!("trip {trip}, {kind:?}, to end {exit:?}: {again} consumed again");
            consumed.extend(stage);
            end_broker(&cluster, exit);
            cluster.exchange_broker(if kind == ServerKind::Java {
                ServerKind::Ferrocket
            } else {
                ServerKind::Java
            });
            cluster.start_broker();
            let sent = producer.wait_for("progress", LONG).number("sent");
            producer.wait_until("an ack of the other broker", LONG, |event| {
                event.name() == "ack" && event.number("number") > sent
            });
        }
    }
    assert_eq!(cluster.broker_kind(), ServerKind::Java);
    producer.tell("stop");
    let produced = producer.finish();
    let log = client.run("verify-log", &format!("topic=exchanged group=reader {FAST}"));
    assert_acked_is_kept(&produced, &log);

    consumed.extend(consume_rest(&cluster, named(&log, "seen").len(), &consumed));
    assert_consumed(&log, &consumed, 2 * trips);
    assert_all_came(&delayed, &consume_delayed(&cluster, named(&delayed, "sent").len()));
    assert_no_errors(&cluster);
}

fn end_broker(cluster: &Cluster, exit: Exit) {
    match exit {
        Exit::Clean => assert!(matches!(cluster.stop_broker().code(), Some(0 | 143))),
        Exit::Killed => cluster.kill_broker(),
    }
}

const CONSUMER: &str = "topic=exchanged group=exchangers hold=true";

/// What a consumer of the group gets in this time; its offsets are on the broker's disk afterwards.
fn consume_for(cluster: &Cluster, time: Duration) -> Vec<Event> {
    let mut consumer = cluster.client(V5).begin("consume-push-concurrent", &format!("{CONSUMER} {FAST}"));
    consumer.wait_for("message", LONG);
    thread::sleep(time);
    consumer.tell("stop");
    let events = consumer.finish();
    wait_for_written_offsets(cluster);
    events
}

/// Ours are on the disk after a second, when the disk has time for them. Java's broker writes them again and again, but not
/// in the first ten seconds after its start.
fn wait_for_written_offsets(cluster: &Cluster) {
    // What the consumer told last has come by then.
    thread::sleep(Duration::from_millis(1_200));
    let deadline = Instant::now() + LONG;
    let wait = || {
        assert!(Instant::now() < deadline, "offsets are not written");
        thread::sleep(Duration::from_millis(50));
    };
    let offsets = cluster.store().join("config/consumerOffset.json");
    if cluster.broker_kind() == ServerKind::Java {
        let mark = cluster.path("consumed");
        fs::write(&mark, "").unwrap();
        let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        while modified(&offsets) <= modified(&mark) {
            wait();
        }
        return;
    }
    let mut broker = Wire::connect(&cluster.broker_addr()).unwrap();
    let known: Vec<String> = (0..QUEUES)
        .map(|queue_id| {
            let asked = json!({
                "consumerGroup": "exchangers", "topic": "exchanged", "queueId": queue_id.to_string(),
            });
            let answer = broker.call(QUERY_CONSUMER_OFFSET, &asked, &[]).unwrap();
            format!("{queue_id}:{}", answer.field("offset"))
        })
        // A queue nobody has consumed from has none.
        .filter(|known| !known.ends_with(':') && !known.ends_with(":0"))
        .collect();
    let is_written = || {
        let text: String = fs::read_to_string(&offsets).unwrap_or_default().split_whitespace().collect();
        let (_, group) = text.split_once("\"exchanged@exchangers\":{").unwrap_or_default();
        let written: Vec<&str> = group.split('}').next().unwrap_or_default().split(',').collect();
        known.iter().all(|known| written.contains(&known.as_str()))
    };
    while !is_written() {
        wait();
    }
}

/// What is left for the group.
fn consume_rest(cluster: &Cluster, total: usize, before: &[Event]) -> Vec<Event> {
    let mut seen: BTreeSet<_> = places(before).into_keys().collect();
    let mut consumer = cluster.client(V5).begin("consume-push-concurrent", &format!("{CONSUMER} {FAST}"));
    while seen.len() < total {
        let message = consumer.wait_for("message", LONG);
        seen.insert(place(&message));
    }
    consumer.tell("stop");
    consumer.finish()
}

fn place(event: &Event) -> (i64, i64) {
    (event.number("queueId"), event.number("queueOffset"))
}

/// How often each place was consumed.
fn places(consumed: &[Event]) -> BTreeMap<(i64, i64), usize> {
    let mut places = BTreeMap::new();
    for message in named(consumed, "message") {
        *places.entry(place(message)).or_default() += 1;
    }
    places
}

/// Consumers got everything, and after an exchange went on where their group was: only what was in their hands when they
/// stopped may have come again.
fn assert_consumed(log: &[Event], consumed: &[Event], exchanges: usize) {
    let counts = places(consumed);
    for seen in named(log, "seen") {
        assert!(counts.contains_key(&place(seen)), "not consumed: {}", seen.0);
    }
    let again = counts.values().map(|count| count - 1).sum::<usize>();
    eprintln!("{} consumed, {again} of them again, in {exchanges} exchanges", counts.len());
    assert!(again <= 100 * exchanges, "{again} of {} were consumed again", counts.len());
}

/// So many delayed messages. A kill may take back that one was delivered, with either broker, and it comes again then.
fn consume_delayed(cluster: &Cluster, count: usize) -> Vec<Event> {
    let arguments = format!("topic=delayed group=delayed-readers hold=true {FAST}");
    let mut consumer = cluster.client(V5).begin("consume-push-concurrent", &arguments);
    let mut arrived = BTreeMap::new();
    while arrived.len() < count {
        let message = consumer.wait_for("message", LONG);
        arrived.insert(message.text("keys").to_owned(), message);
    }
    consumer.tell("stop");
    consumer.finish();
    arrived.into_values().collect()
}

fn assert_all_came(delayed: &[Event], arrived: &[Event]) {
    let mut sent = delayed.to_vec();
    for event in &mut sent {
        // They were told their place among the delayed ones.
        for field in ["queueId", "queueOffset", "offsetMsgId"] {
            event.0.as_object_mut().unwrap().remove(field);
        }
    }
    assert_delivered(&sent, arrived);
}

fn assert_no_errors(cluster: &Cluster) {
    for name in ["store.log", "broker.log"] {
        let text = fs::read_to_string(cluster.java_log(name)).unwrap();
        assert!(text.contains("INFO"), "{name} is empty");
        let errors: Vec<&str> = text.lines().filter(|line| line.contains(" ERROR ")).collect();
        assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
    }
}
