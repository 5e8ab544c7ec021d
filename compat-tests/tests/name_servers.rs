//! Several name servers, which know nothing of each other.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use compat_tests::{Client, ClientVersion, Cluster, Event, FAST, Options, ServerKind, assert_delivered};

#[test]
fn one_of_two_ferrocket_name_servers_dies() {
    one_of_two_dies(&Cluster::start(Options::ferrocket().with_name_servers(2)));
}

#[test]
fn one_of_two_dies_under_a_java_broker() {
    let options = Options::new(ServerKind::Ferrocket, ServerKind::Java);
    one_of_two_dies(&Cluster::start(options.with_name_servers(2)));
}

/// Every second attempt may fail as told below.
const ATTEMPTS_MAX: usize = 20;

/// Clients and the broker go on with the other one, and the one that comes back learns everything.
fn one_of_two_dies(cluster: &Cluster) {
    exchange(cluster, "both");
    cluster.wait_for_route(0, "both");
    cluster.wait_for_route(1, "both");
    cluster.kill_namesrv(0);
    exchange(cluster, "one");
    cluster.wait_for_route(1, "one");
    cluster.start_namesrv(0);
    cluster.wait_for_route(0, "both");
    cluster.wait_for_route(0, "one");
    exchange(cluster, "again");
}

fn exchange(cluster: &Cluster, topic: &str) {
    for version in [ClientVersion::V5_3_3, ClientVersion::V4_7_1] {
        let name = format!("{topic}-{}", version.label());
        let client = cluster.client(version);
        let produce = format!("topic={topic} group={name}-p keys={name} tags={name} count=10 {FAST}");
        let consume = format!("topic={topic} group={name} tags={name} count=10 {FAST}");
        let sent = persistently(client, "produce-sync", &produce);
        assert_delivered(&sent, &persistently(client, "consume-push-concurrent", &consume));
    }
}

/// A client that starts while one of its name servers is down may try that one twice and give up; its user starts it again.
fn persistently(client: &Client, scenario: &str, arguments: &str) -> Vec<Event> {
    for _ in 0..ATTEMPTS_MAX {
        match client.begin(scenario, arguments).outcome() {
            Ok(events) => return events,
            Err(reason) if reason.contains("connect to null failed") || reason.contains("No route info") => {}
            Err(reason) => panic!("{scenario} {arguments}: {reason}"),
        }
    }
    panic!("{scenario} {arguments}: no connection in {ATTEMPTS_MAX} attempts")
}
