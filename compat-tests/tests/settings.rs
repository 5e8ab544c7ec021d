//! What topics, groups and brokers can be set to: group settings, traces, cold data, order across brokers; and
//! that a message keeps its unique key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::{collections::BTreeMap, thread, time::Duration};

use compat_tests::{Client, ClientVersion, Cluster, Event, FAST, Options, Scenario, Suite, named};

const SCENARIOS: &[Scenario] = &[
    Scenario::new("group-settings", group_settings),
    Scenario::new("message-trace", message_trace),
    Scenario::new("custom-trace", custom_trace),
    Scenario::new("cold-data", cold_data),
];
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn settings_on_ferrocket() {
    settings(Options::ferrocket());
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn settings_on_java() {
    settings(Options::java());
}

#[test]
fn order_during_a_change_of_brokers_on_ferrocket() {
    order_during_a_change_of_brokers(Options::ferrocket());
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn order_during_a_change_of_brokers_on_java() {
    order_during_a_change_of_brokers(Options::java());
}

fn settings(options: Options) {
    let cluster = Cluster::start(options.with_broker_conf("traceTopicEnable=true"));
    let client = cluster.client(ClientVersion::V5_3_3);
    let keyed = client.begin("unique-keys", &format!("topic=keys group=keys {FAST}"));
    Suite::on(&cluster).with(ClientVersion::V5_3_3, SCENARIOS).run();
    let keyed = keyed.finish();
    let keys = named(&keyed, "result")[0].text("keys");
    cluster.kill_broker();
    cluster.start_broker();
    client.run("unique-keys-again", &format!("topic=keys group=keys keys={keys} {FAST}"));
}

/// Settings of a group are kept as they were given; those the broker acts on, it acts on.
fn group_settings(client: &Client, name: &str) {
    let events = client.run("group-settings", &format!("topic={name} group={name} {FAST}"));
    let policies: Vec<_> = named(&events, "kept").iter().map(|event| event.number("policy")).collect();
    assert_eq!(policies, [3_000, 5_000, 5_000, 5_000, 5_000]);
    let refused = named(&events, "refused")[0];
    assert_eq!(refused.number("code"), 16);
    assert_eq!(refused.text("remark"), format!("subscription group no permission, {name}"));
}

fn message_trace(client: &Client, name: &str) {
    trace(client, name, "RMQ_SYS_TRACE_TOPIC");
}

fn custom_trace(client: &Client, name: &str) {
    trace(client, name, &format!("{name}-traces"));
}

fn trace(client: &Client, name: &str, topic: &str) {
    let events = client.run("message-trace", &format!("topic={name} group={name} traceTopic={topic} {FAST}"));
    let kinds = &named(&events, "traced")[0].0["kinds"];
    assert_eq!(*kinds, serde_json::json!(["Pub keyed", "SubAfter keyed", "SubBefore keyed"]));
}

fn cold_data(client: &Client, name: &str) {
    let events = client.run("cold-data", &format!("topic={name} group={name} {FAST}"));
    let info = |thresholds: &str| {
        format!(
            r#"{{"runtimeTable":{{}},"configTable":{thresholds},"cgColdReadThreshold":3145728,"globalColdReadThreshold":104857600,"globalAcc":0}}"#
        )
    };
    let told: Vec<_> = named(&events, "info").iter().map(|event| event.text("text").to_owned()).collect();
    assert_eq!(told, [info("{}"), info(r#"{"cold-group":1234}"#), info("{}")]);
    let modes: Vec<_> = named(&events, "mode").iter().map(|event| event.text("remark").to_owned()).collect();
    assert_eq!(
        modes,
        [
            "set commitlog readahead mode success, mode: 0",
            "set commitlog readahead mode success, mode: 1",
            "set commitlog readahead mode param value error",
            "set commitlog readahead mode failed",
        ]
    );
}

/// An order topic keeps its queues while a broker is away: what belongs there waits, the rest goes on.
fn order_during_a_change_of_brokers(options: Options) {
    let cluster = Cluster::start(options.with_namesrv_conf("orderMessageEnable=true"));
    let kind = cluster.broker_kind();
    let mut second = cluster.start_further_broker(kind, "broker-b");
    let client = cluster.client(ClientVersion::V5_3_3);
    let made = cluster.mqadmin("updateTopic -c DefaultCluster -t ordered -r 2 -w 2 -o true");
    assert!(made.contains("success"), "{made}");
    let route = client.run("route", &format!("topic=ordered group=ordered {FAST}"));
    let order = named(&route, "route")[0].text("orderTopicConf").to_owned();
    assert!(order.contains("broker-a:2") && order.contains("broker-b:2"), "{order}");

    let sending = "topic=ordered group=ordered-p poll=300 sendTimeout=2000";
    let mut sending = client.begin("ordered-send", sending);
    let consuming = "topic=ordered group=ordered hold=true persist=200 poll=300 heartbeat=1000";
    let mut consuming = client.begin("consume-push-orderly", consuming);
    sending.wait_until("a message to the second broker", LIMIT, |event| is_sent_to(event, "broker-b"));
    let mut received = Received::default();
    received.take(&consuming.wait_for("message", LIMIT));
    second.terminate();
    // One that failed since the producer had not heard of the topic yet tells nothing.
    let failed = sending
        .wait_until("a failure", LIMIT, |event| event.name() == "failed" && event.number("queues") > 0);
    assert_eq!(failed.number("queues"), 4);
    thread::sleep(Duration::from_secs(2));
    let meanwhile =
        sending.wait_until("a message to the first broker", LIMIT, |event| is_sent_to(event, "broker-a"));
    assert_eq!(meanwhile.number("queues"), 4);
    let _second = cluster.start_further_broker(kind, "broker-b");
    sending.wait_until("a message to the second broker again", LIMIT, |event| is_sent_to(event, "broker-b"));
    sending.tell("stop");
    let sent = sending.finish();
    let keys: Vec<_> = named(&sent, "sent").iter().map(|event| event.text("keys").to_owned()).collect();
    while received.next.values().sum::<usize>() < keys.len() {
        received.take(&consuming.wait_for("message", LIMIT));
    }
}

fn is_sent_to(event: &Event, broker: &str) -> bool {
    event.name() == "sent" && event.0["brokerName"] == broker
}

/// What an orderly consumer has received: of each key one step after the other. Some may come again when
/// their queue changes hands, none may be left out.
#[derive(Default)]
struct Received {
    next: BTreeMap<String, usize>,
}

impl Received {
    fn take(&mut self, message: &Event) {
        let properties = message.properties();
        let step: usize = properties["step"].parse().unwrap();
        let next = self.next.entry(properties["key"].clone()).or_default();
        assert!(step <= *next, "step {step} of key {} before step {next}", properties["key"]);
        *next = (*next).max(step + 1);
    }
}
