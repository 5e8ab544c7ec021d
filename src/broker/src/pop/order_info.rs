//! What a group has popped in order from one queue and not finished (`ConsumerOrderInfoManager.OrderInfo`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Messages a commit map has bits for.
const MESSAGES_MAX: usize = 64;

/// The last pop of a queue, as `consumerOrderInfo.json` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderInfo {
    /// The attempt it was popped in: the same attempt gets the same messages again.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub attempt_id: Option<String>,
    /// Which of the messages are acknowledged.
    #[serde(rename = "cm")]
    pub commit_offset_bit: i64,
    /// For how long they are hidden, in milliseconds.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    pub invisible_time: Option<i64>,
    /// When they were popped, by the clock of the broker.
    #[serde(rename = "l")]
    pub last_consume_timestamp: i64,
    /// The queue offset of the first message, then the distances of the others from it.
    #[serde(rename = "o")]
    pub offset_list: Vec<i64>,
    /// How often messages had been popped before, by queue offset.
    #[serde(rename = "oc", skip_serializing_if = "Option::is_none")]
    pub offset_consumed_count: Option<BTreeMap<i64, i32>>,
    /// When single messages are seen again, by queue offset.
    #[serde(rename = "ot", skip_serializing_if = "Option::is_none")]
    pub offset_next_visible_time: Option<BTreeMap<i64, i64>>,
    /// When they were popped, as their `POP_CK` says.
    #[serde(rename = "popTime")]
    pub pop_time: i64,
}

impl OrderInfo {
    /// Messages at these offsets, hidden from `pop_time` on.
    pub fn new(
        attempt_id: Option<&str>,
        pop_time: i64,
        invisible_time: i64,
        offsets: &[i64],
        now: i64,
    ) -> Self {
        let first = offsets.first().copied().unwrap_or(0);
        let distances = offsets.iter().skip(1).map(|offset| offset.saturating_sub(first));
        Self {
            attempt_id: attempt_id.map(str::to_owned),
            invisible_time: Some(invisible_time),
            last_consume_timestamp: now,
            offset_list: offsets.iter().take(1).copied().chain(distances).collect(),
            pop_time,
            ..Self::default()
        }
    }

    /// The queue offsets.
    pub fn queue_offsets(&self) -> impl Iterator<Item = i64> {
        let first = self.offset_list.first().copied().unwrap_or(0);
        let rest = self.offset_list.iter().skip(1).map(move |distance| first.saturating_add(*distance));
        self.offset_list.first().copied().into_iter().chain(rest)
    }

    fn unacknowledged(&self) -> impl Iterator<Item = i64> {
        let bits = self.commit_offset_bit;
        let is_open = move |index: &u32| bits & 1_i64.checked_shl(*index).unwrap_or(0) == 0;
        self.queue_offsets().zip(0_u32..).filter(move |(_, index)| is_open(index)).map(|(offset, _)| offset)
    }

    /// Takes over how often the messages were popped before, from the pop that was there.
    pub fn count_on_from(&mut self, previous: &Self) {
        let counts = previous.offset_consumed_count.clone().unwrap_or_default();
        if previous.attempt_id.is_some() && previous.attempt_id == self.attempt_id {
            self.offset_consumed_count = Some(counts);
            return;
        }
        let before: Vec<i64> = previous.queue_offsets().collect();
        let again = self.queue_offsets().filter(|offset| before.contains(offset));
        let count = |offset: i64| (offset, counts.get(&offset).copied().unwrap_or(0).saturating_add(1));
        self.offset_consumed_count = Some(again.map(count).collect());
    }

    /// Whether the queue is to be left alone: another attempt's messages are hidden still.
    pub fn needs_block(&self, attempt_id: Option<&str>, invisible_time: i64, now: i64) -> bool {
        let is_same_attempt = self.attempt_id.is_some() && self.attempt_id.as_deref() == attempt_id;
        !is_same_attempt && self.hidden_until(invisible_time).any(|until| now < until)
    }

    /// When the next message that is hidden is seen again; `None` when none is.
    pub fn free_at(&self, now: i64) -> Option<i64> {
        self.hidden_until(0).find(|until| now < *until)
    }

    /// Until when each message is hidden that is not acknowledged; old files do not name a time.
    fn hidden_until(&self, default_invisible_time: i64) -> impl Iterator<Item = i64> {
        let invisible_time = self.invisible_time.filter(|time| *time > 0).unwrap_or(default_invisible_time);
        let until = self.pop_time.saturating_add(invisible_time);
        let own = self.offset_next_visible_time.as_ref();
        self.unacknowledged()
            .map(move |offset| own.and_then(|own| own.get(&offset)).copied().unwrap_or(until))
    }

    /// Notes an acknowledgement; false when there is no such message.
    pub fn acknowledge(&mut self, queue_offset: i64) -> bool {
        let found = self.queue_offsets().take(MESSAGES_MAX).position(|offset| offset == queue_offset);
        let bit =
            found.and_then(|index| u32::try_from(index).ok()).and_then(|index| 1_i64.checked_shl(index));
        self.commit_offset_bit |= bit.unwrap_or(0);
        bit.is_some()
    }

    /// Where the group goes on: at the first message that is not acknowledged.
    pub fn next_offset(&self) -> Option<i64> {
        let behind_last = self.queue_offsets().last().map(|last| last.saturating_add(1));
        self.unacknowledged().next().or(behind_last)
    }

    /// Hides a message until another time.
    pub fn set_next_visible_time(&mut self, queue_offset: i64, visible_at: i64) {
        if self.queue_offsets().any(|offset| offset == queue_offset) {
            self.offset_next_visible_time.get_or_insert_default().insert(queue_offset, visible_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use common::fastjson;

    use super::*;

    fn info() -> OrderInfo {
        OrderInfo::new(Some("a1"), 1_000, 30_000, &[5, 6, 9], 1_001)
    }

    #[test]
    fn json_is_javas() {
        let text = r#"{"a":"a","cm":0,"i":2,"l":3,"o":[5,1],"oc":{5:1},"ot":{5:9},"popTime":1}"#;
        let read: OrderInfo = fastjson::from_str(text).unwrap();
        assert_eq!(read.queue_offsets().collect::<Vec<_>>(), [5, 6]);
        assert_eq!(fastjson::to_string(&read), text);
    }

    #[test]
    fn a_queue_is_blocked_until_its_messages_are_acknowledged_or_seen_again() {
        let mut info = info();
        assert!(info.needs_block(Some("a2"), 0, 30_999) && info.needs_block(None, 0, 30_999));
        assert!(!info.needs_block(Some("a1"), 0, 30_999) && !info.needs_block(None, 0, 31_000));
        assert_eq!(info.free_at(2_000), Some(31_000));
        info.set_next_visible_time(5, 40_000);
        assert!(info.needs_block(None, 0, 39_999));
        assert!(info.acknowledge(5) && info.acknowledge(9) && !info.acknowledge(7));
        assert_eq!(info.next_offset(), Some(6));
        assert!(info.acknowledge(6));
        assert_eq!((info.next_offset(), info.free_at(2_000)), (Some(10), None));
    }

    #[test]
    fn counts_go_on_but_for_the_same_attempt() {
        let mut again = OrderInfo::new(Some("a2"), 2_000, 30_000, &[6, 9, 10], 2_001);
        again.count_on_from(&info());
        assert_eq!(again.offset_consumed_count, Some(BTreeMap::from([(6, 1), (9, 1)])));
        let mut third = OrderInfo::new(None, 3_000, 30_000, &[9], 3_001);
        third.count_on_from(&again);
        assert_eq!(third.offset_consumed_count, Some(BTreeMap::from([(9, 2)])));
        let mut same = OrderInfo::new(Some("a2"), 4_000, 30_000, &[6, 9, 10], 4_001);
        same.count_on_from(&again);
        assert_eq!(same.offset_consumed_count, again.offset_consumed_count);
    }
}
