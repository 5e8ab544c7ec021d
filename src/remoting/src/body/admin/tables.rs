//! Topics and groups, singly and all at once.

use std::{collections::BTreeMap, sync::Arc};

use common::{
    data_version::DataVersion,
    group::SubscriptionGroupConfig,
    permission::Permission,
    topic::{TopicConfig, TopicFilterType},
};
use serde::{Deserialize, Serialize};

use crate::body::{
    heartbeat::null_as_default, queue_mapping::TopicQueueMappingDetail, route::TopicQueueMappingInfo,
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
    pub topic_queue_mapping_detail_map: BTreeMap<String, Arc<TopicQueueMappingDetail>>,
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

/// `TopicConfigAndQueueMapping`: a topic, and where its logical queues are if it is a static one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicConfigAndQueueMapping<'a> {
    attributes: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_detail: Option<&'a TopicQueueMappingDetail>,
    order: bool,
    perm: Permission,
    read_queue_nums: i32,
    topic_filter_type: TopicFilterType,
    topic_name: &'a str,
    topic_sys_flag: i32,
    write_queue_nums: i32,
}

impl<'a> TopicConfigAndQueueMapping<'a> {
    /// The topic's configuration with that mapping.
    pub fn new(config: &'a TopicConfig, mapping_detail: Option<&'a TopicQueueMappingDetail>) -> Self {
        Self {
            attributes: &config.attributes,
            mapping_detail,
            order: config.order,
            perm: config.perm,
            read_queue_nums: config.read_queue_nums,
            topic_filter_type: config.topic_filter_type,
            topic_name: &config.topic_name,
            topic_sys_flag: config.topic_sys_flag,
            write_queue_nums: config.write_queue_nums,
        }
    }
}

/// The mapping in a `TopicConfigAndQueueMapping` of another broker.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingOfTopic {
    /// It is absent when the topic is no static one there.
    pub mapping_detail: Option<TopicQueueMappingDetail>,
}
