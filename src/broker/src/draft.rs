//! A message on its way to the store: read from a request, changed where RocketMQ changes it, then put.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::names;
use message::{
    hash,
    properties::PropertyString,
    property_names as property,
    record::RecordView,
    sys_flag::{self, TransactionType},
};
use store::put::{PendingMessage, WaitStore};

use crate::schedule::delay_levels::{DelayLevels, queue_of_level};

/// A message that is not stored yet (`MessageExtBrokerInner`).
#[derive(Clone, Debug)]
pub struct MessageDraft {
    /// Where it goes.
    pub topic: Arc<str>,
    /// Which queue of it.
    pub queue_id: i32,
    /// The flag the application gave it.
    pub flag: i32,
    /// [`message::sys_flag`] bits.
    pub sys_flag: i32,
    /// When the producer made it.
    pub born_timestamp: i64,
    /// Where the producer is.
    pub born_host: SocketAddr,
    /// Where this broker is.
    pub store_host: SocketAddr,
    /// How often consumers failed on it.
    pub reconsume_times: i32,
    /// Queue offset of the half message a commit belongs to; 0 otherwise.
    pub prepared_transaction_offset: i64,
    /// The body, compressed or not.
    pub body: Bytes,
    /// Its properties.
    pub properties: PropertyString,
}

impl MessageDraft {
    /// A copy of a stored message, to be stored again.
    pub fn of_record(record: &RecordView<'_>, body: Bytes) -> Self {
        Self {
            topic: Arc::from(record.topic()),
            queue_id: record.queue_id(),
            flag: record.flag(),
            sys_flag: record.sys_flag() & !(sys_flag::BORN_HOST_V6 | sys_flag::STORE_HOST_V6),
            born_timestamp: record.born_timestamp(),
            born_host: record.born_host(),
            store_host: record.store_host(),
            reconsume_times: record.reconsume_times(),
            prepared_transaction_offset: record.prepared_transaction_offset(),
            body,
            properties: without_crc(record.properties()),
        }
    }

    /// The delay level the message asks for; 0 for none.
    pub fn delay_level(&self) -> i32 {
        self.properties.get(property::DELAY_LEVEL).and_then(|level| level.parse().ok()).unwrap_or(0)
    }

    /// Whether there is a delay level that is no number: such a message is refused, not delivered at once.
    pub fn has_unreadable_delay_level(&self) -> bool {
        self.properties.get(property::DELAY_LEVEL).is_some_and(|level| level.parse::<i32>().is_err())
    }

    /// Whether the message asks to be delivered at a time of its own rather than at a level. Half messages ask for it
    /// when they are committed.
    pub fn is_timed(&self) -> bool {
        const TIMES: [&str; 3] =
            [property::TIMER_DELIVER_MS, property::TIMER_DELAY_MS, property::TIMER_DELAY_SEC];
        self.delay_level() <= 0
            && TransactionType::of(self.sys_flag).is_queued()
            && &*self.topic != names::TIMER_TOPIC
            && !self.properties.contains(property::TIMER_OUT_MS)
            && TIMES.iter().any(|time| self.properties.contains(time))
    }

    /// Sends a message with a delay level to the schedule topic, keeping its destination in its properties.
    ///
    /// Half messages stay where they are, and a level above the highest is the highest.
    pub fn apply_delay_level(&mut self, levels: &DelayLevels) {
        let level = self.delay_level();
        let transaction = TransactionType::of(self.sys_flag);
        if level <= 0 || !transaction.is_queued() {
            return;
        }
        for time in [property::TIMER_DELIVER_MS, property::TIMER_DELAY_SEC, property::TIMER_DELAY_MS] {
            self.properties.remove(time);
        }
        let level = if level > levels.max() {
            self.properties.set(property::DELAY_LEVEL, &levels.max().to_string());
            levels.max()
        } else {
            level
        };
        self.redirect_to(names::SCHEDULE_TOPIC, queue_of_level(level));
    }

    /// Sends it to a topic of the system, keeping its destination in its properties.
    pub fn redirect_to(&mut self, topic: &str, queue_id: i32) {
        self.properties.set(property::REAL_TOPIC, &self.topic);
        self.properties.set(property::REAL_QUEUE_ID, &self.queue_id.to_string());
        self.topic = Arc::from(topic);
        self.queue_id = queue_id;
    }

    /// Ready to be put.
    pub fn into_pending(mut self) -> PendingMessage {
        let (body, properties) = (std::mem::take(&mut self.body), std::mem::take(&mut self.properties));
        self.pending_item(self.flag, body, properties)
    }

    /// One message of the batch that this is, ready to be put.
    pub fn pending_item(&self, flag: i32, body: Bytes, properties: PropertyString) -> PendingMessage {
        PendingMessage {
            tags_code: hash::tags_code(properties.get(property::TAGS)),
            wait_store_ok: wait_store_ok(&properties),
            topic: Arc::clone(&self.topic),
            queue_id: self.queue_id,
            flag,
            sys_flag: self.sys_flag,
            born_timestamp: self.born_timestamp,
            born_host: self.born_host,
            store_host: self.store_host,
            reconsume_times: self.reconsume_times,
            prepared_transaction_offset: self.prepared_transaction_offset,
            body,
            properties,
        }
    }
}

fn wait_store_ok(properties: &PropertyString) -> WaitStore {
    match properties.get(property::WAIT_STORE_OK) {
        Some(wait) if !wait.eq_ignore_ascii_case("true") => WaitStore::DontWait,
        _ => WaitStore::Wait,
    }
}

/// A record's checksum belongs to the place it is stored at, not to the message.
fn without_crc(properties: &[u8]) -> PropertyString {
    let mut kept = PropertyString::from_encoded(properties);
    kept.remove(property::CRC32);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(properties: &[(&str, &str)]) -> MessageDraft {
        let host = SocketAddr::from(([127, 0, 0, 1], 10911));
        MessageDraft {
            topic: Arc::from("T"),
            queue_id: 3,
            flag: 0,
            sys_flag: 0,
            born_timestamp: 1,
            born_host: host,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: Bytes::from_static(b"body"),
            properties: properties.iter().copied().collect(),
        }
    }

    #[test]
    fn a_delayed_message_goes_to_its_level() {
        let levels = DelayLevels::parse("1s 5s").unwrap();
        let mut message = draft(&[("DELAY", "9")]);
        message.apply_delay_level(&levels);
        assert_eq!((&*message.topic, message.queue_id), ("SCHEDULE_TOPIC_XXXX", 1));
        assert_eq!(message.properties.get("DELAY"), Some("2"));
        assert_eq!(message.properties.get("REAL_TOPIC"), Some("T"));
        assert_eq!(message.properties.get("REAL_QID"), Some("3"));
    }

    #[test]
    fn a_level_outranks_a_time() {
        let mut message = draft(&[("DELAY", "1"), ("TIMER_DELAY_SEC", "9")]);
        assert!(!message.is_timed());
        message.apply_delay_level(&DelayLevels::parse("1s").unwrap());
        assert!(!message.properties.contains("TIMER_DELAY_SEC"));
        assert!(draft(&[("TIMER_DELAY_SEC", "9")]).is_timed());
        assert!(!draft(&[]).is_timed());
    }

    #[test]
    fn a_level_that_is_no_number_is_noticed() {
        for unreadable in ["abc", "1.5", " 1", "99999999999"] {
            assert!(draft(&[("DELAY", unreadable)]).has_unreadable_delay_level());
        }
        assert!(!draft(&[("DELAY", "-1")]).has_unreadable_delay_level());
        assert!(!draft(&[("DELAY", "+2")]).has_unreadable_delay_level());
        assert!(!draft(&[]).has_unreadable_delay_level());
    }

    #[test]
    fn half_messages_are_not_delayed() {
        let mut message = draft(&[("DELAY", "1")]);
        message.sys_flag = sys_flag::TRANSACTION_PREPARED;
        message.apply_delay_level(&DelayLevels::parse("1s").unwrap());
        assert_eq!(&*message.topic, "T");
    }
}
