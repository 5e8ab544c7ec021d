//! Topics as operators see them: lists, deletion, permissions, and registration of a single one.

use std::{collections::BTreeMap, sync::Arc};

use common::{
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB},
};
use remoting::body::{route::QueueData, topic_list::TopicList};

use super::tables::{NAME_MAX_BYTES, Queues, RouteTables, TOPICS_MAX};

/// Which topics to list by their unit bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicKind {
    /// Topics of a unit.
    Unit,
    /// Topics a unit subscribes to.
    UnitSub,
    /// Topics a unit subscribes to and that belong to none.
    UnitSubUnUnit,
}

impl TopicKind {
    fn includes(self, topic_sys_flag: i32) -> bool {
        let is_unit = topic_sys_flag & TOPIC_SYS_FLAG_UNIT != 0;
        let has_unit_sub = topic_sys_flag & TOPIC_SYS_FLAG_UNIT_SUB != 0;
        match self {
            Self::Unit => is_unit,
            Self::UnitSub => has_unit_sub,
            Self::UnitSubUnUnit => has_unit_sub && !is_unit,
        }
    }
}

/// What happens to the right to write on a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WritePermission {
    /// It is taken away.
    Wipe,
    /// It is given, and that to read with it.
    Add,
}

impl RouteTables {
    pub(super) fn all_topics(&self) -> TopicList {
        self.topics.keys().cloned().collect()
    }

    /// Topics on the brokers of a cluster; none for an unknown one.
    pub(super) fn topics_of_cluster(&self, cluster_name: &str) -> TopicList {
        let Some(names) = self.clusters.get(cluster_name) else { return TopicList::default() };
        let held = |queues: &BTreeMap<Arc<str>, Queues>| queues.keys().any(|name| names.contains(name));
        self.topics.iter().filter(|(_, queues)| held(queues)).map(|(topic, _)| topic.clone()).collect()
    }

    /// Names of clusters and groups, which are topics too, and the address of a broker that knows the rest.
    pub(super) fn system_topics(&self) -> TopicList {
        let groups = self.clusters.values().flatten().map(ToString::to_string);
        let mut topics: TopicList = self.clusters.keys().cloned().chain(groups).collect();
        let first = self.groups.values().find_map(|group| group.broker_addrs.values().next());
        topics.broker_addr = first.cloned();
        topics
    }

    pub(super) fn unit_topics(&self, kind: TopicKind) -> TopicList {
        let included = |queues: &BTreeMap<Arc<str>, Queues>| {
            queues.values().next().is_some_and(|queues| kind.includes(queues.topic_sys_flag))
        };
        self.topics.iter().filter(|(_, queues)| included(queues)).map(|(topic, _)| topic.clone()).collect()
    }

    /// Forgets a topic.
    pub(super) fn delete_topic(&mut self, topic: &str) {
        self.topics.remove(topic);
        self.mappings.remove(topic);
    }

    /// Forgets a topic on the brokers of one cluster.
    pub(super) fn delete_topic_in_cluster(&mut self, topic: &str, cluster_name: &str) {
        let (Some(names), Some(queues)) = (self.clusters.get(cluster_name), self.topics.get_mut(topic))
        else {
            return;
        };
        queues.retain(|name, _| !names.contains(name));
        if queues.is_empty() {
            self.delete_topic(topic);
        }
    }

    /// Sets a topic's queues on brokers that are known; on others nothing happens at all.
    pub(super) fn register_topic(&mut self, topic: &str, queue_datas: &[QueueData]) {
        let named = |data: &QueueData| {
            let name = self.groups.get_key_value(data.broker_name.as_str())?.0;
            Some((Arc::clone(name), Queues::from(data)))
        };
        let Some(queues) = queue_datas.iter().map(named).collect::<Option<Vec<_>>>() else {
            tracing::warn!(topic, "topic registered on a broker that is not known, ignored");
            return;
        };
        let is_full = self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(topic);
        if queues.is_empty() || is_full || topic.is_empty() || topic.len() > NAME_MAX_BYTES {
            tracing::warn!(topic, "topic beyond the limits of this name server, ignored");
            return;
        }
        self.topics.entry(topic.to_owned()).or_default().extend(queues);
    }

    /// Changes the right to write to all topics of a broker until it registers a change; counts them.
    pub(super) fn change_write_permission(&mut self, broker_name: &str, change: WritePermission) -> usize {
        let mut count = 0;
        for queues in self.topics.values_mut() {
            let Some(queues) = queues.get_mut(broker_name) else { continue };
            queues.perm = match change {
                WritePermission::Wipe => queues.perm.without(Permission::WRITE),
                WritePermission::Add => Permission::READ_WRITE,
            };
            count += 1;
        }
        count
    }
}
