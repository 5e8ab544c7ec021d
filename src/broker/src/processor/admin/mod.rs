//! What operators and their tools ask (`AdminBrokerProcessor`), a processor for each subject.
//!
//! Invariant: what RocketMQ writes to a file before it answers is written before it is answered here,
//! and a topic is announced before its creation is.

pub mod auth;
pub mod broker;
pub mod broker_consume_stats;
pub mod clients;
pub mod cold_data;
pub mod config;
pub mod consume_queue;
pub mod groups;
pub mod offsets;
pub mod pop;
mod queues;
pub mod relay;
pub mod replication;
pub mod reset;
mod runtime_info;
pub mod static_topics;
pub mod tidying;
pub mod time_span;
pub mod timer;
pub mod topic_deletion;
pub mod topic_queries;
pub mod topics;

use std::sync::Arc;

use remoting::reply::Refusal;
use serde::de::DeserializeOwned;

pub use runtime_info::AdminLanes;

use self::{
    auth::AuthAdmin,
    broker::BrokerAdmin,
    broker_consume_stats::{BrokerConsumeStats, ConsumeTables},
    clients::ClientAdmin,
    cold_data::ColdDataAdmin,
    config::ConfigAdmin,
    consume_queue::ConsumeQueueAdmin,
    groups::GroupAdmin,
    offsets::OffsetAdmin,
    pop::PopAdmin,
    relay::ClientRelay,
    replication::ReplicationAdmin,
    reset::OffsetReset,
    static_topics::StaticTopicAdmin,
    tidying::Tidying,
    time_span::ConsumeTimeSpan,
    timer::TimerAdmin,
    topic_deletion::TopicDeletion,
    topic_queries::TopicQueries,
    topics::TopicAdmin,
};
use crate::{parts::Parts, reconfigured::Reconfigured, topics::TopicAnnouncer};

/// The processors of this module.
pub struct AdminProcessors {
    pub(crate) topics: Arc<TopicAdmin>,
    pub(crate) static_topics: Arc<StaticTopicAdmin>,
    pub(crate) topic_deletion: Arc<TopicDeletion>,
    pub(crate) topic_queries: Arc<TopicQueries>,
    pub(crate) groups: Arc<GroupAdmin>,
    pub(crate) offsets: Arc<OffsetAdmin>,
    pub(crate) time_span: Arc<ConsumeTimeSpan>,
    pub(crate) reset: Arc<OffsetReset>,
    pub(crate) clients: Arc<ClientAdmin>,
    pub(crate) relay: Arc<ClientRelay>,
    pub(crate) pop: Arc<PopAdmin>,
    pub(crate) cold_data: Arc<ColdDataAdmin>,
    pub(crate) config: Arc<ConfigAdmin>,
    pub(crate) broker: Arc<BrokerAdmin>,
    pub(crate) timer: Arc<TimerAdmin>,
    pub(crate) tidying: Arc<Tidying>,
    pub(crate) consume_queue: Arc<ConsumeQueueAdmin>,
    pub(crate) consume_stats: Arc<BrokerConsumeStats>,
    pub(crate) replication: Arc<ReplicationAdmin>,
    pub(crate) auth: Arc<AuthAdmin>,
}

impl AdminProcessors {
    /// Makes them.
    pub fn new(parts: &Parts, announcer: Arc<dyn TopicAnnouncer>, lanes: AdminLanes) -> Self {
        Self {
            topics: Arc::new(TopicAdmin {
                config: parts.config.clone(),
                topics: Arc::clone(&parts.topics),
                writer: Arc::clone(&parts.writer),
                announcer: Arc::clone(&announcer),
                stats: Arc::clone(&parts.stats),
            }),
            static_topics: Arc::new(StaticTopicAdmin {
                config: parts.config.clone(),
                topics: Arc::clone(&parts.topics),
                mappings: Arc::clone(&parts.mappings),
                writer: Arc::clone(&parts.writer),
                announcer: Arc::clone(&announcer),
            }),
            topic_deletion: Arc::new(topic_deletion(parts)),
            topic_queries: Arc::new(topic_queries(parts)),
            groups: Arc::new(group_admin(parts)),
            offsets: Arc::new(offset_admin(parts)),
            time_span: Arc::new(ConsumeTimeSpan {
                config: parts.config.clone(),
                topics: Arc::clone(&parts.topics),
                offsets: Arc::clone(&parts.offsets),
                store: Arc::clone(&parts.store),
                clock: Arc::clone(&parts.clock),
            }),
            reset: Arc::new(offset_reset(parts)),
            clients: Arc::new(ClientAdmin {
                consumers: Arc::clone(&parts.consumers),
                producers: Arc::clone(&parts.producers),
            }),
            relay: Arc::new(ClientRelay {
                config: parts.config.clone(),
                topics: Arc::clone(&parts.topics),
                writer: Arc::clone(&parts.writer),
                consumers: Arc::clone(&parts.consumers),
                store: Arc::clone(&parts.store),
            }),
            pop: Arc::new(PopAdmin { modes: Arc::clone(&parts.modes) }),
            cold_data: Arc::new(ColdDataAdmin {
                cold_reads: Arc::clone(&parts.cold_reads),
                store: Arc::clone(&parts.store),
            }),
            config: Arc::new(ConfigAdmin {
                cell: Arc::clone(&parts.cell),
                readers: Reconfigured::of(parts),
                topics: Arc::clone(&parts.topics),
                announcer,
            }),
            broker: Arc::new(broker_admin(parts, lanes)),
            timer: Arc::new(TimerAdmin { timer: parts.timer.clone() }),
            tidying: Arc::new(Tidying { topics: Arc::clone(&parts.topics), store: Arc::clone(&parts.store) }),
            consume_queue: Arc::new(ConsumeQueueAdmin {
                consumers: Arc::clone(&parts.consumers),
                filters: Arc::clone(&parts.filters),
                store: Arc::clone(&parts.store),
            }),
            consume_stats: Arc::new(broker_consume_stats(parts)),
            replication: Arc::new(ReplicationAdmin { store: Arc::clone(&parts.store) }),
            auth: Arc::new(AuthAdmin { auth: Arc::clone(&parts.auth) }),
        }
    }
}

fn topic_deletion(parts: &Parts) -> TopicDeletion {
    TopicDeletion {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        mappings: Arc::clone(&parts.mappings),
        offsets: Arc::clone(&parts.offsets),
        store: Arc::clone(&parts.store),
        stats: Arc::clone(&parts.stats),
        timer: parts.timer.clone(),
        writer: Arc::clone(&parts.writer),
    }
}

fn topic_queries(parts: &Parts) -> TopicQueries {
    TopicQueries {
        config: parts.config.clone(),
        broker_addr: parts.cell.in_force().broker_addr(),
        topics: Arc::clone(&parts.topics),
        mappings: Arc::clone(&parts.mappings),
        offsets: Arc::clone(&parts.offsets),
        consumers: Arc::clone(&parts.consumers),
        store: Arc::clone(&parts.store),
        stats: Arc::clone(&parts.stats),
    }
}

fn group_admin(parts: &Parts) -> GroupAdmin {
    GroupAdmin {
        config: parts.config.clone(),
        groups: Arc::clone(&parts.groups),
        offsets: Arc::clone(&parts.offsets),
        consumers: Arc::clone(&parts.consumers),
        stats: Arc::clone(&parts.stats),
        writer: Arc::clone(&parts.writer),
    }
}

fn offset_admin(parts: &Parts) -> OffsetAdmin {
    OffsetAdmin {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        mappings: Arc::clone(&parts.mappings),
        offsets: Arc::clone(&parts.offsets),
        consumers: Arc::clone(&parts.consumers),
        queues: Arc::clone(&parts.queues),
        store: Arc::clone(&parts.store),
        schedule: Arc::clone(&parts.schedule),
        stats: Arc::clone(&parts.stats),
    }
}

fn offset_reset(parts: &Parts) -> OffsetReset {
    OffsetReset {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        groups: Arc::clone(&parts.groups),
        offsets: Arc::clone(&parts.offsets),
        consumers: Arc::clone(&parts.consumers),
        inflight: Arc::clone(&parts.pop.inflight),
        store: Arc::clone(&parts.store),
    }
}

fn broker_consume_stats(parts: &Parts) -> BrokerConsumeStats {
    BrokerConsumeStats {
        config: parts.config.clone(),
        broker_addr: parts.cell.in_force().broker_addr(),
        tables: Arc::new(ConsumeTables {
            topics: Arc::clone(&parts.topics),
            groups: Arc::clone(&parts.groups),
            offsets: Arc::clone(&parts.offsets),
            consumers: Arc::clone(&parts.consumers),
            store: Arc::clone(&parts.store),
            stats: Arc::clone(&parts.stats),
        }),
    }
}

fn broker_admin(parts: &Parts, lanes: AdminLanes) -> BrokerAdmin {
    BrokerAdmin {
        cell: Arc::clone(&parts.cell),
        store: Arc::clone(&parts.store),
        schedule: Arc::clone(&parts.schedule),
        timer: parts.timer.clone(),
        stats: Arc::clone(&parts.stats),
        lanes,
    }
}

/// Reads a request's body; `what` names it in the refusal.
fn read_body<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Refusal> {
    common::fastjson::from_slice(body)
        .map_err(|error| Refusal::system_error(format!("the {what} cannot be read: {error}")))
}

#[cfg(test)]
pub(crate) mod testing;
