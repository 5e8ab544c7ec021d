//! What only a client can answer, asked over its own connection: `GET_CONSUMER_RUNNING_INFO`,
//! `CONSUME_MESSAGE_DIRECTLY`, `INVOKE_BROKER_TO_GET_CONSUMER_STATUS`.
//!
//! Bodies of the first two pass byte for byte: each client library writes them in its own way, and tools
//! read them all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{config::BrokerConfig, fastjson};
use futures_util::future::join_all;
use message::message_id;
use remoting::{
    body::{admin::GetConsumerStatusBody, consumer::MessageQueue},
    connection::CallError,
    headers::consumer::GetConsumerStatusRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        ConsumeMessageDirectly, GetConsumerRunningInfo, GetConsumerStatusFromClient,
        InvokeBrokerToGetConsumerStatus, Request,
    },
    response_code::ResponseCode,
    router::Processor,
    version::version_name,
};
use runtime::live::Live;
use store::message_store::MessageStore;

use crate::{
    clients::{ClientChannel, ConsumerManager},
    metadata_writer::MetadataWriter,
    topics::TopicConfigManager,
};

/// How long a client may take.
const RELAY_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may take to say where it is.
const STATUS_LIMIT: Duration = Duration::from_secs(5);
/// `MQVersion.V3_1_8_SNAPSHOT`: the first that answers what is relayed.
const RELAY_VERSION: i32 = 62;
/// `MQVersion.V3_0_7_SNAPSHOT`: the first that takes part in resets.
const STATUS_VERSION: i32 = 28;

/// Asks clients what only they know.
pub struct ClientRelay {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<GetConsumerRunningInfo> for ClientRelay {
    async fn process(
        &self,
        incoming: Incoming<GetConsumerRunningInfo>,
    ) -> ReplyResult<GetConsumerRunningInfo> {
        let header = incoming.header;
        let member = self.member(&header.consumer_group, Some(&header.client_id))?;
        let group = header.consumer_group.clone();
        relay::<GetConsumerRunningInfo>(&member, &group, header, incoming.body).await
    }
}

impl Processor<ConsumeMessageDirectly> for ClientRelay {
    async fn process(
        &self,
        incoming: Incoming<ConsumeMessageDirectly>,
    ) -> ReplyResult<ConsumeMessageDirectly> {
        let mut header = incoming.header;
        let group = header.consumer_group.clone();
        header.broker_name = Some(self.config.now().broker_name.clone());
        if let Some(config) = header.topic.as_deref().and_then(|topic| self.topics.find(topic)) {
            header.topic_sys_flag = Some(config.topic_sys_flag);
        }
        if !group.is_empty()
            && let Some(config) = self.writer.find_or_create_group(&group).await
        {
            header.group_sys_flag = Some(config.group_sys_flag);
        }
        let message = self.message(header.msg_id.as_deref())?;
        let member = self.member(&group, header.client_id.as_deref())?;
        relay::<ConsumeMessageDirectly>(&member, &group, header, message).await
    }
}

impl Processor<InvokeBrokerToGetConsumerStatus> for ClientRelay {
    async fn process(
        &self,
        incoming: Incoming<InvokeBrokerToGetConsumerStatus>,
    ) -> ReplyResult<InvokeBrokerToGetConsumerStatus> {
        let header = incoming.header;
        let mut members: Vec<ClientChannel> = self
            .consumers
            .group(&header.group)
            .into_iter()
            .flat_map(|group| group.members.into_values())
            .collect();
        if members.is_empty() {
            let remark = format!("No Any Consumer online in the consumer group: [{}]", header.group);
            return Err(Refusal::system_error(remark));
        }
        members.iter().try_for_each(require_status_support)?;
        if let Some(wanted) = header.client_addr.as_deref().filter(|wanted| !wanted.trim().is_empty()) {
            members.retain(|member| &*member.client_id == wanted);
        }
        let answers = join_all(members.iter().map(|member| status(member, &header))).await;
        let consumer_table = answers.into_iter().flatten().collect();
        let body = GetConsumerStatusBody { consumer_table, message_queue_table: BTreeMap::new() };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl ClientRelay {
    /// A member of a group that can be asked.
    fn member(&self, group: &str, client_id: Option<&str>) -> Result<ClientChannel, Refusal> {
        let found = client_id.and_then(|client_id| self.consumers.find_client(group, client_id));
        let client_id = client_id.unwrap_or("null");
        let member = found.ok_or_else(|| {
            Refusal::system_error(format!("The Consumer <{group}> <{client_id}> not online"))
        })?;
        if member.version < RELAY_VERSION {
            return Err(Refusal::system_error(format!(
                "The Consumer <{client_id}> Version <{}> too low to finish, please upgrade it to V3_1_8_SNAPSHOT",
                version_name(member.version)
            )));
        }
        Ok(member)
    }

    /// The stored message of an id.
    fn message(&self, msg_id: Option<&str>) -> Result<Bytes, Refusal> {
        let id = msg_id.unwrap_or("null");
        let place = msg_id.and_then(message_id::decode).map(|(_, phy_offset)| phy_offset);
        let found = place.and_then(|phy_offset| self.store.message_at(phy_offset));
        found.ok_or_else(|| Refusal::system_error(format!("no message of the id {id} in this broker")))
    }
}

/// Asks a client and passes its answer on.
async fn relay<R: Request>(
    member: &ClientChannel,
    group: &str,
    header: R::Header,
    body: Bytes,
) -> ReplyResult<R> {
    let client_id = &member.client_id;
    let answered = member.handle.call::<R>(header, body, RELAY_LIMIT).await;
    let answer = answered.map_err(|error| match error {
        CallError::Timeout { .. } => {
            let remark = format!("consumer <{group}> <{client_id}> Timeout: {error}");
            Refusal::new(ResponseCode::CONSUME_MSG_TIMEOUT, remark)
        }
        CallError::Closed(_) | CallError::Busy(_) => {
            Refusal::system_error(format!("invoke consumer <{group}> <{client_id}> Exception: {error}"))
        }
    })?;
    let mut reply = Reply::of(ResponseCode(answer.code));
    if let Some(remark) = answer.remark {
        reply = reply.with_remark(remark);
    }
    Ok(reply.with_body(answer.body))
}

type Status = (String, BTreeMap<fastjson::ObjectKey<MessageQueue>, i64>);

/// Where a client is by its own account; `None` when it does not say.
async fn status(member: &ClientChannel, asked: &GetConsumerStatusRequestHeader) -> Option<Status> {
    let header = GetConsumerStatusRequestHeader {
        topic: asked.topic.clone(),
        group: asked.group.clone(),
        client_addr: None,
    };
    let answered =
        member.handle.call::<GetConsumerStatusFromClient>(header, Bytes::new(), STATUS_LIMIT).await;
    let answer = match answered {
        Ok(answer) if answer.code == ResponseCode::SUCCESS.0 && !answer.body.is_empty() => answer,
        Ok(_) => return None,
        Err(error) => {
            tracing::warn!(group = asked.group, client_id = %member.client_id, %error, "client does not say where it is");
            return None;
        }
    };
    match fastjson::from_slice::<GetConsumerStatusBody>(&answer.body) {
        Ok(body) => Some((member.client_id.to_string(), body.message_queue_table)),
        Err(error) => {
            tracing::warn!(group = asked.group, client_id = %member.client_id, %error, "status of a client cannot be read");
            None
        }
    }
}

/// Refuses a client that is too old to be asked where it is, or told where to go.
pub(super) fn require_status_support(member: &ClientChannel) -> Result<(), Refusal> {
    if member.version >= STATUS_VERSION {
        return Ok(());
    }
    let version = version_name(member.version);
    Err(Refusal::system_error(format!("the client does not support this feature. version={version}")))
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
