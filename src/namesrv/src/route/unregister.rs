//! A broker leaves: it says so, its connection closes, or it falls silent.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use common::permission::Permission;
use remoting::{
    body::route::{BrokerData, MASTER_ID},
    connection::ConnectionId,
};

use super::tables::{BrokerAddr, MinBrokerIdChange, RouteTables};

/// A broker that is to be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) broker: BrokerAddr,
    pub(crate) broker_name: String,
    pub(crate) broker_id: i64,
    pub(crate) cause: Cause,
}

/// Why it is to be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It asked for it.
    Asked,
    /// This connection closed; a broker that has registered over another one since stays.
    Closed(ConnectionId),
    /// It was silent for too long; one that was heard of since stays.
    Silent,
}

impl RouteTables {
    /// Brokers whose connection this was.
    pub(super) fn departures_of(&self, connection: ConnectionId) -> Vec<Departure> {
        let gone = self.live.iter().filter(|(_, live)| live.connection == connection);
        gone.map(|(broker, _)| self.departure(broker, Cause::Closed(connection))).collect()
    }

    /// Brokers that have been silent for too long at `now`.
    pub(super) fn silent(&self, now: Duration) -> Vec<Departure> {
        let silent = self.live.iter().filter(|(_, live)| live.is_silent(now));
        silent.map(|(broker, _)| self.departure(broker, Cause::Silent)).collect()
    }

    fn departure(&self, broker: &BrokerAddr, cause: Cause) -> Departure {
        let mut members = self
            .groups
            .iter()
            .flat_map(|(name, group)| group.broker_addrs.iter().map(move |(id, addr)| (name, *id, addr)));
        let found = members.find(|(_, _, addr)| **addr == broker.addr);
        let (name, broker_id) = found.map_or(("", MASTER_ID), |(name, id, _)| (name, id));
        Departure { broker: broker.clone(), broker_name: name.to_owned(), broker_id, cause }
    }

    /// Takes brokers out; gives back whom to tell of it.
    pub(super) fn unregister(&mut self, departures: Vec<Departure>, now: Duration) -> Vec<MinBrokerIdChange> {
        let mut touched = BTreeSet::new();
        let mut lost_min: BTreeMap<Arc<str>, String> = BTreeMap::new();
        for departure in departures {
            if !self.still_holds(&departure, now) {
                continue;
            }
            let removed = self.live.remove(&departure.broker).is_some();
            self.filter_servers.remove(&departure.broker);
            tracing::info!(?departure, removed, "broker unregistered");
            let Some((name, group)) = group_mut(&mut self.groups, &departure.broker_name) else { continue };
            if group.min_broker_id() == Some(departure.broker_id) {
                lost_min.insert(Arc::clone(&name), departure.broker.addr.clone());
            }
            group.broker_addrs.retain(|_, addr| *addr != departure.broker.addr);
            touched.insert(name);
        }
        if touched.is_empty() {
            return Vec::new();
        }
        self.drop_empty_groups(&touched);
        self.clean_topics(&touched);
        let notices = lost_min.iter().filter_map(|(name, offline)| {
            let group = self.groups.get(name).filter(|group| group.enable_acting_master)?;
            MinBrokerIdChange::of(&group.broker_addrs, Some(offline), None)
        });
        notices.collect()
    }

    fn still_holds(&self, departure: &Departure, now: Duration) -> bool {
        let live = self.live.get(&departure.broker);
        match departure.cause {
            Cause::Asked => true,
            Cause::Closed(connection) => live.is_some_and(|live| live.connection == connection),
            Cause::Silent => live.is_some_and(|live| live.is_silent(now)),
        }
    }

    fn drop_empty_groups(&mut self, touched: &BTreeSet<Arc<str>>) {
        for name in touched {
            if self.groups.get(name).is_some_and(|group| group.broker_addrs.is_empty()) {
                self.groups.remove(name);
                self.clusters.retain(|_, names| {
                    names.remove(name);
                    !names.is_empty()
                });
                tracing::info!(broker = &**name, "last broker of the name is gone");
            }
        }
    }

    /// Takes the queues of groups that are gone out of all topics, and the right to write from those that
    /// only have a slave to stand in.
    fn clean_topics(&mut self, touched: &BTreeSet<Arc<str>>) {
        let groups = &self.groups;
        let removed: Vec<_> = touched.iter().filter(|name| !groups.contains_key(*name)).collect();
        let is_headless = |group: &BrokerData| {
            group.enable_acting_master && group.min_broker_id().is_none_or(|min| min > MASTER_ID)
        };
        let headless: Vec<_> =
            touched.iter().filter(|name| groups.get(*name).is_some_and(is_headless)).collect();
        self.topics.retain(|_, queues| {
            for name in &removed {
                queues.remove(*name);
            }
            for name in &headless {
                if let Some(queues) = queues.get_mut(*name) {
                    queues.perm = queues.perm.without(Permission::WRITE);
                }
            }
            !queues.is_empty()
        });
        self.drop_orphaned_mappings();
    }

    /// Forgets the mappings of topics nobody holds any more.
    pub(super) fn drop_orphaned_mappings(&mut self) {
        let topics = &self.topics;
        self.mappings.retain(|topic, _| topics.contains_key(topic));
    }
}

fn group_mut<'a>(
    groups: &'a mut BTreeMap<Arc<str>, BrokerData>,
    name: &str,
) -> Option<(Arc<str>, &'a mut BrokerData)> {
    let name = Arc::clone(groups.get_key_value(name)?.0);
    let group = groups.get_mut(&name)?;
    Some((name, group))
}
