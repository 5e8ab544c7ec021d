//! Writing tables to their files without holding up the runtime.

use std::{fmt::Display, sync::Arc};

use common::group::SubscriptionGroupConfig;
use remoting::reply::Refusal;
use tokio::sync::oneshot;

use crate::{groups::SubscriptionGroupManager, metadata::MetadataError, topics::TopicConfigManager};

/// Writes the tables whose changes must be on disk before they are answered.
#[derive(Debug)]
pub struct MetadataWriter {
    topics: Arc<TopicConfigManager>,
    groups: Arc<SubscriptionGroupManager>,
}

impl MetadataWriter {
    /// A writer of these tables.
    pub fn new(topics: Arc<TopicConfigManager>, groups: Arc<SubscriptionGroupManager>) -> Self {
        Self { topics, groups }
    }

    /// The group, made and written if it is not there and may be; `None` when it may not.
    ///
    /// A full disk is no reason to turn a new group away: nobody has ordered it, and its next use makes it again.
    pub async fn find_or_create_group(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        let creation = self.groups.find_or_create(group)?;
        if creation.is_new() && self.persist_groups().await.is_err() {
            tracing::warn!(group, "a group is used that is not on disk yet");
        }
        Some(creation.config)
    }

    /// Writes `topics.json`.
    ///
    /// # Errors
    /// When the table cannot be written; it is kept in memory and written with the next change.
    pub async fn persist_topics(&self) -> Result<(), Refusal> {
        let topics = Arc::clone(&self.topics);
        persist_and_settle(topics, TopicConfigManager::persist, TopicConfigManager::settle).await
    }

    /// Writes `subscriptionGroup.json`.
    ///
    /// # Errors
    /// As [`Self::persist_topics`].
    pub async fn persist_groups(&self) -> Result<(), Refusal> {
        let groups = Arc::clone(&self.groups);
        persist_and_settle(groups, SubscriptionGroupManager::persist, SubscriptionGroupManager::settle).await
    }
}

/// As [`off_runtime`]; what is left after the table is written is done when its writer has gone on.
async fn persist_and_settle<T: Send + Sync + 'static>(
    table: Arc<T>,
    persist: fn(&T) -> Result<(), MetadataError>,
    settle: fn(&T),
) -> Result<(), Refusal> {
    let (answer, written) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone: the table is written nevertheless.
        let _ = answer.send(persist(&table));
        settle(&table);
    });
    outcome(written.await)
}

/// Writes a table on a thread that may block.
///
/// # Errors
/// When it cannot be written; it stays changed, and the next write tries again.
pub(crate) async fn off_runtime(
    write: impl FnOnce() -> Result<(), MetadataError> + Send + 'static,
) -> Result<(), Refusal> {
    outcome(tokio::task::spawn_blocking(write).await)
}

/// What came of a write that may not have ended.
fn outcome<E: Display>(written: Result<Result<(), MetadataError>, E>) -> Result<(), Refusal> {
    let failed = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(error = failed, "cannot write a configuration table, check the disk of the store");
    Err(Refusal::system_error(failed))
}
