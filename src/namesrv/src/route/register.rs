//! A broker registers.

use std::{sync::Arc, time::Duration};

use common::{permission::Permission, topic::TopicConfig};
use remoting::{
    body::{
        registration::TopicConfigAndMappingSerializeWrapper,
        route::{BrokerAddrs, BrokerData, MASTER_ID},
    },
    connection::ConnectionId,
};
use thiserror::Error;

use super::tables::{
    BROKERS_PER_GROUP_MAX, BrokerAddr, CLUSTERS_MAX, FILTER_SERVERS_MAX, GROUPS_MAX, LIVE_MAX, LiveBroker,
    MAPPINGS_PER_TOPIC_MAX, MinBrokerIdChange, NAME_MAX_BYTES, Queues, RouteTables, TOPICS_MAX,
};

/// What a broker says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) cluster_name: String,
    pub(crate) broker_name: String,
    pub(crate) broker_addr: String,
    pub(crate) broker_id: i64,
    pub(crate) ha_server_addr: String,
    pub(crate) zone_name: Option<String>,
    /// How long it may be silent.
    pub(crate) timeout: Duration,
    /// `None` is a broker before 5.0.
    pub(crate) enable_acting_master: Option<bool>,
    pub(crate) topics: TopicConfigAndMappingSerializeWrapper,
    /// `None` leaves what was said before.
    pub(crate) filter_servers: Option<Vec<String>>,
    pub(crate) connection: ConnectionId,
}

/// How the NameServer is configured to take registrations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RegisterPolicy {
    /// `deleteTopicWithBrokerRegistration`: topics the broker no longer names are dropped.
    pub(crate) delete_missing_topics: bool,
    /// `notifyMinBrokerIdChanged`.
    pub(crate) notify_min_broker_id: bool,
}

/// What a broker that registered is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) ha_server_addr: Option<String>,
    pub(crate) master_addr: Option<String>,
    /// Whom to tell of it.
    pub(crate) notice: Option<MinBrokerIdChange>,
}

/// Why a registration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RegisterError {
    /// One topic of a broker that never registered all of them; the text is RocketMQ's.
    #[error("register broker failed")]
    NotRegisteredYet,
    /// Beyond a bound of the tables.
    #[error("register broker failed: {0} is beyond the limit of this name server")]
    Limit(&'static str),
}

impl RouteTables {
    /// Takes a registration; the tables are unchanged if it is refused.
    pub(super) fn register(
        &mut self,
        registration: &Registration,
        now: Duration,
        policy: RegisterPolicy,
    ) -> Result<Registered, RegisterError> {
        let broker = BrokerAddr {
            cluster_name: registration.cluster_name.clone(),
            addr: registration.broker_addr.clone(),
        };
        self.check_limits(registration, &broker)?;
        let known = self.groups.get(registration.broker_name.as_str());
        let old_addrs = known.map(|group| group.broker_addrs.clone()).unwrap_or_default();
        let mut addrs = old_addrs.clone();
        // A slave that became master says so under its new id: an address stands once in a group.
        addrs.retain(|id, addr| *id == registration.broker_id || *addr != registration.broker_addr);
        if self.is_outdated(registration, &addrs) {
            tracing::warn!(?broker, id = registration.broker_id, "outdated broker registers, ignored");
            self.live.remove(&broker);
            if let Some(group) = self.groups.get_mut(registration.broker_name.as_str()) {
                group.broker_addrs = addrs;
            }
            return Ok(Registered::default());
        }
        let topics = &registration.topics.topic_config_table;
        let is_new_id = !addrs.contains_key(&registration.broker_id);
        if is_new_id && topics.len() == 1 {
            tracing::warn!(?broker, "one topic of a broker that has not registered yet, refused");
            return Err(RegisterError::NotRegisteredYet);
        }
        addrs.insert(registration.broker_id, registration.broker_addr.clone());
        let min_broker_id = addrs.keys().next().copied().unwrap_or(MASTER_ID);
        let name = self.put_group(registration, addrs);
        if registration.broker_id == MASTER_ID {
            self.put_topics(&name, &broker, registration, is_new_id, Role::Master, policy);
        } else if registration.enable_acting_master.is_some() && registration.broker_id == min_broker_id {
            self.put_topics(&name, &broker, registration, is_new_id, Role::PrimeSlave, policy);
        }
        let old_min_broker_id = old_addrs.keys().next().copied().unwrap_or(MASTER_ID);
        let is_new_min = registration.broker_id < old_min_broker_id;
        self.put_live(broker, registration, now);
        Ok(self.registered(&name, registration, is_new_min && policy.notify_min_broker_id))
    }

    fn check_limits(&self, registration: &Registration, broker: &BrokerAddr) -> Result<(), RegisterError> {
        let Registration { cluster_name, broker_name, broker_addr, ha_server_addr, .. } = registration;
        let zone_name = registration.zone_name.as_deref().unwrap_or_default();
        let longest = [cluster_name, broker_name, broker_addr, ha_server_addr].map(String::len);
        let filter_servers = registration.filter_servers.as_ref().map_or(0, Vec::len);
        let group = self.groups.get(broker_name.as_str());
        let members = group.filter(|group| !group.broker_addrs.contains_key(&registration.broker_id));
        let beyond = [
            ("length of a name", longest.iter().any(|len| *len > NAME_MAX_BYTES)),
            ("length of a zone name", zone_name.len() > NAME_MAX_BYTES),
            ("number of filter servers", filter_servers > FILTER_SERVERS_MAX),
            ("number of broker names", group.is_none() && self.groups.len() >= GROUPS_MAX),
            (
                "number of brokers of one name",
                members.is_some_and(|group| group.broker_addrs.len() >= BROKERS_PER_GROUP_MAX),
            ),
            (
                "number of clusters",
                self.clusters.len() >= CLUSTERS_MAX && !self.clusters.contains_key(cluster_name),
            ),
            ("number of brokers", self.live.len() >= LIVE_MAX && !self.live.contains_key(broker)),
        ];
        match beyond.into_iter().find(|(_, is_beyond)| *is_beyond) {
            Some((what, _)) => Err(RegisterError::Limit(what)),
            None => Ok(()),
        }
    }

    /// Whether another broker holds the id with a later state of the group.
    fn is_outdated(&self, registration: &Registration, addrs: &BrokerAddrs) -> bool {
        let Some(holder) = addrs.get(&registration.broker_id) else { return false };
        let cluster_name = registration.cluster_name.clone();
        let held = self.live.get(&BrokerAddr { cluster_name, addr: holder.clone() });
        *holder != registration.broker_addr
            && held.is_some_and(|held| {
                held.data_version.state_version > registration.topics.data_version.state_version
            })
    }

    fn put_group(&mut self, registration: &Registration, addrs: BrokerAddrs) -> Arc<str> {
        let existing = self.groups.get_key_value(registration.broker_name.as_str());
        let name =
            existing.map_or_else(|| registration.broker_name.as_str().into(), |(name, _)| Arc::clone(name));
        let group = self.groups.entry(Arc::clone(&name)).or_insert_with(|| BrokerData {
            broker_name: registration.broker_name.clone(),
            cluster: registration.cluster_name.clone(),
            ..BrokerData::default()
        });
        group.broker_addrs = addrs;
        group.enable_acting_master = registration.enable_acting_master.unwrap_or(false);
        group.zone_name.clone_from(&registration.zone_name);
        self.clusters.entry(registration.cluster_name.clone()).or_default().insert(Arc::clone(&name));
        name
    }

    fn put_topics(
        &mut self,
        name: &Arc<str>,
        broker: &BrokerAddr,
        registration: &Registration,
        is_first: bool,
        role: Role,
        policy: RegisterPolicy,
    ) {
        let wrapper = &registration.topics;
        if policy.delete_missing_topics && wrapper.topic_queue_mapping_info_map.is_empty() {
            self.drop_missing_topics(name, wrapper);
        }
        let is_changed = is_first || self.data_version(broker) != Some(wrapper.data_version);
        // A slave that stands in serves reads only.
        let is_read_only = role == Role::PrimeSlave && registration.enable_acting_master == Some(true);
        let mut refused_count = 0_usize;
        for topic in wrapper.topic_config_table.values() {
            let known = self.topics.get(&topic.topic_name).is_some_and(|queues| queues.contains_key(name));
            if known && !is_changed {
                continue;
            }
            if !self.put_topic(name, topic, is_read_only) {
                refused_count += 1;
            }
        }
        if refused_count > 0 {
            tracing::error!(broker = &**name, refused_count, "topics beyond the limit of this name server");
        }
        if !is_changed {
            return;
        }
        for (topic, mapping) in &wrapper.topic_queue_mapping_info_map {
            if self.topics.contains_key(topic) {
                let mappings = self.mappings.entry(topic.clone()).or_default();
                if mappings.len() < MAPPINGS_PER_TOPIC_MAX || mappings.contains_key(&mapping.bname) {
                    mappings.insert(mapping.bname.clone(), mapping.clone());
                }
            }
        }
    }

    /// Whether there was room for the topic.
    fn put_topic(&mut self, name: &Arc<str>, topic: &TopicConfig, is_read_only: bool) -> bool {
        let topic_name = &topic.topic_name;
        if topic_name.is_empty() || topic_name.len() > NAME_MAX_BYTES {
            return false;
        }
        let perm = if is_read_only { topic.perm.without(Permission::WRITE) } else { topic.perm };
        let queues = Queues {
            perm,
            read_queue_nums: topic.read_queue_nums,
            topic_sys_flag: topic.topic_sys_flag,
            write_queue_nums: topic.write_queue_nums,
        };
        if let Some(by_group) = self.topics.get_mut(topic_name) {
            by_group.insert(Arc::clone(name), queues);
            return true;
        }
        if self.topics.len() >= TOPICS_MAX {
            return false;
        }
        tracing::debug!(topic = topic_name, broker = &**name, "new topic");
        self.topics.insert(topic_name.clone(), [(Arc::clone(name), queues)].into());
        true
    }

    fn drop_missing_topics(&mut self, name: &Arc<str>, wrapper: &TopicConfigAndMappingSerializeWrapper) {
        self.topics.retain(|topic, queues| {
            if !wrapper.topic_config_table.contains_key(topic) && queues.remove(name).is_some() {
                tracing::info!(topic, broker = &**name, "topic no longer registered, removed");
            }
            !queues.is_empty()
        });
        self.drop_orphaned_mappings();
    }

    fn put_live(&mut self, broker: BrokerAddr, registration: &Registration, now: Duration) {
        match &registration.filter_servers {
            Some(servers) if servers.is_empty() => drop(self.filter_servers.remove(&broker)),
            Some(servers) => drop(self.filter_servers.insert(broker.clone(), servers.clone())),
            None => {}
        }
        let live = LiveBroker {
            heard_at: now,
            timeout: registration.timeout,
            data_version: registration.topics.data_version,
            connection: registration.connection,
            ha_server_addr: registration.ha_server_addr.clone(),
        };
        if self.live.insert(broker, live).is_none() {
            tracing::info!(
                cluster = registration.cluster_name,
                broker = registration.broker_name,
                id = registration.broker_id,
                addr = registration.broker_addr,
                "new broker registered"
            );
        }
    }

    fn registered(&self, name: &str, registration: &Registration, notify: bool) -> Registered {
        let Some(group) = self.groups.get(name) else { return Registered::default() };
        let ha = registration.ha_server_addr.as_str();
        let notice = if notify { MinBrokerIdChange::of(&group.broker_addrs, None, Some(ha)) } else { None };
        let mut registered = Registered { notice, ..Registered::default() };
        if registration.broker_id != MASTER_ID
            && let Some(master) = group.master_addr()
        {
            let cluster_name = registration.cluster_name.clone();
            if let Some(live) = self.live.get(&BrokerAddr { cluster_name, addr: master.to_owned() }) {
                registered.ha_server_addr = Some(live.ha_server_addr.clone());
                registered.master_addr = Some(master.to_owned());
            }
        }
        registered
    }
}

/// As what a broker's topics count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Id 0.
    Master,
    /// The smallest id of a group without master.
    PrimeSlave,
}
