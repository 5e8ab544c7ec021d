//! Which topics are compacted.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::RwLock;

/// The topics whose `cleanup.policy` is `COMPACTION`.
///
/// Whoever makes a topic says so here before anybody can send to it.
#[derive(Debug, Default)]
pub struct CompactedTopics {
    topics: RwLock<HashSet<Arc<str>>>,
    /// Whether there are any: most stores have none, and every message asks.
    has_some: AtomicBool,
}

impl CompactedTopics {
    /// Whether a topic is compacted.
    pub fn contains(&self, topic: &str) -> bool {
        self.has_some.load(Ordering::Acquire) && self.topics.read().contains(topic)
    }

    /// Says whether a topic is compacted.
    pub fn set(&self, topic: &str, is_compacted: bool) {
        let mut topics = self.topics.write();
        if is_compacted {
            topics.insert(topic.into());
        } else {
            topics.remove(topic);
        }
        self.has_some.store(!topics.is_empty(), Ordering::Release);
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<str>> {
        self.topics.read().iter().cloned().collect()
    }
}
