//! What goes into [`MessageStore::get`](crate::message_store::MessageStore::get) and what comes out.

use std::fmt::Debug;

use bytes::Bytes;
use message::record::RecordView;

/// Which messages are wanted.
#[derive(Clone, Copy, Debug)]
pub struct GetRequest<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The queue.
    pub queue_id: i32,
    /// The first queue offset.
    pub queue_offset: i64,
    /// At most this many messages.
    pub max_count: usize,
    /// At most this many bytes, but one message at least.
    pub max_bytes: usize,
}

/// What a get found, RocketMQ's `GetMessageStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GetStatus {
    /// Messages.
    Found,
    /// Messages, but none the filter lets through.
    NoMatchedMessage,
    /// Places of messages whose records are gone.
    MessageWasRemoving,
    /// The offset is in range, but its unit cannot be read.
    OffsetFoundNull,
    /// The offset is beyond the one after the last message.
    OffsetOverflowBadly,
    /// The offset is the one after the last message.
    OffsetOverflowOne,
    /// The offset is below the first message.
    OffsetTooSmall,
    /// The queue does not exist.
    #[default]
    NoMatchedLogicQueue,
    /// The queue has never had a message.
    NoMessageInQueue,
    /// The offset was reset on the broker; given by the broker, never by the store.
    OffsetReset,
}

/// The answer to a get.
#[derive(Clone, Debug, Default)]
pub struct GetResult {
    /// What was found.
    pub status: GetStatus,
    /// Where to go on.
    pub next_begin_offset: i64,
    /// First queue offset.
    pub min_offset: i64,
    /// Queue offset after the last message.
    pub max_offset: i64,
    /// The records, in queue order.
    pub messages: Vec<Bytes>,
    /// The bytes of the same records, of those that lie side by side in one piece: what an answer is made of.
    pub pieces: Vec<Bytes>,
    /// The queue offset of each, in an inner batch of its first message.
    pub queue_offsets: Vec<i64>,
    /// How many messages: an inner batch has more than one.
    pub message_count: usize,
    /// Bytes of all records.
    pub total_bytes: usize,
    /// How many messages the filter held back after it had read them.
    pub filtered_count: usize,
    /// Whether the messages are so old that a slave had better serve them.
    pub suggest_pulling_from_slave: bool,
}

/// The answer has to come from the disk, and the caller does not wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

/// Which messages a consumer wants.
pub trait MessageFilter: Send + Sync + Debug {
    /// Whether the code in the `ConsumeQueue` unit matches; a hash may match by accident.
    fn matches_consume_queue(&self, tags_code: i64) -> bool;
    /// Whether the bits beside that unit say that the message may match. They are older than whoever began to filter
    /// after `store_timestamp`, and empty where nobody has calculated them.
    fn matches_bit_map(&self, _store_timestamp: i64, _bit_map: &[u8]) -> bool {
        true
    }
    /// Whether the message matches.
    fn matches_commit_log(&self, record: &RecordView<'_>) -> bool;
}

/// Lets every message through.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryMessage;

impl MessageFilter for EveryMessage {
    fn matches_consume_queue(&self, _tags_code: i64) -> bool {
        true
    }

    fn matches_commit_log(&self, _record: &RecordView<'_>) -> bool {
        true
    }
}

/// Messages found by a key.
#[derive(Clone, Debug, Default)]
pub struct QueryResult {
    /// The records that really have the key.
    pub messages: Vec<Bytes>,
    /// Store timestamp the index reaches to.
    pub index_last_update_timestamp: i64,
    /// Physical offset the index reaches to.
    pub index_last_update_phy_offset: i64,
}
