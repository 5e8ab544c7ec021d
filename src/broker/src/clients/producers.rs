//! The producer groups with members (`ProducerManager`).
//!
//! Transaction checks go to any member of a group, replies of request-reply calls to one client.
//! Invariants: a group stands in the table exactly while it has members; `clients` leads from a client id
//! to the last connection that registered under it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::config::BrokerConfig;
use parking_lot::Mutex;
use remoting::connection::{ConnectionHandle, ConnectionId};
use runtime::clock::Clock;

use super::{ClientChannel, GROUPS_MAX, GROUPS_PER_CONNECTION_MAX, MEMBERS_MAX, RegisterError};

/// How long a producer may be silent.
const CHANNEL_EXPIRED: Duration = Duration::from_secs(120);
/// How many members are tried in search of one that is connected.
const AVAILABLE_TRIES: usize = 3;

/// Which producers are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerPolicy {
    /// All.
    Register,
    /// Only those that are registered already: nothing here needs to find others.
    Refresh,
}

impl ProducerPolicy {
    fn of(broker: &BrokerConfig) -> Self {
        if !broker.enable_register_producer && broker.reject_transaction_message {
            Self::Refresh
        } else {
            Self::Register
        }
    }
}

/// The producer groups with members.
#[derive(Debug)]
pub struct ProducerManager {
    state: Mutex<State>,
    only_refresh: AtomicBool,
    next: AtomicUsize,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    groups: HashMap<String, BTreeMap<ConnectionId, ClientChannel>>,
    clients: HashMap<Arc<str>, ConnectionHandle>,
    by_connection: HashMap<ConnectionId, HashSet<String>>,
}

impl ProducerManager {
    /// No groups.
    pub fn new(broker: &BrokerConfig, clock: Arc<dyn Clock>) -> Self {
        let manager = Self {
            state: Mutex::default(),
            only_refresh: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            clock,
        };
        manager.reconfigure(broker);
        manager
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.only_refresh.store(ProducerPolicy::of(broker) == ProducerPolicy::Refresh, Ordering::Relaxed);
    }

    /// Takes a heartbeat's word for a member.
    ///
    /// # Errors
    /// When a table is full; nothing has changed then.
    pub fn register(&self, group: &str, channel: &ClientChannel) -> Result<(), RegisterError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if let Some(known) = state.groups.get_mut(group).and_then(|members| members.get_mut(&channel.id())) {
            known.refresh(channel);
            return Ok(());
        }
        if self.only_refresh.load(Ordering::Relaxed) {
            return Ok(());
        }
        state.check_room(group, channel.id())?;
        tracing::info!(
            group, client_id = %channel.client_id, peer = %channel.handle.peer_addr(), "producer connected"
        );
        state.by_connection.entry(channel.id()).or_default().insert(group.to_owned());
        state.clients.insert(Arc::clone(&channel.client_id), channel.handle.clone());
        state.groups.entry(group.to_owned()).or_default().insert(channel.id(), channel.clone());
        Ok(())
    }

    /// A member leaves its group.
    pub fn unregister(&self, group: &str, connection: ConnectionId) {
        let mut state = self.state.lock();
        if let Some(groups) = state.by_connection.get_mut(&connection) {
            groups.remove(group);
            if groups.is_empty() {
                state.by_connection.remove(&connection);
            }
        }
        state.remove_member(group, connection);
    }

    /// A connection has ended; whether it was a member of any group.
    pub fn connection_closed(&self, connection: ConnectionId) -> bool {
        let mut state = self.state.lock();
        let groups = state.by_connection.remove(&connection).unwrap_or_default();
        let mut removed = false;
        for group in groups {
            removed |= state.remove_member(&group, connection).is_some();
        }
        removed
    }

    /// Removes the members that have been silent too long and returns them, so that their connections
    /// can be closed (`scanNotActiveChannel`); to be called every ten seconds.
    pub fn expire(&self) -> Vec<ClientChannel> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        let silent: Vec<(String, ConnectionId)> = state
            .groups
            .iter()
            .flat_map(|(group, members)| members.values().map(move |member| (group, member)))
            .filter(|(_, member)| now.saturating_sub(member.last_seen) > CHANNEL_EXPIRED)
            .map(|(group, member)| (group.clone(), member.id()))
            .collect();
        let mut removed = Vec::with_capacity(silent.len());
        for (group, connection) in silent {
            tracing::warn!(group, "silent producer removed");
            if let Some(groups) = state.by_connection.get_mut(&connection) {
                groups.remove(&group);
                if groups.is_empty() {
                    state.by_connection.remove(&connection);
                }
            }
            removed.extend(state.remove_member(&group, connection));
        }
        removed
    }

    /// The connection of a client, whatever its groups.
    pub fn find_client(&self, client_id: &str) -> Option<ConnectionHandle> {
        self.state.lock().clients.get(client_id).cloned()
    }

    /// A connected member of a group, another one each time (`getAvailableChannel`).
    pub fn available(&self, group: &str) -> Option<ConnectionHandle> {
        let state = self.state.lock();
        let members = state.groups.get(group)?;
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..AVAILABLE_TRIES)
            .filter_map(|step| members.values().nth(start.wrapping_add(step) % members.len()))
            .map(|member| &member.handle)
            .find(|handle| !handle.is_closed())
            .cloned()
    }

    /// Whether a group has members.
    pub fn is_online(&self, group: &str) -> bool {
        self.state.lock().groups.contains_key(group)
    }

    /// The members of a group; `None` when it has none.
    pub fn members(&self, group: &str) -> Option<Vec<ClientChannel>> {
        self.state.lock().groups.get(group).map(|members| members.values().cloned().collect())
    }

    /// The members of all groups (`getProducerTable`).
    pub fn table(&self) -> BTreeMap<String, Vec<ClientChannel>> {
        let state = self.state.lock();
        let members = |members: &BTreeMap<_, ClientChannel>| members.values().cloned().collect();
        state.groups.iter().map(|(group, table)| (group.clone(), members(table))).collect()
    }
}

impl State {
    fn check_room(&self, group: &str, connection: ConnectionId) -> Result<(), RegisterError> {
        match self.groups.get(group) {
            Some(members) if members.len() >= MEMBERS_MAX => return Err(RegisterError::TooManyMembers),
            None if self.groups.len() >= GROUPS_MAX => return Err(RegisterError::TooManyGroups),
            _ => {}
        }
        match self.by_connection.get(&connection) {
            Some(groups) if groups.len() >= GROUPS_PER_CONNECTION_MAX => {
                Err(RegisterError::TooManyGroupsOfConnection)
            }
            _ => Ok(()),
        }
    }

    fn remove_member(&mut self, group: &str, connection: ConnectionId) -> Option<ClientChannel> {
        let members = self.groups.get_mut(group)?;
        let removed = members.remove(&connection)?;
        if members.is_empty() {
            self.groups.remove(group);
            tracing::info!(group, "producer group has no members any more");
        }
        // The client may have come back over another connection, or be a member of another group still.
        let is_elsewhere = self.by_connection.get(&connection).is_some_and(|groups| {
            groups
                .iter()
                .filter_map(|group| self.groups.get(group)?.get(&connection))
                .any(|member| member.client_id == removed.client_id)
        });
        if !is_elsewhere
            && self.clients.get(&removed.client_id).is_some_and(|handle| handle.id() == connection)
        {
            self.clients.remove(&removed.client_id);
        }
        tracing::info!(group, client_id = %removed.client_id, "producer gone");
        Some(removed)
    }
}

#[cfg(test)]
#[path = "producers_tests.rs"]
mod tests;
