//! POP consumption by the unmodified Java client: a push consumer that is switched to it, and every request of it by itself,
//! over a crash of the broker, and with pops pending in a store that Java's broker and ours hand to each other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::{
    Client, ClientVersion, Cluster, FAST, Options, Popper, Scenario, ServerKind, Suite, keys_of, named,
    send_keyed, wire::Wire,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(120);

/// Longest first.
const SCENARIOS: &[Scenario] = &[
    Scenario::new("pop-push", push),
    Scenario::new("pop-retry", retry),
    Scenario::new("pop-hidden", hidden),
    Scenario::new("pop-order", order),
    Scenario::new("pop-waiting", waiting),
    Scenario::new("pop-batch-ack", batch_ack),
    Scenario::new("pop-tags", tags),
    Scenario::new("pop-refused", refused),
];

#[test]
fn on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket());
    Suite::on(&cluster).with(V5, SCENARIOS).run();
    peeks(&cluster);
    crash(&cluster);
}

#[test]
fn buffered_with_new_retry_topics_on_ferrocket() {
    let conf = "enablePopBufferMerge=true\nenablePopBatchAck=true\nenableRetryTopicV2=true\npopCkStayBufferTime=2000";
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(conf));
    Suite::on(&cluster).with(V5, SCENARIOS).run();
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    let cluster = Cluster::start(Options::java());
    Suite::on(&cluster).with(V5, SCENARIOS).run();
    peeks(&cluster);
    crash(&cluster);
}

/// Pops are pending while Java's broker and ours hand a store to each other, and are acknowledged at any of them.
#[test]
fn handed_over() {
    let name = "handed";
    let cluster = Cluster::start(Options::new(ServerKind::Ferrocket, ServerKind::Java));
    let client = cluster.client(V5);
    let sent = send_keyed(client, name, "m-", 12, "queues=1");
    let mut popper = Popper::new(client, name);
    // Hidden for longer than two brokers take to start on a busy machine.
    popper.pop_all(4, "num=4,invisible=100000");
    popper.ack(&["m-0"]);
    cluster.stop_broker();
    cluster.exchange_broker(ServerKind::Ferrocket);
    cluster.start_broker();
    popper.pop_all(4, "num=4,invisible=100000");
    popper.ack(&["m-1", "m-4"]);
    cluster.wait_for_written_offset(name, name, 8);
    cluster.kill_broker();
    cluster.exchange_broker(ServerKind::Java);
    cluster.start_broker();
    popper.ack(&["m-2", "m-5"]);
    popper.pop_all(4, "num=4,invisible=150000");
    popper.ack(&["m-8", "m-9", "m-10", "m-11"]);
    let again = popper.pop_all(3, "invisible=150000");
    assert_eq!(keys_of(&again), ["m-3", "m-6", "m-7"].map(str::to_owned).into());
    assert!(again.iter().all(|message| message.number("reconsumeTimes") == 1));
    popper.ack(&["m-3", "m-6", "m-7"]);
    assert!(popper.pop("poll=3000").is_empty());
    assert_eq!(sent.len(), 12);
    popper.stop();
}

/// An ordinary consumer gets every message once, and those it fails on again.
fn push(client: &Client, name: &str) {
    let sent = send_keyed(client, name, "m-", 60, "");
    let seen =
        client.run("pop-push", &format!("topic={name} group={name} count=60 fail=5 settle=1000 {FAST}"));
    let messages = named(&seen, "message");
    assert_eq!(messages.len(), 65);
    let again: Vec<_> = messages.iter().filter(|message| message.number("reconsumeTimes") == 1).collect();
    assert_eq!(again.len(), 5);
    for message in again {
        assert_eq!(
            (message.text("topic"), message.0["firstPop"].as_bool()),
            (name, Some(true)),
            "{}",
            message.0
        );
        let first = messages.iter().find(|first| first.0["keys"] == message.0["keys"]).unwrap();
        assert_eq!(first.0["uniqKey"], message.0["uniqKey"]);
        // The client asks for 10 s; without that it would be 60.
        let pause = message.number("millis") - first.number("millis");
        assert!((9_000..59_000).contains(&pause), "again after {pause} ms");
    }
    let seen: BTreeSet<String> = messages.iter().map(|message| message.text("keys").to_owned()).collect();
    assert_eq!(seen, sent.into_iter().collect());
}

/// What is not acknowledged comes again, again and again, and what is acknowledged does not.
fn retry(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 6, "queues=1");
    let mut popper = Popper::new(client, name);
    // Long enough to acknowledge some before they come again, on a busy machine too.
    let first = popper.pop_all(6, "invisible=15000,num=6");
    assert!(
        first.iter().all(|message| message.text("retry") == "0" && message.number("reconsumeTimes") == 0)
    );
    popper.ack(&["m-0", "m-2", "m-5"]);
    assert!(popper.pop("").is_empty(), "everything is hidden");
    let second = popper.pop_all(3, "invisible=15000");
    assert_eq!(keys_of(&second), ["m-1", "m-3", "m-4"].map(str::to_owned).into());
    for message in &second {
        assert!(["1", "2"].contains(&message.text("retry")), "{}", message.0);
        assert_eq!((message.text("topic"), message.number("reconsumeTimes")), (name, 1), "{}", message.0);
    }
    popper.ack(&["m-1", "m-4"]);
    let third = popper.pop_all(1, "invisible=60000");
    assert_eq!((third[0].text("keys"), third[0].number("reconsumeTimes")), ("m-3", 2));
    popper.ack(&["m-3"]);
    assert!(popper.pop("poll=6000").is_empty(), "everything is acknowledged");
    popper.stop();
}

/// A message is hidden for as long as was asked for last.
fn hidden(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 3, "queues=1");
    let mut popper = Popper::new(client, name);
    popper.pop_all(3, "invisible=150000");
    let began = Instant::now();
    let changed = popper.tell("change,keys=m-1,invisible=3000", "changed");
    assert_eq!(changed.0["status"], "OK", "{}", changed.0);
    popper.tell("change,keys=m-2,invisible=60000", "changed");
    let soon = popper.pop_all(1, "invisible=150000");
    assert_eq!((soon[0].text("keys"), soon[0].number("reconsumeTimes")), ("m-1", 1));
    assert!(began.elapsed() >= Duration::from_millis(2_900), "{:?}", began.elapsed());
    // By the check point it has now.
    popper.ack(&["m-2", "m-1", "m-0"]);
    assert!(popper.pop("poll=4000").is_empty());
    popper.stop();
}

/// A queue popped in order gives nothing more before what it gave is acknowledged or seen again.
fn order(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 6, "queues=1");
    let mut popper = Popper::new(client, name);
    // Long enough to be asked for meanwhile, on a busy machine too.
    assert_eq!(popper.pop("order=true,num=2,invisible=12000,attempt=one"), ["m-0", "m-1"]);
    assert!(popper.pop("order=true,num=2,attempt=two").is_empty(), "blocked");
    let same = popper.pop("order=true,num=2,invisible=12000,attempt=one");
    assert_eq!(same, ["m-0", "m-1"], "the same attempt");
    popper.ack(&["m-0"]);
    assert!(popper.pop("order=true,num=2,attempt=two").is_empty(), "m-1 is hidden still");
    let again = popper.pop_messages("order=true,num=2,poll=30000,invisible=60000,attempt=two");
    assert_eq!(keys_of(&again), ["m-1", "m-2"].map(str::to_owned).into());
    let times: Vec<_> = again.iter().map(|message| message.number("reconsumeTimes")).collect();
    assert_eq!(times, [1, 0]);
    popper.ack(&["m-2", "m-1"]);
    assert_eq!(popper.pop("order=true,num=1,invisible=60000"), ["m-3"]);
    let changed = popper.tell("change,keys=m-3,invisible=1500", "changed");
    assert_eq!(changed.0["status"], "OK", "{}", changed.0);
    assert_eq!(popper.pop("order=true,num=3,poll=10000,invisible=60000"), ["m-3", "m-4", "m-5"]);
    popper.ack(&["m-3", "m-4", "m-5"]);
    assert!(popper.pop("order=true,poll=1000").is_empty());
    popper.stop();
}

/// Pops and those who only want to hear of messages wait for them.
fn waiting(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 1, "queues=1");
    let mut popper = Popper::new(client, name);
    let mut listener = Popper::new(client, name);
    assert_eq!(listener.tell("notify,poll=5000", "notified").0["has"], true);
    popper.pop_all(1, "invisible=60000");
    assert_eq!(listener.tell("notify,poll=1000", "notified").0["has"], false);
    popper.order("pop,poll=50000,invisible=60000");
    std::thread::sleep(Duration::from_millis(1_500));
    send_keyed(client, name, "first", 1, "queues=1");
    let woken = popper.wait_for("popped");
    assert_eq!(woken.number("count"), 1, "{}", woken.0);
    assert!((200..45_000).contains(&woken.number("tookMillis")), "{}", woken.0);
    listener.order("notify,poll=30000");
    std::thread::sleep(Duration::from_millis(300));
    send_keyed(client, name, "second", 1, "queues=1");
    assert_eq!(listener.wait_for("notified").0["has"], true);
    popper.pop_all(1, "invisible=60000");
    let empty = popper.tell("pop,poll=1000", "popped");
    assert_eq!((empty.text("status"), empty.number("count")), ("POLLING_NOT_FOUND", 0));
    popper.stop();
    listener.stop();
}

fn batch_ack(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 8, "queues=1");
    let mut popper = Popper::new(client, name);
    popper.pop_all(8, "invisible=15000");
    let answer = popper.tell("batch-ack,keys=m-0|m-1|m-2|m-3|m-5|m-7", "acked");
    assert_eq!(answer.0["status"], "OK", "{}", answer.0);
    let rest = popper.pop_all(2, "invisible=60000");
    assert_eq!(keys_of(&rest), ["m-4", "m-6"].map(str::to_owned).into());
    popper.tell("batch-ack,keys=m-4|m-6", "acked");
    assert!(popper.pop("poll=3000").is_empty());
    popper.stop();
}

fn tags(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 9, "queues=1 tags=a,b,c");
    let mut popper = Popper::new(client, name);
    let some = popper.pop_all(6, "exp=a||c,invisible=60000");
    let expected = ["m-0", "m-2", "m-3", "m-5", "m-6", "m-8"].map(str::to_owned);
    assert_eq!(keys_of(&some), expected.into());
    assert!(popper.pop("exp=a||c").is_empty());
    popper.stop();
}

fn refused(client: &Client, name: &str) {
    send_keyed(client, name, "m-", 1, "queues=1");
    let mut popper = Popper::new(client, name);
    for (arguments, code) in [("num=33", 29), ("queue=9", 29), ("exp=a > ,type=SQL92", 23)] {
        let answer = popper.tell(&format!("pop,{}", arguments.replace(" > ", ">")), "popped");
        assert_eq!((answer.name(), answer.number("code")), ("refused", code), "{arguments}: {}", answer.0);
    }
    popper.stop();
}

/// Requests that no client of Java sends: to look without taking, and to count who waits.
fn peeks(cluster: &Cluster) {
    let client = cluster.client(V5);
    send_keyed(client, "peeked", "m-", 3, "queues=1");
    let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
    let fields = json!({ "consumerGroup": "peeked", "topic": "peeked", "queueId": "-1", "maxMsgNums": "2" });
    for _ in 0..2 {
        let answer = wire.call(200_052, &fields, &[]).unwrap();
        assert_eq!((answer.code(), answer.field("restNum")), (0, "3"), "{}", answer.header);
    }
    let mut popper = Popper::new(client, "peeked");
    assert_eq!(popper.pop("invisible=60000").len(), 3);
    let empty = wire.call(200_052, &fields, &[]).unwrap();
    assert_eq!((empty.code(), empty.field("restNum")), (19, "0"), "{}", empty.header);
    popper.order("pop,poll=50000");
    let fields = json!({ "consumerGroup": "peeked", "topic": "peeked", "queueId": "-1" });
    let deadline = Instant::now() + LONG;
    while wire.call(200_055, &fields, &[]).unwrap().field("pollingNum") != "1" {
        assert!(Instant::now() < deadline, "nobody waits");
        std::thread::sleep(Duration::from_millis(20));
    }
    send_keyed(client, "peeked", "wakes", 1, "queues=1");
    popper.wait_for("popped");
    popper.stop();
}

/// A kill in the middle: what was acknowledged stays so, what was popped and not acknowledged comes again.
fn crash(cluster: &Cluster) {
    let client = cluster.client(V5);
    send_keyed(client, "crashed", "m-", 20, "queues=1");
    let mut popper = Popper::new(client, "crashed");
    popper.pop_all(10, "num=10,invisible=20000");
    let acknowledged: Vec<String> = (0..5).map(|number| format!("m-{number}")).collect();
    popper.ack(&acknowledged);
    cluster.wait_for_written_offset("crashed", "crashed", 10);
    cluster.kill_broker();
    cluster.start_broker();
    let rest = popper.pop_all(15, "invisible=60000");
    let expected: BTreeSet<String> = (5..20).map(|number| format!("m-{number}")).collect();
    assert_eq!(keys_of(&rest), expected);
    let expected: Vec<String> = expected.into_iter().collect();
    popper.ack(&expected);
    assert!(popper.pop("poll=3000").is_empty());
    popper.stop();
}
