//! Asking other brokers of the cluster, by name (`RpcClient` over `ClientMetadata`).

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use client::{
    nameserver::{NameServerClient, NameServerError},
    pool::ConnectionPool,
};
use common::fastjson;
use parking_lot::RwLock;
use remoting::{
    body::route::{ClusterInfo, TopicRouteData},
    command::Response,
    header::{Header, NoHeader},
    reply::Refusal,
    request::{GetBrokerClusterInfo, Request},
    response_code::ResponseCode,
};
use tokio::sync::Mutex;

/// How long addresses are taken as they were; RocketMQ looks them up as often.
const FRESH: Duration = Duration::from_secs(5);

/// The masters of the cluster, known by their names.
pub struct OtherBrokers {
    pool: Arc<ConnectionPool>,
    name_servers: Arc<NameServerClient>,
    /// `forwardTimeout`.
    limit: Duration,
    masters: RwLock<Arc<Masters>>,
    /// Held by the one that looks addresses up.
    looking: Mutex<()>,
}

#[derive(Default)]
struct Masters {
    addrs: HashMap<String, String>,
    looked_up: Option<Instant>,
}

impl Masters {
    fn is_fresh(&self) -> bool {
        self.looked_up.is_some_and(|looked_up| looked_up.elapsed() < FRESH)
    }
}

impl OtherBrokers {
    /// The brokers these NameServers know, each given `limit` to answer.
    pub fn new(pool: Arc<ConnectionPool>, name_servers: Arc<NameServerClient>, limit: Duration) -> Self {
        Self { pool, name_servers, limit, masters: RwLock::default(), looking: Mutex::new(()) }
    }

    /// Asks the master of that name about its own, physical queues.
    ///
    /// # Errors
    /// `SYSTEM_ERROR` when nobody knows it or it does not answer. An answer with a bad code is an answer.
    pub(super) async fn ask<R: Request>(&self, name: &str, header: R::Header) -> Result<Response, Refusal> {
        let addr = self.master_addr(name).await?;
        let named = vec![("bname", name.to_owned())];
        self.pool
            .call_with_extra::<R>(&addr, header, named, Bytes::new(), self.limit)
            .await
            .map_err(|error| Refusal::system_error(format!("broker {name} does not answer: {error}")))
    }

    /// Asks, and reads the header of a successful answer.
    ///
    /// # Errors
    /// As [`Self::ask`], and when the answer is no success.
    pub(super) async fn ask_for<R: Request>(
        &self,
        name: &str,
        header: R::Header,
    ) -> Result<R::ReplyHeader, Refusal> {
        let answer = self.ask::<R>(name, header).await?;
        if answer.code != ResponseCode::SUCCESS.0 {
            return Err(refused(name, &answer));
        }
        Ok(R::ReplyHeader::decode(&answer.ext)?)
    }

    /// The route of a topic, as NameServers know it.
    ///
    /// # Errors
    /// When none answers.
    pub(super) async fn route(&self, topic: &str) -> Result<Option<TopicRouteData>, NameServerError> {
        self.name_servers.route(topic, self.limit).await
    }

    async fn master_addr(&self, name: &str) -> Result<String, Refusal> {
        let known = |masters: &Masters| masters.addrs.get(name).cloned();
        let masters = Arc::clone(&self.masters.read());
        if let Some(addr) = known(&masters).filter(|_| masters.is_fresh()) {
            return Ok(addr);
        }
        known(&*self.look_up(name).await)
            .ok_or_else(|| Refusal::system_error(format!("cannot find addr for broker {name}")))
    }

    /// The masters as they are now, looked up once for all who ask; or as they were when no NameServer answers.
    async fn look_up(&self, name: &str) -> Arc<Masters> {
        let _turn = self.looking.lock().await;
        let before = Arc::clone(&self.masters.read());
        if before.is_fresh() && before.addrs.contains_key(name) {
            return before;
        }
        let addrs = match self.cluster().await {
            Ok(cluster) => masters_of(cluster),
            Err(error) => {
                tracing::warn!(%error, "cannot look up brokers, those known stay");
                before.addrs.clone()
            }
        };
        let now = Arc::new(Masters { addrs, looked_up: Some(Instant::now()) });
        *self.masters.write() = Arc::clone(&now);
        now
    }

    async fn cluster(&self) -> Result<ClusterInfo, NameServerError> {
        let asked = self.name_servers.ask_one::<GetBrokerClusterInfo>(NoHeader {}, Bytes::new(), self.limit);
        Ok(fastjson::from_slice(&asked.await?.body)?)
    }
}

/// An answer that is no success.
pub(super) fn refused(name: &str, answer: &Response) -> Refusal {
    let remark = answer.remark.as_deref().unwrap_or_default();
    Refusal::system_error(format!("unknown remote error: broker {name} answers {}, {remark}", answer.code))
}

fn masters_of(cluster: ClusterInfo) -> HashMap<String, String> {
    let groups = cluster.broker_addr_table.into_iter();
    groups.filter_map(|(name, group)| Some((name, group.master_addr()?.to_owned()))).collect()
}
