//! Reading messages of a queue without holding up the runtime.

use std::sync::Arc;

use remoting::reply::Refusal;
use store::{
    get::{GetRequest, GetResult, GetStatus, MessageFilter},
    message_store::MessageStore,
};

use super::queue::PopQueue;
use crate::disk_reads::{DiskRead, DiskReads, MAX_ANSWER_BYTES};

/// Reads queues; what is not in memory is read from the disk by a thread.
#[derive(Clone, Debug)]
pub struct QueueReader {
    store: Arc<MessageStore>,
    disk_reads: DiskReads,
}

/// Messages of a queue.
pub struct Found {
    /// Where they were looked for: an offset that the queue does not have is corrected.
    pub begin: i64,
    /// What is there.
    pub result: GetResult,
}

impl QueueReader {
    /// A reader that reads so many times from the disk at a time.
    pub fn new(store: Arc<MessageStore>, disk_reads: usize) -> Self {
        Self { disk_reads: DiskReads::new(Arc::clone(&store), disk_reads), store }
    }

    /// Messages from an offset on, at most `max_count`; of an offset that the queue does not have, from the
    /// one that the store names instead.
    ///
    /// # Errors
    /// When the read did not end.
    pub async fn read(
        &self,
        queue: &PopQueue,
        begin: i64,
        max_count: usize,
        filter: &Arc<dyn MessageFilter>,
    ) -> Result<Found, Refusal> {
        let result = self.get(queue, begin, max_count, filter).await?;
        let is_elsewhere = matches!(
            result.status,
            GetStatus::OffsetTooSmall | GetStatus::OffsetOverflowBadly | GetStatus::OffsetFoundNull
        );
        if !is_elsewhere {
            return Ok(Found { begin, result });
        }
        let corrected = result.next_begin_offset;
        tracing::warn!(%queue, begin, corrected, "the queue does not have the offset of its group, corrected");
        let result = self.get(queue, corrected, max_count, filter).await?;
        Ok(Found { begin: corrected, result })
    }

    /// Messages from an offset on, at most `max_count`.
    ///
    /// # Errors
    /// When the read did not end.
    pub async fn get(
        &self,
        queue: &PopQueue,
        queue_offset: i64,
        max_count: usize,
        filter: &Arc<dyn MessageFilter>,
    ) -> Result<GetResult, Refusal> {
        if let Ok(found) = self.store.get_cached(&request(queue, queue_offset, max_count), &**filter) {
            return Ok(found);
        }
        let read =
            DiskRead { topic: Arc::clone(&queue.topic), queue_id: queue.queue_id, queue_offset, max_count };
        self.disk_reads.get(read, Arc::clone(filter)).await
    }
}

fn request(queue: &PopQueue, queue_offset: i64, max_count: usize) -> GetRequest<'_> {
    GetRequest {
        topic: &queue.topic,
        queue_id: queue.queue_id,
        queue_offset,
        max_count,
        max_bytes: MAX_ANSWER_BYTES,
    }
}
