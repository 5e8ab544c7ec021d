//! The store without a broker, and without the threads behind it.

use std::sync::Arc;

use runtime::clock::ManualClock;
use store::{
    arrival::NobodyWaits,
    consume_queue_ext::NoBitMap,
    fs::OsFileSystem,
    get::{EveryMessage, GetRequest},
    message_store::{Environment, MessageStore},
    options::StoreOptions,
    put::Durability,
};
use tempfile::TempDir;

use crate::{meter::Meter, samples};

/// All messages of an operation are in one file.
const LOG_FILE_BYTES: u64 = 32 << 20;

struct Opened {
    store: Arc<MessageStore>,
    _dir: TempDir,
}

impl Opened {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options =
            StoreOptions { commit_log_file_size_bytes: LOG_FILE_BYTES, ..StoreOptions::at(dir.path()) };
        let environment = Environment {
            fs: Arc::new(OsFileSystem),
            clock: Arc::new(ManualClock::at(samples::NOW_MILLIS)),
            arrival: Arc::new(NobodyWaits),
            bit_maps: Arc::new(NoBitMap),
        };
        Self { store: MessageStore::open(options, environment).expect("a store"), _dir: dir }
    }

    fn put(&self, messages: &[store::put::PendingMessage]) {
        let appended = self.store.put(messages).expect("stored");
        assert!(matches!(appended.durability, Durability::Ready), "with ASYNC_FLUSH");
    }

    /// With 64 messages of 1 KiB in one queue.
    fn filled() -> Self {
        let opened = Self::new();
        for _ in 0..64 {
            opened.put(&[samples::pending(1024)]);
        }
        opened
    }
}

pub(super) fn put_1_kib(meter: &Meter) {
    put(meter, 1, 1024);
}

pub(super) fn put_128_b(meter: &Meter) {
    put(meter, 1, 128);
}

pub(super) fn put_batch(meter: &Meter) {
    put(meter, 32, 128);
}

fn put(meter: &Meter, count: usize, body_bytes: usize) {
    let opened = Opened::new();
    let messages = vec![samples::pending(body_bytes); count];
    meter.measure(|| &*messages, |messages| opened.put(messages));
}

pub(super) fn get(meter: &Meter) {
    let opened = Opened::filled();
    let request = GetRequest {
        topic: samples::TOPIC,
        queue_id: samples::QUEUE_ID,
        queue_offset: 16,
        max_count: 32,
        max_bytes: 4 << 20,
    };
    meter.measure(
        || request,
        |request| {
            let got = opened.store.get_cached(&request, &EveryMessage).expect("in memory");
            assert_eq!(got.messages.len(), 32);
            got
        },
    );
}

pub(super) fn read_units(meter: &Meter) {
    let opened = Opened::filled();
    meter.measure(
        || (samples::TOPIC, samples::QUEUE_ID),
        |(topic, queue_id)| {
            let units = opened.store.queue_units(topic, queue_id, 16, 32);
            assert_eq!(units.len(), 32);
            units
        },
    );
}
