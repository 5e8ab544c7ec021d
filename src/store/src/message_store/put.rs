//! The put path.

use std::sync::{Arc, atomic::Ordering};

use common::names::{NAME_LENGTH_MAX_BYTES, RETRY_GROUP_TOPIC_PREFIX};
use message::{
    encode::{AppendCrc, EncodeError, NewRecord, PreparedRecord},
    properties, property_names,
    record::MAX_PROPERTIES_BYTES,
    sys_flag,
};

use super::MessageStore;
use crate::{
    arrival::Arrival,
    commit_log::{AppendError, Placed, QueueOffsets, lock_millis},
    consume_queue::{AppendError as QueueAppendError, ConsumeQueue, Unit},
    consume_queue_ext::Extension,
    error::{IllegalMessage, PutError, Unavailable},
    health::no_space,
    mapped_file::WriteError,
    options::FlushDiskType,
    put::{Appended, Durability, PendingFlush, PendingMessage, WaitStore},
};

/// The longest topic that is no retry topic, in bytes.
const MAX_TOPIC_BYTES: usize = 127;

/// How much longer than the largest body a record may be.
const RECORD_OVERHEAD_BYTES: usize = 64 * 1024;

impl MessageStore {
    /// Stores messages of one topic and queue, contiguously. They can be got at once, or, with sync flush and
    /// without `readUnCommitted`, when they are flushed.
    pub fn put(&self, messages: &[PendingMessage]) -> Result<Appended, PutError> {
        let outcome = self.put_checked(messages);
        if outcome.is_err() {
            self.counters.put_failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    fn put_checked(&self, messages: &[PendingMessage]) -> Result<Appended, PutError> {
        self.health.writable()?;
        let first = self.check_messages(messages)?;
        if messages.len() == 1 {
            // Most puts are of one message: it needs no allocation.
            self.append(first, messages, &[self.prepare(first)?])
        } else {
            let prepared = messages.iter().map(|message| self.prepare(message));
            self.append(first, messages, &prepared.collect::<Result<Vec<_>, _>>()?)
        }
    }

    /// Whether a put would be taken now.
    pub fn writable(&self) -> Result<(), Unavailable> {
        self.health.writable()
    }

    /// How long somebody has held the append lock, in milliseconds; 0 while it is free. RocketMQ's `lockTimeMills`.
    pub fn append_lock_millis(&self) -> i64 {
        let since = self.log.locked_since_millis();
        since.map_or(0, |since| lock_millis(&*self.clock).saturating_sub(since).max(0))
    }

    /// Whether puts have been waiting for memory for longer than `osPageCacheBusyTimeOutMills`.
    pub fn is_page_cache_busy(&self) -> bool {
        self.append_lock_millis() > self.options.page_cache_busy_timeout.as_millis() as i64
    }

    fn check_messages<'a>(
        &self,
        messages: &'a [PendingMessage],
    ) -> Result<&'a PendingMessage, IllegalMessage> {
        let first = messages.first().ok_or(IllegalMessage::Batch)?;
        let is_queued =
            |message: &PendingMessage| sys_flag::TransactionType::of(message.sys_flag).is_queued();
        for message in messages {
            if message.topic != first.topic
                || message.queue_id != first.queue_id
                || is_queued(message) != is_queued(first)
            {
                return Err(IllegalMessage::Batch);
            }
            if message.body.len() > self.options.max_message_size_bytes {
                return Err(IllegalMessage::Body {
                    len_bytes: message.body.len(),
                    limit_bytes: self.options.max_message_size_bytes,
                });
            }
            if message.sys_flag & sys_flag::INNER_BATCH != 0
                || properties::get(&message.properties, property_names::INNER_NUM).is_some()
            {
                return Err(IllegalMessage::InnerBatch);
            }
        }
        let is_retry = first.topic.starts_with(RETRY_GROUP_TOPIC_PREFIX);
        let limit_bytes = if is_retry { NAME_LENGTH_MAX_BYTES } else { MAX_TOPIC_BYTES };
        if first.topic.is_empty() || first.topic.len() > limit_bytes {
            return Err(IllegalMessage::Topic { len_bytes: first.topic.len(), limit_bytes });
        }
        if first.queue_id < 0 {
            return Err(IllegalMessage::QueueId(first.queue_id));
        }
        Ok(first)
    }

    fn prepare<'a>(&self, message: &'a PendingMessage) -> Result<PreparedRecord<'a>, IllegalMessage> {
        let append_crc =
            if self.options.append_properties_crc.is_on() { AppendCrc::Yes } else { AppendCrc::No };
        let record = NewRecord {
            topic: &message.topic,
            queue_id: message.queue_id,
            flag: message.flag,
            sys_flag: message.sys_flag,
            born_timestamp: message.born_timestamp,
            born_host: message.born_host,
            store_host: message.store_host,
            reconsume_times: message.reconsume_times,
            prepared_transaction_offset: message.prepared_transaction_offset,
            body: &message.body,
            properties: &message.properties,
            append_crc,
        };
        let prepared = record.prepare().map_err(|error| match error {
            EncodeError::Topic(len_bytes) => {
                IllegalMessage::Topic { len_bytes, limit_bytes: NAME_LENGTH_MAX_BYTES }
            }
            EncodeError::Properties(len_bytes) => {
                IllegalMessage::Properties { len_bytes, limit_bytes: MAX_PROPERTIES_BYTES }
            }
            EncodeError::Body(len_bytes) => {
                IllegalMessage::Body { len_bytes, limit_bytes: self.options.max_message_size_bytes }
            }
        })?;
        let limit_bytes = self.options.max_message_size_bytes.saturating_add(RECORD_OVERHEAD_BYTES);
        if prepared.size_bytes() > limit_bytes {
            return Err(IllegalMessage::Record { len_bytes: prepared.size_bytes(), limit_bytes });
        }
        Ok(prepared)
    }

    fn append(
        &self,
        first: &PendingMessage,
        messages: &[PendingMessage],
        prepared: &[PreparedRecord<'_>],
    ) -> Result<Appended, PutError> {
        let is_queued = sys_flag::TransactionType::of(first.sys_flag).is_queued();
        let holds_back = self.options.holds_back_unflushed();
        let deletions = self.deletions.load(Ordering::Acquire);
        let queue = if is_queued {
            Some(self.queues.get_or_create(&first.topic, first.queue_id).map_err(PutError::ConsumeQueue)?)
        } else {
            None
        };
        let mut refound = None;
        let mut dispatched = Ok(());
        let placed = {
            let (refound, dispatched) = (&mut refound, &mut dispatched);
            // Under the append lock nobody deletes a topic; before it, somebody may have.
            let current = |refound: &Option<Arc<ConsumeQueue>>| refound.clone().or_else(|| queue.clone());
            let assigned_queue = std::cell::RefCell::new(None);
            self.log.append(
                prepared,
                &*self.clock,
                || {
                    if is_queued && self.deletions.load(Ordering::Acquire) != deletions {
                        *refound = self.queues.get_or_create(&first.topic, first.queue_id).ok();
                    }
                    let queue = current(refound);
                    let offset = queue.as_ref().map_or(0, |queue| self.next_queue_offset(queue));
                    *assigned_queue.borrow_mut() = queue;
                    QueueOffsets { first: offset, step: i64::from(is_queued) }
                },
                |placed| {
                    if let Some(queue) = assigned_queue.borrow().as_ref() {
                        if holds_back {
                            self.note_assigned(queue, placed.queue_offset + messages.len() as i64);
                        } else {
                            *dispatched = self.push_units(queue, placed, messages, prepared);
                        }
                    }
                },
            )
        };
        let placed = placed.map_err(|error| self.refusal(error))?;
        if let Err(error) = dispatched {
            self.health.fence(&format!("{}/{}: {error}", first.topic, first.queue_id));
            return Err(PutError::NotDispatched { phy_offset: placed.phy_offset });
        }
        Ok(self.after_append(first, messages, placed, is_queued && !holds_back))
    }

    /// The next offset of a queue, units that are held back included.
    fn next_queue_offset(&self, queue: &Arc<ConsumeQueue>) -> i64 {
        let visible = queue.max_queue_offset();
        if !self.options.holds_back_unflushed() {
            return visible;
        }
        let key = (Arc::clone(queue.topic()), queue.queue_id());
        self.assigned.lock().get(&key).map_or(visible, |assigned| visible.max(*assigned))
    }

    fn note_assigned(&self, queue: &Arc<ConsumeQueue>, next: i64) {
        self.assigned.lock().insert((Arc::clone(queue.topic()), queue.queue_id()), next);
    }

    fn push_units(
        &self,
        queue: &Arc<ConsumeQueue>,
        placed: &Placed,
        messages: &[PendingMessage],
        prepared: &[PreparedRecord<'_>],
    ) -> Result<(), QueueAppendError> {
        let phy_offsets =
            std::iter::once(placed.phy_offset).chain(placed.further_phy_offsets.iter().copied());
        let records = messages.iter().zip(prepared).zip(phy_offsets);
        for (queue_offset, ((message, record), phy_offset)) in (placed.queue_offset..).zip(records) {
            let tags_code = self.unit_tags_code(message, placed.store_timestamp);
            let unit = Unit {
                phy_offset,
                size_bytes: record.size_bytes() as i32,
                tags_code: self.extended(queue, &message.properties, placed.store_timestamp, tags_code),
            };
            queue.append(queue_offset, unit)?;
        }
        Ok(())
    }

    /// Writes the extension of a queue's next unit, if it is to have one; answers what stands as its tags code.
    pub(super) fn extended(
        &self,
        queue: &ConsumeQueue,
        properties: &[u8],
        store_timestamp: i64,
        tags_code: i64,
    ) -> i64 {
        if !self.extensions.is_written() {
            return tags_code;
        }
        let bit_map = self.bit_maps.bit_map(queue.topic(), properties).unwrap_or_default();
        self.extensions.put(queue, &Extension { tags_code, store_timestamp, bit_map })
    }

    fn unit_tags_code(&self, message: &PendingMessage, store_timestamp: i64) -> i64 {
        self.levels.tags_code(&message.topic, &message.properties, store_timestamp, message.tags_code)
    }

    fn after_append(
        &self,
        first: &PendingMessage,
        messages: &[PendingMessage],
        placed: Placed,
        is_visible: bool,
    ) -> Appended {
        self.counters.put_messages.fetch_add(messages.len() as u64, Ordering::Relaxed);
        self.counters.put_bytes.fetch_add(placed.wrote_bytes as u64, Ordering::Relaxed);
        if is_visible {
            for (message, next_queue_offset) in messages.iter().zip(placed.queue_offset + 1..) {
                self.arrival.arrived(&Arrival {
                    topic: &message.topic,
                    queue_id: message.queue_id,
                    next_queue_offset,
                    tags_code: self.unit_tags_code(message, placed.store_timestamp),
                    store_timestamp: placed.store_timestamp,
                    properties: &message.properties,
                });
            }
        }
        if self.index.is_some() && !self.options.holds_back_unflushed() {
            self.index_wanted.raise();
        }
        let durability = match (self.options.flush_disk_type, first.wait_store_ok) {
            (FlushDiskType::Sync, WaitStore::Wait) => Durability::Pending(PendingFlush {
                done: self.group_commit.wait_for(placed.end_phy_offset()),
                timeout: self.options.sync_flush_timeout,
            }),
            (FlushDiskType::Sync, WaitStore::DontWait) => {
                self.group_commit.wanted.raise();
                Durability::Ready
            }
            (FlushDiskType::Async, _) => Durability::Ready,
        };
        // A fence that came up in between means that the flusher answers nobody any more.
        if self.health.fenced().is_some() {
            self.group_commit.fail_all();
        }
        Appended {
            phy_offset: placed.phy_offset,
            further_phy_offsets: placed.further_phy_offsets,
            queue_offset: placed.queue_offset,
            store_timestamp: placed.store_timestamp,
            wrote_bytes: placed.wrote_bytes,
            durability,
        }
    }

    fn refusal(&self, error: AppendError) -> PutError {
        match error {
            AppendError::TooLarge(len_bytes) => PutError::MessageIllegal(IllegalMessage::Record {
                len_bytes,
                limit_bytes: self.log.files().file_size(),
            }),
            AppendError::CreateFile(error) => PutError::CreateMappedFileFailed(error),
            AppendError::Write(WriteError::Full) => {
                PutError::CreateMappedFileFailed(std::io::Error::other("file is full"))
            }
            AppendError::Write(WriteError::NotReserved { needed_bytes, error }) => {
                let mount = self.log.files().dir().to_owned();
                let available = self.fs.disk_usage(&mount).map_or(0, |usage| usage.available_bytes);
                tracing::warn!(%error, needed_bytes, available, "no blocks for a message");
                PutError::ServiceNotAvailable(no_space(mount, available, needed_bytes))
            }
        }
    }
}
