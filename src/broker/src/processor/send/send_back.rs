//! Messages a consumer could not work on and gives back (`CONSUMER_SEND_MSG_BACK`).

use std::{net::SocketAddr, sync::Arc};

use common::{
    config::BrokerConfig, group::SubscriptionGroupConfig, names, permission::Permission,
    topic::TOPIC_SYS_FLAG_UNIT_SUB,
};
use message::{message_id, property_names as property, record::RecordView};
use rand::Rng;
use remoting::{
    headers::send::ConsumerSendMsgBackRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::ConsumerSendMsgBack,
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;

use super::retry::{DLQ_QUEUE_NUMS, Retry};
use crate::{
    draft::MessageDraft,
    faq,
    metadata_writer::MetadataWriter,
    put::{Counting, MessagePutter},
    stats::BrokerStats,
    topic_publisher::TopicPublisher,
    topics::{Order, TopicConfigManager},
};

/// The delay level of the first retry; each failure adds one.
const FIRST_RETRY_LEVEL: i32 = 3;

/// Stores messages again under the retry topic of the group that failed on them.
pub struct SendBackProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) store_host: SocketAddr,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) publisher: Arc<TopicPublisher>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) stats: Arc<BrokerStats>,
}

/// Where a message goes next.
struct Destination {
    topic: String,
    queue_id: i32,
    delay_level: i32,
}

impl Processor<ConsumerSendMsgBack> for SendBackProcessor {
    async fn process(&self, incoming: Incoming<ConsumerSendMsgBack>) -> ReplyResult<ConsumerSendMsgBack> {
        let header = &incoming.header;
        let group = self.check_group(&header.group).await?;
        if group.retry_queue_nums <= 0 {
            return Ok(Reply::success());
        }
        self.ensure_retry_topic(header, &group).await?;
        let stored = self.putter.find(header.offset);
        let not_found = || Refusal::system_error(format!("look message by offset failed, {}", header.offset));
        let bytes = stored.ok_or_else(not_found)?;
        let record = RecordView::decode(&bytes).map_err(|_| not_found())?;
        let retry = Retry { version: incoming.version, max_reconsume_times: header.max_reconsume_times };
        let destination = self.destination(header, &group, &retry, record.reconsume_times()).await?;
        let mut message = MessageDraft::of_record(&record, bytes.slice_ref(record.body()));
        prepare(&mut message, &record, destination);
        message.store_host = self.store_host;
        let origin_topic = message.properties.get(property::RETRY_TOPIC).map(str::to_owned);
        self.putter.put_counted(message, Counting::SentBack).await.map_err(|refusal| {
            // Java answers every failure of a send-back with this code.
            Refusal::system_error(refusal.remark().to_owned())
        })?;
        self.stats.sent_back(origin_topic.as_deref().unwrap_or(record.topic()), &header.group);
        Ok(Reply::success())
    }
}

impl SendBackProcessor {
    async fn check_group(&self, group: &str) -> Result<Arc<SubscriptionGroupConfig>, Refusal> {
        let config = self.writer.find_or_create_group(group).await.ok_or_else(|| {
            let remark = format!("subscription group not exist, {group} {}", faq::SUGGESTION);
            Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        })?;
        if !Permission(self.config.now().broker_permission).is_writable() {
            let remark = format!("the broker[{}] sending message is forbidden", self.config.now().broker_ip1);
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        Ok(config)
    }

    async fn ensure_retry_topic(
        &self,
        header: &ConsumerSendMsgBackRequestHeader,
        group: &SubscriptionGroupConfig,
    ) -> Result<(), Refusal> {
        let topic = names::retry_topic(&header.group);
        let sys_flag = if header.unit_mode { TOPIC_SYS_FLAG_UNIT_SUB } else { 0 };
        let permission = self.ensure_topic(&topic, group.retry_queue_nums, sys_flag).await?;
        if permission.is_writable() {
            return Ok(());
        }
        let remark = format!("the topic[{topic}] sending message is forbidden");
        Err(Refusal::new(ResponseCode::NO_PERMISSION, remark))
    }

    async fn ensure_topic(&self, topic: &str, queue_nums: i32, sys_flag: i32) -> Result<Permission, Refusal> {
        let creation = self
            .topics
            .create_retry(topic, queue_nums, Permission::READ_WRITE, Order::None, sys_flag)
            .map_err(|_| Refusal::system_error(format!("topic[{topic}] not exist")))?;
        Ok(self.publisher.publish(creation).await?.perm)
    }

    /// The retry topic after a pause, or the dead-letter queue.
    async fn destination(
        &self,
        header: &ConsumerSendMsgBackRequestHeader,
        group: &SubscriptionGroupConfig,
        retry: &Retry,
        reconsume_times: i32,
    ) -> Result<Destination, Refusal> {
        if reconsume_times >= retry.limit(group.retry_max_times) || header.delay_level < 0 {
            let origin = header.origin_topic.as_deref().unwrap_or_default();
            self.stats.metrics().sent_to_dlq(origin, &header.group);
            let topic = names::dlq_topic(&header.group);
            self.ensure_topic(&topic, DLQ_QUEUE_NUMS, 0).await?;
            tracing::info!(%topic, origin_topic = header.origin_topic.as_deref(), "message goes to the dead-letter queue");
            return Ok(Destination { topic, queue_id: 0, delay_level: 0 });
        }
        let delay_level = match header.delay_level {
            0 => FIRST_RETRY_LEVEL.saturating_add(reconsume_times),
            level => level,
        };
        let queue_id = rand::rng().random_range(0..group.retry_queue_nums);
        Ok(Destination { topic: names::retry_topic(&header.group), queue_id, delay_level })
    }
}

/// Makes the stored message the one to be stored next.
fn prepare(message: &mut MessageDraft, record: &RecordView<'_>, destination: Destination) {
    if !message.properties.contains(property::RETRY_TOPIC) {
        message.properties.set(property::RETRY_TOPIC, record.topic());
    }
    message.properties.set(property::WAIT_STORE_OK, "false");
    message.properties.set(property::DELAY_LEVEL, &destination.delay_level.to_string());
    if !message.properties.contains(property::ORIGIN_MESSAGE_ID) {
        let id = message_id::encode(record.store_host(), record.phy_offset());
        message.properties.set(property::ORIGIN_MESSAGE_ID, &id);
    }
    message.topic = Arc::from(destination.topic);
    message.queue_id = destination.queue_id;
    message.reconsume_times = record.reconsume_times().saturating_add(1);
}
