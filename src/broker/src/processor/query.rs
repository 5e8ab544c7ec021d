//! Messages by id and by key (`QueryMessageProcessor`).

use std::sync::Arc;

use remoting::{
    headers::pull::QueryMessageResponseHeader,
    reply::{Body, Incoming, Refusal, Reply, ReplyResult},
    request::{QueryMessage, ViewMessageById},
    response_code::ResponseCode,
    router::Processor,
};
use store::message_store::MessageStore;

/// Finds stored messages.
pub struct QueryProcessor {
    pub(crate) store: Arc<MessageStore>,
    /// `defaultQueryMaxNum`: most messages found by their unique key.
    pub(crate) unique_key_max_count: usize,
    /// `maxMsgsNumBatch`: most messages found by any key, whatever is asked for.
    pub(crate) max_count: usize,
}

impl Processor<QueryMessage> for QueryProcessor {
    async fn process(&self, incoming: Incoming<QueryMessage>) -> ReplyResult<QueryMessage> {
        let header = incoming.header;
        let wanted_count = if header.unique_key_query {
            self.unique_key_max_count
        } else {
            usize::try_from(header.max_num).unwrap_or(0)
        };
        let max_count = wanted_count.min(self.max_count);
        let store = Arc::clone(&self.store);
        // The index is read at random places, which may have to come from the disk.
        let searched = tokio::task::spawn_blocking(move || {
            store.query(&header.topic, &header.key, max_count, header.begin_timestamp, header.end_timestamp)
        });
        let found = searched.await.map_err(|error| Refusal::system_error(error.to_string()))?;
        let reply_header = QueryMessageResponseHeader {
            index_last_update_timestamp: found.index_last_update_timestamp,
            index_last_update_phyoffset: found.index_last_update_phy_offset,
        };
        if found.messages.is_empty() {
            let remark = "can not find message, maybe time range not correct";
            return Ok(Reply::of(ResponseCode::QUERY_NOT_FOUND)
                .with_remark(remark)
                .with_header(reply_header));
        }
        Ok(Reply::success().with_header(reply_header).with_body(Body::Pieces(found.messages)))
    }
}

impl Processor<ViewMessageById> for QueryProcessor {
    async fn process(&self, incoming: Incoming<ViewMessageById>) -> ReplyResult<ViewMessageById> {
        let phy_offset = incoming.header.offset;
        match self.store.message_at(phy_offset) {
            Some(message) => Ok(Reply::success().with_body(message)),
            None => Err(Refusal::system_error(format!("can not find message by the offset, {phy_offset}"))),
        }
    }
}
