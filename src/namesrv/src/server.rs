//! The NameServer as a whole: put together, started and stopped.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use client::pool::{ConnectionPool, PoolLimits};
use common::config::NamesrvSettings;
use futures_util::future::BoxFuture;
use metrics::http;
use remoting::{
    command::CommandRef,
    configured::listen_addr,
    connection::{CloseReason, ConnectionHandle, ConnectionLimits, Service},
    reply::Answer,
    router::Router,
    server::{BindOptions, Server},
};
use runtime::{clock::Clock, services::Services, shutdown::Shutdown};
use thiserror::Error;
use tokio::{net::TcpListener, runtime::Handle};

use crate::{
    config::ConfigCell,
    health::NamesrvPages,
    kv::{KvConfigManager, KvLoadError},
    notify,
    processor::{
        ClusterProcessor, ConfigProcessor, KvProcessor, RegistrationProcessor, RouteProcessor, TopicProcessor,
    },
    route::RouteInfoManager,
    router::{Lanes, Processors, router},
};

/// Why a NameServer does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// `bindAddress` is neither an IP address nor the name of a host.
    #[error("bindAddress={bind_address} is not the address of a host: {source}")]
    BindAddress {
        /// What is configured.
        bind_address: String,
        /// What looking it up answered.
        source: io::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The KV configuration cannot be loaded.
    #[error("cannot load the kv configuration: {0}")]
    KvConfig(Box<dyn std::error::Error + Send + Sync>),
}

impl From<KvLoadError> for StartError {
    fn from(error: KvLoadError) -> Self {
        Self::KvConfig(Box::new(error))
    }
}

/// A running NameServer.
pub struct NameServer {
    server: Server,
    services: Services,
    pool: Arc<ConnectionPool>,
    config: Arc<ConfigCell>,
}

impl NameServer {
    /// Starts a NameServer on the current runtime; `listenPort` 0 takes a free port.
    ///
    /// # Errors
    /// When the address cannot be bound or the KV configuration cannot be loaded.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(mut settings: NamesrvSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let kv = Arc::new(KvConfigManager::load(PathBuf::from(&settings.namesrv.kv_config_path))?);
        let addr = listen_addr(&settings.server).map_err(|source| {
            let bind_address = settings.server.bind_address.clone();
            StartError::BindAddress { bind_address, source }
        })?;
        let bind_failed = |source| StartError::Bind { addr, source };
        let options = BindOptions::from(&settings.server);
        let listener = Server::bind_with(addr, &options).map_err(bind_failed)?;
        // What was bound is what an operator is shown.
        settings.server.listen_port = i32::from(listener.local_addr().map_err(bind_failed)?.port());
        let health = bind_health(&settings)?;
        let limits = ConnectionLimits::from(&settings.server);
        let pool_limits = PoolLimits::from(&settings.client);
        let lanes = Lanes::new(&settings.namesrv);
        let departures_max = usize::try_from(settings.namesrv.un_register_broker_queue_capacity).unwrap_or(1);
        let (routes, departures) = RouteInfoManager::new(Arc::clone(&clock), departures_max);
        let (routes, config) = (Arc::new(routes), Arc::new(ConfigCell::new(settings)));
        let (notifier, notices) = notify::channel();
        let processors = Processors {
            route: Arc::new(RouteProcessor::new(
                Arc::clone(&routes),
                Arc::clone(&kv),
                Arc::clone(&config),
                clock,
            )),
            registration: Arc::new(RegistrationProcessor::new(
                Arc::clone(&routes),
                Arc::clone(&kv),
                Arc::clone(&config),
                notifier.clone(),
            )),
            kv: Arc::new(KvProcessor::new(kv)),
            cluster: Arc::new(ClusterProcessor::new(Arc::clone(&routes))),
            topic: Arc::new(TopicProcessor::new(Arc::clone(&routes), Arc::clone(&config))),
            config: Arc::new(ConfigProcessor::new(Arc::clone(&config))),
        };
        let services = Services::new(Handle::current());
        let pool = Arc::new(ConnectionPool::new(Arc::new(Router::new()), pool_limits));
        services.task("min-broker-id-notifier", |shutdown| notices.run(Arc::clone(&pool), shutdown));
        let (leaving, settings) = (Arc::clone(&routes), Arc::clone(&config));
        services.task("broker-unregistration", |shutdown| async move {
            let tell = |change| {
                if settings.current().namesrv.notify_min_broker_id_changed {
                    notifier.tell(change);
                }
            };
            leaving.run(departures, shutdown, tell).await;
        });
        services.task("broker-scan", |shutdown| scan(Arc::clone(&routes), Arc::clone(&config), shutdown));
        if let Some(listener) = health {
            services.task("health", |shutdown| http::serve(listener, Arc::new(NamesrvPages), shutdown));
        }
        let front = Front { router: router(&processors, &lanes), routes };
        let server = Server::start("namesrv-listener", listener, Arc::new(front), limits, &services)
            .map_err(bind_failed)?;
        tracing::info!(addr = %server.local_addr(), "name server started");
        Ok(Self { server, services, pool, config })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// What answers requests, for connections that come another way than through the port.
    pub fn service(&self) -> &Arc<dyn Service> {
        self.server.service()
    }

    /// Stops: first asks clients to go elsewhere if `enableShutdownGracefully`, then answers what is under
    /// way; within `limit` altogether. Configuration needs no saving, it is saved when it changes.
    pub async fn stop(self, limit: Duration) {
        let deadline = tokio::time::Instant::now() + limit;
        let settings = self.config.current();
        if settings.server.enable_shutdown_gracefully {
            let wait = u64::try_from(settings.server.shutdown_wait_time_seconds).unwrap_or(0);
            self.server.go_away();
            // What is under way then still needs some of the time.
            tokio::time::sleep(Duration::from_secs(wait).min(limit / 2)).await;
        }
        let rest = || deadline.saturating_duration_since(tokio::time::Instant::now());
        self.server.drain(rest()).await;
        self.pool.close();
        self.services.stop(rest()).await;
        tracing::info!("name server stopped");
    }
}

/// The port health is asked on, if there is one.
fn bind_health(settings: &NamesrvSettings) -> Result<Option<TcpListener>, StartError> {
    let port = settings.process.health_listen_port;
    if port == 0 {
        return Ok(None);
    }
    let mut asked = settings.server.clone();
    settings.process.health_host(&settings.server.bind_address).clone_into(&mut asked.bind_address);
    asked.listen_port = port;
    let addr = listen_addr(&asked)
        .map_err(|source| StartError::BindAddress { bind_address: asked.bind_address.clone(), source })?;
    let listener = Server::bind(addr).map_err(|source| StartError::Bind { addr, source })?;
    tracing::info!(%addr, "health served");
    Ok(Some(listener))
}

/// Looks for silent brokers at the interval that is configured at the time.
async fn scan(routes: Arc<RouteInfoManager>, config: Arc<ConfigCell>, shutdown: Shutdown) {
    loop {
        let millis = config.current().namesrv.scan_not_active_broker_interval;
        let interval = Duration::from_millis(u64::try_from(millis).unwrap_or(1).max(1));
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(interval) => routes.scan_silent(),
        }
    }
}

/// The router, and an ear for connections that close.
struct Front {
    router: Router,
    routes: Arc<RouteInfoManager>,
}

impl Service for Front {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> BoxFuture<'static, Answer> {
        self.router.call(command, body, peer)
    }

    fn disconnected(&self, peer: &ConnectionHandle, _reason: &CloseReason) {
        self.routes.connection_closed(peer.id());
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
