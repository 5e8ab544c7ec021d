//! Where the next pop of a queue begins.

use std::{fmt, sync::Arc};

use common::names;

use super::{buffer::PopBufferMergeService, order::ConsumerOrderInfoManager, queue::PopQueue};
use crate::offsets::{ConsumerOffsetManager, QueueOffsets};

/// Where a group without an offset begins (`ConsumeInitMode`): at the first message, any other value at the
/// last one.
pub const INIT_MODE_MIN: i32 = 0;
/// Named in the log where an offset goes back.
const WHO: &str = "pop";

/// The offsets of pops: committed ones, and those that are not committed yet.
pub struct PopOffsets {
    pub(super) committed: Arc<ConsumerOffsetManager>,
    pub(super) queues: Arc<dyn QueueOffsets>,
    pub(super) buffer: Arc<PopBufferMergeService>,
    pub(super) orders: Arc<ConsumerOrderInfoManager>,
    pub(super) begins_at_first_in_memory: bool,
}

impl PopOffsets {
    /// Where the next pop begins, of whoever has the queue's turn. A group that is new to the queue has its
    /// beginning committed; a pending reset is taken up.
    pub fn begin(&self, queue: &PopQueue, init_mode: i32) -> i64 {
        let PopQueue { topic, group, queue_id } = queue;
        if let Some(reset) = self.committed.take_reset(topic, group, *queue_id) {
            self.orders.clear(queue);
            self.buffer.clear(queue);
            self.commit(queue, reset);
            return reset;
        }
        // First what is not committed yet, see there.
        let buffered = self.buffer.latest_offset(queue);
        let committed = self.committed.query(group, topic, *queue_id).unwrap_or_else(|| {
            let initial = self.initial(queue, init_mode);
            self.commit(queue, initial);
            initial
        });
        buffered.map_or(committed, |buffered| buffered.max(committed))
    }

    /// Where the next pop would begin, for whoever only looks.
    pub fn next(&self, queue: &PopQueue, init_mode: i32) -> i64 {
        self.known(queue).unwrap_or_else(|| self.initial(queue, init_mode))
    }

    /// As [`Self::next`] for those that name no mode: a group that is new begins at the first message.
    pub fn peek(&self, queue: &PopQueue) -> i64 {
        self.next(queue, INIT_MODE_MIN)
    }

    fn known(&self, queue: &PopQueue) -> Option<i64> {
        let PopQueue { topic, group, queue_id } = queue;
        let buffered = self.buffer.latest_offset(queue);
        self.committed.query(group, topic, *queue_id).max(buffered)
    }

    fn initial(&self, queue: &PopQueue, init_mode: i32) -> i64 {
        let PopQueue { topic, queue_id, .. } = queue;
        let first = self.queues.min_queue_offset(topic, *queue_id);
        if init_mode == INIT_MODE_MIN || names::group_of_retry_topic(topic).is_some() {
            return first;
        }
        let is_young = first <= 0 && self.queues.is_in_memory(topic, *queue_id, 0);
        if self.begins_at_first_in_memory && is_young {
            return 0;
        }
        // The last message is popped, and not the one after it: so an offset is there from then on.
        self.queues.max_queue_offset(topic, *queue_id).saturating_sub(1).max(0)
    }

    /// Commits an offset; a table that is full lets the queue be popped again later.
    pub fn commit(&self, queue: &PopQueue, queue_offset: i64) {
        let PopQueue { topic, group, queue_id } = queue;
        if let Err(error) = self.committed.commit(&WHO, group, topic, *queue_id, queue_offset) {
            tracing::warn!(%queue, %error, "offset of a pop not noted");
        }
    }

    /// How many messages there are from an offset on.
    pub fn rest(&self, queue: &PopQueue, queue_offset: i64) -> i64 {
        self.queues.max_queue_offset(&queue.topic, queue.queue_id).saturating_sub(queue_offset)
    }
}

impl fmt::Debug for PopOffsets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PopOffsets").finish_non_exhaustive()
    }
}
