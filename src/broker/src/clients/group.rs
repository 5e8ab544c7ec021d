//! One consumer group as its members' heartbeats describe it (`ConsumerGroupInfo`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use remoting::{
    body::heartbeat::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData},
    connection::{ConnectionHandle, ConnectionId},
};

use super::{ClientChannel, Subscription};

/// A consumer group that has members.
#[derive(Clone, Debug, Default)]
pub struct ConsumerGroup {
    /// How messages reach the members; the last heartbeat decides.
    pub consume_type: Option<ConsumeType>,
    /// How the members share the queues.
    pub message_model: Option<MessageModel>,
    /// Where the group begins without an offset.
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// The members by connection.
    pub members: HashMap<ConnectionId, ClientChannel>,
    /// What the group subscribes to, by topic.
    pub subscriptions: HashMap<String, Arc<Subscription>>,
    /// Whether a member has pulled with a subscription that no heartbeat has told of.
    pub(super) subscriptions_outdated: bool,
    /// Wall-clock milliseconds of the last heartbeat of any member.
    pub last_update_millis: i64,
}

impl ConsumerGroup {
    /// Whether every member gets every message.
    pub fn is_broadcasting(&self) -> bool {
        self.message_model == Some(MessageModel::Broadcasting)
    }

    /// The members' client ids, one an entry even where two connections share one.
    pub fn client_ids(&self) -> Vec<String> {
        self.members.values().map(|member| member.client_id.to_string()).collect()
    }

    /// The members' connections.
    pub fn handles(&self) -> Vec<ConnectionHandle> {
        self.members.values().map(|member| member.handle.clone()).collect()
    }

    /// The member of that client id.
    pub fn find_client(&self, client_id: &str) -> Option<&ClientChannel> {
        self.members.values().find(|member| &*member.client_id == client_id)
    }

    /// Whether heartbeats may leave subscriptions out, because those known are the members' own.
    pub(super) fn knows_subscriptions(&self) -> bool {
        !self.subscriptions_outdated && !self.subscriptions.is_empty()
    }

    /// Takes a heartbeat's word for a member; whether the member is new.
    pub(super) fn update_member(&mut self, group: &str, channel: &ClientChannel) -> bool {
        self.last_update_millis = channel.last_update_millis;
        match self.members.get_mut(&channel.id()) {
            Some(known) if known.client_id == channel.client_id => {
                known.refresh(channel);
                false
            }
            Some(known) => {
                tracing::error!(
                    group, old = %known.client_id, new = %channel.client_id, peer = %channel.handle.peer_addr(),
                    "two clients of one consumer group share a connection, give them different instance names"
                );
                *known = channel.clone();
                false
            }
            None => {
                tracing::info!(
                    group, client_id = %channel.client_id, peer = %channel.handle.peer_addr(),
                    "consumer connected"
                );
                self.members.insert(channel.id(), channel.clone());
                true
            }
        }
    }

    /// Takes a heartbeat's word for all subscriptions; which topics came and went.
    pub(super) fn update_subscriptions(&mut self, group: &str, data: Vec<SubscriptionData>) -> TopicChanges {
        self.subscriptions_outdated = false;
        let wanted: HashSet<String> = data.iter().map(|subscription| subscription.topic.clone()).collect();
        let mut changes = TopicChanges::default();
        for subscription in data {
            match self.subscriptions.get(&subscription.topic) {
                Some(known) if known.data.sub_version >= subscription.sub_version => continue,
                Some(_) => {}
                None => changes.added.push(subscription.topic.clone()),
            }
            tracing::info!(group, ?subscription, "subscription changed");
            self.subscriptions.insert(subscription.topic.clone(), Arc::new(subscription.into()));
        }
        self.subscriptions.retain(|topic, _| {
            let kept = wanted.contains(topic);
            if !kept {
                tracing::info!(group, topic, "subscription removed");
                changes.removed.push(topic.clone());
            }
            kept
        });
        changes
    }
}

/// The topics a group subscribed to and unsubscribed from.
#[derive(Debug, Default)]
pub(super) struct TopicChanges {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl TopicChanges {
    pub(super) fn any(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
}
