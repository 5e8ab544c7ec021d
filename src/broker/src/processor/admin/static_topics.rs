//! Creating static topics and moving their queues: `UPDATE_AND_CREATE_STATIC_TOPIC`.

use std::sync::Arc;

use common::{config::BrokerConfig, names};
use remoting::{
    body::queue_mapping::TopicQueueMappingDetail,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::UpdateAndCreateStaticTopic,
    router::Processor,
};
use runtime::live::Live;

use super::{
    read_body,
    topics::{check_queue_numbers, invalid, refuse_system_topic, refused, wanted},
};
use crate::{
    metadata_writer::{MetadataWriter, off_runtime},
    static_topics::{MappingError, Replacement, TopicQueueMappingManager},
    topics::{TopicAnnouncer, TopicConfigManager},
};

/// Creates and changes static topics: a topic and where its logical queues are.
pub struct StaticTopicAdmin {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) announcer: Arc<dyn TopicAnnouncer>,
}

impl Processor<UpdateAndCreateStaticTopic> for StaticTopicAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateAndCreateStaticTopic>,
    ) -> ReplyResult<UpdateAndCreateStaticTopic> {
        let topic = incoming.header.topic.clone();
        tracing::info!(topic, peer = %incoming.peer.peer_addr(), "static topic wanted");
        let detail: TopicQueueMappingDetail = read_body(&incoming.body, "queue mapping")?;
        names::validate_topic(&topic).map_err(|error| invalid(error.to_string()))?;
        refuse_system_topic(&self.config.now(), &self.topics, &topic)?;
        if detail.topic != topic {
            return Err(Refusal::system_error(format!("the mapping is one of the topic {}", detail.topic)));
        }
        let replacement = if incoming.header.force { Replacement::Forced } else { Replacement::Checked };
        // RocketMQ takes neither attributes nor order with a static topic.
        let mut config = wanted(incoming.header)?;
        config.attributes.clear();
        config.order = false;
        check_queue_numbers(&config)?;
        self.mappings.check(&detail, replacement).map_err(not_mapped)?;
        let config = self.topics.update(config).map_err(|error| refused(&error))?.config;
        self.mappings.update(detail, replacement).map_err(not_mapped)?;
        self.writer.persist_topics().await?;
        let mappings = Arc::clone(&self.mappings);
        off_runtime(move || mappings.persist()).await?;
        self.announcer.announce(&[config]).await;
        Ok(Reply::success())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "reads as a conversion")]
fn not_mapped(error: MappingError) -> Refusal {
    Refusal::system_error(error.to_string())
}

#[cfg(test)]
mod tests {
    use common::fastjson;
    use remoting::{body::queue_mapping::LogicQueueMappingItem, headers::topic::CreateTopicRequestHeader};

    use super::*;
    use crate::{
        processor::admin::testing::{Fixture, incoming},
        static_topics::TOPIC_QUEUE_MAPPING_FILE,
    };

    fn processor(fixture: &Fixture) -> StaticTopicAdmin {
        StaticTopicAdmin {
            config: fixture.config.clone(),
            topics: Arc::clone(&fixture.topics),
            mappings: Arc::clone(&fixture.mappings),
            writer: Arc::clone(&fixture.writer),
            announcer: Arc::clone(&fixture.announced) as Arc<dyn TopicAnnouncer>,
        }
    }

    fn detail(fixture: &Fixture, epoch: i64) -> TopicQueueMappingDetail {
        let bname = fixture.config.now().broker_name.clone();
        let item = LogicQueueMappingItem { bname: bname.clone(), ..LogicQueueMappingItem::default() };
        TopicQueueMappingDetail {
            bname,
            epoch,
            hosted_queues: [(0, vec![item])].into(),
            topic: "T".to_owned(),
            total_queues: 1,
            ..TopicQueueMappingDetail::default()
        }
    }

    async fn create(fixture: &Fixture, detail: &TopicQueueMappingDetail, force: bool) -> Result<(), Refusal> {
        let header = CreateTopicRequestHeader {
            topic: "T".to_owned(),
            default_topic: "TBW102".to_owned(),
            read_queue_nums: 1,
            write_queue_nums: 1,
            perm: 6,
            topic_filter_type: "SINGLE_TAG".to_owned(),
            attributes: Some("+message.type=FIFO".to_owned()),
            order: true,
            force,
            ..CreateTopicRequestHeader::default()
        };
        let request = incoming::<UpdateAndCreateStaticTopic>(header, fastjson::to_vec(detail));
        processor(fixture).process(request).await.map(drop)
    }

    #[tokio::test]
    async fn a_static_topic_is_a_topic_and_a_mapping() {
        let fixture = Fixture::new();
        create(&fixture, &detail(&fixture, 5), false).await.unwrap();
        let topic = fixture.topics.find("T").unwrap();
        assert!(topic.attributes.is_empty() && !topic.order && topic.write_queue_nums == 1);
        assert!(fixture.memory.text(TOPIC_QUEUE_MAPPING_FILE).unwrap().contains("\"T\""));
        assert_eq!(*fixture.announced.0.lock(), ["T"]);
    }

    #[tokio::test]
    async fn a_mapping_that_cannot_follow_changes_nothing() {
        let fixture = Fixture::new();
        create(&fixture, &detail(&fixture, 5), false).await.unwrap();
        let version = fixture.topics.data_version();
        let refusal = create(&fixture, &detail(&fixture, 4), false).await.unwrap_err();
        assert_eq!(refusal.remark(), "Can't accept data with small epoch 4 < 5");
        assert_eq!(fixture.topics.data_version(), version);
        create(&fixture, &detail(&fixture, 4), true).await.unwrap();
        assert_eq!(fixture.mappings.find("T").unwrap().epoch, 4);
    }

    #[tokio::test]
    async fn a_mapping_of_another_topic_or_none_is_refused() {
        let fixture = Fixture::new();
        let other = TopicQueueMappingDetail { topic: "U".to_owned(), ..detail(&fixture, 5) };
        assert!(create(&fixture, &other, false).await.is_err());
        assert!(fixture.topics.find("T").is_none());
    }
}
