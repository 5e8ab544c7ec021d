//! Static topics on two brokers: ours, Java's, and one of each.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use compat_tests::{ClientVersion, Cluster, Event, FAST, Options, Process, ServerKind, named};
use serde_json::json;

const SECOND: &str = "broker-b";
/// Logical offsets from one move of a queue to the next.
const BLOCK: i64 = 10_000;

#[test]
fn static_topics_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    let mut second = cluster.start_further_broker(ServerKind::Ferrocket, SECOND);
    let events = move_to_and_fro(&cluster, "moved");
    if cluster.broker_kind() == ServerKind::Ferrocket {
        // Java answers with the first message of all: it takes offset 0 of the new stretch for none.
        assert_eq!(named(&events, "searched")[0].number("between"), BLOCK);
    }
    commands_and_a_restart(&cluster, &mut second);
}

#[test]
fn static_topics_on_ferrocket_and_java() {
    let cluster = Cluster::start(Options::ferrocket());
    let _second = cluster.start_further_broker(ServerKind::Java, SECOND);
    move_to_and_fro(&cluster, "mixed");
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn static_topics_on_java() {
    let cluster = Cluster::start(Options::java());
    let mut second = cluster.start_further_broker(ServerKind::Java, SECOND);
    move_to_and_fro(&cluster, "moved");
    commands_and_a_restart(&cluster, &mut second);
}

#[test]
#[ignore = "mappings are looked through every five minutes"]
fn cleaning_on_ferrocket() {
    let hours = (0..24).map(|hour| format!("{hour:02}")).collect::<Vec<_>>().join(";");
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(&format!("deleteWhen={hours}")));
    let kind = cluster.broker_kind();
    let _further = [SECOND, "broker-c"].map(|name| cluster.start_further_broker(kind, name));
    let made = cluster.mqadmin("updateStaticTopic -t cleaned -qn 4 -b broker-a");
    assert!(made.contains("The old mapping data is written to file"), "{made}");
    let client = cluster.client(ClientVersion::V5_3_3);
    for (target, begin) in [(SECOND, 0), ("broker-c", BLOCK)] {
        let sent = client.run("static-topic-send", &format!("topic=cleaned group=p count=5 {FAST}"));
        assert!(last_offsets(&sent).values().all(|offset| *offset == begin + 4), "{sent:?}");
        let moved = cluster.mqadmin(&format!("remappingStaticTopic -t cleaned -b {target}"));
        assert!(moved.contains("The old mapping data is written to file"), "{moved}");
    }
    let hosted = || -> BTreeMap<String, i64> {
        let events = client.run("static-topic-hosted", &format!("topic=cleaned {FAST}"));
        named(&events, "hosted")
            .into_iter()
            .map(|event| (event.text("brokerName").to_owned(), event.number("queues")))
            .collect()
    };
    let names = ["broker-a", SECOND, "broker-c"];
    let has = |queues: [i64; 3]| names.map(str::to_owned).into_iter().zip(queues).collect();
    assert_eq!(hosted(), has([4, 4, 4]));
    let deadline = Instant::now() + Duration::from_secs(700);
    // The first successor still sends clients on.
    while hosted() != has([0, 4, 4]) {
        assert!(Instant::now() < deadline, "{:?}", hosted());
        thread::sleep(Duration::from_secs(5));
    }
    let mut consuming =
        client.begin("static-topic-consume", &format!("topic=cleaned group=cleaned count=40 {FAST}"));
    consuming.wait_for("message", Duration::from_secs(90));
    consuming.finish();
}

/// A topic is made, used, moved to the second broker, used across both, and moved back.
fn move_to_and_fro(cluster: &Cluster, topic: &str) -> Vec<Event> {
    let client = cluster.client(ClientVersion::V5_3_3);
    let arguments = format!("topic={topic} group={topic} first=broker-a second={SECOND} {FAST}");
    let events = client.run("static-topic", &arguments);
    let refused = |what: &str| {
        let found = named(&events, "refused").into_iter().find(|event| event.text("what") == what);
        found.unwrap_or_else(|| panic!("{what} is not refused")).text("remark").to_owned()
    };
    assert!(refused("small epoch").starts_with("Can't accept data with small epoch "));
    assert_eq!(refused("no queue"), "Cannot accept equal epoch with null data");
    assert_eq!(refused("another leader"), "The new leader is different but epoch equal");
    assert_eq!(refused("generations"), "The gen does not increase monotonically");
    let elsewhere = format!("{topic}-1 does not exit in request process of current broker broker-a");
    for what in ["max", "search", "time", "query"] {
        assert_eq!(refused(what), elsewhere);
    }
    assert_eq!(refused("min"), format!("{topic}-1 is not leader in broker broker-a, request code 31"));
    let searched = named(&events, "searched")[0];
    assert_eq!((searched.number("first"), searched.number("later")), (0, BLOCK + 8));
    assert_eq!(searched.0["earliestIsBefore"], true);
    assert_pulls(&events);
    events
}

/// Pulls from both stretches, the first of which ends at 8.
fn assert_pulls(events: &[Event]) {
    let pulled: Vec<_> = named(events, "pulled")
        .into_iter()
        .map(|event| {
            json!([
                event.0["offset"],
                event.0["status"],
                event.0["next"],
                event.0["min"],
                event.0["max"],
                event.0["found"]
            ])
        })
        .collect();
    let expected = [
        json!([0, "FOUND", 4, 0, 10_000, [0, 1, 2, 3]]),
        json!([5, "FOUND", 8, 0, 10_000, [5, 6, 7]]),
        json!([8, "NO_MATCHED_MSG", 10_000, 10_000, 10_000, []]),
        json!([11, "NO_MATCHED_MSG", 10_000, 10_000, 10_000, []]),
        json!([10_000, "FOUND", 10_004, 10_000, 10_008, [10_000, 10_001, 10_002, 10_003]]),
        json!([10_005, "FOUND", 10_008, 10_000, 10_008, [10_005, 10_006, 10_007]]),
        json!([10_008, "NO_NEW_MSG", 10_008, 10_000, 10_008, []]),
    ];
    assert_eq!(pulled, expected);
}

/// Java's commands make and move a topic; the second broker crashes in between.
fn commands_and_a_restart(cluster: &Cluster, second: &mut Process) {
    let client = cluster.client(ClientVersion::V5_3_3);
    let made = cluster.mqadmin(&format!("updateStaticTopic -t commanded -qn 4 -b broker-a,{SECOND}"));
    assert!(made.contains("The old mapping data is written to file"), "{made}");
    let send = |group: &str| {
        let arguments = format!("topic=commanded group={group} count=5 {FAST}");
        last_offsets(&client.run("static-topic-send", &arguments))
    };
    assert_eq!(send("before"), [(0, 4), (1, 4), (2, 4), (3, 4)].into());
    second.kill();
    *second = cluster.start_further_broker(
        if cluster.broker_kind() == ServerKind::Java { ServerKind::Java } else { ServerKind::Ferrocket },
        SECOND,
    );
    let moved = cluster.mqadmin(&format!("remappingStaticTopic -t commanded -b {SECOND}"));
    assert!(moved.contains("The old mapping data is written to file"), "{moved}");
    let offsets = send("after");
    assert_eq!(offsets.values().filter(|offset| **offset == BLOCK + 4).count(), 2, "{offsets:?}");
    assert_eq!(offsets.values().filter(|offset| **offset == 9).count(), 2, "{offsets:?}");
    let mut consuming =
        client.begin("static-topic-consume", &format!("topic=commanded group=commanded count=40 {FAST}"));
    consuming.wait_for("message", Duration::from_secs(90));
    assert_eq!(last_offsets(&consuming.finish()), offsets);
}

/// The greatest offset of each queue in what was sent or received.
fn last_offsets(events: &[Event]) -> BTreeMap<i64, i64> {
    let mut last = BTreeMap::new();
    for event in events.iter().filter(|event| ["sent", "message"].contains(&event.name())) {
        let offset = last.entry(event.number("queueId")).or_insert(-1);
        *offset = event.number("queueOffset").max(*offset);
    }
    last
}
