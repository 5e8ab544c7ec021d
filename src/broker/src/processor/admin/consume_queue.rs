//! One queue unit by unit: `QUERY_CONSUME_QUEUE`.

use std::{fmt::Write, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::fastjson;
use remoting::{
    body::admin::{ConsumeQueueData, QueryConsumeQueueResponseBody},
    headers::consumer::QueryConsumeQueueRequestHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::QueryConsumeQueue,
    router::Processor,
};
use serde::Serialize;
use store::{
    consume_queue::Unit,
    consume_queue_ext::Extension,
    get::MessageFilter,
    message_store::{MessageStore, QueueLook},
};

use super::queues;
use crate::{
    clients::ConsumerManager,
    filters::{ConsumerFilterManager, ExpressionFilter},
};

/// Units in one answer, so that it stays a frame clients take.
const UNITS_MAX: i32 = 50_000;

/// Shows queues as they stand in their files.
pub struct ConsumeQueueAdmin {
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) store: Arc<MessageStore>,
}

/// Beside a unit, in the order RocketMQ writes it in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionText {
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_bit_map: Option<String>,
    msg_store_time: i64,
    size: usize,
    tags_code: i64,
}

impl Processor<QueryConsumeQueue> for ConsumeQueueAdmin {
    async fn process(&self, incoming: Incoming<QueryConsumeQueue>) -> ReplyResult<QueryConsumeQueue> {
        let header = incoming.header;
        let topic = header.topic.clone().unwrap_or_default();
        let (queue_id, index) = (header.queue_id.unwrap_or(0), header.index.unwrap_or(0));
        let count = usize::try_from(header.count.unwrap_or(0).clamp(0, UNITS_MAX)).unwrap_or(0);
        let store = Arc::clone(&self.store);
        let asked = topic.clone();
        // The disk may have to be waited for.
        let look =
            queues::read(usize::MAX, move || store.look_at_queue(&asked, queue_id, index, count)).await?;
        let look = look.ok_or_else(|| Refusal::system_error(format!("{queue_id}@{topic} is not exist!")))?;
        let QueueLook { min_offset, max_offset, units: Some(units) } = look else {
            let remark = format!("Index {index} of {queue_id}@{topic} is not exist!");
            return Ok(Reply::success().with_remark(remark));
        };
        let mut body = QueryConsumeQueueResponseBody {
            max_queue_index: max_offset,
            min_queue_index: min_offset,
            ..QueryConsumeQueueResponseBody::default()
        };
        let filter = self.describe_group(&header, &topic, &mut body);
        body.queue_data =
            units.iter().map(|(unit, ext)| data(unit, ext.as_ref(), filter.as_deref())).collect();
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl ConsumeQueueAdmin {
    /// Says what the asked group subscribes to, and answers what it filters by.
    fn describe_group(
        &self,
        header: &QueryConsumeQueueRequestHeader,
        topic: &str,
        body: &mut QueryConsumeQueueResponseBody,
    ) -> Option<Arc<ExpressionFilter>> {
        let group = header.consumer_group.as_deref()?;
        let Some(subscription) = self.consumers.find_subscription(group, topic) else {
            body.filter_data = Some(format!("{group}@{topic} is not online!"));
            return None;
        };
        body.subscription_data = Some(subscription.data.clone());
        body.filter_data = Some(self.filters.as_text(topic, group));
        self.filters.subscribed(group, &subscription, i64::MIN).ok()
    }
}

fn data(unit: &Unit, extension: Option<&Extension>, filter: Option<&ExpressionFilter>) -> ConsumeQueueData {
    let mut data = ConsumeQueueData {
        physic_offset: unit.phy_offset,
        physic_size: unit.size_bytes,
        tags_code: unit.tags_code,
        ..ConsumeQueueData::default()
    };
    match extension {
        Some(extension) => {
            let bits = Some(&extension.bit_map).filter(|bits| !bits.is_empty());
            data.extend_data_json = Some(fastjson::to_string(&ExtensionText {
                filter_bit_map: bits.map(|bits| STANDARD.encode(bits)),
                msg_store_time: extension.store_timestamp,
                size: extension.bit_map.len() + EXTENSION_HEADER_BYTES,
                tags_code: extension.tags_code,
            }));
            data.bit_map = bits.map(|bits| bits_text(bits));
            data.eval = filter.is_some_and(|filter| {
                filter.matches_consume_queue(extension.tags_code)
                    && filter.matches_bit_map(extension.store_timestamp, &extension.bit_map)
            });
        }
        None if unit.has_extension() => {
            data.msg = Some(format!("Cq extend not exist!addr: {}", unit.tags_code));
        }
        None => {}
    }
    data
}

/// Bytes of an extension beside its bit map.
const EXTENSION_HEADER_BYTES: usize = 20;

/// Zeros and ones from the last bit to the first, a line break where a group of eight bytes begins
/// (`BitsArray.toString`).
fn bits_text(bits: &[u8]) -> String {
    let mut text = String::with_capacity(bits.len() * 9);
    for (index, byte) in bits.iter().enumerate().rev() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:08b}");
        if index % 8 == 0 {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
#[path = "consume_queue_tests.rs"]
mod tests;
