//! The unmodified Java clients 5.3.3, 4.9.8 and 4.7.1 on our name server and broker, on Java's, and on mixtures.
//!
//! The same scenarios run everywhere: Java's servers prove that the expectations are right.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{
    Client, ClientVersion, Cluster, FAST, Options, Scenario, ServerKind, Suite, assert_delivered,
    assert_in_order, named,
};

/// Longest first.
const SCENARIOS: &[Scenario] = &[
    Scenario::new("rebalance-orderly", rebalance_orderly),
    Scenario::new("retry-progression", retry_progression),
    Scenario::new("rebalance", rebalance),
    Scenario::new("retry", retry),
    Scenario::new("dead-letter", dead_letter),
    Scenario::new("retry-orderly", retry_orderly),
    Scenario::new("admin-reset", admin_reset),
    Scenario::new("delay", delay),
    Scenario::new("request-reply", request_reply),
    Scenario::new("consume-from", consume_from),
    Scenario::new("sync", sync),
    Scenario::new("async-unicode-tags", async_unicode_tags),
    Scenario::new("oneway", oneway),
    Scenario::new("orderly", orderly),
    Scenario::new("batch", batch),
    Scenario::new("large", large),
    Scenario::new("refusals", refusals),
    Scenario::new("compressed", compressed),
    Scenario::new("pull", pull),
    Scenario::new("lite-pull", lite_pull),
    Scenario::new("broadcast", broadcast),
    Scenario::new("resume", resume),
    Scenario::new("vip-channel", vip_channel),
    Scenario::new("namespace-unit", namespace_and_unit),
    Scenario::new("offsets", offsets),
    Scenario::new("query", query),
    Scenario::new("topics", topics),
    Scenario::new("admin-stats", admin_stats),
    Scenario::new("latency", latency),
];

/// Those only the 5.x client can do.
const SCENARIOS_5X: &[Scenario] = &[
    Scenario::new("async-batch", async_batch),
    Scenario::new("heartbeat-v2", heartbeat_v2),
    Scenario::new("offset-boundaries", offset_boundaries),
    Scenario::new("codecs", codecs),
];

/// The sample for combinations that only have to work together.
const SAMPLE: &[Scenario] = &[
    Scenario::new("retry", retry),
    Scenario::new("rebalance", rebalance),
    Scenario::new("sync", sync),
    Scenario::new("orderly", orderly),
    Scenario::new("batch", batch),
    Scenario::new("pull", pull),
    Scenario::new("topics", topics),
    Scenario::new("admin-stats", admin_stats),
];

#[test]
fn client_5_3_3_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    Suite::on(&cluster)
        .with(ClientVersion::V5_3_3, SCENARIOS)
        .with(ClientVersion::V5_3_3, SCENARIOS_5X)
        .run();
}

#[test]
fn client_4_9_8_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    Suite::on(&cluster).with(ClientVersion::V4_9_8, SCENARIOS).run();
}

#[test]
fn client_4_7_1_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    Suite::on(&cluster).with(ClientVersion::V4_7_1, SCENARIOS).run();
}

#[test]
fn java_broker_at_our_namesrv() {
    let cluster = Cluster::start(Options::new(ServerKind::Ferrocket, ServerKind::Java));
    Suite::on(&cluster).with(ClientVersion::V5_3_3, SAMPLE).with(ClientVersion::V4_7_1, SAMPLE).run();
}

#[test]
fn our_broker_at_a_java_namesrv() {
    let cluster = Cluster::start(Options::new(ServerKind::Java, ServerKind::Ferrocket));
    Suite::on(&cluster).with(ClientVersion::V5_3_3, SAMPLE).with(ClientVersion::V4_7_1, SAMPLE).run();
}

/// What the scenarios expect is what Java's servers do: a sample of them.
#[test]
fn clients_on_java() {
    let cluster = Cluster::start(Options::java());
    Suite::on(&cluster).with(ClientVersion::V4_9_8, SAMPLE).run();
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn all_clients_on_java() {
    let cluster = Cluster::start(Options::java());
    let suite = ClientVersion::ALL
        .into_iter()
        .fold(Suite::on(&cluster), |suite, version| suite.with(version, SCENARIOS));
    suite.with(ClientVersion::V5_3_3, SCENARIOS_5X).run();
}

/// Java's `mqadmin` on our servers.
#[test]
fn mqadmin_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    let broker = cluster.broker_addr();
    let updated = cluster.mqadmin(&format!("updateTopic -b {broker} -t by-mqadmin -r 3 -w 2"));
    assert!(updated.contains("success"), "{updated}");
    let route = cluster.mqadmin("topicRoute -t by-mqadmin");
    assert!(route.contains(&broker) && route.contains("\"readQueueNums\":3"), "{route}");
    let status = cluster.mqadmin("topicStatus -t by-mqadmin");
    assert_eq!(status.lines().filter(|line| line.starts_with("broker-a")).count(), 3, "{status}");
    let list = cluster.mqadmin("clusterList");
    assert!(list.contains("DefaultCluster") && list.contains(&broker), "{list}");
}

/// Sends, then consumes everything with a push consumer.
fn round_trip(client: &Client, name: &str, producer: &str, arguments: &str, consumer: &str) {
    let sent = client.run(producer, &format!("topic={name} group={name}-p keys={name} {FAST} {arguments}"));
    let count = named(&sent, "sent").len();
    let received = client.run(consumer, &format!("topic={name} group={name} count={count} {FAST}"));
    assert_delivered(&sent, &received);
}

fn sync(client: &Client, name: &str) {
    round_trip(
        client,
        name,
        "produce-sync",
        "count=20 properties=true flag=77 tags=a,b",
        "consume-push-concurrent",
    );
}

fn async_unicode_tags(client: &Client, name: &str) {
    let arguments =
        format!("topic={name} group={name}-p keys={name} count=60 body=unicode tags=a,b,c {FAST}");
    let sent = client.run("produce-async", &arguments);
    let consume = format!("topic={name} group={name} count=40 tags=a||c {FAST}");
    let received = client.run("consume-push-concurrent", &consume);
    let wanted: Vec<_> = sent.into_iter().filter(|event| event.0["tags"] != "b").collect();
    assert_delivered(&wanted, &received);
}

fn oneway(client: &Client, name: &str) {
    round_trip(client, name, "produce-oneway", "count=30 tags=t", "consume-push-concurrent");
}

fn orderly(client: &Client, name: &str) {
    let arguments = format!("topic={name} group={name}-p keys={name} count=120 selectorKeys=10 {FAST}");
    let sent = client.run("produce-selector", &arguments);
    let consume = format!("topic={name} group={name} count=120 {FAST}");
    let received = client.run("consume-push-orderly", &consume);
    assert_delivered(&sent, &received);
    assert_in_order(&received);
}

fn batch(client: &Client, name: &str) {
    round_trip(
        client,
        name,
        "produce-batch",
        "count=60 batch=20 tags=a,b properties=true",
        "consume-push-concurrent",
    );
}

fn large(client: &Client, name: &str) {
    // Zeros compress to nothing; random bytes grow a little and must stay below the limit of 4194304.
    let sent = client
        .run("produce-sync", &format!("topic={name} group={name}-p keys=noise body=random size=4190000"));
    let zeros = client
        .run("produce-sync", &format!("topic={name} group={name}-p keys=zeros body=zeros size=4194304"));
    let sent = [sent, zeros].concat();
    let received =
        client.run("consume-push-concurrent", &format!("topic={name} group={name} count=2 {FAST}"));
    assert_delivered(&sent, &received);
}

fn refusals(client: &Client, name: &str) {
    let refused = |arguments: &str| {
        let events = client.run("produce-refused", &format!("group={name}-p retries=0 {arguments}"));
        let refusal = named(&events, "refused")[0].clone();
        (refusal.number("code"), refusal.text("remark").to_owned())
    };
    // The client would stop this one itself; its own limit is lifted.
    let too_large = refused(&format!("topic={name} size=4194305 body=random clientMax=8000000"));
    assert_eq!(
        too_large,
        (
            13,
            "the message is illegal, maybe msg body or properties length not matched. msg body length limit 4194304B, \
             msg properties length limit 32KB."
                .to_owned()
        )
    );
    let own_limit = refused(&format!("topic={name} size=4194305 body=random"));
    assert_eq!(own_limit, (13, "the message body size over max value, MAX: 4194304".to_owned()));
}

fn compressed(client: &Client, name: &str) {
    let arguments = format!("topic={name} group={name}-p keys={name} count=6 body=compressible {FAST}");
    let sent = client.run("produce-sync", &arguments);
    let received =
        client.run("consume-push-concurrent", &format!("topic={name} group={name} count=6 {FAST}"));
    assert_delivered(&sent, &received);
    for message in named(&received, "message") {
        assert!(message.number("storeSize") < 2000, "stored size of {}", message.0);
    }
}

fn codecs(client: &Client, name: &str) {
    for codec in ["LZ4", "ZSTD", "ZLIB"] {
        let topic = format!("{name}-{codec}");
        let arguments = format!("count=3 body=compressible compressType={codec}");
        round_trip(client, &topic, "produce-sync", &arguments, "consume-push-concurrent");
    }
}

fn pull(client: &Client, name: &str) {
    let sent = client.run("produce-sync", &format!("topic={name} group={name}-p keys={name} count=50"));
    let received = client.run("consume-pull", &format!("topic={name} group={name} count=50 {FAST}"));
    assert_delivered(&sent, &received);
    for queue in named(&received, "queue") {
        assert_eq!(queue.text("beyondStatus"), "OFFSET_ILLEGAL");
        assert_eq!(queue.number("beyondNext"), queue.number("maxOffset"));
    }
}

fn lite_pull(client: &Client, name: &str) {
    let sent = client.run("produce-sync", &format!("topic={name} group={name}-p keys={name} count=50"));
    for mode in ["subscribe", "assign"] {
        let arguments = format!("topic={name} group={name}-{mode} mode={mode} count=50 {FAST}");
        assert_delivered(&sent, &client.run("consume-litepull", &arguments));
    }
}

fn broadcast(client: &Client, name: &str) {
    let sent = client.run("produce-sync", &format!("topic={name} group={name}-p keys={name} count=20"));
    let arguments =
        |instance: &str| format!("topic={name} group={name} count=20 instance={name}-{instance} {FAST}");
    let first = client.begin("broadcast", &arguments("a"));
    let second = client.begin("broadcast", &arguments("b"));
    assert_delivered(&sent, &first.finish());
    assert_delivered(&sent, &second.finish());
}

/// A group goes on where it stopped.
fn resume(client: &Client, name: &str) {
    round_trip(client, name, "produce-sync", "count=15", "consume-push-concurrent");
    let produce = format!("topic={name} group={name}-p keys=later count=10 {FAST}");
    let later = client.run("produce-sync", &produce);
    let received =
        client.run("consume-push-concurrent", &format!("topic={name} group={name} count=10 {FAST}"));
    assert_delivered(&later, &received);
}

/// A new group on a young topic starts at its beginning, wherever the client asks to start: Java answers offset 0 while
/// the first message is still in memory.
fn consume_from(client: &Client, name: &str) {
    let sent = client.run("produce-sync", &format!("topic={name} group={name}-p keys={name} count=12"));
    for (label, from) in
        [("first", "first"), ("last", "last"), ("past", "20200101000000"), ("future", "20990101000000")]
    {
        let arguments = format!("topic={name} group={name}-{label} from={from} count=12 {FAST}");
        assert_delivered(&sent, &client.run("consume-push-concurrent", &arguments));
    }
}

fn vip_channel(client: &Client, name: &str) {
    round_trip(client, name, "produce-sync", "count=8 vip=true", "consume-push-concurrent");
}

fn namespace_and_unit(client: &Client, name: &str) {
    let common = format!("topic={name} namespace=MQ_INST_{name} unit=u1 {FAST}");
    let sent = client.run("produce-sync", &format!("{common} group={name}-p keys={name} count=8"));
    let received = client.run("consume-push-concurrent", &format!("{common} group={name} count=8"));
    assert_eq!(named(&sent, "sent").len(), named(&received, "message").len());
}

fn async_batch(client: &Client, name: &str) {
    client.run("produce-async-batch", &format!("topic={name} group={name}-p count=30"));
    client.run("consume-push-concurrent", &format!("topic={name} group={name} count=30 {FAST}"));
}

fn heartbeat_v2(client: &Client, name: &str) {
    client.run("rebalance", &format!("topic={name} group={name} heartbeatV2=true {FAST}"));
}

fn retry(client: &Client, name: &str) {
    let events = client.run("retry", &format!("topic={name} group={name} fails=2 delayLevel=1 {FAST}"));
    let attempts = named(&events, "attempt");
    assert_eq!(attempts.len(), 3);
    for attempt in &attempts[1..] {
        let properties = attempt.properties();
        assert_eq!(properties["RETRY_TOPIC"], name);
        assert_eq!(properties["origin"], "kept");
        assert_eq!(attempt.text("topic"), name);
        assert_eq!(attempt.text("keys"), "doomed-key");
    }
}

/// Without a wish of the client's the broker waits 10 s before the first repetition and 30 s before the second.
fn retry_progression(client: &Client, name: &str) {
    let events = client.run("retry", &format!("topic={name} group={name} fails=2 {FAST}"));
    let attempts = named(&events, "attempt");
    let [first, second] = [1, 2].map(|attempt| attempts[attempt].number("sincePreviousMillis"));
    // The consumer may need a rebalance before it hears of its retry topic, and a busy machine its time. Further
    // repetitions would come after 60 s and more.
    assert!((9_900..59_000).contains(&first), "first repetition after {first} ms");
    assert!((29_900..59_000).contains(&second), "second repetition after {second} ms");
}

fn retry_orderly(client: &Client, name: &str) {
    let arguments = format!("topic={name} group={name} orderly=true suspend=200 fails=2 {FAST}");
    assert_eq!(named(&client.run("retry", &arguments), "attempt").len(), 3);
}

fn dead_letter(client: &Client, name: &str) {
    let arguments = format!("topic={name} group={name} maxReconsumeTimes=1 delayLevel=1 {FAST}");
    let events = client.run("dlq", &arguments);
    let dead = named(&events, "dead")[0];
    assert_eq!(dead.text("topic"), format!("%DLQ%{name}"));
    assert_eq!(dead.number("queueId"), 0);
    let properties = dead.properties();
    assert_eq!(properties["RETRY_TOPIC"], name);
    assert_eq!(properties["origin"], "kept");
    assert!(properties.contains_key("ORIGIN_MESSAGE_ID"));
}

/// Panics unless a scenario is quick in one of a few attempts, which get names of their own: a machine that does other
/// things too may make it slow once.
fn assert_quick_once(name: &str, is_quick: impl Fn(&str) -> bool) {
    let mut attempts = (0..5).map(|attempt| format!("{name}-{attempt}"));
    assert!(attempts.any(|name| is_quick(&name)), "{name} was too slow each time");
}

fn delay(client: &Client, name: &str) {
    assert_quick_once(name, |name| {
        let events = client.run("delay", &format!("topic={name} group={name} levels=3 {FAST}"));
        let messages = named(&events, "message");
        for message in &messages {
            let properties = message.properties();
            assert_eq!(properties["DELAY"], properties["level"]);
            assert_eq!(properties["REAL_TOPIC"], name);
        }
        let late = messages.iter().map(|message| message.number("lateMillis")).max();
        eprintln!("{name}: {late:?} ms late");
        late.is_some_and(|millis| millis < 2_000)
    });
}

/// Members hear of each other's coming and going from the broker: without that each step takes the client's 20 s.
fn rebalance(client: &Client, name: &str) {
    assert_quick_once(name, |name| {
        let events = client.run("rebalance", &format!("topic={name} group={name} {FAST}"));
        let longest = named(&events, "step").iter().map(|step| step.number("millis")).max();
        eprintln!("{name}: {longest:?} ms");
        longest.is_some_and(|millis| millis < 15_000)
    });
}

fn rebalance_orderly(client: &Client, name: &str) {
    client.run("rebalance", &format!("topic={name} group={name} orderly=true {FAST}"));
}

fn offsets(client: &Client, name: &str) {
    client.run("offsets", &format!("topic={name} group={name} {FAST}"));
}

/// Messages of one store time: the lower boundary is the first of them, the upper one the last.
fn offset_boundaries(client: &Client, name: &str) {
    let events = client.run("offset-boundaries", &format!("topic={name} group={name} {FAST}"));
    let found: Vec<(&str, i64, i64)> = named(&events, "search")
        .into_iter()
        .map(|event| (event.text("place"), event.number("lower"), event.number("upper")))
        .collect();
    let expected = [
        ("before-0", 0, 0),
        ("at-0", 0, 2),
        ("after-0", 3, 2),
        ("before-1", 3, 2),
        ("at-1", 3, 5),
        ("after-1", 6, 5),
        ("before-2", 6, 5),
        ("at-2", 6, 8),
        ("after-2", 9, 8),
    ];
    assert_eq!(found, expected);
}

fn query(client: &Client, name: &str) {
    let events = client.run("query-message", &format!("topic={name} group={name} {FAST}"));
    assert_eq!(named(&events, "absent")[0].number("code"), 208);
}

fn topics(client: &Client, name: &str) {
    let queues_of = |events: &[compat_tests::Event]| {
        let route = named(events, "route")[0];
        let queues = route.0["queues"].as_array().unwrap();
        assert_eq!(queues.len(), 1, "{}", route.0);
        (
            queues[0]["read"].as_i64().unwrap(),
            queues[0]["write"].as_i64().unwrap(),
            queues[0]["perm"].as_i64().unwrap(),
        )
    };
    let created = client.run("admin-topic", &format!("topic={name} read=3 write=2 perm=6 {FAST}"));
    assert_eq!(queues_of(&created), (3, 2, 6));
    let changed = client.run("admin-topic", &format!("topic={name} read=5 write=4 perm=6 {FAST}"));
    assert!(
        queues_of(&changed) == (5, 4, 6) || queues_of(&changed) == (3, 2, 6),
        "{:?}",
        queues_of(&changed)
    );
    let by_producer = client.run("create-topic", &format!("topic={name}-p group={name}-p count=6"));
    assert_eq!(queues_of(&by_producer), (6, 6, 6));
    client.run("produce-sync", &format!("topic={name}-auto group={name}-p"));
    assert_eq!(queues_of(&client.run("route", &format!("topic={name}-auto"))), (4, 4, 6));
    client.run("produce-sync", &format!("topic={name}-two group={name}-p queues=2"));
    assert_eq!(queues_of(&client.run("route", &format!("topic={name}-two"))), (2, 2, 6));
}

fn admin_stats(client: &Client, name: &str) {
    let events = client.run("admin-stats", &format!("topic={name} group={name} {FAST}"));
    let result = named(&events, "result")[0];
    assert_eq!(result.text("model"), "CLUSTERING");
    assert_eq!(result.text("from"), "CONSUME_FROM_FIRST_OFFSET");
}

fn admin_reset(client: &Client, name: &str) {
    client.run("admin-reset", &format!("topic={name} group={name} {FAST}"));
}

fn request_reply(client: &Client, name: &str) {
    client.run("request-reply", &format!("topic={name} group={name} {FAST}"));
}

/// A waiting consumer gets a message at once. Any timer a broker might poll with is far above the bound.
fn latency(client: &Client, name: &str) {
    assert_quick_once(name, |name| {
        let arguments = format!("topic={name} group={name} count=50 interval=50 {FAST}");
        let events = client.run("longpoll-latency", &arguments);
        let result = named(&events, "result")[0];
        eprintln!("{name}: {}", result.0);
        result.number("p50Micros") < 200_000
    });
}
