//! The clients of this broker: who consumes and who produces, and which queues orderly consumers own.
//!
//! Invariant: a client is known by its connection. When that ends or falls silent, every table forgets
//! it. All tables are bounded: they are filled by whoever can connect.

mod consumers;
mod group;
mod locks;
mod notifier;
mod producers;
mod subscription;

use std::{sync::Arc, time::Duration};

use remoting::{
    command::Language,
    connection::{ConnectionHandle, ConnectionId},
};
use runtime::clock::Clock;
use thiserror::Error;

pub use consumers::{ConsumerManager, Consumption, Registration, Subscriptions};
pub use group::ConsumerGroup;
pub use locks::RebalanceLockManager;
pub use notifier::ConsumerIdsNotifier;
pub use producers::{ProducerManager, ProducerPolicy};
pub use subscription::{Subscription, SubscriptionError};

/// Consumer groups that are known, and as many producer groups.
pub const GROUPS_MAX: usize = 100_000;
/// Connections of one group.
pub const MEMBERS_MAX: usize = 100_000;
/// Topics one consumer group subscribes to.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;
/// Groups of one connection, consumer and producer groups each.
pub const GROUPS_PER_CONNECTION_MAX: usize = 10_000;

/// A client of a group (`ClientChannelInfo`).
#[derive(Clone, Debug)]
pub struct ClientChannel {
    /// Its connection.
    pub handle: ConnectionHandle,
    /// What it calls itself.
    pub client_id: Arc<str>,
    /// What it is written in.
    pub language: Language,
    /// Its `MQVersion` ordinal.
    pub version: i32,
    /// Wall-clock milliseconds of its last heartbeat.
    pub last_update_millis: i64,
    /// Monotonic time of its last heartbeat: what expiry goes by.
    pub last_seen: Duration,
}

impl ClientChannel {
    /// A client heard of now.
    pub fn new(
        handle: ConnectionHandle,
        client_id: &str,
        language: Language,
        version: i32,
        clock: &dyn Clock,
    ) -> Self {
        Self {
            handle,
            client_id: client_id.into(),
            language,
            version,
            last_update_millis: clock.now_millis(),
            last_seen: clock.monotonic(),
        }
    }

    /// Identity of its connection.
    pub fn id(&self) -> ConnectionId {
        self.handle.id()
    }

    fn refresh(&mut self, now: &Self) {
        self.last_update_millis = now.last_update_millis;
        self.last_seen = now.last_seen;
    }
}

/// Why a client is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegisterError {
    /// The table has [`GROUPS_MAX`] groups.
    #[error("the broker serves {GROUPS_MAX} groups already")]
    TooManyGroups,
    /// The group has [`MEMBERS_MAX`] members.
    #[error("the group has {MEMBERS_MAX} members already")]
    TooManyMembers,
    /// The group subscribes to more than [`SUBSCRIPTIONS_MAX`] topics.
    #[error("a group subscribes to at most {SUBSCRIPTIONS_MAX} topics")]
    TooManySubscriptions,
    /// The connection is of [`GROUPS_PER_CONNECTION_MAX`] groups.
    #[error("a connection serves at most {GROUPS_PER_CONNECTION_MAX} groups")]
    TooManyGroupsOfConnection,
}

/// Whether the members of a group hear of a change among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// They do.
    Members,
    /// They do not.
    Nobody,
}

impl Notify {
    /// As the group's configuration has it.
    pub fn from_group(notify_consumer_ids_changed_enable: bool) -> Self {
        if notify_consumer_ids_changed_enable { Self::Members } else { Self::Nobody }
    }
}
