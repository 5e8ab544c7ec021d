//! Creating and changing topics: `UPDATE_AND_CREATE_TOPIC`, `UPDATE_AND_CREATE_TOPIC_LIST`.

use std::{sync::Arc, time::Instant};

use common::{
    config::BrokerConfig,
    names,
    permission::Permission,
    topic::{TopicConfig, TopicFilterType},
};
use remoting::{
    body::admin::CreateTopicListRequestBody,
    headers::topic::CreateTopicRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{UpdateAndCreateTopic, UpdateAndCreateTopicList},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;

use super::{queues, read_body};
use crate::{
    metadata_writer::MetadataWriter,
    stats::BrokerStats,
    topics::{TopicAnnouncer, TopicConfigManager, TopicError, parse_attributes},
};

/// An alteration that asks for messages of every kind in one topic.
const MESSAGE_TYPE_ADDITION: (&str, &str) = ("+message.type", "MIXED");

/// Creates and changes topics.
pub struct TopicAdmin {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) announcer: Arc<dyn TopicAnnouncer>,
    pub(crate) stats: Arc<BrokerStats>,
}

impl Processor<UpdateAndCreateTopic> for TopicAdmin {
    async fn process(&self, incoming: Incoming<UpdateAndCreateTopic>) -> ReplyResult<UpdateAndCreateTopic> {
        tracing::info!(topic = incoming.header.topic, peer = %incoming.peer.peer_addr(), "topic wanted");
        let since = Instant::now();
        let topic = incoming.header.topic.clone();
        let outcome = self.create(incoming.header).await;
        let (metrics, is_system) = (self.stats.metrics(), self.topics.is_system(&topic));
        metrics.topic_creation(outcome.is_ok(), is_system, since.elapsed().as_millis() as u64);
        outcome.map(|()| Reply::success())
    }
}

impl Processor<UpdateAndCreateTopicList> for TopicAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateAndCreateTopicList>,
    ) -> ReplyResult<UpdateAndCreateTopicList> {
        let list: CreateTopicListRequestBody = read_body(&incoming.body, "list of topics")?;
        let wanted = list.topic_config_list;
        tracing::info!(topics = wanted.len(), peer = %incoming.peer.peer_addr(), "topics wanted");
        let since = Instant::now();
        let names: Vec<String> = wanted.iter().map(|config| config.topic_name.clone()).collect();
        let checked = wanted.iter().try_for_each(|config| self.check(config));
        let outcome = match checked {
            Ok(()) => self.update(wanted).await,
            Err(refusal) => Err(refusal),
        };
        let is_system = names.iter().any(|topic| self.topics.is_system(topic));
        let millis = since.elapsed().as_millis() as u64;
        self.stats.metrics().topic_creation(outcome.is_ok(), is_system, millis);
        outcome.map(|()| Reply::success())
    }
}

impl TopicAdmin {
    async fn create(&self, header: CreateTopicRequestHeader) -> Result<(), Refusal> {
        let wanted = wanted(header)?;
        self.check(&wanted)?;
        self.update(vec![wanted]).await
    }

    fn check(&self, wanted: &TopicConfig) -> Result<(), Refusal> {
        names::validate_topic(&wanted.topic_name).map_err(|error| invalid(error.to_string()))?;
        refuse_system_topic(&self.config.now(), &self.topics, &wanted.topic_name)?;
        let (key, mixed) = MESSAGE_TYPE_ADDITION;
        if !self.config.now().enable_mixed_message_type
            && wanted.attributes.get(key).is_some_and(|kind| kind == mixed)
        {
            return Err(invalid("MIXED message type is not supported.".to_owned()));
        }
        check_queue_numbers(wanted)
    }

    /// Changes the table, its file and the NameServers' picture of it; what is just so already stays.
    async fn update(&self, wanted: Vec<TopicConfig>) -> Result<(), Refusal> {
        let mut changed = Vec::new();
        let mut failed = None;
        for config in wanted {
            if self.topics.find(&config.topic_name).is_some_and(|known| *known == config) {
                continue;
            }
            match self.topics.update(config) {
                Ok(creation) if creation.is_unsaved() => changed.push(creation.config),
                Ok(_) => {}
                Err(error) => {
                    failed = Some(refused(&error));
                    break;
                }
            }
        }
        if !changed.is_empty() {
            self.writer.persist_topics().await?;
            self.announcer.announce(&changed).await;
        }
        failed.map_or(Ok(()), Err)
    }
}

/// The topic a request asks for; its attributes are an alteration.
pub(super) fn wanted(header: CreateTopicRequestHeader) -> Result<TopicConfig, Refusal> {
    let topic_filter_type = TopicFilterType::from_name(&header.topic_filter_type).ok_or_else(|| {
        Refusal::system_error(format!("topicFilterType = [{}] value invalid", header.topic_filter_type))
    })?;
    let attributes = parse_attributes(header.attributes.as_deref().unwrap_or_default())
        .map_err(|error| Refusal::system_error(error.to_string()))?;
    Ok(TopicConfig {
        attributes,
        order: header.order,
        perm: Permission(header.perm),
        read_queue_nums: header.read_queue_nums,
        topic_filter_type,
        topic_name: header.topic,
        topic_sys_flag: header.topic_sys_flag.unwrap_or(0),
        write_queue_nums: header.write_queue_nums,
    })
}

/// A topic has so many queues that they can be looked through.
pub(super) fn check_queue_numbers(wanted: &TopicConfig) -> Result<(), Refusal> {
    let (read, write) = (wanted.read_queue_nums, wanted.write_queue_nums);
    if queues::is_queue_number(read) && queues::is_queue_number(write) {
        return Ok(());
    }
    Err(invalid(format!("{read} read queues and {write} write queues are no sane numbers")))
}

/// System topics are not for operators to change, unless configured otherwise.
pub(super) fn refuse_system_topic(
    config: &BrokerConfig,
    topics: &TopicConfigManager,
    topic: &str,
) -> Result<(), Refusal> {
    if config.validate_system_topic_when_update_topic && topics.is_system(topic) {
        return Err(invalid(format!("The topic[{topic}] is conflict with system topic.")));
    }
    Ok(())
}

pub(super) fn refused(error: &TopicError) -> Refusal {
    match error {
        TopicError::Name(_) => invalid(error.to_string()),
        _ => Refusal::system_error(error.to_string()),
    }
}

pub(super) fn invalid(remark: String) -> Refusal {
    Refusal::new(ResponseCode::INVALID_PARAMETER, remark)
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
