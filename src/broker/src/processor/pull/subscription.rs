//! Which messages of its topic a pull takes.

use std::sync::Arc;

use common::group::SubscriptionGroupConfig;
use filter::tag::TagFilter;
use message::record::RecordView;
use remoting::{
    body::heartbeat::{ConsumeType, MessageModel},
    reply::Refusal,
    response_code::ResponseCode,
};
use store::get::MessageFilter;

use super::{Denied, Pull, PullProcessor, check::forbidden, source, sys_flag};
use crate::{
    clients::{Consumption, Subscription, SubscriptionError},
    faq,
    groups::ForbiddenBit,
};

/// A tag filter as the store asks it.
#[derive(Debug)]
pub(super) struct ByTags(pub(super) TagFilter);

impl MessageFilter for ByTags {
    fn matches_consume_queue(&self, tags_code: i64) -> bool {
        self.0.matches(tags_code)
    }

    /// Consumers compare the tags themselves again, whose hashes the queue has matched.
    fn matches_commit_log(&self, _record: &RecordView<'_>) -> bool {
        true
    }
}

impl PullProcessor {
    /// The filter of a pull: the one it brings, or the one its group has subscribed with.
    pub(super) fn subscription(
        &self,
        pull: &Pull,
        group: &SubscriptionGroupConfig,
    ) -> Result<Arc<ByTags>, Denied> {
        if pull.header.sys_flag & sys_flag::SUBSCRIPTION != 0 {
            return Ok(self.brought(pull)?);
        }
        self.subscribed(pull, group)
    }

    /// The subscription in the request itself, which is remembered for groups without heartbeats.
    fn brought(&self, pull: &Pull) -> Result<Arc<ByTags>, Refusal> {
        let header = &pull.header;
        let text = header.subscription.as_deref().unwrap_or_default();
        let expression_type = header.expression_type.as_deref();
        let parsed = Subscription::parse(&header.topic, text, expression_type, header.sub_version);
        let subscription = Arc::new(parsed.map_err(|error| not_parsed(&error))?);
        let (consume_type, message_model) = modes_of(header.request_source);
        self.consumers.compensate_modes(&header.consumer_group, consume_type, message_model);
        self.consumers.compensate_subscription(&header.consumer_group, &header.topic, &subscription);
        filter_of(&subscription)
    }

    /// What the group has subscribed to with its heartbeat.
    fn subscribed(&self, pull: &Pull, config: &SubscriptionGroupConfig) -> Result<Arc<ByTags>, Denied> {
        let header = &pull.header;
        let consumption =
            self.consumers.consumption(&header.consumer_group, &header.topic).ok_or_else(|| {
                not_subscribed(format!("the consumer's group info not exist{}", faq::SUGGESTION))
            })?;
        self.check_forbidden(pull, config, &consumption)?;
        let Some(subscription) = consumption.subscription else {
            self.consumers.note_unknown_subscription(&header.consumer_group);
            let remark = format!("the consumer's subscription not exist{}", faq::SUGGESTION);
            return Err(not_subscribed(remark));
        };
        if subscription.data.sub_version < header.sub_version {
            self.consumers.note_unknown_subscription(&header.consumer_group);
            let remark = "the consumer's subscription not latest";
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_NOT_LATEST, remark).into());
        }
        Ok(filter_of(&subscription)?)
    }

    fn check_forbidden(
        &self,
        pull: &Pull,
        config: &SubscriptionGroupConfig,
        consumption: &Consumption,
    ) -> Result<(), Denied> {
        let header = &pull.header;
        let broadcasts = consumption.message_model == Some(MessageModel::Broadcasting);
        if !config.consume_broadcast_enable && broadcasts {
            let remark =
                format!("the consumer group[{}] can not consume by broadcast way", header.consumer_group);
            return Err(Denied::Forbidden { kind: forbidden::BROADCASTING, remark });
        }
        if self.groups.is_forbidden(&header.consumer_group, &header.topic, ForbiddenBit::Read) {
            let remark = format!(
                "the consumer group[{}] is forbidden for topic[{}]",
                header.consumer_group, header.topic
            );
            return Err(Denied::Forbidden { kind: forbidden::SUBSCRIPTION, remark });
        }
        Ok(())
    }
}

/// How the client behind a pull consumes.
fn modes_of(request_source: Option<i32>) -> (ConsumeType, MessageModel) {
    match request_source {
        Some(source::PROXY_FOR_BROADCAST) => (ConsumeType::Passively, MessageModel::Broadcasting),
        Some(source::PROXY_FOR_STREAM) => (ConsumeType::Actively, MessageModel::Clustering),
        _ => (ConsumeType::Passively, MessageModel::Clustering),
    }
}

/// Expressions over properties need a switch that is not offered here, as RocketMQ's default has it.
fn filter_of(subscription: &Subscription) -> Result<Arc<ByTags>, Refusal> {
    match subscription.filter() {
        Ok(filter) => Ok(Arc::new(ByTags(filter.clone()))),
        Err(unsupported) => Err(Refusal::system_error(unsupported.to_string())),
    }
}

fn not_parsed(error: &SubscriptionError) -> Refusal {
    match error {
        SubscriptionError::Unsupported(unsupported) => Refusal::system_error(unsupported.to_string()),
        SubscriptionError::Tag(_) | SubscriptionError::EmptyExpression(_) => {
            Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, "parse the consumer's subscription failed")
        }
    }
}

fn not_subscribed(remark: String) -> Denied {
    Refusal::new(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark).into()
}
