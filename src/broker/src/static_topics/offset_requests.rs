//! How far groups are in logical queues: `UPDATE_CONSUMER_OFFSET`, `QUERY_CONSUMER_OFFSET`.
//!
//! An offset is kept by the broker whose stretch it lies in, as one of the physical queue.

use remoting::{
    header::Header,
    headers::offset::{
        QueryConsumerOffsetRequestHeader, QueryConsumerOffsetResponseHeader,
        UpdateConsumerOffsetRequestHeader,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{QueryConsumerOffset, UpdateConsumerOffset},
    response_code::ResponseCode,
    router::Processor,
};

use super::{
    layer::{StaticTopicLayer, StaticTopics},
    logic_queue::{LogicQueue, Named},
    other_brokers::refused,
};

impl<P: Processor<UpdateConsumerOffset>> Processor<UpdateConsumerOffset> for StaticTopicLayer<P> {
    async fn process(
        &self,
        mut incoming: Incoming<UpdateConsumerOffset>,
    ) -> ReplyResult<UpdateConsumerOffset> {
        let header = &mut incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let Some(queue) = self.topics.mappings.logic_queue(named)? else {
            return self.inner.process(incoming).await;
        };
        let item = queue.at(header.commit_offset)?;
        *header = UpdateConsumerOffsetRequestHeader {
            queue_id: item.queue_id,
            commit_offset: item.physical(header.commit_offset),
            lo: Some(false),
            ..header.clone()
        };
        if queue.is_here(item) {
            return self.inner.process(incoming).await;
        }
        self.topics.brokers.ask_for::<UpdateConsumerOffset>(&item.bname, incoming.header).await?;
        Ok(Reply::success())
    }
}

impl<P: Processor<QueryConsumerOffset>> Processor<QueryConsumerOffset> for StaticTopicLayer<P> {
    async fn process(&self, mut incoming: Incoming<QueryConsumerOffset>) -> ReplyResult<QueryConsumerOffset> {
        let header = &mut incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let Some(queue) = self.topics.mappings.logic_queue(named)? else {
            return self.inner.process(incoming).await;
        };
        if queue.is_physical() {
            header.queue_id = queue.leader()?.queue_id;
            return self.inner.process(incoming).await;
        }
        let committed = self.topics.committed(&queue, header).await?;
        let offset = committed.ok_or_else(|| {
            let remark = "Not found, maybe this group consumer boot first";
            Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark)
        })?;
        Ok(Reply::success().with_header(QueryConsumerOffsetResponseHeader { offset }))
    }
}

impl StaticTopics {
    /// The group's offset in the latest stretch in which it has one.
    async fn committed(
        &self,
        queue: &LogicQueue,
        header: &QueryConsumerOffsetRequestHeader,
    ) -> Result<Option<i64>, Refusal> {
        for item in queue.items().iter().rev() {
            let physical = if queue.is_here(item) {
                self.offsets.query(&header.consumer_group, &header.topic, item.queue_id)
            } else {
                self.committed_elsewhere(&item.bname, item.queue_id, header).await?
            };
            // A consumer that reads a stretch has been told where it begins.
            if let Some(physical) = physical.filter(|physical| *physical >= 0 && item.is_decided()) {
                return Ok(Some(item.logical(physical)));
            }
        }
        Ok(None)
    }

    async fn committed_elsewhere(
        &self,
        bname: &str,
        queue_id: i32,
        header: &QueryConsumerOffsetRequestHeader,
    ) -> Result<Option<i64>, Refusal> {
        let header = QueryConsumerOffsetRequestHeader {
            queue_id,
            set_zero_if_not_found: Some(false),
            lo: Some(false),
            ..header.clone()
        };
        let answer = self.brokers.ask::<QueryConsumerOffset>(bname, header).await?;
        match ResponseCode(answer.code) {
            ResponseCode::SUCCESS => Ok(Some(QueryConsumerOffsetResponseHeader::decode(&answer.ext)?.offset)),
            ResponseCode::QUERY_NOT_FOUND => Ok(None),
            _ => Err(refused(bname, &answer)),
        }
    }
}
