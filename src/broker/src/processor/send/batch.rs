//! Batches: several messages of one topic in one request, stored together or not at all.

use common::{config::BrokerConfig, names, topic::TopicConfig};
use message::{
    batch,
    properties::PropertyString,
    property_names as property,
    sys_flag::{self, TransactionType},
};
use remoting::{headers::send::SendMessageResponseHeader, reply::Refusal, response_code::ResponseCode};
use store::put::PendingMessage;

use super::{SendProcessor, Sending, check_key};
use crate::{draft::MessageDraft, put::check_delay_level, response};

impl SendProcessor {
    pub(super) fn send_batch(
        &self,
        mut whole: MessageDraft,
        config: &BrokerConfig,
        topic: &TopicConfig,
    ) -> Result<Sending<'_>, Refusal> {
        if whole.topic.starts_with(names::RETRY_GROUP_TOPIC_PREFIX) {
            let remark = format!("batch request does not support retry group {}", whole.topic);
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        self.check_batch(&whole)?;
        whole.properties.set(property::CLUSTER, &config.broker_cluster_name);
        let transaction_id = whole.properties.get(property::UNIQ_KEY).map(str::to_owned);
        let mut header =
            SendMessageResponseHeader { queue_id: whole.queue_id, transaction_id, ..Default::default() };
        self.putter.admit_timed(&mut whole)?;
        let messages = if topic.has_batch_queues() && header.transaction_id.is_some() {
            header.batch_uniq_id.clone_from(&header.transaction_id);
            vec![inner_batch(whole)?.into_pending()]
        } else {
            let messages = batch_messages(&whole)?;
            // A Java broker takes a batch without keys, and nobody ever gets its messages.
            messages.iter().try_for_each(|message| check_key(topic, &message.properties))?;
            messages
        };
        Ok(Sending::of(self.putter.store_all(&messages)?, header))
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
}

/// The messages of a batch, each with its own properties and those of the whole.
fn batch_messages(whole: &MessageDraft) -> Result<Vec<PendingMessage>, Refusal> {
    let mut messages = Vec::new();
    for item in batch::items(whole.body.clone()) {
        let item = item.map_err(|error| response::malformed_batch(&error))?;
        let properties = batch::stored_properties(&item.properties, whole.properties.as_bytes());
        messages.push(whole.pending_item(item.flag, item.body, PropertyString::from_encoded(properties)));
    }
    Ok(messages)
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
