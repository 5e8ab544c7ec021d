//! What the revive topic holds, in RocketMQ's JSON: a check point for messages that were popped
//! (`PopCheckPoint`, tag `ck`), and what of them was acknowledged (`AckMsg`, tag `ack`; `BatchAckMsg`, tag
//! `bAck`).
//!
//! ```text
//! {"bm":0,"bn":"b","c":"G","d":[0,1],"it":10,"n":2,"pt":5,"q":0,"reviveTime":15,"ro":0,"so":7,"t":"T"}
//! {"ao":8,"bn":"b","c":"G","pt":5,"q":0,"so":7,"t":"T"}
//! {"ao":-1,"aol":[8,9],"bn":"b","c":"G","pt":5,"q":0,"so":7,"t":"T"}
//! ```

use serde::{Deserialize, Serialize};

/// Messages one check point is for, at most: it keeps a bit for each.
pub const CHECK_POINT_MESSAGES_MAX: usize = 32;

/// Messages that were popped together from one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PopCheckPoint {
    /// Which of them are acknowledged; RocketMQ writes what is known when the check point is stored.
    #[serde(rename = "bm")]
    pub bit_map: i32,
    /// The broker they were popped from.
    #[serde(rename = "bn", skip_serializing_if = "Option::is_none")]
    pub broker_name: Option<String>,
    /// The group.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Their queue offsets, counted from [`Self::start_offset`]; check points of old brokers have none, and
    /// the messages follow each other without a gap.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none")]
    pub queue_offset_diff: Option<Vec<i32>>,
    /// For how long they are hidden, in milliseconds.
    #[serde(rename = "it")]
    pub invisible_time: i64,
    /// How many they are.
    #[serde(rename = "n")]
    pub num: i8,
    /// When they were popped, in milliseconds.
    #[serde(rename = "pt")]
    pub pop_time: i64,
    /// The queue.
    #[serde(rename = "q")]
    pub queue_id: i32,
    /// When they are seen again; RocketMQ writes it and does not read it.
    #[serde(rename = "reviveTime", skip_deserializing)]
    written_revive_time: i64,
    /// The check point's own offset in its queue of the revive topic, once that is known.
    #[serde(rename = "ro")]
    pub revive_offset: i64,
    /// How often the check point was stored again because its messages could not be revived.
    #[serde(rename = "rp", skip_serializing_if = "Option::is_none")]
    pub re_put_times: Option<String>,
    /// The queue offset the pop began at.
    #[serde(rename = "so")]
    pub start_offset: i64,
    /// The topic.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// When and by whom something was popped.
#[derive(Clone, Copy, Debug)]
pub struct Popping<'a> {
    /// The broker.
    pub broker_name: &'a str,
    /// The group.
    pub group: &'a str,
    /// When, in milliseconds.
    pub pop_time: i64,
    /// For how long the messages are hidden, in milliseconds.
    pub invisible_time: i64,
}

/// What an acknowledgement finds its check point by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckPointKey {
    topic: String,
    group: String,
    queue_id: i32,
    start_offset: i64,
    pop_time: i64,
    broker_name: String,
}

impl PopCheckPoint {
    /// A check point for messages at these offsets; `None` when they are too many or too far apart.
    pub fn new(
        popping: Popping<'_>,
        topic: &str,
        queue_id: i32,
        start_offset: i64,
        queue_offsets: &[i64],
    ) -> Option<Self> {
        let num = i8::try_from(queue_offsets.len()).ok()?;
        let diff = |offset: &i64| i32::try_from(offset.checked_sub(start_offset)?).ok();
        let queue_offset_diff = queue_offsets.iter().map(diff).collect::<Option<Vec<_>>>()?;
        let is_one_word = queue_offsets.len() <= CHECK_POINT_MESSAGES_MAX;
        is_one_word.then(|| {
            Self {
                broker_name: Some(popping.broker_name.to_owned()),
                group: Some(popping.group.to_owned()),
                topic: Some(topic.to_owned()),
                pop_time: popping.pop_time,
                queue_id,
                start_offset,
                num,
                queue_offset_diff: Some(queue_offset_diff),
                ..Self::default()
            }
            .hidden_for(popping.invisible_time)
        })
    }

    /// The same, hidden for another time.
    #[must_use]
    pub fn hidden_for(mut self, invisible_time: i64) -> Self {
        self.invisible_time = invisible_time;
        self.written_revive_time = self.revive_time();
        self
    }

    /// When the messages are seen again, in milliseconds.
    pub fn revive_time(&self) -> i64 {
        self.pop_time.saturating_add(self.invisible_time)
    }

    /// What acknowledgements find it by; `None` when it names no topic or group.
    pub fn key(&self) -> Option<CheckPointKey> {
        Some(CheckPointKey {
            topic: self.topic.clone()?,
            group: self.group.clone()?,
            queue_id: self.queue_id,
            start_offset: self.start_offset,
            pop_time: self.pop_time,
            broker_name: self.broker_name.clone().unwrap_or_default(),
        })
    }

    /// Which of its messages is at that queue offset.
    pub fn index_of(&self, queue_offset: i64) -> Option<u8> {
        let distance = queue_offset.checked_sub(self.start_offset).filter(|distance| *distance >= 0)?;
        let index = match self.queue_offset_diff.as_deref() {
            None | Some([]) => usize::try_from(distance).ok().filter(|at| *at < self.message_count()),
            Some(diff) => diff.iter().position(|known| i64::from(*known) == distance),
        };
        u8::try_from(index.filter(|index| *index < CHECK_POINT_MESSAGES_MAX)?).ok()
    }

    /// The queue offset of its `index`th message.
    pub fn queue_offset_of(&self, index: u8) -> Option<i64> {
        let distance = match self.queue_offset_diff.as_deref() {
            None | Some([]) => i64::from(index),
            Some(diff) => i64::from(*diff.get(usize::from(index))?),
        };
        self.start_offset.checked_add(distance)
    }

    /// How many messages it is for.
    pub fn message_count(&self) -> usize {
        usize::try_from(self.num).unwrap_or(0).min(CHECK_POINT_MESSAGES_MAX)
    }

    /// Notes that its `index`th message was acknowledged.
    pub fn acknowledge(&mut self, index: u8) {
        self.bit_map |= bit(index);
    }

    /// The queue offsets that were not acknowledged.
    pub fn unacknowledged(&self) -> Vec<i64> {
        let indexes = (0..self.message_count()).filter_map(|index| u8::try_from(index).ok());
        indexes
            .filter(|index| self.bit_map & bit(*index) == 0)
            .filter_map(|index| self.queue_offset_of(index))
            .collect()
    }

    /// How often it was stored again; a text that is no number counts as too often, as in RocketMQ.
    pub fn re_put_count(&self) -> usize {
        self.re_put_times.as_deref().map_or(0, |text| text.parse().unwrap_or(i8::MAX as usize))
    }
}

/// One bit of a check point's map.
pub fn bit(index: u8) -> i32 {
    1_i32.checked_shl(u32::from(index)).unwrap_or(0)
}

/// An acknowledgement of one message, or of several of one check point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AckMsg {
    /// The message's queue offset; -1 where there are several.
    #[serde(rename = "ao", alias = "ackOffset")]
    pub ack_offset: i64,
    /// The queue offsets, where there are several.
    #[serde(rename = "aol", alias = "ackOffsetList", skip_serializing_if = "Option::is_none")]
    pub ack_offset_list: Option<Vec<i64>>,
    /// The broker the message was popped from; old brokers do not name it.
    #[serde(rename = "bn", alias = "brokerName", skip_serializing_if = "Option::is_none")]
    pub broker_name: Option<String>,
    /// The group.
    #[serde(rename = "c", alias = "consumerGroup")]
    pub group: String,
    /// When the message was popped, in milliseconds.
    #[serde(rename = "pt", alias = "popTime")]
    pub pop_time: i64,
    /// The queue.
    #[serde(rename = "q", alias = "queueId")]
    pub queue_id: i32,
    /// The queue offset the check point begins at.
    #[serde(rename = "so", alias = "startOffset")]
    pub start_offset: i64,
    /// The topic.
    #[serde(rename = "t", alias = "topic")]
    pub topic: String,
}

impl AckMsg {
    /// What its check point is found by.
    pub fn key(&self, own_broker_name: &str) -> CheckPointKey {
        let named = self.broker_name.as_deref().filter(|name| !name.trim().is_empty());
        CheckPointKey {
            topic: self.topic.clone(),
            group: self.group.clone(),
            queue_id: self.queue_id,
            start_offset: self.start_offset,
            pop_time: self.pop_time,
            broker_name: named.unwrap_or(own_broker_name).to_owned(),
        }
    }

    /// The queue offsets that are acknowledged.
    pub fn offsets(&self) -> &[i64] {
        self.ack_offset_list.as_deref().unwrap_or(std::slice::from_ref(&self.ack_offset))
    }
}

#[cfg(test)]
mod tests {
    use common::fastjson;

    use super::*;

    fn check_point() -> PopCheckPoint {
        let popping = Popping { broker_name: "b", group: "G", pop_time: 5, invisible_time: 10 };
        PopCheckPoint::new(popping, "T", 0, 7, &[7, 9]).unwrap()
    }

    #[test]
    fn json_is_javas() {
        let mut ck = check_point();
        let text = r#"{"bm":0,"bn":"b","c":"G","d":[0,2],"it":10,"n":2,"pt":5,"q":0,"reviveTime":15,"ro":0,"so":7,"t":"T"}"#;
        assert_eq!(fastjson::to_string(&ck), text);
        ck.re_put_times = Some("3".to_owned());
        let text = text.replace(r#""ro":0,"#, r#""ro":0,"rp":"3","#);
        assert_eq!(fastjson::to_string(&ck), text);
        let read: PopCheckPoint = fastjson::from_str(&text).unwrap();
        assert_eq!((read.key(), read.re_put_count()), (ck.key(), 3));
        let ack = r#"{"ao":8,"bn":"b","c":"G","pt":5,"q":0,"so":7,"t":"T"}"#;
        let read: AckMsg = fastjson::from_str(ack).unwrap();
        assert_eq!(fastjson::to_string(&read), ack);
        assert_eq!(Some(read.key("other")), ck.key());
        let several = r#"{"ao":-1,"aol":[7,9],"c":"G","pt":5,"q":0,"so":7,"t":"T"}"#;
        let read: AckMsg = fastjson::from_str(several).unwrap();
        assert_eq!(fastjson::to_string(&read), several);
        assert_eq!((Some(read.key("b")), read.offsets()), (ck.key(), [7, 9].as_slice()));
    }

    #[test]
    fn offsets_and_indexes_are_two_sides() {
        let mut ck = check_point();
        assert_eq!((ck.index_of(9), ck.index_of(8), ck.index_of(6)), (Some(1), None, None));
        assert_eq!((ck.queue_offset_of(1), ck.queue_offset_of(2)), (Some(9), None));
        assert_eq!(ck.unacknowledged(), [7, 9]);
        ck.acknowledge(0);
        assert_eq!(ck.unacknowledged(), [9]);
    }

    #[test]
    fn old_check_points_have_no_gaps() {
        let old: PopCheckPoint = fastjson::from_str(r#"{"c":"G","n":2,"so":7,"t":"T"}"#).unwrap();
        assert_eq!((old.index_of(8), old.index_of(9)), (Some(1), None));
        assert_eq!(old.unacknowledged(), [7, 8]);
    }

    #[test]
    fn what_does_not_fit_is_no_check_point() {
        let popping = Popping { broker_name: "b", group: "G", pop_time: 0, invisible_time: i64::MAX };
        let of = |offsets: &[i64]| PopCheckPoint::new(popping, "T", 0, 0, offsets);
        assert!(of(&(0..33).collect::<Vec<_>>()).is_none());
        assert!(of(&[i64::from(i32::MAX) + 1]).is_none());
        let mut full = of(&(0..32).collect::<Vec<_>>()).unwrap();
        (0..32).for_each(|index| full.acknowledge(index));
        assert!(full.unacknowledged().is_empty());
        let hostile: PopCheckPoint =
            fastjson::from_str(r#"{"c":"G","n":127,"so":7,"t":"T","rp":"x"}"#).unwrap();
        assert_eq!((hostile.message_count(), hostile.re_put_count()), (32, 127));
    }
}
