//! Messages as consumers get them, property by property.

use crate::asker::{Asker, BORN_TIMESTAMP, Changes, properties, records};

/// What every message has that was sent.
const ADDED: [&str; 3] = ["CLUSTER=DefaultCluster", "MSG_REGION=DefaultRegion", "TRACE_ON=true"];
const SEND_BACK: i32 = 36;

fn with_added(properties: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = ADDED.iter().chain(properties).map(|pair| (*pair).to_owned()).collect();
    all.sort();
    all
}

pub fn properties_of_sent(broker: &str) {
    let mut asker = Asker::connect(broker);
    let cases: &[(&str, &[&str])] = &[
        ("", &["UNIQ_KEY=?"]),
        ("UNIQ_KEY\u{1}U\u{2}TAGS\u{1}a", &["TAGS=a", "UNIQ_KEY=U"]),
        ("UNIQ_KEY\u{1}U\u{2}KEYS\u{1}\u{2}TAGS\u{1}\u{2}", &["UNIQ_KEY=U"]),
        ("UNIQ_KEY\u{1}\u{2}a\u{1}1\u{2}", &["UNIQ_KEY=?", "a=1"]),
        ("\u{2}\u{2}", &["UNIQ_KEY=?"]),
        ("junk\u{2}\u{1}x\u{2}UNIQ_KEY\u{1}U\u{2}", &["UNIQ_KEY=U"]),
        ("UNIQ_KEY\u{1}U\u{2}a\u{1}1\u{2}a\u{1}2\u{2}", &["UNIQ_KEY=U", "a=2"]),
        ("UNIQ_KEY\u{1}U\u{2}a\u{1}b\u{1}c\u{2}", &["UNIQ_KEY=U", "a=b\u{1}c"]),
        ("UNIQ_KEY\u{1}U\u{2}CLUSTER\u{1}x\u{2}TRACE_ON\u{1}x\u{2}POP_CK\u{1}x\u{2}", &["UNIQ_KEY=U"]),
        ("UNIQ_KEY\u{1}U\u{2}DELAY\u{1}0\u{2}ключ\u{1}знак\u{2}", &["DELAY=0", "UNIQ_KEY=U", "ключ=знак"]),
    ];
    for (encoded, _) in cases {
        asker.send_ok("properties", &[("i", encoded)], b"body");
    }
    let stored = asker.stored("properties", cases.len());
    for (message, (encoded, expected)) in stored.iter().zip(cases) {
        assert_eq!(message.properties, with_added(expected), "{encoded:?}");
        assert_eq!((message.sys_flag, message.flag, &message.body[..]), (0, 0, &b"body"[..]));
        assert_eq!((message.born_timestamp, message.reconsume_times), (BORN_TIMESTAMP, 0));
    }
    assert_eq!(stored.len(), cases.len());
    let compressed: Changes<'_> = &[("f", "769"), ("h", "7"), ("j", "5"), ("i", "UNIQ_KEY\u{1}U\u{2}")];
    asker.send_ok("flags", compressed, b"not really compressed");
    let stored = asker.stored("flags", 1);
    assert_eq!((stored[0].sys_flag, stored[0].flag, stored[0].reconsume_times), (769, 7, 5));
}

/// A delayed message shows its delay after it was delivered.
pub fn delayed(broker: &str) {
    let mut asker = Asker::connect(broker);
    let timed_too = properties(&[("UNIQ_KEY", "U"), ("DELAY", "1"), ("TIMER_DELAY_SEC", "4"), ("TAGS", "t")]);
    asker.send_ok("delayed", &[("i", &timed_too), ("j", "2"), ("h", "3")], b"later");
    let far = properties(&[("UNIQ_KEY", "far"), ("DELAY", "99"), ("REAL_TOPIC", "x")]);
    asker.send_ok("far", &[("i", &far)], b"far");
    let stored = asker.stored("delayed", 1);
    let expected = ["DELAY=1", "REAL_QID=0", "REAL_TOPIC=delayed", "TAGS=t", "UNIQ_KEY=U"];
    assert_eq!(stored[0].properties, with_added(&expected));
    assert_eq!((stored[0].reconsume_times, stored[0].flag, stored[0].sys_flag), (2, 3, 0));
    let waiting = asker.pull("SCHEDULE_TOPIC_XXXX", &[("queueId", "17")]);
    let waiting = records(&waiting.body);
    assert_eq!(
        waiting[0].properties,
        with_added(&["DELAY=18", "REAL_QID=0", "REAL_TOPIC=far", "UNIQ_KEY=far"])
    );
}

/// What a consumer gives back: to the retry topic after a delay, or to the dead letters.
pub fn given_back(broker: &str) {
    let mut asker = Asker::connect(broker);
    asker.send_ok("back", &[("i", "UNIQ_KEY\u{1}U\u{2}TAGS\u{1}t\u{2}")], b"failing");
    let phy_offset = asker.stored("back", 1)[0].phy_offset.to_string();
    let mut back = |phy_offset: &str, delay_level: &str, max: &str| {
        let fields = [
            ("offset", phy_offset),
            ("group", "back"),
            ("delayLevel", delay_level),
            ("originMsgId", "id"),
            ("originTopic", "back"),
            ("unitMode", "false"),
            ("maxReconsumeTimes", max),
        ];
        asker.ask(SEND_BACK, &fields)
    };
    assert_eq!(back("123456789012", "1", "16").code(), 1);
    assert_eq!(back(&phy_offset, "1", "16").code(), 0);
    assert_eq!(back(&phy_offset, "-1", "16").code(), 0);
    assert_eq!(back(&phy_offset, "3", "0").code(), 0);
    let of_retry = ["ORIGIN_MESSAGE_ID=?", "RETRY_TOPIC=back", "TAGS=t", "UNIQ_KEY=U", "WAIT=false"];
    let retry = asker.stored("%RETRY%back", 1);
    let delivered = ["DELAY=1", "REAL_QID=0", "REAL_TOPIC=%RETRY%back"];
    assert_eq!(retry[0].properties, with_added(&[&of_retry[..], &delivered].concat()));
    assert_eq!((&retry[0].body[..], retry[0].reconsume_times), (&b"failing"[..], 1));
    for dead in asker.stored("%DLQ%back", 2) {
        assert_eq!(dead.properties, with_added(&[&of_retry[..], &["DELAY=0"]].concat()));
        assert_eq!((dead.reconsume_times, dead.born_timestamp), (1, BORN_TIMESTAMP));
    }
}

/// What a consumer sends to its retry topic itself, as orderly consumers do.
pub fn sent_again(broker: &str) {
    let mut asker = Asker::connect(broker);
    let encoded = properties(&[("UNIQ_KEY", "U"), ("RETRY_TOPIC", "again"), ("DELAY", "0")]);
    for (times, limit) in [("16", "16"), ("17", "16"), ("3", "2")] {
        asker.send_ok("%RETRY%again", &[("j", times), ("l", limit), ("i", &encoded)], times.as_bytes());
    }
    let retry = asker.stored("%RETRY%again", 1);
    assert_eq!((retry.len(), &retry[0].body[..], retry[0].reconsume_times), (1, &b"16"[..], 16));
    let dead = asker.stored("%DLQ%again", 2);
    assert_eq!(dead[0].properties, with_added(&["DELAY=-1", "RETRY_TOPIC=again", "UNIQ_KEY=U"]));
    assert_eq!((dead[0].reconsume_times, dead[1].reconsume_times), (17, 3));
}
