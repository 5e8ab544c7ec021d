//! The broker as a whole: what its groups lack, what its queues hold, who copies from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConsumeStats;
use crate::body::heartbeat::SubscriptionData;

/// `ConsumeStatsList`: how far all groups of a broker are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStatsList {
    /// `host:port` of the broker.
    pub broker_addr: String,
    /// For each group by its name, the topics it has offsets in.
    pub consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    /// Messages that are not consumed.
    pub total_diff: i64,
    /// Messages that are pulled and not consumed, as RocketMQ counts them here: without the pulled ones.
    pub total_inflight_diff: i64,
}

/// `QueryConsumeQueueResponseBody`: a stretch of a queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeQueueResponseBody {
    /// What the asked group filters by, as a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_data: Option<String>,
    /// Queue offset after the last message.
    pub max_queue_index: i64,
    /// Queue offset of the first message.
    pub min_queue_index: i64,
    /// The units.
    pub queue_data: Vec<ConsumeQueueData>,
    /// What the asked group subscribes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
}

/// `ConsumeQueueData`: one unit of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeQueueData {
    /// The bits beside it, as a text of zeros and ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_map: Option<String>,
    /// Whether the asked group takes it, as far as the extension tells.
    pub eval: bool,
    /// What stands beside it, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend_data_json: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// Physical offset of the record.
    pub physic_offset: i64,
    /// Bytes of the record.
    pub physic_size: i32,
    /// Hash of the tags.
    pub tags_code: i64,
}

/// `HARuntimeInfo`: who copies from this broker, or whom it copies from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HaRuntimeInfo {
    /// The side of a slave.
    pub ha_client_runtime_info: HaClientRuntimeInfo,
    /// The slaves that are connected.
    pub ha_connection_info: Vec<HaConnectionRuntimeInfo>,
    /// How many of them have nearly everything.
    pub in_sync_slave_nums: i32,
    /// Whether the broker takes messages itself.
    pub master: bool,
    /// Physical offset after its last record.
    pub master_commit_log_max_offset: i64,
}

/// `HARuntimeInfo.HAConnectionRuntimeInfo`: a slave that is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HaConnectionRuntimeInfo {
    /// Its address.
    pub addr: String,
    /// Bytes it lacks.
    pub diff: i64,
    /// Whether that is little enough.
    pub in_sync: bool,
    /// Physical offset it has acknowledged.
    pub slave_ack_offset: i64,
    /// Physical offset it began at.
    pub transfer_from_where: i64,
    /// Bytes a second.
    pub transferred_byte_in_second: i64,
}

/// `HARuntimeInfo.HAClientRuntimeInfo`: the side of a slave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HaClientRuntimeInfo {
    /// Whether it copies.
    pub activated: bool,
    /// When it last heard of the master, in milliseconds.
    pub last_read_timestamp: i64,
    /// When it last answered, in milliseconds.
    pub last_write_timestamp: i64,
    /// The master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_addr: Option<String>,
    /// What the master has on disk.
    pub master_flush_offset: i64,
    /// What it has itself.
    pub max_offset: i64,
    /// Bytes a second.
    pub transferred_byte_in_second: i64,
}
