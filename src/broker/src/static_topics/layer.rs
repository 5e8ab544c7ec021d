//! The layer before the processors: requests for logical queues become requests for physical ones, answers
//! from them become answers of logical queues.
//!
//! Requests for topics that are no static ones pass as they are.

use std::{future::ready, sync::Arc};

use futures_util::{FutureExt as _, future::Either};
use remoting::{
    body::queue_mapping::LogicQueueMappingItem,
    headers::send::{SendMessageRequestHeader, SendMessageRequestHeaderV2, SendMessageResponseHeader},
    reply::{Incoming, Reply, ReplyResult},
    request::{Request, SendBatchMessage, SendMessage, SendMessageV2},
    router::Processor,
};
use store::message_store::MessageStore;

use super::{logic_queue::LogicQueue, manager::TopicQueueMappingManager, other_brokers::OtherBrokers};
use crate::offsets::ConsumerOffsetManager;

/// What the layer knows.
pub struct StaticTopics {
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) brokers: Arc<OtherBrokers>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
}

impl StaticTopics {
    /// A processor with the layer before it.
    pub fn before<P>(self: &Arc<Self>, inner: &Arc<P>) -> Arc<StaticTopicLayer<P>> {
        Arc::new(StaticTopicLayer { topics: Arc::clone(self), inner: Arc::clone(inner) })
    }
}

/// A processor of requests for physical queues, and before it what makes them of logical ones.
pub struct StaticTopicLayer<P> {
    pub(super) topics: Arc<StaticTopics>,
    pub(super) inner: Arc<P>,
}

/// The queue in the header of a message.
trait SendsTo {
    fn destination(&mut self) -> (&str, &mut i32);
}

impl SendsTo for SendMessageRequestHeader {
    fn destination(&mut self) -> (&str, &mut i32) {
        (&self.topic, &mut self.queue_id)
    }
}

impl SendsTo for SendMessageRequestHeaderV2 {
    fn destination(&mut self) -> (&str, &mut i32) {
        (&self.topic, &mut self.queue_id)
    }
}

impl<P> StaticTopicLayer<P> {
    /// No future of its own, as hardly any message is for a static topic.
    fn send<R>(&self, mut incoming: Incoming<R>) -> impl Future<Output = ReplyResult<R>> + Send
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
        R::Header: SendsTo,
        P: Processor<R>,
    {
        let (topic, queue_id) = incoming.header.destination();
        match self.topics.mappings.logic_queue_for_message(topic, *queue_id) {
            Ok(None) => Either::Left(self.inner.process(incoming)),
            Ok(Some(queue)) => Either::Right(self.send_logical(incoming, queue).boxed()),
            Err(refusal) => Either::Right(ready(Err(refusal)).boxed()),
        }
    }

    /// Sends to the physical queue that takes the logical one's messages.
    async fn send_logical<R>(&self, mut incoming: Incoming<R>, queue: LogicQueue) -> ReplyResult<R>
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
        R::Header: SendsTo,
        P: Processor<R>,
    {
        let leader = queue.leader()?;
        *incoming.header.destination().1 = leader.queue_id;
        let reply = self.inner.process(incoming).await?;
        Ok(sent(reply, &queue, leader))
    }
}

/// The answer to a message: where it is in the logical queue, -1 while it is not known where that begins.
fn sent<R>(mut reply: Reply<R>, queue: &LogicQueue, leader: &LogicQueueMappingItem) -> Reply<R>
where
    R: Request<ReplyHeader = SendMessageResponseHeader>,
{
    if let Some(header) = reply.header_mut() {
        header.queue_id = queue.queue_id;
        header.queue_offset = leader.logical_within(header.queue_offset);
    }
    reply
}

impl<P: Processor<SendMessage>> Processor<SendMessage> for StaticTopicLayer<P> {
    fn process(
        &self,
        incoming: Incoming<SendMessage>,
    ) -> impl Future<Output = ReplyResult<SendMessage>> + Send {
        self.send(incoming)
    }
}

impl<P: Processor<SendMessageV2>> Processor<SendMessageV2> for StaticTopicLayer<P> {
    fn process(
        &self,
        incoming: Incoming<SendMessageV2>,
    ) -> impl Future<Output = ReplyResult<SendMessageV2>> + Send {
        self.send(incoming)
    }
}

impl<P: Processor<SendBatchMessage>> Processor<SendBatchMessage> for StaticTopicLayer<P> {
    fn process(
        &self,
        incoming: Incoming<SendBatchMessage>,
    ) -> impl Future<Output = ReplyResult<SendBatchMessage>> + Send {
        self.send(incoming)
    }
}
