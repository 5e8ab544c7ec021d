//! May this group pop from this topic?

use std::sync::Arc;

use common::{
    config::BrokerConfig, group::SubscriptionGroupConfig, permission::Permission, topic::TopicConfig,
};
use remoting::{connection::ConnectionHandle, reply::Refusal, response_code::ResponseCode};
use runtime::live::Live;

use crate::{faq, metadata_writer::MetadataWriter, topics::TopicConfigManager};

/// The checks all requests about popping have in common.
pub struct PopGate {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) writer: Arc<MetadataWriter>,
}

/// Who asks for which queue.
pub(super) struct Asked<'a> {
    pub(super) peer: &'a ConnectionHandle,
    pub(super) group: &'a str,
    pub(super) topic: &'a str,
    /// Negative for all queues.
    pub(super) queue_id: i32,
}

impl PopGate {
    /// Whether the broker lets consume at all; `what` is RocketMQ's word for it.
    pub(super) fn check_broker(&self, what: &str) -> Result<(), Refusal> {
        if Permission(self.config.now().broker_permission).is_readable() {
            return Ok(());
        }
        let remark = format!("the broker[{}] {what} message is forbidden", self.config.now().broker_ip1);
        Err(Refusal::new(ResponseCode::NO_PERMISSION, remark))
    }

    /// The topic and the group, which is made if it may be.
    pub(super) async fn admit(
        &self,
        asked: &Asked<'_>,
    ) -> Result<(Arc<TopicConfig>, Arc<SubscriptionGroupConfig>), Refusal> {
        let topic = self.topic(asked.topic)?;
        if !topic.perm.is_readable() {
            let remark = format!("the topic[{}] peeking message is forbidden", asked.topic);
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        if asked.queue_id >= topic.read_queue_nums {
            return Err(illegal_queue(asked, &topic, ResponseCode::INVALID_PARAMETER));
        }
        let group = self.writer.find_or_create_group(asked.group).await.ok_or_else(|| {
            let remark = format!("subscription group [{}] does not exist, {}", asked.group, faq::SUGGESTION);
            Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        })?;
        if !group.consume_enable {
            let remark = format!("subscription group no permission, {}", asked.group);
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        Ok((topic, group))
    }

    /// The topic of a message that was popped, if it has such a queue.
    pub(super) fn check_queue(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let topic = self.topic(asked.topic)?;
        if (0..topic.read_queue_nums).contains(&asked.queue_id) {
            return Ok(());
        }
        Err(illegal_queue(asked, &topic, ResponseCode::MESSAGE_ILLEGAL))
    }

    fn topic(&self, topic: &str) -> Result<Arc<TopicConfig>, Refusal> {
        self.topics.find(topic).ok_or_else(|| {
            let remark = format!("topic[{topic}] not exist, apply first please! {}", faq::SUGGESTION);
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })
    }
}

fn illegal_queue(asked: &Asked<'_>, topic: &TopicConfig, code: ResponseCode) -> Refusal {
    let remark = format!(
        "queueId[{}] is illegal, topic:[{}] topicConfig.readQueueNums:[{}] consumer:[/{}]",
        asked.queue_id,
        asked.topic,
        topic.read_queue_nums,
        asked.peer.peer_addr()
    );
    Refusal::new(code, remark)
}
