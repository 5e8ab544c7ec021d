//! A message of the timer topic: when it is due, and what becomes of it then.

use bytes::Bytes;
use common::names::{self, TIMER_TOPIC};
use message::{property_names as property, record::RecordView};

use crate::draft::MessageDraft;

/// When a message leaves its slot, in milliseconds.
///
/// The slot alone tells the second; the time its producer asked for tells the rest. Of a message that has been
/// rolled only an absolute time is still known exactly.
pub(super) fn due_millis(record: &RecordView<'_>, slot_millis: i64, precision_millis: i64) -> i64 {
    let latest = slot_millis.saturating_add(precision_millis);
    let number = |name: &str| record.property(name)?.parse::<i64>().ok();
    let stored = record.store_timestamp();
    let asked = number(property::TIMER_DELAY_SEC)
        .map(|seconds| stored.saturating_add(seconds.saturating_mul(1_000)))
        .or_else(|| Some(stored.saturating_add(number(property::TIMER_DELAY_MS)?)))
        .or_else(|| number(property::TIMER_DELIVER_MS));
    asked.filter(|asked| *asked > slot_millis).map_or(latest, |asked| asked.min(latest))
}

/// The slot a message wants, in milliseconds; `None` when it names none.
pub(super) fn out_millis(record: &RecordView<'_>) -> Option<i64> {
    record.property(property::TIMER_OUT_MS)?.parse().ok()
}

/// The name a message is cancelled by (`buildDeleteKey`).
pub(super) fn cancel_key(record: &RecordView<'_>) -> Option<String> {
    let topic = record.property(property::REAL_TOPIC)?;
    let uniq_key = record.property(property::UNIQ_KEY)?;
    Some(cancel_key_of(topic, uniq_key))
}

/// As [`cancel_key`], from its parts.
pub fn cancel_key_of(topic: &str, uniq_key: &str) -> String {
    format!("{topic}+{uniq_key}")
}

/// The message as it goes to its own topic, or into the timer once more.
///
/// `None` when it names no topic it can go to.
pub(super) fn outgoing(
    record: &RecordView<'_>,
    bytes: &Bytes,
    enqueue_millis: i64,
    now_millis: i64,
    rolls: bool,
) -> Option<MessageDraft> {
    let mut draft = MessageDraft::of_record(record, bytes.slice_ref(record.body()));
    draft.properties.set(property::TIMER_ENQUEUE_MS, &enqueue_millis.to_string());
    if rolls {
        let times: i32 =
            draft.properties.get(property::TIMER_ROLL_TIMES).map_or(Some(0), |times| times.parse().ok())?;
        draft.properties.set(property::TIMER_ROLL_TIMES, &(times.saturating_add(1)).to_string());
    }
    draft.properties.set(property::TIMER_DEQUEUE_MS, &now_millis.to_string());
    if !rolls {
        let topic = draft.properties.get(property::REAL_TOPIC)?;
        if topic == names::TRANS_HALF_TOPIC || topic == TIMER_TOPIC {
            return None;
        }
        draft.topic = topic.into();
        draft.queue_id = draft.properties.get(property::REAL_QUEUE_ID)?.parse().ok()?;
    }
    Some(draft)
}
