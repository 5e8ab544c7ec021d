//! May this message be sent here at all?

use std::sync::Arc;

use common::{
    names,
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};
use rand::Rng;
use remoting::{
    headers::send::SendMessageRequestHeader,
    reply::Refusal,
    response_code::ResponseCode,
};

use super::{Send, SendProcessor};
use crate::{
    faq,
    topics::{FromTemplate, Order},
};

impl SendProcessor {
    /// The topic a message goes to, made if it may be.
    pub(super) async fn check_topic(&self, send: &Send) -> Result<Arc<TopicConfig>, Refusal> {
        let header = &send.header;
        let topic = header.topic.as_str();
        let writable = Permission(self.config.broker_permission).is_writable();
        if !writable && self.topics.is_order(topic) {
            let remark = format!("the broker[{}] sending message is forbidden", self.config.broker_ip1);
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        names::validate_topic(topic)
            .map_err(|invalid| Refusal::new(ResponseCode::INVALID_PARAMETER, invalid.to_string()))?;
        if names::is_not_allowed_send_topic(topic) {
            let remark = format!("Sending message to topic[{topic}] is forbidden.");
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        let config = match self.topics.find(topic) {
            Some(config) => config,
            None => self.create_topic(send).await?,
        };
        let queues = config.write_queue_nums.max(config.read_queue_nums);
        if header.queue_id >= queues {
            let remark = format!(
                "request queueId[{}] is illegal, {config} Producer: {}",
                header.queue_id, send.peer
            );
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        Ok(config)
    }

    /// Makes a topic on its first message, and tells the NameServers before the message is answered.
    async fn create_topic(&self, send: &Send) -> Result<Arc<TopicConfig>, Refusal> {
        let header = &send.header;
        let is_retry = header.topic.starts_with(names::RETRY_GROUP_TOPIC_PREFIX);
        let sys_flag = match (header.unit_mode.unwrap_or(false), is_retry) {
            (false, _) => 0,
            (true, true) => TOPIC_SYS_FLAG_UNIT_SUB,
            (true, false) => TOPIC_SYS_FLAG_UNIT,
        };
        let from_template = self.topics.create_from_template(&FromTemplate {
            topic: &header.topic,
            template: &header.default_topic,
            client_queue_nums: header.default_topic_queue_nums,
            sys_flag,
        });
        let creation = match from_template {
            Err(_) if is_retry => {
                self.topics.create_retry(&header.topic, 1, Permission::READ_WRITE, Order::None, sys_flag)
            }
            made => made,
        };
        let creation = creation.map_err(|error| {
            tracing::warn!(topic = %header.topic, producer = %send.peer, %error, "topic was not created");
            let remark = format!("topic[{}] not exist, apply first please!{}", header.topic, faq::SUGGESTION);
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })?;
        if creation.is_new() {
            self.writer.persist_topics().await?;
            self.announcer.announce(std::slice::from_ref(&creation.config)).await;
        }
        Ok(creation.config)
    }

    /// The queue a message goes to; any when its producer does not care.
    pub(super) fn choose_queue(
        &self,
        header: &SendMessageRequestHeader,
        topic: &TopicConfig,
    ) -> Result<i32, Refusal> {
        if header.queue_id >= 0 {
            return Ok(header.queue_id);
        }
        if topic.write_queue_nums <= 0 {
            let remark = format!("topic[{}] has no queue to write to", header.topic);
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        Ok(rand::rng().random_range(0..topic.write_queue_nums))
    }
}
