//! Recalling a timed message before it is delivered (`RecallMessageProcessor`).
//!
//! A recall is a timed message itself: it goes to the slot of the one it names, and takes it away there.

use std::{net::SocketAddr, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use common::{config::BrokerConfig, names::RETRY_GROUP_TOPIC_PREFIX, permission::Permission};
use message::{properties::PropertyString, property_names as property};
use remoting::{
    headers::send::RecallMessageResponseHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::RecallMessage,
    response_code::ResponseCode,
    router::Processor,
};
use runtime::{clock::Clock, live::Live};

use crate::{
    draft::MessageDraft,
    put::{MessagePutter, Timed},
    timer::cancel_key_of,
    topics::TopicConfigManager,
};

/// The only version of a handle.
const VERSION: &str = "v1";
/// The tag of the message a recall is.
const RECALL_TAG: &str = "_RECALL_TAG_";

/// Java's URL encoder pads, and its decoder takes both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Takes recalls.
pub struct RecallProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) store_host: SocketAddr,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What names a timed message (`RecallMessageHandle.HandleV1`): five words in Base64.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RecallHandle {
    topic: String,
    broker_name: String,
    /// When it is delivered, in milliseconds, as text: whoever reads it may find no number.
    timestamp: String,
    uniq_key: String,
}

impl RecallHandle {
    fn encode(&self) -> String {
        let Self { topic, broker_name, timestamp, uniq_key } = self;
        BASE64.encode(format!("{VERSION} {topic} {broker_name} {timestamp} {uniq_key}"))
    }

    fn decode(handle: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(handle).ok()?).ok()?;
        let mut words = text.split(' ').map(str::to_owned);
        (words.next()? == VERSION).then_some(())?;
        let (topic, broker_name) = (words.next()?, words.next()?);
        Some(Self { topic, broker_name, timestamp: words.next()?, uniq_key: words.next()? })
    }
}

/// What a message that was just stored can be recalled by; `None` when it is not timed, or a retry.
pub(super) fn handle_of(timed: Option<&Timed>, broker_name: &str, uniq_key: &str) -> Option<String> {
    let timed = timed.filter(|timed| !timed.topic.starts_with(RETRY_GROUP_TOPIC_PREFIX))?;
    let handle = RecallHandle {
        topic: timed.topic.to_string(),
        broker_name: broker_name.to_owned(),
        // The recall has to go to the same slot, and a slot takes in what is due after its beginning.
        timestamp: timed.out_millis.saturating_add(1).to_string(),
        uniq_key: uniq_key.to_owned(),
    };
    Some(handle.encode())
}

impl Processor<RecallMessage> for RecallProcessor {
    async fn process(&self, incoming: Incoming<RecallMessage>) -> ReplyResult<RecallMessage> {
        let stored = self.recall(&incoming).await;
        let reply = match stored {
            Ok(msg_id) => Reply::success().with_header(RecallMessageResponseHeader { msg_id }),
            Err(refusal) => Reply::of(refusal.code()).with_remark(refusal.remark().to_owned()),
        };
        Ok(reply.with_extra(property::MSG_REGION, self.config.now().region_id.clone()))
    }
}

impl RecallProcessor {
    async fn recall(&self, incoming: &Incoming<RecallMessage>) -> Result<String, Refusal> {
        self.check_open()?;
        let topic = &incoming.header.topic;
        if self.topics.find(topic).is_none() {
            let remark = format!("recall failed, the topic[{topic}] not exist");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        }
        let illegal = |remark: &'static str| Refusal::new(ResponseCode::ILLEGAL_OPERATION, remark);
        let handle = RecallHandle::decode(&incoming.header.recall_handle)
            .ok_or_else(|| illegal("recall handle is invalid"))?;
        if handle.topic != *topic {
            return Err(illegal("recall failed, topic not match"));
        }
        if handle.broker_name != self.config.now().broker_name {
            return Err(illegal("recall failed, broker service not available"));
        }
        let left = handle.timestamp.parse().unwrap_or(-1_i64) - self.clock.now_millis();
        if left <= 0 || left >= self.putter.max_delay_millis() {
            return Err(illegal("recall failed, timestamp invalid"));
        }
        let producer_group = incoming.header.producer_group.as_deref().unwrap_or_default();
        let message = self.draft(&handle, producer_group, incoming.peer.peer_addr());
        let stored = self.putter.put(message).await;
        stored.map_err(|refusal| {
            tracing::warn!(remark = refusal.remark(), topic, "recall not stored");
            Refusal::system_error("recall failed, execute error")
        })?;
        Ok(handle.uniq_key)
    }

    fn check_open(&self) -> Result<(), Refusal> {
        if !self.config.now().recall_message_enable {
            let remark = "recall failed, operation is forbidden";
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        let is_early = self.clock.now_millis() < self.config.now().start_accept_send_request_time_stamp;
        let is_writable = Permission(self.config.now().broker_permission).is_writable()
            || self.config.now().allow_recall_when_broker_not_writeable;
        if is_early || !is_writable {
            let remark = "recall failed, broker service not available";
            return Err(Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, remark));
        }
        Ok(())
    }

    fn draft(&self, handle: &RecallHandle, producer_group: &str, peer: SocketAddr) -> MessageDraft {
        let now = self.clock.now_millis();
        let mut properties = PropertyString::new();
        for (name, value) in [
            (property::TAGS, RECALL_TAG),
            (property::TIMER_DEL_UNIQKEY, cancel_key_of(&handle.topic, &handle.uniq_key).as_str()),
            (property::UNIQ_KEY, handle.uniq_key.as_str()),
            (property::TIMER_DELIVER_MS, handle.timestamp.as_str()),
            (property::BORN_TIMESTAMP, now.to_string().as_str()),
            (property::PRODUCER_GROUP, producer_group),
        ] {
            properties.push(name, value);
        }
        MessageDraft {
            topic: handle.topic.as_str().into(),
            queue_id: 0,
            flag: 0,
            sys_flag: 0,
            born_timestamp: now,
            born_host: peer,
            store_host: self.store_host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: Bytes::from_static(b"0"),
            properties,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by a Java broker.
    const OF_JAVA: &str = "djEgVDEgYnJva2VyLWEgMTc5NTg5NjIwMjAwMSBGRDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMjJFOTU0RTBFMkYyQThGNTk2NDVEMDAwMA==";

    #[test]
    fn handles_are_javas() {
        let handle = RecallHandle::decode(OF_JAVA).unwrap();
        assert_eq!((handle.topic.as_str(), handle.broker_name.as_str()), ("T1", "broker-a"));
        assert_eq!(handle.timestamp, "1795896202001");
        assert_eq!(handle.uniq_key, "FD0000000000000000000000000000022E954E0E2F2A8F59645D0000");
        assert_eq!(handle.encode(), OF_JAVA);
        assert_eq!(RecallHandle::decode(OF_JAVA.trim_end_matches('=')), Some(handle));
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        for text in ["", "djE", "%%%", "djEgVDEgYiAx", "djIgVDEgYiAxIGs="] {
            assert_eq!(RecallHandle::decode(text), None, "{text}");
        }
    }
}
