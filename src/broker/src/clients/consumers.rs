//! The consumer groups with members, and what they subscribe to (`ConsumerManager`).
//!
//! Groups that never send heartbeats for a topic they pull (proxies, pull consumers with a subscription
//! in the request) are kept in a second, compensating table. Invariants: a group stands in the table
//! exactly while it has members; `index` names, for each connection, the groups it is a member of, and
//! for each topic the groups that subscribe to it; both change under the index's lock.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use common::config::BrokerConfig;
use parking_lot::Mutex;
use remoting::{
    body::heartbeat::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData},
    connection::{ConnectionHandle, ConnectionId},
};
use runtime::{clock::Clock, shared_map::SharedMap};

use super::{
    ClientChannel, ConsumerGroup, ConsumerIdsNotifier, GROUPS_MAX, GROUPS_PER_CONNECTION_MAX, MEMBERS_MAX,
    Notify, RegisterError, SUBSCRIPTIONS_MAX, Subscription, group::TopicChanges,
};
use crate::filters::ConsumerFilterManager;

/// A member's heartbeat for one group.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The group.
    pub group: &'a str,
    /// The member.
    pub channel: ClientChannel,
    /// How messages reach it.
    pub consume_type: Option<ConsumeType>,
    /// How the group shares its queues.
    pub message_model: Option<MessageModel>,
    /// Where the group begins without an offset.
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// What the group subscribes to.
    pub subscriptions: Subscriptions,
    /// Whether the members hear of a change.
    pub notify: Notify,
}

/// What a heartbeat says of subscriptions.
#[derive(Debug)]
pub enum Subscriptions {
    /// These and no others.
    Replace(Vec<SubscriptionData>),
    /// Those the broker knows (`registerConsumerWithoutSub`).
    Keep,
}

/// What a pull needs to know of its group.
#[derive(Clone, Debug)]
pub struct Consumption {
    /// How messages reach the members.
    pub consume_type: Option<ConsumeType>,
    /// How the members share the queues.
    pub message_model: Option<MessageModel>,
    /// What the group subscribes to in the topic.
    pub subscription: Option<Arc<Subscription>>,
}

/// The consumer groups with members.
#[derive(Debug)]
pub struct ConsumerManager {
    groups: SharedMap<String, ConsumerGroup>,
    compensation: SharedMap<String, Compensation>,
    index: Mutex<Index>,
    notifier: Arc<ConsumerIdsNotifier>,
    filters: Option<Arc<ConsumerFilterManager>>,
    channel_expired_millis: AtomicI64,
    subscription_expired_millis: AtomicI64,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Index {
    by_connection: HashMap<ConnectionId, HashSet<String>>,
    by_topic: HashMap<String, BTreeSet<String>>,
}

/// What is known of a group from its pulls.
#[derive(Debug, Default)]
struct Compensation {
    consume_type: Option<ConsumeType>,
    message_model: Option<MessageModel>,
    /// With the monotonic time of the last pull.
    subscriptions: HashMap<String, (Arc<Subscription>, Duration)>,
    last_seen: Duration,
}

/// Members to be told of a change, once no lock is held.
type Change = (String, Vec<ConnectionHandle>);

impl ConsumerManager {
    /// No groups.
    pub fn new(broker: &BrokerConfig, notifier: Arc<ConsumerIdsNotifier>, clock: Arc<dyn Clock>) -> Self {
        let manager = Self {
            groups: SharedMap::default(),
            compensation: SharedMap::default(),
            index: Mutex::default(),
            notifier,
            filters: None,
            channel_expired_millis: AtomicI64::new(0),
            subscription_expired_millis: AtomicI64::new(0),
            clock,
        };
        manager.reconfigure(broker);
        manager
    }

    /// Tells these what groups subscribe to, before pulls can see it.
    #[must_use]
    pub fn with_filters(mut self, filters: Arc<ConsumerFilterManager>) -> Self {
        self.filters = Some(filters);
        self
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.channel_expired_millis.store(broker.channel_expired_timeout, Ordering::Relaxed);
        self.subscription_expired_millis.store(broker.subscription_expired_timeout, Ordering::Relaxed);
    }

    /// The group as it is; a copy.
    pub fn group(&self, group: &str) -> Option<ConsumerGroup> {
        self.groups.get(group).map(|entry| entry.value().clone())
    }

    /// The names of all groups with members.
    pub fn groups(&self) -> Vec<String> {
        self.groups.iter().map(|entry| entry.key().clone()).collect()
    }

    /// The client ids of a group's members; `None` when it has none.
    pub fn client_ids(&self, group: &str) -> Option<Vec<String>> {
        self.groups.get(group).map(|entry| entry.client_ids())
    }

    /// The member of that client id.
    pub fn find_client(&self, group: &str, client_id: &str) -> Option<ClientChannel> {
        self.groups.get(group)?.find_client(client_id).cloned()
    }

    /// The member of that connection.
    pub fn find_member(&self, group: &str, connection: ConnectionId) -> Option<ClientChannel> {
        self.groups.get(group)?.members.get(&connection).cloned()
    }

    /// What a pull from a topic needs to know of its group; `None` when the group has no members.
    pub fn consumption(&self, group: &str, topic: &str) -> Option<Consumption> {
        let entry = self.groups.get(group)?;
        Some(Consumption {
            consume_type: entry.consume_type,
            message_model: entry.message_model,
            subscription: entry.subscriptions.get(topic).cloned(),
        })
    }

    /// What a group subscribes to in a topic, known from heartbeats or else from pulls.
    pub fn find_subscription(&self, group: &str, topic: &str) -> Option<Arc<Subscription>> {
        let known = self.groups.get(group).and_then(|entry| entry.subscriptions.get(topic).cloned());
        known.or_else(|| {
            let compensation = self.compensation.get(group)?;
            compensation.subscriptions.get(topic).map(|(subscription, _)| Arc::clone(subscription))
        })
    }

    /// How messages reach a group and which topics it subscribes to, known from heartbeats or else from pulls.
    pub fn subscribed_topics(&self, group: &str) -> Option<(Option<ConsumeType>, Vec<String>)> {
        if let Some(entry) = self.groups.get(group) {
            return Some((entry.consume_type, entry.subscriptions.keys().cloned().collect()));
        }
        let entry = self.compensation.get(group)?;
        Some((entry.consume_type, entry.subscriptions.keys().cloned().collect()))
    }

    /// Records that a member has pulled with a subscription the broker does not know.
    pub fn note_unknown_subscription(&self, group: &str) {
        if let Some(mut entry) = self.groups.get_mut(group) {
            entry.subscriptions_outdated = true;
        }
    }

    /// Whether a group's heartbeats may leave subscriptions out.
    pub fn knows_subscriptions(&self, group: &str) -> bool {
        self.groups.get(group).is_some_and(|entry| entry.knows_subscriptions())
    }

    /// Number of topics a group subscribes to.
    pub fn subscription_count(&self, group: &str) -> usize {
        self.groups.get(group).map_or(0, |entry| entry.subscriptions.len())
    }

    /// The groups that subscribe to a topic (`queryTopicConsumeByWho`).
    pub fn groups_of_topic(&self, topic: &str) -> BTreeSet<String> {
        self.index.lock().by_topic.get(topic).cloned().unwrap_or_default()
    }

    /// How messages reach a group's members and how they share queues, known from heartbeats or else
    /// from pulls.
    pub fn modes(&self, group: &str) -> Option<(Option<ConsumeType>, Option<MessageModel>)> {
        if let Some(entry) = self.groups.get(group) {
            return Some((entry.consume_type, entry.message_model));
        }
        self.compensation.get(group).map(|entry| (entry.consume_type, entry.message_model))
    }

    /// Takes a heartbeat's word; whether member or subscribed topics are new or gone.
    ///
    /// # Errors
    /// When a table is full; nothing has changed then.
    pub fn register(&self, registration: Registration<'_>) -> Result<bool, RegisterError> {
        let Registration { group, channel, consume_type, message_model, consume_from_where, .. } =
            registration;
        let (changed, change) = {
            let mut index = self.index.lock();
            self.check_room(group, &channel, &registration.subscriptions, &index)?;
            if let (Some(filters), Subscriptions::Replace(data)) =
                (&self.filters, &registration.subscriptions)
            {
                filters.register(group, data);
            }
            index.by_connection.entry(channel.id()).or_default().insert(group.to_owned());
            let mut entry = self.groups.entry(group.to_owned()).or_default();
            entry.consume_type = consume_type;
            entry.message_model = message_model;
            entry.consume_from_where = consume_from_where;
            let is_new = entry.update_member(group, &channel);
            let topics = match registration.subscriptions {
                Subscriptions::Replace(data) => entry.update_subscriptions(group, data),
                Subscriptions::Keep => TopicChanges::default(),
            };
            let changed = is_new || topics.any();
            let tells = changed && registration.notify == Notify::Members && !entry.is_broadcasting();
            let members = if tells { entry.handles() } else { Vec::new() };
            drop(entry);
            index.apply(group, &topics);
            (changed, (group.to_owned(), members))
        };
        self.tell([change]);
        Ok(changed)
    }

    fn check_room(
        &self,
        group: &str,
        channel: &ClientChannel,
        subscriptions: &Subscriptions,
        index: &Index,
    ) -> Result<(), RegisterError> {
        if let Subscriptions::Replace(data) = subscriptions
            && data.len() > SUBSCRIPTIONS_MAX
        {
            return Err(RegisterError::TooManySubscriptions);
        }
        if let Some(groups) = index.by_connection.get(&channel.id()) {
            if groups.contains(group) {
                return Ok(());
            }
            if groups.len() >= GROUPS_PER_CONNECTION_MAX {
                return Err(RegisterError::TooManyGroupsOfConnection);
            }
        }
        match self.groups.get(group) {
            Some(entry) if entry.members.len() >= MEMBERS_MAX => Err(RegisterError::TooManyMembers),
            None if self.groups.len() >= GROUPS_MAX => Err(RegisterError::TooManyGroups),
            _ => Ok(()),
        }
    }

    /// A member leaves its group.
    pub fn unregister(&self, group: &str, connection: ConnectionId, notify: Notify) {
        let change = {
            let mut index = self.index.lock();
            index.forget_membership(connection, group);
            self.remove_member(group, connection, &mut index).1
        };
        if notify == Notify::Members {
            self.tell(change);
        }
    }

    /// A connection has ended; whether it was a member of any group.
    pub fn connection_closed(&self, connection: ConnectionId) -> bool {
        let (removed, changes) = {
            let mut index = self.index.lock();
            let groups = index.by_connection.remove(&connection).unwrap_or_default();
            let mut changes = Vec::new();
            let mut removed = false;
            for group in groups {
                let (was_member, change) = self.remove_member(&group, connection, &mut index);
                removed |= was_member;
                changes.extend(change);
            }
            (removed, changes)
        };
        self.tell(changes);
        removed
    }

    /// Removes the members that have been silent too long and returns them, so that their connections
    /// can be closed; forgets subscriptions of pulls that have ended (`scanNotActiveChannel`).
    ///
    /// To be called every ten seconds.
    pub fn expire(&self) -> Vec<ClientChannel> {
        let now = self.clock.monotonic();
        let limit = millis(&self.channel_expired_millis);
        let silent: Vec<(String, ClientChannel)> = self
            .groups
            .iter()
            .flat_map(|entry| {
                let of_group = |member: &ClientChannel| (entry.key().clone(), member.clone());
                let silent = |member: &&ClientChannel| now.saturating_sub(member.last_seen) > limit;
                entry.members.values().filter(silent).map(of_group).collect::<Vec<_>>()
            })
            .collect();
        let mut changes = Vec::new();
        for (group, member) in &silent {
            let mut index = self.index.lock();
            // A heartbeat may have come since.
            let last_seen = self.find_member(group, member.id()).map(|member| member.last_seen);
            if last_seen == Some(member.last_seen) {
                tracing::warn!(group, client_id = %member.client_id, "silent consumer removed");
                index.forget_membership(member.id(), group);
                changes.extend(self.remove_member(group, member.id(), &mut index).1);
            }
        }
        self.tell(changes);
        self.expire_compensation(now);
        silent.into_iter().map(|(_, member)| member).collect()
    }

    fn expire_compensation(&self, now: Duration) {
        let limit = millis(&self.subscription_expired_millis);
        self.compensation.retain(|_, compensation| {
            compensation.subscriptions.retain(|_, (_, last_seen)| now.saturating_sub(*last_seen) <= limit);
            !compensation.subscriptions.is_empty() || now.saturating_sub(compensation.last_seen) <= limit
        });
    }

    /// Records how a group that pulls consumes (`compensateBasicConsumerInfo`).
    pub fn compensate_modes(&self, group: &str, consume_type: ConsumeType, message_model: MessageModel) {
        let now = self.clock.monotonic();
        self.compensate(group, |entry| {
            entry.consume_type = Some(consume_type);
            entry.message_model = Some(message_model);
            entry.last_seen = now;
        });
    }

    /// Records what a group that pulls subscribes to (`compensateSubscribeData`).
    pub fn compensate_subscription(&self, group: &str, topic: &str, subscription: &Arc<Subscription>) {
        let now = self.clock.monotonic();
        self.compensate(group, |entry| {
            if let Some(known) = entry.subscriptions.get_mut(topic) {
                *known = (Arc::clone(subscription), now);
            } else if entry.subscriptions.len() < SUBSCRIPTIONS_MAX {
                entry.subscriptions.insert(topic.to_owned(), (Arc::clone(subscription), now));
            }
        });
    }

    fn compensate(&self, group: &str, record: impl FnOnce(&mut Compensation)) {
        if let Some(mut entry) = self.compensation.get_mut(group) {
            record(&mut entry);
            return;
        }
        if self.compensation.len() < GROUPS_MAX {
            record(&mut self.compensation.entry(group.to_owned()).or_default());
        }
    }

    /// Removes a member, and its group with the last one; whether it was a member, and whom to tell.
    fn remove_member(
        &self,
        group: &str,
        connection: ConnectionId,
        index: &mut Index,
    ) -> (bool, Option<Change>) {
        let Some(mut entry) = self.groups.get_mut(group) else { return (false, None) };
        let removed = entry.members.remove(&connection);
        if let Some(member) = &removed {
            tracing::info!(group, client_id = %member.client_id, "consumer gone");
        }
        if !entry.members.is_empty() {
            let tells = !entry.is_broadcasting();
            return (removed.is_some(), tells.then(|| (group.to_owned(), entry.handles())));
        }
        let topics: Vec<String> = entry.subscriptions.keys().cloned().collect();
        drop(entry);
        self.groups.remove(group);
        if let Some(filters) = &self.filters {
            filters.unregister(group);
        }
        index.apply(group, &TopicChanges { added: Vec::new(), removed: topics });
        tracing::info!(group, "consumer group has no members any more");
        (removed.is_some(), None)
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        for (group, members) in changes {
            if !members.is_empty() {
                self.notifier.changed(&group, members);
            }
        }
    }
}

impl Index {
    fn forget_membership(&mut self, connection: ConnectionId, group: &str) {
        if let Some(groups) = self.by_connection.get_mut(&connection) {
            groups.remove(group);
            if groups.is_empty() {
                self.by_connection.remove(&connection);
            }
        }
    }

    fn apply(&mut self, group: &str, topics: &TopicChanges) {
        for topic in &topics.added {
            self.by_topic.entry(topic.clone()).or_default().insert(group.to_owned());
        }
        for topic in &topics.removed {
            if let Some(groups) = self.by_topic.get_mut(topic) {
                groups.remove(group);
                if groups.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
        }
    }
}

fn millis(setting: &AtomicI64) -> Duration {
    Duration::from_millis(u64::try_from(setting.load(Ordering::Relaxed)).unwrap_or(0))
}

#[cfg(test)]
#[path = "consumers_tests.rs"]
mod tests;
