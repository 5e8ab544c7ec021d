//! Headers about pop consumption.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PopMessageRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub max_msg_nums: i32,
    pub invisible_time: i64,
    pub poll_time: i64,
    /// The broker fills it in where it is missing.
    #[header(default)]
    pub born_time: i64,
    pub init_mode: i32,
    pub exp_type: Option<String>,
    pub exp: Option<String>,
    #[header(default)]
    pub order: bool,
    pub attempt_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PopMessageResponseHeader {
    pub pop_time: i64,
    pub invisible_time: i64,
    pub revive_qid: i32,
    pub rest_num: i64,
    pub start_offset_info: Option<String>,
    pub msg_offset_info: Option<String>,
    pub order_count_info: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AckMessageRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub extra_info: String,
    pub offset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PeekMessageRequestHeader {
    pub topic: String,
    pub queue_id: i32,
    pub max_msg_nums: i32,
    pub consumer_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ChangeInvisibleTimeRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub extra_info: String,
    pub offset: i64,
    pub invisible_time: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ChangeInvisibleTimeResponseHeader {
    pub pop_time: i64,
    pub invisible_time: i64,
    pub revive_qid: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct NotificationRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub poll_time: i64,
    /// The broker fills it in where it is missing.
    #[header(default)]
    pub born_time: i64,
    #[header(default)]
    pub order: bool,
    pub attempt_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct NotificationResponseHeader {
    #[header(default)]
    pub has_msg: bool,
    #[header(default)]
    pub polling_full: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PollingInfoRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct PollingInfoResponseHeader {
    pub polling_num: i32,
}
