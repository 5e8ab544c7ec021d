//! The route of one topic.

use common::names::SYNC_BROKER_MEMBER_GROUP_PREFIX;
use message::hash::sort_as_hash_map;
use remoting::body::route::{BrokerData, MASTER_ID, TopicRouteData};

use super::tables::{BrokerAddr, RouteTables};

/// Buckets of a new Java `HashMap`.
const HASH_MAP_BUCKETS: usize = 16;

/// Whether a slave is shown in the place of a lost master (`supportActingMaster`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActingMaster {
    /// It is, if its group allows.
    Supported,
    /// It is not.
    Unsupported,
}

impl RouteTables {
    /// Where a topic's queues are; `None` when nobody alive holds it.
    pub(super) fn pickup(&self, topic: &str, acting_master: ActingMaster) -> Option<TopicRouteData> {
        let queues = self.topics.get(topic)?;
        // Tools ask the first broker of a route, so that its order is part of it.
        let mut in_order: Vec<_> = queues.iter().collect();
        sort_as_hash_map(&mut in_order, HASH_MAP_BUCKETS, |(name, _)| name);
        let broker_datas: Vec<BrokerData> =
            in_order.iter().filter_map(|(name, _)| self.groups.get(*name).cloned()).collect();
        if broker_datas.is_empty() {
            return None;
        }
        let mut route = TopicRouteData {
            queue_datas: in_order.iter().map(|(name, queues)| queues.to_data(name)).collect(),
            topic_queue_mapping_by_broker: self.mappings.get(topic).cloned(),
            ..TopicRouteData::default()
        };
        if !self.filter_servers.is_empty() {
            for group in &broker_datas {
                for addr in group.broker_addrs.values() {
                    let broker = BrokerAddr { cluster_name: group.cluster.clone(), addr: addr.clone() };
                    if let Some(servers) = self.filter_servers.get(&broker) {
                        route.filter_server_table.insert(addr.clone(), servers.clone());
                    }
                }
            }
        }
        route.broker_datas = broker_datas;
        // The members of a group find each other by this topic and have to see who they really are.
        if acting_master == ActingMaster::Supported && !topic.starts_with(SYNC_BROKER_MEMBER_GROUP_PREFIX) {
            show_acting_masters(&mut route);
        }
        Some(route)
    }
}

/// Puts the slave of the smallest id in the place of a lost master where the topic is read-only.
fn show_acting_masters(route: &mut TopicRouteData) {
    let TopicRouteData { broker_datas, queue_datas, .. } = route;
    for group in broker_datas.iter_mut() {
        if !group.enable_acting_master || group.broker_addrs.contains_key(&MASTER_ID) {
            continue;
        }
        let queues = queue_datas.iter().find(|queues| queues.broker_name == group.broker_name);
        if queues.is_some_and(|queues| !queues.perm.is_writable())
            && let Some((_, addr)) = group.broker_addrs.pop_first()
        {
            group.broker_addrs.insert(MASTER_ID, addr);
        }
    }
}
