//! Which messages of its topic a pull takes.

use std::sync::Arc;

use common::group::SubscriptionGroupConfig;
use remoting::{
    body::heartbeat::{ConsumeType, MessageModel},
    reply::Refusal,
    response_code::ResponseCode,
};

use super::{Denied, Pull, PullProcessor, check::forbidden, source, sys_flag};
use crate::{
    clients::{Consumption, Subscription},
    faq,
    filters::ExpressionFilter,
    groups::ForbiddenBit,
    response,
};

impl PullProcessor {
    /// The filter of a pull: the one it brings, or the one its group has subscribed with.
    pub(super) fn subscription(
        &self,
        pull: &Pull,
        group: &SubscriptionGroupConfig,
    ) -> Result<Arc<ExpressionFilter>, Denied> {
        if pull.header.sys_flag & sys_flag::SUBSCRIPTION != 0 {
            return Ok(self.brought(pull)?);
        }
        self.subscribed(pull, group)
    }

    /// The subscription in the request itself, which is remembered for groups without heartbeats.
    fn brought(&self, pull: &Pull) -> Result<Arc<ExpressionFilter>, Refusal> {
        let header = &pull.header;
        let text = header.subscription.as_deref().unwrap_or_default();
        let expression_type = header.expression_type.as_deref();
        let parsed = Subscription::parse(&header.topic, text, expression_type, header.sub_version);
        let subscription = Arc::new(parsed.map_err(|error| response::subscription_not_parsed(&error))?);
        let (consume_type, message_model) = modes_of(header.request_source);
        self.consumers.compensate_modes(&header.consumer_group, consume_type, message_model);
        self.consumers.compensate_subscription(&header.consumer_group, &header.topic, &subscription);
        let filter = self.filters.brought(&header.consumer_group, &subscription);
        filter.map_err(|error| response::unsupported_expression(&error))
    }

    /// What the group has subscribed to with its heartbeat.
    fn subscribed(
        &self,
        pull: &Pull,
        config: &SubscriptionGroupConfig,
    ) -> Result<Arc<ExpressionFilter>, Denied> {
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
        let filter = self.filters.subscribed(&header.consumer_group, &subscription, header.sub_version);
        filter.map_err(|error| response::filter_data(&error).into())
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

fn not_subscribed(remark: String) -> Denied {
    Refusal::new(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark).into()
}
