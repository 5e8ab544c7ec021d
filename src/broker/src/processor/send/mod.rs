//! Sending: single messages and batches (`SendMessageProcessor`).

mod batch;
mod gate;
mod recall;
mod reply;
mod retry;
mod send_back;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::{config::BrokerConfig, names, topic::TopicConfig, topic::TopicFilterType};
use futures_util::future::BoxFuture;
use message::{properties::PropertyString, property_names as property, sys_flag};
use remoting::{
    headers::send::{SendMessageRequestHeader, SendMessageResponseHeader},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{Request, SendBatchMessage, SendMessage, SendMessageV2},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::clock::Clock;

use self::gate::queue_of;
use crate::{
    clients::RebalanceLockManager,
    draft::MessageDraft,
    metadata_writer::MetadataWriter,
    put::{MessagePutter, Put, Stored, is_half_message},
    response,
    transaction::TransactionalMessageService,
    uniq_id::UniqIds,
};

pub use gate::SendGate;
pub use recall::RecallProcessor;
pub use reply::ReplyProcessor;
pub use send_back::SendBackProcessor;

/// What a message is given of properties here is seldom longer: region, trace switch and cluster.
const ADDED_PROPERTIES_BYTES: usize = 96;

/// Stores what producers send.
pub struct SendProcessor {
    pub(crate) gate: Arc<SendGate>,
    pub(crate) store_host: SocketAddr,
    pub(crate) locks: Arc<RebalanceLockManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) transactions: Arc<TransactionalMessageService>,
    pub(crate) uniq_ids: Arc<UniqIds>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A send request, whatever code it came under.
struct Asked {
    header: SendMessageRequestHeader,
    body: Bytes,
    peer: SocketAddr,
    version: i32,
}

/// What becomes of a message.
enum Sending<'a> {
    /// It is stored, and nothing is to be waited for.
    Done(Answered),
    /// Something takes a while. Boxed, so that other messages need no room for it.
    Later(BoxFuture<'a, Result<Answered, Refusal>>),
}

/// What was put, and the header of its answer.
type Answered = (Put, SendMessageResponseHeader);

impl Processor<SendMessage> for SendProcessor {
    fn process(
        &self,
        incoming: Incoming<SendMessage>,
    ) -> impl Future<Output = ReplyResult<SendMessage>> + Send {
        self.answer(Asked::of(incoming, |header| header))
    }
}

impl Processor<SendMessageV2> for SendProcessor {
    fn process(
        &self,
        incoming: Incoming<SendMessageV2>,
    ) -> impl Future<Output = ReplyResult<SendMessageV2>> + Send {
        self.answer(Asked::of(incoming, SendMessageRequestHeader::from))
    }
}

impl Processor<SendBatchMessage> for SendProcessor {
    fn process(
        &self,
        incoming: Incoming<SendBatchMessage>,
    ) -> impl Future<Output = ReplyResult<SendBatchMessage>> + Send {
        self.answer(Asked::of(incoming, SendMessageRequestHeader::from))
    }
}

impl Asked {
    fn of<R: Request>(
        incoming: Incoming<R>,
        header: impl FnOnce(R::Header) -> SendMessageRequestHeader,
    ) -> Self {
        Self {
            header: header(incoming.header),
            body: incoming.body,
            peer: incoming.peer.peer_addr(),
            version: incoming.version,
        }
    }
}

impl Sending<'_> {
    /// Answers when what is in the log is durable; `header` lacks ids and offsets.
    fn of(stored: Stored, header: SendMessageResponseHeader) -> Self {
        match stored.durable_now() {
            Ok(put) => Self::Done(answered(put, header)),
            Err(stored) => Self::Later(Box::pin(async { Ok(answered(stored.durable().await?, header)) })),
        }
    }

    async fn done(self) -> Result<Answered, Refusal> {
        match self {
            Self::Done(answered) => Ok(answered),
            Self::Later(sending) => sending.await,
        }
    }
}

impl SendProcessor {
    /// Sends, and marks every answer with what clients trace by.
    ///
    /// Nearly all messages are stored when this returns, and its future answers at once.
    fn answer<R>(&self, asked: Asked) -> impl Future<Output = ReplyResult<R>> + Send
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
    {
        let config = self.gate.config.snapshot();
        let kind = self.putter.metrics().message_type(asked.header.properties.as_deref());
        let sending = if asked.body.is_empty() { None } else { Some(self.begin(asked, &config)) };
        async move {
            let sent = match sending.ok_or_else(response::empty_body)? {
                Ok(Sending::Done(answered)) => Ok(answered),
                Ok(Sending::Later(sending)) => sending.await,
                Err(refusal) => Err(refusal),
            };
            let reply = match sent {
                Ok((put, header)) => {
                    self.putter.metrics().sent(&put.topic, kind, put.message_count, put.wrote_bytes);
                    Reply::of(put.code).with_header(header)
                }
                Err(refusal) => Reply::of(refusal.code()).with_remark(refusal.remark().to_owned()),
            };
            Ok(with_trace(reply, &config))
        }
    }

    fn begin(&self, asked: Asked, config: &Arc<BrokerConfig>) -> Result<Sending<'_>, Refusal> {
        if let Some(topic) = self.gate.find_topic(&asked.header, config)? {
            return self.send_to(&topic, asked, config);
        }
        let config = Arc::clone(config);
        Ok(Sending::Later(Box::pin(async move {
            let topic = self.gate.create_topic(&asked.header, asked.peer).await?;
            self.send_to(&topic, asked, &config)?.done().await
        })))
    }

    fn send_to(
        &self,
        topic: &Arc<TopicConfig>,
        asked: Asked,
        config: &Arc<BrokerConfig>,
    ) -> Result<Sending<'_>, Refusal> {
        let queue_id = queue_of(&asked.header, topic, asked.peer)?;
        let is_batch = asked.header.batch.unwrap_or(false);
        let Drafted { mut message, retry } = self.draft(asked, config, topic, queue_id);
        if is_batch {
            return self.send_batch(message, config, topic);
        }
        if names::group_of_retry_topic(&message.topic).is_none() {
            return self.send_single(message, config, topic);
        }
        let (topic, config) = (Arc::clone(topic), Arc::clone(config));
        Ok(Sending::Later(Box::pin(async move {
            self.redirect_retry(&mut message, &retry).await?;
            self.send_single(message, &config, &topic)?.done().await
        })))
    }

    fn send_single(
        &self,
        mut message: MessageDraft,
        config: &BrokerConfig,
        topic: &TopicConfig,
    ) -> Result<Sending<'_>, Refusal> {
        let uniq_key = self.ensure_uniq_key(&mut message.properties);
        check_key(topic, &message.properties)?;
        message.properties.set(property::CLUSTER, &config.broker_cluster_name);
        let mut header = SendMessageResponseHeader { queue_id: message.queue_id, ..Default::default() };
        if is_half_message(&message) {
            if config.reject_transaction_message {
                return Err(response::transactions_forbidden(&config.broker_ip1));
            }
            header.transaction_id = Some(uniq_key);
            let prepared = self.transactions.prepare(message);
            return Ok(Sending::Later(Box::pin(async { Ok(answered(prepared.await?, header)) })));
        }
        let stored = self.putter.store(message)?;
        header.recall_handle = recall::handle_of(stored.timed(), &config.broker_name, &uniq_key);
        header.transaction_id = Some(uniq_key);
        Ok(Sending::of(stored, header))
    }

    fn draft(&self, asked: Asked, config: &BrokerConfig, topic: &TopicConfig, queue_id: i32) -> Drafted {
        let Asked { header, body, peer, version } = asked;
        let mut properties = marked_properties(header.properties.as_deref().unwrap_or_default(), config);
        properties.remove(property::POP_CK);
        let multi_tags = match topic.topic_filter_type {
            TopicFilterType::MultiTag => sys_flag::MULTI_TAGS,
            TopicFilterType::SingleTag => 0,
        };
        let message = MessageDraft {
            topic: Arc::from(header.topic.as_str()),
            queue_id,
            flag: header.flag,
            sys_flag: header.sys_flag | multi_tags,
            born_timestamp: header.born_timestamp,
            born_host: peer,
            store_host: self.store_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body,
            properties,
        };
        let retry = retry::Retry { version, max_reconsume_times: header.max_reconsume_times };
        Drafted { message, retry }
    }

    /// The message's `UNIQ_KEY`; made here if its producer made none.
    fn ensure_uniq_key(&self, properties: &mut PropertyString) -> String {
        if let Some(key) = properties.get(property::UNIQ_KEY) {
            return key.to_owned();
        }
        let key = self.uniq_ids.next(self.clock.now_millis());
        properties.push(property::UNIQ_KEY, &key);
        key
    }
}

/// A message of a compacted topic needs a key.
fn check_key(topic: &TopicConfig, properties: &PropertyString) -> Result<(), Refusal> {
    let has_key = || properties.get(property::KEYS).is_some_and(|keys| !keys.trim().is_empty());
    if topic.is_compacted() && !has_key() {
        return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, "Required message key is missing"));
    }
    Ok(())
}

/// A message, and what of its request matters beyond it.
struct Drafted {
    message: MessageDraft,
    retry: retry::Retry,
}

/// The properties of a message, with what it is traced by.
fn marked_properties(from_client: &str, config: &BrokerConfig) -> PropertyString {
    let mut properties = PropertyString::from_client(from_client.as_bytes(), ADDED_PROPERTIES_BYTES);
    properties.set(property::MSG_REGION, &config.region_id);
    properties.set(property::TRACE_SWITCH, switch(config.trace_on));
    properties
}

/// A switch as clients read it.
fn switch(is_on: bool) -> &'static str {
    if is_on { "true" } else { "false" }
}

/// Marks an answer with what clients trace by.
fn with_trace<R: Request>(reply: Reply<R>, config: &BrokerConfig) -> Reply<R> {
    reply
        .with_extra(property::MSG_REGION, config.region_id.clone())
        .with_extra(property::TRACE_SWITCH, switch(config.trace_on))
}

/// Completes the header of an answer with what was put, whose message ids it takes.
fn answered(mut put: Put, header: SendMessageResponseHeader) -> Answered {
    let (msg_id, queue_offset) = (std::mem::take(&mut put.message_ids), put.queue_offset);
    (put, SendMessageResponseHeader { msg_id, queue_offset, ..header })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F: Future>(
        _: impl FnOnce(&'static SendProcessor, Incoming<SendMessageV2>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_send_under_way_is_small() {
        // Every send is boxed: up to 1 KiB the allocator has a place at hand, without a search and a lock.
        let bytes = size_of_future(Processor::<SendMessageV2>::process);
        assert!(bytes <= 700, "{bytes} bytes");
    }
}
