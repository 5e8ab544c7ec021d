//! Making the broker known: registration with every NameServer, on a timer and at once on change.
//!
//! Invariant: registrations go out one after the other, so that an older list of topics never arrives
//! after a newer one.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use client::{
    nameserver::{BrokerIdentity, BrokerRegistration, NameServerClient, NameServerError},
    pool::ConnectionPool,
};
use common::{config::BrokerConfig, permission::Permission, topic::TopicConfig};
use futures_util::future::BoxFuture;
use remoting::body::{
    registration::{RegisterBrokerBody, RegistrationLayout, TopicConfigAndMappingSerializeWrapper},
    route::{QueueData, TopicRouteData},
};
use runtime::{live::Live, services::Services, shutdown::Shutdown};
use tokio::sync::Mutex;

use crate::{
    assignment::routes::RouteSource,
    static_topics::TopicQueueMappingManager,
    topics::{TopicAnnouncer, TopicConfigManager},
};

/// How often connections to NameServers are looked at: one that was lost means a server that has
/// forgotten this broker.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after a registration that not every NameServer took.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Longest time a request waits for its new topic to be announced.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(3);
/// Longest time a NameServer may take to tell a route.
const ROUTE_LIMIT: Duration = Duration::from_secs(3);
/// Longest time one look-up of a name may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(10);
/// When NameServers are looked up again for the first time.
const LOOK_UP_FIRST: Duration = Duration::from_secs(10);
/// Longest time a starting or stopping broker waits for NameServers.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// Keeps the NameServers informed.
pub struct Registration {
    config: Live<BrokerConfig>,
    identity: BrokerIdentity,
    ha_server_addr: String,
    topics: Arc<TopicConfigManager>,
    mappings: Arc<TopicQueueMappingManager>,
    pool: Arc<ConnectionPool>,
    name_servers: Arc<NameServerClient>,
    silence_after_start: Duration,
    turn: Mutex<Turn>,
    /// Whether any NameServer knows the broker, seen without waiting for a turn.
    is_known: AtomicBool,
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
        config: Live<BrokerConfig>,
        identity: BrokerIdentity,
        ha_server_addr: String,
        topics: Arc<TopicConfigManager>,
        mappings: Arc<TopicQueueMappingManager>,
        pool: Arc<ConnectionPool>,
        silence_after_start: Duration,
    ) -> Self {
        let list = config.now().namesrv_addrs().join(";");
        let name_servers = Arc::new(NameServerClient::new(Arc::clone(&pool), &list));
        Self {
            config,
            identity,
            ha_server_addr,
            topics,
            mappings,
            pool,
            name_servers,
            silence_after_start,
            turn: Mutex::default(),
            is_known: AtomicBool::new(false),
        }
    }

    /// Whether a NameServer knows this broker, or there is none it should be known to.
    pub fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed) || self.name_servers.addrs().is_empty()
    }

    /// The NameServers, as they are looked up.
    pub fn name_servers(&self) -> &Arc<NameServerClient> {
        &self.name_servers
    }

    /// Registers now, and from then on regularly.
    pub async fn start(self: &Arc<Self>, services: &Services) {
        // NameServers that do not answer must not hold up the start.
        let registering = async {
            self.look_up_name_servers().await;
            self.register_all().await
        };
        if tokio::time::timeout(FAREWELL_LIMIT, registering).await.is_err() {
            tracing::warn!("name servers do not answer, going on without them for now");
        }
        let registration = Arc::clone(self);
        services.task("registration", |shutdown| registration.keep_registered(shutdown));
    }

    /// Takes the broker off every NameServer.
    pub async fn unregister(&self) {
        let mut turn = self.turn.lock().await;
        turn.over = true;
        self.is_known.store(false, Ordering::Relaxed);
        for (addr, outcome) in self.name_servers.unregister_broker(&self.identity, FAREWELL_LIMIT).await {
            if let Err(error) = outcome {
                tracing::warn!(name_server = addr, %error, "cannot unregister");
            }
        }
    }

    async fn keep_registered(self: Arc<Self>, shutdown: Shutdown) {
        let period = || millis(self.config.now().clamped_register_name_server_period());
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(self.silence_after_start) => {}
        }
        let mut due = Instant::now() + period().min(RETRY_INTERVAL);
        let look_up_period = || millis(self.config.now().update_name_server_addr_period);
        let mut look_up_due = Instant::now() + look_up_period().min(LOOK_UP_FIRST);
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            if Instant::now() >= look_up_due {
                if self.look_up_name_servers().await {
                    due = Instant::now();
                }
                look_up_due = Instant::now() + look_up_period();
            }
            if Instant::now() < due && !self.has_lost_one().await {
                continue;
            }
            let all_informed = self.refresh().await;
            due = Instant::now() + if all_informed { period() } else { RETRY_INTERVAL };
        }
    }

    /// Takes the addresses the configured names stand for (`fetchNameSrvAddrByDnsLookup`); whether they are
    /// others than before.
    async fn look_up_name_servers(&self) -> bool {
        if !self.config.now().fetch_name_srv_addr_by_dns_lookup {
            return false;
        }
        let mut found = Vec::new();
        for name in self.config.now().namesrv_addrs() {
            let looked_up = tokio::time::timeout(LOOK_UP_LIMIT, tokio::net::lookup_host(&name)).await;
            match looked_up.map_err(std::io::Error::from).flatten() {
                Ok(addrs) => found.extend(addrs.map(|addr| addr.to_string())),
                Err(error) => {
                    tracing::warn!(name, %error, "cannot look up name servers, those known stay");
                    return false;
                }
            }
        }
        found.sort();
        found.dedup();
        if found.is_empty() || *found == *self.name_servers.addrs() {
            return false;
        }
        self.name_servers.set_addrs(&found.join(";"));
        true
    }

    /// Whether a NameServer that knew the broker has closed the connection.
    async fn has_lost_one(&self) -> bool {
        let mut turn = self.turn.lock().await;
        let before = turn.informed.len();
        turn.informed.retain(|addr| self.pool.open(addr).is_some());
        self.is_known.store(!turn.informed.is_empty(), Ordering::Relaxed);
        turn.informed.len() < before
    }

    /// Registers, unless all NameServers know the present state and the configuration lets that do.
    async fn refresh(&self) -> bool {
        if !self.config.now().force_register {
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
        self.is_known.store(!turn.informed.is_empty(), Ordering::Relaxed);
        all_informed
    }

    /// Tells of each topic by itself (`enableSingleTopicRegister`), which leaves all others as they are.
    async fn register_singly(&self, topics: &[Arc<TopicConfig>], limit: Duration) -> bool {
        let turn = self.turn.lock().await;
        let mut all_informed = true;
        for topic in topics.iter().filter(|_| !turn.over) {
            let masked = self.masked(topic);
            let queues = QueueData {
                broker_name: self.identity.broker_name.clone(),
                perm: masked.perm,
                read_queue_nums: masked.read_queue_nums,
                topic_sys_flag: masked.topic_sys_flag,
                write_queue_nums: masked.write_queue_nums,
            };
            for (addr, outcome) in self.name_servers.register_topic(&masked.topic_name, queues, limit).await {
                if let Err(error) = outcome {
                    tracing::warn!(name_server = addr, topic = masked.topic_name, %error, "cannot register topic");
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
            layout: if self.config.now().compressed_register {
                RegistrationLayout::Compressed
            } else {
                RegistrationLayout::Plain
            },
            body: RegisterBrokerBody {
                topic_config_serialize_wrapper: TopicConfigAndMappingSerializeWrapper {
                    data_version: self.topics.data_version(),
                    topic_config_table: table,
                    topic_queue_mapping_info_map: self
                        .mappings
                        .infos(topics.iter().map(|topic| topic.topic_name.as_str())),
                    ..TopicConfigAndMappingSerializeWrapper::default()
                },
                ..RegisterBrokerBody::default()
            },
        }
    }

    /// A topic as clients may use it: no more than the whole broker allows.
    fn masked(&self, topic: &TopicConfig) -> TopicConfig {
        let broker = Permission(self.config.now().broker_permission);
        let mut topic = topic.clone();
        if !(broker.is_readable() && broker.is_writable()) {
            topic.perm = Permission(topic.perm.0 & broker.0);
        }
        topic
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.config.now().register_broker_timeout_mills).unwrap_or(0))
    }
}

/// A configured time, of a millisecond at least.
fn millis(configured: i32) -> Duration {
    Duration::from_millis(u64::try_from(configured).unwrap_or(0).max(1))
}

impl RouteSource for Registration {
    fn route<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Option<TopicRouteData>, NameServerError>> {
        Box::pin(self.name_servers.route(topic, ROUTE_LIMIT))
    }
}

impl TopicAnnouncer for Registration {
    fn announce<'a>(&'a self, topics: &'a [Arc<TopicConfig>]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let limit = self.limit().min(ANNOUNCE_LIMIT);
            let announcing = async {
                if self.config.now().enable_single_topic_register {
                    self.register_singly(topics, limit).await
                } else {
                    self.register(topics, limit).await
                }
            };
            if tokio::time::timeout(limit, announcing).await.is_err() {
                tracing::warn!(
                    "name servers did not take new topics in time, they will with the next registration"
                );
            }
        })
    }
}
