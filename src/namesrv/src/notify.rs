//! Telling brokers that the smallest id of their group has changed (`NOTIFY_MIN_BROKER_ID_CHANGE`).
//!
//! Invariant: changes of one group are told in the order they happened, and a broker that cannot be
//! reached holds them up for [`TELL_MAX`] at most.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use client::pool::ConnectionPool;
use futures_util::future::join_all;
use remoting::{headers::broker::NotifyMinBrokerIdChangeRequestHeader, request::NotifyMinBrokerIdChange};
use runtime::shutdown::Shutdown;
use tokio::sync::mpsc;

use crate::route::MinBrokerIdChange;

/// How long one change may take to be told.
const TELL_MAX: Duration = Duration::from_secs(1);
/// Changes that may wait to be told.
const WAITING_MAX: usize = 1024;

/// Where changes are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Notifier(mpsc::Sender<MinBrokerIdChange>);

/// Where they are worked off.
#[derive(Debug)]
pub(crate) struct Notices(mpsc::Receiver<MinBrokerIdChange>);

/// A queue of changes.
pub(crate) fn channel() -> (Notifier, Notices) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Notifier(sender), Notices(receiver))
}

impl Notifier {
    /// Has a change told soon; brokers also look for themselves, so one that finds no room is dropped.
    pub(crate) fn tell(&self, change: MinBrokerIdChange) {
        if let Err(error) = self.0.try_send(change) {
            tracing::warn!(%error, "change of the smallest broker id is not told");
        }
    }
}

impl Notices {
    /// Tells changes until `shutdown`.
    pub(crate) async fn run(mut self, pool: Arc<ConnectionPool>, shutdown: Shutdown) {
        loop {
            let change = tokio::select! {
                () = shutdown.requested() => return,
                change = self.0.recv() => change,
            };
            let Some(change) = change else { return };
            tracing::info!(?change, "smallest broker id changed");
            tokio::select! {
                () = shutdown.requested() => return,
                () = tell(&pool, change) => {}
            }
        }
    }
}

async fn tell(pool: &ConnectionPool, change: MinBrokerIdChange) {
    let header = NotifyMinBrokerIdChangeRequestHeader {
        min_broker_id: Some(change.min_broker_id),
        broker_name: None,
        min_broker_addr: Some(change.min_broker_addr),
        offline_broker_addr: change.offline_broker_addr,
        ha_broker_addr: change.ha_broker_addr,
    };
    let told = change.tell.iter().map(|addr| {
        let telling = pool.oneway::<NotifyMinBrokerIdChange>(addr, header.clone(), Bytes::new(), TELL_MAX);
        async move {
            if let Err(error) = telling.await {
                tracing::warn!(addr, %error, "broker is not told of the smallest broker id");
            }
        }
    });
    join_all(told).await;
}
