//! Making a topic known: on disk and at the NameServers, before whoever caused it is answered.

use std::sync::Arc;

use common::topic::TopicConfig;
use remoting::reply::Refusal;

use crate::{
    metadata_writer::MetadataWriter,
    topics::{Creation, TopicAnnouncer},
};

/// Writes and announces topics.
pub struct TopicPublisher {
    writer: Arc<MetadataWriter>,
    announcer: Arc<dyn TopicAnnouncer>,
}

impl TopicPublisher {
    /// A publisher that writes and announces through these.
    pub fn new(writer: Arc<MetadataWriter>, announcer: Arc<dyn TopicAnnouncer>) -> Self {
        Self { writer, announcer }
    }

    /// Does what a topic that was just made or changed needs; nothing for one that had been there.
    ///
    /// # Errors
    /// When the table of topics cannot be written.
    pub async fn publish(&self, creation: Creation) -> Result<Arc<TopicConfig>, Refusal> {
        if creation.is_unsaved() {
            self.writer.persist_topics().await?;
            self.announcer.announce(std::slice::from_ref(&creation.config)).await;
        }
        Ok(creation.config)
    }
}
