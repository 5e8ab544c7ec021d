//! May this message be sent here at all?

use std::{net::SocketAddr, sync::Arc};

use common::{
    config::BrokerConfig,
    names,
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};
use rand::Rng;
use remoting::{headers::send::SendMessageRequestHeader, reply::Refusal, response_code::ResponseCode};
use runtime::{clock::Clock, live::Live};

use crate::{
    faq,
    topic_publisher::TopicPublisher,
    topics::{FromTemplate, Order, TopicConfigManager},
};

/// What every message passes on its way in.
pub struct SendGate {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) publisher: Arc<TopicPublisher>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl SendGate {
    /// The topic of a message that may be sent; `None` while there is no such topic.
    pub(super) fn find_topic(
        &self,
        header: &SendMessageRequestHeader,
        config: &BrokerConfig,
    ) -> Result<Option<Arc<TopicConfig>>, Refusal> {
        self.check_open(config)?;
        self.check_name(&header.topic, config)?;
        Ok(self.topics.find(&header.topic))
    }

    /// `startAcceptSendRequestTimeStamp`: an operator may keep a starting broker closed for a while.
    fn check_open(&self, config: &BrokerConfig) -> Result<(), Refusal> {
        let open_at = config.start_accept_send_request_time_stamp;
        if open_at > 0 && self.clock.now_millis() < open_at {
            return Err(Refusal::system_error(format!("broker unable to service, until {open_at}")));
        }
        Ok(())
    }

    fn check_name(&self, topic: &str, config: &BrokerConfig) -> Result<(), Refusal> {
        let writable = Permission(config.broker_permission).is_writable();
        if !writable && self.topics.is_order(topic) {
            let remark = format!("the broker[{}] sending message is forbidden", config.broker_ip1);
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        names::validate_topic(topic)
            .map_err(|invalid| Refusal::new(ResponseCode::INVALID_PARAMETER, invalid.to_string()))?;
        if names::is_not_allowed_send_topic(topic) {
            let remark = format!("Sending message to topic[{topic}] is forbidden.");
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        Ok(())
    }

    /// Makes the topic of a message, if it may be made.
    pub(super) async fn create_topic(
        &self,
        header: &SendMessageRequestHeader,
        producer: SocketAddr,
    ) -> Result<Arc<TopicConfig>, Refusal> {
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
            tracing::warn!(topic = %header.topic, %producer, %error, "topic was not created");
            let remark = format!("topic[{}] not exist, apply first please!{}", header.topic, faq::SUGGESTION);
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })?;
        self.publisher.publish(creation).await
    }
}

/// The queue a message goes to; any when its producer does not care.
pub(super) fn queue_of(
    header: &SendMessageRequestHeader,
    topic: &TopicConfig,
    producer: SocketAddr,
) -> Result<i32, Refusal> {
    let wanted = header.queue_id;
    if wanted >= topic.write_queue_nums.max(topic.read_queue_nums) {
        let remark = format!("request queueId[{wanted}] is illegal, {topic} Producer: {producer}");
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
    }
    if wanted >= 0 {
        return Ok(wanted);
    }
    if topic.write_queue_nums <= 0 {
        let remark = format!("topic[{}] has no queue to write to", topic.topic_name);
        return Err(Refusal::system_error(remark));
    }
    Ok(rand::rng().random_range(0..topic.write_queue_nums))
}
