//! What was delivered before a crash, and not yet noted as delivered: it must not be delivered again.
//!
//! Between two checkpoints of the timer a message may be delivered. After a crash the timer begins at the older
//! checkpoint; the CommitLog says what went out since then.

use std::collections::HashMap;

use common::names::TIMER_TOPIC;
use message::{property_names as property, record::RecordView};
use store::message_store::MessageStore;

/// Deliveries that are not to be repeated, and how often each was made.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    counts: HashMap<String, u32>,
}

impl Delivered {
    /// What stands in the CommitLog from a physical offset on.
    pub(super) fn since(store: &MessageStore, phy_offset: i64) -> Self {
        let mut delivered = Self::default();
        store.walk(phy_offset, |record, _| {
            if record.property(property::TIMER_DEQUEUE_MS).is_some()
                && let Some(enqueued) = record.property(property::TIMER_ENQUEUE_MS)
                && let Some(key) = key(record, record.topic(), enqueued, rolled(record))
            {
                *delivered.counts.entry(key).or_default() += 1;
            }
            true
        });
        if !delivered.is_empty() {
            tracing::info!(
                count = delivered.counts.len(),
                "timed messages that were delivered before the crash"
            );
        }
        delivered
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether this delivery was made before; it counts once.
    pub(super) fn take(&mut self, delivery: &Delivery<'_>) -> bool {
        if self.counts.is_empty() {
            return false;
        }
        let Some(key) = delivery.key() else { return false };
        let Some(count) = self.counts.get_mut(&key) else { return false };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&key);
        }
        true
    }
}

/// A message that is about to leave the timer.
pub(super) struct Delivery<'a> {
    /// As it stands in the timer topic.
    pub(super) record: &'a RecordView<'a>,
    /// When it was put into its slot.
    pub(super) enqueue_millis: i64,
    /// Whether it goes into the timer again.
    pub(super) rolls: bool,
}

impl Delivery<'_> {
    fn key(&self) -> Option<String> {
        let topic = if self.rolls { TIMER_TOPIC } else { self.record.property(property::REAL_TOPIC)? };
        let rolled = rolled(self.record) + i64::from(self.rolls);
        key(self.record, topic, &self.enqueue_millis.to_string(), rolled)
    }
}

/// What a delivery and the message it was made from have in common, and no other has by chance.
fn key(record: &RecordView<'_>, topic: &str, enqueued: &str, rolled: i64) -> Option<String> {
    let uniq_key = record.property(property::UNIQ_KEY)?;
    let out = record.property(property::TIMER_OUT_MS)?;
    Some(format!("{topic} {uniq_key} {out} {enqueued} {rolled} {}", record.body_crc()))
}

fn rolled(record: &RecordView<'_>) -> i64 {
    record.property(property::TIMER_ROLL_TIMES).and_then(|times| times.parse().ok()).unwrap_or(0)
}
