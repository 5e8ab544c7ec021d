//! Half messages: made of what a producer sends, read back, and turned into what comes of them.

use std::sync::Arc;

use bytes::Bytes;
use common::names;
use message::{
    encode::{AppendCrc, NewRecord, Placement},
    message_id,
    properties::pairs,
    property_names as property,
    record::RecordView,
    sys_flag,
};
use remoting::{
    headers::send::{CheckTransactionStateRequestHeader, EndTransactionRequestHeader},
    reply::Refusal,
};

use crate::draft::MessageDraft;

/// Turns what a producer sends into a half message (`parseHalfMessageInner`).
pub(super) fn into_half(message: &mut MessageDraft) {
    if let Some(uniq_key) = message.properties.get(property::UNIQ_KEY).map(str::to_owned) {
        message.properties.set(property::TRANSACTION_ID, &uniq_key);
    }
    message.properties.set(property::REAL_TOPIC, &message.topic);
    message.properties.set(property::REAL_QUEUE_ID, &message.queue_id.to_string());
    message.sys_flag &= !sys_flag::TRANSACTION_MASK;
    message.topic = Arc::from(names::TRANS_HALF_TOPIC);
    message.queue_id = 0;
}

/// A stored half message.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfMessage<'a> {
    record: RecordView<'a>,
    bytes: &'a Bytes,
    marks: Marks<'a>,
}

/// What every decision looks at, found in one walk through the properties.
#[derive(Clone, Copy, Debug, Default)]
struct Marks<'a> {
    real_topic: Option<&'a str>,
    real_queue_id: Option<&'a str>,
    producer_group: Option<&'a str>,
    immunity_seconds: Option<&'a str>,
}

impl<'a> Marks<'a> {
    fn of(record: &RecordView<'a>) -> Self {
        let mut marks = Self::default();
        for (name, value) in pairs(record.properties()) {
            let mark = match str::from_utf8(name) {
                Ok(property::REAL_TOPIC) => &mut marks.real_topic,
                Ok(property::REAL_QUEUE_ID) => &mut marks.real_queue_id,
                Ok(property::PRODUCER_GROUP) => &mut marks.producer_group,
                Ok(property::CHECK_IMMUNITY_TIME_IN_SECONDS) => &mut marks.immunity_seconds,
                _ => continue,
            };
            *mark = str::from_utf8(value).ok();
        }
        marks
    }
}

impl<'a> HalfMessage<'a> {
    /// The half message these bytes are; `None` when they are none.
    pub(super) fn read(bytes: &'a Bytes) -> Option<Self> {
        let record = RecordView::decode(bytes).ok()?;
        let is_half = record.topic() == names::TRANS_HALF_TOPIC;
        is_half.then(|| Self { record, bytes, marks: Marks::of(&record) })
    }

    /// Its record.
    pub(super) fn record(&self) -> &RecordView<'a> {
        &self.record
    }

    /// The topic it is for.
    pub(super) fn real_topic(&self) -> Option<&'a str> {
        self.marks.real_topic
    }

    /// The group of its producer.
    pub(super) fn producer_group(&self) -> Option<&'a str> {
        self.marks.producer_group
    }

    /// Its `UNIQ_KEY`.
    pub(super) fn uniq_key(&self) -> Option<&'a str> {
        self.record.property(property::UNIQ_KEY)
    }

    /// How often it was checked when it was stored.
    pub(super) fn check_times(&self) -> i32 {
        let times = self.record.property(property::TRANSACTION_CHECK_TIMES);
        // RocketMQ reads what is no number as -1.
        times.map_or(0, |times| times.parse().unwrap_or(-1))
    }

    /// The half message this is a copy of, made by Java's broker while it was immune.
    pub(super) fn copy_of(&self) -> Option<i64> {
        let origin = self.record.property(property::TRANSACTION_PREPARED_QUEUE_OFFSET)?;
        origin.parse().ok().filter(|origin| *origin >= 0)
    }

    /// Milliseconds before its first check, where the message says so itself (`CHECK_IMMUNITY_TIME_IN_SECONDS`).
    ///
    /// What is no number, or -1, is `transactionTimeOut`.
    pub(super) fn immunity_millis(&self, timeout_millis: i64) -> Option<i64> {
        let seconds = self.marks.immunity_seconds?;
        Some(match seconds.parse().unwrap_or(-1_i64) {
            -1 => timeout_millis,
            seconds => seconds.saturating_mul(1_000),
        })
    }

    /// Whether its producer comes too late with a decision of its own: such a message waits to be checked
    /// (`rejectCommitOrRollback`).
    pub(super) fn is_past_immunity(&self, timeout_millis: i64, now_millis: i64) -> bool {
        let Some(seconds) = self.marks.immunity_seconds else {
            return false;
        };
        let millis = seconds.parse().unwrap_or(0_i64).saturating_mul(1_000);
        now_millis.saturating_sub(self.record.born_timestamp()) > millis.max(timeout_millis)
    }

    /// Whether a decision is about this message (`checkPrepareMessage`).
    ///
    /// # Errors
    /// RocketMQ's remark for what does not match.
    pub(super) fn check(&self, decision: &EndTransactionRequestHeader) -> Result<(), Refusal> {
        if self.producer_group() != Some(&decision.producer_group) {
            return Err(Refusal::system_error("The producer group wrong"));
        }
        if self.record.queue_offset() != decision.tran_state_table_offset {
            return Err(Refusal::system_error("The transaction state table offset wrong"));
        }
        if self.record.phy_offset() != decision.commit_log_offset {
            return Err(Refusal::system_error("The commit log offset wrong"));
        }
        Ok(())
    }

    /// The message its producer wanted to send, committed (`endMessageTransaction`); `None` when the half message
    /// does not say where it is to go.
    ///
    /// It keeps the properties that made it a half message, as in RocketMQ, where the answer to a check decides on a
    /// copy that says how often it was `checked`.
    pub(super) fn committed(&self, checked: Option<i32>) -> Option<MessageDraft> {
        let mut message = self.draft();
        message.topic = Arc::from(self.real_topic()?);
        message.queue_id = self.real_queue_id()?;
        message.sys_flag = message.sys_flag & !sys_flag::TRANSACTION_MASK | sys_flag::TRANSACTION_COMMIT;
        message.prepared_transaction_offset = self.record.phy_offset();
        if let Some(times) = checked {
            message.properties.set(property::TRANSACTION_CHECK_TIMES, &times.to_string());
        }
        Some(message)
    }

    /// The message that is given up after so many checks.
    pub(super) fn given_up(&self, check_times: i32) -> MessageDraft {
        let mut message = self.draft();
        message.topic = Arc::from(names::TRANS_CHECK_MAX_TIME_TOPIC);
        message.queue_id = 0;
        if check_times > 0 {
            message.properties.set(property::TRANSACTION_CHECK_TIMES, &check_times.to_string());
        }
        message
    }

    /// What its producers are asked the `check_times`th time: header and body of `CHECK_TRANSACTION_STATE`. `None`
    /// when the half message does not say where it is to go.
    pub(super) fn question(&self, check_times: i32) -> Option<(CheckTransactionStateRequestHeader, Vec<u8>)> {
        let record = &self.record;
        let uniq_key = self.uniq_key().map(str::to_owned);
        let header = CheckTransactionStateRequestHeader {
            topic: Some(record.topic().to_owned()),
            tran_state_table_offset: record.queue_offset(),
            commit_log_offset: record.phy_offset(),
            msg_id: uniq_key.clone(),
            transaction_id: uniq_key,
            offset_msg_id: Some(message_id::encode(record.store_host(), record.phy_offset())),
        };
        let mut message = self.draft();
        message.properties.set(property::TRANSACTION_CHECK_TIMES, &check_times.to_string());
        let asked = NewRecord {
            topic: self.real_topic()?,
            queue_id: self.real_queue_id()?,
            flag: message.flag,
            sys_flag: message.sys_flag,
            born_timestamp: message.born_timestamp,
            born_host: message.born_host,
            store_host: message.store_host,
            reconsume_times: message.reconsume_times,
            prepared_transaction_offset: message.prepared_transaction_offset,
            body: &message.body,
            properties: message.properties.as_bytes(),
            append_crc: AppendCrc::No,
        };
        let placement = Placement {
            queue_offset: record.queue_offset(),
            phy_offset: record.phy_offset(),
            store_timestamp: record.store_timestamp(),
        };
        Some((header, asked.prepare().ok()?.to_vec(placement)))
    }

    fn real_queue_id(&self) -> Option<i32> {
        self.marks.real_queue_id?.parse().ok()
    }

    fn draft(&self) -> MessageDraft {
        MessageDraft::of_record(&self.record, self.bytes.slice_ref(self.record.body()))
    }
}

/// The half message a stored message becomes that is to be checked again from the beginning
/// (`RESUME_CHECK_HALF_MESSAGE`); `None` when it never was one.
pub(super) fn resumed(bytes: &Bytes) -> Option<MessageDraft> {
    let record = RecordView::decode(bytes).ok()?;
    let mut message = MessageDraft::of_record(&record, bytes.slice_ref(record.body()));
    if !message.properties.contains(property::REAL_TOPIC)
        || !message.properties.contains(property::PRODUCER_GROUP)
    {
        return None;
    }
    message.topic = Arc::from(names::TRANS_HALF_TOPIC);
    message.queue_id = 0;
    message.properties.set(property::TRANSACTION_CHECK_TIMES, "0");
    Some(message)
}

#[cfg(test)]
#[path = "half_tests.rs"]
mod tests;
