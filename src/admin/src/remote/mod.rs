//! The servers, and what several commands ask of them.

pub(crate) mod config;
pub(crate) mod messages;
pub(crate) mod stats;
pub(crate) mod track;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use client::{
    broker::{BrokerClient, BrokerError},
    nameserver::{NameServerClient, NameServerError},
    pool::{ConnectionPool, PoolLimits},
    routes::addr_of,
};
use common::fastjson;
use remoting::{
    body::{
        kv::KvTable,
        route::{ClusterInfo, TopicRouteData},
        topic_list::TopicList,
    },
    command::Response,
    header::NoHeader,
    reply::Body,
    request::{GetAllTopicListFromNameserver, GetBrokerClusterInfo, GetBrokerRuntimeInfo, Request},
    response_code::ResponseCode,
    router::Router,
};
use serde::de::DeserializeOwned;

use crate::error::AdminError;

/// How long a server may take, unless a command says otherwise.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// `NameServers` and brokers.
pub(crate) struct Remote {
    pub(crate) names: Arc<NameServerClient>,
    pub(crate) brokers: BrokerClient,
}

impl Remote {
    /// A way to the servers in `names` (`host:port;host:port`) and to all brokers.
    pub(crate) fn new(names: &str) -> Self {
        let pool = Arc::new(ConnectionPool::new(Arc::new(Router::new()), PoolLimits::default()));
        let names = Arc::new(NameServerClient::new(Arc::clone(&pool), names));
        Self { brokers: BrokerClient::new(pool), names }
    }

    /// Asks one NameServer.
    pub(crate) async fn ask_names<R: Request>(&self, header: R::Header) -> Result<Response, AdminError>
    where
        R::Header: Clone,
    {
        Ok(self.names.ask_one::<R>(header, Bytes::new(), LIMIT).await?)
    }

    /// Asks one NameServer for a body.
    pub(crate) async fn names_body<R: Request, T: DeserializeOwned>(
        &self,
        header: R::Header,
    ) -> Result<T, AdminError>
    where
        R::Header: Clone,
    {
        let response = self.ask_names::<R>(header).await?;
        Ok(fastjson::from_slice(&response.body).map_err(NameServerError::from)?)
    }

    /// Asks all NameServers; the first failure counts.
    pub(crate) async fn tell_names<R: Request>(&self, header: R::Header) -> Result<(), AdminError>
    where
        R::Header: Clone,
    {
        let answers = self.names.ask_all::<R>(header, Bytes::new(), LIMIT).await;
        if answers.is_empty() {
            return Err(NameServerError::NoAddress.into());
        }
        answers.into_iter().try_for_each(|(_, answer)| answer.map(drop)).map_err(AdminError::from)
    }

    /// Asks a broker.
    pub(crate) async fn ask<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
    ) -> Result<Response, BrokerError> {
        self.brokers.ask::<R>(addr, header, body, LIMIT).await
    }

    /// Asks a broker for a body.
    pub(crate) async fn body<R: Request, T: DeserializeOwned>(
        &self,
        addr: &str,
        header: R::Header,
    ) -> Result<T, BrokerError> {
        self.brokers.body::<R, T>(addr, header, Bytes::new(), LIMIT).await
    }

    /// All clusters and their brokers (`examineBrokerClusterInfo`).
    pub(crate) async fn cluster_info(&self) -> Result<ClusterInfo, AdminError> {
        self.names_body::<GetBrokerClusterInfo, _>(NoHeader {}).await
    }

    /// The route of a topic that must have one (`examineTopicRouteInfo`).
    pub(crate) async fn route(&self, topic: &str) -> Result<TopicRouteData, AdminError> {
        self.names.route(topic, LIMIT).await?.ok_or_else(|| AdminError::Refused {
            code: ResponseCode::TOPIC_NOT_EXIST,
            remark: format!("No topic route info in name server for the topic: {topic}"),
        })
    }

    /// All topics (`fetchAllTopicList`).
    pub(crate) async fn topics(&self) -> Result<TopicList, AdminError> {
        self.names_body::<GetAllTopicListFromNameserver, _>(NoHeader {}).await
    }

    /// A broker's figures (`fetchBrokerRuntimeStats`).
    pub(crate) async fn runtime_info(&self, addr: &str) -> Result<KvTable, BrokerError> {
        self.body::<GetBrokerRuntimeInfo, _>(addr, NoHeader {}).await
    }
}

/// A broker to ask in every group of a route.
pub(crate) fn addrs_of(route: &TopicRouteData) -> impl Iterator<Item = &str> {
    route.broker_datas.iter().filter_map(addr_of)
}
