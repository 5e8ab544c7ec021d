//! Replies of request-reply calls (`ReplyMessageProcessor`): pushed to the requester over its own
//! connection, and kept in the cluster's reply topic.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use common::config::BrokerConfig;
use message::{properties::PropertyString, property_names as property};
use remoting::{
    headers::send::{ReplyMessageRequestHeader, SendMessageRequestHeader, SendMessageResponseHeader},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{PushReplyMessageToClient, Request, SendReplyMessage, SendReplyMessageV2},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::clock::Clock;

use super::{Asked, SendGate, answered, gate::queue_of, marked_properties, with_trace};
use crate::{clients::ProducerManager, draft::MessageDraft, put::MessagePutter, response};

/// How long a requester may take to receive its reply.
const PUSH_LIMIT: Duration = Duration::from_secs(10);

/// Hands replies to those who wait for them.
pub struct ReplyProcessor {
    pub(crate) gate: Arc<SendGate>,
    pub(crate) store_host: SocketAddr,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Processor<SendReplyMessage> for ReplyProcessor {
    async fn process(&self, incoming: Incoming<SendReplyMessage>) -> ReplyResult<SendReplyMessage> {
        self.answer(Asked::of(incoming, |header| header)).await
    }
}

impl Processor<SendReplyMessageV2> for ReplyProcessor {
    async fn process(&self, incoming: Incoming<SendReplyMessageV2>) -> ReplyResult<SendReplyMessageV2> {
        self.answer(Asked::of(incoming, SendMessageRequestHeader::from)).await
    }
}

impl ReplyProcessor {
    async fn answer<R>(&self, asked: Asked) -> ReplyResult<R>
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
    {
        if asked.body.is_empty() {
            return Err(response::empty_body());
        }
        let config = self.gate.config.snapshot();
        let reply = match self.reply(asked, &config).await {
            Ok(reply) => reply,
            Err(refusal) => Reply::of(refusal.code()).with_remark(refusal.remark().to_owned()),
        };
        Ok(with_trace(reply, &config))
    }

    /// The requester has it or has it not; whether it could also be kept changes only the ids.
    async fn reply<R>(&self, asked: Asked, config: &BrokerConfig) -> Result<Reply<R>, Refusal>
    where
        R: Request<ReplyHeader = SendMessageResponseHeader>,
    {
        let topic = match self.gate.find_topic(&asked.header, config)? {
            Some(topic) => topic,
            None => self.gate.create_topic(&asked.header, asked.peer).await?,
        };
        let queue_id = queue_of(&asked.header, &topic, asked.peer)?;
        let pushed = self.push(&asked).await;
        let mut header = SendMessageResponseHeader { msg_id: "0".to_owned(), queue_id, ..Default::default() };
        if config.store_reply_message_enable {
            let kind = self.putter.metrics().message_type(asked.header.properties.as_deref());
            match self.putter.put(self.draft(asked, &topic.topic_name, queue_id)).await {
                Ok(put) => {
                    self.putter.metrics().sent(&put.topic, kind, put.message_count, put.wrote_bytes);
                    (_, header) = answered(put, header);
                }
                Err(refusal) => tracing::warn!(remark = refusal.remark(), "reply was not stored"),
            }
        }
        Ok(match pushed {
            Ok(()) => Reply::success().with_header(header),
            Err(remark) => Reply::of(ResponseCode::SYSTEM_ERROR).with_remark(remark).with_header(header),
        })
    }

    /// Sends the reply on to the client that its request came from.
    async fn push(&self, asked: &Asked) -> Result<(), String> {
        let mut properties = self.properties(asked);
        let Some(requester) = properties.get(property::MESSAGE_REPLY_TO_CLIENT).map(str::to_owned) else {
            return Err(format!("reply message properties[{}] is null", property::MESSAGE_REPLY_TO_CLIENT));
        };
        let Some(connection) = self.producers.find_client(&requester) else {
            return Err(format!("push reply message fail, channel of <{requester}> not found."));
        };
        let now = self.clock.now_millis();
        properties.set(property::PUSH_REPLY_TIME, &now.to_string());
        let text = String::from_utf8_lossy(properties.as_bytes()).into_owned();
        let header = self.push_header(asked, text, now);
        let answer =
            connection.call::<PushReplyMessageToClient>(header, asked.body.clone(), PUSH_LIMIT).await;
        match answer {
            Ok(answer) if answer.code == ResponseCode::SUCCESS.0 => Ok(()),
            Ok(answer) => {
                tracing::warn!(requester, remark = answer.remark.as_deref(), "requester refused a reply");
                Err(format!("push reply message to {requester}fail."))
            }
            Err(error) => {
                tracing::warn!(requester, %error, "requester did not take a reply");
                Err(format!("push reply message to {requester}fail."))
            }
        }
    }

    fn push_header(&self, asked: &Asked, properties: String, now_millis: i64) -> ReplyMessageRequestHeader {
        let header = &asked.header;
        ReplyMessageRequestHeader {
            producer_group: header.producer_group.clone(),
            topic: header.topic.clone(),
            default_topic: header.default_topic.clone(),
            default_topic_queue_nums: header.default_topic_queue_nums,
            queue_id: header.queue_id,
            sys_flag: header.sys_flag,
            born_timestamp: header.born_timestamp,
            flag: header.flag,
            properties: Some(properties),
            reconsume_times: Some(header.reconsume_times.unwrap_or(0)),
            unit_mode: header.unit_mode.unwrap_or(false),
            born_host: asked.peer.to_string(),
            store_host: self.store_host.to_string(),
            store_timestamp: now_millis,
        }
    }

    fn properties(&self, asked: &Asked) -> PropertyString {
        marked_properties(asked.header.properties.as_deref().unwrap_or_default(), &self.gate.config.now())
    }

    fn draft(&self, asked: Asked, topic: &str, queue_id: i32) -> MessageDraft {
        let properties = self.properties(&asked);
        let Asked { header, body, peer, .. } = asked;
        MessageDraft {
            topic: Arc::from(topic),
            queue_id,
            flag: header.flag,
            sys_flag: 0,
            born_timestamp: header.born_timestamp,
            born_host: peer,
            store_host: self.store_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: Bytes::clone(&body),
            properties,
        }
    }
}
