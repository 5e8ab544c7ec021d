//! From a record to its places in `ConsumeQueue`s: one in the queue it was sent to, and any number in light
//! queues.

use std::sync::Arc;

use common::names::SCHEDULE_TOPIC;
use message::{property_names, record::RecordView, sys_flag};

use crate::{
    consume_queue::{AppendError, AppendOutcome, BatchUnit, ConsumeQueue, QueueKind, Unit},
    light_queues::{self, LIGHT_QUEUE_ID},
    options::Switch,
};

/// Delivery times of delayed messages, RocketMQ's `delayLevelTable`.
#[derive(Clone, Debug)]
pub(crate) struct DelayLevels {
    /// Of the levels from 1 on.
    delay_millis: Vec<i64>,
}

impl DelayLevels {
    pub(crate) fn new(delay_millis: Vec<i64>) -> Self {
        Self { delay_millis }
    }

    /// When a message of the schedule topic is to be delivered; `None` for messages without a level.
    pub(crate) fn deliver_timestamp(&self, properties: &[u8], store_timestamp: i64) -> Option<i64> {
        let level: i32 = message::properties::get(properties, property_names::DELAY_LEVEL)?.parse().ok()?;
        let level = usize::try_from(level).ok()?.min(self.delay_millis.len());
        // RocketMQ takes one second for a level it does not know.
        let delay_millis = self.delay_millis.get(level.checked_sub(1)?).copied().unwrap_or(1_000);
        Some(store_timestamp + delay_millis)
    }

    /// What stands as tags code in the unit of a message.
    pub(crate) fn tags_code(
        &self,
        topic: &str,
        properties: &[u8],
        store_timestamp: i64,
        tags_code: i64,
    ) -> i64 {
        if topic != SCHEDULE_TOPIC {
            return tags_code;
        }
        self.deliver_timestamp(properties, store_timestamp).unwrap_or(tags_code)
    }
}

/// The queue place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePlace {
    /// Of the first message in it.
    pub(crate) queue_offset: i64,
    pub(crate) unit: Unit,
    pub(crate) store_timestamp: i64,
    /// How many messages are in it, if it is an inner batch.
    pub(crate) inner_count: Option<i16>,
}

impl QueuePlace {
    /// How many queue offsets it takes.
    pub(crate) fn message_count(&self) -> i64 {
        self.inner_count.map_or(1, i64::from)
    }

    /// Appends the unit this makes in a queue of its kind. An inner batch has no place in a simple queue.
    pub(crate) fn append_to(&self, queue: &Arc<ConsumeQueue>) -> Result<AppendOutcome, AppendError> {
        match queue.kind() {
            QueueKind::Simple if self.inner_count.is_some() => Err(AppendError::InvalidUnit(self.unit)),
            QueueKind::Simple => queue.append(self.queue_offset, self.unit),
            QueueKind::Batch => queue.append_batch(self.batch_unit()),
        }
    }

    /// The unit this makes in a batch queue, where a message that is none is a batch of its own.
    pub(crate) fn batch_unit(&self) -> BatchUnit {
        BatchUnit {
            unit: self.unit,
            store_timestamp: self.store_timestamp,
            base_offset: self.queue_offset,
            message_count: self.inner_count.unwrap_or(1),
        }
    }
}

/// Every place of a record: topic, queue id and place in that queue. Of light queues if there are any.
pub(crate) fn places<'a>(
    record: &RecordView<'a>,
    levels: &DelayLevels,
    light: Switch,
) -> impl Iterator<Item = (&'a str, i32, QueuePlace)> {
    let own = queue_place(record, levels);
    let topic = record.topic();
    let properties = if light.is_on() && own.is_some() { record.properties() } else { Default::default() };
    let lights = light_queues::places(topic, properties).filter_map(move |(name, queue_offset)| {
        let place = QueuePlace { queue_offset, inner_count: None, ..own? };
        Some((name, LIGHT_QUEUE_ID, place))
    });
    own.map(|own| (topic, record.queue_id(), own)).into_iter().chain(lights)
}

/// How many messages the properties of an inner batch say are in it.
pub(crate) fn inner_count(properties: &[u8]) -> Option<i16> {
    let count = message::properties::get(properties, property_names::INNER_NUM)?.parse().ok()?;
    (count > 0).then_some(count)
}

/// The place of a record in the queue it was sent to; `None` for half and rolled back messages, and for inner
/// batches that contradict themselves.
pub(crate) fn queue_place(record: &RecordView<'_>, levels: &DelayLevels) -> Option<QueuePlace> {
    if !record.transaction_type().is_queued() {
        return None;
    }
    let inner_count = if record.sys_flag() & sys_flag::INNER_BATCH == 0 {
        None
    } else {
        // The base stands in the header, too: a damaged one would put the queue out of order.
        let base = record.property(property_names::INNER_BASE)?.parse::<i64>().ok()?;
        Some(inner_count(record.properties()).filter(|_| base == record.queue_offset())?)
    };
    let tags_code =
        levels.tags_code(record.topic(), record.properties(), record.store_timestamp(), record.tags_code());
    let unit = Unit {
        phy_offset: record.phy_offset(),
        size_bytes: i32::try_from(record.total_size()).ok()?,
        tags_code,
    };
    Some(QueuePlace {
        queue_offset: record.queue_offset(),
        unit,
        store_timestamp: record.store_timestamp(),
        inner_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delayed_messages_have_their_delivery_time_for_a_tags_code() {
        let levels = DelayLevels::new(vec![1_000, 5_000]);
        let code = |properties: &[u8]| levels.tags_code(SCHEDULE_TOPIC, properties, 100, 7);
        assert_eq!(code(b"DELAY\x012\x02"), 5_100);
        assert_eq!(code(b"DELAY\x0199\x02"), 5_100);
        assert_eq!(code(b"DELAY\x010\x02"), 7);
        assert_eq!(code(b"DELAY\x01x\x02"), 7);
        assert_eq!(levels.tags_code("other", b"DELAY\x012\x02", 100, 7), 7);
    }
}
