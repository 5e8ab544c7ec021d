//! POP: the broker hands out messages one by one, hides them for a while, and gives those again that are
//! not acknowledged.
//!
//! A pop stores a check point of its messages as a timed message of the revive topic and only then commits
//! the offset behind them; an acknowledgement is another one. Both arrive when the messages are to be seen
//! again, and [`revive`] brings them together: what was not acknowledged goes to the retry topic of topic and
//! group. Pops in order have no check point but a record in [`order`], and no retry topic.

pub mod buffer;
pub mod check_point;
pub mod extra_info;
pub mod inflight;
pub mod offsets;
pub mod order;
pub mod order_info;
pub mod queue;
pub mod reader;
pub mod revive;
pub mod revive_log;
pub mod services;
#[cfg(test)]
mod tests;
pub mod waiting;

use std::{net::SocketAddr, sync::Arc};

use common::{
    config::BrokerConfig,
    names::{self, PopRetryVersion},
};
use runtime::clock::Clock;
use store::arrival::Arrival;

use self::{
    buffer::PopBufferMergeService,
    inflight::PopInflightMessageCounter,
    offsets::PopOffsets,
    order::ConsumerOrderInfoManager,
    queue::{PopQueue, QueueLockManager},
    revive_log::ReviveLog,
    waiting::{PollingLimits, PopWaitingRoom, WakeOrder},
};
use crate::{
    metadata::{MetadataError, MetadataStore},
    offsets::{ConsumerOffsetManager, QueueOffsets},
    put::MessagePutter,
};

/// What all of POP shares.
#[derive(Debug)]
pub struct PopTables {
    /// The name check points and texts give this broker.
    pub broker_name: String,
    /// Turns at queues.
    pub locks: Arc<QueueLockManager>,
    /// Where pops begin.
    pub offsets: PopOffsets,
    /// Check points in memory.
    pub buffer: Arc<PopBufferMergeService>,
    /// Pops in order.
    pub orders: Arc<ConsumerOrderInfoManager>,
    /// What is popped and not acknowledged.
    pub inflight: Arc<PopInflightMessageCounter>,
    /// The revive topic.
    pub log: Arc<ReviveLog>,
    /// Pops that wait.
    pub pops: Arc<PopWaitingRoom>,
    /// Those that wait to hear that there is something to pop (`NotificationProcessor`).
    pub notifications: Arc<PopWaitingRoom>,
}

/// What the tables of POP are made over.
pub struct PopSources<'a> {
    /// The configuration.
    pub config: &'a BrokerConfig,
    /// Where the table of orders is kept.
    pub metadata: Arc<dyn MetadataStore>,
    /// This broker, as messages name it.
    pub store_host: SocketAddr,
    /// Where check points go.
    pub putter: Arc<MessagePutter>,
    /// How far groups are.
    pub offsets: Arc<ConsumerOffsetManager>,
    /// The queues.
    pub queues: Arc<dyn QueueOffsets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Pops that wait, and others that do.
    pub rooms: WaitingRooms,
}

/// The rooms in which pops and notifications wait; the arrival of a message is told to both.
#[derive(Clone, Debug)]
pub struct WaitingRooms {
    /// Pops.
    pub pops: Arc<PopWaitingRoom>,
    /// Notifications.
    pub notifications: Arc<PopWaitingRoom>,
}

impl WaitingRooms {
    /// Nobody waits.
    pub fn new(config: &BrokerConfig) -> Self {
        let limits = PollingLimits::from(config);
        Self {
            pops: Arc::new(PopWaitingRoom::new(limits, WakeOrder::FirstToExpire)),
            notifications: Arc::new(PopWaitingRoom::new(limits, WakeOrder::LastToExpire)),
        }
    }

    /// A message has arrived.
    pub fn arrived(&self, arrival: &Arrival<'_>) {
        self.pops.arrived(arrival);
        self.notifications.arrived(arrival);
    }

    /// Sends everybody away.
    pub fn close(&self) {
        self.pops.close();
        self.notifications.close();
    }
}

/// How new retry topics are named.
pub fn retry_version(config: &BrokerConfig) -> PopRetryVersion {
    if config.enable_retry_topic_v2 { PopRetryVersion::V2 } else { PopRetryVersion::V1 }
}

/// The kinds of retry topics that are looked at, the one in use first.
pub fn retry_versions(config: &BrokerConfig) -> &'static [PopRetryVersion] {
    match (config.enable_retry_topic_v2, config.retrieve_message_from_pop_retry_topic_v1) {
        (false, _) => &[PopRetryVersion::V1],
        (true, false) => &[PopRetryVersion::V2],
        (true, true) => &[PopRetryVersion::V2, PopRetryVersion::V1],
    }
}

impl PopTables {
    /// Reads the table of orders and makes the others.
    ///
    /// # Errors
    /// When the table was written before and cannot be read.
    pub fn load(sources: PopSources<'_>) -> Result<Self, MetadataError> {
        let PopSources { config, metadata, store_host, putter, offsets, queues, clock, rooms } = sources;
        let topic = names::revive_topic(&config.broker_cluster_name);
        let log =
            Arc::new(ReviveLog::new(topic, config.revive_queue_num, store_host, putter, Arc::clone(&clock)));
        let committed = Arc::clone(&offsets);
        let buffer = PopBufferMergeService::new(config, Arc::clone(&log), committed, Arc::clone(&clock));
        let buffer = Arc::new(buffer);
        let orders = Arc::new(ConsumerOrderInfoManager::load(metadata, Arc::clone(&clock))?);
        Ok(Self {
            broker_name: config.broker_name.clone(),
            locks: Arc::default(),
            offsets: PopOffsets {
                committed: offsets,
                queues,
                buffer: Arc::clone(&buffer),
                orders: Arc::clone(&orders),
                begins_at_first_in_memory: config.init_pop_offset_by_check_msg_in_mem,
            },
            buffer,
            orders,
            inflight: Arc::new(PopInflightMessageCounter::new(clock.now_millis())),
            log,
            pops: rooms.pops,
            notifications: rooms.notifications,
        })
    }

    /// Forgets queues that are gone.
    pub fn retain(&self, is_there: impl Fn(&PopQueue) -> bool) {
        self.buffer.retain(&is_there);
        self.orders.retain(&is_there);
        self.inflight.retain(&is_there);
    }

    /// There is something in a queue for a group: somebody who waits is told.
    pub fn notify(&self, queue: &PopQueue) {
        let anywhere = PopQueue { queue_id: waiting::ALL_QUEUES, ..queue.clone() };
        if !self.pops.wake(&anywhere) {
            self.pops.wake(queue);
        }
        if !self.notifications.wake(&anywhere) {
            self.notifications.wake(queue);
        }
    }

    /// Tells those who wait for queues that are no longer blocked by an order.
    pub fn notify_freed(&self) {
        for queue in self.orders.take_freed() {
            let next = self.offsets.peek(&queue);
            if self.offsets.rest(&queue, next) > 0 {
                self.notify(&queue);
            }
        }
    }
}
