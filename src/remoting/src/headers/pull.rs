//! Headers about pulling and querying messages.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PullMessageRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub max_msg_nums: i32,
    pub sys_flag: i32,
    pub commit_offset: i64,
    pub suspend_timeout_millis: i64,
    pub subscription: Option<String>,
    pub sub_version: i64,
    pub expression_type: Option<String>,
    pub max_msg_bytes: Option<i32>,
    pub request_source: Option<i32>,
    // The wire key is misspelt.
    #[header(key = "proxyFrowardClientId")]
    pub proxy_forward_client_id: Option<String>,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PullMessageResponseHeader {
    pub suggest_which_broker_id: i64,
    pub next_begin_offset: i64,
    pub min_offset: i64,
    pub max_offset: i64,
    pub offset_delta: Option<i64>,
    pub topic_sys_flag: Option<i32>,
    pub group_sys_flag: Option<i32>,
    pub forbidden_type: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryMessageRequestHeader {
    pub topic: String,
    pub key: String,
    /// Whether `key` is a `UNIQ_KEY`.
    #[header(key = "_UNIQUE_KEY_QUERY", default)]
    pub unique_key_query: bool,
    pub max_num: i32,
    pub begin_timestamp: i64,
    pub end_timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryMessageResponseHeader {
    pub index_last_update_timestamp: i64,
    pub index_last_update_phyoffset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ViewMessageRequestHeader {
    pub topic: Option<String>,
    pub offset: i64,
}
