//! `ferrocket admin` beside Java's `mqadmin` on the same cluster: the same commands print the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod comparable;
mod containers;
mod controllers;
mod tools;

use std::collections::BTreeMap;

use compat_tests::{ClientVersion, Cluster, Event, FAST, Options, Run, ServerKind, named};
use serde_json::Value;

use tools::{LIMIT, admin, compare_all, json, printed, until};

const SECOND: &str = "broker-b";
const TOPIC: &str = "orders";
const GROUP: &str = "billing";

#[test]
fn commands_print_what_javas_tool_prints_on_ferrocket() {
    commands_print_the_same(&Cluster::start(Options::ferrocket()));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn commands_print_what_javas_tool_prints_on_java() {
    commands_print_the_same(&Cluster::start(Options::java()));
}

fn commands_print_the_same(cluster: &Cluster) {
    let (consumer, sent) = fill(cluster);
    compare(cluster, &sent);
    refusals_tell_what_to_do(cluster);
    changes_are_made(cluster, consumer);
    static_topics_move(cluster);
}

/// A topic with messages and a consumer that has read them; the ids of a message.
fn fill(cluster: &Cluster) -> (Run<'_>, Sent) {
    printed(cluster, &format!("updateTopic -topic {TOPIC} -c DefaultCluster -r 4 -w 4"));
    cluster.wait_for_route(0, TOPIC);
    for place in 0..4 {
        let words =
            format!("sendMessage -t {TOPIC} -p body-{place} -k key-{place} -c TagA -b broker-a -i {place}");
        assert!(printed(cluster, &words).contains("SEND_OK"));
    }
    let client = cluster.client(ClientVersion::V5_3_3);
    let mut consumer =
        client.begin("consume-push-concurrent", &format!("topic={TOPIC} group={GROUP} hold=true {FAST}"));
    for _ in 0..4 {
        consumer.wait_for("message", LIMIT);
    }
    // Its offsets are with the broker once there is nothing left to consume, its retry topic's too.
    until(|| {
        let stats = admin(cluster, &format!("consumerProgress -g {GROUP} --json"));
        serde_json::from_slice::<Value>(&stats.stdout).is_ok_and(|stats| {
            stats["diffTotal"] == 0 && stats["queues"].as_array().is_some_and(|queues| queues.len() == 5)
        })
    });
    // The index follows behind.
    until(|| {
        let found = admin(cluster, &format!("queryMsgByKey -t {TOPIC} -k key-1 --json"));
        serde_json::from_slice::<Value>(&found.stdout).is_ok_and(|found| found["messages"][0].is_object())
    });
    let found = json(cluster, &format!("queryMsgByKey -t {TOPIC} -k key-1"));
    let unique_id = found["messages"][0]["msgId"].as_str().unwrap().to_owned();
    let message = json(cluster, &format!("queryMsgByUniqueKey -t {TOPIC} -i {unique_id}"));
    let offset_id = message["message"]["offsetMsgId"].as_str().unwrap().to_owned();
    assert_eq!(message["message"]["body"], "body-1");
    (consumer, Sent { unique_id, offset_id })
}

struct Sent {
    unique_id: String,
    offset_id: String,
}

fn compare(cluster: &Cluster, sent: &Sent) {
    let broker = cluster.broker_addr();
    // What changes something, and reading counts, goes first: both tools shall then see the same.
    compare_all(
        cluster,
        &[
            format!("updateTopic -t ordered -b {broker} -r 2 -w 2 -o true -a +message.type=FIFO"),
            format!("updateTopicPerm -t {TOPIC} -c DefaultCluster -p 6"),
            "updateSubGroup -g made -c DefaultCluster -r 3".to_owned(),
            format!("updateBrokerConfig -b {broker} -k fileReservedTime -v 71"),
            "updateKvConfig -s space -k key -v value".to_owned(),
            "deleteKvConfig -s space -k key".to_owned(),
            format!("queryMsgByOffset -t {TOPIC} -b broker-a -i 1 -o 0 -f UTF-8"),
            format!("printMsg -t {TOPIC}"),
            format!("printMsgByQueue -t {TOPIC} -a broker-a -i 1 -p true -d true -f true"),
            format!("consumeMessage -t {TOPIC} -b broker-a -i 1 -o 0"),
            format!("cloneGroupOffset -s {GROUP} -d made -t {TOPIC}"),
            format!("cleanExpiredCQ -b {broker}"),
        ],
    );
    compare_all(
        cluster,
        &[
            "clusterList".to_owned(),
            "clusterList -m -c DefaultCluster".to_owned(),
            "topicList".to_owned(),
            "topicList -c".to_owned(),
            format!("topicStatus -t {TOPIC}"),
            format!("topicRoute -t {TOPIC}"),
            format!("topicRoute -t {TOPIC} -l"),
            format!("topicClusterList -t {TOPIC}"),
            "updateOrderConf -t ordered -m get".to_owned(),
            "getConsumerConfig -g made".to_owned(),
            "consumerProgress".to_owned(),
            format!("consumerProgress -g {GROUP}"),
            format!("consumerProgress -g {GROUP} -t {TOPIC} -s true"),
            format!("consumerConnection -g {GROUP}"),
            format!("consumerConnection -g {GROUP} -b {broker}"),
            format!("producerConnection -g CLIENT_INNER_PRODUCER -t {TOPIC}"),
            format!("producer -b {broker}"),
            format!("brokerStatus -b {broker}"),
            "brokerStatus -c DefaultCluster".to_owned(),
            format!("getBrokerConfig -b {broker}"),
            "getBrokerConfig -c DefaultCluster".to_owned(),
            "getNamesrvConfig".to_owned(),
            "wipeWritePerm -b broker-a".to_owned(),
            "addWritePerm -b broker-a".to_owned(),
            "statsAll".to_owned(),
            format!("statsAll -t {TOPIC}"),
            format!("queryCq -t {TOPIC} -q 1 -i 0 -b {broker}"),
            format!("queryMsgByKey -t {TOPIC} -k key-1"),
            format!("queryMsgById -t {TOPIC} -i {}", sent.offset_id),
            format!("allocateMQ -t {TOPIC} -i 10.0.0.1"),
            format!("queryMsgByUniqueKey -t {TOPIC} -i {}", sent.unique_id),
        ],
    );
}

/// What cannot be done is told on standard error with advice, and the exit status says so.
fn refusals_tell_what_to_do(cluster: &Cluster) {
    for (words, status, said, advice) in [
        ("topicStatus -t absent", 1, "No topic route info in name server for the topic: absent", "topicList"),
        ("brokerStatus -c absent", 1, "there is no cluster absent", "clusterList"),
        ("consumerConnection -g absent", 1, "No topic route info", "topicList"),
        ("brokerStatus -b 127.0.0.1:1", 1, "cannot connect to 127.0.0.1:1", "brokerIP1"),
        ("topicList -n 127.0.0.1:1", 1, "cannot connect to 127.0.0.1:1", "NAMESRV_ADDR"),
        ("exportMetadataInRocksDB -p / -t topics", 1, "RocksDB", "rocksDBConfigToJson"),
        ("resetOffsetByTime -g G -t T -s yesterday", 2, "yesterday", "help resetOffsetByTime"),
        ("updateTopic -t T", 2, "--brokerAddr", "--help"),
        ("noSuchCommand", 2, "noSuchCommand", "--help"),
    ] {
        let output = admin(cluster, words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{words}: {error}");
        assert!(output.stdout.is_empty(), "{words}");
        assert!(error.contains(said) && error.contains(advice), "{words}: {error}");
        assert!(!error.contains('\u{1b}'), "colours are for terminals: {error}");
    }
    let completions = printed(cluster, "completions bash");
    assert!(completions.contains("topicStatus"), "{completions}");
    assert!(printed(cluster, "help TOPICSTATUS").contains("--topic"));
}

/// Offsets are moved, and what was made is deleted, without a question where there is no terminal.
fn changes_are_made(cluster: &Cluster, consumer: Run<'_>) {
    let skipped = json(cluster, &format!("skipAccumulatedMessage -g {GROUP} -t {TOPIC}"));
    assert_eq!(skipped["queues"].as_array().unwrap().len(), 4);
    consumer.tell("stop");
    consumer.finish();
    let reset = json(cluster, &format!("resetOffsetByTime -g made -t {TOPIC} -s 0"));
    assert!(reset["queues"].as_array().unwrap().iter().all(|queue| queue["offset"] == 0), "{reset}");
    let behind = json(cluster, &format!("consumerProgress -g made -t {TOPIC}"));
    assert_eq!(behind["diffTotal"], 4, "{behind}");
    printed(cluster, "deleteSubGroup -g made -c DefaultCluster -r true");
    assert!(!admin(cluster, "getConsumerConfig -g made").status.success());
    printed(cluster, &format!("deleteTopic -t {TOPIC} -c DefaultCluster"));
    assert!(!admin(cluster, &format!("topicRoute -t {TOPIC}")).status.success());
}

/// A static topic is made on two brokers and moved to one, and Java's producer follows.
fn static_topics_move(cluster: &Cluster) {
    let _second = cluster.start_further_broker(ServerKind::Ferrocket, SECOND);
    let client = cluster.client(ClientVersion::V5_3_3);
    let send = |group: &str| {
        let arguments = format!("topic=fixed group={group} count=5 {FAST}");
        last_offsets(&client.run("static-topic-send", &arguments))
    };
    let made = printed(cluster, &format!("updateStaticTopic -t fixed -qn 4 -b broker-a,{SECOND}"));
    assert!(made.contains("The new mapping data is written to file"), "{made}");
    assert_eq!(send("before"), [(0, 4), (1, 4), (2, 4), (3, 4)].into());
    printed(cluster, &format!("remappingStaticTopic -t fixed -b {SECOND}"));
    let offsets = send("after");
    assert_eq!(offsets.values().filter(|offset| **offset == 10_004).count(), 2, "{offsets:?}");
    assert_eq!(offsets.values().filter(|offset| **offset == 9).count(), 2, "{offsets:?}");
    let stats = json(cluster, "topicStatus -t fixed");
    let logical =
        stats["queues"].as_array().unwrap().iter().filter(|queue| queue["brokerName"] == "__syslo__global__");
    assert_eq!(logical.count(), 4, "{stats}");
}

/// The greatest offset of each queue in what was sent.
fn last_offsets(events: &[Event]) -> BTreeMap<i64, i64> {
    let mut last = BTreeMap::new();
    for event in named(events, "sent") {
        let offset = last.entry(event.number("queueId")).or_insert(-1);
        *offset = event.number("queueOffset").max(*offset);
    }
    last
}
