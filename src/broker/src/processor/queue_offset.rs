//! Offsets of queues: newest, oldest and by time.

use std::sync::Arc;

use remoting::{
    headers::offset::{
        GetEarliestMsgStoretimeResponseHeader, GetMaxOffsetResponseHeader, GetMinOffsetResponseHeader,
        SearchOffsetResponseHeader,
    },
    reply::{Incoming, Reply, ReplyResult},
    request::{GetEarliestMsgStoretime, GetMaxOffset, GetMinOffset, SearchOffsetByTimestamp},
    router::Processor,
};
use store::{consume_queue::Boundary, message_store::MessageStore};

/// Answers where queues begin and end. A queue without messages begins and ends at 0.
pub struct QueueOffsetProcessor {
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<GetMaxOffset> for QueueOffsetProcessor {
    async fn process(&self, incoming: Incoming<GetMaxOffset>) -> ReplyResult<GetMaxOffset> {
        let header = incoming.header;
        let offset = self.store.max_offset(&header.topic, header.queue_id).unwrap_or(0);
        Ok(Reply::success().with_header(GetMaxOffsetResponseHeader { offset }))
    }
}

impl Processor<GetMinOffset> for QueueOffsetProcessor {
    async fn process(&self, incoming: Incoming<GetMinOffset>) -> ReplyResult<GetMinOffset> {
        let header = incoming.header;
        let offset = self.store.min_offset(&header.topic, header.queue_id).unwrap_or(0);
        // Of the questions here only this one is answered with a remark, an empty one.
        Ok(Reply::success().with_remark("").with_header(GetMinOffsetResponseHeader { offset }))
    }
}

impl Processor<SearchOffsetByTimestamp> for QueueOffsetProcessor {
    async fn process(
        &self,
        incoming: Incoming<SearchOffsetByTimestamp>,
    ) -> ReplyResult<SearchOffsetByTimestamp> {
        let header = incoming.header;
        let boundary = boundary(header.boundary_type.as_deref());
        let found = self.store.offset_by_time(&header.topic, header.queue_id, header.timestamp, boundary);
        Ok(Reply::success().with_header(SearchOffsetResponseHeader { offset: found.unwrap_or(0) }))
    }
}

impl Processor<GetEarliestMsgStoretime> for QueueOffsetProcessor {
    async fn process(
        &self,
        incoming: Incoming<GetEarliestMsgStoretime>,
    ) -> ReplyResult<GetEarliestMsgStoretime> {
        let header = incoming.header;
        // RocketMQ's "no message".
        let timestamp = self.store.earliest_store_time(&header.topic, header.queue_id).unwrap_or(-1);
        Ok(Reply::success().with_header(GetEarliestMsgStoretimeResponseHeader { timestamp }))
    }
}

/// The boundary of that name (`BoundaryType`).
pub(crate) fn boundary(name: Option<&str>) -> Boundary {
    match name {
        Some(name) if name.eq_ignore_ascii_case("upper") => Boundary::Upper,
        _ => Boundary::Lower,
    }
}
