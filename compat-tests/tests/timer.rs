//! Messages with a delivery time of their own: on time, refused, recalled, cancelled; across restarts and kills, and
//! in a directory that goes from one kind of broker to the other and back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{Client, ClientVersion, Cluster, Event, FAST, Options, ServerKind, named};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

const V5: ClientVersion = ClientVersion::V5_3_3;
const V4: ClientVersion = ClientVersion::V4_9_8;
const CONF: &str = "recallMessageEnable=true";
/// RocketMQ's code for a time that cannot be.
const MESSAGE_ILLEGAL: i64 = 13;
/// RocketMQ's code for a recall that cannot be.
const ILLEGAL_OPERATION: i64 = 604;

#[test]
fn on_ferrocket() {
    everything(&Cluster::start(Options::ferrocket().with_broker_conf(CONF)));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    everything(&Cluster::start(Options::java().with_broker_conf(CONF)));
}

#[test]
fn a_store_goes_to_java_and_back_after_clean_stops() {
    back_and_forth(|cluster| {
        cluster.stop_broker();
    });
}

#[test]
fn a_store_goes_to_java_and_back_after_kills() {
    back_and_forth(Cluster::kill_broker);
}

#[test]
#[ignore = "one minute of deliveries, for their figures"]
fn accuracy_over_a_minute() {
    let cluster = Cluster::start(Options::ferrocket());
    let arguments = format!("topic=accuracy group=accuracy count=1000 spread=60000 {FAST}");
    let events = cluster.client(V5).run("timer-accuracy", &arguments);
    eprintln!("{:?}", named(&events, "accuracy"));
}

fn everything(cluster: &Cluster) {
    let clients = [V5, V4].map(|version| (cluster.client(version), version.label()));
    thread::scope(|scope| {
        for (client, label) in clients {
            scope.spawn(move || on_time(client, label));
            scope.spawn(move || refused(client, label));
            scope.spawn(move || cancelled(client, label));
        }
        scope.spawn(|| recalled(cluster.client(V5)));
        scope.spawn(|| accurate(cluster.client(V5)));
    });
    interrupted(cluster, "restarted", |cluster| {
        cluster.stop_broker();
    });
    interrupted(cluster, "killed", Cluster::kill_broker);
}

fn send(client: &Client, topic: &str, times: &str, more: &str) -> Vec<Event> {
    let arguments = format!("topic={topic} group={topic}-p times={times} {FAST} {more}");
    client.run("timer-send", arguments.trim_end())
}

fn receive(client: &Client, topic: &str, count: usize, settle_millis: u64) -> Vec<Event> {
    let arguments = format!("topic={topic} group={topic} count={count} settle={settle_millis} {FAST}");
    client.run("timer-receive", &arguments)
}

/// How often each message came. Panics when one was early.
fn counted(received: &[Event]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for message in named(received, "message") {
        assert!(message.number("lateMillis") >= 0, "early: {}", message.0);
        *counts.entry(message.text("keys")).or_default() += 1;
    }
    counts
}

/// Every way to ask for a time, and one that is over.
fn on_time(client: &Client, label: &str) {
    let topic = format!("on-time-{label}");
    let sent = send(client, &topic, "sec-2000,ms-1700,at-8300,at--1000,ms-600", "");
    let received = receive(client, &topic, 5, 1_500);
    assert_eq!(counted(&received).into_values().collect::<Vec<_>>(), [1; 5]);
    let sent: BTreeMap<_, _> =
        named(&sent, "sent").into_iter().map(|event| (event.text("keys"), event)).collect();
    for message in named(&received, "message") {
        let sent = sent[message.text("keys")];
        assert_eq!(sent.0["queueId"], message.0["queueId"], "the queue its producer chose");
        assert_eq!(sent.0["msgId"], message.properties()["UNIQ_KEY"]);
        let properties = message.properties();
        let is_timed = sent.text("keys") != "timer-3";
        for name in ["TIMER_OUT_MS", "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "REAL_TOPIC", "REAL_QID"] {
            assert_eq!(properties.contains_key(name), is_timed, "{name} of {}", message.0);
        }
        if is_timed {
            let millis = |name: &str| properties[name].parse::<i64>().unwrap();
            assert_eq!(millis("TIMER_OUT_MS") % 1_000, 0);
            assert!(millis("TIMER_DEQUEUE_MS") <= message.number("storeTimestamp"));
            assert_eq!(properties["REAL_TOPIC"], topic);
        }
    }
}

fn refused(client: &Client, label: &str) {
    let topic = format!("refused-{label}");
    let events = send(client, &topic, "ms-259300000", "");
    let refused = named(&events, "refused")[0];
    assert_eq!(refused.number("code"), MESSAGE_ILLEGAL);
    assert!(refused.text("reason").contains("bigger than the max delay 259200000ms"), "{}", refused.0);
    let events = send(client, &topic, "at--5", "property=TIMER_DEL_UNIQKEY:T+1");
    assert_eq!(named(&events, "refused")[0].number("code"), MESSAGE_ILLEGAL);
}

/// How long before its time a message is sent that something has to happen to before; the next one when the machine is
/// too slow for that.
const LEADS_SECONDS: [i64; 3] = [8, 20, 60];

/// A message that names another one of the same time takes it away.
fn cancelled(client: &Client, label: &str) {
    let is_cancelled = |lead: &i64| {
        let topic = format!("cancelled-{label}-{lead}");
        // Amid a second, so that all three mean the same one.
        let due = now_millis() / 1_000 * 1_000 + lead * 1_000 + 500;
        let at = |keys: &str, more: &str| {
            send(client, &topic, &format!("on-{due}"), &format!("keys={keys} {more}"))
        };
        let condemned = at("condemned", "");
        at("other", "");
        let uniq_key = named(&condemned, "sent")[0].text("msgId").to_owned();
        at("cancels", &format!("property=TIMER_DEL_UNIQKEY:{topic}+{uniq_key}"));
        if now_millis() > due - lead * 1_000 / 3 {
            return false;
        }
        let received = receive(client, &topic, 1, 4_000);
        assert_eq!(counted(&received).into_keys().collect::<Vec<_>>(), ["other-0"]);
        true
    };
    assert!(LEADS_SECONDS.iter().any(is_cancelled), "a minute was not enough");
}

fn recalled(client: &Client) {
    let is_recalled = |lead: &i64| {
        let topic = format!("recalled-{lead}");
        let began = Instant::now();
        let sent = send(client, &topic, &format!("at-{lead}500,at-{lead}500"), "");
        let first = named(&sent, "sent")[0];
        let recall = || {
            let handle = first.text("recallHandle");
            client.run("recall", &format!("topic={topic} group=recalls handle={handle} {FAST}"))
        };
        let outcome = recall();
        let Some(recalled) = named(&outcome, "recalled").first().copied() else { return false };
        // One that is taken in the last moment may come too late.
        if began.elapsed() > Duration::from_millis(lead.unsigned_abs() * 667) {
            return false;
        }
        assert_eq!(recalled.0["msgId"], first.0["msgId"]);
        let received = receive(client, &topic, 1, 3_000);
        assert_eq!(counted(&received).into_keys().collect::<Vec<_>>(), ["timer-1"]);

        let too_late = recall();
        let refused = named(&too_late, "refused")[0];
        assert_eq!(refused.number("code"), ILLEGAL_OPERATION);
        assert!(refused.text("reason").contains("recall failed, timestamp invalid"), "{}", refused.0);
        true
    };
    assert!(LEADS_SECONDS.iter().any(is_recalled), "a minute was not enough");
}

/// A short form of [`accuracy_over_a_minute`]: none early, twice or lost.
fn accurate(client: &Client) {
    let arguments = format!("topic=accurate group=accurate count=200 spread=8000 {FAST}");
    let events = client.run("timer-accuracy", &arguments);
    let figures = named(&events, "accuracy")[0];
    eprintln!("timers: {}", figures.0);
    assert_eq!((figures.number("early"), figures.number("count")), (0, 200));
}

/// Messages due before, during and after the broker is away.
fn interrupted(cluster: &Cluster, topic: &str, interrupt: fn(&Cluster)) {
    let client = cluster.client(V5);
    let times: Vec<_> = (0..24).map(|number| format!("at-{}", 1_000 + number * 250)).collect();
    send(client, topic, &times.join(","), "");
    thread::sleep(Duration::from_millis(2_600));
    interrupt(cluster);
    cluster.start_broker();
    send(client, topic, "at-1500", "keys=after");
    let received = receive(client, topic, 25, 3_000);
    let counts = counted(&received);
    assert_eq!(counts.len(), 25, "lost: {counts:?}");
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    // Java's broker delivers again what it had not noted when it was killed.
    assert!(doubled.is_empty() || cluster.broker_kind() == ServerKind::Java, "doubled: {doubled:?}");
}

/// Java's broker, ours, and Java's again on one store, with messages pending in all of them.
fn back_and_forth(interrupt: impl Fn(&Cluster)) {
    let cluster =
        Cluster::start(Options::new(ServerKind::Ferrocket, ServerKind::Java).with_broker_conf(CONF));
    let client = cluster.client(V5);
    let began = Instant::now();
    let times = |from: i64, step: i64| {
        let times: Vec<_> = (0..10).map(|number| format!("at-{}", from + number * step)).collect();
        times.join(",")
    };
    let mut sent = send(client, "wanders", &times(1_000, 3_000), "keys=java");
    sleep_until(began + Duration::from_secs(4));
    interrupt(&cluster);
    cluster.exchange_broker(ServerKind::Ferrocket);
    cluster.start_broker();
    sent.extend(send(client, "wanders", &times(500, 1_500), "keys=ferrocket"));
    // Recalled here what is told there, and the other way round.
    let condemned = send(client, "wanders", "at-30000", "keys=condemned");
    sleep_until(began + Duration::from_secs(10));
    interrupt(&cluster);
    cluster.exchange_broker(ServerKind::Java);
    cluster.start_broker();
    let handle = named(&condemned, "sent")[0].text("recallHandle").to_owned();
    let recall = client.run("recall", &format!("topic=wanders group=recalls handle={handle} {FAST}"));
    // On a machine so slow that its time is over, it has to come.
    let is_recalled = named(&recall, "refused").is_empty();
    if !is_recalled {
        sent.extend(condemned);
    }
    sent.extend(send(client, "wanders", "at-1200", "keys=last"));
    let count = named(&sent, "sent").len();
    assert_eq!(count, if is_recalled { 21 } else { 22 });
    let received =
        client.run("timer-receive", &format!("topic=wanders group=wanders count={count} settle=8000 {FAST}"));
    let counts = counted(&received);
    for message in named(&sent, "sent") {
        assert!(counts.contains_key(message.text("keys")), "lost: {}", message.0);
    }
    assert_eq!(counts.len(), count, "{counts:?}");
    eprintln!("doubled: {:?}", counts.iter().filter(|(_, count)| **count > 1).collect::<Vec<_>>());
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

fn now_millis() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
