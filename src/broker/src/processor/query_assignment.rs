//! Queues of consumers that let the broker decide (`QueryAssignmentProcessor`): `QUERY_ASSIGNMENT`,
//! `SET_MESSAGE_REQUEST_MODE`.

use std::{collections::BTreeSet, sync::Arc};

use common::{
    config::{BrokerConfig, MessageRequestMode},
    fastjson, names,
};
use remoting::{
    body::{
        assignment::{
            MessageQueueAssignment, QueryAssignmentRequestBody, QueryAssignmentResponseBody,
            SetMessageRequestModeRequestBody,
        },
        consumer::MessageQueue,
        heartbeat::MessageModel,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{QueryAssignment, SetMessageRequestMode},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;

use crate::{
    assignment::{
        request_mode::MessageRequestModeManager,
        routes::TopicRoutes,
        strategy::{AllocateStrategy, allocate_for_pop},
    },
    clients::ConsumerManager,
    metadata_writer::{MetadataWriter, off_runtime},
    topics::TopicConfigManager,
};

/// Divides queues among the members of groups.
pub struct QueryAssignmentProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) modes: Arc<MessageRequestModeManager>,
    pub(crate) routes: TopicRoutes,
}

impl Processor<QueryAssignment> for QueryAssignmentProcessor {
    async fn process(&self, incoming: Incoming<QueryAssignment>) -> ReplyResult<QueryAssignment> {
        let asked: QueryAssignmentRequestBody = fastjson::from_slice(&incoming.body)
            .map_err(|error| Refusal::system_error(format!("the question cannot be read: {error}")))?;
        let set = self.modes.find(&asked.topic, &asked.consumer_group);
        let mode = set.unwrap_or_else(|| self.default_mode(&asked));
        let queues = self.queues_of(&asked, &mode).await;
        if queues.is_none() && names::group_of_retry_topic(&asked.topic).is_none() {
            tracing::warn!(?asked, "queues of a consumer cannot be told");
        }
        let assigned = |message_queue| MessageQueueAssignment { message_queue, mode: mode.mode };
        let body = QueryAssignmentResponseBody {
            message_queue_assignments: queues.map(|queues| queues.into_iter().map(assigned).collect()),
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<SetMessageRequestMode> for QueryAssignmentProcessor {
    async fn process(&self, incoming: Incoming<SetMessageRequestMode>) -> ReplyResult<SetMessageRequestMode> {
        let mode: SetMessageRequestModeRequestBody = fastjson::from_slice(&incoming.body)
            .map_err(|error| Refusal::system_error(format!("the mode cannot be read: {error}")))?;
        let topic = &mode.topic;
        if names::group_of_retry_topic(topic).is_some() {
            let remark = "retry topic is not allowed to set mode";
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        if !self.topics.contains(topic) {
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("topic[{topic}] not exist")));
        }
        if self.writer.find_or_create_group(&mode.consumer_group).await.is_none() {
            let remark = "subscription group does not exist";
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
        }
        self.modes.set(mode).map_err(|error| Refusal::system_error(error.to_string()))?;
        let modes = Arc::clone(&self.modes);
        off_runtime(move || modes.persist()).await?;
        Ok(Reply::success())
    }
}

impl QueryAssignmentProcessor {
    fn default_mode(&self, asked: &QueryAssignmentRequestBody) -> SetMessageRequestModeRequestBody {
        let is_retry = names::group_of_retry_topic(&asked.topic).is_some();
        let mode =
            if is_retry { MessageRequestMode::Pull } else { self.config.now().default_message_request_mode };
        let pop_share_queue_num =
            if mode == MessageRequestMode::Pop { self.config.now().default_pop_share_queue_num } else { 0 };
        SetMessageRequestModeRequestBody {
            consumer_group: asked.consumer_group.clone(),
            mode,
            pop_share_queue_num,
            topic: asked.topic.clone(),
        }
    }

    /// The queues of one member; `None` when they cannot be told, and it keeps what it has.
    async fn queues_of(
        &self,
        asked: &QueryAssignmentRequestBody,
        mode: &SetMessageRequestModeRequestBody,
    ) -> Option<BTreeSet<MessageQueue>> {
        let all = self.all_queues(&asked.topic).await?;
        let everything = || all.iter().cloned().collect();
        if asked.message_model? == MessageModel::Broadcasting
            || !self.config.now().server_load_balancer_enable
        {
            return Some(everything());
        }
        let mut members = self.consumers.client_ids(&asked.consumer_group)?;
        members.sort_unstable();
        members.dedup();
        let strategy = AllocateStrategy::named(&asked.strategy_name)?;
        if asked.client_id.is_empty() || all.is_empty() || members.is_empty() {
            return None;
        }
        if mode.mode == MessageRequestMode::Pop {
            let share = mode.pop_share_queue_num;
            return Some(allocate_for_pop(strategy, &all, &members, &asked.client_id, share));
        }
        let index = members.iter().position(|member| *member == asked.client_id);
        let part = index.map(|index| strategy.part(&all, index, members.len()));
        Some(part.into_iter().flatten().collect())
    }

    async fn all_queues(&self, topic: &str) -> Option<Arc<[MessageQueue]>> {
        if names::is_lmq(topic) {
            return Some([MessageQueue::new(topic, &*self.config.now().broker_name, 0)].into());
        }
        self.routes.queues(topic).await
    }
}
