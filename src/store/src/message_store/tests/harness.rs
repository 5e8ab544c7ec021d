//! Small stores: CommitLog files of 64 KiB, `ConsumeQueue` files of 20 units, of 30 in batch queues, an index of 1,000 items.

use std::{fs::OpenOptions, os::unix::fs::FileExt, path::Path, sync::Arc};

use bytes::Bytes;
use message::{hash::tags_code, properties::PropertyString, property_names as names, record::RecordView};
use parking_lot::Mutex;
use runtime::clock::ManualClock;
use tempfile::TempDir;

use super::super::checkpointing::Thoroughness;
use crate::{
    arrival::{Arrival, MessageArrival},
    consume_queue_ext::NoBitMap,
    fs::OsFileSystem,
    get::{EveryMessage, GetRequest, GetResult},
    message_store::{Environment, MessageStore},
    options::StoreOptions,
    put::{PendingMessage, WaitStore},
};

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Remembers who was told of what.
#[derive(Debug, Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<(String, i32, i64)>>);

impl MessageArrival for Heard {
    fn arrived(&self, arrival: &Arrival<'_>) {
        self.0.lock().push((arrival.topic.to_string(), arrival.queue_id, arrival.next_queue_offset));
    }
}

pub(crate) struct Harness {
    _dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) options: StoreOptions,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::at(dir.path().join("store"));
        options.commit_log_file_size_bytes = 64 * 1024;
        options.consume_queue_file_size_bytes = 20 * 20;
        options.batch_consume_queue_file_size_bytes = 30 * 46;
        options.max_hash_slot_count = 100;
        options.max_index_count = 1_000;
        options.disk_warning_percent = 100;
        options.disk_clean_forcibly_percent = 100;
        options.disk_max_used_percent = 100;
        options.delete_when_hours = Vec::new();
        Self { _dir: dir, clock: Arc::new(ManualClock::at(NOW)), heard: Arc::default(), options }
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment {
            fs: Arc::new(OsFileSystem),
            clock: Arc::<ManualClock>::clone(&self.clock),
            arrival: Arc::<Heard>::clone(&self.heard),
            bit_maps: Arc::new(NoBitMap),
        }
    }

    pub(crate) fn open(&self) -> Arc<MessageStore> {
        MessageStore::open(self.options.clone(), self.environment()).unwrap()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.options.root_dir
    }

    pub(crate) fn log_file(&self, base: i64) -> std::path::PathBuf {
        self.root().join("commitlog").join(format!("{base:020}"))
    }
}

/// A message with a body that says which it is.
pub(crate) fn message(topic: &str, queue_id: i32, number: usize) -> PendingMessage {
    let tag = format!("Tag{}", number % 3);
    let properties: PropertyString = [
        (names::UNIQ_KEY, format!("U{number}").as_str()),
        (names::KEYS, format!("key{} shared", number / 2).as_str()),
        (names::TAGS, tag.as_str()),
    ]
    .into_iter()
    .collect();
    PendingMessage {
        topic: topic.into(),
        queue_id,
        flag: 1,
        sys_flag: 0,
        born_timestamp: NOW - 5,
        born_host: "10.1.2.3:4567".parse().unwrap(),
        store_host: "127.0.0.1:10911".parse().unwrap(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: body(number),
        properties,
        tags_code: tags_code(Some(&tag)),
        wait_store_ok: WaitStore::Wait,
    }
}

pub(crate) fn body(number: usize) -> Bytes {
    let mut body = format!("message {number} ").into_bytes();
    body.resize(body.len() + number % 900, b'x');
    body.into()
}

pub(crate) fn put_many(store: &MessageStore, topic: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let queue_id = (number % 2) as i32;
        let _durability = store.put(&[message(topic, queue_id, number)]).unwrap().durability;
    }
}

pub(crate) fn get(store: &MessageStore, topic: &str, queue_id: i32, queue_offset: i64) -> GetResult {
    let request = GetRequest { topic, queue_id, queue_offset, max_count: 32, max_bytes: 1 << 20 };
    store.get(&request, &EveryMessage)
}

/// The numbers of the messages in a whole queue, read as a consumer does and compared as a whole.
pub(crate) fn consume(store: &MessageStore, topic: &str, queue_id: i32) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut queue_offset = store.min_offset(topic, queue_id).unwrap_or(0);
    while queue_offset < store.max_offset(topic, queue_id).unwrap_or(0) {
        let result = get(store, topic, queue_id, queue_offset);
        for record in &result.messages {
            let view = RecordView::decode(record).unwrap();
            let number = number_of(&view);
            let sent = message(topic, queue_id, number);
            assert_eq!((view.body(), view.topic()), (&*sent.body, topic));
            assert!(view.properties().starts_with(sent.properties.as_bytes()));
            numbers.push(number);
        }
        assert!(result.next_begin_offset > queue_offset, "a get always gets on: {result:?}");
        queue_offset = result.next_begin_offset;
    }
    numbers
}

/// Which message a record holds.
pub(crate) fn number_of(record: &RecordView<'_>) -> usize {
    str::from_utf8(record.body()).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Asserts that both queues hold exactly these messages, in order.
pub(crate) fn assert_holds(store: &MessageStore, topic: &str, numbers: std::ops::Range<usize>) {
    for queue_id in 0..2 {
        let expected: Vec<usize> = numbers.clone().filter(|number| number % 2 == queue_id).collect();
        assert_eq!(consume(store, topic, queue_id as i32), expected, "queue {queue_id}");
    }
}

/// Changes a bit of a file, under an open store as well as a closed one.
pub(crate) fn flip(path: &Path, at: u64) {
    flip_bit(path, at, 4);
}

/// As [`flip`], a certain one.
pub(crate) fn flip_bit(path: &Path, at: u64, bit: u32) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
}

/// Copies a directory to a place where there is none.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

impl MessageStore {
    /// Brings the index up to the log.
    pub(crate) fn index_everything(&self) {
        while self.build_index() {}
    }

    /// Writes what the queues hold in memory, as their service does.
    pub(crate) fn write_queues(&self) {
        self.flush_queues(Thoroughness::Write);
    }
}
