//! Delivers delayed messages when they are due (`ScheduleMessageService`).
//!
//! Each level has a queue of the schedule topic whose messages fall due in order, and a task that sleeps
//! until the first of them is. Invariant: the offset of a level only passes a message that is stored
//! under its own topic, so that a crash delivers again and never loses.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use common::{data_version::DataVersion, fastjson, names};
use message::{property_names as property, record::RecordView};
use parking_lot::Mutex;
use runtime::{clock::Clock, services::Services, shutdown::Shutdown};
use serde::{Deserialize, Serialize};
use store::{consume_queue::Unit, message_store::MessageStore};
use tokio::sync::Notify;

use super::delay_levels::{DelayLevels, queue_of_level};
use crate::{
    draft::MessageDraft,
    metadata::{MetadataError, MetadataStore, TableFile},
    metrics::{MessageType, Out},
    redelivery::{Redelivered, redeliver},
    stats::BrokerStats,
};

const FILE: &str = "delayOffset.json";
/// Units looked at in one go.
const UNITS_PER_LOOK: usize = 64;
/// Pause after a message could not be stored.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Longest sleep without looking at the wall clock, which may have been set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// `delayOffset.json`: how far each level has been delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DelayOffsets {
    data_version: DataVersion,
    offset_table: BTreeMap<i32, i64>,
}

#[derive(Debug, Default)]
struct State {
    offsets: DelayOffsets,
    /// Counts deliveries; every so many of them make a new version.
    changes: u64,
}

/// The delay levels of a broker, and how far each has been delivered.
#[derive(Debug)]
pub struct ScheduleMessageService {
    levels: DelayLevels,
    file: OnceLock<TableFile>,
    clock: Arc<dyn Clock>,
    version_step: u64,
    state: Mutex<State>,
    /// One per level, told of new messages.
    arrivals: Vec<Notify>,
    store: OnceLock<Arc<MessageStore>>,
}

impl ScheduleMessageService {
    /// The levels, of which nothing has been delivered.
    pub fn new(levels: DelayLevels, clock: Arc<dyn Clock>) -> Self {
        let arrivals = levels.iter().map(|_| Notify::new()).collect();
        Self {
            levels,
            file: OnceLock::new(),
            clock,
            version_step: 1,
            state: Mutex::default(),
            arrivals,
            store: OnceLock::new(),
        }
    }

    /// With a new version of the table after so many deliveries (`delayOffsetUpdateVersionStep`).
    #[must_use]
    pub fn with_version_step(mut self, step: i64) -> Self {
        self.version_step = u64::try_from(step).unwrap_or(1).max(1);
        self
    }

    /// Reads how far the levels had been delivered.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(&self, metadata: Arc<dyn MetadataStore>) -> Result<(), MetadataError> {
        let file = TableFile::new(FILE, metadata);
        let offsets: DelayOffsets =
            file.load(|text| fastjson::from_slice(text.as_bytes()))?.unwrap_or_default();
        file.mark_written(0);
        *self.state.lock() = State { offsets, changes: 0 };
        self.file.get_or_init(|| file);
        Ok(())
    }

    /// The levels.
    pub fn levels(&self) -> &DelayLevels {
        &self.levels
    }

    /// A message has joined a queue of the schedule topic.
    pub fn arrived(&self, queue_id: i32) {
        if let Some(arrival) = usize::try_from(queue_id).ok().and_then(|index| self.arrivals.get(index)) {
            arrival.notify_one();
        }
    }

    /// How far a level has been delivered, in offsets of its queue.
    pub fn delivered(&self, level: i32) -> i64 {
        self.state.lock().offsets.offset_table.get(&level).copied().unwrap_or(0)
    }

    /// How far all levels have been delivered, as `delayOffset.json` has it but without line breaks.
    pub fn encode_offsets(&self) -> Vec<u8> {
        fastjson::to_vec(&self.state.lock().offsets)
    }

    /// Starts one task a level, and the one that writes the offsets.
    pub fn start(self: &Arc<Self>, store: &Arc<MessageStore>, stats: &Arc<BrokerStats>, services: &Services) {
        if self.store.set(Arc::clone(store)).is_err() {
            return;
        }
        for ((level, pause), index) in self.levels.iter().zip(0..) {
            let (service, store, stats) = (Arc::clone(self), Arc::clone(store), Arc::clone(stats));
            services.task("delay-level", move |shutdown| async move {
                LevelDelivery { service, store, stats, level, pause, index, shutdown }.run().await;
            });
        }
    }

    /// Writes the offsets if they have changed.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        let Some(file) = self.file.get() else { return Ok(()) };
        file.persist(|written| {
            let state = self.state.lock();
            let is_written = written == Some(state.changes);
            (!is_written).then(|| (state.changes, fastjson::to_vec_pretty(&state.offsets)))
        })
    }

    fn advance(&self, level: i32, queue_offset: i64) {
        let mut state = self.state.lock();
        state.offsets.offset_table.insert(level, queue_offset);
        state.changes += 1;
        if state.changes.is_multiple_of(self.version_step) {
            state.offsets.data_version.advance(self.clock.now_millis());
        }
    }
}

/// The delivery of one level.
struct LevelDelivery {
    service: Arc<ScheduleMessageService>,
    store: Arc<MessageStore>,
    stats: Arc<BrokerStats>,
    level: i32,
    pause: Duration,
    index: usize,
    shutdown: Shutdown,
}

/// What became of one look at the queue.
enum Looked {
    /// All there is was delivered.
    Drained,
    /// A whole stretch was delivered, and there may be more.
    More,
    /// The next message is due later.
    DueIn(Duration),
    /// A message could not be stored.
    Failed,
}

impl LevelDelivery {
    async fn run(self) {
        while !self.shutdown.is_requested() {
            let wait = match self.deliver_due() {
                Looked::More => {
                    // A backlog leaves the runtime to others between its stretches.
                    tokio::task::yield_now().await;
                    continue;
                }
                Looked::Drained => None,
                Looked::DueIn(wait) => Some(wait.min(SLEEP_MAX)),
                Looked::Failed => Some(PAUSE_AFTER_FAILURE),
            };
            self.wait(wait).await;
        }
    }

    /// Waits for a time, or else for a message.
    async fn wait(&self, wait: Option<Duration>) {
        let awaited = async {
            match (wait, self.service.arrivals.get(self.index)) {
                (Some(wait), _) => tokio::time::sleep(wait).await,
                (None, Some(arrival)) => arrival.notified().await,
                (None, None) => tokio::time::sleep(SLEEP_MAX).await,
            }
        };
        tokio::select! {
            () = self.shutdown.requested() => {}
            () = awaited => {}
        }
    }

    /// Delivers what of one stretch of the queue is due now.
    fn deliver_due(&self) -> Looked {
        let queue_id = queue_of_level(self.level);
        let queue_offset = self.first_offset(queue_id);
        let units = self.store.queue_units(names::SCHEDULE_TOPIC, queue_id, queue_offset, UNITS_PER_LOOK);
        if units.is_empty() {
            return Looked::Drained;
        }
        for (unit, queue_offset) in units.iter().zip(queue_offset..) {
            if self.shutdown.is_requested() {
                return Looked::Drained;
            }
            if let Some(wait) = self.due_in(unit) {
                return Looked::DueIn(wait);
            }
            if !self.deliver(unit) {
                return Looked::Failed;
            }
            self.service.advance(self.level, queue_offset + 1);
        }
        Looked::More
    }

    /// Where to go on: retention may have taken what was delivered, and recovery what was not.
    fn first_offset(&self, queue_id: i32) -> i64 {
        let delivered = self.service.delivered(self.level);
        let min = self.store.min_offset(names::SCHEDULE_TOPIC, queue_id).unwrap_or(0);
        let max = self.store.max_offset(names::SCHEDULE_TOPIC, queue_id).unwrap_or(0);
        delivered.clamp(min, max.max(min))
    }

    /// How long a message has to wait yet; `None` when it is due.
    ///
    /// A due time further off than the level's pause comes from a clock that was set back, and counts as
    /// now.
    fn due_in(&self, unit: &Unit) -> Option<Duration> {
        let now = self.service.clock.now_millis();
        let wait_millis = unit.tags_code.saturating_sub(now);
        let wait = Duration::from_millis(u64::try_from(wait_millis).ok().filter(|wait| *wait > 0)?);
        (wait <= self.pause).then_some(wait)
    }

    /// Stores a message under its own topic; false when it must be tried again.
    fn deliver(&self, unit: &Unit) -> bool {
        let Some(bytes) = self.store.select(unit.phy_offset, usize::try_from(unit.size_bytes).unwrap_or(0))
        else {
            tracing::error!(
                level = self.level,
                phy_offset = unit.phy_offset,
                "delayed message is gone, skipped"
            );
            return true;
        };
        let Some(message) = RecordView::decode(&bytes).ok().and_then(|record| restored(&record, &bytes))
        else {
            tracing::error!(
                level = self.level,
                phy_offset = unit.phy_offset,
                "delayed message names no topic it can go to, skipped"
            );
            return true;
        };
        let topic = Arc::clone(&message.topic);
        match redeliver(&self.store, &self.stats, message) {
            Redelivered::Stored { wrote_bytes } => {
                let metrics = self.stats.metrics();
                let (from, group) = (names::SCHEDULE_TOPIC, names::SCHEDULE_GROUP);
                metrics.messages_out(from, group, Out::Pulled, 1, wrote_bytes);
                metrics.messages_in(&topic, MessageType::Delay, 1, wrote_bytes);
                true
            }
            Redelivered::Never(error) => {
                // Those behind it wait.
                tracing::error!(level = self.level, phy_offset = unit.phy_offset, %error, "delayed message skipped");
                true
            }
            Redelivered::NotNow(error) => {
                tracing::warn!(level = self.level, %error, "cannot deliver a delayed message, trying again");
                false
            }
        }
    }
}

/// The message as its producer sent it, save for the properties that tell of its delay.
fn restored(record: &RecordView<'_>, bytes: &bytes::Bytes) -> Option<MessageDraft> {
    let mut draft = MessageDraft::of_record(record, bytes.slice_ref(record.body()));
    let topic = draft.properties.get(property::REAL_TOPIC)?;
    if topic == names::TRANS_HALF_TOPIC || topic == names::SCHEDULE_TOPIC {
        return None;
    }
    draft.topic = Arc::from(topic);
    draft.queue_id = draft.properties.get(property::REAL_QUEUE_ID)?.parse().ok()?;
    Some(draft)
}
