//! The put path.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use common::names::{NAME_LENGTH_MAX_BYTES, RETRY_GROUP_TOPIC_PREFIX};
use message::{
    encode::{AppendCrc, EncodeError, NewRecord, PreparedRecord},
    property_names,
    record::MAX_PROPERTIES_BYTES,
    sys_flag,
};

use super::{
    MessageStore,
    lights::{Lights, without_offsets},
};
use crate::{
    arrival::Arrival,
    commit_log::{AppendError, Placed, QueueOffsets, lock_millis},
    consume_queue::{ConsumeQueue, QueueKind, TableError, Unit},
    consume_queue_ext::Extension,
    dispatch::{QueuePlace, inner_count},
    error::{IllegalMessage, PutError, Unavailable},
    index_file::KeyHashes,
    mapped_file::WriteError,
    options::{FlushDiskType, Switch},
    put::{Appended, Durability, PendingFlush, PendingMessage, WaitStore},
};

/// The longest topic that is no retry topic, in bytes.
const MAX_TOPIC_BYTES: usize = 127;

/// How much longer than the largest body a record may be.
const RECORD_OVERHEAD_BYTES: usize = 64 * 1024;

/// The options as they are for one put.
#[derive(Clone, Copy, Debug)]
struct Rules {
    append_crc: AppendCrc,
    max_body_bytes: usize,
    max_record_bytes: usize,
    /// Whether messages are in their queues only when they are flushed.
    holds_back: bool,
    light_queues: Switch,
    flush_disk_type: FlushDiskType,
    sync_flush_timeout: Duration,
}

impl MessageStore {
    /// Stores messages of one topic and queue, contiguously. They can be got at once, or, with sync flush and
    /// without `readUnCommitted`, when they are flushed.
    pub fn put(&self, messages: &[PendingMessage]) -> Result<Appended, PutError> {
        let begun = Instant::now();
        let outcome = self.put_checked(messages);
        self.counters.put_times.note(begun.elapsed());
        if outcome.is_err() {
            self.counters.put_failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    fn put_checked(&self, messages: &[PendingMessage]) -> Result<Appended, PutError> {
        self.health.writable()?;
        let first = messages.first().ok_or(IllegalMessage::Batch)?;
        let rules = self.rules(&first.topic);
        check_messages(first, messages, &rules)?;
        if messages.len() > 1 {
            let prepared = messages.iter().map(|message| self.prepare(message, &rules));
            return self.append(&rules, first, messages, &mut prepared.collect::<Result<Vec<_>, _>>()?, None);
        }
        // Most puts are of one message in one queue: it needs no allocation.
        let lights = if rules.light_queues.is_on() { self.lights_of(first)? } else { None };
        let Some(lights) = lights else {
            return self.append(&rules, first, messages, &mut [self.prepare(first, &rules)?], None);
        };
        let message = without_offsets(first);
        self.append(&rules, &message, messages, &mut [self.prepare(&message, &rules)?], Some(lights))
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
        self.append_lock_millis() > self.options.now().page_cache_busy_timeout.as_millis() as i64
    }

    fn rules(&self, topic: &str) -> Rules {
        let options = self.options.now();
        let max_record_bytes = options.max_message_size_bytes.saturating_add(RECORD_OVERHEAD_BYTES);
        let max_compacted_bytes = self.max_compacted_record_bytes(topic).unwrap_or(max_record_bytes);
        Rules {
            append_crc: if options.append_properties_crc.is_on() { AppendCrc::Yes } else { AppendCrc::No },
            max_body_bytes: options.max_message_size_bytes,
            max_record_bytes: max_record_bytes.min(max_compacted_bytes),
            holds_back: options.holds_back_unflushed(),
            light_queues: options.light_queues,
            flush_disk_type: options.flush_disk_type,
            sync_flush_timeout: options.sync_flush_timeout,
        }
    }

    fn prepare<'a>(
        &self,
        message: &'a PendingMessage,
        rules: &Rules,
    ) -> Result<PreparedRecord<'a>, IllegalMessage> {
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
            properties: message.properties.as_bytes(),
            append_crc: rules.append_crc,
        };
        let prepared = record.prepare().map_err(|error| self.illegal(error))?;
        if prepared.size_bytes() > rules.max_record_bytes {
            let limit_bytes = rules.max_record_bytes;
            return Err(IllegalMessage::Record { len_bytes: prepared.size_bytes(), limit_bytes });
        }
        Ok(prepared)
    }

    fn append(
        &self,
        rules: &Rules,
        first: &PendingMessage,
        messages: &[PendingMessage],
        prepared: &mut [PreparedRecord<'_>],
        mut lights: Option<Lights>,
    ) -> Result<Appended, PutError> {
        let is_queued = sys_flag::TransactionType::of(first.sys_flag).is_queued();
        let holds_back = rules.holds_back;
        let deletions = self.deletions.load(Ordering::Acquire);
        let queue = if is_queued {
            Some(self.queues.get_or_create(&first.topic, first.queue_id).map_err(PutError::ConsumeQueue)?)
        } else {
            None
        };
        let inner_count = inner_batch_count(first);
        let keys = (self.index.is_some() && !holds_back).then(|| KeyHashes::of(&first.topic, messages));
        let mut refound = None;
        let mut dispatched = Ok(());
        let placed = {
            let (refound, dispatched) = (&mut refound, &mut dispatched);
            let lights = std::cell::RefCell::new(lights.as_mut());
            // Under the append lock nobody deletes a topic; before it, somebody may have.
            let current = |refound: &Option<Arc<ConsumeQueue>>| refound.clone().or_else(|| queue.clone());
            let assigned_queue = std::cell::RefCell::new(None);
            self.log.append(
                prepared,
                &*self.clock,
                |records| {
                    if is_queued && self.deletions.load(Ordering::Acquire) != deletions {
                        *refound = self.queues.get_or_create(&first.topic, first.queue_id).ok();
                    }
                    let queue = current(refound);
                    let takes_batches = queue.as_ref().is_some_and(|queue| queue.kind() == QueueKind::Batch);
                    if inner_count.is_some() && !takes_batches {
                        return Err(IllegalMessage::InnerBatch);
                    }
                    let offset = queue.as_ref().map_or(0, |queue| self.next_queue_offset(queue, holds_back));
                    *assigned_queue.borrow_mut() = queue;
                    if let [record] = records {
                        if inner_count.is_some() {
                            let base = offset.to_string();
                            let added = record.add_property(property_names::INNER_BASE, &base);
                            added.map_err(|error| self.illegal(error))?;
                        }
                        if let Some(lights) = lights.borrow_mut().as_deref_mut() {
                            self.assign_lights(lights, record, holds_back)
                                .map_err(|error| self.illegal(error))?;
                        }
                    }
                    let step = if is_queued { inner_count.map_or(1, i64::from) } else { 0 };
                    Ok(QueueOffsets { first: offset, step })
                },
                |placed, records| {
                    if let Some(keys) = &keys {
                        self.index_feed.push(placed, keys);
                    }
                    if let Some(queue) = assigned_queue.borrow().as_ref() {
                        if holds_back {
                            self.note_assigned(queue.topic(), queue.queue_id(), placed.next_queue_offset);
                        } else {
                            *dispatched = self.push_units(queue, placed, messages, records);
                        }
                    }
                    if let Some(lights) = lights.borrow().as_deref()
                        && dispatched.is_ok()
                        && let [record] = records
                    {
                        *dispatched = self.push_lights(lights, placed, first, record);
                    }
                },
            )
        };
        let placed = placed.map_err(|error| self.refusal(error))?;
        if let Err(error) = dispatched {
            self.health.fence(&format!("{}/{}: {error}", first.topic, first.queue_id));
            return Err(PutError::NotDispatched { phy_offset: placed.phy_offset });
        }
        if !holds_back && let Some(lights) = &lights {
            self.lights_arrived(lights, &placed, first);
        }
        Ok(self.after_append(rules, first, messages, placed))
    }

    /// The next offset of a queue, units that are held back included.
    pub(super) fn next_queue_offset(&self, queue: &Arc<ConsumeQueue>, holds_back: bool) -> i64 {
        let visible = queue.max_queue_offset();
        if !holds_back {
            return visible;
        }
        let key = (Arc::clone(queue.topic()), queue.queue_id());
        self.assigned.lock().get(&key).map_or(visible, |assigned| visible.max(*assigned))
    }

    pub(super) fn note_assigned(&self, topic: &Arc<str>, queue_id: i32, next: i64) {
        self.assigned.lock().insert((Arc::clone(topic), queue_id), next);
    }

    fn push_units(
        &self,
        queue: &Arc<ConsumeQueue>,
        placed: &Placed,
        messages: &[PendingMessage],
        prepared: &[PreparedRecord<'_>],
    ) -> Result<(), TableError> {
        let phy_offsets =
            std::iter::once(placed.phy_offset).chain(placed.further_phy_offsets.iter().copied());
        let records = messages.iter().zip(prepared).zip(phy_offsets);
        for (queue_offset, ((message, record), phy_offset)) in (placed.queue_offset..).zip(records) {
            let inner_count = inner_batch_count(message);
            let store_timestamp = placed.store_timestamp;
            let mut unit = self.unit_of(message, record, phy_offset, store_timestamp);
            unit.tags_code =
                self.extended(queue, message.properties.as_bytes(), store_timestamp, unit.tags_code);
            QueuePlace { queue_offset, unit, store_timestamp, inner_count }.append_to(queue)?;
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
        if !self.extensions.is_written() || queue.kind() != QueueKind::Simple {
            return tags_code;
        }
        let bit_map = self.bit_maps.bit_map(queue.topic(), properties).unwrap_or_default();
        self.extensions.put(queue, &Extension { tags_code, store_timestamp, bit_map })
    }

    pub(super) fn unit_of(
        &self,
        message: &PendingMessage,
        record: &PreparedRecord<'_>,
        phy_offset: i64,
        store_timestamp: i64,
    ) -> Unit {
        let tags_code = self.unit_tags_code(message, store_timestamp);
        Unit { phy_offset, size_bytes: record.size_bytes() as i32, tags_code }
    }

    pub(super) fn unit_tags_code(&self, message: &PendingMessage, store_timestamp: i64) -> i64 {
        let properties = message.properties.as_bytes();
        self.levels.tags_code(&message.topic, properties, store_timestamp, message.tags_code)
    }

    fn after_append(
        &self,
        rules: &Rules,
        first: &PendingMessage,
        messages: &[PendingMessage],
        placed: Placed,
    ) -> Appended {
        let inner_count = inner_batch_count(first);
        let message_count = inner_count.map_or(messages.len(), |count| count.unsigned_abs().into());
        self.counters.put_messages.fetch_add(message_count as u64, Ordering::Relaxed);
        self.counters.put_bytes.fetch_add(placed.wrote_bytes as u64, Ordering::Relaxed);
        if !rules.holds_back && sys_flag::TransactionType::of(first.sys_flag).is_queued() {
            self.copy_if_compacted(&first.topic, first.queue_id);
            let first_next = placed.queue_offset + inner_count.map_or(1, i64::from);
            for (message, next_queue_offset) in messages.iter().zip(first_next..) {
                self.arrival.arrived(&Arrival {
                    topic: &message.topic,
                    queue_id: message.queue_id,
                    next_queue_offset,
                    tags_code: self.unit_tags_code(message, placed.store_timestamp),
                    store_timestamp: placed.store_timestamp,
                    properties: message.properties.as_bytes(),
                });
            }
        }
        if self.index.is_some() && !rules.holds_back {
            self.index_wanted.raise();
        }
        let durability = match (rules.flush_disk_type, first.wait_store_ok) {
            (FlushDiskType::Sync, WaitStore::Wait) => Durability::Pending(PendingFlush {
                done: self.group_commit.wait_for(placed.end_phy_offset()),
                timeout: rules.sync_flush_timeout,
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
            message_count,
            store_timestamp: placed.store_timestamp,
            wrote_bytes: placed.wrote_bytes,
            durability,
        }
    }

    fn illegal(&self, error: EncodeError) -> IllegalMessage {
        match error {
            EncodeError::Topic(len_bytes) => {
                IllegalMessage::Topic { len_bytes, limit_bytes: NAME_LENGTH_MAX_BYTES }
            }
            EncodeError::Properties(len_bytes) => {
                IllegalMessage::Properties { len_bytes, limit_bytes: MAX_PROPERTIES_BYTES }
            }
            EncodeError::Body(len_bytes) => {
                IllegalMessage::Body { len_bytes, limit_bytes: self.options.now().max_message_size_bytes }
            }
        }
    }

    fn refusal(&self, error: AppendError) -> PutError {
        match error {
            AppendError::TooLarge(len_bytes) => PutError::MessageIllegal(IllegalMessage::Record {
                len_bytes,
                limit_bytes: self.log.files().file_size(),
            }),
            AppendError::Illegal(error) => error.into(),
            AppendError::CreateFile(error) => PutError::CreateMappedFileFailed(error),
            AppendError::Write(WriteError::Full) => {
                PutError::CreateMappedFileFailed(std::io::Error::other("file is full"))
            }
            AppendError::Write(WriteError::NotReserved { needed_bytes, error }) => {
                let dir = self.log.files().dir();
                let usage = self.fs.disk_usage(dir).unwrap_or_default();
                tracing::warn!(%error, needed_bytes, available = usage.available_bytes, "no blocks for a message");
                PutError::ServiceNotAvailable(self.no_space(dir, &usage, needed_bytes))
            }
        }
    }
}

/// Whether messages can be stored, together with the first of them.
fn check_messages(
    first: &PendingMessage,
    messages: &[PendingMessage],
    rules: &Rules,
) -> Result<(), IllegalMessage> {
    let is_queued = |message: &PendingMessage| sys_flag::TransactionType::of(message.sys_flag).is_queued();
    let limit_bytes = rules.max_body_bytes;
    for message in messages {
        if message.topic != first.topic
            || message.queue_id != first.queue_id
            || is_queued(message) != is_queued(first)
        {
            return Err(IllegalMessage::Batch);
        }
        if message.body.len() > limit_bytes {
            return Err(IllegalMessage::Body { len_bytes: message.body.len(), limit_bytes });
        }
        let counts = message.properties.contains(property_names::INNER_NUM);
        let is_countable = || inner_count(message.properties.as_bytes()).is_some() && messages.len() == 1;
        if counts != is_inner_batch(message) || (counts && !(is_queued(message) && is_countable())) {
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
    Ok(())
}

/// How many messages are in a batch that stays one; `None` for any other message.
fn inner_batch_count(message: &PendingMessage) -> Option<i16> {
    if is_inner_batch(message) { inner_count(message.properties.as_bytes()) } else { None }
}

/// Whether the body is a batch that stays one.
fn is_inner_batch(message: &PendingMessage) -> bool {
    message.sys_flag & sys_flag::INNER_BATCH != 0
}
