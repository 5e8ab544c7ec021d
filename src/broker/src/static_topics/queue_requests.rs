//! Where logical queues begin and end: `GET_MAX_OFFSET`, `GET_MIN_OFFSET`, `SEARCH_OFFSET_BY_TIMESTAMP`,
//! `GET_EARLIEST_MSG_STORETIME`.

use remoting::{
    body::queue_mapping::LogicQueueMappingItem,
    headers::offset::{
        GetEarliestMsgStoretimeRequestHeader, GetEarliestMsgStoretimeResponseHeader,
        GetMaxOffsetRequestHeader, GetMaxOffsetResponseHeader, GetMinOffsetRequestHeader,
        GetMinOffsetResponseHeader, SearchOffsetRequestHeader, SearchOffsetResponseHeader,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetEarliestMsgStoretime, GetMaxOffset, GetMinOffset, Request, SearchOffsetByTimestamp},
    router::Processor,
};

use super::{
    layer::{StaticTopicLayer, StaticTopics},
    logic_queue::{LogicQueue, Named},
};
use crate::processor::queue_offset::boundary;

/// What brokers ask each other is about physical queues.
const PHYSICAL: Option<bool> = Some(false);

impl<P: Processor<GetMaxOffset>> Processor<GetMaxOffset> for StaticTopicLayer<P> {
    async fn process(&self, incoming: Incoming<GetMaxOffset>) -> ReplyResult<GetMaxOffset> {
        let header = &incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let Some(queue) = self.topics.mappings.logic_queue(named)? else {
            return self.inner.process(incoming).await;
        };
        let latest = queue.latest()?;
        let offset = latest.logical(self.topics.physical_max(&queue, latest).await?);
        Ok(Reply::success().with_header(GetMaxOffsetResponseHeader { offset }))
    }
}

impl<P: Processor<GetMinOffset>> Processor<GetMinOffset> for StaticTopicLayer<P> {
    async fn process(&self, incoming: Incoming<GetMinOffset>) -> ReplyResult<GetMinOffset> {
        let header = &incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let queue = self.topics.mappings.logic_queue(named).map_err(|refusal| {
            // This one request is refused in other words.
            let broker = self.topics.mappings.broker_name();
            let code = GetMinOffset::CODE.number();
            let remark = format!(
                "{}-{} is not leader in broker {broker}, request code {code}",
                named.topic, named.queue_id
            );
            Refusal::new(refusal.code(), remark)
        })?;
        let Some(queue) = queue else { return self.inner.process(incoming).await };
        let earliest = queue.earliest()?;
        let offset = earliest.logical_within(self.topics.physical_min(&queue, earliest).await?);
        Ok(Reply::success().with_remark("").with_header(GetMinOffsetResponseHeader { offset }))
    }
}

impl<P: Processor<SearchOffsetByTimestamp>> Processor<SearchOffsetByTimestamp> for StaticTopicLayer<P> {
    async fn process(
        &self,
        incoming: Incoming<SearchOffsetByTimestamp>,
    ) -> ReplyResult<SearchOffsetByTimestamp> {
        let header = &incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let Some(queue) = self.topics.mappings.logic_queue(named)? else {
            return self.inner.process(incoming).await;
        };
        let offset = self.topics.logical_by_time(&queue, header).await?;
        Ok(Reply::success().with_header(SearchOffsetResponseHeader { offset }))
    }
}

impl<P: Processor<GetEarliestMsgStoretime>> Processor<GetEarliestMsgStoretime> for StaticTopicLayer<P> {
    async fn process(
        &self,
        incoming: Incoming<GetEarliestMsgStoretime>,
    ) -> ReplyResult<GetEarliestMsgStoretime> {
        let header = &incoming.header;
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        let Some(queue) = self.topics.mappings.logic_queue(named)? else {
            return self.inner.process(incoming).await;
        };
        let timestamp = self.topics.earliest_store_time(&queue, queue.earliest()?).await?;
        Ok(Reply::success().with_header(GetEarliestMsgStoretimeResponseHeader { timestamp }))
    }
}

impl StaticTopics {
    /// Where the physical queue of a stretch ends.
    async fn physical_max(&self, queue: &LogicQueue, item: &LogicQueueMappingItem) -> Result<i64, Refusal> {
        let (topic, queue_id) = (queue.topic.clone(), item.queue_id);
        if queue.is_here(item) {
            return Ok(self.store.max_offset(&topic, queue_id).unwrap_or(0));
        }
        let header = GetMaxOffsetRequestHeader { topic, queue_id, committed: true, lo: PHYSICAL };
        Ok(self.brokers.ask_for::<GetMaxOffset>(&item.bname, header).await?.offset)
    }

    /// Where the physical queue of a stretch begins.
    async fn physical_min(&self, queue: &LogicQueue, item: &LogicQueueMappingItem) -> Result<i64, Refusal> {
        let (topic, queue_id) = (queue.topic.clone(), item.queue_id);
        if queue.is_here(item) {
            return Ok(self.store.min_offset(&topic, queue_id).unwrap_or(0));
        }
        let header = GetMinOffsetRequestHeader { topic, queue_id, lo: PHYSICAL };
        Ok(self.brokers.ask_for::<GetMinOffset>(&item.bname, header).await?.offset)
    }

    /// Store time of the first message of a stretch, -1 when there is none.
    async fn earliest_store_time(
        &self,
        queue: &LogicQueue,
        item: &LogicQueueMappingItem,
    ) -> Result<i64, Refusal> {
        let (topic, queue_id) = (queue.topic.clone(), item.queue_id);
        if queue.is_here(item) {
            return Ok(self.store.earliest_store_time(&topic, queue_id).unwrap_or(-1));
        }
        let header = GetEarliestMsgStoretimeRequestHeader { topic, queue_id, lo: PHYSICAL };
        Ok(self.brokers.ask_for::<GetEarliestMsgStoretime>(&item.bname, header).await?.timestamp)
    }

    /// The first message of a stretch that is not older, as an offset of its physical queue.
    async fn physical_by_time(
        &self,
        queue: &LogicQueue,
        item: &LogicQueueMappingItem,
        header: &SearchOffsetRequestHeader,
    ) -> Result<i64, Refusal> {
        if queue.is_here(item) {
            let boundary = boundary(header.boundary_type.as_deref());
            let found = self.store.offset_by_time(&queue.topic, item.queue_id, header.timestamp, boundary);
            return Ok(found.unwrap_or(0));
        }
        let header = SearchOffsetRequestHeader { queue_id: item.queue_id, lo: PHYSICAL, ..header.clone() };
        Ok(self.brokers.ask_for::<SearchOffsetByTimestamp>(&item.bname, header).await?.offset)
    }

    /// The first message of a logical queue that is not older, in the first stretch that has one.
    async fn logical_by_time(
        &self,
        queue: &LogicQueue,
        header: &SearchOffsetRequestHeader,
    ) -> Result<i64, Refusal> {
        let mut found = -1;
        for item in queue.items().iter().filter(|item| item.is_decided()) {
            let physical = self.physical_by_time(queue, item, header).await?;
            if physical < 0 {
                continue;
            }
            found = item.logical_within(physical);
            if queue.after(item).is_none() {
                break;
            }
            let end = match item.physical_end() {
                Some(end) => end,
                None => self.physical_max(queue, item).await?,
            };
            // At its end: everything in this stretch is older.
            if physical < end {
                break;
            }
        }
        Ok(found)
    }
}
