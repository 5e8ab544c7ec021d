//! Headers about clients, groups and what they consume.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UnregisterClientRequestHeader {
    #[header(key = "clientID")]
    pub client_id: String,
    pub producer_group: Option<String>,
    pub consumer_group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumerListByGroupRequestHeader {
    pub consumer_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct NotifyConsumerIdsChangedRequestHeader {
    pub consumer_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumerConnectionListRequestHeader {
    pub consumer_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetProducerConnectionListRequestHeader {
    pub producer_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteSubscriptionGroupRequestHeader {
    pub group_name: String,
    #[header(default)]
    pub clean_offset: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumeStatsRequestHeader {
    pub consumer_group: String,
    pub topic: Option<String>,
    pub topic_list: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumerStatusRequestHeader {
    pub topic: String,
    pub group: String,
    pub client_addr: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryTopicConsumeByWhoRequestHeader {
    pub topic: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryConsumeTimeSpanRequestHeader {
    pub topic: String,
    pub group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumerRunningInfoRequestHeader {
    pub consumer_group: String,
    pub client_id: String,
    pub jstack_enable: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ConsumeMessageDirectlyResultRequestHeader {
    pub consumer_group: String,
    pub client_id: Option<String>,
    pub msg_id: Option<String>,
    pub broker_name: Option<String>,
    pub topic: Option<String>,
    pub topic_sys_flag: Option<i32>,
    pub group_sys_flag: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ViewBrokerStatsDataRequestHeader {
    pub stats_name: String,
    pub stats_key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetConsumeStatsInBrokerHeader {
    pub is_order: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryConsumeQueueRequestHeader {
    pub topic: Option<String>,
    pub queue_id: Option<i32>,
    pub index: Option<i64>,
    pub count: Option<i32>,
    pub consumer_group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryTopicsByConsumerRequestHeader {
    pub group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QuerySubscriptionByConsumerRequestHeader {
    pub group: String,
    pub topic: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetSubscriptionGroupConfigRequestHeader {
    pub group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UpdateGroupForbiddenRequestHeader {
    pub group: String,
    pub topic: String,
    pub readable: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CheckRocksdbCqWriteProgressRequestHeader {
    pub topic: String,
    pub check_store_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ExportRocksDBConfigToJsonRequestHeader {
    pub config_type: String,
}
