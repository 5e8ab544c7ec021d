//! Sending: single messages and batches (`SendMessageProcessor`).

mod gate;
mod recall;
mod reply;
mod retry;
mod send_back;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::{config::BrokerConfig, names, topic::TopicConfig, topic::TopicFilterType};
use message::{
    batch,
    properties::PropertyString,
    property_names as property,
    sys_flag::{self, TransactionType},
};
use remoting::{
    headers::send::{SendMessageRequestHeader, SendMessageResponseHeader},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{Request, SendBatchMessage, SendMessage, SendMessageV2},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::clock::Clock;

use self::gate::Admitted;
use crate::{
    clients::RebalanceLockManager,
    draft::MessageDraft,
    metadata_writer::MetadataWriter,
    put::{MessagePutter, Put, check_delay_level, is_half_message},
    response,
    transaction::TransactionalMessageService,
    uniq_id::UniqIds,
};

pub use gate::SendGate;
pub use recall::RecallProcessor;
pub use reply::ReplyProcessor;
pub use send_back::SendBackProcessor;

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
struct Send {
    header: SendMessageRequestHeader,
    body: Bytes,
    peer: SocketAddr,
    version: i32,
}

impl Processor<SendMessage> for SendProcessor {
    async fn process(&self, incoming: Incoming<SendMessage>) -> ReplyResult<SendMessage> {
        self.answer(Send::of(incoming, |header| header)).await
    }
}

impl Processor<SendMessageV2> for SendProcessor {
    async fn process(&self, incoming: Incoming<SendMessageV2>) -> ReplyResult<SendMessageV2> {
        self.answer(Send::of(incoming, SendMessageRequestHeader::from)).await
    }
}

impl Processor<SendBatchMessage> for SendProcessor {
    async fn process(&self, incoming: Incoming<SendBatchMessage>) -> ReplyResult<SendBatchMessage> {
        self.answer(Send::of(incoming, SendMessageRequestHeader::from)).await
    }
}

impl Send {
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

impl SendProcessor {
    /// Sends, and marks every answer with what clients trace by.
    async fn answer<R>(&self, send: Send) -> ReplyResult<R>
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
    {
        if send.body.is_empty() {
            return Err(response::empty_body());
        }
        let stored = self.send(send).await;
        let reply = match stored {
            Ok((put, header)) => Reply::of(put.code).with_header(header),
            Err(refusal) => Reply::of(refusal.code()).with_remark(refusal.remark().to_owned()),
        };
        Ok(with_trace(reply, &self.gate.config.now()))
    }

    async fn send(&self, send: Send) -> Result<(Put, SendMessageResponseHeader), Refusal> {
        let Admitted { topic, queue_id } = self.gate.admit(&send.header, send.peer).await?;
        let is_batch = send.header.batch.unwrap_or(false);
        let kind = self.putter.metrics().message_type(send.header.properties.as_deref());
        let message = self.draft(send, &topic, queue_id);
        let (put, header) = if is_batch {
            self.send_batch(message, &topic).await?
        } else {
            self.send_single(message, &topic).await?
        };
        self.putter.metrics().sent(&put.topic, kind, put.message_count, put.wrote_bytes);
        Ok((put, header))
    }

    async fn send_single(
        &self,
        drafted: Drafted,
        topic: &TopicConfig,
    ) -> Result<(Put, SendMessageResponseHeader), Refusal> {
        let mut message = drafted.message;
        self.redirect_retry(&mut message, &drafted.retry).await?;
        let uniq_key = self.ensure_uniq_key(&mut message.properties);
        check_key(topic, &message)?;
        message.properties.set(property::CLUSTER, &self.gate.config.now().broker_cluster_name);
        let queue_id = message.queue_id;
        let put = if is_half_message(&message) {
            if self.gate.config.now().reject_transaction_message {
                return Err(response::transactions_forbidden(&self.gate.config.now().broker_ip1));
            }
            self.transactions.prepare(message).await?
        } else {
            self.putter.put(message).await?
        };
        let recall_handle = recall::handle_of(&put, &self.gate.config.now().broker_name, &uniq_key);
        let header = reply_header(&put, queue_id, Some(uniq_key));
        Ok((put, SendMessageResponseHeader { recall_handle, ..header }))
    }

    async fn send_batch(
        &self,
        drafted: Drafted,
        topic: &TopicConfig,
    ) -> Result<(Put, SendMessageResponseHeader), Refusal> {
        let mut whole = drafted.message;
        if whole.topic.starts_with(names::RETRY_GROUP_TOPIC_PREFIX) {
            let remark = format!("batch request does not support retry group {}", whole.topic);
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        self.check_batch(&whole)?;
        whole.properties.set(property::CLUSTER, &self.gate.config.now().broker_cluster_name);
        let uniq_key = whole.properties.get(property::UNIQ_KEY).map(str::to_owned);
        let queue_id = whole.queue_id;
        self.putter.admit_timed(&mut whole)?;
        if topic.has_batch_queues() && uniq_key.is_some() {
            let put = self.putter.put_all(vec![inner_batch(whole)?]).await?;
            let header = reply_header(&put, queue_id, uniq_key.clone());
            return Ok((put, SendMessageResponseHeader { batch_uniq_id: uniq_key, ..header }));
        }
        let messages = batch_messages(&whole)?;
        // A Java broker takes a batch without keys, and nobody ever gets its messages.
        messages.iter().try_for_each(|message| check_key(topic, message))?;
        let put = self.putter.put_all(messages).await?;
        let header = reply_header(&put, queue_id, uniq_key);
        Ok((put, header))
    }

    /// What a batch must not be as a whole: delayed, part of a transaction, larger than a message.
    fn check_batch(&self, whole: &MessageDraft) -> Result<(), Refusal> {
        check_delay_level(whole)?;
        let max_bytes = self.putter.max_message_size_bytes();
        if whole.delay_level() > 0 || TransactionType::of(whole.sys_flag) != TransactionType::None {
            return Err(response::message_illegal(max_bytes));
        }
        if whole.body.len() > max_bytes {
            return Err(response::batch_too_large());
        }
        Ok(())
    }

    fn draft(&self, send: Send, topic: &Arc<TopicConfig>, queue_id: i32) -> Drafted {
        let Send { header, body, peer, version } = send;
        let mut properties =
            marked_properties(header.properties.unwrap_or_default(), &self.gate.config.now());
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
fn check_key(topic: &TopicConfig, message: &MessageDraft) -> Result<(), Refusal> {
    let has_key = || message.properties.get(property::KEYS).is_some_and(|keys| !keys.trim().is_empty());
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

/// The messages of a batch, each with its own properties and those of the whole.
fn batch_messages(whole: &MessageDraft) -> Result<Vec<MessageDraft>, Refusal> {
    let shared = Bytes::copy_from_slice(whole.properties.as_bytes());
    batch::items(whole.body.clone())
        .map(|item| {
            let item = item.map_err(|error| response::malformed_batch(&error))?;
            let properties = batch::stored_properties(&item.properties, &shared);
            Ok(MessageDraft {
                flag: item.flag,
                body: item.body,
                properties: PropertyString::from_encoded(properties),
                ..whole.clone()
            })
        })
        .collect()
}

/// A batch that is stored and consumed as one record, of a topic with batch queues.
fn inner_batch(mut whole: MessageDraft) -> Result<MessageDraft, Refusal> {
    let mut count: usize = 0;
    for item in batch::items(whole.body.clone()) {
        item.map_err(|error| response::malformed_batch(&error))?;
        count += 1;
    }
    whole.sys_flag |= sys_flag::NEED_UNWRAP | sys_flag::INNER_BATCH;
    whole.properties.set(property::INNER_NUM, &count.to_string());
    whole.properties.remove(property::INNER_BASE);
    Ok(whole)
}

/// The properties of a message, with what it is traced by.
fn marked_properties(from_client: String, config: &BrokerConfig) -> PropertyString {
    let mut properties = PropertyString::from_client(from_client);
    properties.set(property::MSG_REGION, &config.region_id);
    properties.set(property::TRACE_SWITCH, if config.trace_on { "true" } else { "false" });
    properties
}

/// Marks an answer with what clients trace by.
fn with_trace<R: Request>(reply: Reply<R>, config: &BrokerConfig) -> Reply<R> {
    reply
        .with_extra(property::MSG_REGION, config.region_id.clone())
        .with_extra(property::TRACE_SWITCH, config.trace_on.to_string())
}

fn reply_header(put: &Put, queue_id: i32, uniq_key: Option<String>) -> SendMessageResponseHeader {
    SendMessageResponseHeader {
        msg_id: put.message_ids.clone(),
        queue_id,
        queue_offset: put.queue_offset,
        transaction_id: uniq_key,
        batch_uniq_id: None,
        recall_handle: None,
    }
}
