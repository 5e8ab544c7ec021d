//! Everything one can ask the store about besides messages in queue order.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use message::record::RecordView;

use super::MessageStore;
use crate::{
    consume_queue::{Boundary, ConsumeQueue, Unit},
    fs::{Disk, DiskUsage},
    get::QueryResult,
    index_file::IndexRequest,
};

/// A query that finds only messages without the key looks this often at older ones.
const QUERY_ROUNDS: usize = 3;

impl MessageStore {
    /// The queue, when it exists and can be read.
    pub(super) fn queue(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        match self.queues.get(topic, queue_id) {
            Ok(queue) => queue,
            Err(error) => {
                tracing::error!(topic, queue_id, %error, "consume queue cannot be loaded");
                None
            }
        }
    }

    /// Queue offset after the last visible message; `None` without such a queue.
    pub fn max_offset(&self, topic: &str, queue_id: i32) -> Option<i64> {
        Some(self.queue(topic, queue_id)?.max_queue_offset())
    }

    /// Queue offset of the first message; `None` without such a queue.
    pub fn min_offset(&self, topic: &str, queue_id: i32) -> Option<i64> {
        Some(self.queue(topic, queue_id)?.min_queue_offset())
    }

    /// Queue offset by store timestamp, see [`ConsumeQueue::offset_by_time`]; `None` without such a queue.
    pub fn offset_by_time(
        &self,
        topic: &str,
        queue_id: i32,
        timestamp: i64,
        boundary: Boundary,
    ) -> Option<i64> {
        let store_time = |phy_offset, size_bytes| self.unit_store_time(phy_offset, size_bytes);
        match self.queue(topic, queue_id)?.offset_by_time(timestamp, boundary, &store_time) {
            Ok(queue_offset) => Some(queue_offset),
            Err(error) => {
                tracing::error!(topic, queue_id, %error, "consume queue cannot be searched");
                None
            }
        }
    }

    fn unit_store_time(&self, phy_offset: i64, size_bytes: i32) -> Option<i64> {
        let record = self.log.slice(phy_offset, usize::try_from(size_bytes).ok()?)?;
        Some(RecordView::decode(&record).ok()?.store_timestamp())
    }

    /// Store timestamp of a message in a queue.
    pub fn store_time(&self, topic: &str, queue_id: i32, queue_offset: i64) -> Option<i64> {
        let unit = self.queue_units(topic, queue_id, queue_offset, 1).into_iter().next()?;
        self.unit_store_time(unit.phy_offset, unit.size_bytes)
    }

    /// Store timestamp of the first message of a queue.
    pub fn earliest_store_time(&self, topic: &str, queue_id: i32) -> Option<i64> {
        self.store_time(topic, queue_id, self.min_offset(topic, queue_id)?)
    }

    /// Store timestamp of the first message of the CommitLog.
    pub fn earliest_store_time_of_log(&self) -> Option<i64> {
        self.log.store_time(self.log.min_phy_offset())
    }

    /// The record at a physical offset.
    pub fn message_at(&self, phy_offset: i64) -> Option<Bytes> {
        self.log.record(phy_offset)
    }

    /// Hands the records from a physical offset on to `visit`, in order, until it answers false.
    pub fn walk(&self, from: i64, visit: impl FnMut(&RecordView<'_>, &Bytes) -> bool) {
        self.log.walk(from, self.log.end(), visit);
    }

    /// Where the file begins that a physical offset is in; that of the first file when it lies before it.
    pub fn file_phy_offset(&self, phy_offset: i64) -> i64 {
        let size = self.log.files().file_size() as i64;
        (self.log.files().next_file_phy_offset(phy_offset) - size).max(self.log.min_phy_offset())
    }

    /// `size` bytes from a physical offset, all of one file.
    pub fn select(&self, phy_offset: i64, size: usize) -> Option<Bytes> {
        self.log.slice(phy_offset, size)
    }

    /// Messages with a key (or unique id), stored between `begin` and `end` in milliseconds, oldest first.
    pub fn query(&self, topic: &str, key: &str, max_count: usize, begin: i64, end: i64) -> QueryResult {
        let mut result = QueryResult::default();
        let Some(index) = &self.index else { return result };
        let mut until = end;
        for _ in 0..QUERY_ROUNDS {
            let mut found = match index.query(topic, key, max_count, begin, until) {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(topic, %error, "index cannot be read");
                    break;
                }
            };
            if found.phy_offsets.is_empty() {
                break;
            }
            found.phy_offsets.sort_unstable();
            result.index_last_update_timestamp = found.index_last_update_timestamp;
            result.index_last_update_phy_offset = found.index_last_update_phy_offset;
            let records: Vec<Bytes> =
                found.phy_offsets.iter().filter_map(|phy_offset| self.log.record(*phy_offset)).collect();
            if let Some(oldest) = records.first().and_then(|record| RecordView::decode(record).ok()) {
                until = oldest.store_timestamp();
            }
            result.messages.extend(records.into_iter().filter(|record| has_key(record, topic, key)));
            if !result.messages.is_empty() || until < begin {
                break;
            }
        }
        result
    }

    /// `ConsumeQueue` units from an offset on. Some may stand for no message, see [`Unit::is_message`].
    pub fn queue_units(&self, topic: &str, queue_id: i32, queue_offset: i64, max_count: usize) -> Vec<Unit> {
        let Some(queue) = self.queue(topic, queue_id) else { return Vec::new() };
        let units = queue.read_queued(Disk::MayWait, queue_offset, max_count).unwrap_or_else(|error| {
            tracing::error!(topic, queue_id, %error, "consume queue cannot be read");
            Vec::new()
        });
        units.into_iter().map(|queued| self.resolved(queued.unit)).collect()
    }

    /// First physical offset.
    pub fn min_phy_offset(&self) -> i64 {
        self.log.min_phy_offset()
    }

    /// Physical offset after the last record.
    pub fn max_phy_offset(&self) -> i64 {
        self.log.end()
    }

    /// Physical offset up to which everything is on disk.
    pub fn flushed_phy_offset(&self) -> i64 {
        self.log.flushed()
    }

    /// Physical offset up to which consumers may see messages, RocketMQ's `getConfirmOffset`.
    pub fn confirm_phy_offset(&self) -> i64 {
        if self.options.now().holds_back_unflushed() { self.log.flushed() } else { self.log.end() }
    }

    /// Whether `count` messages from an offset on are likely in memory, RocketMQ's
    /// `checkInMemByConsumeOffset`: the oldest of them decides, for the others were stored later.
    pub fn is_in_memory(&self, topic: &str, queue_id: i32, queue_offset: i64, count: usize) -> bool {
        let units = self.queue_units(topic, queue_id, queue_offset, count.min(1));
        units.first().is_some_and(|first| first.is_message() && self.is_hot(first.phy_offset, self.log.end()))
    }

    /// Deletes topics and all their queues; answers how many there were. Their messages stay in the CommitLog
    /// until it expires.
    pub fn delete_topics(&self, topics: &[&str]) -> usize {
        let deleted = topics.iter().filter(|topic| {
            self.log.while_not_appending(|| {
                self.deletions.fetch_add(1, Ordering::AcqRel);
                self.delete_compacted(topic);
                self.assigned.lock().retain(|(assigned, _), _| **assigned != ***topic);
                if let Err(error) = self.extensions.delete_topic(topic) {
                    tracing::error!(topic, %error, "extensions of a deleted topic not removed");
                }
                match self.queues.delete_topic(topic) {
                    Ok(existed) => existed,
                    Err(error) => {
                        tracing::error!(topic, %error, "consume queues of a deleted topic not removed");
                        false
                    }
                }
            })
        });
        deleted.count()
    }

    /// The topics that have queues.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.queues.topics()
    }

    /// The queues of a topic.
    pub fn queue_ids(&self, topic: &str) -> Vec<i32> {
        self.queues.queues(topic)
    }

    /// Bytes of CommitLog that are not yet visible to consumers or not yet in the index.
    pub fn dispatch_behind_bytes(&self) -> i64 {
        let dispatched =
            if self.options.now().holds_back_unflushed() { *self.dispatched.lock() } else { self.log.end() };
        let indexed = if self.index.is_some() { self.indexed.load(Ordering::Acquire) } else { dispatched };
        (self.log.end() - dispatched.min(indexed)).max(0)
    }

    /// How full the mounts of the CommitLog and of the `ConsumeQueue`s are.
    pub fn disk_usage(&self) -> std::io::Result<[DiskUsage; 2]> {
        Ok([self.fs.disk_usage(self.log.files().dir())?, self.fs.disk_usage(&self.options.now().root_dir)?])
    }
}

fn has_key(record: &Bytes, topic: &str, key: &str) -> bool {
    let Ok(view) = RecordView::decode(record) else { return false };
    view.topic() == topic
        && IndexRequest::of(&view).is_some_and(|request| request.all_keys().any(|found| found == key))
}
