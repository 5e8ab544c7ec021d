//! rocketmq-client-go 2.1.2, which differs from the Java clients in many details of the wire.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{
    ClientVersion, Cluster, FAST, Options, assert_delivered, assert_in_order, go_driver, named,
};
use std::thread;

#[test]
fn go_client_on_ferrocket() {
    go_client(&Cluster::start(Options::ferrocket()));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn go_client_on_java() {
    go_client(&Cluster::start(Options::java()));
}

fn go_client(cluster: &Cluster) {
    let namesrv = &cluster.namesrv_addr();
    let scenarios: [&(dyn Fn() + Sync); 8] = [
        &|| retry(namesrv),
        &|| delay(namesrv),
        &|| round_trip(namesrv, "go-sync", "produce-sync", "count=20 tags=a,b body=unicode", "consume-push"),
        &|| round_trip(namesrv, "go-async", "produce-async", "count=20 size=3000", "consume-pull"),
        &|| oneway(cluster),
        &|| round_trip(namesrv, "go-batch", "produce-batch", "count=40 batch=20 tags=a", "consume-push"),
        &|| orderly(namesrv),
        &|| between_languages(cluster),
    ];
    // A panic in one of the threads fails the test when the scope ends, after all have ended.
    thread::scope(|scope| {
        for scenario in scenarios {
            scope.spawn(scenario);
        }
    });
}

fn round_trip(namesrv: &str, name: &str, producer: &str, arguments: &str, consumer: &str) {
    let sent = go_driver(namesrv, producer, &format!("topic={name} group={name}-p keys={name} {arguments}"));
    let count = named(&sent, "sent").len();
    let received = go_driver(namesrv, consumer, &format!("topic={name} group={name} count={count}"));
    assert_delivered(&sent, &received);
}

/// A Go consumer does not start on a topic without a route, and a oneway send does not wait until there is one.
fn oneway(cluster: &Cluster) {
    let namesrv = &cluster.namesrv_addr();
    let broker = cluster.broker_addr();
    go_driver(namesrv, "create-topic", &format!("topic=go-oneway broker={broker} queues=3"));
    round_trip(namesrv, "go-oneway", "produce-oneway", "count=20", "broadcast");
}

fn orderly(namesrv: &str) {
    let sent = go_driver(namesrv, "produce-selector", "topic=go-order group=go-order-p keys=k count=100");
    let received = go_driver(namesrv, "consume-orderly", "topic=go-order group=go-order count=100");
    assert_delivered(&sent, &received);
    assert_in_order(&received);
}

/// A machine that does other things too may make messages late once.
fn delay(namesrv: &str) {
    let is_in_time = |attempt: u32| {
        let name = format!("go-delay-{attempt}");
        let events = go_driver(namesrv, "delay", &format!("topic={name} group={name} levels=2"));
        let late = named(&events, "message").iter().map(|message| message.number("lateMillis")).max();
        eprintln!("{name}: {late:?} ms late");
        late.is_some_and(|millis| millis < 2_000)
    };
    assert!((0..5).any(is_in_time), "late each time");
}

fn retry(namesrv: &str) {
    go_driver(namesrv, "produce-sync", "topic=go-retry group=go-retry-p keys=k count=2");
    let events = go_driver(namesrv, "retry", "topic=go-retry group=go-retry count=4");
    let repeated =
        named(&events, "message").iter().filter(|message| message.number("reconsumeTimes") == 1).count();
    assert_eq!(repeated, 2);
}

/// What Go sends Java reads, and the other way round.
fn between_languages(cluster: &Cluster) {
    let namesrv = &cluster.namesrv_addr();
    let java = cluster.client(ClientVersion::V5_3_3);
    let fast = format!("count=12 {FAST}");
    let sent =
        go_driver(namesrv, "produce-sync", "topic=go-java group=p keys=k count=12 body=unicode tags=a");
    assert_delivered(&sent, &java.run("consume-push-concurrent", &format!("topic=go-java group=g {fast}")));
    let batch = go_driver(namesrv, "produce-batch", "topic=go-java-batch group=p keys=k count=12 batch=6");
    assert_delivered(
        &batch,
        &java.run("consume-push-concurrent", &format!("topic=go-java-batch group=g2 {fast}")),
    );
    let arguments = format!("topic=java-go group=p keys=k body=compressible properties=true {fast}");
    let back = java.run("produce-sync", &arguments);
    assert_delivered(&back, &go_driver(namesrv, "consume-push", "topic=java-go group=g3 count=12"));
}
