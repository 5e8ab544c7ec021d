//! Writing to the revive topic: check points and acknowledgements, as timed messages that arrive there when
//! the messages they are about are to be seen again.

use std::{net::SocketAddr, sync::Arc};

use common::fastjson;
use message::{properties::PropertyString, property_names as property};
use remoting::reply::Refusal;
use runtime::clock::Clock;
use serde::Serialize;

use super::check_point::{AckMsg, PopCheckPoint};
use crate::{
    draft::MessageDraft,
    metrics::{BrokerMetrics, ReviveMessageType},
    put::{Counting, MessagePutter, Put},
};

/// Tag of check points.
pub const CK_TAG: &str = "ck";
/// Tag of acknowledgements of one message.
pub const ACK_TAG: &str = "ack";
/// Tag of acknowledgements of several messages.
pub const BATCH_ACK_TAG: &str = "bAck";
/// A check point arrives so much earlier than its acknowledgements (`PopAckConstants.ackTimeInterval`).
pub const ACK_TIME_INTERVAL_MILLIS: i64 = 1000;

/// The revive topic, for writing.
#[derive(Debug)]
pub struct ReviveLog {
    topic: Arc<str>,
    queue_num: i32,
    store_host: SocketAddr,
    putter: Arc<MessagePutter>,
    clock: Arc<dyn Clock>,
}

impl ReviveLog {
    /// The revive topic of that name with so many queues.
    pub fn new(
        topic: String,
        queue_num: i32,
        store_host: SocketAddr,
        putter: Arc<MessagePutter>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { topic: Arc::from(topic), queue_num, store_host, putter, clock }
    }

    /// What is exported of it.
    pub fn metrics(&self) -> &BrokerMetrics {
        self.putter.metrics()
    }

    /// Its name.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Whether it has that queue.
    pub fn has_queue(&self, queue_id: i32) -> bool {
        (0..self.queue_num).contains(&queue_id)
    }

    /// How many queues it has.
    pub fn queue_num(&self) -> i32 {
        self.queue_num
    }

    /// Stores a check point.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn put_check_point(&self, ck: &PopCheckPoint, queue_id: i32) -> Result<Put, Refusal> {
        let (topic, group) =
            (ck.topic.as_deref().unwrap_or_default(), ck.group.as_deref().unwrap_or_default());
        let broker = ck.broker_name.as_deref().unwrap_or_default();
        let PopCheckPoint { queue_id: of_queue, start_offset, pop_time, .. } = ck;
        let unique = format!("{topic}@{of_queue}@{start_offset}@{group}@{pop_time}@{broker}@{CK_TAG}");
        let deliver_time = ck.revive_time().saturating_sub(ACK_TIME_INTERVAL_MILLIS);
        let put = self.put(ck, CK_TAG, &unique, queue_id, deliver_time).await;
        self.metrics().revive_in(topic, group, ReviveMessageType::CheckPoint, &put);
        put
    }

    /// Stores an acknowledgement of messages that would be seen again at `revive_time`.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn put_ack(&self, ack: &AckMsg, queue_id: i32, revive_time: i64) -> Result<Put, Refusal> {
        let broker = ack.broker_name.as_deref().unwrap_or_default();
        let AckMsg { topic, group, queue_id: of_queue, ack_offset, pop_time, .. } = ack;
        let unique = format!("{topic}@{of_queue}@{ack_offset}@{group}@{pop_time}@{broker}@{ACK_TAG}");
        let tag = if ack.ack_offset_list.is_some() { BATCH_ACK_TAG } else { ACK_TAG };
        let put = self.put(ack, tag, &unique, queue_id, revive_time).await;
        self.metrics().revive_in(topic, group, ReviveMessageType::Ack, &put);
        put
    }

    async fn put<T: Serialize + Sync>(
        &self,
        body: &T,
        tag: &str,
        unique: &str,
        queue_id: i32,
        deliver_time: i64,
    ) -> Result<Put, Refusal> {
        let deliver_time = deliver_time.to_string();
        let properties = [
            (property::TAGS, tag),
            (property::TIMER_DELIVER_MS, deliver_time.as_str()),
            (property::UNIQ_KEY, unique),
        ];
        let message = MessageDraft {
            topic: Arc::clone(&self.topic),
            queue_id,
            flag: 0,
            sys_flag: 0,
            born_timestamp: self.clock.now_millis(),
            born_host: self.store_host,
            store_host: self.store_host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: fastjson::to_vec(body).into(),
            properties: properties.into_iter().collect::<PropertyString>(),
        };
        self.putter.put_counted(message, Counting::Internal).await
    }
}
