//! What becomes of the messages of a check point that nobody acknowledged.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::{
    names::{self, PopRetryVersion, pop_retry_topic},
    permission::Permission,
};
use message::{property_names as property, record::RecordView};
use remoting::reply::Refusal;
use runtime::clock::Clock;
use store::get::{EveryMessage, MessageFilter};

use crate::{
    draft::MessageDraft,
    groups::SubscriptionGroupManager,
    offsets::ConsumerOffsetManager,
    pop::{
        check_point::{PopCheckPoint, Popping},
        inflight::PopInflightMessageCounter,
        queue::PopQueue,
        reader::QueueReader,
        revive_log::ReviveLog,
    },
    put::MessagePutter,
    topic_publisher::TopicPublisher,
    topics::{Order, TopicConfigManager},
};

/// Queues of a retry topic.
const RETRY_QUEUE_NUM: i32 = 1;
/// The pauses after which a check point is tried again whose messages could not be revived, in seconds.
const RE_PUT_SECONDS: [i64; 17] =
    [10, 20, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];
/// Named in the log where an offset goes back.
const WHO: &str = "initPopRetryOffset";

/// Revives messages.
pub struct Reviver {
    /// This broker, as check points name it.
    pub broker_name: String,
    /// How retry topics are named (`enableRetryTopicV2`).
    pub retry_version: PopRetryVersion,
    /// Whether a check point that was tried too often is dropped (`skipWhenCKRePutReachMaxTimes`).
    pub drops_after_all_pauses: bool,
    /// This broker, as messages name it.
    pub store_host: SocketAddr,
    /// The topics.
    pub topics: Arc<TopicConfigManager>,
    /// The groups.
    pub groups: Arc<SubscriptionGroupManager>,
    /// How far groups are.
    pub offsets: Arc<ConsumerOffsetManager>,
    /// Makes retry topics known.
    pub publisher: Arc<TopicPublisher>,
    /// Where messages are read.
    pub reader: QueueReader,
    /// Stores them again.
    pub putter: Arc<MessagePutter>,
    /// Where check points are tried again.
    pub log: Arc<ReviveLog>,
    /// What is popped and not acknowledged.
    pub inflight: Arc<PopInflightMessageCounter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Reviver {
    /// Revives what of a check point was not acknowledged, and answers what is left of it: the queue offsets
    /// of messages for which neither they nor another check point could be stored.
    pub async fn revive(&self, ck: &PopCheckPoint, revive_queue_id: i32) -> Vec<i64> {
        let mut left = Vec::new();
        let (Some(topic), Some(group)) = (&ck.topic, &ck.group) else { return left };
        // Neither a topic nor a group that is gone wants its messages back.
        if !self.topics.contains(names::normal_topic_of(topic, group)) || self.groups.find(group).is_none() {
            return left;
        }
        for queue_offset in ck.unacknowledged() {
            let Err(refusal) = self.revive_message(ck, topic, group, queue_offset).await else { continue };
            tracing::warn!(
                topic,
                group,
                queue_offset,
                remark = refusal.remark(),
                "message not revived, tried again later"
            );
            if !self.put_off(ck, queue_offset, revive_queue_id).await {
                left.push(queue_offset);
            }
        }
        left
    }

    async fn revive_message(
        &self,
        ck: &PopCheckPoint,
        topic: &str,
        group: &str,
        queue_offset: i64,
    ) -> Result<(), Refusal> {
        if ck.broker_name.as_deref().is_some_and(|broker| broker != self.broker_name) {
            return Err(Refusal::system_error("the message is on another broker"));
        }
        let queue = PopQueue::new(topic, group, ck.queue_id);
        let Some(bytes) = self.read(&queue, queue_offset).await? else {
            tracing::info!(topic, ck.queue_id, queue_offset, "message to revive is gone");
            return Ok(());
        };
        let Ok(record) = RecordView::decode(&bytes) else { return Ok(()) };
        let retry_topic = self.retry_topic(topic, group).await?;
        let message = retried(&record, &bytes, &retry_topic, ck.pop_time, self.store_host);
        let put = self.putter.put(message).await;
        self.putter.metrics().revive_retry(topic, group, &put);
        put?;
        self.inflight.subtract(&queue, ck.pop_time, 1);
        Ok(())
    }

    async fn read(&self, queue: &PopQueue, queue_offset: i64) -> Result<Option<Bytes>, Refusal> {
        let everything: Arc<dyn MessageFilter> = Arc::new(EveryMessage);
        let found = self.reader.get(queue, queue_offset, 1, &everything).await?;
        let is_asked_for = found.queue_offsets.first() == Some(&queue_offset);
        Ok(found.messages.into_iter().next().filter(|_| is_asked_for))
    }

    /// The retry topic, made if it is not there; the group begins with its first message.
    async fn retry_topic(&self, topic: &str, group: &str) -> Result<String, Refusal> {
        if names::group_of_retry_topic(topic).is_some() {
            return Ok(topic.to_owned());
        }
        let retry_topic = pop_retry_topic(topic, group, self.retry_version);
        if !self.topics.contains(&retry_topic) {
            let creation = self
                .topics
                .create_retry(&retry_topic, RETRY_QUEUE_NUM, Permission::READ_WRITE, Order::None, 0)
                .map_err(|error| Refusal::system_error(error.to_string()))?;
            self.publisher.publish(creation).await?;
            if self.offsets.query(group, &retry_topic, 0).is_none()
                && let Err(error) = self.offsets.commit(&WHO, group, &retry_topic, 0, 0)
            {
                tracing::warn!(retry_topic, %error, "offset of a retry topic not noted");
            }
        }
        Ok(retry_topic)
    }

    /// Stores another check point for a message that could not be revived; false when that failed too.
    async fn put_off(&self, ck: &PopCheckPoint, queue_offset: i64, revive_queue_id: i32) -> bool {
        let times = ck.re_put_count();
        let last = RE_PUT_SECONDS.len() - 1;
        if times > last && self.drops_after_all_pauses {
            tracing::warn!(?ck, queue_offset, "message could not be revived in {times} attempts, dropped");
            return true;
        }
        let is_past = ck.revive_time() <= self.clock.now_millis();
        let pause = RE_PUT_SECONDS.get(times.min(last)).filter(|_| is_past).copied().unwrap_or(0);
        let popping = Popping {
            broker_name: ck.broker_name.as_deref().unwrap_or(&self.broker_name),
            group: ck.group.as_deref().unwrap_or_default(),
            pop_time: ck.pop_time,
            invisible_time: ck.invisible_time.saturating_add(pause * 1_000),
        };
        let topic = ck.topic.as_deref().unwrap_or_default();
        let Some(mut again) = PopCheckPoint::new(popping, topic, ck.queue_id, queue_offset, &[queue_offset])
        else {
            return true;
        };
        again.re_put_times = Some((times + 1).to_string());
        self.log.put_check_point(&again, revive_queue_id).await.is_ok()
    }
}

/// The message as it goes to the retry topic.
fn retried(
    record: &RecordView<'_>,
    bytes: &Bytes,
    retry_topic: &str,
    pop_time: i64,
    store_host: SocketAddr,
) -> MessageDraft {
    let mut message = MessageDraft::of_record(record, bytes.slice_ref(record.body()));
    message.topic = Arc::from(retry_topic);
    message.queue_id = 0;
    message.born_host = store_host;
    message.store_host = store_host;
    message.prepared_transaction_offset = 0;
    message.reconsume_times = record.reconsume_times().saturating_add(1);
    if record.reconsume_times() == 0 || !message.properties.contains(property::FIRST_POP_TIME) {
        message.properties.set(property::FIRST_POP_TIME, &pop_time.to_string());
    }
    message
}
