//! Sending a group to another place: `INVOKE_BROKER_TO_RESET_OFFSET`.
//!
//! Usually the broker remembers the new offset and the group's next pull is told of it. Where
//! `useServerSideResetOffset` is off, the members are told instead, and have to be there.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use common::{config::BrokerConfig, fastjson, fastjson::ObjectKey};
use remoting::{
    body::{
        admin::{ResetOffsetBody, ResetOffsetBodyForC},
        consumer::MessageQueue,
    },
    command::Language,
    headers::offset::ResetOffsetRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{InvokeBrokerToResetOffset, ResetConsumerClientOffset},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;
use store::{consume_queue::Boundary, message_store::MessageStore};

use super::{queues, relay};
use crate::{
    clients::ConsumerManager,
    groups::SubscriptionGroupManager,
    offsets::ConsumerOffsetManager,
    pop::{inflight::PopInflightMessageCounter, queue::PopQueue},
    topics::TopicConfigManager,
};

/// Sends groups to other offsets.
pub struct OffsetReset {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) inflight: Arc<PopInflightMessageCounter>,
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<InvokeBrokerToResetOffset> for OffsetReset {
    async fn process(
        &self,
        incoming: Incoming<InvokeBrokerToResetOffset>,
    ) -> ReplyResult<InvokeBrokerToResetOffset> {
        let header = &incoming.header;
        tracing::info!(
            topic = header.topic,
            group = header.group,
            timestamp = header.timestamp,
            peer = %incoming.peer.peer_addr(),
            "offsets of a group are to be reset"
        );
        let reset = if self.config.now().use_server_side_reset_offset {
            self.reset_here(header).await?
        } else {
            self.reset_at_clients(header, incoming.language).await?
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&reset)))
    }
}

/// The queue offset for a time; the end of the queue for a negative one.
fn offset_at(store: &MessageStore, topic: &str, queue_id: i32, timestamp: i64) -> i64 {
    let found = if timestamp < 0 {
        store.max_offset(topic, queue_id)
    } else {
        store.offset_by_time(topic, queue_id, timestamp, Boundary::Lower)
    };
    found.unwrap_or(0)
}

impl OffsetReset {
    /// Remembers where the group is to go on.
    async fn reset_here(&self, header: &ResetOffsetRequestHeader) -> Result<ResetOffsetBody, Refusal> {
        let (topic, group) = (&header.topic, &header.group);
        let Some(config) = self.topics.find(topic) else {
            let remark = format!("Topic {topic} does not exist");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        };
        if !self.groups.contains(group) {
            let remark = format!("Group {group} does not exist");
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
        }
        let targets = if header.queue_id >= 0 {
            BTreeMap::from([(header.queue_id, self.target(header)?)])
        } else {
            self.offsets_at(topic, config.read_queue_nums, header.timestamp).await?
        };
        if targets.is_empty() {
            return Err(Refusal::system_error("No queues to reset."));
        }
        for (queue_id, queue_offset) in &targets {
            self.offsets
                .assign_reset(topic, group, *queue_id, *queue_offset)
                .map_err(|error| Refusal::system_error(error.to_string()))?;
            // Else a group that has popped as many as it may would not come to read where it is to go on.
            self.inflight.clear(&PopQueue::new(topic, group, *queue_id));
        }
        Ok(self.body(topic, targets))
    }

    /// Where the one queue of a request goes: to the offset it names, or else by its time.
    fn target(&self, header: &ResetOffsetRequestHeader) -> Result<i64, Refusal> {
        let (topic, queue_id) = (&header.topic, header.queue_id);
        let Some(queue_offset) = header.offset.filter(|queue_offset| *queue_offset != -1) else {
            return Ok(offset_at(&self.store, topic, queue_id, header.timestamp));
        };
        let min = self.store.min_offset(topic, queue_id).unwrap_or(0);
        let max = self.store.max_offset(topic, queue_id).unwrap_or(0);
        if queue_offset < min || queue_offset > max + 1 {
            let remark = format!("Target offset {queue_offset} not in consume queue range [{min}-{max}]");
            return Err(Refusal::system_error(remark));
        }
        Ok(queue_offset)
    }

    /// The queue offset for a time, by queue.
    async fn offsets_at(
        &self,
        topic: &str,
        queue_nums: i32,
        timestamp: i64,
    ) -> Result<BTreeMap<i32, i64>, Refusal> {
        let queue_ids = queues::queue_ids(queue_nums);
        let (store, topic) = (Arc::clone(&self.store), topic.to_owned());
        let queue_count = queue_ids.len();
        let read = move || {
            queue_ids.map(|queue_id| (queue_id, offset_at(&store, &topic, queue_id, timestamp))).collect()
        };
        queues::read(queue_count, read).await
    }

    fn body(&self, topic: &str, targets: BTreeMap<i32, i64>) -> ResetOffsetBody {
        let queue =
            |queue_id| ObjectKey(MessageQueue::new(topic, self.config.now().broker_name.as_str(), queue_id));
        let offset_table =
            targets.into_iter().map(|(queue_id, queue_offset)| (queue(queue_id), queue_offset)).collect();
        ResetOffsetBody { offset_table }
    }

    /// Tells the members of the group where to go on (`Broker2Client.resetOffset`).
    async fn reset_at_clients(
        &self,
        header: &ResetOffsetRequestHeader,
        language: Language,
    ) -> Result<ResetOffsetBody, Refusal> {
        let (topic, group) = (&header.topic, &header.group);
        let Some(config) = self.topics.find(topic) else {
            let remark =
                format!("[reset-offset] reset offset failed, no topic in this broker. topic={topic}");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        };
        let mut targets = self.offsets_at(topic, config.write_queue_nums, header.timestamp).await?;
        for (queue_id, queue_offset) in &mut targets {
            let Some(consumed) = self.offsets.query(group, topic, *queue_id) else {
                return Err(Refusal::system_error(format!("THe consumer group <{group}> not exist")));
            };
            // Only by force does a group go forward.
            if !header.is_force {
                *queue_offset = consumed.min(*queue_offset);
            }
        }
        let body = self.body(topic, targets);
        let bytes = if language == Language::CPP {
            fastjson::to_vec(&ResetOffsetBodyForC::from(&body))
        } else {
            fastjson::to_vec(&body)
        };
        self.tell_members(header, &Bytes::from(bytes))?;
        Ok(body)
    }

    fn tell_members(&self, header: &ResetOffsetRequestHeader, body: &Bytes) -> Result<(), Refusal> {
        let members = self.consumers.group(&header.group).map(|group| group.members).unwrap_or_default();
        if members.is_empty() {
            let remark = format!(
                "Consumer not online, so can not reset offset, Group: {} Topic: {} Timestamp: {}",
                header.group, header.topic, header.timestamp
            );
            return Err(Refusal::new(ResponseCode::CONSUMER_NOT_ONLINE, remark));
        }
        for member in members.values() {
            relay::require_status_support(member)?;
            let told = ResetOffsetRequestHeader {
                group: header.group.clone(),
                topic: header.topic.clone(),
                queue_id: -1,
                offset: None,
                timestamp: header.timestamp,
                is_force: false,
            };
            if let Err(error) = member.handle.oneway::<ResetConsumerClientOffset>(told, body.clone()) {
                tracing::warn!(group = header.group, client_id = %member.client_id, %error, "member not told of a reset");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "reset_tests.rs"]
mod tests;
