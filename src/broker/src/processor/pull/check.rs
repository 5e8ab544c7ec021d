//! May this pull be served?

use common::permission::Permission;
use remoting::{reply::Refusal, response_code::ResponseCode};

use super::{Denied, Granted, Pull, PullKind, PullProcessor};
use crate::faq;

/// `ForbiddenType`: what forbids a pull.
pub(super) mod forbidden {
    pub(in super::super) const BROKER: i32 = 1;
    pub(in super::super) const GROUP: i32 = 2;
    pub(in super::super) const TOPIC: i32 = 3;
    pub(in super::super) const BROADCASTING: i32 = 4;
    pub(in super::super) const SUBSCRIPTION: i32 = 5;
}

impl PullProcessor {
    /// Everything a pull must fulfil, in RocketMQ's order.
    pub(super) async fn check(&self, pull: &Pull) -> Result<Granted, Denied> {
        let header = &pull.header;
        let config = self.config.snapshot();
        let broker_ip = &config.broker_ip1;
        if !Permission(config.broker_permission).is_readable() {
            let remark = format!("the broker[{broker_ip}] pulling message is forbidden");
            return Err(Denied::Forbidden { kind: forbidden::BROKER, remark });
        }
        if pull.kind == PullKind::Lite && !config.lite_pull_message_enable {
            let remark = format!("the broker[{broker_ip}] for lite pull consumer is forbidden");
            return Err(Denied::Forbidden { kind: forbidden::BROKER, remark });
        }
        let group = self.writer.find_or_create_group(&header.consumer_group).await.ok_or_else(|| {
            let remark =
                format!("subscription group [{}] does not exist, {}", header.consumer_group, faq::SUGGESTION);
            Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        })?;
        if !group.consume_enable {
            let remark = format!("subscription group no permission, {}", header.consumer_group);
            return Err(Denied::Forbidden { kind: forbidden::GROUP, remark });
        }
        let topic = self.topics.find(&header.topic).ok_or_else(|| {
            let remark =
                format!("topic[{}] not exist, apply first please! {}", header.topic, faq::SUGGESTION);
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })?;
        if !topic.perm.is_readable() {
            let remark = format!("the topic[{}] pulling message is forbidden", header.topic);
            return Err(Denied::Forbidden { kind: forbidden::TOPIC, remark });
        }
        if !(0..topic.read_queue_nums).contains(&header.queue_id) {
            let remark = format!(
                "queueId[{}] is illegal, topic:[{}] topicConfig.readQueueNums:[{}] consumer:[/{}]",
                header.queue_id,
                header.topic,
                topic.read_queue_nums,
                pull.peer.peer_addr()
            );
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark).into());
        }
        let filter = self.subscription(pull, &group)?;
        Ok(Granted { topic, group, filter })
    }
}
