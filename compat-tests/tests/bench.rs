//! `ferrocket bench`: every workload against a whole broker, which has to keep all it promises.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{Cluster, Options, ferrocket};
use serde_json::Value;
use std::process::{Command, Output};
use std::thread;

/// One line each: the workload with its flags. Every one has a topic of its own.
const WORKLOADS: [&str; 10] = [
    "produce --topic B-json --read-back",
    "produce --topic B-binary --header binary --size 32 --connections 4 --in-flight 2 --read-back",
    "produce --topic B-batch --batch 32 --topics 3 --queues 2 --read-back",
    "produce --topic B-paced --rate 200 --requests 200 --read-back",
    "consume --topic B-consume --messages 2000",
    "end-to-end --topic B-arrival --rate 200 --consumers 2",
    "transaction --topic B-transaction --in-flight 8 --requests 300 --read-back",
    "delay --topic B-level --level 1 --rate 50",
    "delay --topic B-timer --deliver-after 2 --rate 50",
    "create-topics --requests 20 --queues 2",
];

#[test]
fn on_ferrocket() {
    every_workload(&Cluster::start(Options::ferrocket()));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    every_workload(&Cluster::start(Options::java()));
}

fn every_workload(cluster: &Cluster) {
    let namesrv = cluster.namesrv_addr();
    thread::scope(|scope| {
        for line in WORKLOADS {
            let namesrv = &namesrv;
            scope.spawn(move || {
                let found = measured(&format!("{line} -n {namesrv} --warmup 0 --duration 2"));
                let server = &found["servers"][0];
                assert!(number(&server["median"], "messages") > 0.0, "{line}: {found}");
                assert!(server["median"].get("faults").is_none(), "{line}: {found}");
            });
        }
    });
    clients_that_are_idle(cluster);
    a_comparison_with_a_floor(cluster);
}

/// Heartbeats go on for as long as it takes, and are all answered.
fn clients_that_are_idle(cluster: &Cluster) {
    let pid = cluster.with_broker(|broker| broker.id());
    let line = format!(
        "connections -n {} --connections 50 --heartbeat 0.5 --warmup 0 --duration 4 --pid {pid}",
        cluster.namesrv_addr()
    );
    let found = measured(&line);
    let median = &found["servers"][0]["median"];
    assert!(number(median, "messages") >= 50.0, "{found}");
    assert!(number(median, "privateMib") > 0.0 && number(median, "cpuPercent") >= 0.0, "{found}");
}

fn a_comparison_with_a_floor(cluster: &Cluster) {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (json, html) = (file("found.json"), file("found.html"));
    let broker = cluster.broker_addr();
    let line = format!(
        "produce --broker {broker} --name ours --compare {broker} --compare-name again --floor --pairs 3 \
         --topic B-compared --warmup 0 --duration 1 --json {json} --html {html}"
    );
    let output = bench(&line);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("ours") && text.contains("again") && text.contains("floor"), "{text}");
    let found: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    for server in found["servers"].as_array().unwrap() {
        assert_eq!(server["rounds"].as_array().unwrap().len(), 3, "{server}");
    }
    assert!(std::fs::read_to_string(&html).unwrap().contains("<svg"));
    let table = String::from_utf8(bench(&format!("report {json}")).stdout).unwrap();
    assert!(table.contains("| produce: messages per second |"), "{table}");
    let value = String::from_utf8(bench(&format!("report --value floor.perSecond {json}")).stdout).unwrap();
    assert!(value.trim().parse::<f64>().unwrap() > 0.0, "{value}");
}

/// What a workload has found.
fn measured(line: &str) -> Value {
    let output = bench(&format!("{line} --json - --quiet"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{line}: {errors}"));
    assert!(output.status.success(), "{line}: {}: {found} {errors}", output.status);
    found
}

fn bench(line: &str) -> Output {
    Command::new(ferrocket()).arg("bench").args(line.split_whitespace()).output().unwrap()
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_default()
}
