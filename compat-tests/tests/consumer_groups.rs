//! Groups of consumers: what their members are assigned while others come, leave and change their mode; what is popped where
//! queues are not simple ones; and the rules of groups and topics that a broker acts on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Answer, Wire, code};
use compat_tests::{
    Client, ClientVersion, Cluster, Event, FAST, Options, Popper, Run, Scenario, Suite, keys_of, named,
    send_keyed,
};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(180);
/// What a member got that gave the queue up meanwhile comes again after 10 s; Java's broker takes its time.
const AGAIN: Duration = Duration::from_secs(300);
const CONF: &str = "enableLmq=true
enableMultiDispatch=true
slaveReadEnable=true
rejectTransactionMessage=true";

/// Longest first.
const SCENARIOS: &[Scenario] = &[
    Scenario::new("sharing", sharing),
    Scenario::new("light-pop", light_pop),
    Scenario::new("unnotified", |client, name| notified(client, name, false)),
    Scenario::new("batch-pop", batch_pop),
    Scenario::new("circle", circle),
    Scenario::new("notified", |client, name| notified(client, name, true)),
    Scenario::new("message-types", message_types),
    Scenario::new("suggested", suggested),
    Scenario::new("transaction-refused", transaction_refused),
];

#[test]
fn on_ferrocket() {
    consumer_groups(Options::ferrocket());
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn the_same_on_java() {
    consumer_groups(Options::java());
}

fn consumer_groups(options: Options) {
    let cluster = Cluster::start(options.with_broker_conf(CONF));
    thread::scope(|scope| {
        scope.spawn(|| modes_by_command(&cluster));
        scope.spawn(|| static_pop(&cluster));
        scope.spawn(|| broadcast_offsets(&cluster));
        Suite::on(&cluster).with(V5, SCENARIOS).run();
    });
    // From now on every message is an old one.
    assert_suggested(cluster.client(V5), "topic=slow group=slow ratio=0", [7, 7]);
}

/// Members that are told what to do, and what they are assigned.
struct Members<'c> {
    run: Run<'c>,
}

impl<'c> Members<'c> {
    fn new(client: &'c Client, name: &str) -> Self {
        let mut run = client.begin("pop-sharing", &format!("topic={name} group={name} {FAST}"));
        run.wait_for("started", LONG);
        Self { run }
    }

    fn tell(&self, commands: &[&str]) {
        for command in commands {
            self.run.tell(command);
        }
    }

    /// Waits until the members have these queues, each a mode and a queue.
    fn wait_for(&mut self, assignment: &[(&str, &[&str])]) {
        let expected: Vec<(&str, Value)> =
            assignment.iter().map(|(member, queues)| (*member, json!(queues))).collect();
        self.run.wait_until(&format!("{expected:?}"), LONG, |event| {
            event.name() == "assignment" && expected.iter().all(|(member, queues)| event.0[member] == *queues)
        });
    }

    fn deliver(&mut self, count: usize) {
        self.run.tell(&format!("send:{count}"));
        self.run.wait_for("received", AGAIN);
    }

    fn ask(&mut self, question: &str) -> Event {
        self.run.tell(&format!("ask:{question}"));
        self.run.wait_for("told", LONG)
    }

    fn stop(self) {
        self.run.tell("stop");
        self.run.finish();
    }
}

const ALL_PULLED: &[&str] = &["PULL 0", "PULL 1", "PULL 2", "PULL 3", "PULL 4", "PULL 5", "PULL 6", "PULL 7"];

/// Members pop their part and those of the next ones, come and leave, and turn to pulling and back.
fn sharing(client: &Client, name: &str) {
    let mut members = Members::new(client, name);
    members.tell(&["join:a"]);
    members.wait_for(&[("a", ALL_PULLED)]);
    members.deliver(16);
    members.tell(&["mode:POP:1", "join:b", "join:c", "join:d"]);
    members.wait_for(&[
        ("a", &["POP 0", "POP 1", "POP 2", "POP 3"]),
        ("b", &["POP 2", "POP 3", "POP 4", "POP 5"]),
        ("c", &["POP 4", "POP 5", "POP 6", "POP 7"]),
        ("d", &["POP 0", "POP 1", "POP 6", "POP 7"]),
    ]);
    members.deliver(40);
    members.tell(&["leave:b"]);
    members.wait_for(&[
        ("a", &["POP 0", "POP 1", "POP 2", "POP 3", "POP 4", "POP 5"]),
        ("c", &["POP 3", "POP 4", "POP 5", "POP 6", "POP 7"]),
        ("d", &["POP 0", "POP 1", "POP 2", "POP 6", "POP 7"]),
    ]);
    members.deliver(40);
    members.tell(&["leave:d"]);
    members.wait_for(&[("a", &["POP -1"]), ("c", &["POP -1"])]);
    members.tell(&["mode:PULL:0", "rebalance"]);
    members.wait_for(&[
        ("a", &["PULL 0", "PULL 1", "PULL 2", "PULL 3"]),
        ("c", &["PULL 4", "PULL 5", "PULL 6", "PULL 7"]),
    ]);
    members.deliver(40);
    members.tell(&["mode:POP:9", "rebalance"]);
    members.wait_for(&[("a", &["POP -1"]), ("c", &["POP -1"])]);
    members.deliver(40);
    refused_modes(&mut members);
    let strangers: Vec<_> =
        ["AVG:CLUSTERING", "AVG:BROADCASTING", "AVG_BY_CIRCLE:CLUSTERING", "CONSISTENT_HASH:CLUSTERING"]
            .iter()
            .map(|question| {
                let told = members.ask(question);
                json!([told.0["known"], told.0["queues"]])
            })
            .collect();
    let all: Vec<_> = (0..8).map(|queue_id| format!("POP {queue_id}")).collect();
    assert_eq!(
        strangers,
        [json!([true, ["POP -1"]]), json!([true, all]), json!([true, ["POP -1"]]), json!([false, []]),]
    );
    members.stop();
}

fn refused_modes(members: &mut Members<'_>) {
    for (topic, code, remark) in [
        ("%RETRY%sharing", 16, "retry topic is not allowed to set mode"),
        ("nowhere", 17, "topic[nowhere] not exist"),
    ] {
        members.run.tell(&format!("mode:POP:1:{topic}"));
        let refused = members.run.wait_for("refused", LONG);
        assert_eq!((refused.number("code"), refused.text("remark")), (code, remark));
    }
}

/// The other way to divide, and more members than queues.
fn circle(client: &Client, name: &str) {
    let mut members = Members::new(client, name);
    members.tell(&["mode:POP:1"]);
    members.tell(
        &["a", "b", "c"].map(|member| format!("join:{member}:AVG_BY_CIRCLE")).each_ref().map(String::as_str),
    );
    members.wait_for(&[
        ("a", &["POP 0", "POP 1", "POP 3", "POP 4", "POP 6", "POP 7"]),
        ("b", &["POP 1", "POP 2", "POP 4", "POP 5", "POP 7"]),
        ("c", &["POP 0", "POP 2", "POP 3", "POP 5", "POP 6"]),
    ]);
    members.deliver(40);
    members.stop();
}

/// Batches are popped as they were sent, each of them one message to the client, as many as fit.
fn batch_pop(client: &Client, name: &str) {
    client.run("create-batch-topic", &format!("topic={name} {FAST}"));
    client.run("produce-inner-batches", &format!("topic={name} count=6 {FAST}"));
    let mut popper = Popper::new(client, name);
    assert_eq!(popper.pop("num=6,invisible=60000,poll=5000"), ["at-0", "at-1", "at-3"]);
    assert_eq!(popper.pop("num=32,invisible=60000,poll=5000"), ["at-6", "at-10", "at-15"]);
    popper.ack(&["at-0", "at-1", "at-3", "at-6", "at-10", "at-15"]);
    assert!(popper.pop("poll=1000").is_empty());
    popper.stop();
}

/// A light queue is popped, and what is not acknowledged comes again.
fn light_pop(client: &Client, name: &str) {
    let arguments = format!("topic={name} lights=%LMQ%p1,%LMQ%p2 count=5 keys=m- queues=1 {FAST}");
    client.run("produce-light", &arguments);
    let mut popper = Popper::with(client, &format!("topic=%LMQ%p1 group={name} parent={name}"));
    // Long enough to acknowledge some before they come again, on a busy machine too.
    let first = popper.pop_all(5, "invisible=15000");
    let offsets: Vec<_> = first.iter().map(|message| message.number("queueOffset")).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
    assert!(first.iter().all(|message| message.text("topic") == "%LMQ%p1"), "{first:?}");
    popper.ack(&["m-0", "m-1", "m-4"]);
    let again = popper.pop_all(2, "invisible=60000");
    assert_eq!(keys_of(&again), ["m-2", "m-3"].map(str::to_owned).into());
    assert!(
        again.iter().all(|message| (message.text("retry"), message.number("reconsumeTimes")) == ("1", 1))
    );
    popper.ack(&["m-2", "m-3"]);
    popper.stop();
}

/// An operator turns a group to popping and back.
fn modes_by_command(cluster: &Cluster) {
    let name = "commanded";
    let mut members = Members::new(cluster.client(V5), name);
    members.tell(&["join:a"]);
    for (mode, queues) in [("POP -q 1", &["POP -1"][..]), ("PULL", ALL_PULLED)] {
        let told =
            cluster.mqadmin(&format!("setConsumeMode -c DefaultCluster -t {name} -g {name} -m {mode}"));
        assert!(told.contains(&format!("set consume mode to {} success", cluster.broker_addr())), "{told}");
        members.tell(&["rebalance"]);
        members.wait_for(&[("a", queues)]);
        members.deliver(16);
    }
    members.stop();
}

/// A static topic is popped by the physical queues it has on each broker.
fn static_pop(cluster: &Cluster) {
    let client = cluster.client(V5);
    let made = cluster.mqadmin("updateStaticTopic -t fixed -qn 4 -b broker-a");
    assert!(made.contains("The old mapping data is written to file"), "{made}");
    let sent = send_keyed(client, "fixed", "m-", 16, "");
    let seen = client.run("pop-push", &format!("topic=fixed group=fixed count=16 fail=2 settle=1000 {FAST}"));
    let messages: Vec<Event> = named(&seen, "message").into_iter().cloned().collect();
    assert_eq!(messages.len(), 18);
    assert_eq!(keys_of(&messages), sent.into_iter().collect());
    assert!(messages.iter().all(|message| message.text("topic") == "fixed"));
}

/// Members hear of one another unless their group says otherwise.
fn notified(client: &Client, name: &str, notify: bool) {
    client.run("notified", &format!("topic={name} group={name} notify={notify} {FAST}"));
}

/// What types topics can be of, and attributes groups can have; a broker takes messages of any type.
fn message_types(client: &Client, name: &str) {
    let events = client.run("message-types", &format!("topic={name} group={name} {FAST}"));
    let types: Vec<_> = named(&events, "type")
        .into_iter()
        .map(|event| json!([event.0["attributes"], event.0["code"], event.0["remark"], event.0["kept"]]))
        .collect();
    let not_in_set = "value is not in set: [UNSPECIFIED, TRANSACTION, FIFO, MIXED, DELAY, NORMAL]";
    let format = "add/alter attribute format is wrong: message.type";
    let normal = "{message.type=NORMAL}";
    let expected = [
        json!(["+message.type=FIFO", 0, null, "{message.type=FIFO}"]),
        json!(["+message.type=DELAY", 0, null, "{message.type=DELAY}"]),
        json!(["+message.type=TRANSACTION", 0, null, "{message.type=TRANSACTION}"]),
        json!(["+message.type=NORMAL", 0, null, normal]),
        json!(["+message.type=MIXED", 29, "MIXED message type is not supported.", normal]),
        json!(["+message.type=OTHER", 1, not_in_set, normal]),
        json!(["+no.such=1", 1, "unsupported key: no.such", normal]),
        json!(["message.type=FIFO", 1, format, normal]),
        json!(["-message.type", 0, null, "{}"]),
    ];
    assert_eq!(types, expected);
    let group = named(&events, "group")[0];
    assert_eq!(group.number("code"), 1);
    // Java's broker tells the place in its code too.
    assert!(group.text("remark").contains("unsupported key: no.such"), "{}", group.0);
}

/// Where a consumer had better pull next.
fn suggested(client: &Client, name: &str) {
    assert_suggested(client, &format!("topic={name} group={name}"), [0, 3]);
}

fn assert_suggested(client: &Client, arguments: &str, expected: [i64; 2]) {
    let events = client.run("suggested", &format!("{arguments} queues=1 {FAST}"));
    let suggested: Vec<_> =
        named(&events, "suggested").iter().map(|event| event.number("brokerId")).collect();
    assert_eq!(suggested, expected);
}

/// A broker that takes no transactions takes other messages.
fn transaction_refused(client: &Client, name: &str) {
    let events = client.run("transaction-refused", &format!("topic={name} group={name} {FAST}"));
    let remarks = named(&events, "refused")[0].text("remarks");
    assert!(
        remarks.contains("CODE: 16  DESC: the broker[127.0.0.1] sending transaction message is forbidden"),
        "{remarks}"
    );
}

/// A broadcasting consumer goes on where it was when it comes through a proxy, and new ones where the last of the others is.
fn broadcast_offsets(cluster: &Cluster) {
    let client = cluster.client(V5);
    let group = "broadcasting";
    send_keyed(client, "broadcast", "m-", 10, "queues=1");
    let mut consuming = client.begin("broadcast", &format!("topic=broadcast group={group} hold=true {FAST}"));
    let client_id = consuming.wait_for("started", LONG).text("clientId").to_owned();
    for _ in 0..10 {
        consuming.wait_for("message", LONG);
    }
    let mut broker = Wire::connect(&cluster.broker_addr()).unwrap();
    let committed =
        json!({ "consumerGroup": format!("{group}@broadcast"), "topic": "broadcast", "queueId": "0" });
    let deadline = Instant::now() + LONG;
    while broker.call(14, &committed, &[]).unwrap().field("offset") != "10" {
        assert!(Instant::now() < deadline, "the offset of the group is not kept");
        thread::sleep(Duration::from_millis(200));
    }
    consuming.tell("stop");
    consuming.finish();
    let mut pull = |client_id: &str, offset: &str| -> Answer {
        let fields = json!({
            "consumerGroup": group, "topic": "broadcast", "queueId": "0", "queueOffset": offset, "maxMsgNums": "32",
            "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0",
            "expressionType": "TAG", "requestSource": "1", "proxyFrowardClientId": client_id,
        });
        broker.call(code::PULL_MESSAGE, &fields, &[]).unwrap()
    };
    for (client_id, offset, answer, next) in [
        (&*client_id, "-1", 21, "10"),
        (&*client_id, "4", 0, "10"),
        ("another", "-1", 21, "10"),
        ("another", "4", 0, "10"),
        (&*client_id, "10", 19, "10"),
        (&*client_id, "4", 0, "10"),
    ] {
        let told = pull(client_id, offset);
        assert_eq!(
            (told.code(), told.field("nextBeginOffset")),
            (answer, next),
            "{client_id} {offset}: {}",
            told.header
        );
    }
}
