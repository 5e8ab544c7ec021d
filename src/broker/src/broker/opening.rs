//! Opening and closing the files, which may take its time and is done by threads for that.

use std::{io, sync::Arc};

use common::config::BrokerSettings;
use store::{
    error::StopError,
    message_store::{Environment, MessageStore},
    timer::TimerStore,
};

use super::StartError;
use crate::{
    parts::{OpenTimer, Parts},
    settings,
    timer::service::TimerWaker,
};

/// Recovery reads files and may take its time.
pub(super) async fn open_store(
    settings: &BrokerSettings,
    environment: Environment,
) -> Result<Arc<MessageStore>, StartError> {
    let options = settings::store_options(settings);
    let opened = tokio::task::spawn_blocking(move || MessageStore::open(options, environment)).await;
    Ok(opened.map_err(io::Error::other)??)
}

/// The timer's files, where there is a timer.
pub(super) async fn open_timer(
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
pub(super) async fn close_timer(parts: &Parts) {
    let Some(timer) = parts.timer.clone() else { return };
    if let Err(error) = tokio::task::spawn_blocking(move || timer.close()).await {
        tracing::error!(%error, "timer not closed");
    }
}

/// Closing waits for the disk.
pub(super) async fn close_store(store: Arc<MessageStore>) -> Result<(), StopError> {
    let closed = tokio::task::spawn_blocking(move || store.stop()).await;
    closed.unwrap_or_else(|error| Err(StopError::Fenced(error.to_string())))
}
