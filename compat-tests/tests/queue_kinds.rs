//! Queues that are not simple ones: batch queues, and light queues (LMQ) that messages name besides their own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{ClientVersion, Cluster, Event, FAST, Options, ServerKind, named};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LIGHT: &str = "enableLmq=true\nenableMultiDispatch=true";

#[test]
fn batch_queues_on_ferrocket() {
    batch_queues(&Cluster::start(Options::ferrocket()));
}

#[test]
fn light_queues_on_ferrocket() {
    light_queues(&Cluster::start(Options::ferrocket().with_broker_conf(LIGHT)));
}

#[test]
fn a_store_goes_from_java_to_ferrocket_and_back() {
    let cluster = Cluster::prepare(Options::ferrocket().with_broker_conf(LIGHT));
    cluster.start_namesrv(0);
    let client = cluster.client(V5);
    let start = |kind| {
        cluster.exchange_broker(kind);
        cluster.start_broker();
    };
    let produce = |keys: &str| {
        client.run("produce-inner-batches", &format!("topic=batches count=7 keys={keys} {FAST}"));
        client.run(
            "produce-light",
            &format!("topic=fed lights=%LMQ%a,%LMQ%b count=3 keys={keys} queues=1 {FAST}"),
        );
    };
    let check = |phases: &[&str]| {
        assert_walked(&walk(&cluster, "batches", "search=true"), phases, 18);
        assert_walked(&walk(&cluster, "%LMQ%b", "parent=fed"), phases, 3);
    };
    start(ServerKind::Java);
    client.run("create-batch-topic", &format!("topic=batches {FAST}"));
    produce("java");
    check(&["java"]);
    cluster.stop_broker();
    start(ServerKind::Ferrocket);
    check(&["java"]);
    produce("ours");
    check(&["java", "ours"]);
    cluster.kill_broker();
    start(ServerKind::Java);
    check(&["java", "ours"]);
    produce("again");
    cluster.kill_broker();
    start(ServerKind::Ferrocket);
    produce("last");
    check(&["java", "ours", "again", "last"]);
    cluster.stop_broker();
    start(ServerKind::Java);
    check(&["java", "ours", "again", "last"]);
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn the_same_on_java() {
    batch_queues(&Cluster::start(Options::java()));
    light_queues(&Cluster::start(Options::java().with_broker_conf(LIGHT)));
}

/// Batches are stored as one record each and consumed message by message, each at an offset of its own.
fn batch_queues(cluster: &Cluster) {
    let client = cluster.client(V5);
    client.run("create-batch-topic", &format!("topic=batches {FAST}"));
    let produce = |keys: &str| {
        let sent = client.run("produce-inner-batches", &format!("topic=batches count=12 keys={keys} {FAST}"));
        let batches = named(&sent, "batch").into_iter().cloned().collect::<Vec<_>>();
        let sizes: i64 = batches.iter().map(|batch| batch.number("size")).sum();
        assert_eq!(sizes, 33);
        for pair in batches.windows(2) {
            let end = pair[0].number("queueOffset") + pair[0].number("size");
            assert_eq!(pair[1].number("queueOffset"), end, "{pair:?}");
        }
        assert!(!batches[4].text("offsetMsgId").contains(','), "one record: {}", batches[4].0);
    };
    produce("first");
    cluster.kill_broker();
    cluster.start_broker();
    produce("second");
    assert_walked(&walk(cluster, "batches", "search=true"), &["first", "second"], 33);
    let received = client.run("consume-push-concurrent", &format!("topic=batches group=g count=66 {FAST}"));
    assert_eq!(named(&received, "message").len(), 66);
    cluster.stop_broker();
    cluster.start_broker();
    produce("third");
    let resumed = client.run("consume-push-concurrent", &format!("topic=batches group=g count=33 {FAST}"));
    let keys: Vec<&str> = named(&resumed, "message").iter().map(|message| message.text("keys")).collect();
    assert!(keys.iter().all(|keys| keys.starts_with("third")), "{keys:?}");
    assert_walked(&walk(cluster, "batches", "search=true"), &["first", "second", "third"], 33);

    client.run("create-batch-topic", &format!("topic=automatic queues=4 {FAST}"));
    client.run("produce-auto-batch", &format!("topic=automatic count=40 {FAST}"));
    let received = client.run("consume-push-concurrent", &format!("topic=automatic group=a count=40 {FAST}"));
    assert_eq!(named(&received, "message").len(), 40);

    client.run("create-batch-topic", &format!("topic=singles {FAST}"));
    client.run("produce-sync", &format!("topic=singles group=p count=5 keys=single- queue=0 {FAST}"));
    let single = client.run("walk-queue", &format!("topic=singles group=reader {FAST}"));
    assert_walked(&single, &["single-"], 5);
}

/// A message is in its own queue and in every light queue it names, at the offset of each.
fn light_queues(cluster: &Cluster) {
    let client = cluster.client(V5);
    let produce = |lights: &str, keys: &str| {
        client
            .run("produce-light", &format!("topic=fed lights={lights} count=5 keys={keys} queues=1 {FAST}"));
    };
    produce("%LMQ%a,%LMQ%b", "first");
    produce("%LMQ%b", "second");
    cluster.kill_broker();
    cluster.start_broker();
    produce("%LMQ%a", "third");
    assert_walked(&walk(cluster, "%LMQ%a", "parent=fed search=true"), &["first", "third"], 5);
    assert_walked(&walk(cluster, "%LMQ%b", "parent=fed search=true"), &["first", "second"], 5);
    assert_walked(&walk(cluster, "fed", "search=true"), &["first", "second", "third"], 5);

    // A machine that does other things too may be late once.
    let is_woken = |attempt: u32| {
        let woken = client.run("wait-light", &format!("topic=fed group=w lights=%LMQ%a queues=1 {FAST}"));
        let millis = named(&woken, "woken")[0].number("millis");
        eprintln!("attempt {attempt}: woken after {millis} ms");
        millis < 4_000
    };
    assert!((0..5).any(is_woken), "woken late each time");

    let commit = |group: &str, more: &str| {
        let events =
            client.run("commit-light", &format!("topic=%LMQ%a parent=fed group={group} {FAST}{more}"));
        named(&events, "committed")[0].number("before")
    };
    assert_eq!(commit("%LMQ%g", " offset=3"), 0);
    assert_eq!(commit("plain", " offset=4"), 0);
    cluster.stop_broker();
    cluster.start_broker();
    assert_eq!((commit("%LMQ%g", ""), commit("plain", "")), (3, 4));
    produce("%LMQ%b", "fourth");
    assert_walked(&walk(cluster, "%LMQ%b", "parent=fed"), &["first", "second", "fourth"], 5);
}

fn walk(cluster: &Cluster, topic: &str, more: &str) -> Vec<Event> {
    cluster.client(V5).run("walk-queue", &format!("topic={topic} group=reader {FAST} {more}"))
}

/// The queue has the messages of these phases, `per_phase` of each, without a gap.
fn assert_walked(events: &[Event], phases: &[&str], per_phase: usize) {
    let messages = named(events, "message");
    let keys: Vec<&str> = messages.iter().map(|message| message.text("keys")).collect();
    let expected: Vec<String> = phases
        .iter()
        .flat_map(|phase| (0..per_phase).map(move |number| format!("{phase}{number}")))
        .collect();
    assert_eq!(keys, expected);
    let queue = named(events, "queue")[0];
    assert_eq!((queue.number("minOffset"), queue.number("maxOffset")), (0, expected.len() as i64));
    assert_found(events);
}

/// A search by the time of a message finds no message stored later; one by a time before or after all stays in the queue.
fn assert_found(events: &[Event]) {
    let searches = named(events, "search");
    for search in &searches {
        let stored = search.number("storeTimestamp");
        let last_of_then = searches
            .iter()
            .filter(|other| other.number("storeTimestamp") == stored)
            .map(|other| other.number("queueOffset"))
            .max();
        let found = search.number("found");
        assert!(found >= 0 && Some(found) <= last_of_then, "{}", search.0);
    }
    let end = named(events, "queue")[0].number("maxOffset");
    for before in named(events, "search-before-all") {
        assert_eq!(before.number("found"), 0);
    }
    for after in named(events, "search-after-all") {
        assert!((end - 5..=end).contains(&after.number("found")), "{}", after.0);
    }
}
