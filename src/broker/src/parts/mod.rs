//! The tables and services of a broker, loaded and ready to be handed to processors.

mod loading;

use std::{net::SocketAddr, sync::Arc};

use common::config::BrokerConfig;
use runtime::{clock::Clock, live::Live};
use store::{
    message_store::MessageStore,
    timer::{Recovered, TimerStore},
};

use crate::{
    assignment::request_mode::MessageRequestModeManager,
    auth::AuthMetadataManager,
    clients::{ConsumerIdsNotifier, ConsumerManager, ProducerManager, RebalanceLockManager},
    cold_reads::ColdReads,
    config_cell::ConfigCell,
    filters::ConsumerFilterManager,
    groups::SubscriptionGroupManager,
    metadata::MetadataError,
    metadata_writer::MetadataWriter,
    offsets::{BroadcastOffsetManager, ConsumerOffsetManager, QueueOffsets},
    pop::{PopTables, WaitingRooms, queue::PopQueue},
    pull::arrival_board::ArrivalBoard,
    put::MessagePutter,
    schedule::service::ScheduleMessageService,
    static_topics::TopicQueueMappingManager,
    stats::BrokerStats,
    timer::service::{TimerMessageService, TimerWaker},
    topics::TopicConfigManager,
    transaction::TransactionalMessageService,
    uniq_id::UniqIds,
};

pub use loading::Sources;

/// What a broker is made of. Only its composition sees all of it: a processor gets what it needs.
pub struct Parts {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) cell: Arc<ConfigCell>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) store_host: SocketAddr,
    pub(crate) query_max_count: usize,
    pub(crate) query_batch_max_count: usize,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) broadcast: Arc<BroadcastOffsetManager>,
    pub(crate) queues: Arc<dyn QueueOffsets>,
    pub(crate) notifier: Arc<ConsumerIdsNotifier>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) locks: Arc<RebalanceLockManager>,
    pub(crate) cold_reads: Arc<ColdReads>,
    pub(crate) schedule: Arc<ScheduleMessageService>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) transactions: Arc<TransactionalMessageService>,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) modes: Arc<MessageRequestModeManager>,
    pub(crate) uniq_ids: Arc<UniqIds>,
    pub(crate) auth: Arc<AuthMetadataManager>,
}

/// The timer's files, opened, and who tells the timer of new messages.
pub struct OpenTimer {
    /// Where timed messages wait.
    pub timers: Arc<TimerStore>,
    /// How far they had got.
    pub recovered: Recovered,
    /// Told of new ones.
    pub waker: Arc<TimerWaker>,
}

/// What is there before the store is opened, as the arrival of messages is told to it.
#[derive(Clone)]
pub struct EarlyParts {
    /// Delayed messages.
    pub schedule: Arc<ScheduleMessageService>,
    /// What groups subscribe to.
    pub filters: Arc<ConsumerFilterManager>,
    /// Pulls that wait.
    pub board: Arc<ArrivalBoard>,
    /// Pops that wait.
    pub rooms: WaitingRooms,
    /// The timer, which is told of new timed messages.
    pub waker: Arc<TimerWaker>,
}

impl Parts {
    /// Writes all tables that have changed.
    pub fn persist(&self) {
        self.persist_offsets();
        self.persist_delay_offsets();
        self.persist_transactions();
        self.persist_configuration();
    }

    /// Writes how far consumers are, if that has changed.
    pub fn persist_offsets(&self) {
        report(self.pop.orders.persist());
        report(self.offsets.persist());
    }

    /// Writes how far delayed messages have been delivered, if that has changed.
    pub fn persist_delay_offsets(&self) {
        report(self.schedule.persist());
    }

    /// Writes what is to be known of transactions, if that has changed.
    pub fn persist_transactions(&self) {
        report(self.transactions.persist());
    }

    /// Writes topics, their mappings, groups and filters, if they have changed since they were written with the change
    /// itself.
    pub fn persist_configuration(&self) {
        report(self.topics.persist());
        report(self.mappings.persist());
        report(self.groups.persist());
        report(self.filters.persist());
        report(self.modes.persist());
        report(self.auth.persist());
    }

    /// Forgets how many timed messages topics had that are no more.
    pub fn clean_timer_metrics(&self) {
        if let Some(timer) = &self.timer {
            timer.metrics().retain(|topic| self.topics.find(topic).is_some());
        }
    }

    /// Forgets clients that have not been heard of for too long.
    pub fn drop_silent_clients(&self) {
        for client in self.consumers.expire().into_iter().chain(self.producers.expire()) {
            client.handle.close();
        }
        self.locks.expire();
    }

    /// Forgets what was popped of topics and by groups that are gone.
    pub fn clean_pops(&self) {
        let is_there = |queue: &PopQueue| {
            let topic = self.topics.find(&queue.topic);
            topic.is_some_and(|topic| queue.queue_id < topic.read_queue_nums)
                && self.groups.contains(&queue.group)
        };
        self.pop.retain(is_there);
    }

    /// Commits where broadcasting groups are.
    pub fn gather_broadcast_offsets(&self) {
        self.broadcast.scan(&|group, client_id| self.consumers.find_client(group, client_id).is_some());
    }
}

fn report(written: Result<(), MetadataError>) {
    if let Err(error) = written {
        tracing::error!(%error, "cannot write a table, check the disk of the store");
    }
}
