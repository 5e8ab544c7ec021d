//! Pulls and questions about offsets.

use crate::asker::{Asker, Changes, properties, records, remark};
use compat_tests::wire::Answer;

const QUERY_OFFSET: i32 = 14;
const UPDATE_OFFSET: i32 = 15;
const SEARCH: i32 = 29;
const MAX: i32 = 30;
const MIN: i32 = 31;
const EARLIEST: i32 = 32;

fn fill(asker: &mut Asker, topic: &str, count: usize, body: &[u8]) {
    for index in 0..count {
        let tag = if index % 2 == 0 { "a" } else { "b" };
        let encoded = properties(&[("UNIQ_KEY", "U"), ("TAGS", tag)]);
        asker.send_ok(topic, &[("i", &encoded)], body);
    }
    asker.wait_for(topic, count);
}

/// Code, remark, next offset, how many messages.
type Found<'a> = (i64, &'a str, &'a str, usize);

fn found(answer: &Answer) -> Found<'_> {
    (answer.code(), remark(answer), answer.field("nextBeginOffset"), records(&answer.body).len())
}

pub fn pulls(broker: &str) {
    let mut asker = Asker::connect(broker);
    fill(&mut asker, "pulls", 50, b"m");
    fill(&mut asker, "large", 8, &vec![b'z'; 60_000]);
    // Of four queues, one has messages.
    asker.send_ok("four", &[("d", "4"), ("e", "2")], b"x");
    let illegal = "OFFSET_OVERFLOW_BADLY";
    let empty = "NO_MESSAGE_IN_QUEUE";
    let cases: &[(&str, Changes<'_>, Found<'_>)] = &[
        ("pulls", &[], (0, "FOUND", "32", 32)),
        ("pulls", &[("maxMsgNums", "100000")], (0, "FOUND", "32", 32)),
        ("pulls", &[("maxMsgNums", "1")], (0, "FOUND", "1", 1)),
        ("pulls", &[("queueOffset", "49")], (0, "FOUND", "50", 1)),
        ("pulls", &[("queueOffset", "50")], (19, "OFFSET_OVERFLOW_ONE", "50", 0)),
        ("pulls", &[("queueOffset", "51")], (21, illegal, "50", 0)),
        ("pulls", &[("queueOffset", "-1")], (21, "OFFSET_TOO_SMALL", "0", 0)),
        ("pulls", &[("subscription", "b"), ("maxMsgNums", "5")], (0, "FOUND", "10", 5)),
        ("pulls", &[("subscription", "c")], (20, "NO_MATCHED_MESSAGE", "50", 0)),
        (
            "pulls",
            &[("queueOffset", "50"), ("sysFlag", "6"), ("suspendTimeoutMillis", "100")],
            (19, "OFFSET_OVERFLOW_ONE", "50", 0),
        ),
        ("large", &[], (0, "FOUND", "4", 4)),
        ("four", &[("queueId", "3")], (19, empty, "0", 0)),
        ("four", &[("queueId", "3"), ("queueOffset", "5")], (21, empty, "0", 0)),
    ];
    for (topic, changes, expected) in cases {
        let answer = asker.pull(topic, changes);
        assert_eq!(found(&answer), *expected, "{topic} {changes:?}: {}", answer.header);
        for name in ["suggestWhichBrokerId", "minOffset", "topicSysFlag", "groupSysFlag"] {
            assert_eq!(answer.field(name), "0", "{name} of {topic} {changes:?}");
        }
    }
    let cases: &[(Changes<'_>, i64, &str)] = &[
        (&[("topic", "none")], 17, "topic[none] not exist, apply first please! \nSee "),
        (
            &[("queueId", "1")],
            29,
            "queueId[1] is illegal, topic:[pulls] topicConfig.readQueueNums:[1] consumer:[/",
        ),
        (&[("consumerGroup", "a b")], 26, "subscription group [a b] does not exist, "),
        (&[("sysFlag", "0"), ("consumerGroup", "silent")], 24, "the consumer's group info not exist"),
        (
            &[("expressionType", "SQL92"), ("subscription", "a > 1")],
            1,
            "The broker does not support consumer to filter message by SQL92",
        ),
    ];
    for (changes, code, text) in cases {
        let answer = asker.pull("pulls", changes);
        assert_eq!(answer.code(), *code, "{changes:?}: {}", answer.header);
        assert!(remark(&answer).starts_with(text), "{changes:?}: {}", remark(&answer));
    }
}

pub fn answers(broker: &str) {
    let mut asker = Asker::connect(broker);
    fill(&mut asker, "answers", 5, b"m");
    asker.pull("answers", &[("consumerGroup", "answers")]);
    let at = |queue_id| [("consumerGroup", "answers"), ("topic", "answers"), ("queueId", queue_id)];
    let commit = |queue_offset| [&at("0")[..], &[("commitOffset", queue_offset)]].concat();
    let not_zero = [&at("0")[..], &[("setZeroIfNotFound", "false")]].concat();
    let elsewhere: Changes<'_> = &[("consumerGroup", "answers"), ("topic", "none"), ("queueId", "0")];
    let unknown_topic = [elsewhere, &[("commitOffset", "3")]].concat();
    let unknown_group =
        [("consumerGroup", "nobody"), ("topic", "answers"), ("queueId", "0"), ("commitOffset", "3")];
    let time = |topic, time, boundary| {
        [("topic", topic), ("queueId", "0"), ("timestamp", time), ("boundaryType", boundary)]
    };
    let queue = |topic, queue_id| [("topic", topic), ("queueId", queue_id)];
    let far = "99999999999999";
    let cases: &[(i32, Changes<'_>, i64, &str)] = &[
        (QUERY_OFFSET, &not_zero, 22, "Not found, do not set to zero, maybe this group boot first"),
        (QUERY_OFFSET, &at("0"), 0, "0"),
        (QUERY_OFFSET, &at("9"), 22, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"),
        (QUERY_OFFSET, elsewhere, 22, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"),
        (UPDATE_OFFSET, &unknown_group, 26, "Group nobody not exist!"),
        (UPDATE_OFFSET, &unknown_topic, 17, "Topic none not exist!"),
        (UPDATE_OFFSET, &commit("3"), 0, ""),
        (QUERY_OFFSET, &at("0"), 0, "3"),
        (UPDATE_OFFSET, &commit("1"), 0, ""),
        (QUERY_OFFSET, &not_zero, 0, "1"),
        (MAX, &queue("answers", "0"), 0, "5"),
        (MAX, &queue("none", "0"), 0, "0"),
        (MIN, &queue("answers", "0"), 0, "0"),
        (MIN, &queue("answers", "-1"), 0, "0"),
        (SEARCH, &time("answers", "0", "LOWER"), 0, "0"),
        (SEARCH, &time("answers", "0", "UPPER"), 0, "0"),
        (SEARCH, &time("answers", far, "LOWER"), 0, "5"),
        (SEARCH, &time("answers", far, "UPPER"), 0, "4"),
        (SEARCH, &time("none", "0", "LOWER"), 0, "0"),
    ];
    for (code, fields, expected, text) in cases {
        let answer = asker.ask(*code, fields);
        let got = if answer.code() == 0 { answer.field("offset") } else { remark(&answer) };
        assert_eq!((answer.code(), got), (*expected, *text), "{code} {fields:?}: {}", answer.header);
    }
    assert_eq!(asker.ask(EARLIEST, &queue("none", "0")).field("timestamp"), "-1");
    let unknown = asker.ask(999, &[]);
    assert_eq!((unknown.code(), remark(&unknown)), (3, " request type 999 not supported"));
}
