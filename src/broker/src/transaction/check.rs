//! Asking producers about half messages they have not decided (`TransactionalMessageCheckService`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{names, permission::Permission, topic::TopicConfig};
use remoting::{
    connection::CallError, headers::send::CheckTransactionStateRequestHeader, request::CheckTransactionState,
};
use runtime::{services::Services, shutdown::Shutdown};

use super::{
    half::HalfMessage,
    service::TransactionalMessageService,
    table::{Claim, Pending},
};
use crate::{clients::ProducerManager, topic_publisher::TopicPublisher, topics::TopicConfigManager};

/// How often new half messages are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time of one round of checks; the rest is for the next.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Half messages dealt with before others get their turn on the runtime.
const PER_TURN: usize = 64;
/// Pause while a producer does not read what it is sent.
const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(10);
/// How often it is tried again.
const TRIES_WHEN_BUSY: usize = 100;

/// Checks undecided half messages, and gives up those that were checked too often.
pub struct TransactionalMessageCheckService {
    pub(crate) transactions: Arc<TransactionalMessageService>,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) publisher: TopicPublisher,
    pub(crate) broker_name: String,
}

/// What is to be done about a half message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Check,
    GiveUp,
}

impl TransactionalMessageCheckService {
    /// Starts it.
    pub fn start(self, services: &Services) {
        services.task("transaction-check", move |shutdown| async move { self.run(&shutdown).await });
    }

    async fn run(&self, shutdown: &Shutdown) {
        let transactions = &self.transactions;
        let clock = &transactions.clock;
        let mut next_check = clock.monotonic() + self.check_interval();
        while !shutdown.is_requested() {
            let until_check = next_check.saturating_sub(clock.monotonic());
            tokio::select! {
                () = shutdown.requested() => break,
                () = tokio::time::sleep(until_check.min(transactions.op_interval()).min(LOOK_INTERVAL)) => {}
            }
            self.look().await;
            transactions.record_when_due();
            if clock.monotonic() >= next_check {
                self.check_all(shutdown).await;
                next_check = clock.monotonic() + self.check_interval();
            }
            transactions.advance();
        }
        transactions.record();
    }

    /// `transactionCheckInterval`
    fn check_interval(&self) -> Duration {
        let millis = self.transactions.config.now().transaction_check_interval;
        Duration::from_millis(u64::try_from(millis).unwrap_or(0).max(1))
    }

    async fn look(&self) {
        while self.transactions.look() {
            tokio::task::yield_now().await;
        }
    }

    /// One round: the half messages that are due, in the order of their offsets.
    pub(super) async fn check_all(&self, shutdown: &Shutdown) {
        let clock = &self.transactions.clock;
        let deadline = clock.monotonic() + ROUND_MAX;
        let now_millis = clock.now_millis();
        let mut from = i64::MIN;
        loop {
            let due = self.due_from(from, now_millis);
            let Some((last, _, _)) = due.last() else { break };
            from = last + 1;
            for (half_offset, pending, due) in &due {
                match due {
                    Due::Check => self.check(*half_offset, pending).await,
                    Due::GiveUp => self.give_up(*half_offset, pending).await,
                }
            }
            if shutdown.is_requested() || clock.monotonic() > deadline {
                tracing::info!(from, "round of checks ends early, the rest is for the next");
                break;
            }
            tokio::task::yield_now().await;
        }
        self.transactions.record();
        self.transactions.note_check_times();
    }

    fn due_from(&self, half_offset: i64, now_millis: i64) -> Vec<(i64, Pending, Due)> {
        let table = self.transactions.table.lock();
        let due = table.pending_from(half_offset).filter_map(|(half_offset, pending)| {
            Some((half_offset, pending, self.due(&pending, now_millis)?))
        });
        due.take(PER_TURN).collect()
    }

    /// What is to be done now. A half message that says how long it is immune is not checked before, any other
    /// not before `transactionTimeOut`, unless it comes from a clock that is ahead.
    fn due(&self, pending: &Pending, now_millis: i64) -> Option<Due> {
        let transactions = &self.transactions;
        let age_millis = now_millis.saturating_sub(pending.born_timestamp);
        let kept_millis = transactions.store.options().file_reserved_time.as_millis();
        let is_old = u128::try_from(age_millis).is_ok_and(|age| age > kept_millis);
        // As in RocketMQ, where the first check is counted without being compared.
        let is_checked_enough =
            pending.check_times > 0 && pending.check_times >= transactions.config.now().transaction_check_max;
        if is_old || is_checked_enough {
            return Some(Due::GiveUp);
        }
        let is_due = match pending.immunity_millis {
            Some(immunity_millis) => age_millis > immunity_millis,
            None => age_millis < 0 || age_millis > transactions.config.now().transaction_time_out,
        };
        is_due.then_some(Due::Check)
    }

    /// Asks one of the producers. With none there the check counts all the same, as in RocketMQ.
    async fn check(&self, half_offset: i64, pending: &Pending) {
        let transactions = &self.transactions;
        let stored = transactions.half_at(pending);
        let Some(half) = stored.as_ref().and_then(HalfMessage::read) else { return };
        let check_times = pending.check_times.saturating_add(1);
        // The answer may come before the question is known to have gone out.
        transactions.table.lock().checked(half_offset, check_times);
        if let (Some((header, body)), Some(group)) = (half.question(check_times), half.producer_group())
            && !self.ask(group, &header, &body.into()).await
        {
            transactions.table.lock().checked(half_offset, pending.check_times);
        }
    }

    /// Whether a producer was asked, or there is none; `false` when they do not read what they are sent.
    async fn ask(&self, group: &str, header: &CheckTransactionStateRequestHeader, body: &Bytes) -> bool {
        for _ in 0..TRIES_WHEN_BUSY {
            let Some(producer) = self.producers.available(group) else {
                tracing::debug!(group, "no producer to ask about a transaction");
                return true;
            };
            let extra = vec![("bname", self.broker_name.clone())];
            let asked =
                producer.oneway_with_extra::<CheckTransactionState>(header.clone(), extra, body.clone());
            match asked {
                Ok(()) => return true,
                Err(CallError::Busy(_)) => tokio::time::sleep(PAUSE_WHEN_BUSY).await,
                Err(error) => tracing::debug!(group, %error, "producer not asked about a transaction"),
            }
        }
        tracing::warn!(group, "producers do not read what they are asked about their transactions");
        false
    }

    /// Moves a half message to where those end that nobody decides (`resolveDiscardMsg`).
    async fn give_up(&self, half_offset: i64, pending: &Pending) {
        let transactions = &self.transactions;
        let stored = transactions.half_at(pending);
        let Some(half) = stored.as_ref().and_then(HalfMessage::read) else { return };
        if let Err(problem) = self.ensure_topic().await {
            tracing::error!(problem, "half message not given up");
            return;
        }
        if transactions.claim(half_offset) != Claim::Granted {
            return;
        }
        match transactions.putter.store_undelayed(half.given_up(pending.check_times)) {
            // The message waits for no flush: an op message behind it counts only when both are on disk.
            Ok(_) => transactions.table.lock().decide(half_offset),
            Err(refusal) => {
                transactions.table.lock().release(half_offset);
                tracing::error!(problem = refusal.remark(), "half message not given up");
                return;
            }
        }
        if let Some(real_topic) = half.real_topic() {
            transactions.metrics.add(real_topic, -1);
        }
        tracing::warn!(
            real_topic = half.real_topic(),
            uniq_key = half.uniq_key(),
            check_times = pending.check_times,
            "nobody decides a transaction, moved to TRANS_CHECK_MAX_TIME_TOPIC"
        );
    }

    async fn ensure_topic(&self) -> Result<(), String> {
        let topic =
            TopicConfig::new(names::TRANS_CHECK_MAX_TIME_TOPIC, 1).with_permission(Permission::READ_WRITE);
        let creation = self.topics.create_if_absent(topic).map_err(|error| error.to_string())?;
        let published = self.publisher.publish(creation).await;
        published.map(drop).map_err(|refusal| refusal.remark().to_owned())
    }
}
