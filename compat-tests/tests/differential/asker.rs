//! Requests with every field as a client sends it, of which a test changes a few, and answers taken apart.

use compat_tests::wire::{Answer, Wire};
use message::record::{Scanned, scan};
use serde_json::{Map, Value, json};
use std::thread;
use std::time::{Duration, Instant};

pub const SEND: i32 = 310;
pub const SEND_BATCH: i32 = 320;
pub const SEND_REPLY: i32 = 325;
pub const BORN_TIMESTAMP: i64 = 1_700_000_000_123;
const PULL: i32 = 11;
const GET_MAX_OFFSET: i32 = 30;
const PATIENCE: Duration = Duration::from_secs(120);

/// Fields to put in place of the usual ones.
pub type Changes<'a> = &'a [(&'a str, &'a str)];

/// A connection that knows what clients send.
pub struct Asker(pub Wire);

/// A message as a consumer gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    pub topic: String,
    pub body: Vec<u8>,
    pub flag: i32,
    pub sys_flag: i32,
    pub reconsume_times: i32,
    pub born_timestamp: i64,
    pub phy_offset: i64,
    /// `name=value`, sorted; an id a broker made is `?`.
    pub properties: Vec<String>,
}

impl Asker {
    pub fn connect(broker: &str) -> Self {
        Self(Wire::connect(broker).unwrap())
    }

    pub fn ask(&mut self, code: i32, fields: Changes<'_>) -> Answer {
        self.ask_with(code, fields, &[])
    }

    pub fn ask_with(&mut self, code: i32, fields: Changes<'_>, body: &[u8]) -> Answer {
        self.0.call(code, &object(fields), body).unwrap()
    }

    /// Sends to queue 0 of a topic of one queue.
    pub fn send(&mut self, code: i32, topic: &str, changes: Changes<'_>, body: &[u8]) -> Answer {
        let born = BORN_TIMESTAMP.to_string();
        let mut fields = object(&[
            ("a", "p"),
            ("b", topic),
            ("c", "TBW102"),
            ("d", "1"),
            ("e", "0"),
            ("f", "0"),
            ("g", &born),
            ("h", "0"),
            ("i", "UNIQ_KEY\u{1}U\u{2}WAIT\u{1}true\u{2}"),
            ("j", "0"),
            ("k", "false"),
            ("m", "false"),
        ]);
        change(&mut fields, changes);
        self.0.call(code, &fields, body).unwrap()
    }

    /// Sends what must be taken.
    pub fn send_ok(&mut self, topic: &str, changes: Changes<'_>, body: &[u8]) {
        let answer = self.send(SEND, topic, changes, body);
        assert_eq!(answer.code(), 0, "{}", answer.header);
    }

    /// Pulls from queue 0 with the subscription in the request.
    pub fn pull(&mut self, topic: &str, changes: Changes<'_>) -> Answer {
        let mut fields = object(&[
            ("consumerGroup", "g"),
            ("topic", topic),
            ("queueId", "0"),
            ("queueOffset", "0"),
            ("maxMsgNums", "32"),
            ("sysFlag", "4"),
            ("commitOffset", "0"),
            ("suspendTimeoutMillis", "0"),
            ("subscription", "*"),
            ("subVersion", "0"),
            ("expressionType", "TAG"),
        ]);
        change(&mut fields, changes);
        self.0.call(PULL, &fields, &[]).unwrap()
    }

    /// What queue 0 of a topic holds, once it holds so many.
    pub fn stored(&mut self, topic: &str, count: usize) -> Vec<Stored> {
        self.wait_for(topic, count);
        records(&self.pull(topic, &[]).body)
    }

    /// Java's ConsumeQueues lag behind the answers.
    pub fn wait_for(&mut self, topic: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.max_offset(topic) < count as i64 {
            assert!(Instant::now() < deadline, "{topic} has {} of {count} messages", self.max_offset(topic));
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn max_offset(&mut self, topic: &str) -> i64 {
        let answer = self.ask(GET_MAX_OFFSET, &[("topic", topic), ("queueId", "0")]);
        answer.field("offset").parse().unwrap()
    }
}

/// The remark of an answer; empty when there is none.
pub fn remark(answer: &Answer) -> &str {
    answer.header["remark"].as_str().unwrap_or_default()
}

/// The properties of a message, encoded.
pub fn properties(pairs: &[(&str, &str)]) -> String {
    pairs.iter().flat_map(|(name, value)| [name, "\u{1}", value, "\u{2}"]).collect()
}

/// The body of a batch of such bodies and encoded properties.
pub fn batch(items: &[(&[u8], &str)]) -> Vec<u8> {
    let mut batch = Vec::new();
    for (body, properties) in items {
        let total = 22 + body.len() + properties.len();
        for number in [total as i32, 0, 0, 0, body.len() as i32] {
            batch.extend(number.to_be_bytes());
        }
        batch.extend(*body);
        batch.extend((properties.len() as i16).to_be_bytes());
        batch.extend(properties.as_bytes());
    }
    batch
}

pub fn records(mut bytes: &[u8]) -> Vec<Stored> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let Ok(Scanned::Record(record)) = scan(bytes) else { panic!("no record: {bytes:?}") };
        record.verify_body().unwrap();
        let text = str::from_utf8(record.properties()).unwrap();
        assert!(text.ends_with('\u{2}'), "{text:?}");
        let mut properties: Vec<String> = text.trim_end_matches('\u{2}').split('\u{2}').map(shown).collect();
        properties.sort();
        found.push(Stored {
            topic: record.topic().to_owned(),
            body: record.body().to_vec(),
            flag: record.flag(),
            sys_flag: record.sys_flag(),
            reconsume_times: record.reconsume_times(),
            born_timestamp: record.born_timestamp(),
            phy_offset: record.phy_offset(),
            properties,
        });
        bytes = &bytes[record.total_size()..];
    }
    found
}

fn shown(pair: &str) -> String {
    let is_id = |value: &str| value.len() >= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    match pair.split_once('\u{1}') {
        Some((name, value)) if is_id(value) => format!("{name}=?"),
        Some((name, value)) => format!("{name}={value}"),
        None => pair.to_owned(),
    }
}

fn object(fields: Changes<'_>) -> Value {
    Value::Object(
        fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
    )
}

fn change(fields: &mut Value, changes: Changes<'_>) {
    for (name, value) in changes {
        fields[*name] = json!(value);
    }
}
