//! Messages that consumers send to their own retry topic: when the group has failed often enough, they
//! end in its dead-letter queue.

use std::sync::Arc;

use common::{names, permission::Permission};
use message::property_names as property;
use remoting::{reply::Refusal, response_code::ResponseCode};

use super::SendProcessor;
use crate::{draft::MessageDraft, faq, topics::Order};

/// Clients from this `MQVersion` ordinal on (`V3_4_9`) say themselves how often a message may fail.
pub(super) const VERSION_WITH_MAX_RECONSUME_TIMES: i32 = 165;
/// The delay level that dead letters are stored with when the consumer sent them itself.
const DLQ_DELAY_LEVEL: &str = "-1";
/// Queues of a dead-letter topic.
pub(super) const DLQ_QUEUE_NUMS: i32 = 1;

/// What a consumer says of its retries.
pub(super) struct Retry {
    /// The consumer's `MQVersion` ordinal.
    pub(super) version: i32,
    /// How often it lets a message fail.
    pub(super) max_reconsume_times: Option<i32>,
}

impl Retry {
    /// The limit in force: the client's if it may say so, else the group's.
    pub(super) fn limit(&self, group_limit: i32) -> i32 {
        let client_limit =
            self.max_reconsume_times.filter(|_| self.version >= VERSION_WITH_MAX_RECONSUME_TIMES);
        client_limit.unwrap_or(group_limit)
    }
}

impl SendProcessor {
    /// Sends a retry that has failed too often to the dead-letter queue instead.
    ///
    /// Retries of a group that holds queue locks come from orderly consumers, which have retried in place
    /// already: they go there at once.
    pub(super) async fn redirect_retry(
        &self,
        message: &mut MessageDraft,
        retry: &Retry,
    ) -> Result<(), Refusal> {
        let topic = Arc::clone(&message.topic);
        let Some(group) = names::group_of_retry_topic(&topic) else { return Ok(()) };
        let config = self.writer.find_or_create_group(group).await.ok_or_else(|| {
            let remark = format!("subscription group not exist, {group} {}", faq::SUGGESTION);
            Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        })?;
        let failed_too_often = message.reconsume_times > retry.limit(config.retry_max_times);
        if !failed_too_often && self.locks.is_unlocked(group) {
            return Ok(());
        }
        self.putter.metrics().sent_to_dlq(&topic, group);
        let dlq = names::dlq_topic(group);
        let creation = self
            .gate
            .topics
            .create_retry(&dlq, DLQ_QUEUE_NUMS, Permission::READ_WRITE, Order::None, 0)
            .map_err(|_| Refusal::system_error(format!("topic[{dlq}] not exist")))?;
        self.gate.publisher.publish(creation).await?;
        message.properties.set(property::DELAY_LEVEL, DLQ_DELAY_LEVEL);
        message.topic = Arc::from(dlq);
        message.queue_id = 0;
        Ok(())
    }
}
