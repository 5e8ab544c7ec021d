//! Routes of topics as a client keeps them, and the queues that follow from them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use common::names::LOGICAL_QUEUE_MOCK_BROKER_PREFIX;
use parking_lot::Mutex;
use remoting::body::{
    consumer::MessageQueue,
    route::{BrokerData, TopicQueueMappingInfo, TopicRouteData},
};
use runtime::clock::Clock;

use crate::nameserver::{NameServerClient, NameServerError};

/// How long a route is taken for true (`pollNameServerInterval`).
const FRESH: Duration = Duration::from_secs(30);
/// Most topics whose routes are kept; the one looked up longest ago makes place.
const TOPICS_MAX: usize = 4096;

/// A queue, and the broker that is asked about it. They differ for the logical queues of a static topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedQueue {
    /// The queue.
    pub queue: MessageQueue,
    /// Name of the broker that serves it.
    pub broker_name: String,
    /// Address of that broker: its master, or who stands in for it.
    pub addr: String,
}

/// Routes by topic.
pub struct Routes {
    names: Arc<NameServerClient>,
    clock: Arc<dyn Clock>,
    limit: Duration,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    at: Duration,
    route: Arc<TopicRouteData>,
}

impl Routes {
    /// Routes from those `NameServers`, each of which may take `limit` to answer.
    pub fn new(names: Arc<NameServerClient>, clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self { names, clock, limit, known: Mutex::default() }
    }

    /// The route of a topic; `None` when it has none.
    ///
    /// # Errors
    /// When no `NameServer` answers.
    pub async fn get(&self, topic: &str) -> Result<Option<Arc<TopicRouteData>>, NameServerError> {
        let now = self.clock.monotonic();
        let known = self.known.lock().get(topic).cloned();
        if let Some(known) = known.filter(|known| now.saturating_sub(known.at) < FRESH) {
            return Ok(Some(known.route));
        }
        let Some(route) = self.names.route(topic, self.limit).await? else { return Ok(None) };
        let route = Arc::new(route);
        let mut table = self.known.lock();
        if table.len() >= TOPICS_MAX
            && let Some(oldest) =
                table.iter().min_by_key(|(_, known)| known.at).map(|(topic, _)| topic.clone())
        {
            table.remove(&oldest);
        }
        table.insert(topic.to_owned(), Known { at: now, route: Arc::clone(&route) });
        Ok(Some(route))
    }

    /// Looks a topic up anew when it is asked for next.
    pub fn forget(&self, topic: &str) {
        self.known.lock().remove(topic);
    }
}

/// Which broker of a group is asked: its master, or whoever stands in for it.
pub fn addr_of(group: &BrokerData) -> Option<&str> {
    group.master_addr().or_else(|| group.broker_addrs.values().next().map(String::as_str))
}

/// The queues consumers read, by broker and number (`topicRouteData2TopicSubscribeInfo`).
pub fn readable_queues(topic: &str, route: &TopicRouteData) -> Vec<RoutedQueue> {
    if let Some(mappings) = static_mappings(route) {
        return logical_queues(topic, route, mappings);
    }
    let readable = route.queue_datas.iter().filter(|queues| queues.perm.is_readable());
    let mut queues: Vec<_> = readable
        .filter_map(|queues| {
            let group = group(route, &queues.broker_name)?;
            Some(numbered(topic, &queues.broker_name, addr_of(group)?, queues.read_queue_nums))
        })
        .flatten()
        .collect();
    queues.sort_by(|a, b| a.queue.cmp(&b.queue));
    queues
}

/// The queues producers send to, in the order of the route (`topicRouteData2TopicPublishInfo`).
pub fn writable_queues(topic: &str, route: &TopicRouteData) -> Vec<RoutedQueue> {
    if let Some(mappings) = static_mappings(route) {
        return logical_queues(topic, route, mappings);
    }
    let mut writable: Vec<_> = route.queue_datas.iter().filter(|queues| queues.perm.is_writable()).collect();
    writable.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
    let queues = writable.into_iter().filter_map(|queues| {
        let master = group(route, &queues.broker_name)?.master_addr()?;
        Some(numbered(topic, &queues.broker_name, master, queues.write_queue_nums))
    });
    queues.flatten().collect()
}

fn group<'a>(route: &'a TopicRouteData, broker_name: &str) -> Option<&'a BrokerData> {
    route.broker_datas.iter().find(|group| group.broker_name == broker_name)
}

fn numbered(topic: &str, broker_name: &str, addr: &str, count: i32) -> Vec<RoutedQueue> {
    (0..count)
        .map(|queue_id| RoutedQueue {
            queue: MessageQueue::new(topic, broker_name, queue_id),
            broker_name: broker_name.to_owned(),
            addr: addr.to_owned(),
        })
        .collect()
}

fn static_mappings(route: &TopicRouteData) -> Option<&BTreeMap<String, TopicQueueMappingInfo>> {
    route.topic_queue_mapping_by_broker.as_ref().filter(|mappings| !mappings.is_empty())
}

/// The logical queues of a static topic, each with the broker that the latest mapping names.
fn logical_queues(
    topic: &str,
    route: &TopicRouteData,
    mappings: &BTreeMap<String, TopicQueueMappingInfo>,
) -> Vec<RoutedQueue> {
    let mut leaders: BTreeMap<i32, &TopicQueueMappingInfo> = BTreeMap::new();
    for mapping in mappings.values() {
        for queue_id in mapping.curr_id_map.keys() {
            let leader = leaders.entry(*queue_id).or_insert(mapping);
            if leader.epoch < mapping.epoch {
                *leader = mapping;
            }
        }
    }
    let routed = leaders.into_iter().filter_map(|(queue_id, leader)| {
        Some(RoutedQueue {
            queue: MessageQueue::new(topic, mock_broker(&leader.scope), queue_id),
            broker_name: leader.bname.clone(),
            addr: addr_of(group(route, &leader.bname)?)?.to_owned(),
        })
    });
    routed.collect()
}

/// The broker name under which the logical queues of a scope are addressed (`getMockBrokerName`).
pub fn mock_broker(scope: &str) -> String {
    let short = scope.strip_prefix("__").unwrap_or(scope);
    format!("{LOGICAL_QUEUE_MOCK_BROKER_PREFIX}{short}")
}

#[cfg(test)]
mod tests {
    use common::permission::Permission;
    use remoting::body::route::QueueData;

    use super::*;

    fn route() -> TopicRouteData {
        let group = |name: &str, id: i64, addr: &str| BrokerData {
            broker_addrs: [(id, addr.to_owned())].into(),
            broker_name: name.to_owned(),
            ..BrokerData::default()
        };
        let queues = |name: &str, perm| QueueData {
            broker_name: name.to_owned(),
            perm: Permission(perm),
            read_queue_nums: 2,
            topic_sys_flag: 0,
            write_queue_nums: 1,
        };
        TopicRouteData {
            broker_datas: vec![group("b", 0, "b:1"), group("a", 1, "a:2")],
            queue_datas: vec![queues("b", 6), queues("a", 6), queues("c", 6)],
            ..TopicRouteData::default()
        }
    }

    #[test]
    fn only_masters_are_sent_to() {
        let all = |queues: Vec<RoutedQueue>| -> Vec<String> {
            queues.iter().map(|routed| format!("{} {}", routed.queue, routed.addr)).collect()
        };
        assert_eq!(all(writable_queues("T", &route())), ["T@b:0 b:1"]);
        assert_eq!(all(readable_queues("T", &route())), ["T@a:0 a:2", "T@a:1 a:2", "T@b:0 b:1", "T@b:1 b:1"]);
    }

    #[test]
    fn logical_queues_are_where_the_latest_mapping_says() {
        let mapping = |bname: &str, epoch, queues: &[i32]| TopicQueueMappingInfo {
            bname: bname.to_owned(),
            curr_id_map: queues.iter().map(|queue_id| (*queue_id, 0)).collect(),
            epoch,
            ..TopicQueueMappingInfo::default()
        };
        let mappings = [("a", mapping("a", 1, &[0, 1])), ("b", mapping("b", 2, &[1]))];
        let mappings = mappings.map(|(name, mapping)| (name.to_owned(), mapping)).into();
        let route = TopicRouteData { topic_queue_mapping_by_broker: Some(mappings), ..route() };
        let queues = readable_queues("T", &route);
        let brokers: Vec<_> = queues.iter().map(|routed| routed.broker_name.as_str()).collect();
        assert_eq!(brokers, ["a", "b"]);
        assert_eq!(queues[0].queue.broker_name, "__syslo__global__");
    }
}
