//! Deleting topics: `DELETE_TOPIC_IN_BROKER`.

use std::sync::Arc;

use common::{
    config::BrokerConfig,
    names::{PopRetryVersion, pop_retry_topic},
};
use remoting::{
    reply::{Incoming, Reply, ReplyResult},
    request::DeleteTopicInBroker,
    router::Processor,
};
use runtime::live::Live;
use store::message_store::MessageStore;

use super::{
    queues,
    topics::{invalid, refuse_system_topic},
};
use crate::{
    metadata_writer::{MetadataWriter, off_runtime},
    offsets::ConsumerOffsetManager,
    static_topics::TopicQueueMappingManager,
    stats::BrokerStats,
    timer::service::TimerMessageService,
    topics::TopicConfigManager,
};

/// Deletes topics and all that belongs to them.
pub struct TopicDeletion {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) writer: Arc<MetadataWriter>,
}

impl Processor<DeleteTopicInBroker> for TopicDeletion {
    async fn process(&self, incoming: Incoming<DeleteTopicInBroker>) -> ReplyResult<DeleteTopicInBroker> {
        let topic = incoming.header.topic;
        tracing::info!(topic, peer = %incoming.peer.peer_addr(), "topic is to be deleted");
        if topic.trim().is_empty() {
            return Err(invalid("The specified topic is blank.".to_owned()));
        }
        refuse_system_topic(&self.config.now(), &self.topics, &topic)?;
        let condemned = self.with_retry_topics(topic);
        for topic in &condemned {
            self.topics.delete(topic);
            self.mappings.delete(topic);
        }
        // Without its configuration a topic takes no messages, so that its queues stay away.
        self.writer.persist_topics().await?;
        let mappings = Arc::clone(&self.mappings);
        off_runtime(move || mappings.persist()).await?;
        for topic in &condemned {
            self.offsets.remove_topic(topic);
            if let Some(timer) = &self.timer {
                timer.metrics().remove(topic);
            }
            if self.config.now().auto_delete_unused_stats {
                self.stats.topic_deleted(topic);
            }
        }
        let store = Arc::clone(&self.store);
        let deletion = move || {
            let topics: Vec<&str> = condemned.iter().map(String::as_str).collect();
            store.delete_topics(&topics)
        };
        // Files are removed: never on a worker of the runtime.
        queues::read(usize::MAX, deletion).await?;
        Ok(Reply::success())
    }
}

impl TopicDeletion {
    /// The topic, and the topics its groups retry popped messages in.
    fn with_retry_topics(&self, topic: String) -> Vec<String> {
        let mut condemned = Vec::new();
        if self.config.now().clear_retry_topic_when_delete_topic {
            let retry_topics = self.offsets.groups_of_topic(&topic).into_iter().flat_map(|group| {
                [PopRetryVersion::V2, PopRetryVersion::V1]
                    .map(|version| pop_retry_topic(&topic, &group, version))
            });
            condemned.extend(retry_topics.filter(|retry_topic| self.topics.contains(retry_topic)));
        }
        condemned.push(topic);
        condemned
    }
}

#[cfg(test)]
#[path = "topic_deletion_tests.rs"]
mod tests;
