//! Groups: heartbeats, queue locks, replies to requesters.

use crate::asker::{Asker, SEND_REPLY, properties, remark};
use compat_tests::wire::{Answer, frame};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const HEARTBEAT: i32 = 34;
const UNREGISTER: i32 = 35;
const MEMBERS: i32 = 38;
const MEMBERS_CHANGED: i64 = 40;
const LOCK: i32 = 41;
const UNLOCK: i32 = 42;
const PUSH_REPLY: i64 = 326;
const RESPONSE: i32 = 1;
const PATIENCE: Duration = Duration::from_secs(120);

fn heartbeat(client_id: &str, group: &str, topics: &[&str], fingerprint: i32) -> Vec<u8> {
    let subscriptions: Vec<Value> = topics
        .iter()
        .map(|topic| {
            json!({
                "classFilterMode": false, "codeSet": [], "expressionType": "TAG", "subString": "*",
                "subVersion": 1, "tagsSet": [], "topic": topic,
            })
        })
        .collect();
    json!({
        "clientID": client_id, "heartbeatFingerprint": fingerprint, "withoutSub": topics.is_empty(),
        "producerDataSet": [{ "groupName": group }],
        "consumerDataSet": [{
            "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET", "consumeType": "CONSUME_PASSIVELY", "groupName": group,
            "messageModel": "CLUSTERING", "unitMode": false, "subscriptionDataSet": subscriptions,
        }],
    })
    .to_string()
    .into_bytes()
}

fn body(answer: &Answer) -> &str {
    str::from_utf8(&answer.body).unwrap()
}

pub fn heartbeats(broker: &str) {
    let (mut first, mut second) = (Asker::connect(broker), Asker::connect(broker));
    let members = [("consumerGroup", "beats")];
    let nobody = second.ask(MEMBERS, &members);
    assert_eq!((nobody.code(), remark(&nobody)), (1, "no consumer for this group, beats"));
    second.send_ok("beats", &[], b"m");
    // The first member of a group is told of itself, before or after the answer.
    let mut beat = |topics: &[&str], fingerprint| {
        let opaque =
            first.0.ask(HEARTBEAT, &json!({}), &heartbeat("one", "beats", topics, fingerprint)).unwrap();
        loop {
            let frame = first.0.read().unwrap();
            if frame.header["flag"] == RESPONSE {
                assert_eq!((frame.code(), frame.opaque()), (0, i64::from(opaque)), "{}", frame.header);
                assert_eq!(frame.field("IS_SUPPORT_HEART_BEAT_V2"), "true");
                return frame.field("IS_SUB_CHANGE").to_owned();
            }
            assert_eq!(frame.code(), MEMBERS_CHANGED);
        }
    };
    assert_eq!(beat(&["beats"], 0), "true");
    assert_eq!(beat(&["beats"], 7), "true");
    assert_eq!(beat(&[], 7), "false");
    assert_eq!(beat(&[], 8), "true");
    assert_eq!(body(&second.ask(MEMBERS, &members)), r#"{"consumerIdList":["one"]}"#);
    let known = [("consumerGroup", "beats"), ("sysFlag", "0"), ("subVersion", "1")];
    assert_eq!(second.pull("beats", &known).code(), 0);
    let newer = [("consumerGroup", "beats"), ("sysFlag", "0"), ("subVersion", "2")];
    assert_eq!(second.pull("beats", &newer).code(), 25);
    first.0.close();
    // Its connection is gone, and so is its membership.
    let deadline = Instant::now() + PATIENCE;
    while second.ask(MEMBERS, &members).code() == 0 {
        assert!(Instant::now() < deadline, "still a member");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(second.ask(UNREGISTER, &[("clientID", "two"), ("consumerGroup", "none")]).code(), 0);
    assert_eq!(second.ask_with(HEARTBEAT, &[], b"{nonsense").code(), 1);
}

pub fn locks(broker: &str) {
    let mut asker = Asker::connect(broker);
    let mut ask = |code, client: &str, queue_ids: &[i32]| {
        let queues: Vec<Value> = queue_ids
            .iter()
            .map(|queue_id| json!({ "topic": "locks", "brokerName": "broker-a", "queueId": queue_id }))
            .collect();
        let wanted = json!({ "consumerGroup": "locks", "clientId": client, "mqSet": queues }).to_string();
        let answer = asker.ask_with(code, &[], wanted.as_bytes());
        assert_eq!(answer.code(), 0, "{}", answer.header);
        String::from_utf8(answer.body).unwrap()
    };
    let granted = r#"{"lockOKMQSet":[{"brokerName":"broker-a","queueId":0,"topic":"locks"}]}"#;
    assert_eq!(ask(LOCK, "one", &[0]), granted);
    assert_eq!(ask(LOCK, "two", &[0]), r#"{"lockOKMQSet":[]}"#);
    assert_eq!(ask(UNLOCK, "two", &[0]), "");
    assert_eq!(ask(LOCK, "one", &[0]), granted);
    assert_eq!(ask(UNLOCK, "one", &[0]), "");
    assert_eq!(ask(LOCK, "two", &[0]), granted);
    // The group holds a lock: what it sends to its retry topic has been retried in place.
    let encoded = properties(&[("UNIQ_KEY", "U"), ("DELAY", "1")]);
    asker.send_ok("%RETRY%locks", &[("i", &encoded), ("j", "1"), ("l", "16")], b"given up");
    assert_eq!(asker.stored("%DLQ%locks", 1)[0].body, b"given up");
}

pub fn replies(broker: &str) {
    let (mut requester, mut replier) = (Asker::connect(broker), Asker::connect(broker));
    let alive = json!({ "clientID": "requester", "producerDataSet": [{ "groupName": "replies" }], "consumerDataSet": [] });
    assert_eq!(requester.ask_with(HEARTBEAT, &[], alive.to_string().as_bytes()).code(), 0);
    let to =
        |client: &str| properties(&[("UNIQ_KEY", "U"), ("REPLY_TO_CLIENT", client), ("CORRELATION_ID", "c")]);
    thread::scope(|scope| {
        let reply = scope.spawn(|| replier.send(SEND_REPLY, "replies", &[("i", &to("requester"))], b"reply"));
        let push = requester.0.read().unwrap();
        assert_eq!((push.code(), &push.body[..]), (PUSH_REPLY, &b"reply"[..]));
        let pushed = push.field("properties");
        for expected in [
            "MSG_REGION\u{1}DefaultRegion",
            "TRACE_ON\u{1}true",
            "CORRELATION_ID\u{1}c",
            "PUSH_REPLY_TIME\u{1}",
        ] {
            assert!(pushed.contains(expected), "{pushed:?}");
        }
        let received = frame(0, RESPONSE, push.opaque() as i32, &json!({}), &[]);
        requester.0.write(&received).unwrap();
        let reply = reply.join().unwrap();
        assert_eq!((reply.code(), reply.field("queueId"), reply.field("queueOffset")), (0, "0", "0"));
    });
    let expected = [
        "CORRELATION_ID=c",
        "MSG_REGION=DefaultRegion",
        "REPLY_TO_CLIENT=requester",
        "TRACE_ON=true",
        "UNIQ_KEY=U",
    ];
    assert_eq!(replier.stored("replies", 1)[0].properties, expected);
    let gone = replier.send(SEND_REPLY, "replies", &[("i", &to("nobody"))], b"reply");
    let text = "push reply message fail, channel of <nobody> not found.";
    assert_eq!((gone.code(), remark(&gone)), (1, text));
}
