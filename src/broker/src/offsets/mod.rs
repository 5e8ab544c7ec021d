//! How far groups have come: offsets committed by clustering groups, kept in `consumerOffset.json`, and
//! those of broadcasting clients, kept in memory.

mod broadcast;
mod consumer;
mod table;

pub use broadcast::{BroadcastOffsetManager, BroadcastSource};
pub use consumer::{
    CONSUMER_OFFSET_FILE, ConsumerOffsetManager, GROUP_QUEUES_MAX, GROUPS_MAX, OffsetError, OffsetSnapshot,
};

/// What the tables here ask of the store.
pub trait QueueOffsets: Send + Sync {
    /// The oldest queue offset that is still there; 0 for a queue without messages.
    fn min_queue_offset(&self, topic: &str, queue_id: i32) -> i64;

    /// The queue offset the next message gets.
    fn max_queue_offset(&self, topic: &str, queue_id: i32) -> i64;

    /// Whether the message at a queue offset is there and near enough to the end of the log to be in
    /// memory (`checkInMemByConsumeOffset`).
    fn is_in_memory(&self, topic: &str, queue_id: i32, queue_offset: i64) -> bool;
}
