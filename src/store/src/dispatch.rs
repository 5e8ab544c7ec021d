//! From a record to its place in a `ConsumeQueue`.

use common::names::SCHEDULE_TOPIC;
use message::{property_names, record::RecordView, sys_flag};

use crate::consume_queue::Unit;

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
    pub(crate) queue_offset: i64,
    pub(crate) unit: Unit,
}

/// The queue place of a record; `None` for half and rolled back messages, and for inner batches, whose
/// queues this store does not have.
pub(crate) fn queue_place(record: &RecordView<'_>, levels: &DelayLevels) -> Option<QueuePlace> {
    if !record.transaction_type().is_queued() || record.sys_flag() & sys_flag::INNER_BATCH != 0 {
        return None;
    }
    let tags_code =
        levels.tags_code(record.topic(), record.properties(), record.store_timestamp(), record.tags_code());
    let unit = Unit {
        phy_offset: record.phy_offset(),
        size_bytes: i32::try_from(record.total_size()).ok()?,
        tags_code,
    };
    Some(QueuePlace { queue_offset: record.queue_offset(), unit })
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
