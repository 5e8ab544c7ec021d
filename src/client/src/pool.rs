//! Connections by address, dialled when first needed.
//!
//! Invariants: one address has one connection and is dialled by one task at a time, whoever else waits
//! for it shares the outcome; a connection that ended is forgotten and dialled anew, its host name
//! resolved again; the number of addresses is bounded.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use common::config::NettyClientConfig;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use remoting::{
    command::Response,
    connection::{CallError, ConnectionHandle, ConnectionLimits, DialError, Service, dial},
    reply::Body,
    request::Request,
    response_code::ResponseCode,
};
use runtime::shutdown::Shutdown;
use thiserror::Error;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Addresses with a connection, or about to have one.
    pub addresses_max: usize,
    /// How long connecting may take.
    pub connect_max: Duration,
    /// The bounds of each connection.
    pub connection: ConnectionLimits,
    /// What becomes of a connection whose peer did not answer.
    pub after_timeout: AfterFailure,
    /// What becomes of one whose peer asked to go away.
    pub after_go_away: AfterFailure,
}

/// What becomes of a connection that did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It stays.
    Keep,
    /// It is closed, so that the next request connects anew.
    Close,
}

impl From<bool> for AfterFailure {
    fn from(closes: bool) -> Self {
        if closes { Self::Close } else { Self::Keep }
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            addresses_max: 4096,
            connect_max: Duration::from_secs(3),
            connection: ConnectionLimits::default(),
            after_timeout: AfterFailure::Close,
            after_go_away: AfterFailure::Close,
        }
    }
}

impl From<&NettyClientConfig> for PoolLimits {
    fn from(config: &NettyClientConfig) -> Self {
        Self {
            connect_max: Duration::from_millis(u64::try_from(config.connect_timeout_millis).unwrap_or(0)),
            connection: ConnectionLimits::from(config),
            after_timeout: config.client_close_socket_if_timeout.into(),
            after_go_away: config.enable_reconnect_for_go_away.into(),
            ..Self::default()
        }
    }
}

/// A peer that had less time to answer is not taken for gone.
const PATIENCE_MIN: Duration = Duration::from_millis(100);

/// Why a peer could not be asked, or did not answer.
#[derive(Clone, Debug, Error)]
pub enum PoolError {
    /// No connection came about.
    #[error(transparent)]
    Dial(#[from] Arc<DialError>),
    /// There was a connection, but no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The time was over before there was a connection.
    #[error("no connection to {addr} within {limit:?}")]
    Timeout {
        /// `host:port` of the peer.
        addr: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Too many addresses are in use.
    #[error("connections to {0} addresses are open, no more may be")]
    Full(usize),
    /// The pool is closed.
    #[error("shutting down")]
    Closed,
}

/// Connections by address (`host:port`).
pub struct ConnectionPool {
    service: Arc<dyn Service>,
    limits: PoolLimits,
    draining: Shutdown,
    slots: Mutex<HashMap<String, Slot>>,
}

type Dialed = Result<ConnectionHandle, Arc<DialError>>;
type Dialing = Shared<BoxFuture<'static, Dialed>>;

/// What is known of one address.
enum Slot {
    Open(ConnectionHandle),
    /// Kept alive by those who wait for it: when they all give up, so does the dialling.
    Dialing(WeakShared<BoxFuture<'static, Dialed>>),
}

impl Slot {
    fn is_alive(&self) -> bool {
        match self {
            Self::Open(handle) => !handle.is_closed(),
            Self::Dialing(dialing) => dialing.upgrade().is_some(),
        }
    }
}

impl ConnectionPool {
    /// An empty pool; what peers ask over its connections goes to `service`.
    pub fn new(service: Arc<dyn Service>, limits: PoolLimits) -> Self {
        Self { service, limits, draining: Shutdown::new(), slots: Mutex::new(HashMap::new()) }
    }

    /// The connection to `addr` (`host:port`), dialled if there is none.
    ///
    /// # Errors
    /// When there is none and none comes about.
    pub async fn get(&self, addr: &str) -> Result<ConnectionHandle, PoolError> {
        let dialing = match self.find_or_dial(addr)? {
            Found::Open(handle) => return Ok(handle),
            Found::Dialing(dialing) => dialing,
        };
        let dialed = dialing.clone().await;
        self.record(addr, &dialing, &dialed);
        Ok(dialed?)
    }

    /// Asks the peer at `addr` and waits for its answer, at most `limit` for connecting and answering.
    ///
    /// # Errors
    /// When there is no answer. An answer with a bad code is an answer.
    pub async fn call<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, PoolError> {
        self.call_with_extra::<R>(addr, header, Vec::new(), body, limit).await
    }

    /// As [`Self::call`], with fields beside the typed header.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_with_extra<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, PoolError> {
        let begun = Instant::now();
        let handle = self.get_within(addr, limit).await?;
        let rest = limit.saturating_sub(begun.elapsed());
        let answer = handle.call_with_extra::<R>(header, extra, body, rest).await;
        let failure = match &answer {
            // As in RocketMQ, a peer that was hardly given time is not blamed.
            Err(CallError::Timeout { .. }) if rest > PATIENCE_MIN || rest > limit / 4 => {
                self.limits.after_timeout
            }
            Ok(response) if response.code == ResponseCode::GO_AWAY.0 => self.limits.after_go_away,
            _ => AfterFailure::Keep,
        };
        if failure == AfterFailure::Close {
            self.give_up(addr, &handle);
        }
        Ok(answer?)
    }

    /// Tells the peer at `addr` something it does not answer, connecting for at most `limit`.
    ///
    /// # Errors
    /// When it could not be handed to a connection.
    pub async fn oneway<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<(), PoolError> {
        Ok(self.get_within(addr, limit).await?.oneway::<R>(header, body)?)
    }

    /// The connection to `addr` if there is one now.
    pub fn open(&self, addr: &str) -> Option<ConnectionHandle> {
        match self.slots.lock().get(addr) {
            Some(Slot::Open(handle)) if !handle.is_closed() => Some(handle.clone()),
            _ => None,
        }
    }

    /// Ends all connections once what is under way on them is written; nothing is dialled any more.
    pub fn close(&self) {
        self.draining.request();
    }

    /// Closes a connection and forgets it at once, as closing may take its time.
    fn give_up(&self, addr: &str, handle: &ConnectionHandle) {
        handle.close();
        let mut slots = self.slots.lock();
        if matches!(slots.get(addr), Some(Slot::Open(open)) if open.id() == handle.id()) {
            slots.remove(addr);
        }
    }

    async fn get_within(&self, addr: &str, limit: Duration) -> Result<ConnectionHandle, PoolError> {
        match tokio::time::timeout(limit, self.get(addr)).await {
            Ok(got) => got,
            Err(_) => Err(PoolError::Timeout { addr: addr.to_owned(), limit }),
        }
    }

    fn find_or_dial(&self, addr: &str) -> Result<Found, PoolError> {
        if self.draining.is_requested() {
            return Err(PoolError::Closed);
        }
        let mut slots = self.slots.lock();
        match slots.get(addr) {
            Some(Slot::Open(handle)) if !handle.is_closed() => return Ok(Found::Open(handle.clone())),
            Some(Slot::Dialing(dialing)) => {
                if let Some(dialing) = dialing.upgrade() {
                    return Ok(Found::Dialing(dialing));
                }
            }
            _ => {}
        }
        slots.retain(|_, slot| slot.is_alive());
        if slots.len() >= self.limits.addresses_max {
            return Err(PoolError::Full(slots.len()));
        }
        let dialing = self.dial(addr);
        if let Some(shared) = dialing.downgrade() {
            slots.insert(addr.to_owned(), Slot::Dialing(shared));
        }
        Ok(Found::Dialing(dialing))
    }

    fn dial(&self, addr: &str) -> Dialing {
        let (addr, service) = (addr.to_owned(), Arc::clone(&self.service));
        let (limits, draining) = (self.limits, self.draining.clone());
        let dialing = async move {
            let dialed = dial(&addr, service, limits.connection, limits.connect_max, &draining).await;
            dialed.map_err(Arc::new)
        };
        dialing.boxed().shared()
    }

    /// Keeps the outcome of `dialing`, unless a later one has taken its place.
    fn record(&self, addr: &str, dialing: &Dialing, dialed: &Dialed) {
        let mut slots = self.slots.lock();
        let ours = match slots.get(addr) {
            Some(Slot::Dialing(current)) => current.upgrade().is_some_and(|current| current.ptr_eq(dialing)),
            _ => false,
        };
        if !ours {
            return;
        }
        match dialed {
            Ok(handle) => drop(slots.insert(addr.to_owned(), Slot::Open(handle.clone()))),
            Err(_) => drop(slots.remove(addr)),
        }
    }
}

impl Drop for ConnectionPool {
    fn drop(&mut self) {
        self.close();
    }
}

enum Found {
    Open(ConnectionHandle),
    Dialing(Dialing),
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
