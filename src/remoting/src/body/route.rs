//! Routes: which brokers hold a topic and where they are.
//!
//! Brokers' addresses stand under their ids, which are numbers. A client that reads standard JSON only,
//! and every one since 4.9.4, gets them quoted ([`TopicRouteData::encode_standard`]); all others, and
//! every other body of this module, get RocketMQ's raw dialect:
//!
//! ```text
//! {"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"C",
//!   "enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a",
//!   "perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}
//! ```
//! (without the line breaks: some clients take the text apart by hand).

use std::collections::{BTreeMap, BTreeSet};

use common::{fastjson, permission::Permission};
use serde::{Deserialize, Deserializer, Serialize};

/// Id of a group's master.
pub const MASTER_ID: i64 = 0;

/// Addresses (`host:port`) of a group's brokers by their ids.
pub type BrokerAddrs = BTreeMap<i64, String>;

/// `TopicRouteData`: where a topic's queues are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicRouteData {
    /// The broker groups that hold the topic.
    #[serde(deserialize_with = "null_as_default")]
    pub broker_datas: Vec<BrokerData>,
    /// Filter servers by their broker's address.
    #[serde(deserialize_with = "null_as_default")]
    pub filter_server_table: BTreeMap<String, Vec<String>>,
    /// Queues in their global order: `broker-a:4;broker-b:4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_topic_conf: Option<String>,
    /// The topic's queues, group by group.
    #[serde(deserialize_with = "null_as_default")]
    pub queue_datas: Vec<QueueData>,
    /// Where the logical queues of a static topic are, by the name of the broker that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_queue_mapping_by_broker: Option<BTreeMap<String, TopicQueueMappingInfo>>,
}

impl TopicRouteData {
    /// The raw dialect.
    pub fn encode(&self) -> Vec<u8> {
        fastjson::to_vec(self)
    }

    /// Standard JSON in pure ASCII.
    pub fn encode_standard(&self) -> Vec<u8> {
        fastjson::to_vec_browser(self)
    }
}

/// `BrokerData`: one group of brokers, a master and its slaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerData {
    /// Addresses of those that are alive.
    #[serde(deserialize_with = "null_as_default")]
    pub broker_addrs: BrokerAddrs,
    /// The name they share.
    pub broker_name: String,
    /// Their cluster.
    pub cluster: String,
    /// Whether a slave may stand in for a lost master.
    pub enable_acting_master: bool,
    /// The zone the group belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
}

impl BrokerData {
    /// Smallest id of those that are alive.
    pub fn min_broker_id(&self) -> Option<i64> {
        self.broker_addrs.keys().next().copied()
    }

    /// Address of the master.
    pub fn master_addr(&self) -> Option<&str> {
        self.broker_addrs.get(&MASTER_ID).map(String::as_str)
    }
}

/// `QueueData`: a topic's queues on one group of brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueData {
    /// Name of the group.
    pub broker_name: String,
    /// What clients may do with the queues.
    pub perm: Permission,
    /// Number of queues consumers read.
    pub read_queue_nums: i32,
    /// Unit bits of the topic (`TopicSysFlag`).
    pub topic_sys_flag: i32,
    /// Number of queues producers send to.
    pub write_queue_nums: i32,
}

/// `TopicQueueMappingInfo`: which logical queues of a static topic one broker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicQueueMappingInfo {
    /// Name of the broker.
    pub bname: String,
    /// Physical queue by logical queue.
    #[serde(deserialize_with = "null_as_default")]
    pub curr_id_map: BTreeMap<i32, i32>,
    /// Whether the mapping is being changed.
    pub dirty: bool,
    /// Which mapping this is; a later one is greater.
    pub epoch: i64,
    /// Where the mapping holds.
    pub scope: String,
    /// The topic.
    pub topic: String,
    /// Number of logical queues.
    pub total_queues: i32,
}

/// The scope of mappings that hold everywhere.
pub(super) const SCOPE_GLOBAL: &str = "__global__";

impl Default for TopicQueueMappingInfo {
    fn default() -> Self {
        Self {
            bname: String::new(),
            curr_id_map: BTreeMap::new(),
            dirty: false,
            epoch: 0,
            scope: SCOPE_GLOBAL.to_owned(),
            topic: String::new(),
            total_queues: 0,
        }
    }
}

/// `ClusterInfo`: all clusters and their brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterInfo {
    /// Groups of brokers by name.
    #[serde(deserialize_with = "null_as_default")]
    pub broker_addr_table: BTreeMap<String, BrokerData>,
    /// Names of the groups by cluster.
    #[serde(deserialize_with = "null_as_default")]
    pub cluster_addr_table: BTreeMap<String, BTreeSet<String>>,
}

impl ClusterInfo {
    /// The raw dialect.
    pub fn encode(&self) -> Vec<u8> {
        fastjson::to_vec(self)
    }
}

/// `BrokerMemberGroup`: who is alive in one group of brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerMemberGroup {
    /// Addresses by id; empty for a group nobody knows.
    #[serde(deserialize_with = "null_as_default")]
    pub broker_addrs: BrokerAddrs,
    /// Name of the group.
    pub broker_name: String,
    /// Its cluster.
    pub cluster: String,
}

/// `GetBrokerMemberGroupResponseBody`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetBrokerMemberGroupResponseBody {
    /// The group.
    pub broker_member_group: BrokerMemberGroup,
}

impl GetBrokerMemberGroupResponseBody {
    /// The raw dialect.
    pub fn encode(&self) -> Vec<u8> {
        fastjson::to_vec(self)
    }
}

/// Java writes and takes `null` for an empty collection.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TopicRouteData {
        let addrs = [(0, "1.2.3.4:10911".to_owned()), (1, "1.2.3.5:10911".to_owned())];
        TopicRouteData {
            broker_datas: vec![BrokerData {
                broker_addrs: addrs.into(),
                broker_name: "broker-a".into(),
                cluster: "C".into(),
                ..BrokerData::default()
            }],
            queue_datas: vec![QueueData {
                broker_name: "broker-a".into(),
                perm: Permission(6),
                read_queue_nums: 4,
                topic_sys_flag: 0,
                write_queue_nums: 4,
            }],
            ..TopicRouteData::default()
        }
    }

    #[test]
    fn a_route_has_two_dialects() {
        let raw = concat!(
            r#"{"brokerDatas":[{"brokerAddrs":{0:"1.2.3.4:10911",1:"1.2.3.5:10911"},"#,
            r#""brokerName":"broker-a","cluster":"C","enableActingMaster":false}],"filterServerTable":{},"#,
            r#""queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"#,
            r#""writeQueueNums":4}]}"#
        );
        let route = sample();
        assert_eq!(String::from_utf8(route.encode()).unwrap(), raw);
        let standard = raw.replace("{0:", "{\"0\":").replace(",1:", ",\"1\":");
        assert_eq!(String::from_utf8(route.encode_standard()).unwrap(), standard);
        for text in [raw, &standard] {
            assert_eq!(fastjson::from_str::<TopicRouteData>(text).unwrap(), route);
        }
    }

    #[test]
    fn standard_json_is_pure_ascii() {
        let mut route = sample();
        route.order_topic_conf = Some("bröker:4".into());
        assert!(route.encode_standard().is_ascii());
        assert_eq!(fastjson::from_slice::<TopicRouteData>(&route.encode_standard()).unwrap(), route);
    }

    #[test]
    fn cluster_and_members_are_raw() {
        let group = BrokerMemberGroup {
            broker_addrs: [(0, "a:1".to_owned())].into(),
            broker_name: "b".into(),
            cluster: "C".into(),
        };
        let body = GetBrokerMemberGroupResponseBody { broker_member_group: group };
        assert_eq!(
            body.encode(),
            br#"{"brokerMemberGroup":{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":"C"}}"#
        );
        let text = r#"{"brokerAddrTable":{"b":{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":"C","enableActingMaster":true,"zoneName":"z"}},"clusterAddrTable":{"C":["b"]}}"#;
        let cluster: ClusterInfo = fastjson::from_str(text).unwrap();
        assert_eq!(String::from_utf8(cluster.encode()).unwrap(), text);
    }

    #[test]
    fn nulls_are_empty() {
        let route: TopicRouteData =
            fastjson::from_str(r#"{"brokerDatas":null,"queueDatas":null,"new":{}}"#).unwrap();
        assert_eq!(route, TopicRouteData::default());
    }
}
