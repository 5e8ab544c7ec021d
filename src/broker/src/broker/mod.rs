//! A broker's life: opening what it needs in order, composing its parts, and closing them in order.
//!
//! This is the one place that knows all parts; each part knows only those it was given.

mod opening;
mod upkeep;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use client::{
    nameserver::BrokerIdentity,
    pool::{ConnectionPool, PoolLimits},
};
use common::config::BrokerSettings;
use filter::bloom::BloomFilterError;
use remoting::{
    connection::{ConnectionLimits, Service},
    router::Router,
    server::Server,
};
use runtime::{clock::Clock, services::Services};
use store::{
    config_files::{ConfigFileError, ConfigFiles},
    consume_queue_ext::FilterBitMap,
    error::{OpenError, StopError},
    fs::{FileSystem, OsFileSystem},
    message_store::{Environment, MessageStore},
};
use thiserror::Error;
use tokio::{net::TcpListener, runtime::Handle};

use self::opening::{close_store, close_timer, open_store, open_timer};
use crate::{
    advertised,
    arrivals::Arrivals,
    connections::BrokerService,
    file_metadata::FileMetadata,
    filters::ConsumerFilterManager,
    listeners::{self, BindError, Listeners},
    metadata::{MetadataError, MetadataStore},
    metrics::{self, export::ExportError},
    parts::{EarlyParts, Parts, Sources},
    pop::{self, WaitingRooms},
    registration::Registration,
    router::{self, Lanes},
    schedule::{
        delay_levels::{BadDelayLevel, DelayLevels},
        service::ScheduleMessageService,
    },
    settings,
    static_topics::{OtherBrokers, StaticTopics, TopicQueueMappingCleanService},
    topic_publisher::TopicPublisher,
    topics::TopicAnnouncer,
    transaction::TransactionalMessageCheckService,
};

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
        let early = early_parts(&settings, &clock)?;
        settings.store.bit_map_length_consume_queue_ext = early.filters.bit_map_length();
        let bit_maps = Arc::clone(&early.filters) as Arc<dyn FilterBitMap>;
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
        let store_host = advertised::store_host(&settings);
        let waker = Arc::clone(&early.waker);
        let timer = open_timer(&settings, &store, waker, clock.now_millis()).await?;
        let sources = Sources { settings: &settings, clock, store, metadata, store_host };
        let parts = Parts::load(&sources, timer, &early)?;
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
        upkeep::start_scans(&parts, &services);
        transaction_checks(&parts, &registration).start(&services);
        upkeep::start_writing(&settings, &parts, &services)?;
        let static_topics = static_topics(&parts, &registration, &pool);
        TopicQueueMappingCleanService::new(Arc::clone(&static_topics)).start(&services);
        let lanes = Lanes::new(&parts.config.now());
        let routes = router::routes(&parts, &registration, &early.board, &static_topics, &lanes);
        pop::services::start(&parts, &registration, &services);
        let (main, fast) = listen(&settings, listeners, &parts, routes, &services)?;
        metrics::export::start(&settings, &parts, lanes.for_metrics(), &registration, &services).await?;
        registration.start(&services).await;
        check_advertised_address(&settings, &services);
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

    /// What answers requests, for connections that come another way than through a port.
    pub fn service(&self) -> &Arc<dyn Service> {
        self.main.service()
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

/// What hears of messages from the store's first moment on.
fn early_parts(settings: &BrokerSettings, clock: &Arc<dyn Clock>) -> Result<EarlyParts, StartError> {
    let levels = DelayLevels::parse(&settings.store.message_delay_level)?;
    let schedule = ScheduleMessageService::new(levels, Arc::clone(clock))
        .with_version_step(settings.broker.delay_offset_update_version_step);
    Ok(EarlyParts {
        schedule: Arc::new(schedule),
        filters: Arc::new(ConsumerFilterManager::new(&settings.broker, Arc::clone(clock))?),
        board: Arc::default(),
        rooms: WaitingRooms::new(&settings.broker),
        waker: Arc::default(),
    })
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

/// In the background, as a name may be long in being found.
fn check_advertised_address(settings: &BrokerSettings, services: &Services) {
    let (addr, name_servers) = (settings.broker_addr(), settings.broker.namesrv_addrs());
    services.task("advertised-address", |shutdown| async move {
        tokio::select! {
            () = shutdown.requested() => {}
            () = advertised::check(addr, name_servers) => {}
        }
    });
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
