//! What a pop says of its messages besides their bytes, as text (`ExtraInfoUtil`):
//!
//! ```text
//! POP_CK            ckQueueOffset popTime invisibleTime reviveQueueId retry brokerName queueId queueOffset
//! startOffsetInfo   retry queueId ckQueueOffset;…
//! msgOffsetInfo     retry queueId queueOffset,queueOffset,…;…
//! orderCountInfo    retry queueId count;…   and   retry qo<queueId>%<queueOffset> count;…
//! ```
//!
//! `retry` is 0 for the topic that was asked for, 1 and 2 for the two kinds of its retry topic. The client
//! makes a `POP_CK` of every message from the other three, and brings it back to acknowledge the message.

use std::fmt::{self, Write};

use common::names::{self, PopRetryVersion};
use thiserror::Error;

/// The queue of the revive topic that stands for a pop in order, which has no check point.
pub const POP_ORDER_REVIVE_QUEUE: i32 = 999;

/// A `POP_CK` without which an acknowledgement has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("extraInfo is not of a popped message")]
pub struct NoExtraInfo;

/// The text of a message's `POP_CK`, as a client brings it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraInfo {
    /// The queue offset its check point begins at.
    pub ck_queue_offset: i64,
    /// When it was popped, in milliseconds.
    pub pop_time: i64,
    /// For how long it is hidden, in milliseconds.
    pub invisible_time: i64,
    /// The queue of the revive topic its check point goes to.
    pub revive_queue_id: i32,
    /// The broker it was popped from.
    pub broker_name: String,
}

impl ExtraInfo {
    /// Reads what acknowledging needs of the text.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, NoExtraInfo> {
        let mut fields = text.split(' ');
        let mut number = || fields.next().and_then(|field| field.parse::<i64>().ok()).ok_or(NoExtraInfo);
        let (ck_queue_offset, pop_time, invisible_time) = (number()?, number()?, number()?);
        let revive_queue_id = i32::try_from(number()?).map_err(|_| NoExtraInfo)?;
        let broker_name = fields.nth(1).filter(|name| !name.is_empty()).ok_or(NoExtraInfo)?.to_owned();
        Ok(Self { ck_queue_offset, pop_time, invisible_time, revive_queue_id, broker_name })
    }

    /// Whether the message was popped in order.
    pub fn is_order(&self) -> bool {
        self.revive_queue_id == POP_ORDER_REVIVE_QUEUE
    }

    /// When the message is seen again, in milliseconds.
    pub fn revive_time(&self) -> i64 {
        self.pop_time.saturating_add(self.invisible_time)
    }

    /// The `POP_CK` of one message.
    pub fn of_message(&self, topic: &str, queue_id: i32, queue_offset: i64) -> impl fmt::Display {
        let Self { ck_queue_offset, pop_time, invisible_time, revive_queue_id, broker_name } = self;
        let retry = retry_mark(topic);
        format!(
            "{ck_queue_offset} {pop_time} {invisible_time} {revive_queue_id} {retry} {broker_name} {queue_id} \
             {queue_offset}"
        )
    }
}

/// The three texts about all messages of a pop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetInfo {
    /// `startOffsetInfo`.
    pub start_offsets: String,
    /// `msgOffsetInfo`.
    pub message_offsets: String,
    /// `orderCountInfo`.
    pub order_counts: String,
}

impl OffsetInfo {
    /// Messages of a queue whose check point begins at `start_offset`.
    pub fn add(&mut self, topic: &str, queue_id: i32, start_offset: i64, queue_offsets: &[i64]) {
        let retry = retry_mark(topic);
        append(&mut self.start_offsets, format_args!("{retry} {queue_id} {start_offset}"));
        let offsets: Vec<_> = queue_offsets.iter().map(i64::to_string).collect();
        append(&mut self.message_offsets, format_args!("{retry} {queue_id} {}", offsets.join(",")));
    }

    /// A message of a queue has been consumed so often before.
    pub fn add_message_count(&mut self, topic: &str, queue_id: i32, queue_offset: i64, count: i32) {
        let retry = retry_mark(topic);
        append(&mut self.order_counts, format_args!("{retry} qo{queue_id}%{queue_offset} {count}"));
    }

    /// Every message of a queue has been consumed so often before, as older clients read it.
    pub fn add_queue_count(&mut self, topic: &str, queue_id: i32, count: i32) {
        append(&mut self.order_counts, format_args!("{} {queue_id} {count}", retry_mark(topic)));
    }
}

fn append(text: &mut String, item: fmt::Arguments<'_>) {
    if !text.is_empty() {
        text.push(';');
    }
    // Writing to a string does not fail.
    let _ = text.write_fmt(item);
}

fn retry_mark(topic: &str) -> char {
    if names::is_pop_retry_topic_v2(topic) {
        '2'
    } else if names::group_of_retry_topic(topic).is_some() {
        '1'
    } else {
        '0'
    }
}

/// The topic that messages of a given mark are really of; `None` for a mark that is none.
pub fn real_topic(topic: &str, group: &str, retry: &str) -> Option<String> {
    match retry {
        "0" => Some(topic.to_owned()),
        "1" => Some(names::pop_retry_topic(topic, group, PopRetryVersion::V1)),
        "2" => Some(names::pop_retry_topic(topic, group, PopRetryVersion::V2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_point_text_comes_back() {
        let text = "7 1000 30000 3 1 broker-a 0 9";
        let info = ExtraInfo::parse(text).unwrap();
        assert_eq!((info.ck_queue_offset, info.revive_queue_id, info.revive_time()), (7, 3, 31_000));
        assert_eq!(info.of_message("%RETRY%G_T", 0, 9).to_string(), text);
        assert!(ExtraInfo::parse("1 2 3 999 0 b").unwrap().is_order());
        for broken in ["", "1 2 3 4", "1 2 3 4 0", "a 2 3 4 0 b", "1 2 3 99999999999 0 b", "1 2 3 4 0 "] {
            assert_eq!(ExtraInfo::parse(broken), Err(NoExtraInfo), "{broken}");
        }
    }

    #[test]
    fn offsets_are_listed_as_javas_client_reads_them() {
        let mut info = OffsetInfo::default();
        info.add("T", 3, 5, &[5, 7]);
        info.add("%RETRY%G+T", 0, 0, &[0]);
        info.add_message_count("T", 3, 5, 2);
        info.add_queue_count("T", 3, 0);
        assert_eq!(info.start_offsets, "0 3 5;2 0 0");
        assert_eq!(info.message_offsets, "0 3 5,7;2 0 0");
        assert_eq!(info.order_counts, "0 qo3%5 2;0 3 0");
    }

    #[test]
    fn marks_lead_to_topics() {
        assert_eq!(real_topic("T", "G", "0").as_deref(), Some("T"));
        assert_eq!(real_topic("T", "G", "1").as_deref(), Some("%RETRY%G_T"));
        assert_eq!(real_topic("T", "G", "2").as_deref(), Some("%RETRY%G+T"));
        assert_eq!(real_topic("T", "G", "3"), None);
    }
}
