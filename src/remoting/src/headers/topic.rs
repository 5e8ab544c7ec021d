//! Headers about topics and their routes.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CreateTopicRequestHeader {
    pub topic: String,
    pub default_topic: String,
    pub read_queue_nums: i32,
    pub write_queue_nums: i32,
    pub perm: i32,
    pub topic_filter_type: String,
    pub topic_sys_flag: Option<i32>,
    #[header(default)]
    pub order: bool,
    pub attributes: Option<String>,
    #[header(default)]
    pub force: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetRouteInfoRequestHeader {
    pub topic: String,
    pub accept_standard_json_only: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetTopicStatsInfoRequestHeader {
    pub topic: String,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteTopicRequestHeader {
    pub topic: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteTopicFromNamesrvRequestHeader {
    pub topic: String,
    pub cluster_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RegisterTopicRequestHeader {
    pub topic: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetTopicsByClusterRequestHeader {
    pub cluster: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetTopicConfigRequestHeader {
    pub topic: String,
    pub lo: Option<bool>,
}
