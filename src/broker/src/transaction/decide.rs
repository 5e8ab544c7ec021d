//! Carrying out decisions (`EndTransactionProcessor`).

use common::names;
use message::record::RecordView;
use remoting::{headers::send::EndTransactionRequestHeader, reply::Refusal, response_code::ResponseCode};

use super::{half::HalfMessage, service::TransactionalMessageService, table::Claim};
use crate::put::Stored;

/// Messages with the same key that are looked through for a final message.
const SAME_KEY_MAX: usize = 32;

/// What RocketMQ answers where it says nothing.
pub(crate) const NO_REMARK: &str = "not set any response code";
/// The index knows times to the second.
const INDEX_TIME_MILLIS: i64 = 1_000;

impl TransactionalMessageService {
    /// Delivers a half message.
    ///
    /// # Errors
    /// When it does not match the decision, is immune, was rolled back, or its final message is not stored.
    pub async fn commit(&self, decision: &EndTransactionRequestHeader) -> Result<(), Refusal> {
        let stored = self.store.message_at(decision.commit_log_offset);
        let half = Self::read(stored.as_ref())?;
        self.check(&half, decision)?;
        let delivered = match self.claim(decision.tran_state_table_offset) {
            Claim::Granted => Some(self.deliver_claimed(&half, decision)?),
            Claim::Decided => self.commit_late(&half)?,
            Claim::Busy => return Err(busy()),
        };
        if let Some(delivered) = delivered {
            // A flush that takes too long is no failure of the decision, as in RocketMQ.
            delivered.settled().await?;
        }
        Ok(())
    }

    /// Drops a half message.
    ///
    /// # Errors
    /// When it does not match the decision, is immune, was committed, or its op message is not stored.
    pub async fn rollback(&self, decision: &EndTransactionRequestHeader) -> Result<(), Refusal> {
        let stored = self.store.message_at(decision.commit_log_offset);
        let half = Self::read(stored.as_ref())?;
        self.check(&half, decision)?;
        match self.claim(decision.tran_state_table_offset) {
            Claim::Granted => self.drop_claimed(&half)?.settled().await.map(drop),
            Claim::Decided if self.is_committed(&half) => {
                Err(Refusal::system_error("The transaction is committed already"))
            }
            Claim::Decided => Ok(()),
            Claim::Busy => Err(busy()),
        }
    }

    fn check(&self, half: &HalfMessage<'_>, decision: &EndTransactionRequestHeader) -> Result<(), Refusal> {
        let timeout_millis = self.config.now().transaction_time_out;
        if !decision.from_transaction_check && half.is_past_immunity(timeout_millis, self.clock.now_millis())
        {
            return Err(Refusal::new(ResponseCode::ILLEGAL_OPERATION, NO_REMARK));
        }
        half.check(decision)
    }

    /// Asks for the right to decide a half message.
    pub(super) fn claim(&self, half_offset: i64) -> Claim {
        let log_end = self.store.max_phy_offset();
        self.table.lock().claim(half_offset, log_end)
    }

    /// Final message and decision, without an await in between: a connection that ends can break off neither.
    fn deliver_claimed(
        &self,
        half: &HalfMessage<'_>,
        decision: &EndTransactionRequestHeader,
    ) -> Result<Stored, Refusal> {
        let half_offset = half.record().queue_offset();
        let checked = if decision.from_transaction_check {
            self.table.lock().check_times(half_offset).filter(|times| *times > 0)
        } else {
            None
        };
        let delivered = self.deliver(half, checked);
        let delivered = delivered.inspect_err(|_| self.table.lock().release(half_offset))?;
        self.table.lock().decide(half_offset);
        self.record_when_full();
        Ok(delivered)
    }

    fn deliver(&self, half: &HalfMessage<'_>, checked: Option<i32>) -> Result<Stored, Refusal> {
        let message = half.committed(checked).ok_or_else(|| {
            Refusal::system_error("the half message does not say which topic and queue it is for")
        })?;
        let real_topic = message.topic.clone();
        let delivered = self.putter.store(message)?;
        self.metrics.add(&real_topic, -1);
        let age_millis = self.clock.now_millis() - half.record().born_timestamp();
        self.putter.metrics().committed(&real_topic, age_millis);
        Ok(delivered)
    }

    fn drop_claimed(&self, half: &HalfMessage<'_>) -> Result<Stored, Refusal> {
        let half_offset = half.record().queue_offset();
        let recorded =
            self.record_alone(half_offset).inspect_err(|_| self.table.lock().release(half_offset))?;
        self.table.lock().decide_recorded(half_offset);
        if let Some(real_topic) = half.real_topic() {
            self.metrics.add(real_topic, -1);
            self.putter.metrics().rolled_back(real_topic);
        }
        Ok(recorded)
    }

    /// A commit of what is decided: nothing if it was committed, as promised if it was given up meanwhile, and
    /// refused if it was rolled back.
    fn commit_late(&self, half: &HalfMessage<'_>) -> Result<Option<Stored>, Refusal> {
        if self.is_committed(half) {
            return Ok(None);
        }
        if self.has_record(names::TRANS_CHECK_MAX_TIME_TOPIC, half, |_| true) {
            return self.deliver(half, None).map(Some);
        }
        Err(Refusal::system_error("The transaction is rolled back already"))
    }

    fn is_committed(&self, half: &HalfMessage<'_>) -> bool {
        let phy_offset = half.record().phy_offset();
        let waits_in = [names::SCHEDULE_TOPIC, names::TIMER_TOPIC];
        half.real_topic().into_iter().chain(waits_in).any(|topic| {
            self.has_record(topic, half, |record| record.prepared_transaction_offset() == phy_offset)
        })
    }

    /// Whether the index knows a message of that topic with the key of a half message.
    fn has_record(
        &self,
        topic: &str,
        half: &HalfMessage<'_>,
        matches: impl Fn(&RecordView<'_>) -> bool,
    ) -> bool {
        let Some(uniq_key) = half.uniq_key() else { return false };
        let since = half.record().store_timestamp() - INDEX_TIME_MILLIS;
        let found = self.store.query(topic, uniq_key, SAME_KEY_MAX, since, i64::MAX);
        found
            .messages
            .iter()
            .filter_map(|bytes| RecordView::decode(bytes).ok())
            .any(|record| matches(&record))
    }
}

fn busy() -> Refusal {
    Refusal::system_error("the transaction is being decided, try again")
}
