//! A topic whose creation was acknowledged is known to the NameServer by then, and to the broker that is started after a
//! kill at any moment, be it ours or Java's.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use compat_tests::{Cluster, Options, ServerKind, wire::Wire};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const UPDATE_AND_CREATE_TOPIC: i32 = 17;
const GET_ALL_TOPIC_CONFIG: i32 = 21;
const GET_ROUTEINFO_BY_TOPIC: i32 = 105;
/// Each topic is on the disk before it is acknowledged, and a busy disk takes its time.
const LONG: Duration = Duration::from_secs(400);
/// Topics that are created before a broker is killed.
const CREATED: usize = 100;
/// The NameServer is asked for the first few of them.
const LOOKED_UP: usize = 5;

#[test]
fn a_created_topic_outlives_a_kill() {
    let cluster = Cluster::start(Options::ferrocket());
    let mut acked = BTreeSet::new();
    for (round, next) in
        [ServerKind::Ferrocket, ServerKind::Java, ServerKind::Ferrocket].into_iter().enumerate()
    {
        acked.extend(create_until_killed(&cluster, round));
        cluster.exchange_broker(next);
        cluster.start_broker();
        let known = topics(&cluster);
        let lost: Vec<_> = acked.difference(&known).collect();
        assert!(lost.is_empty(), "of {} topics round {round} lost {lost:?}", acked.len());
    }
}

/// Creates topics one by one until the broker is killed, which is when there are enough; those that were acknowledged.
fn create_until_killed(cluster: &Cluster, round: usize) -> BTreeSet<String> {
    let acked = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        let creating = scope.spawn(|| {
            let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
            for number in 0.. {
                let topic = format!("kept-{round}-{number}");
                let Ok(answer) = wire.call(UPDATE_AND_CREATE_TOPIC, &fields(&topic), b"") else { return };
                assert_eq!(answer.code(), 0, "{}", answer.header);
                if number < LOOKED_UP {
                    let mut namesrv = Wire::connect(&cluster.namesrv_addr()).unwrap();
                    let route =
                        namesrv.call(GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": topic }), b"").unwrap();
                    assert_eq!(route.code(), 0, "{topic} is announced");
                }
                acked.lock().unwrap().insert(topic);
            }
        });
        let begun = Instant::now();
        let are_enough = || acked.lock().unwrap().len() >= CREATED;
        while !are_enough() && !creating.is_finished() && begun.elapsed() < LONG {
            thread::sleep(Duration::from_millis(1));
        }
        // Whoever creates goes on until then.
        cluster.kill_broker();
        assert!(are_enough(), "creating topics takes too long");
    });
    acked.into_inner().unwrap()
}

fn fields(topic: &str) -> Value {
    json!({
        "topic": topic, "defaultTopic": "TBW102", "readQueueNums": "2", "writeQueueNums": "2", "perm": "6",
        "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
    })
}

/// The topics the broker has.
fn topics(cluster: &Cluster) -> BTreeSet<String> {
    let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
    let answer = wire.call(GET_ALL_TOPIC_CONFIG, &json!({}), b"").unwrap();
    let table: Value = serde_json::from_slice(&answer.body).unwrap();
    table.get("topicConfigTable").and_then(Value::as_object).unwrap().keys().cloned().collect()
}
