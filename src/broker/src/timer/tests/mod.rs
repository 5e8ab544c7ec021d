//! The timer over a real store, driven step by step with a clock that stands still in between.

mod delivering;
mod outages;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use common::config::MessageStoreConfig;
use message::{properties::PropertyString, property_names as property};
use remoting::response_code::ResponseCode;
use runtime::clock::{Clock, ManualClock};
use store::{
    arrival::NobodyWaits,
    consume_queue_ext::NoBitMap,
    fs::OsFileSystem,
    message_store::{Environment, MessageStore},
    options::StoreOptions,
    timer::{TimerOptions, TimerStore},
};
use tempfile::TempDir;

use super::{
    cancel_key_of,
    delivery::{Delivery, Step},
    gate::TimerGate,
    metrics::TimerMetrics,
    service::{TimerMessageService, TimerParts, TimerWaker},
};
use crate::{
    draft::MessageDraft,
    metadata::testing,
    stats::{BrokerStats, StatsSources, StoreTotals},
};

/// The beginning of a slot.
const NOW: i64 = 1_700_000_000_000;

struct Timer {
    clock: Arc<ManualClock>,
    store: Arc<MessageStore>,
    service: Arc<TimerMessageService>,
    delivery: Delivery,
    gate: TimerGate,
}

/// Five blocks a file of the timer log.
fn config() -> MessageStoreConfig {
    MessageStoreConfig { mapped_file_size_timer_log: 280, ..testing::store_config() }
}

impl Timer {
    fn open(dir: &Path, now: i64) -> Self {
        Self::with(dir, now, &config())
    }

    fn with(dir: &Path, now: i64, config: &MessageStoreConfig) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let time = || Arc::clone(&clock) as Arc<dyn Clock>;
        let mut options = StoreOptions::at(dir);
        options.commit_log_file_size_bytes = 1 << 20;
        (options.max_hash_slot_count, options.max_index_count) = (100, 1_000);
        (options.disk_warning_percent, options.disk_clean_forcibly_percent) = (100, 100);
        let environment = Environment {
            fs: Arc::new(OsFileSystem),
            clock: time(),
            arrival: Arc::new(NobodyWaits),
            bit_maps: Arc::new(NoBitMap),
        };
        let store = MessageStore::open(options, environment).unwrap();
        let precision_millis = i64::from(config.clamped_timer_precision_ms());
        let log_file_size_bytes = u64::try_from(config.mapped_file_size_timer_log).unwrap();
        let options = TimerOptions { log_file_size_bytes, precision_millis };
        let (timers, recovered) = TimerStore::open(&store, &options, now).unwrap();
        let timers = Arc::new(timers);
        let sources = StatsSources {
            counts_light_queues_apart: false,
            is_system: Box::new(|_| false),
            store: Box::new(StoreTotals::default),
            put_times: Box::new(store::times::TimeCounts::default),
            clock: time(),
            utc_offset_millis: 0,
        };
        let parts = TimerParts {
            store: Arc::clone(&store),
            timers: Arc::clone(&timers),
            recovered,
            metrics: TimerMetrics::load(testing::memory().1, time()).unwrap(),
            stats: Arc::new(BrokerStats::new("C", sources)),
            clock: time(),
            waker: Arc::new(TimerWaker::default()),
        };
        let service = Arc::new(TimerMessageService::new(config, parts));
        let recovered = service.take_recovered().unwrap();
        Self {
            delivery: Delivery::new(Arc::clone(&service), recovered),
            gate: TimerGate::new(config, time(), Some(timers)),
            clock,
            store,
            service,
        }
    }

    /// Sends a message of topic `T` and answers what the gate said.
    fn try_send(&self, key: &str, time: (&str, i64), more: &[(&str, &str)]) -> Result<(), ResponseCode> {
        let value = time.1.to_string();
        let properties = [(property::UNIQ_KEY, key), (time.0, value.as_str())];
        let properties = properties.into_iter().chain(more.iter().copied()).collect();
        let mut message = draft("T", properties);
        self.gate.admit(&mut message).map_err(|refusal| refusal.code())?;
        let _durability = self.store.put(&[message.into_pending()]).unwrap().durability;
        Ok(())
    }

    fn send(&self, key: &str, millis_from_now: i64) {
        let at = self.clock.now_millis() + millis_from_now;
        self.try_send(key, (property::TIMER_DELIVER_MS, at), &[]).unwrap();
    }

    /// Cancels a message that is delivered at that time.
    fn cancel(&self, key: &str, at: i64) {
        let cancelled = cancel_key_of("T", key);
        let more = [(property::TIMER_DEL_UNIQKEY, cancelled.as_str())];
        self.try_send(&format!("no-{key}"), (property::TIMER_DELIVER_MS, at), &more).unwrap();
    }

    /// Steps until nothing is to do now; answers for how long.
    fn settle(&mut self) -> Duration {
        for _ in 0..100_000 {
            if let Step::Idle(wait) = self.delivery.step() {
                return wait;
            }
        }
        panic!("the timer does not settle");
    }

    /// Lets time pass, as the thread would: from wake to wake.
    fn pass(&mut self, millis: u64) {
        let end = self.clock.now_millis() + i64::try_from(millis).unwrap();
        loop {
            let wait = self.settle();
            let left = Duration::from_millis(u64::try_from(end - self.clock.now_millis()).unwrap());
            if left.is_zero() {
                return;
            }
            self.clock.advance(wait.max(Duration::from_millis(1)).min(left));
        }
    }

    /// Keys of the messages of topic `T`, and when they were stored.
    fn delivered(&self) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        self.store.walk(0, |record, _| {
            if record.topic() == "T" {
                found.push((
                    record.property(property::UNIQ_KEY).unwrap().to_owned(),
                    record.store_timestamp(),
                ));
            }
            true
        });
        found
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.delivered().into_iter().map(|(key, _)| key).collect();
        keys.sort();
        keys
    }

    fn flush(&self) {
        self.store.flush();
        for _ in 0..2 {
            self.service.flush();
        }
    }

    fn stop(self) {
        self.service.close();
        self.store.stop().unwrap();
    }
}

/// A message as a client has sent it.
fn draft(topic: &str, properties: PropertyString) -> MessageDraft {
    let host = SocketAddr::from(([127, 0, 0, 1], 10911));
    MessageDraft {
        topic: Arc::from(topic),
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from_static(b"body"),
        properties,
    }
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}
