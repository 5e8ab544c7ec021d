//! Sends that are not taken, and leave nothing behind.

use crate::asker::{Asker, Changes, SEND, SEND_BATCH, batch, properties, remark};

const ILLEGAL: &str = "the message is illegal, maybe msg body or properties length not matched. \
                       msg body length limit 4194304B, msg properties length limit 32KB.";
const FORBIDDEN: &str = "Sending message to topic[SCHEDULE_TOPIC_XXXX] is forbidden.";
const NO_TIMER: &str = "accurate timer message is not enabled, timerWheelEnable is false";
/// Java's remark is the text of an exception.
const ANY: &str = "";

pub fn sends(broker: &str) {
    let mut asker = Asker::connect(broker);
    asker.send_ok("refused", &[], b"the topic exists");
    let long_name = "x".repeat(128);
    let long_properties = properties(&[("x", &"y".repeat(33_000))]);
    let property = |name, value| properties(&[("UNIQ_KEY", "U"), (name, value)]);
    let (timed, half) = (property("TIMER_DELAY_SEC", "5"), property("TRAN_MSG", "true"));
    let (no_level, too_high) = (property("DELAY", "soon"), property("DELAY", "99999999999"));
    let cases: &[(Changes<'_>, i64, &str)] = &[
        (&[("b", "")], 29, "The specified topic is blank."),
        (&[("b", "a b")], 29, "The specified topic contains illegal characters"),
        (&[("b", &long_name)], 29, "The specified topic is longer than topic max length."),
        (&[("b", "SCHEDULE_TOPIC_XXXX")], 16, FORBIDDEN),
        (&[("b", "untemplated"), ("c", "none")], 17, "topic[untemplated] not exist, apply first please!"),
        (
            &[("e", "1")],
            29,
            "request queueId[1] is illegal, TopicConfig [topicName=refused, readQueueNums=1,",
        ),
        (&[("i", &long_properties)], 13, ILLEGAL),
        (&[("i", &timed)], 1, NO_TIMER),
        (&[("i", &half)], 16, "the broker[127.0.0.1] sending transaction message is forbidden"),
        (&[("i", &no_level)], 1, ANY),
        (&[("i", &too_high)], 1, ANY),
    ];
    for (changes, code, text) in cases {
        let answer = asker.send(SEND, "refused", changes, b"x");
        assert_eq!(answer.code(), *code, "{changes:?}: {}", answer.header);
        assert!(remark(&answer).starts_with(text), "{changes:?}: {}", remark(&answer));
    }
    assert_eq!(asker.send(SEND, "refused", &[], b"").code(), 1, "a message without a body");
    let too_large = asker.send(SEND, "refused", &[], &vec![0; 4 * 1024 * 1024 + 1]);
    assert_eq!((too_large.code(), remark(&too_large)), (13, ILLEGAL));
    asker.send_ok("refused", &[], b"the last");
    assert_eq!(asker.stored("refused", 2).len(), 2);
}

pub fn batches(broker: &str) {
    let mut asker = Asker::connect(broker);
    let fine = batch(&[(b"one", "UNIQ_KEY\u{1}1"), (b"two", "UNIQ_KEY\u{1}2\u{2}")]);
    let megabyte = vec![0; 1024 * 1024];
    let large = batch(&[(&megabyte, ""), (&megabyte, ""), (&megabyte, ""), (&megabyte, "")]);
    let delayed = properties(&[("DELAY", "1")]);
    let timed = properties(&[("TIMER_DELAY_SEC", "5")]);
    let cases: &[(&str, Changes<'_>, &[u8], i64, &str)] = &[
        ("batches", &[("i", &delayed)], &fine, 13, ILLEGAL),
        ("batches", &[("f", "4")], &fine, 13, ILLEGAL),
        ("batches", &[("i", &timed)], &fine, 1, NO_TIMER),
        ("%RETRY%batches", &[], &fine, 13, "batch request does not support retry group %RETRY%batches"),
        ("batches", &[], &large, 1, ANY),
        ("batches", &[], &fine[..fine.len() - 1], 1, ANY),
        ("batches", &[], &[0, 0], 1, ANY),
        ("batches", &[], &[], 1, ANY),
    ];
    for (topic, changes, body, code, text) in cases {
        let changes = [*changes, &[("m", "true")]].concat();
        let answer = asker.send(SEND_BATCH, topic, &changes, body);
        assert_eq!(answer.code(), *code, "{changes:?}: {}", answer.header);
        assert!(remark(&answer).starts_with(text), "{changes:?}: {}", remark(&answer));
    }
    let shared = properties(&[("UNIQ_KEY", "B"), ("WAIT", "true"), ("empty", "")]);
    let answer = asker.send(SEND_BATCH, "batches", &[("m", "true"), ("i", &shared)], &fine);
    assert_eq!((answer.code(), answer.field("queueOffset"), answer.field("transactionId")), (0, "0", "B"));
    assert_eq!(answer.field("msgId").split(',').count(), 2, "{}", answer.header);
    let of_batch = ["CLUSTER=DefaultCluster", "MSG_REGION=DefaultRegion", "TRACE_ON=true"];
    let stored = asker.stored("batches", 2);
    for (message, uniq_key) in stored.iter().zip(["UNIQ_KEY=1", "UNIQ_KEY=2"]) {
        let expected = [&of_batch[..], &[uniq_key, "UNIQ_KEY=B", "WAIT=true"]].concat();
        assert_eq!(message.properties, expected);
    }
    assert_eq!(stored.len(), 2);
}
