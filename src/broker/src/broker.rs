//! A broker's life: opening what it needs in order, composing its parts, and closing them in order.
//!
//! This is the one place that knows all parts; each part knows only those it was given.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use client::{
    nameserver::BrokerIdentity,
    pool::{ConnectionPool, PoolLimits},
};
use common::config::BrokerSettings;
use filter::bloom::BloomFilterError;
use remoting::{connection::ConnectionLimits, router::Router, server::Server};
use runtime::{
    clock::Clock,
    services::{Schedule, Services},
};
use store::{
    config_files::{ConfigFileError, ConfigFiles},
    consume_queue_ext::FilterBitMap,
    error::{OpenError, StopError},
    fs::{FileSystem, OsFileSystem},
    message_store::{Environment, MessageStore},
    timer::TimerStore,
};
use thiserror::Error;
use tokio::{net::TcpListener, runtime::Handle};

use crate::{
    advertised,
    arrivals::Arrivals,
    cold_reads::WINDOW,
    connections::BrokerService,
    file_metadata::FileMetadata,
    filters::ConsumerFilterManager,
    listeners::{self, BindError, Listeners},
    metadata::{MetadataError, MetadataStore},
    metrics::{self, export::ExportError},
    parts::{EarlyParts, OpenTimer, Parts},
    pop::{self, WaitingRooms},
    registration::Registration,
    router::{self, Lanes},
    schedule::{
        delay_levels::{BadDelayLevel, DelayLevels},
        service::ScheduleMessageService,
    },
    settings,
    static_topics::{OtherBrokers, StaticTopics, TopicQueueMappingCleanService},
    timer::service::TimerWaker,
    topic_publisher::TopicPublisher,
    topics::TopicAnnouncer,
    transaction::TransactionalMessageCheckService,
};

/// How often topics and groups are written that could not be when they changed.
const CONFIGURATION_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time between two writes of offsets: half of what a crash may cost, as a write takes its time, too.
const OFFSETS_INTERVAL_MAX: Duration = Duration::from_millis(500);
/// How often clients are looked through for those that have fallen silent.
const CLIENT_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(10), pause: Duration::from_secs(10) };
/// How often members are told of changes that were gathered up (`realTimeNotifyConsumerChange=false`).
const NOTIFY_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(30), pause: Duration::from_secs(15) };
/// How often the timer forgets topics that are no more.
const TIMER_METRICS_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(180), pause: Duration::from_secs(180) };
/// How often the offsets of broadcasting clients are gathered.
const BROADCAST_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(5), pause: Duration::from_secs(5) };

/// Why a broker does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The configuration directory cannot be used.
    #[error(transparent)]
    ConfigFiles(#[from] ConfigFileError),
    /// A table cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// No bloom filter has the configured size.
    #[error(transparent)]
    BloomFilter(#[from] BloomFilterError),
    /// The delay levels make no sense.
    #[error("messageDelayLevel: {0}")]
    DelayLevels(#[from] BadDelayLevel),
    /// A port cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Metrics cannot be exported as configured.
    #[error(transparent)]
    Metrics(#[from] ExportError),
    /// A service cannot start.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// A running broker.
pub struct Broker {
    name: String,
    announced_addr: String,
    go_away: Option<Duration>,
    main: Server,
    fast: Option<Server>,
    registration: Arc<Registration>,
    pool: Arc<ConnectionPool>,
    early: EarlyParts,
    parts: Arc<Parts>,
    /// The listeners and everything that works on requests.
    services: Services,
    /// The store's own services, which outlive the others.
    store_services: Services,
}

impl Broker {
    /// Opens the store, listens and registers.
    ///
    /// # Errors
    /// When any of that fails; nothing is left running then.
    pub async fn start(mut settings: BrokerSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let levels = DelayLevels::parse(&settings.store.message_delay_level)?;
        let schedule = Arc::new(
            ScheduleMessageService::new(levels, Arc::clone(&clock))
                .with_version_step(settings.broker.delay_offset_update_version_step),
        );
        let filters = Arc::new(ConsumerFilterManager::new(&settings.broker, Arc::clone(&clock))?);
        settings.store.bit_map_length_consume_queue_ext = filters.bit_map_length();
        let bit_maps = Arc::clone(&filters) as Arc<dyn FilterBitMap>;
        let early = EarlyParts {
            schedule,
            filters,
            board: Arc::default(),
            rooms: WaitingRooms::new(&settings.broker),
            waker: Arc::default(),
        };
        let fs: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
        let environment = Environment {
            fs: Arc::clone(&fs),
            clock: Arc::clone(&clock),
            arrival: Arc::new(Arrivals::new(&early)),
            bit_maps,
        };
        let store = open_store(&settings, environment).await?;
        let store_to_close = Arc::clone(&store);
        let composed = Self::compose(settings, clock, store, fs, early).await;
        if composed.is_err() {
            // Closed as after a run, so that the next start has nothing to recover.
            close_store(store_to_close)
                .await
                .unwrap_or_else(|error| tracing::warn!(%error, "store not closed"));
        }
        composed
    }

    /// Listens, and reads the tables of a store that is open.
    async fn compose(
        mut settings: BrokerSettings,
        clock: Arc<dyn Clock>,
        store: Arc<MessageStore>,
        fs: Arc<dyn FileSystem>,
        early: EarlyParts,
    ) -> Result<Self, StartError> {
        let listeners = listeners::bind(&settings.server)?;
        settings.server.listen_port = i32::from(listeners.main.local_addr()?.port());
        let metadata: Arc<dyn MetadataStore> =
            Arc::new(FileMetadata(ConfigFiles::open(fs, Arc::clone(&clock), store.options().config_path())?));
        early.schedule.load(Arc::clone(&metadata))?;
        let store_host = store_host(&settings);
        let waker = Arc::clone(&early.waker);
        let timer = open_timer(&settings, &store, waker, clock.now_millis()).await?;
        let parts = Parts::load(&settings, &clock, &store, timer, &metadata, store_host, &early)?;
        Self::launch(settings, listeners, early, Arc::new(parts)).await
    }

    async fn launch(
        settings: BrokerSettings,
        listeners: Listeners,
        early: EarlyParts,
        parts: Arc<Parts>,
    ) -> Result<Self, StartError> {
        let services = Services::new(Handle::current());
        let store_services = Services::new(Handle::current());
        parts.store.start(&store_services)?;
        let pool = Arc::new(ConnectionPool::new(Arc::new(Router::new()), PoolLimits::from(&settings.client)));
        let registration = Arc::new(Registration::new(
            parts.config.clone(),
            identity(&settings),
            settings.ha_server_addr(),
            Arc::clone(&parts.topics),
            Arc::clone(&parts.mappings),
            Arc::clone(&pool),
            settings::silence_after_start(&settings.store),
        ));
        parts.stats.start(&services);
        parts.schedule.start(&parts.store, &parts.stats, &services);
        if let Some(timer) = &parts.timer {
            timer.start(&services)?;
        }
        start_scans(&parts, &services);
        transaction_checks(&parts, &registration).start(&services);
        start_writing(&settings, &parts, &services);
        let static_topics = static_topics(&parts, &registration, &pool);
        TopicQueueMappingCleanService::new(Arc::clone(&static_topics)).start(&services);
        let lanes = Lanes::new(&parts.config.now());
        let routes = router::routes(&parts, &registration, &early.board, &static_topics, &lanes);
        pop::services::start(&parts, &registration, &services);
        let (main, fast) = listen(&settings, listeners, &parts, routes, &services)?;
        metrics::export::start(&settings, &parts, lanes.for_metrics(), &registration, &services).await?;
        registration.start(&services).await;
        let (addr, name_servers) = (settings.broker_addr(), settings.broker.namesrv_addrs());
        services.task("advertised-address", |shutdown| async move {
            tokio::select! {
                () = shutdown.requested() => {}
                () = advertised::check(addr, name_servers) => {}
            }
        });
        Ok(Self {
            name: settings.broker.broker_name.clone(),
            announced_addr: settings.broker_addr(),
            go_away: settings
                .server
                .enable_shutdown_gracefully
                .then(|| Duration::from_secs(settings.server.shutdown_wait_time_seconds.max(0) as u64)),
            main,
            fast,
            registration,
            pool,
            early,
            parts,
            services,
            store_services,
        })
    }

    /// `brokerName`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `host:port` clients are told to connect to.
    pub fn announced_addr(&self) -> &str {
        &self.announced_addr
    }

    /// Where the broker listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.main.local_addr()
    }

    /// Where the fast ("VIP") port listens.
    pub fn fast_addr(&self) -> Option<SocketAddr> {
        self.fast.as_ref().map(Server::local_addr)
    }

    /// Stops in order: unregistered, no new work, long polls answered, tables and messages on disk.
    ///
    /// # Errors
    /// When the store could not be closed cleanly; it recovers at the next start.
    pub async fn stop(self, limit: Duration) -> Result<(), StopError> {
        self.registration.unregister().await;
        if let Some(grace) = self.go_away {
            self.send_away(grace).await;
        }
        self.early.board.close();
        self.early.rooms.close();
        let drain_fast = async {
            if let Some(fast) = &self.fast {
                fast.drain(limit).await;
            }
        };
        tokio::join!(self.main.drain(limit), drain_fast);
        self.services.stop(limit).await;
        self.pool.close();
        self.parts.pop.buffer.stop().await;
        self.parts.persist();
        close_timer(&self.parts).await;
        self.store_services.stop(limit).await;
        let closed = close_store(Arc::clone(&self.parts.store)).await;
        tracing::info!(broker = self.name, "broker stopped");
        closed
    }

    /// Tells clients to connect elsewhere for a while, as long as any is still there.
    async fn send_away(&self, grace: Duration) {
        self.main.stop_listening();
        self.main.go_away();
        if let Some(fast) = &self.fast {
            fast.stop_listening();
            fast.go_away();
        }
        let gone = async {
            while self.main.connection_count() > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // Those that stay are cut off.
        let _ = tokio::time::timeout(grace, gone).await;
    }
}

/// Recovery reads files and may take its time.
async fn open_store(
    settings: &BrokerSettings,
    environment: Environment,
) -> Result<Arc<MessageStore>, StartError> {
    let options = settings::store_options(settings);
    let opened = tokio::task::spawn_blocking(move || MessageStore::open(options, environment)).await;
    Ok(opened.map_err(io::Error::other)??)
}

/// The timer's files, where there is a timer.
async fn open_timer(
    settings: &BrokerSettings,
    store: &Arc<MessageStore>,
    waker: Arc<TimerWaker>,
    now_millis: i64,
) -> Result<Option<OpenTimer>, StartError> {
    let Some(options) = settings::timer_options(&settings.store) else { return Ok(None) };
    let store = Arc::clone(store);
    let opening = tokio::task::spawn_blocking(move || TimerStore::open(&store, &options, now_millis));
    let (timers, recovered) = opening.await.map_err(io::Error::other)??;
    Ok(Some(OpenTimer { timers: Arc::new(timers), recovered, waker }))
}

/// What the timer has done becomes durable while the store can still be flushed.
async fn close_timer(parts: &Parts) {
    let Some(timer) = parts.timer.clone() else { return };
    if let Err(error) = tokio::task::spawn_blocking(move || timer.close()).await {
        tracing::error!(%error, "timer not closed");
    }
}

/// Closing waits for the disk.
async fn close_store(store: Arc<MessageStore>) -> Result<(), StopError> {
    let closed = tokio::task::spawn_blocking(move || store.stop()).await;
    closed.unwrap_or_else(|error| Err(StopError::Fenced(error.to_string())))
}

/// What is known of static topics, on this broker and on those it has them in common with.
fn static_topics(
    parts: &Parts,
    registration: &Registration,
    pool: &Arc<ConnectionPool>,
) -> Arc<StaticTopics> {
    let limit = Duration::from_millis(u64::try_from(parts.config.now().forward_timeout).unwrap_or(0));
    let brokers = OtherBrokers::new(Arc::clone(pool), Arc::clone(registration.name_servers()), limit);
    Arc::new(StaticTopics {
        mappings: Arc::clone(&parts.mappings),
        brokers: Arc::new(brokers),
        store: Arc::clone(&parts.store),
        offsets: Arc::clone(&parts.offsets),
    })
}

fn identity(settings: &BrokerSettings) -> BrokerIdentity {
    BrokerIdentity {
        cluster_name: settings.broker.broker_cluster_name.clone(),
        broker_name: settings.broker.broker_name.clone(),
        broker_id: settings.broker.broker_id,
        broker_addr: settings.broker_addr(),
    }
}

/// The address written into messages: the announced one, which must be a number there.
fn store_host(settings: &BrokerSettings) -> SocketAddr {
    let host = settings.broker.broker_ip1.trim_start_matches('[').trim_end_matches(']');
    let port = u16::try_from(settings.server.listen_port).unwrap_or(0);
    let ip = host.parse().unwrap_or_else(|_| resolved(host));
    SocketAddr::new(ip, port)
}

/// A host name's address, asked once.
fn resolved(host: &str) -> IpAddr {
    use std::net::ToSocketAddrs;
    let found = (host, 0).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.map_or_else(
        || {
            tracing::warn!(host, "brokerIP1 does not resolve, messages will name 127.0.0.1 as their broker");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        },
        |address| address.ip(),
    )
}

fn listen(
    settings: &BrokerSettings,
    listeners: Listeners,
    parts: &Arc<Parts>,
    routes: Router,
    services: &Services,
) -> io::Result<(Server, Option<Server>)> {
    let limits = ConnectionLimits::from(&settings.server);
    let serve = |name, listener: TcpListener, routes: Router| {
        let service = Arc::new(BrokerService::new(routes, Arc::clone(parts)));
        Server::start(name, listener, service, limits, services)
    };
    let fast_routes = routes.clone().without(router::NOT_ON_FAST_PORT);
    let fast = listeners.fast.map(|listener| serve("fast-listener", listener, fast_routes)).transpose()?;
    Ok((serve("listener", listeners.main, routes)?, fast))
}

fn start_scans(parts: &Arc<Parts>, services: &Services) {
    let scanned = Arc::clone(parts);
    services.every("client-scan", CLIENT_SCAN, move || {
        scanned.drop_silent_clients();
        async {}
    });
    let notifier = Arc::clone(&parts.notifier);
    services.every("notify-members", NOTIFY_SCAN, move || {
        notifier.flush();
        async {}
    });
    let cleaned = Arc::clone(parts);
    services.every("timer-metrics", TIMER_METRICS_SCAN, move || {
        cleaned.clean_timer_metrics();
        async {}
    });
    let cold_reads = Arc::clone(&parts.cold_reads);
    services.every("cold-reads", Schedule::every(WINDOW), move || {
        cold_reads.begin_window();
        async {}
    });
    let gathered = Arc::clone(parts);
    services.every("broadcast-offsets", BROADCAST_SCAN, move || {
        gathered.gather_broadcast_offsets();
        async {}
    });
}

fn transaction_checks(parts: &Parts, registration: &Arc<Registration>) -> TransactionalMessageCheckService {
    let announcer = Arc::clone(registration) as Arc<dyn TopicAnnouncer>;
    TransactionalMessageCheckService {
        transactions: Arc::clone(&parts.transactions),
        producers: Arc::clone(&parts.producers),
        topics: Arc::clone(&parts.topics),
        publisher: TopicPublisher::new(Arc::clone(&parts.writer), announcer),
        broker_name: parts.config.now().broker_name.clone(),
    }
}

/// Tables are written regularly, if they have changed: what a crash may cost of them.
///
/// The configured intervals hold where they are shorter than ours: RocketMQ's own would let a crash replay
/// five seconds of consumption and ten of delayed messages.
fn start_writing(settings: &BrokerSettings, parts: &Arc<Parts>, services: &Services) {
    let every = |name, interval, write: fn(&Parts)| {
        let parts = Arc::clone(parts);
        services.every(name, Schedule::every(interval), move || {
            let parts = Arc::clone(&parts);
            async move {
                let writing = tokio::task::spawn_blocking(move || write(&parts)).await;
                if let Err(error) = writing {
                    tracing::error!(%error, "writing tables failed");
                }
            }
        });
    };
    let millis =
        |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or(1)).min(OFFSETS_INTERVAL_MAX);
    every(
        "consumer-offsets",
        millis(settings.broker.flush_consumer_offset_interval.into()),
        Parts::persist_offsets,
    );
    every("delay-offsets", millis(settings.store.flush_delay_offset_interval), Parts::persist_delay_offsets);
    every(
        "transactions",
        millis(settings.broker.transaction_metric_flush_interval),
        Parts::persist_transactions,
    );
    every("topics-and-groups", CONFIGURATION_INTERVAL, Parts::persist_configuration);
}
