//! The store's queues, as the tables that need no more of it see them.

use std::sync::Arc;

use store::message_store::MessageStore;

use crate::offsets::QueueOffsets;

/// [`QueueOffsets`] of a store. A queue without messages begins and ends at 0.
pub struct QueueView(pub Arc<MessageStore>);

impl QueueOffsets for QueueView {
    fn min_queue_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.0.min_offset(topic, queue_id).unwrap_or(0)
    }

    fn max_queue_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.0.max_offset(topic, queue_id).unwrap_or(0)
    }

    fn is_in_memory(&self, topic: &str, queue_id: i32, queue_offset: i64) -> bool {
        self.0.is_in_memory(topic, queue_id, queue_offset, 1)
    }
}
