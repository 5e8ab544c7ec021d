//! The tables and what they are made of.
//!
//! Invariants: a group in `groups` has an address, and its name stands in at least one cluster; a topic
//! in `topics` has queues; everything is bounded by the constants below.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use common::{data_version::DataVersion, permission::Permission};
use remoting::{
    body::route::{
        BrokerAddrs, BrokerData, BrokerMemberGroup, ClusterInfo, QueueData, TopicQueueMappingInfo,
    },
    connection::ConnectionId,
};

/// Groups of brokers.
pub(super) const GROUPS_MAX: usize = 10_000;
/// Brokers of one group.
pub(super) const BROKERS_PER_GROUP_MAX: usize = 1_000;
/// Clusters.
pub(super) const CLUSTERS_MAX: usize = 10_000;
/// Brokers that are alive at once.
pub(super) const LIVE_MAX: usize = 100_000;
/// Brokers that map one static topic.
pub(super) const MAPPINGS_PER_TOPIC_MAX: usize = 10_000;
/// Topics of all brokers together.
pub(super) const TOPICS_MAX: usize = 1_000_000;
/// Filter servers of one broker.
pub(super) const FILTER_SERVERS_MAX: usize = 1_000;
/// Length of a name or an address.
pub(super) const NAME_MAX_BYTES: usize = 255;

/// One broker: its cluster and its address (`BrokerAddrInfo`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BrokerAddr {
    pub(crate) cluster_name: String,
    pub(crate) addr: String,
}

/// A broker that is alive (`BrokerLiveInfo`).
#[derive(Clone, Debug)]
pub(super) struct LiveBroker {
    /// Reading of the monotonic clock when it was last heard of.
    pub(super) heard_at: Duration,
    /// How long it may be silent.
    pub(super) timeout: Duration,
    /// Version of the topics it registered last.
    pub(super) data_version: DataVersion,
    /// Where it registered last.
    pub(super) connection: ConnectionId,
    /// `host:port` its slaves copy from.
    pub(super) ha_server_addr: String,
}

impl LiveBroker {
    pub(super) fn is_silent(&self, now: Duration) -> bool {
        self.heard_at.saturating_add(self.timeout) < now
    }
}

/// A topic's queues on one group of brokers: `QueueData` without the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queues {
    pub(super) perm: Permission,
    pub(super) read_queue_nums: i32,
    pub(super) topic_sys_flag: i32,
    pub(super) write_queue_nums: i32,
}

impl Queues {
    pub(super) fn to_data(self, broker_name: &str) -> QueueData {
        QueueData {
            broker_name: broker_name.to_owned(),
            perm: self.perm,
            read_queue_nums: self.read_queue_nums,
            topic_sys_flag: self.topic_sys_flag,
            write_queue_nums: self.write_queue_nums,
        }
    }
}

impl From<&QueueData> for Queues {
    fn from(data: &QueueData) -> Self {
        Self {
            perm: data.perm,
            read_queue_nums: data.read_queue_nums,
            topic_sys_flag: data.topic_sys_flag,
            write_queue_nums: data.write_queue_nums,
        }
    }
}

/// Brokers to be told that the smallest id of their group has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MinBrokerIdChange {
    /// The smallest id now.
    pub(crate) min_broker_id: i64,
    /// Its address.
    pub(crate) min_broker_addr: String,
    /// The broker that left, if that is why.
    pub(crate) offline_broker_addr: Option<String>,
    /// Where the new smallest id can be copied from, if it came.
    pub(crate) ha_broker_addr: Option<String>,
    /// Whom to tell.
    pub(crate) tell: Vec<String>,
}

impl MinBrokerIdChange {
    /// The change in a group of these brokers; `None` when nobody is left.
    pub(super) fn of(addrs: &BrokerAddrs, offline: Option<&str>, ha: Option<&str>) -> Option<Self> {
        let (min_broker_id, min_broker_addr) = addrs.first_key_value()?;
        // Who comes as the smallest knows that itself.
        let comes = offline.is_none() && addrs.len() > 1;
        let tell = addrs.iter().filter(|(id, _)| !comes || *id != min_broker_id);
        Some(Self {
            min_broker_id: *min_broker_id,
            min_broker_addr: min_broker_addr.clone(),
            offline_broker_addr: offline.map(str::to_owned),
            ha_broker_addr: ha.map(str::to_owned),
            tell: tell.map(|(_, addr)| addr.clone()).collect(),
        })
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct RouteTables {
    /// Queues by topic and group (`topicQueueTable`).
    pub(super) topics: HashMap<String, BTreeMap<Arc<str>, Queues>>,
    /// Groups of brokers by name (`brokerAddrTable`).
    pub(super) groups: BTreeMap<Arc<str>, BrokerData>,
    /// Names of the groups by cluster (`clusterAddrTable`).
    pub(super) clusters: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// Brokers that are alive (`brokerLiveTable`).
    pub(super) live: HashMap<BrokerAddr, LiveBroker>,
    /// Their filter servers (`filterServerTable`).
    pub(super) filter_servers: HashMap<BrokerAddr, Vec<String>>,
    /// Static topics' mappings by topic and broker (`topicQueueMappingInfoTable`).
    pub(super) mappings: HashMap<String, BTreeMap<String, TopicQueueMappingInfo>>,
}

impl RouteTables {
    /// Everything about clusters and brokers.
    pub(super) fn cluster_info(&self) -> ClusterInfo {
        let groups = self.groups.iter().map(|(name, group)| (name.to_string(), group.clone()));
        let names = |names: &BTreeSet<Arc<str>>| names.iter().map(ToString::to_string).collect();
        ClusterInfo {
            broker_addr_table: groups.collect(),
            cluster_addr_table: self.clusters.iter().map(|(name, set)| (name.clone(), names(set))).collect(),
        }
    }

    /// Who is alive in a group, whatever its cluster.
    pub(super) fn member_group(&self, cluster_name: &str, broker_name: &str) -> BrokerMemberGroup {
        let addrs = self.groups.get(broker_name).map(|group| group.broker_addrs.clone());
        BrokerMemberGroup {
            broker_addrs: addrs.unwrap_or_default(),
            broker_name: broker_name.to_owned(),
            cluster: cluster_name.to_owned(),
        }
    }

    /// Version of the topics a broker registered last.
    pub(super) fn data_version(&self, broker: &BrokerAddr) -> Option<DataVersion> {
        self.live.get(broker).map(|live| live.data_version)
    }

    /// A broker was heard of at `now`.
    pub(super) fn heard(&mut self, broker: &BrokerAddr, now: Duration) {
        if let Some(live) = self.live.get_mut(broker) {
            live.heard_at = now;
        }
    }
}
