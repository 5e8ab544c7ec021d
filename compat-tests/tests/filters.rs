//! SQL92 filters: push and pull consumers, retries, a restart in the middle, refusals, and what brokers write of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{Client, ClientVersion, Cluster, Event, FAST, Options, Run, named};
use filter::bloom::BloomFilter;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(120);
const VERSIONS: [ClientVersion; 2] = [ClientVersion::V5_3_3, ClientVersion::V4_9_8];
const ON: &str = "enablePropertyFilter=true
enableConsumeQueueExt=true
enableCalcFilterBitMap=true
expectConsumerNumUseFilter=64
mappedFileSizeConsumeQueueExt=1048576
messageDelayLevel=1s 2s 3s";

/// With every kind of operand.
const SQL: &str =
    "i > 5 AND (name CONTAINS 'even' OR rare = TRUE) AND TAGS <> 'third' AND price BETWEEN 0.1 AND 1000.5";

fn is_wanted(number: i64) -> bool {
    number > 5 && number % 2 == 0 && number % 3 != 0
}

fn wanted(numbers: std::ops::Range<i64>) -> BTreeSet<i64> {
    numbers.filter(|number| is_wanted(*number)).collect()
}

fn sql(text: &str) -> String {
    text.replace(' ', "~")
}

#[test]
fn on_ferrocket() {
    everywhere(&Cluster::start(Options::ferrocket().with_broker_conf(ON)));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    everywhere(&Cluster::start(Options::java().with_broker_conf(ON)));
}

fn everywhere(cluster: &Cluster) {
    thread::scope(|scope| {
        for version in VERSIONS {
            scope.spawn(move || refused(cluster.client(version), version.label()));
            scope.spawn(move || retried(cluster.client(version), &format!("retried-{}", version.label())));
        }
        across_a_restart(cluster);
    });
    written(cluster);
}

/// A consumer that lives through the broker's restart gets every message it wants and no other, and so does one that
/// pulls everything afterwards.
fn across_a_restart(cluster: &Cluster) {
    let topic = |version: ClientVersion| format!("sql-{}", version.label());
    let produce = |from: i64| {
        for version in VERSIONS {
            let arguments = format!("topic={} group=p from={from} count=30 {FAST}", topic(version));
            cluster.client(version).run("filter-produce", &arguments);
        }
    };
    produce(0);
    let mut consumers: Vec<Run<'_>> = VERSIONS
        .iter()
        .map(|version| {
            let topic = topic(*version);
            let arguments = format!("topic={topic} group={topic} sql={} {FAST} timeout=900", sql(SQL));
            cluster.client(*version).begin("filter-push", &arguments)
        })
        .collect();
    let mut seen = vec![BTreeSet::new(); consumers.len()];
    let mut gather = |upto: i64, consumers: &mut Vec<Run<'_>>| {
        for (consumer, seen) in consumers.iter_mut().zip(&mut seen) {
            while *seen != wanted(0..upto) {
                let message = consumer.wait_for("message", LONG);
                assert!(is_wanted(message.number("i")), "{}", message.0);
                seen.insert(message.number("i"));
            }
        }
    };
    gather(30, &mut consumers);
    produce(30);
    gather(60, &mut consumers);
    cluster.stop_broker();
    cluster.start_broker();
    produce(60);
    gather(90, &mut consumers);
    for (consumer, version) in consumers.into_iter().zip(VERSIONS) {
        consumer.tell("stop");
        consumer.finish();
        let topic = topic(version);
        let pull = |text: &str| {
            let arguments = format!("topic={topic} group={topic}-pull sql={} {FAST}", sql(text));
            numbers(&cluster.client(version).run("filter-pull", &arguments))
        };
        assert_eq!(pull(SQL), wanted(0..90));
        assert_eq!(pull("rare"), BTreeSet::new());
        assert_eq!(pull("rare IS NOT NULL AND price < 20.0").len(), 5);
        // Java's brokers tell nobody that they cannot read the expression of a pull, and filter nothing.
        assert_eq!(pull("i >").len(), 90);
    }
}

fn numbers(events: &[Event]) -> BTreeSet<i64> {
    named(events, "message").iter().map(|event| event.number("i")).collect()
}

/// Messages that failed come again by way of the retry topic, whatever the filter of their own.
fn retried(client: &Client, topic: &str) {
    client.run("filter-produce", &format!("topic={topic} group=p count=12 {FAST}"));
    let mut consumer =
        client.begin("filter-push", &format!("topic={topic} group={topic} sql=i~>~8 fail=true {FAST}"));
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let message = consumer.wait_for("message", LONG);
        assert!(message.number("i") > 8 && message.number("reconsumeTimes") > 0, "{}", message.0);
        seen.insert(message.number("i"));
    }
    consumer.tell("stop");
    consumer.finish();
}

fn refused(client: &Client, label: &str) {
    client.run("filter-produce", &format!("topic=refused-{label} group=p count=1 {FAST}"));
    for text in ["a >", "a > 'x'", "a BETWEEN 5 AND 2", "a IN (5)", "a = 0.0", "5"] {
        let arguments = format!("topic=refused-{label} group=refused-{label} sql={} {FAST}", sql(text));
        let events = client.run("filter-refused", &arguments);
        // SUBSCRIPTION_PARSE_FAILED
        assert_eq!(named(&events, "refused")[0].number("code"), 23, "{text}");
    }
}

/// The filters in `consumerFilter.json`, and the bits beside the messages that came while they were known.
fn written(cluster: &Cluster) {
    let deadline = Instant::now() + LONG;
    let file = cluster.store().join("config/consumerFilter.json");
    while !fs::read_to_string(&file).is_ok_and(|text| text.contains("\"sql-v533\"")) {
        assert!(Instant::now() < deadline, "no filters in {}", file.display());
        thread::sleep(Duration::from_millis(200));
    }
    cluster.stop_broker();
    let filters: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let bloom = BloomFilter::new(20, 64).unwrap();
    for topic in ["sql-v533", "sql-v498"] {
        let bits = bloom.bits_of(&format!("{topic}#{topic}"));
        let of_group = &filters["filterDataByTopic"][topic]["groupFilterData"][topic];
        assert_eq!(of_group["expression"], SQL);
        assert_eq!(of_group["dead"], true);
        assert_eq!(of_group["bloomFilterData"]["bitNum"], bits.bit_count);
        assert_eq!(of_group["bloomFilterData"]["bitPos"], Value::from(bits.positions.clone()));
        let mut full = bloom.empty_map();
        bits.add_to(&mut full);
        let mut counts = (0, 0, 0);
        for queue_id in 0..4 {
            let path = format!("consumequeue_ext/{topic}/{queue_id}/{:020}", 0);
            let bytes = fs::read(cluster.store().join(path)).unwrap();
            assert_eq!(bytes.len(), 1 << 20);
            for bit_map in bit_maps(&bytes) {
                match bit_map {
                    [] => counts.0 += 1,
                    bits if bits == full => counts.1 += 1,
                    bits => {
                        assert_eq!(bits, bloom.empty_map());
                        counts.2 += 1;
                    }
                }
            }
        }
        // Nobody filtered while the first thirty came.
        let wanted = wanted(30..90).len();
        // What the producer sent first it may have sent twice, and nobody wants it.
        assert!(counts.0 >= 30 && counts.1 == wanted && counts.2 >= 60 - wanted, "{topic}: {counts:?}");
    }
}

/// The bit maps of the units of an extension file.
fn bit_maps(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((size, _)) = rest.split_first_chunk() {
        let size = usize::try_from(i16::from_be_bytes(*size)).unwrap_or(0);
        if size == 0 {
            break;
        }
        let length = i16::from_be_bytes([rest[18], rest[19]]);
        assert_eq!(usize::try_from(length).unwrap() + 20, size);
        found.push(&rest[20..size]);
        rest = &rest[size..];
    }
    found
}
