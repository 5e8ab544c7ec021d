//! What consumers ask about their group (`ConsumerManageProcessor`): `GET_CONSUMER_LIST_BY_GROUP`,
//! `UPDATE_CONSUMER_OFFSET`, `QUERY_CONSUMER_OFFSET`.

use std::sync::Arc;

use remoting::{
    body::consumer::GetConsumerListByGroupResponseBody,
    headers::offset::QueryConsumerOffsetResponseHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetConsumerListByGroup, QueryConsumerOffset, UpdateConsumerOffset},
    response_code::ResponseCode,
    router::Processor,
};

use crate::{
    clients::ConsumerManager,
    groups::SubscriptionGroupManager,
    offsets::{ConsumerOffsetManager, QueueOffsets},
    topics::TopicConfigManager,
};

/// Serves questions about groups and their offsets.
pub struct ConsumerManageProcessor {
    topics: Arc<TopicConfigManager>,
    groups: Arc<SubscriptionGroupManager>,
    consumers: Arc<ConsumerManager>,
    offsets: Arc<ConsumerOffsetManager>,
    queues: Arc<dyn QueueOffsets>,
}

impl ConsumerManageProcessor {
    /// A processor over these tables.
    pub fn new(
        topics: Arc<TopicConfigManager>,
        groups: Arc<SubscriptionGroupManager>,
        consumers: Arc<ConsumerManager>,
        offsets: Arc<ConsumerOffsetManager>,
        queues: Arc<dyn QueueOffsets>,
    ) -> Self {
        Self { topics, groups, consumers, offsets, queues }
    }
}

impl Processor<GetConsumerListByGroup> for ConsumerManageProcessor {
    async fn process(
        &self,
        incoming: Incoming<GetConsumerListByGroup>,
    ) -> ReplyResult<GetConsumerListByGroup> {
        let group = &incoming.header.consumer_group;
        match self.consumers.client_ids(group) {
            Some(consumer_id_list) if !consumer_id_list.is_empty() => {
                let body = GetConsumerListByGroupResponseBody { consumer_id_list };
                Ok(Reply::success().with_body(common::fastjson::to_vec(&body)))
            }
            _ => Err(Refusal::system_error(format!("no consumer for this group, {group}"))),
        }
    }
}

impl Processor<UpdateConsumerOffset> for ConsumerManageProcessor {
    async fn process(&self, incoming: Incoming<UpdateConsumerOffset>) -> ReplyResult<UpdateConsumerOffset> {
        let header = &incoming.header;
        let (group, topic) = (&header.consumer_group, &header.topic);
        if !self.groups.contains(group) {
            let remark = format!("Group {group} not exist!");
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
        }
        if !self.topics.contains(topic) {
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("Topic {topic} not exist!")));
        }
        if self.offsets.has_reset(topic, group, header.queue_id) {
            return Ok(Reply::success().with_remark("Offset has been previously reset"));
        }
        self.offsets
            .commit(&incoming.peer.peer_addr(), group, topic, header.queue_id, header.commit_offset)
            .map_err(|error| Refusal::system_error(error.to_string()))?;
        Ok(Reply::success())
    }
}

impl Processor<QueryConsumerOffset> for ConsumerManageProcessor {
    async fn process(&self, incoming: Incoming<QueryConsumerOffset>) -> ReplyResult<QueryConsumerOffset> {
        let header = &incoming.header;
        let (topic, queue_id) = (&header.topic, header.queue_id);
        let found = |offset| Ok(Reply::success().with_header(QueryConsumerOffsetResponseHeader { offset }));
        if let Some(queue_offset) = self.offsets.query(&header.consumer_group, topic, queue_id) {
            return found(queue_offset);
        }
        if header.set_zero_if_not_found == Some(false) {
            return Err(not_found("Not found, do not set to zero, maybe this group boot first"));
        }
        // A group that is new to a young queue starts with its first message, whatever it asked for.
        let is_young = self.queues.min_queue_offset(topic, queue_id) <= 0
            && self.queues.is_in_memory(topic, queue_id, 0);
        if is_young {
            return found(0);
        }
        Err(not_found("Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"))
    }
}

fn not_found(remark: &'static str) -> Refusal {
    Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark)
}

#[cfg(test)]
#[path = "consumer_manage_tests.rs"]
mod tests;
