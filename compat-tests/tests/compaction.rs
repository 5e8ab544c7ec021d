//! Compacted topics: of the messages with one key the newest stays, in files either broker goes on with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use compat_tests::{ClientVersion, Cluster, Event, FAST, Options, ServerKind, named};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(180);
/// Nine messages a file; a queue is compacted every few seconds.
const SMALL: &str = "compactionMappedFileSize=4600
compactionCqMappedFileSize=460
compactionScheduleInternal=500
flushConsumerOffsetInterval=500
";

#[test]
fn a_compacted_topic_on_ferrocket() {
    compacted_topic(&Cluster::start(Options::ferrocket().with_broker_conf(SMALL)));
}

#[test]
fn a_store_goes_from_java_to_ferrocket_and_back() {
    let cluster = Cluster::prepare(Options::ferrocket().with_broker_conf(SMALL));
    cluster.start_namesrv(0);
    let client = cluster.client(V5);
    let start = |kind| {
        cluster.exchange_broker(kind);
        cluster.start_broker();
    };
    start(ServerKind::Java);
    client.run("create-compacted-topic", &format!("topic=handed {FAST}"));
    produce(&cluster, "handed", 0..50, 4);
    wait_for(&cluster, "handed", 45, &[41, 42, 43, 44]);
    produce(&cluster, "handed", 50..55, 4);
    cluster.kill_broker();

    start(ServerKind::Ferrocket);
    wait_for(&cluster, "handed", 54, &[50, 51, 52, 53]);
    produce(&cluster, "handed", 55..75, 3);
    wait_for(&cluster, "handed", 72, &[51, 69, 70, 71]);
    produce(&cluster, "handed", 75..80, 2);
    cluster.kill_broker();

    start(ServerKind::Java);
    wait_for(&cluster, "handed", 80, &[51, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79]);
    produce(&cluster, "handed", 80..95, 2);
    wait_for(&cluster, "handed", 90, &[51, 74, 88, 89]);
    cluster.stop_broker();
    assert_no_errors(&cluster);

    start(ServerKind::Ferrocket);
    wait_for(&cluster, "handed", 90, &[51, 74, 88, 89]);
    produce(&cluster, "handed", 95..100, 5);
    wait_for(&cluster, "handed", 99, &[95, 96, 97, 98]);
}

fn assert_no_errors(cluster: &Cluster) {
    let log = fs::read_to_string(cluster.java_log("store.log")).unwrap();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

fn produce(cluster: &Cluster, topic: &str, numbers: std::ops::Range<usize>, keys: usize) {
    let (first, count) = (numbers.start, numbers.len());
    let arguments = format!("topic={topic} group=p first={first} count={count} keys={keys} {FAST}");
    cluster.client(V5).run("produce-keyed", &arguments);
}

/// Waits until these offsets are left below `until`.
fn wait_for(cluster: &Cluster, topic: &str, until: usize, offsets: &[usize]) -> Vec<Event> {
    let offsets: Vec<String> = offsets.iter().map(ToString::to_string).collect();
    let arguments = format!("topic={topic} group=w until={until} offsets={} {FAST}", offsets.join(","));
    cluster.client(V5).run("wait-compacted", &arguments)
}

fn compacted_topic(cluster: &Cluster) {
    let client = cluster.client(V5);
    client.run("create-compacted-topic", &format!("topic=states {FAST}"));
    let refused = client.run("refused-without-key", &format!("topic=states group=p {FAST}"));
    for refusal in named(&refused, "refused") {
        assert_eq!(refusal.number("code"), 13);
        assert!(refusal.text("remark").contains("Required message key is missing"), "{}", refusal.0);
    }
    produce(cluster, "states", 0..50, 4);
    wait_for(cluster, "states", 45, &[41, 42, 43, 44]);
    let received =
        client.run("consume-push-concurrent", &format!("topic=states group=g from=first count=9 {FAST}"));
    assert_eq!(offsets_of(&received), [41, 42, 43, 44, 45, 46, 47, 48, 49]);
    let mut popper = client.begin("pop-raw", &format!("topic=states group=popping {FAST}"));
    popper.wait_for("started", LONG);
    // One answer holds messages of one file.
    for count in [4, 5] {
        popper.tell("pop,num=32,poll=2000");
        assert_eq!(popper.wait_for("popped", LONG).number("count"), count);
    }
    popper.tell("stop");
    let popped = popper.finish();
    let keys: Vec<&str> = named(&popped, "message").iter().map(|message| message.text("keys")).collect();
    assert_eq!(keys, ["k1", "k2", "k3", "k0", "k1", "k2", "k3", "k0", "k1"]);
    assert_answers(cluster);
    cluster.wait_for_written_offset("states", "g", 50);
    cluster.kill_broker();
    cluster.start_broker();
    assert_answers(cluster);
    produce(cluster, "states", 50..75, 4);
    wait_for(cluster, "states", 72, &[68, 69, 70, 71]);
    let resumed = client.run("consume-push-concurrent", &format!("topic=states group=g count=7 {FAST}"));
    assert_eq!(named(&resumed, "message").len(), 7);
}

fn offsets_of(received: &[Event]) -> Vec<i64> {
    let messages = named(received, "message");
    let mut offsets: Vec<i64> = messages.iter().map(|message| message.number("queueOffset")).collect();
    offsets.sort_unstable();
    offsets
}

/// Pulls speak of what is left; minima, maxima, searches, queries by key and statistics of all that was sent.
const ANSWERS: [(&str, &str); 18] = [
    ("max", "50"),
    ("min", "0"),
    ("progress", "{0=50 of 50}"),
    ("pull-0", "FOUND [41, 42, 43, 44] next 45 in 41..50"),
    ("pull-3", "FOUND [41, 42, 43, 44] next 45 in 41..50"),
    ("pull-42", "FOUND [42, 43, 44] next 45 in 41..50"),
    ("pull-44", "FOUND [44] next 45 in 41..50"),
    ("pull-45", "FOUND [45, 46, 47, 48, 49] next 50 in 41..50"),
    ("pull-49", "FOUND [49] next 50 in 41..50"),
    ("pull-50", "NO_NEW_MSG [] next 50 in 41..50"),
    ("pull-60", "OFFSET_ILLEGAL [] next 50 in 41..50"),
    ("pull-few", "FOUND [41, 42, 43] next 44 in 41..50"),
    // Both come, and the client drops those with another tag.
    ("pull-tag", "FOUND [41, 43] next 45 in 41..50"),
    ("query-k0", "[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48]"),
    ("query-k1", "[1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49]"),
    ("search-0", "0"),
    ("search-end", "50"),
    ("stats-0", "0..50"),
];

fn assert_answers(cluster: &Cluster) {
    let arguments = format!("topic=states group=a consumed=g pull=0,3,42,44,45,49,50,60 {FAST}");
    let events = cluster.client(V5).run("compacted-answers", &arguments);
    let answers = named(&events, "answer");
    let answers: BTreeMap<&str, String> = answers
        .iter()
        .map(|answer| (answer.text("to"), answer.0["is"].to_string().trim_matches('"').to_owned()))
        .collect();
    let expected: BTreeMap<&str, String> = ANSWERS.map(|(to, is)| (to, is.to_owned())).into();
    assert_eq!(answers, expected);
}
