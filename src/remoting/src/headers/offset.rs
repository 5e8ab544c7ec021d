//! Headers about queue offsets and consumer offsets.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryConsumerOffsetRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub set_zero_if_not_found: Option<bool>,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryConsumerOffsetResponseHeader {
    pub offset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UpdateConsumerOffsetRequestHeader {
    pub consumer_group: String,
    pub topic: String,
    pub queue_id: i32,
    pub commit_offset: i64,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SearchOffsetRequestHeader {
    pub topic: String,
    pub queue_id: i32,
    pub timestamp: i64,
    pub boundary_type: Option<String>,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SearchOffsetResponseHeader {
    pub offset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetMaxOffsetRequestHeader {
    pub topic: String,
    pub queue_id: i32,
    #[header(default = true)]
    pub committed: bool,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetMaxOffsetResponseHeader {
    pub offset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetMinOffsetRequestHeader {
    pub topic: String,
    pub queue_id: i32,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetMinOffsetResponseHeader {
    pub offset: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetEarliestMsgStoretimeRequestHeader {
    pub topic: String,
    pub queue_id: i32,
    pub lo: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetEarliestMsgStoretimeResponseHeader {
    pub timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ResetOffsetRequestHeader {
    pub group: String,
    pub topic: String,
    #[header(default = -1)]
    pub queue_id: i32,
    pub offset: Option<i64>,
    pub timestamp: i64,
    pub is_force: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct QueryCorrectionOffsetHeader {
    pub filter_groups: Option<String>,
    pub compare_group: String,
    pub topic: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CloneGroupOffsetRequestHeader {
    pub src_group: String,
    pub dest_group: String,
    pub topic: Option<String>,
    pub offline: Option<bool>,
}
