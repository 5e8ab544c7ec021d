//! Topics and groups, singly and all at once.

use std::{collections::BTreeMap, sync::Arc};

use common::{data_version::DataVersion, group::SubscriptionGroupConfig, topic::TopicConfig};
use serde::{Deserialize, Serialize};

use crate::body::{
    heartbeat::null_as_default, registration::TopicQueueMappingDetail, route::TopicQueueMappingInfo,
};

/// `CreateTopicListRequestBody`: topics to create or change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateTopicListRequestBody {
    /// The topics; their attributes are alterations.
    #[serde(deserialize_with = "null_as_default")]
    pub topic_config_list: Vec<TopicConfig>,
}

/// `SubscriptionGroupList`: groups to create or change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupList {
    /// The groups; their attributes are alterations.
    #[serde(deserialize_with = "null_as_default")]
    pub group_config_list: Vec<SubscriptionGroupConfig>,
}

/// `TopicConfigAndMappingSerializeWrapper` of topics that are shared: all topics of a broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AllTopicConfig {
    /// Version of the topics.
    pub data_version: DataVersion,
    /// Version of the mappings.
    pub mapping_data_version: DataVersion,
    /// Topics by name.
    pub topic_config_table: BTreeMap<String, Arc<TopicConfig>>,
    /// Mappings of static topics in full.
    pub topic_queue_mapping_detail_map: BTreeMap<String, TopicQueueMappingDetail>,
    /// Mappings of static topics as NameServers keep them.
    pub topic_queue_mapping_info_map: BTreeMap<String, TopicQueueMappingInfo>,
}

/// `SubscriptionGroupWrapper`: all groups of a broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupWrapper {
    /// Version of the groups.
    pub data_version: DataVersion,
    /// Forbidden bits by topic, by group.
    #[serde(deserialize_with = "null_as_default")]
    pub forbidden_table: BTreeMap<String, BTreeMap<String, i32>>,
    /// Groups by name.
    pub subscription_group_table: BTreeMap<String, Arc<SubscriptionGroupConfig>>,
}

/// `GroupForbidden`: whether a group may read a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupForbidden {
    /// The group.
    pub group: String,
    /// Whether it may.
    pub readable: bool,
    /// The topic.
    pub topic: String,
}
