//! Who is connected: `GET_CONSUMER_CONNECTION_LIST`, `GET_PRODUCER_CONNECTION_LIST`,
//! `GET_ALL_PRODUCER_INFO`.

use std::sync::Arc;

use common::fastjson;
use remoting::{
    body::admin::{Connection, ConsumerConnection, ProducerConnection, ProducerInfo, ProducerTableInfo},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetAllProducerInfo, GetConsumerConnectionList, GetProducerConnectionList},
    response_code::ResponseCode,
    router::Processor,
};

use crate::clients::{ClientChannel, ConsumerManager, ProducerManager};

/// Answers who is connected.
pub struct ClientAdmin {
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) producers: Arc<ProducerManager>,
}

impl Processor<GetConsumerConnectionList> for ClientAdmin {
    async fn process(
        &self,
        incoming: Incoming<GetConsumerConnectionList>,
    ) -> ReplyResult<GetConsumerConnectionList> {
        let name = &incoming.header.consumer_group;
        let group = self.consumers.group(name).ok_or_else(|| {
            let remark = format!("the consumer group[{name}] not online");
            Refusal::new(ResponseCode::CONSUMER_NOT_ONLINE, remark)
        })?;
        let subscriptions = group.subscriptions.iter();
        let body = ConsumerConnection {
            connection_set: group.members.values().map(connection).collect(),
            consume_from_where: group.consume_from_where,
            consume_type: group.consume_type,
            message_model: group.message_model,
            subscription_table: subscriptions
                .map(|(topic, subscription)| (topic.clone(), subscription.data.clone()))
                .collect(),
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<GetProducerConnectionList> for ClientAdmin {
    async fn process(
        &self,
        incoming: Incoming<GetProducerConnectionList>,
    ) -> ReplyResult<GetProducerConnectionList> {
        let name = &incoming.header.producer_group;
        let members = self
            .producers
            .members(name)
            .ok_or_else(|| Refusal::system_error(format!("the producer group[{name}] not exist")))?;
        let body = ProducerConnection { connection_set: members.iter().map(connection).collect() };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<GetAllProducerInfo> for ClientAdmin {
    async fn process(&self, _: Incoming<GetAllProducerInfo>) -> ReplyResult<GetAllProducerInfo> {
        let groups = self.producers.table().into_iter();
        let data = groups.map(|(group, members)| (group, members.iter().map(producer).collect())).collect();
        Ok(Reply::success().with_body(fastjson::to_vec(&ProducerTableInfo { data })))
    }
}

fn connection(client: &ClientChannel) -> Connection {
    Connection {
        client_addr: client.handle.peer_addr().to_string(),
        client_id: client.client_id.to_string(),
        language: client.language.name().to_owned(),
        version: client.version,
    }
}

fn producer(client: &ClientChannel) -> ProducerInfo {
    ProducerInfo {
        client_id: client.client_id.to_string(),
        language: client.language.name().to_owned(),
        last_update_timestamp: client.last_update_millis,
        remote_ip: format!("/{}", client.handle.peer_addr()),
        version: client.version,
    }
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
