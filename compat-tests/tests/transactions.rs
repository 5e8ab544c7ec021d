//! Transactions: decisions, checks, what is given up, and what survives a crash or a change of brokers.
//!
//! `COMPAT_TRANSACTIONS=100000` sets how many the broker is killed among; by default they are 2,000.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Answer, Wire};
use compat_tests::{Client, ClientVersion, Cluster, Event, Options, Run, Scenario, ServerKind, Suite, named};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

const V5: ClientVersion = ClientVersion::V5_3_3;
/// A client that starts on a busy machine may need long for its first send.
const PATIENT: &str = "poll=1000 heartbeat=3000 timeout=150 sendTimeout=30000";
const LONG: Duration = Duration::from_secs(180);
const QUERY_MESSAGE: i32 = 12;
const SEND_MESSAGE_V2: i32 = 310;
const END_TRANSACTION: i32 = 37;
const RESUME_CHECK_HALF_MESSAGE: i32 = 323;
const COMMIT: i32 = 8;
const ROLLBACK: i32 = 12;
/// When messages of no client were made; those of long ago are given up at once.
const NEVER_OLD: &str = "4000000000000";
const GIVEN_UP_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";

/// Checks often, but not before a busy machine has told the broker what it decided at once. Java's broker checks what is
/// decided as long as no op message says so, and then delivers it twice.
const CHECKS: &str = "transactionTimeOut=5000
transactionCheckInterval=2000
transactionCheckMax=3
transactionOpBatchInterval=100";

const SCENARIOS: &[Scenario] =
    &[Scenario::new("decisions", decisions), Scenario::new("immune-and-delayed", immune_and_delayed)];

#[test]
fn transactions_on_ferrocket() {
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(CHECKS));
    Suite::on(&cluster)
        .with(V5, SCENARIOS)
        .with(V5, &[Scenario::new("given-up", given_up)])
        .with(ClientVersion::V4_9_8, SCENARIOS)
        .with(ClientVersion::V4_7_1, SCENARIOS)
        .run();
    refusals(&cluster);
}

#[test]
fn killed_ferrocket_loses_and_doubles_nothing() {
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(&checked_often()));
    restart(&cluster);
    ledger(&cluster, if cluster.broker_kind() == ServerKind::Java { 0 } else { 2 });
}

#[test]
fn from_java_to_ferrocket_and_back() {
    let options = Options::new(ServerKind::Ferrocket, ServerKind::Java);
    let cluster = Cluster::start(options.with_broker_conf(&checked_often()));
    change_of_brokers(&cluster);
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn the_same_on_java() {
    let cluster = Cluster::start(Options::java().with_broker_conf(CHECKS));
    Suite::on(&cluster).with(V5, SCENARIOS).with(V5, &[Scenario::new("given-up", given_up)]).run();
    refusals(&cluster);
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn java_survives_orderly_restarts() {
    let cluster = Cluster::start(Options::java().with_broker_conf(&checked_often()));
    restart(&cluster);
    ledger(&cluster, 0);
}

/// For brokers that are restarted: checks count although no producer is there yet.
fn checked_often() -> String {
    CHECKS.replace("Max=3", "Max=100")
}

/// How often each key was checked.
fn checks(events: &[Event]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in named(events, "checked") {
        *counts.entry(event.text("keys").to_owned()).or_default() += 1;
    }
    counts
}

fn keys(events: &[Event], name: &str) -> Vec<String> {
    let mut keys: Vec<_> = named(events, name).iter().map(|event| event.text("keys").to_owned()).collect();
    keys.sort();
    keys
}

/// What was committed by its producer or after checks is delivered once, and nothing else is.
fn decisions(client: &Client, label: &str) {
    let topic = format!("decisions-{label}");
    let plan = "plan=c,r,uc,ur,uuc,c";
    let mut producer = client
        .begin("transaction", &format!("topic={topic} group=p-{topic} {plan} properties=true {PATIENT}"));
    producer.wait_for("started", LONG);
    let consumed = client.run(
        "consume-push-concurrent",
        &format!("topic={topic} group=g-{topic} count=4 settle=2500 {PATIENT}"),
    );
    producer.tell("stop");
    let produced = producer.finish();
    assert_eq!(keys(&consumed, "message"), ["k-0", "k-2", "k-4", "k-5"]);
    let checks = checks(&produced);
    assert_eq!(checks.keys().collect::<Vec<_>>(), ["k-2", "k-3", "k-4"]);
    assert!(checks["k-4"] >= 2, "{checks:?}");
    let sent: BTreeMap<_, _> =
        named(&produced, "sent").into_iter().map(|event| (event.text("keys"), event)).collect();
    // Java's broker stores a half message anew for each check, the next one too when the answer takes longer than the pause
    // between them.
    let mut half_offsets: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in named(&produced, "checked") {
        half_offsets.entry(event.text("keys")).or_default().push(event.number("commitLogOffset"));
    }
    for message in named(&consumed, "message") {
        let sent = sent[message.text("keys")];
        for field in ["topic", "tags", "flag", "bodySha256"] {
            // Java's broker forgets the flag of a message when it stores it anew for a check.
            if field != "flag" || !half_offsets.contains_key(message.text("keys")) {
                assert_eq!(message.0[field], sent.0[field], "{field}");
            }
        }
        assert_eq!(message.number("sysFlag") & 0xC, i64::from(COMMIT), "{}", message.0);
        let of_half = half_offsets.get(message.text("keys"));
        let prepared_offset = message.number("preparedTransactionOffset");
        assert!(of_half.is_none_or(|offsets| offsets.contains(&prepared_offset)), "{}", message.0);
        let properties = message.properties();
        assert_eq!(properties["UNIQ_KEY"], sent.text("msgId"));
        assert_eq!(properties["PGROUP"], format!("p-{topic}"));
        assert_eq!(properties["colour"], "grün");
        // What made it a half message stays.
        assert_eq!(properties["__transactionId__"], sent.text("msgId"));
        assert_eq!(properties["REAL_TOPIC"], topic);
        assert_eq!(properties["REAL_QID"], message.0["queueId"].to_string());
        assert_eq!(properties["TRAN_MSG"], "true");
        // And how often it was checked until it was committed, where that was the answer to a check.
        let checked = properties.get("TRANSACTION_CHECK_TIMES").map(|times| times.parse::<usize>().unwrap());
        let most = checks.get(message.text("keys")).copied();
        assert_eq!(checked.is_some(), most.is_some(), "{}", message.0);
        assert!(checked.is_none_or(|times| times >= 1) && checked <= most, "{}", message.0);
    }
    for checked in named(&produced, "checked") {
        assert_eq!(checked.text("topic"), topic);
        assert_eq!(checked.0["transactionId"], sent[checked.text("keys")].0["transactionId"]);
        assert_eq!(checked.properties()["TRANSACTION_CHECK_TIMES"], checked.0["check"].to_string());
    }
    assert!(named(&produced, "sent").iter().all(|sent| sent.text("status") == "SEND_OK"));
}

/// A message that says how long it is immune is not checked before; delay levels are the client's to refuse.
fn immune_and_delayed(client: &Client, label: &str) {
    let topic = format!("immune-{label}");
    let mut producer = client
        .begin("transaction", &format!("topic={topic} group=p-{topic} plan=uc,c immune=9 delay=3 {PATIENT}"));
    producer.wait_for("started", LONG);
    let consumed = client.run(
        "consume-push-concurrent",
        &format!("topic={topic} group=g-{topic} count=2 settle=1500 {PATIENT}"),
    );
    producer.tell("stop");
    let produced = producer.finish();
    assert_eq!(keys(&consumed, "message"), ["k-0", "k-1"]);
    let checked = named(&produced, "checked");
    assert!(checked.iter().all(|event| event.text("keys") == "k-0"), "{checked:?}");
    let waited = checked[0].number("receivedMillis") - checked[0].number("bornTimestamp");
    assert!(waited >= 9_000, "checked after {waited} ms");
}

/// What nobody decides is checked so often, then given up; an operator can have it checked again.
fn given_up(client: &Client, label: &str) {
    let topic = format!("given-up-{label}");
    let mut producer =
        client.begin("transaction", &format!("topic={topic} group=p-{topic} plan=uuuuc {PATIENT}"));
    for check in 1..=3 {
        assert_eq!(producer.wait_for("checked", LONG).number("check"), check);
    }
    let arguments = format!("topic={GIVEN_UP_TOPIC} group=reader-{label} hold=true {PATIENT}");
    let mut reader = client.begin("consume-push-concurrent", &arguments);
    let message = reader.wait_until("the message given up", LONG, |event| {
        event.name() == "message" && event.properties()["REAL_TOPIC"] == topic
    });
    assert_eq!(message.properties()["TRANSACTION_CHECK_TIMES"], "3");
    assert_eq!((message.number("sysFlag"), message.number("queueId")), (0, 0));
    reader.tell("stop");
    reader.finish();
    let mut broker = Wire::connect(message.text("storeHost")).unwrap();
    let resume = json!({"topic": GIVEN_UP_TOPIC, "msgId": message.text("offsetMsgId")});
    assert_eq!(broker.call(RESUME_CHECK_HALF_MESSAGE, &resume, &[]).unwrap().code(), 0);
    assert_eq!(producer.wait_for("checked", LONG).number("check"), 4);
    let consumed = client.run(
        "consume-push-concurrent",
        &format!("topic={topic} group=g-{topic} count=1 settle=1500 {PATIENT}"),
    );
    assert_eq!(keys(&consumed, "message"), ["k-0"]);
    producer.tell("stop");
    // Again if the answer takes longer than the pause between two checks.
    assert!(checks(&producer.finish())["k-0"] >= 4);
}

fn send_half(broker: &mut Wire, born_timestamp: &str, properties: &str) -> Answer {
    let properties = format!("TRAN_MSG\u{1}true\u{2}PGROUP\u{1}pg\u{2}{properties}");
    let fields = json!({
        "a": "pg", "b": "refusals", "c": "TBW102", "d": "1", "e": "0", "f": "4", "g": born_timestamp, "h": "0",
        "i": properties, "j": "0", "k": "false", "m": "false",
    });
    let answer = broker.call(SEND_MESSAGE_V2, &fields, b"body").unwrap();
    assert_eq!(answer.code(), 0, "{}", answer.header);
    answer
}

fn end(half: &Answer, decision: i32) -> Value {
    let phy_offset = i64::from_str_radix(&half.field("msgId")[16..], 16).unwrap();
    json!({
        "producerGroup": "pg", "tranStateTableOffset": half.field("queueOffset"), "commitLogOffset": phy_offset.to_string(),
        "commitOrRollback": decision.to_string(), "fromTransactionCheck": "false", "msgId": half.field("transactionId"),
    })
}

/// What RocketMQ answers to decisions that do not fit.
fn refusals(cluster: &Cluster) {
    let mut broker = Wire::connect(&cluster.broker_addr()).unwrap();
    let half = send_half(&mut broker, NEVER_OLD, "UNIQ_KEY\u{1}U1\u{2}");
    assert_eq!((half.field("queueId"), half.field("transactionId")), ("0", "U1"));
    let wrong = |key: &str, value: &str| {
        let mut fields = end(&half, COMMIT);
        fields[key] = json!(value);
        fields
    };
    let cases = [
        (wrong("producerGroup", "other"), 1, "The producer group wrong"),
        (wrong("tranStateTableOffset", "77777"), 1, "The transaction state table offset wrong"),
        (wrong("commitLogOffset", "777777777"), 1, "Find prepared transaction message failed"),
    ];
    for (fields, code, remark) in cases {
        let answer = broker.call(END_TRANSACTION, &fields, &[]).unwrap();
        assert_eq!((answer.code(), answer.header["remark"].as_str()), (code, Some(remark)), "{fields}");
    }
    let old = send_half(
        &mut broker,
        "1700000000000",
        "UNIQ_KEY\u{1}U2\u{2}CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}5\u{2}",
    );
    assert_eq!(broker.call(END_TRANSACTION, &end(&old, COMMIT), &[]).unwrap().code(), 604);
    for (decision, remark) in [(COMMIT, None), (ROLLBACK, Some("not set any response code"))] {
        let half = send_half(&mut broker, NEVER_OLD, "UNIQ_KEY\u{1}U3\u{2}");
        let answer = broker.call(END_TRANSACTION, &end(&half, decision), &[]).unwrap();
        assert_eq!((answer.code(), answer.header["remark"].as_str()), (0, remark));
    }
    if cluster.broker_kind() == ServerKind::Ferrocket {
        repeated(&mut broker);
    }
}

/// A decision is carried out once, and one that contradicts it is refused. Java's broker delivers again.
fn repeated(broker: &mut Wire) {
    let ends = |broker: &mut Wire, half: &Answer| {
        [COMMIT, ROLLBACK, COMMIT]
            .map(|decision| broker.call(END_TRANSACTION, &end(half, decision), &[]).unwrap().code())
    };
    let committed = send_half(broker, NEVER_OLD, "UNIQ_KEY\u{1}U4\u{2}");
    assert_eq!(broker.call(END_TRANSACTION, &end(&committed, COMMIT), &[]).unwrap().code(), 0);
    wait_for_index(broker, "refusals", "U4");
    let before = max_offset(broker, "refusals");
    assert_eq!(ends(broker, &committed), [0, 1, 0]);
    let rolled_back = send_half(broker, NEVER_OLD, "UNIQ_KEY\u{1}U5\u{2}");
    assert_eq!(broker.call(END_TRANSACTION, &end(&rolled_back, ROLLBACK), &[]).unwrap().code(), 0);
    assert_eq!(ends(broker, &rolled_back), [1, 0, 1]);
    assert_eq!(max_offset(broker, "refusals"), before);
    let delayed = send_half(broker, NEVER_OLD, "UNIQ_KEY\u{1}U6\u{2}DELAY\u{1}3\u{2}");
    assert_eq!(broker.call(END_TRANSACTION, &end(&delayed, COMMIT), &[]).unwrap().code(), 0);
    assert_eq!(max_offset(broker, "refusals"), before, "its delay begins with the commit");
    while max_offset(broker, "refusals") == before {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the index, which follows behind and is asked for what was decided, knows a message.
fn wait_for_index(broker: &mut Wire, topic: &str, key: &str) {
    let question = json!({
        "topic": topic, "key": key, "maxNum": "1", "beginTimestamp": "0", "endTimestamp": i64::MAX.to_string(),
    });
    let deadline = Instant::now() + LONG;
    while broker.call(QUERY_MESSAGE, &question, &[]).unwrap().code() != 0 {
        assert!(Instant::now() < deadline, "the index does not know {key}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn max_offset(broker: &mut Wire, topic: &str) -> String {
    let answer = broker.call(30, &json!({"topic": topic, "queueId": "0"}), &[]).unwrap();
    answer.field("offset").to_owned()
}

/// Undecided transactions outlive the broker, and decided ones are not decided again.
fn restart(cluster: &Cluster) {
    let client = cluster.client(V5);
    let mut producer =
        client.begin("transaction", &format!("topic=restart group=p-restart plan=c,uc,r,c,ur,w,x {PATIENT}"));
    producer.wait_for("started", LONG);
    if cluster.broker_kind() == ServerKind::Java {
        // Java's loses what its op messages do not tell yet.
        cluster.stop_broker();
    } else {
        cluster.kill_broker();
    }
    cluster.start_broker();
    producer.wait_until("a check after the restart", LONG, |event| {
        event.name() == "checked" && event.text("keys") == "k-5"
    });
    producer.tell("decide");
    let consumed = client.run(
        "consume-push-concurrent",
        &format!("topic=restart group=g-restart count=4 settle=2500 {PATIENT}"),
    );
    assert_eq!(keys(&consumed, "message"), ["k-0", "k-1", "k-3", "k-5"]);
    producer.tell("stop");
    producer.finish();
}

/// Every committed transaction is delivered once, whenever the broker is killed.
fn ledger(cluster: &Cluster, kills: i64) {
    let count = env::var("COMPAT_TRANSACTIONS").map_or(2_000, |count| count.parse().unwrap());
    let threads = if count > 10_000 { 64 } else { 8 };
    let client = cluster.client(V5);
    let arguments = format!(
        "topic=ledger group=p-ledger count={count} threads={threads} poll=1000 heartbeat=3000 timeout=170"
    );
    let mut producer = client.begin("transaction-ledger", &arguments);
    for kill in 1..=kills {
        producer.wait_until("progress", Duration::from_secs(600), |event| {
            event.name() == "progress" && event.number("begun") >= count * kill / (kills + 1)
        });
        cluster.kill_broker();
        cluster.start_broker();
    }
    let sent = producer.wait_for("sent", Duration::from_secs(900));
    let result = producer.wait_for("result", Duration::from_secs(300));
    producer.finish();
    eprintln!("{} {}", sent.0, result.0);
    // Java's broker checks what is older than its timeout while no op message says that it is decided, and delivers the
    // message once more for the answer.
    let is_java = cluster.broker_kind() == ServerKind::Java;
    let figures: &[_] = if is_java { &["lost", "wrong"] } else { &["lost", "wrong", "doubled"] };
    for figure in figures {
        assert_eq!(result.number(figure), 0, "{figure}: {}", result.0);
    }
    assert!(result.number("committed") > count / 2 && result.number("checked") > count / 20, "{}", result.0);
}

fn checked(producer: &mut Run<'_>, key: &str) {
    producer.wait_until("a check", LONG, |event| event.name() == "checked" && event.text("keys") == key);
}

/// Transactions begun on one kind of broker are decided on the other, both ways, from the same directory.
fn change_of_brokers(cluster: &Cluster) {
    let client = cluster.new_client(V5);
    let begin = |topic: &str, plan: &str| {
        client.begin("transaction", &format!("topic={topic} group=p-{topic} plan={plan} {PATIENT}"))
    };
    let mut from_java = begin("from-java", "c,r,w,x,w,c");
    from_java.wait_for("started", LONG);
    checked(&mut from_java, "k-4");
    cluster.stop_broker();
    cluster.exchange_broker(ServerKind::Ferrocket);
    cluster.start_broker();
    checked(&mut from_java, "k-4");
    from_java.tell("decide:k-2");
    checked(&mut from_java, "k-2");
    let mut from_ours = begin("from-ours", "c,r,w,x,c");
    from_ours.wait_for("started", LONG);
    checked(&mut from_ours, "k-2");
    cluster.kill_broker();
    cluster.exchange_broker(ServerKind::Java);
    cluster.start_broker();
    checked(&mut from_ours, "k-2");
    checked(&mut from_java, "k-4");
    from_java.tell("decide");
    from_ours.tell("decide");
    for (topic, expected) in
        [("from-java", vec!["k-0", "k-2", "k-4", "k-5"]), ("from-ours", vec!["k-0", "k-2", "k-4"])]
    {
        let arguments = format!("topic={topic} group=g-{topic} hold=true {PATIENT}");
        let mut consumer = client.begin("consume-push-concurrent", &arguments);
        let mut seen = Vec::new();
        while expected.iter().any(|key| !seen.contains(&(*key).to_owned())) {
            seen.push(consumer.wait_for("message", LONG).text("keys").to_owned());
        }
        thread::sleep(Duration::from_secs(3));
        consumer.tell("stop");
        let mut all = keys(&consumer.finish(), "message");
        if topic == "from-java" {
            assert_eq!(all.iter().filter(|key| *key == "k-2").count(), 1, "decided on ours: {all:?}");
        }
        // Java's broker delivers a message again for every check its producer answers late.
        all.dedup();
        assert_eq!(all, expected, "{topic}");
    }
    for producer in [from_java, from_ours] {
        producer.tell("stop");
        producer.finish();
    }
}
