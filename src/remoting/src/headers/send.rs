//! Headers about sending messages and deciding transactions.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SendMessageRequestHeader {
    pub producer_group: String,
    pub topic: String,
    pub default_topic: String,
    pub default_topic_queue_nums: i32,
    pub queue_id: i32,
    pub sys_flag: i32,
    pub born_timestamp: i64,
    pub flag: i32,
    pub properties: Option<String>,
    pub reconsume_times: Option<i32>,
    pub unit_mode: Option<bool>,
    pub batch: Option<bool>,
    pub max_reconsume_times: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SendMessageRequestHeaderV2 {
    #[header(key = "a")]
    pub producer_group: String,
    #[header(key = "b")]
    pub topic: String,
    #[header(key = "c")]
    pub default_topic: String,
    #[header(key = "d")]
    pub default_topic_queue_nums: i32,
    #[header(key = "e")]
    pub queue_id: i32,
    #[header(key = "f")]
    pub sys_flag: i32,
    #[header(key = "g")]
    pub born_timestamp: i64,
    #[header(key = "h")]
    pub flag: i32,
    #[header(key = "i")]
    pub properties: Option<String>,
    #[header(key = "j")]
    pub reconsume_times: Option<i32>,
    #[header(key = "k")]
    pub unit_mode: Option<bool>,
    #[header(key = "l")]
    pub max_reconsume_times: Option<i32>,
    #[header(key = "m")]
    pub batch: Option<bool>,
    #[header(key = "n")]
    pub broker_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct SendMessageResponseHeader {
    pub msg_id: String,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub transaction_id: Option<String>,
    pub batch_uniq_id: Option<String>,
    pub recall_handle: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ConsumerSendMsgBackRequestHeader {
    pub offset: i64,
    pub group: String,
    pub delay_level: i32,
    pub origin_msg_id: Option<String>,
    pub origin_topic: Option<String>,
    #[header(default)]
    pub unit_mode: bool,
    pub max_reconsume_times: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct EndTransactionRequestHeader {
    pub topic: Option<String>,
    pub producer_group: String,
    pub tran_state_table_offset: i64,
    pub commit_log_offset: i64,
    pub commit_or_rollback: i32,
    #[header(default)]
    pub from_transaction_check: bool,
    pub msg_id: String,
    pub transaction_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CheckTransactionStateRequestHeader {
    pub topic: Option<String>,
    pub tran_state_table_offset: i64,
    pub commit_log_offset: i64,
    pub msg_id: Option<String>,
    pub transaction_id: Option<String>,
    pub offset_msg_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ReplyMessageRequestHeader {
    pub producer_group: String,
    pub topic: String,
    pub default_topic: String,
    pub default_topic_queue_nums: i32,
    pub queue_id: i32,
    pub sys_flag: i32,
    pub born_timestamp: i64,
    pub flag: i32,
    pub properties: Option<String>,
    pub reconsume_times: Option<i32>,
    #[header(default)]
    pub unit_mode: bool,
    pub born_host: String,
    pub store_host: String,
    pub store_timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RecallMessageRequestHeader {
    pub producer_group: Option<String>,
    pub topic: String,
    pub recall_handle: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RecallMessageResponseHeader {
    pub msg_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ResumeCheckHalfMessageRequestHeader {
    pub topic: Option<String>,
    pub msg_id: Option<String>,
}

impl From<SendMessageRequestHeaderV2> for SendMessageRequestHeader {
    fn from(short: SendMessageRequestHeaderV2) -> Self {
        Self {
            producer_group: short.producer_group,
            topic: short.topic,
            default_topic: short.default_topic,
            default_topic_queue_nums: short.default_topic_queue_nums,
            queue_id: short.queue_id,
            sys_flag: short.sys_flag,
            born_timestamp: short.born_timestamp,
            flag: short.flag,
            properties: short.properties,
            reconsume_times: short.reconsume_times,
            unit_mode: short.unit_mode,
            batch: short.batch,
            max_reconsume_times: short.max_reconsume_times,
        }
    }
}
