//! What a broker tells and asks NameServers about its group.

use std::time::Duration;

use bytes::Bytes;
use common::{fastjson, names::SYNC_BROKER_MEMBER_GROUP_PREFIX};
use futures_util::future::join_all;
use remoting::{
    body::route::{BrokerMemberGroup, GetBrokerMemberGroupResponseBody, QueueData, TopicRouteData},
    headers::{
        broker::{BrokerHeartbeatRequestHeader, GetBrokerMemberGroupRequestHeader},
        topic::RegisterTopicRequestHeader,
    },
    request::{BrokerHeartbeat, GetBrokerMemberGroup, RegisterTopicInNamesrv},
    response_code::ResponseCode,
};

use super::{NameServerClient, NameServerError, PerServer};

/// Who a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerIdentity {
    /// Its cluster.
    pub cluster_name: String,
    /// The name its group shares.
    pub broker_name: String,
    /// Its id in the group; 0 is the master.
    pub broker_id: i64,
    /// `host:port` clients reach it at.
    pub broker_addr: String,
}

impl NameServerClient {
    /// Tells every server that a broker is alive (`BROKER_HEARTBEAT`); nobody answers. Connecting takes at
    /// most `limit`.
    pub async fn send_heartbeat(&self, broker: &BrokerIdentity, limit: Duration) -> PerServer<()> {
        let header = BrokerHeartbeatRequestHeader {
            cluster_name: broker.cluster_name.clone(),
            broker_addr: broker.broker_addr.clone(),
            broker_name: broker.broker_name.clone(),
            ..BrokerHeartbeatRequestHeader::default()
        };
        let addrs = self.addrs();
        let told = addrs.iter().map(|addr| {
            let telling = self.pool.oneway::<BrokerHeartbeat>(addr, header.clone(), Bytes::new(), limit);
            async move { (addr.clone(), telling.await.map_err(NameServerError::from)) }
        });
        join_all(told).await
    }

    /// Tells every server of one topic's queues on a broker it knows (`REGISTER_TOPIC_IN_NAMESRV`).
    pub async fn register_topic(&self, topic: &str, queues: QueueData, limit: Duration) -> PerServer<()> {
        let header = RegisterTopicRequestHeader { topic: topic.to_owned() };
        let route = TopicRouteData { queue_datas: vec![queues], ..TopicRouteData::default() };
        let answers = self.ask_all::<RegisterTopicInNamesrv>(header, route.encode().into(), limit).await;
        answers.into_iter().map(|(addr, answer)| (addr, answer.map(drop))).collect()
    }

    /// Who is alive in a group of brokers (`GET_BROKER_MEMBER_GROUP`).
    ///
    /// A server before 5.0 does not know the request; the route of the group's own topic says the same.
    ///
    /// # Errors
    /// When no server answers or the answer cannot be read.
    pub async fn broker_member_group(
        &self,
        cluster_name: &str,
        broker_name: &str,
        limit: Duration,
    ) -> Result<BrokerMemberGroup, NameServerError> {
        let header = GetBrokerMemberGroupRequestHeader {
            cluster_name: cluster_name.to_owned(),
            broker_name: broker_name.to_owned(),
        };
        match self.ask_one::<GetBrokerMemberGroup>(header, Bytes::new(), limit).await {
            Ok(answer) => {
                let body: GetBrokerMemberGroupResponseBody = fastjson::from_slice(&answer.body)?;
                Ok(body.broker_member_group)
            }
            Err(error) if error.code() == Some(ResponseCode::REQUEST_CODE_NOT_SUPPORTED) => {
                self.broker_member_group_by_route(cluster_name, broker_name, limit).await
            }
            Err(error) => Err(error),
        }
    }

    async fn broker_member_group_by_route(
        &self,
        cluster_name: &str,
        broker_name: &str,
        limit: Duration,
    ) -> Result<BrokerMemberGroup, NameServerError> {
        let topic = format!("{SYNC_BROKER_MEMBER_GROUP_PREFIX}{broker_name}");
        let brokers = self.route(&topic, limit).await?.unwrap_or_default().broker_datas;
        let group = brokers
            .into_iter()
            .find(|group| group.cluster == cluster_name && group.broker_name == broker_name)
            .unwrap_or_default();
        Ok(BrokerMemberGroup {
            broker_addrs: group.broker_addrs,
            broker_name: broker_name.to_owned(),
            cluster: cluster_name.to_owned(),
        })
    }
}
