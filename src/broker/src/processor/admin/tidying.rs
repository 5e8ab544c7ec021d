//! Removing what is left over: `CLEAN_EXPIRED_CONSUMEQUEUE`, `CLEAN_UNUSED_TOPIC`, `DELETE_EXPIRED_COMMITLOG`.

use std::sync::Arc;

use common::names;
use remoting::{
    reply::{Incoming, Reply, ReplyResult},
    request::{CleanExpiredConsumequeue, CleanUnusedTopic, DeleteExpiredCommitlog},
    router::Processor,
};
use store::message_store::MessageStore;

use super::queues;
use crate::topics::TopicConfigManager;

/// Tidies the store up when asked to.
pub struct Tidying {
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<CleanExpiredConsumequeue> for Tidying {
    async fn process(
        &self,
        incoming: Incoming<CleanExpiredConsumequeue>,
    ) -> ReplyResult<CleanExpiredConsumequeue> {
        let (topics, store) = (Arc::clone(&self.topics), Arc::clone(&self.store));
        let clean = move || store.clean_expired_queues(|topic| topics.is_system(topic));
        let removed = queues::read(usize::MAX, clean).await?;
        tracing::info!(removed, caller = %incoming.peer.peer_addr(), "expired consume queues removed");
        Ok(Reply::success())
    }
}

impl Processor<CleanUnusedTopic> for Tidying {
    async fn process(&self, incoming: Incoming<CleanUnusedTopic>) -> ReplyResult<CleanUnusedTopic> {
        let (topics, store) = (Arc::clone(&self.topics), Arc::clone(&self.store));
        let clean = move || {
            let is_used =
                |topic: &str| topics.contains(topic) || topics.is_system(topic) || names::is_lmq(topic);
            let mut unused = store.topics();
            unused.retain(|topic| !is_used(topic));
            store.delete_topics(&unused.iter().map(|topic| &**topic).collect::<Vec<_>>())
        };
        let removed = queues::read(usize::MAX, clean).await?;
        tracing::warn!(removed, caller = %incoming.peer.peer_addr(), "queues of unknown topics removed");
        Ok(Reply::success())
    }
}

impl Processor<DeleteExpiredCommitlog> for Tidying {
    async fn process(
        &self,
        incoming: Incoming<DeleteExpiredCommitlog>,
    ) -> ReplyResult<DeleteExpiredCommitlog> {
        tracing::warn!(caller = %incoming.peer.peer_addr(), "expired commit log files are to be deleted now");
        self.store.delete_expired_files_now();
        Ok(Reply::success())
    }
}

#[cfg(test)]
#[path = "tidying_tests.rs"]
mod tests;
