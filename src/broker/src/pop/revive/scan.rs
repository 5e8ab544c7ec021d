//! What of a revive queue is read and not settled.

use std::collections::{BTreeMap, HashMap};

use common::fastjson;
use message::{property_names as property, record::RecordView};
use store::get::{GetResult, GetStatus};

use crate::{
    metrics::ReviveMessageType,
    pop::{
        check_point::{AckMsg, CheckPointKey, PopCheckPoint},
        revive_log::{ACK_TAG, ACK_TIME_INTERVAL_MILLIS, BATCH_ACK_TAG, CK_TAG},
    },
};

/// A check point is due when the queue has come so much further, in milliseconds.
const SETTLED_AFTER_MILLIS: i64 = ACK_TIME_INTERVAL_MILLIS + 1_000;
/// A queue in which nothing has come for so long has come as far as the clock.
const IDLE_MILLIS: i64 = 3_000;
/// Check points kept while their acknowledgements may come. With more of them the oldest counts as due.
const PENDING_MAX: usize = 200_000;

/// Who hears of what is read.
pub(super) type Seen<'a> = dyn Fn(ReviveMessageType, &str, &str) + 'a;

/// One pass over a revive queue, from one start of the broker to the next.
#[derive(Debug)]
pub(super) struct Scan {
    own_broker_name: String,
    next_offset: i64,
    /// The moment up to which everything has come.
    end_time: i64,
    /// By their own offset.
    pending: BTreeMap<i64, PopCheckPoint>,
    by_key: HashMap<CheckPointKey, i64>,
}

impl Scan {
    /// A pass that begins at an offset.
    pub(super) fn from(next_offset: i64, own_broker_name: &str) -> Self {
        Self {
            own_broker_name: own_broker_name.to_owned(),
            next_offset,
            end_time: 0,
            pending: BTreeMap::new(),
            by_key: HashMap::new(),
        }
    }

    /// Where reading goes on.
    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Takes in what was read at [`Self::next_offset`]; `seen` hears of each message, with the topic and group it is
    /// about.
    pub(super) fn absorb(&mut self, found: &GetResult, seen: &Seen<'_>) {
        for (bytes, queue_offset) in found.messages.iter().zip(&found.queue_offsets) {
            if let Ok(record) = RecordView::decode(bytes) {
                self.take(&record, *queue_offset, seen);
            }
        }
        match found.status {
            GetStatus::Found
            | GetStatus::NoMatchedMessage
            | GetStatus::MessageWasRemoving
            | GetStatus::OffsetFoundNull => self.next_offset = self.next_offset.max(found.next_begin_offset),
            // Retention has taken what was not read, or recovery what was.
            GetStatus::OffsetTooSmall | GetStatus::OffsetOverflowBadly => {
                tracing::warn!(
                    from = self.next_offset,
                    to = found.next_begin_offset,
                    "revive offset corrected"
                );
                self.next_offset = found.next_begin_offset;
            }
            _ => {}
        }
    }

    fn take(&mut self, record: &RecordView<'_>, queue_offset: i64, seen: &Seen<'_>) {
        let body = record.body();
        match record.property(property::TAGS) {
            Some(CK_TAG) => match fastjson::from_slice::<PopCheckPoint>(body) {
                Ok(ck) => {
                    let (topic, group) = (ck.topic.as_deref(), ck.group.as_deref());
                    let (topic, group) = (topic.unwrap_or_default(), group.unwrap_or_default());
                    seen(ReviveMessageType::CheckPoint, topic, group);
                    self.take_check_point(ck, queue_offset);
                }
                Err(error) => tracing::warn!(queue_offset, %error, "check point cannot be read, skipped"),
            },
            Some(ACK_TAG | BATCH_ACK_TAG) => match fastjson::from_slice::<AckMsg>(body) {
                Ok(ack) => {
                    seen(ReviveMessageType::Ack, &ack.topic, &ack.group);
                    self.take_ack(&ack);
                }
                Err(error) => tracing::warn!(queue_offset, %error, "acknowledgement cannot be read, skipped"),
            },
            _ => {}
        }
        let delivered = record.property(property::TIMER_DELIVER_MS).and_then(|time| time.parse().ok());
        self.end_time = self.end_time.max(delivered.unwrap_or(0));
    }

    fn take_check_point(&mut self, mut ck: PopCheckPoint, queue_offset: i64) {
        let Some(key) = ck.key() else { return };
        // Of two that acknowledgements cannot tell apart, the later one stands in for both.
        if let Some(earlier) = self.by_key.insert(key, queue_offset) {
            self.pending.remove(&earlier);
        }
        ck.revive_offset = queue_offset;
        self.pending.insert(queue_offset, ck);
    }

    fn take_ack(&mut self, ack: &AckMsg) {
        let at = self.by_key.get(&ack.key(&self.own_broker_name));
        let Some(ck) = at.and_then(|at| self.pending.get_mut(at)) else { return };
        for queue_offset in ack.offsets() {
            if let Some(index) = ck.index_of(*queue_offset) {
                ck.acknowledge(index);
            } else {
                tracing::warn!(?ack, "acknowledgement of no message of its check point");
            }
        }
    }

    /// Nothing more has come by now; `timer_is_behind` says that something should have.
    pub(super) fn idle(&mut self, now: i64, timer_is_behind: bool) {
        if self.end_time != 0 && now.saturating_sub(self.end_time) > IDLE_MILLIS && !timer_is_behind {
            self.end_time = now;
        }
    }

    /// The first check point, if nothing can acknowledge it any more.
    pub(super) fn first_due(&self) -> Option<&PopCheckPoint> {
        let (_, first) = self.pending.first_key_value()?;
        let is_due = self.end_time.saturating_sub(first.revive_time()) > SETTLED_AFTER_MILLIS;
        (is_due || self.pending.len() > PENDING_MAX).then_some(first)
    }

    /// Of the first check point only messages at these offsets are left.
    pub(super) fn keep_only(&mut self, left: &[i64]) {
        let Some(mut first) = self.pending.first_entry() else { return };
        let ck = first.get_mut();
        for queue_offset in ck.unacknowledged() {
            if !left.contains(&queue_offset)
                && let Some(index) = ck.index_of(queue_offset)
            {
                ck.acknowledge(index);
            }
        }
    }

    /// The first check point is done with: answers its offset.
    pub(super) fn settle_first(&mut self) -> Option<i64> {
        let (offset, ck) = self.pending.pop_first()?;
        if let Some(key) = ck.key()
            && self.by_key.get(&key) == Some(&offset)
        {
            self.by_key.remove(&key);
        }
        Some(offset)
    }

    /// The offset up to which nothing is left, when nothing is left at all.
    pub(super) fn settled(&self) -> Option<i64> {
        (self.pending.is_empty() && self.next_offset > 0).then(|| self.next_offset - 1)
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
