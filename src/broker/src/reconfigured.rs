//! Those who keep copies of the configuration, and are told when it changes.

use std::sync::Arc;

use common::config::BrokerSettings;
use store::message_store::MessageStore;

use crate::{
    clients::{ConsumerIdsNotifier, ConsumerManager, ProducerManager},
    cold_reads::ColdReads,
    filters::ConsumerFilterManager,
    groups::SubscriptionGroupManager,
    offsets::{BroadcastOffsetManager, ConsumerOffsetManager},
    parts::Parts,
    put::MessagePutter,
    settings::store_options,
    timer::service::TimerMessageService,
    topics::TopicConfigManager,
};

/// They.
pub struct Reconfigured {
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) broadcast: Arc<BroadcastOffsetManager>,
    pub(crate) notifier: Arc<ConsumerIdsNotifier>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) cold_reads: Arc<ColdReads>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) store: Arc<MessageStore>,
}

impl Reconfigured {
    /// Those of a broker.
    pub fn of(parts: &Parts) -> Self {
        Self {
            topics: Arc::clone(&parts.topics),
            groups: Arc::clone(&parts.groups),
            offsets: Arc::clone(&parts.offsets),
            broadcast: Arc::clone(&parts.broadcast),
            notifier: Arc::clone(&parts.notifier),
            consumers: Arc::clone(&parts.consumers),
            producers: Arc::clone(&parts.producers),
            filters: Arc::clone(&parts.filters),
            cold_reads: Arc::clone(&parts.cold_reads),
            putter: Arc::clone(&parts.putter),
            timer: parts.timer.clone(),
            store: Arc::clone(&parts.store),
        }
    }

    /// Hands on what is in force now.
    pub fn tell(&self, settings: &BrokerSettings) {
        let broker = &settings.broker;
        self.topics.reconfigure(broker);
        self.groups.reconfigure(broker);
        self.offsets.reconfigure(broker);
        self.broadcast.reconfigure(broker);
        self.notifier.reconfigure(broker);
        self.consumers.reconfigure(broker);
        self.producers.reconfigure(broker);
        self.filters.reconfigure(broker);
        self.cold_reads.reconfigure(broker, &settings.store);
        self.putter.gate().reconfigure(&settings.store);
        if let Some(timer) = &self.timer {
            timer.reconfigure(&settings.store);
        }
        self.store.reconfigure(&store_options(settings));
    }
}
