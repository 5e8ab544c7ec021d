//! Headers about brokers: registration, KV configuration, membership.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetBrokerConfigResponseHeader {
    pub version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PutKVConfigRequestHeader {
    pub namespace: String,
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetKVConfigRequestHeader {
    pub namespace: String,
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetKVConfigResponseHeader {
    pub value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteKVConfigRequestHeader {
    pub namespace: String,
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RegisterBrokerRequestHeader {
    pub broker_name: String,
    pub broker_addr: String,
    pub cluster_name: String,
    pub ha_server_addr: String,
    pub broker_id: i64,
    pub heartbeat_timeout_millis: Option<i64>,
    pub enable_acting_master: Option<bool>,
    pub compressed: Option<bool>,
    #[header(default)]
    pub body_crc32: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RegisterBrokerResponseHeader {
    pub ha_server_addr: Option<String>,
    pub master_addr: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UnRegisterBrokerRequestHeader {
    pub broker_name: String,
    pub broker_addr: String,
    pub cluster_name: String,
    pub broker_id: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct WipeWritePermOfBrokerRequestHeader {
    pub broker_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct WipeWritePermOfBrokerResponseHeader {
    pub wipe_topic_count: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetKVListByNamespaceRequestHeader {
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryDataVersionRequestHeader {
    pub broker_name: String,
    pub broker_addr: String,
    pub cluster_name: String,
    pub broker_id: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryDataVersionResponseHeader {
    pub changed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AddWritePermOfBrokerRequestHeader {
    pub broker_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AddWritePermOfBrokerResponseHeader {
    pub add_topic_count: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetBrokerMemberGroupRequestHeader {
    pub cluster_name: String,
    pub broker_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AddBrokerRequestHeader {
    pub config_path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RemoveBrokerRequestHeader {
    pub broker_name: String,
    pub broker_cluster_name: String,
    pub broker_id: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct BrokerHeartbeatRequestHeader {
    pub cluster_name: String,
    pub broker_addr: String,
    pub broker_name: String,
    pub broker_id: Option<i64>,
    pub epoch: Option<i32>,
    pub max_offset: Option<i64>,
    pub confirm_offset: Option<i64>,
    pub heartbeat_timeout_mills: Option<i64>,
    pub election_priority: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct NotifyMinBrokerIdChangeRequestHeader {
    pub min_broker_id: Option<i64>,
    pub broker_name: Option<String>,
    pub min_broker_addr: Option<String>,
    pub offline_broker_addr: Option<String>,
    pub ha_broker_addr: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ExchangeHAInfoRequestHeader {
    pub master_ha_address: Option<String>,
    pub master_flush_offset: Option<i64>,
    pub master_address: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ExchangeHAInfoResponseHeader {
    pub master_ha_address: Option<String>,
    pub master_flush_offset: Option<i64>,
    pub master_address: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ResetMasterFlushOffsetHeader {
    pub master_flush_offset: i64,
}

/// RocketMQ reads this field without a class for the header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SetCommitLogReadModeRequestHeader {
    #[header(key = "READ_AHEAD_MODE")]
    pub read_ahead_mode: Option<String>,
}
