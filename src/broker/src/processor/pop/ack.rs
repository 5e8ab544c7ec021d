//! `ACK_MESSAGE` and `BATCH_ACK_MESSAGE` (`AckMessageProcessor`).

use std::{net::SocketAddr, sync::Arc};

use common::fastjson;
use remoting::{
    body::pop::{BatchAck, BatchAckMessageRequestBody},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{AckMessage, BatchAckMessage},
    response_code::ResponseCode,
    router::Processor,
};
use store::message_store::MessageStore;

use super::gate::{Asked, PopGate};
use crate::{
    offsets::ConsumerOffsetManager,
    pop::{
        PopTables,
        check_point::{AckMsg, CHECK_POINT_MESSAGES_MAX},
        extra_info::{ExtraInfo, POP_ORDER_REVIVE_QUEUE, real_topic},
        order::Acknowledged,
        queue::PopQueue,
    },
    stats::BrokerStats,
};

/// Serves acknowledgements.
pub struct AckMessageProcessor {
    pub(crate) gate: PopGate,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) stats: Arc<BrokerStats>,
}

/// What is acknowledged of one check point.
struct Ack {
    message: AckMsg,
    revive_queue_id: i32,
    revive_time: i64,
}

impl Processor<AckMessage> for AckMessageProcessor {
    async fn process(&self, incoming: Incoming<AckMessage>) -> ReplyResult<AckMessage> {
        let (header, peer) = (incoming.header, &incoming.peer);
        let (group, topic) = (header.consumer_group, header.topic);
        self.gate.check_queue(&Asked { peer, group: &group, topic: &topic, queue_id: header.queue_id })?;
        let (min, max) = self.range(&topic, header.queue_id).unwrap_or((0, 0));
        if !(min..=max).contains(&header.offset) {
            let remark = format!(
                "offset is illegal, key:{topic}@{}, commit:{}, store:{min}~{max}",
                header.queue_id, header.offset
            );
            return Err(Refusal::new(ResponseCode::NO_MESSAGE, remark));
        }
        let extra =
            ExtraInfo::parse(&header.extra_info).map_err(|error| Refusal::system_error(error.to_string()))?;
        let revive_time = extra.revive_time();
        let ack = Ack {
            message: AckMsg {
                ack_offset: header.offset,
                ack_offset_list: None,
                broker_name: Some(extra.broker_name),
                group,
                pop_time: extra.pop_time,
                queue_id: header.queue_id,
                start_offset: extra.ck_queue_offset,
                topic,
            },
            revive_queue_id: extra.revive_queue_id,
            revive_time,
        };
        self.acknowledge(ack, peer.peer_addr()).await?;
        Ok(Reply::success())
    }
}

impl Processor<BatchAckMessage> for AckMessageProcessor {
    async fn process(&self, incoming: Incoming<BatchAckMessage>) -> ReplyResult<BatchAckMessage> {
        if incoming.body.is_empty() {
            return Ok(Reply::of(ResponseCode::NO_MESSAGE));
        }
        let body: BatchAckMessageRequestBody = fastjson::from_slice(&incoming.body)
            .map_err(|error| Refusal::system_error(format!("acknowledgements cannot be read: {error}")))?;
        if body.acks.is_empty() {
            return Ok(Reply::of(ResponseCode::NO_MESSAGE));
        }
        for of_check_point in &body.acks {
            if let Some(ack) = self.read(of_check_point, &body.broker_name)? {
                self.acknowledge(ack, incoming.peer.peer_addr()).await?;
            }
        }
        Ok(Reply::success())
    }
}

impl AckMessageProcessor {
    /// First offset of a queue and the one after the last, if there is such a queue.
    fn range(&self, topic: &str, queue_id: i32) -> Option<(i64, i64)> {
        self.store.min_offset(topic, queue_id).zip(self.store.max_offset(topic, queue_id))
    }

    /// What of a batch is in its queue; `None` when nothing is.
    fn read(&self, batch: &BatchAck, broker_name: &str) -> Result<Option<Ack>, Refusal> {
        let topic = real_topic(&batch.topic, &batch.consumer_group, &batch.retry)
            .ok_or_else(|| Refusal::system_error("getRetry fail, format is wrong"))?;
        let Some((min, max)) = self.range(&topic, batch.queue_id) else {
            tracing::warn!(topic, batch.queue_id, "acknowledgement of no queue");
            return Ok(None);
        };
        let offsets = batch.offsets.iter().map(|distance| batch.start_offset.saturating_add(distance));
        let offsets: Vec<i64> = offsets
            .filter(|offset| (min..=max).contains(offset))
            .take(CHECK_POINT_MESSAGES_MAX + 1)
            .collect();
        if offsets.len() > CHECK_POINT_MESSAGES_MAX {
            let remark = format!("a check point has {CHECK_POINT_MESSAGES_MAX} messages at most");
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        let message = AckMsg {
            ack_offset: -1,
            ack_offset_list: Some(offsets.clone()),
            broker_name: Some(broker_name.to_owned()),
            group: batch.consumer_group.clone(),
            pop_time: batch.pop_time,
            queue_id: batch.queue_id,
            start_offset: batch.start_offset,
            topic,
        };
        let revive_time = batch.pop_time.saturating_add(batch.invisible_time);
        let ack = Ack { message, revive_queue_id: batch.revive_queue_id, revive_time };
        Ok((!offsets.is_empty()).then_some(ack))
    }

    async fn acknowledge(&self, ack: Ack, consumer: SocketAddr) -> Result<(), Refusal> {
        let Ack { message, revive_queue_id, revive_time } = ack;
        let queue = PopQueue::new(&message.topic, &message.group, message.queue_id);
        if revive_queue_id == POP_ORDER_REVIVE_QUEUE {
            for queue_offset in message.offsets() {
                let popped = InOrder { queue_offset: *queue_offset, pop_time: message.pop_time };
                self.acknowledge_in_order(&queue, popped, consumer).await?;
            }
            return Ok(());
        }
        if !self.pop.log.has_queue(revive_queue_id) {
            let remark = format!("reviveQueueId[{revive_queue_id}] is illegal");
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        let count = message.offsets().len();
        self.stats.acknowledged(&message.topic, &message.group, count);
        if !self.pop.buffer.acknowledge(&message, &self.pop.broker_name) {
            self.pop.log.put_ack(&message, revive_queue_id, revive_time).await?;
        }
        self.pop.inflight.subtract(&queue, message.pop_time, count);
        Ok(())
    }

    async fn acknowledge_in_order(
        &self,
        queue: &PopQueue,
        popped: InOrder,
        consumer: SocketAddr,
    ) -> Result<(), Refusal> {
        let PopQueue { topic, group, queue_id } = queue;
        let InOrder { queue_offset, pop_time } = popped;
        let committed = || self.offsets.query(group, topic, *queue_id).unwrap_or(-1);
        if queue_offset < committed() {
            return Ok(());
        }
        let _turn = self.pop.locks.lock(queue).await;
        let old = committed();
        if queue_offset < old {
            return Ok(());
        }
        match self.pop.orders.acknowledge(queue, queue_offset, pop_time) {
            Acknowledged::Next(next) => {
                if !self.offsets.has_reset(topic, group, *queue_id) {
                    self.pop.offsets.commit(queue, next);
                }
                if !self.pop.orders.needs_block(queue, None, 0) {
                    self.pop.notify(queue);
                }
            }
            Acknowledged::Outdated => {}
            Acknowledged::Unknown => {
                let remark = format!(
                    "offset is illegal, key:{queue}, old:{old}, commit:{queue_offset}, next:-1, /{consumer}"
                );
                return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
            }
        }
        self.pop.inflight.subtract(queue, pop_time, 1);
        Ok(())
    }
}

/// A message that was popped in order.
struct InOrder {
    queue_offset: i64,
    pop_time: i64,
}
