//! Light queues (LMQ): topics and groups nobody has to make.

use std::sync::Arc;

use common::{config::MessageStoreConfig, group::SubscriptionGroupConfig, names, topic::TopicConfig};

/// Whether names that begin with `%LMQ%` are light queues and their groups, RocketMQ's `enableLmq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LightQueues {
    /// They are names like any other.
    #[default]
    Off,
    /// They exist without being made, and are in no table.
    On,
}

impl LightQueues {
    /// As configured.
    pub fn of(store: &MessageStoreConfig) -> Self {
        if store.enable_lmq { Self::On } else { Self::Off }
    }

    /// Whether this is the name of a light queue or of a group of one.
    pub fn includes(self, name: &str) -> bool {
        self == Self::On && names::is_lmq(name)
    }

    /// The topic of a light queue (`simpleLmqTopicConfig`).
    pub(crate) fn topic(self, name: &str) -> Option<Arc<TopicConfig>> {
        self.includes(name).then(|| Arc::new(TopicConfig::new(name, 1)))
    }

    /// The group of a light queue.
    pub(crate) fn group(self, name: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        self.includes(name).then(|| Arc::new(SubscriptionGroupConfig::new(name)))
    }
}
