//! `CHANGE_MESSAGE_INVISIBLETIME` (`ChangeInvisibleTimeProcessor`): a popped message is to be seen again at
//! another time. For that it gets a check point of its own, and is then acknowledged in the one it had.

use std::sync::Arc;

use remoting::{
    headers::pop::{ChangeInvisibleTimeRequestHeader, ChangeInvisibleTimeResponseHeader},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::ChangeMessageInvisibletime,
    response_code::ResponseCode,
    router::Processor,
};
use runtime::clock::Clock;
use store::message_store::MessageStore;

use super::gate::{Asked, PopGate};
use crate::{
    offsets::ConsumerOffsetManager,
    pop::{
        PopTables,
        check_point::{AckMsg, PopCheckPoint, Popping},
        extra_info::ExtraInfo,
        queue::PopQueue,
    },
    stats::BrokerStats,
};

/// Serves changes of the time messages are hidden for.
pub struct ChangeInvisibleTimeProcessor {
    pub(crate) gate: PopGate,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Processor<ChangeMessageInvisibletime> for ChangeInvisibleTimeProcessor {
    async fn process(
        &self,
        incoming: Incoming<ChangeMessageInvisibletime>,
    ) -> ReplyResult<ChangeMessageInvisibletime> {
        let (header, peer) = (&incoming.header, &incoming.peer);
        let (group, topic, queue_id) = (&header.consumer_group, &header.topic, header.queue_id);
        self.gate.check_queue(&Asked { peer, group, topic, queue_id })?;
        let min = self.store.min_offset(topic, queue_id).unwrap_or(0);
        let max = self.store.max_offset(topic, queue_id).unwrap_or(0);
        if !(min..max).contains(&header.offset) {
            return Ok(Reply::of(ResponseCode::NO_MESSAGE));
        }
        let extra =
            ExtraInfo::parse(&header.extra_info).map_err(|error| Refusal::system_error(error.to_string()))?;
        let changed = if extra.is_order() {
            self.change_in_order(header, &extra).await
        } else {
            Some(self.change(header, extra).await?)
        };
        // A message popped in order that is done with has no other time.
        Ok(Reply::success().with_header(changed.unwrap_or_default()))
    }
}

impl ChangeInvisibleTimeProcessor {
    async fn change(
        &self,
        header: &ChangeInvisibleTimeRequestHeader,
        extra: ExtraInfo,
    ) -> Result<ChangeInvisibleTimeResponseHeader, Refusal> {
        let (group, topic, revive_queue_id) = (&header.consumer_group, &header.topic, extra.revive_queue_id);
        if !self.pop.log.has_queue(revive_queue_id) {
            let remark = format!("reviveQueueId[{revive_queue_id}] is illegal");
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        let (pop_time, invisible_time) = (self.clock.now_millis(), header.invisible_time);
        let popping = Popping { broker_name: &extra.broker_name, group, pop_time, invisible_time };
        let ck = PopCheckPoint::new(popping, topic, header.queue_id, header.offset, &[header.offset])
            .ok_or_else(|| Refusal::system_error("no check point can be made"))?;
        self.pop.log.put_check_point(&ck, revive_queue_id).await?;
        self.stats.check_point(topic, group);
        let revive_time = extra.revive_time();
        let ack = AckMsg {
            ack_offset: header.offset,
            ack_offset_list: None,
            broker_name: Some(extra.broker_name),
            group: group.clone(),
            pop_time: extra.pop_time,
            queue_id: header.queue_id,
            start_offset: extra.ck_queue_offset,
            topic: topic.clone(),
        };
        self.stats.acknowledged(topic, group, 1);
        if !self.pop.buffer.acknowledge(&ack, &self.pop.broker_name) {
            self.pop.log.put_ack(&ack, revive_queue_id, revive_time).await?;
        }
        Ok(ChangeInvisibleTimeResponseHeader { pop_time, invisible_time, revive_qid: revive_queue_id })
    }

    /// `None` when the message is not hidden any more.
    async fn change_in_order(
        &self,
        header: &ChangeInvisibleTimeRequestHeader,
        extra: &ExtraInfo,
    ) -> Option<ChangeInvisibleTimeResponseHeader> {
        let queue = PopQueue::new(&header.topic, &header.consumer_group, header.queue_id);
        let is_done = || {
            let committed = self.offsets.query(&queue.group, &queue.topic, queue.queue_id);
            committed.is_some_and(|committed| header.offset < committed)
        };
        if is_done() {
            return None;
        }
        let _turn = self.pop.locks.lock(&queue).await;
        if is_done() {
            return None;
        }
        let visible_at = self.clock.now_millis().saturating_add(header.invisible_time);
        self.pop.orders.set_next_visible_time(&queue, header.offset, extra.pop_time, visible_at);
        Some(ChangeInvisibleTimeResponseHeader {
            pop_time: extra.pop_time,
            invisible_time: visible_at.saturating_sub(extra.pop_time),
            revive_qid: extra.revive_queue_id,
        })
    }
}
