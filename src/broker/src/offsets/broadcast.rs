//! How far the clients of broadcasting groups have come (`BroadcastOffsetManager`).
//!
//! A broadcasting client keeps its own offsets, but one that moves between a proxy and the broker loses
//! them: the broker remembers each client's here and gives them back. The smallest of a group is
//! committed as the offset of `group@broadcast`. Invariant: memory is bounded by [`GROUPS_MAX`],
//! [`CLIENTS_MAX`] and [`QUEUES_MAX`]; what does not fit is not remembered.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use common::config::BrokerConfig;
use runtime::{clock::Clock, shared_map::SharedMap};

use super::{ConsumerOffsetManager, QueueOffsets};

/// Pairs of topic and group that are remembered.
const GROUPS_MAX: usize = 100_000;
/// Clients of one pair that are remembered.
const CLIENTS_MAX: usize = 10_000;
/// Queues of one client that are remembered.
const QUEUES_MAX: usize = 65_536;
/// Who commits the offsets of broadcasting groups, in logs.
const COMMITTER: &str = "BroadcastOffset";

/// Which way a broadcasting client's pull came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastSource {
    /// From the client itself.
    Client,
    /// From a proxy on behalf of the client.
    Proxy,
}

/// The offsets of broadcasting clients.
pub struct BroadcastOffsetManager {
    groups: SharedMap<(String, String), HashMap<String, ClientOffsets>>,
    committed: Arc<ConsumerOffsetManager>,
    queues: Arc<dyn QueueOffsets>,
    expire_seconds: AtomicI64,
    expire_max_seconds: AtomicI64,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct ClientOffsets {
    last_update: Duration,
    source: BroadcastSource,
    queue_offsets: BTreeMap<i32, i64>,
}

impl BroadcastOffsetManager {
    /// Remembers nothing yet.
    pub fn new(
        broker: &BrokerConfig,
        committed: Arc<ConsumerOffsetManager>,
        queues: Arc<dyn QueueOffsets>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let manager = Self {
            groups: SharedMap::default(),
            committed,
            queues,
            expire_seconds: AtomicI64::new(0),
            expire_max_seconds: AtomicI64::new(0),
            clock,
        };
        manager.reconfigure(broker);
        manager
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.expire_seconds.store(broker.broadcast_offset_expire_second, Ordering::Relaxed);
        self.expire_max_seconds.store(broker.broadcast_offset_expire_max_second, Ordering::Relaxed);
    }

    /// Remembers from where a client has pulled; it never goes back.
    pub fn update(
        &self,
        topic: &str,
        group: &str,
        queue_id: i32,
        queue_offset: i64,
        client_id: &str,
        source: BroadcastSource,
    ) {
        let key = (topic.to_owned(), group.to_owned());
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            return;
        }
        let mut clients = self.groups.entry(key).or_default();
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(client_id) {
            return;
        }
        let now = self.clock.monotonic();
        let client = clients.entry(client_id.to_owned()).or_insert_with(|| ClientOffsets::new(source, now));
        client.last_update = now;
        client.source = source;
        if client.queue_offsets.len() < QUEUES_MAX || client.queue_offsets.contains_key(&queue_id) {
            let known = client.queue_offsets.entry(queue_id).or_insert(queue_offset);
            *known = (*known).max(queue_offset);
        }
    }

    /// Where a client should start instead of at `request_offset`; `None` when it is right itself.
    ///
    /// That is so when the client moved between a proxy and the broker, and when a proxy asks without an
    /// offset (`queryInitOffset`).
    pub fn query_init(
        &self,
        topic: &str,
        group: &str,
        queue_id: i32,
        client_id: &str,
        request_offset: i64,
        source: BroadcastSource,
    ) -> Option<i64> {
        let Some(mut clients) = self.groups.get_mut(&(topic.to_owned(), group.to_owned())) else {
            let asks = source == BroadcastSource::Proxy && request_offset < 0;
            return asks.then(|| self.start(None, topic, group, queue_id));
        };
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(client_id) {
            return None;
        }
        let now = self.clock.monotonic();
        let client = clients.entry(client_id.to_owned()).or_insert_with(|| ClientOffsets::new(source, now));
        let asks = client.source == BroadcastSource::Proxy && request_offset < 0;
        let moved = client.source != source;
        let known = client.queue_offsets.get(&queue_id).copied();
        drop(clients);
        (asks || moved).then(|| self.start(known, topic, group, queue_id))
    }

    fn start(&self, known: Option<i64>, topic: &str, group: &str, queue_id: i32) -> i64 {
        known
            .filter(|queue_offset| *queue_offset >= 0)
            .or_else(|| self.committed.query(&committing_group(group), topic, queue_id))
            .unwrap_or_else(|| {
                if self.queues.is_in_memory(topic, queue_id, 0) {
                    0
                } else {
                    self.queues.max_queue_offset(topic, queue_id)
                }
            })
    }

    /// Forgets clients that are gone, and commits the smallest offsets of each group.
    ///
    /// To be called every five seconds. `is_online` tells whether a client of a group is connected.
    pub fn scan(&self, is_online: &dyn Fn(&str, &str) -> bool) {
        let limit = |seconds: &AtomicI64| {
            Duration::from_secs(u64::try_from(seconds.load(Ordering::Relaxed)).unwrap_or(0))
        };
        let (expire, expire_max) = (limit(&self.expire_seconds), limit(&self.expire_max_seconds));
        let now = self.clock.monotonic();
        let mut smallest = Vec::new();
        self.groups.retain(|(topic, group), clients| {
            let mut queues: BTreeMap<i32, i64> = BTreeMap::new();
            clients.retain(|client_id, client| {
                let age = now.saturating_sub(client.last_update);
                let online = is_online(group, client_id);
                if online || age < expire {
                    for (queue_id, queue_offset) in &client.queue_offsets {
                        let entry = queues.entry(*queue_id).or_insert(*queue_offset);
                        *entry = (*entry).min(*queue_offset);
                    }
                }
                age < if online { expire_max } else { expire }
            });
            smallest.push((topic.clone(), committing_group(group), queues));
            !clients.is_empty()
        });
        for (topic, group, queues) in smallest {
            for (queue_id, queue_offset) in queues {
                if self.committed.query(&group, &topic, queue_id) == Some(queue_offset) {
                    continue;
                }
                let committed = self.committed.commit(&COMMITTER, &group, &topic, queue_id, queue_offset);
                if let Err(error) = committed {
                    tracing::warn!(topic, group, queue_id, %error, "broadcast offset not committed");
                }
            }
        }
    }
}

impl std::fmt::Debug for BroadcastOffsetManager {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BroadcastOffsetManager")
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

impl ClientOffsets {
    fn new(source: BroadcastSource, now: Duration) -> Self {
        Self { last_update: now, source, queue_offsets: BTreeMap::new() }
    }
}

/// The group whose offsets are those of a broadcasting group's clients.
fn committing_group(group: &str) -> String {
    format!("{group}@broadcast")
}

#[cfg(test)]
#[path = "broadcast_tests.rs"]
mod tests;
