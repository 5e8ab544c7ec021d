//! What brokers and tools ask of NameServers (`BrokerOuterAPI`, the NameServer half of `MQAdminExt`).
//!
//! NameServers share nothing, so what changes them goes to all of them at once
//! ([`NameServerClient::register_broker`] and its like, an outcome each), and what only reads goes to one
//! of them, to the next if that one does not answer.

mod broker;
mod error;
mod registration;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use bytes::Bytes;
use common::fastjson;
use futures_util::future::join_all;
use parking_lot::RwLock;
use remoting::{
    body::route::TopicRouteData,
    command::Response,
    headers::topic::GetRouteInfoRequestHeader,
    request::{GetRouteinfoByTopic, Request},
    response_code::ResponseCode,
};

pub use self::{
    broker::BrokerIdentity,
    error::NameServerError,
    registration::{BrokerRegistration, RegisterBrokerResult},
};
use crate::pool::ConnectionPool;

/// Name servers taken from one list; more are ignored.
const ADDRESSES_MAX: usize = 64;

/// What each name server answered, by its address.
pub type PerServer<T> = Vec<(String, Result<T, NameServerError>)>;

/// Some NameServers and a way to ask them.
pub struct NameServerClient {
    pool: Arc<ConnectionPool>,
    addrs: RwLock<Arc<[String]>>,
    /// Which of them answered last; any number, taken modulo how many there are.
    preferred: AtomicUsize,
}

impl NameServerClient {
    /// A client of the servers in `list` (`host:port;host:port`).
    pub fn new(pool: Arc<ConnectionPool>, list: &str) -> Self {
        // Clients spread over the servers, and each stays with the one it began with.
        let preferred = AtomicUsize::new(usize::from(rand::random::<u16>()));
        Self { pool, addrs: RwLock::new(addresses(list)), preferred }
    }

    /// The addresses in the order they were given.
    pub fn addrs(&self) -> Arc<[String]> {
        Arc::clone(&self.addrs.read())
    }

    /// Takes the servers in `list` from now on; connections to others end when they are idle.
    pub fn set_addrs(&self, list: &str) {
        let addrs = addresses(list);
        tracing::info!(?addrs, "name servers changed");
        *self.addrs.write() = addrs;
    }

    /// Asks one server, the next if it does not answer or fails, and so on; at most `limit` each.
    ///
    /// # Errors
    /// The first server's answer if it refuses, the last error if none answers.
    pub async fn ask_one<R: Request>(
        &self,
        header: R::Header,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response, NameServerError>
    where
        R::Header: Clone,
    {
        let addrs = self.addrs();
        let start = self.preferred.load(Ordering::Relaxed);
        let mut last = NameServerError::NoAddress;
        for step in 0..addrs.len() {
            let index = start.wrapping_add(step) % addrs.len();
            let Some(addr) = addrs.get(index) else { break };
            match self.ask::<R>(addr, header.clone(), Vec::new(), body.clone(), limit).await {
                Ok(response) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(response);
                }
                Err(error) if error.is_about_this_server() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Asks all servers at once; at most `limit`.
    pub async fn ask_all<R: Request>(
        &self,
        header: R::Header,
        body: Bytes,
        limit: Duration,
    ) -> PerServer<Response>
    where
        R::Header: Clone,
    {
        self.ask_all_with_extra::<R>(header, Vec::new(), body, limit).await
    }

    /// The route of a topic as one server knows it; `None` when it has none.
    ///
    /// # Errors
    /// When no server answers or the answer cannot be read.
    pub async fn route(
        &self,
        topic: &str,
        limit: Duration,
    ) -> Result<Option<TopicRouteData>, NameServerError> {
        let header = GetRouteInfoRequestHeader { topic: topic.to_owned(), accept_standard_json_only: None };
        match self.ask_one::<GetRouteinfoByTopic>(header, Bytes::new(), limit).await {
            Ok(response) => Ok(Some(fastjson::from_slice(&response.body)?)),
            Err(error) if error.code() == Some(ResponseCode::TOPIC_NOT_EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask_all_with_extra<R: Request>(
        &self,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: Bytes,
        limit: Duration,
    ) -> PerServer<Response>
    where
        R::Header: Clone,
    {
        let addrs = self.addrs();
        let asked = addrs.iter().map(|addr| {
            let asking = self.ask::<R>(addr, header.clone(), extra.clone(), body.clone(), limit);
            async move { (addr.clone(), asking.await) }
        });
        join_all(asked).await
    }

    /// Asks one server; what is not `SUCCESS` is an error.
    async fn ask<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response, NameServerError> {
        let response = self.pool.call_with_extra::<R>(addr, header, extra, body, limit).await?;
        if response.code == ResponseCode::SUCCESS.0 {
            return Ok(response);
        }
        Err(NameServerError::Refused {
            addr: addr.to_owned(),
            code: ResponseCode(response.code),
            remark: response.remark.unwrap_or_default(),
        })
    }
}

fn addresses(list: &str) -> Arc<[String]> {
    let mut addrs: Vec<String> = Vec::new();
    for addr in list.split(';').map(str::trim).filter(|addr| !addr.is_empty()) {
        if addrs.len() == ADDRESSES_MAX {
            tracing::warn!(max = ADDRESSES_MAX, "too many name servers are given, the rest is ignored");
            break;
        }
        if !addrs.iter().any(|known| known == addr) {
            addrs.push(addr.to_owned());
        }
    }
    addrs.into()
}

#[cfg(test)]
mod tests;
