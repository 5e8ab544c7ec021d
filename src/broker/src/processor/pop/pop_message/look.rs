//! One look of a pop at its queues.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use common::names::PopRetryVersion;
use message::{
    encode::{AppendCrc, EncodeError, NewRecord, Placement},
    properties::PropertyString,
    property_names as property,
    record::RecordView,
};
use rand::Rng;
use remoting::reply::Refusal;
use store::get::{GetResult, GetStatus};

use super::{Pop, PopMessageProcessor, retry_topic};
use crate::{
    metrics::Out,
    pop::{
        self,
        check_point::{PopCheckPoint, Popping},
        extra_info::{ExtraInfo, OffsetInfo, POP_ORDER_REVIVE_QUEUE},
        order_info::OrderInfo,
        queue::PopQueue,
        reader::Found,
    },
};

/// What a pop has found so far.
pub(super) struct Popped {
    pub(super) messages: Vec<Bytes>,
    pub(super) info: OffsetInfo,
    /// How many messages are left in the queues that were looked at.
    pub(super) rest: i64,
    pub(super) pop_time: i64,
    pub(super) revive_queue_id: i32,
    /// Why messages were not handed out that are there.
    failure: Option<Refusal>,
}

impl Popped {
    pub(super) fn is_found(&self) -> bool {
        !self.messages.is_empty()
    }

    fn add_rest(&mut self, rest: i64) {
        self.rest = self.rest.saturating_add(rest);
    }
}

/// Whether a queue is one of a retry topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Retry,
}

impl PopMessageProcessor {
    /// Takes from the queues in turn, beginning anywhere, until there is enough; sometimes from the retry
    /// topic first, and from it last if it was not.
    pub(super) async fn look(&self, pop: &Pop) -> Result<Popped, Refusal> {
        let header = &pop.header;
        let random = rand::rng().random_range(0..100);
        let mut popped = self.begin(header.order);
        let config = self.config.snapshot();
        let retries_first = random < config.pop_from_retry_probability;
        // Texts about messages do not tell the two kinds of retry topics of one pop apart.
        let looks_at_old_kind =
            config.enable_retry_topic_v2 && config.retrieve_message_from_pop_retry_topic_v1;
        let version = if looks_at_old_kind && random % 2 == 0 {
            PopRetryVersion::V1
        } else {
            pop::retry_version(&config)
        };
        let retry_topic = retry_topic(header, version);
        if retries_first && !header.order {
            self.look_at_topic(pop, &retry_topic, random, &mut popped).await?;
        }
        if header.queue_id < 0 {
            for queue_id in queues_from(random, pop.topic.read_queue_nums) {
                let queue = PopQueue { queue_id, ..pop.place.clone() };
                self.look_at_queue(pop, &queue, Kind::Normal, &mut popped).await?;
            }
        } else {
            self.look_at_queue(pop, &pop.place, Kind::Normal, &mut popped).await?;
        }
        if !retries_first && popped.messages.len() < pop.max_count && !header.order {
            self.look_at_topic(pop, &retry_topic, random, &mut popped).await?;
        }
        match popped.failure.take() {
            Some(failure) if !popped.is_found() => Err(failure),
            _ => Ok(popped),
        }
    }

    fn begin(&self, is_order: bool) -> Popped {
        let revive_queue_id = if is_order {
            POP_ORDER_REVIVE_QUEUE
        } else {
            let queue_num = u64::try_from(self.pop.log.queue_num()).unwrap_or(1).max(1);
            let number = self.check_point_number.fetch_add(1, Ordering::Relaxed);
            i32::try_from(number % queue_num).unwrap_or(0)
        };
        Popped {
            messages: Vec::new(),
            info: OffsetInfo::default(),
            rest: 0,
            pop_time: self.clock.now_millis(),
            revive_queue_id,
            failure: None,
        }
    }

    async fn look_at_topic(
        &self,
        pop: &Pop,
        retry_topic: &str,
        random: i32,
        popped: &mut Popped,
    ) -> Result<(), Refusal> {
        let Some(topic) = self.gate.topics.find(retry_topic) else { return Ok(()) };
        for queue_id in queues_from(random, topic.read_queue_nums) {
            let queue = PopQueue { topic: Arc::from(retry_topic), queue_id, ..pop.place.clone() };
            self.look_at_queue(pop, &queue, Kind::Retry, popped).await?;
        }
        Ok(())
    }

    async fn look_at_queue(
        &self,
        pop: &Pop,
        queue: &PopQueue,
        kind: Kind,
        popped: &mut Popped,
    ) -> Result<(), Refusal> {
        let (header, offsets) = (&pop.header, &self.pop.offsets);
        let Some(_turn) = self.pop.locks.try_lock(queue) else {
            if !header.order {
                popped.add_rest(offsets.rest(queue, offsets.next(queue, header.init_mode)));
            }
            return Ok(());
        };
        if self.has_too_many_unacknowledged(queue) {
            popped.add_rest(offsets.rest(queue, offsets.next(queue, header.init_mode)));
            return Ok(());
        }
        let begin = offsets.begin(queue, header.init_mode);
        if header.order {
            // What a blocked queue has does not count: its acknowledgement wakes those that wait for it.
            if self.pop.orders.needs_block(queue, header.attempt_id.as_deref(), header.invisible_time) {
                return Ok(());
            }
            self.pop.inflight.clear(queue);
        }
        let room = pop.max_count.saturating_sub(popped.messages.len());
        if room == 0 {
            popped.add_rest(offsets.rest(queue, begin));
            return Ok(());
        }
        let found = self.reader.read(queue, begin, room, &pop.filter).await?;
        self.take(pop, queue, kind, found, popped).await;
        Ok(())
    }

    fn has_too_many_unacknowledged(&self, queue: &PopQueue) -> bool {
        let config = self.config.now();
        config.enable_pop_message_threshold
            && self.pop.inflight.count(queue) > config.pop_inflight_message_threshold
    }

    /// Takes what was found in a queue, or passes over what is none of the pop's.
    async fn take(&self, pop: &Pop, queue: &PopQueue, kind: Kind, found: Found, popped: &mut Popped) {
        let Found { begin, result } = found;
        let count = result.message_count;
        if count > 0 {
            self.stats.group_get(&queue.topic, &queue.group, count, result.total_bytes);
            let out = if kind == Kind::Retry { Out::PoppedRetry } else { Out::Popped };
            let (topic, metrics) = (&pop.header.topic, self.stats.metrics());
            metrics.messages_out(topic, &queue.group, out, count, result.total_bytes);
            if let Err(refusal) = self.record(pop, queue, begin, &result, popped).await {
                tracing::warn!(%queue, remark = refusal.remark(), "messages not popped, they could not be noted");
                popped.failure = Some(refusal);
                popped.add_rest(i64::try_from(count).unwrap_or(0));
                return;
            }
            popped.info.add(&queue.topic, queue.queue_id, begin, &result.queue_offsets);
        } else if passes_over(result.status) && result.next_begin_offset >= 0 {
            if pop.header.order {
                self.pop.offsets.commit(queue, result.next_begin_offset);
            } else {
                self.pop.buffer.advance(queue, result.next_begin_offset);
            }
        }
        popped.add_rest(result.max_offset.saturating_sub(result.next_begin_offset));
        if kind == Kind::Retry && !self.config.now().pop_response_return_actual_retry_topic {
            self.add_retries(pop, begin, result.messages, popped);
        } else {
            popped.messages.extend(result.messages);
        }
        self.pop.inflight.add(queue, count);
    }

    /// Notes that messages are popped, so that they come again; only then they may be handed out.
    async fn record(
        &self,
        pop: &Pop,
        queue: &PopQueue,
        begin: i64,
        found: &GetResult,
        popped: &mut Popped,
    ) -> Result<(), Refusal> {
        let (header, pop_time) = (&pop.header, popped.pop_time);
        let (offsets, invisible_time) = (&found.queue_offsets, header.invisible_time);
        if header.order {
            let now = self.clock.now_millis();
            let info = OrderInfo::new(header.attempt_id.as_deref(), pop_time, invisible_time, offsets, now);
            self.pop.orders.update(queue, info, &mut popped.info);
            self.pop.offsets.commit(queue, begin);
            return Ok(());
        }
        let broker_name = &self.pop.broker_name;
        let popping = Popping { broker_name, group: &queue.group, pop_time, invisible_time };
        let ck = PopCheckPoint::new(popping, &queue.topic, queue.queue_id, begin, offsets)
            .ok_or_else(|| Refusal::system_error("messages are too far apart for one check point"))?;
        self.stats.check_point(&header.topic, &queue.group);
        let (revive_queue_id, next) = (popped.revive_queue_id, found.next_begin_offset);
        if !self.pop.buffer.add(&ck, revive_queue_id, queue, next) {
            self.pop.log.put_check_point(&ck, revive_queue_id).await?;
            self.pop.buffer.advance(queue, next);
        }
        Ok(())
    }

    /// Retries look as if they were of the topic that was asked for, and bring their `POP_CK` themselves.
    fn add_retries(&self, pop: &Pop, begin: i64, messages: Vec<Bytes>, popped: &mut Popped) {
        let extra = ExtraInfo {
            ck_queue_offset: begin,
            pop_time: popped.pop_time,
            invisible_time: pop.header.invisible_time,
            revive_queue_id: popped.revive_queue_id,
            broker_name: self.pop.broker_name.clone(),
        };
        for bytes in messages {
            let Ok(record) = RecordView::decode(&bytes) else { continue };
            match with_topic(&record, &pop.header.topic, &extra) {
                Ok(message) => popped.messages.push(message),
                Err(error) => tracing::error!(topic = record.topic(), %error, "retry not handed out"),
            }
        }
    }
}

/// All queues, beginning somewhere.
fn queues_from(random: i32, queue_num: i32) -> impl Iterator<Item = i32> {
    (0..queue_num).map(move |step| random.wrapping_add(step).rem_euclid(queue_num))
}

/// Whether there are places of messages that no pop will be given.
fn passes_over(status: GetStatus) -> bool {
    matches!(
        status,
        GetStatus::NoMatchedMessage
            | GetStatus::OffsetFoundNull
            | GetStatus::MessageWasRemoving
            | GetStatus::NoMatchedLogicQueue
    )
}

fn with_topic(record: &RecordView<'_>, topic: &str, extra: &ExtraInfo) -> Result<Bytes, EncodeError> {
    let mut properties = PropertyString::from_encoded(record.properties());
    properties.remove(property::CRC32);
    if !properties.contains(property::POP_CK) {
        let text = extra.of_message(record.topic(), record.queue_id(), record.queue_offset()).to_string();
        properties.push(property::POP_CK, &text);
    }
    let message = NewRecord {
        topic,
        queue_id: record.queue_id(),
        flag: record.flag(),
        sys_flag: record.sys_flag(),
        born_timestamp: record.born_timestamp(),
        born_host: record.born_host(),
        store_host: record.store_host(),
        reconsume_times: record.reconsume_times(),
        prepared_transaction_offset: record.prepared_transaction_offset(),
        body: record.body(),
        properties: properties.as_bytes(),
        append_crc: AppendCrc::No,
    };
    let placement = Placement {
        queue_offset: record.queue_offset(),
        phy_offset: record.phy_offset(),
        store_timestamp: record.store_timestamp(),
    };
    Ok(message.prepare()?.to_vec(placement).into())
}
