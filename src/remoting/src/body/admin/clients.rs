//! Who is connected, and what of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::body::heartbeat::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData, known_or_none};

/// `Connection`: a client of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// `ip:port` of the client's end.
    pub client_addr: String,
    /// What the client calls itself.
    pub client_id: String,
    /// What it is written in (`LanguageCode`).
    pub language: String,
    /// Its `MQVersion` ordinal.
    pub version: i32,
}

/// `ConsumerConnection`: the members of a consumer group and what they subscribe to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerConnection {
    /// The members.
    pub connection_set: BTreeSet<Connection>,
    /// Where the group begins without an offset; `None` for a value unknown here, as below.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How messages reach the members.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub consume_type: Option<ConsumeType>,
    /// How the members share the queues.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub message_model: Option<MessageModel>,
    /// Subscriptions by topic.
    pub subscription_table: BTreeMap<String, SubscriptionData>,
}

/// `ProducerConnection`: the members of a producer group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerConnection {
    /// The members.
    pub connection_set: BTreeSet<Connection>,
}

/// `ProducerInfo`: a producer as `GET_ALL_PRODUCER_INFO` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerInfo {
    /// What the client calls itself.
    pub client_id: String,
    /// What it is written in (`LanguageCode`).
    pub language: String,
    /// Wall-clock milliseconds of its last heartbeat.
    pub last_update_timestamp: i64,
    /// `/ip:port` of the client's end, with the slash Java writes.
    #[serde(rename = "remoteIP")]
    pub remote_ip: String,
    /// Its `MQVersion` ordinal.
    pub version: i32,
}

/// `ProducerTableInfo`: the producers of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProducerTableInfo {
    /// Producers by group.
    pub data: BTreeMap<String, Vec<ProducerInfo>>,
}

/// `GroupList`: names of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupList {
    /// The names.
    pub group_list: BTreeSet<String>,
}

/// `QuerySubscriptionResponseBody`: what a group subscribes to in a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuerySubscriptionResponseBody {
    /// The group.
    pub group: String,
    /// The subscription, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
    /// The topic, as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}
