//! Making the broker known: registration with every NameServer, on a timer and at once on change.
//!
//! Invariant: registrations go out one after the other, so that an older list of topics never arrives
//! after a newer one.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use client::{
    nameserver::{BrokerIdentity, BrokerRegistration, NameServerClient},
    pool::ConnectionPool,
};
use common::{config::BrokerConfig, permission::Permission, topic::TopicConfig};
use futures_util::future::BoxFuture;
use remoting::body::registration::{
    RegisterBrokerBody, RegistrationLayout, TopicConfigAndMappingSerializeWrapper,
};
use runtime::{services::Services, shutdown::Shutdown};
use tokio::sync::Mutex;

use crate::topics::{TopicAnnouncer, TopicConfigManager};

/// How often connections to NameServers are looked at: one that was lost means a server that has
/// forgotten this broker.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after a registration that not every NameServer took.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Longest time a request waits for its new topic to be announced.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(3);
/// Longest time a starting or stopping broker waits for NameServers.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// Keeps the NameServers informed.
pub struct Registration {
    config: Arc<BrokerConfig>,
    identity: BrokerIdentity,
    ha_server_addr: String,
    topics: Arc<TopicConfigManager>,
    pool: Arc<ConnectionPool>,
    name_servers: NameServerClient,
    turn: Mutex<Turn>,
}

/// What the last registration left behind.
#[derive(Default)]
struct Turn {
    /// Set when the broker has unregistered: nothing is said of it any more.
    over: bool,
    /// NameServers that know the broker.
    informed: HashSet<String>,
}

impl Registration {
    /// The registration of the broker with that identity.
    pub fn new(
        config: Arc<BrokerConfig>,
        identity: BrokerIdentity,
        ha_server_addr: String,
        topics: Arc<TopicConfigManager>,
        pool: Arc<ConnectionPool>,
    ) -> Self {
        let list = config.namesrv_addrs().join(";");
        let name_servers = NameServerClient::new(Arc::clone(&pool), &list);
        Self { config, identity, ha_server_addr, topics, pool, name_servers, turn: Mutex::default() }
    }

    /// Registers now, and from then on regularly.
    pub async fn start(self: &Arc<Self>, services: &Services) {
        // NameServers that do not answer must not hold up the start.
        if tokio::time::timeout(FAREWELL_LIMIT, self.register_all()).await.is_err() {
            tracing::warn!("name servers do not answer, going on without them for now");
        }
        let registration = Arc::clone(self);
        services.task("registration", |shutdown| registration.keep_registered(shutdown));
    }

    /// Takes the broker off every NameServer.
    pub async fn unregister(&self) {
        let mut turn = self.turn.lock().await;
        turn.over = true;
        for (addr, outcome) in self.name_servers.unregister_broker(&self.identity, FAREWELL_LIMIT).await {
            if let Err(error) = outcome {
                tracing::warn!(name_server = addr, %error, "cannot unregister");
            }
        }
    }

    async fn keep_registered(self: Arc<Self>, shutdown: Shutdown) {
        let period = Duration::from_millis(self.config.clamped_register_name_server_period().max(1) as u64);
        let mut due = Instant::now() + period.min(RETRY_INTERVAL);
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            if Instant::now() < due && !self.has_lost_one().await {
                continue;
            }
            let all_informed = self.refresh().await;
            due = Instant::now() + if all_informed { period } else { RETRY_INTERVAL };
        }
    }

    /// Whether a NameServer that knew the broker has closed the connection.
    async fn has_lost_one(&self) -> bool {
        let mut turn = self.turn.lock().await;
        let before = turn.informed.len();
        turn.informed.retain(|addr| self.pool.open(addr).is_some());
        turn.informed.len() < before
    }

    /// Registers, unless all NameServers know the present state and the configuration lets that do.
    async fn refresh(&self) -> bool {
        if !self.config.force_register {
            let version = self.topics.data_version();
            if !self.name_servers.needs_register(&self.identity, version, self.limit()).await {
                return true;
            }
        }
        self.register_all().await
    }

    async fn register_all(&self) -> bool {
        let topics: Vec<_> = self.topics.snapshot().topics.into_values().collect();
        self.register(&topics, self.limit()).await
    }

    /// Registers these topics; whether every NameServer took them.
    async fn register(&self, topics: &[Arc<TopicConfig>], limit: Duration) -> bool {
        let mut turn = self.turn.lock().await;
        if turn.over {
            return true;
        }
        let registration = self.registration(topics);
        let outcomes = self.name_servers.register_broker(&registration, limit).await;
        let mut all_informed = true;
        turn.informed.clear();
        for (addr, outcome) in outcomes {
            match outcome {
                Ok(result) => {
                    self.topics.mark_ordered(result.order_topics.table.keys().map(String::as_str));
                    turn.informed.insert(addr);
                }
                Err(error) => {
                    tracing::warn!(name_server = addr, %error, "cannot register, trying again");
                    all_informed = false;
                }
            }
        }
        all_informed
    }

    fn registration(&self, topics: &[Arc<TopicConfig>]) -> BrokerRegistration {
        let table = topics.iter().map(|topic| (topic.topic_name.clone(), self.masked(topic))).collect();
        BrokerRegistration {
            broker: self.identity.clone(),
            ha_server_addr: self.ha_server_addr.clone(),
            heartbeat_timeout: None,
            enable_acting_master: Some(false),
            zone_name: None,
            layout: if self.config.compressed_register {
                RegistrationLayout::Compressed
            } else {
                RegistrationLayout::Plain
            },
            body: RegisterBrokerBody {
                topic_config_serialize_wrapper: TopicConfigAndMappingSerializeWrapper {
                    data_version: self.topics.data_version(),
                    topic_config_table: table,
                    ..TopicConfigAndMappingSerializeWrapper::default()
                },
                ..RegisterBrokerBody::default()
            },
        }
    }

    /// A topic as clients may use it: no more than the whole broker allows.
    fn masked(&self, topic: &TopicConfig) -> TopicConfig {
        let broker = Permission(self.config.broker_permission);
        let mut topic = topic.clone();
        if !(broker.is_readable() && broker.is_writable()) {
            topic.perm = Permission(topic.perm.0 & broker.0);
        }
        topic
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.config.register_broker_timeout_mills).unwrap_or(0))
    }
}

impl TopicAnnouncer for Registration {
    fn announce<'a>(&'a self, topics: &'a [Arc<TopicConfig>]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let limit = self.limit().min(ANNOUNCE_LIMIT);
            if tokio::time::timeout(limit, self.register(topics, limit)).await.is_err() {
                tracing::warn!(
                    "name servers did not take new topics in time, they will with the next registration"
                );
            }
        })
    }
}
