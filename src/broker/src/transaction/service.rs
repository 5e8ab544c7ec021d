//! The transactions of a broker (`TransactionalMessageServiceImpl`, `TransactionalOpBatchService`).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{config::BrokerConfig, fastjson, names};
use message::sys_flag;
use parking_lot::Mutex;
use remoting::{reply::Refusal, response_code::ResponseCode};
use runtime::{clock::Clock, live::Live};
use store::message_store::MessageStore;

use super::{
    checkpoint::{self, TransactionCheckpoint},
    half::{self, HalfMessage},
    metrics::TransactionMetrics,
    op, recovery,
    table::{Pending, TransactionTable},
};
use crate::{
    draft::MessageDraft,
    metadata::{MetadataError, MetadataStore, TableFile},
    offsets::ConsumerOffsetManager,
    put::{MessagePutter, Put, Stored, check_delay_level},
};

/// Undecided half messages this broker keeps; more are refused.
pub(super) const PENDING_MAX: usize = 4_000_000;
/// Half messages looked at in one go.
const LOOK_COUNT: usize = 1_024;

/// Shortest time decisions are collected for an op message.
const OP_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// How far everything was at one moment; it counts as soon as the log is flushed up to where it ended then.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    log_end: i64,
    half_offset: i64,
    op_offset: i64,
    commits_recorded_until: i64,
}

/// When op messages were written last, and what of the progress is on disk.
#[derive(Debug, Default)]
struct Housekeeping {
    last_op: Duration,
    waiting: Option<Progress>,
    /// What `transactionCheckpoint.json` has to hold, and which state that is.
    checkpoint: TransactionCheckpoint,
    changes: u64,
}

/// See the module above.
#[derive(Debug)]
pub struct TransactionalMessageService {
    pub(super) config: Live<BrokerConfig>,
    pub(super) store: Arc<MessageStore>,
    pub(super) putter: Arc<MessagePutter>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: TransactionMetrics,
    pub(super) table: Mutex<TransactionTable>,
    offsets: Arc<ConsumerOffsetManager>,
    store_host: SocketAddr,
    /// Held while an op message is written, so that decisions are told of in their order and once.
    writing_op: Mutex<()>,
    housekeeping: Mutex<Housekeeping>,
    checkpoint_file: TableFile,
}

impl TransactionalMessageService {
    /// Finds out which half messages of the store wait for a decision.
    ///
    /// # Errors
    /// When a file was written before and cannot be read.
    pub fn load(
        config: &Live<BrokerConfig>,
        store: &Arc<MessageStore>,
        putter: &Arc<MessagePutter>,
        offsets: &Arc<ConsumerOffsetManager>,
        metadata: &Arc<dyn MetadataStore>,
        clock: &Arc<dyn Clock>,
        store_host: SocketAddr,
    ) -> Result<Self, MetadataError> {
        let checkpoint_file = TableFile::new(checkpoint::FILE, Arc::clone(metadata));
        let checkpoint: TransactionCheckpoint =
            checkpoint_file.load(|text| fastjson::from_slice(text.as_bytes()))?.unwrap_or_default();
        checkpoint_file.mark_written(0);
        let table = recovery::recover(store, offsets, &checkpoint, config.now().transaction_time_out);
        Ok(Self {
            metrics: TransactionMetrics::load(Arc::clone(metadata), Arc::clone(clock))?,
            table: Mutex::new(table),
            housekeeping: Mutex::new(Housekeeping { checkpoint, ..Housekeeping::default() }),
            writing_op: Mutex::new(()),
            config: config.clone(),
            store: Arc::clone(store),
            putter: Arc::clone(putter),
            offsets: Arc::clone(offsets),
            clock: Arc::clone(clock),
            store_host,
            checkpoint_file,
        })
    }

    /// How many half messages of each topic wait.
    pub fn half_message_counts(&self) -> Vec<(String, i64)> {
        self.metrics.counts()
    }

    /// Stores what a producer sends as a half message (`asyncPrepareMessage`).
    ///
    /// A delay it asks for begins with its commit; one that cannot be given is refused here already.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn prepare(&self, mut message: MessageDraft) -> Result<Put, Refusal> {
        check_delay_level(&message)?;
        message.sys_flag &= !sys_flag::TRANSACTION_MASK;
        if message.is_timed() {
            self.putter.admit_timed(&mut message.clone())?;
        }
        if self.table.lock().pending_count() >= PENDING_MAX {
            let remark = "too many transactions wait for their decision, try again later";
            return Err(Refusal::new(ResponseCode::SYSTEM_BUSY, remark));
        }
        let real_topic = Arc::clone(&message.topic);
        half::into_half(&mut message);
        let put = self.putter.store_undelayed(message)?.durable().await?;
        self.metrics.add(&real_topic, 1);
        Ok(put)
    }

    /// Puts a message that was given up, or waits, into the half queue again, to be checked from the beginning.
    ///
    /// # Errors
    /// When there is no such message, it never was a half message, or it is not stored.
    pub async fn resume_check(&self, phy_offset: i64) -> Result<(), Refusal> {
        let stored = self.store.message_at(phy_offset);
        let message = stored.as_ref().and_then(half::resumed).ok_or_else(|| {
            Refusal::system_error(
                "Exception was thrown when putting message back to RMQ_SYS_TRANS_HALF_TOPIC.",
            )
        })?;
        let put = match self.putter.store_undelayed(message) {
            Ok(stored) => stored.durable().await,
            Err(refusal) => Err(refusal),
        };
        put.map(drop).map_err(|refusal| {
            tracing::error!(remark = refusal.remark(), "half message not put back");
            Refusal::system_error("Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed.")
        })
    }

    /// The half message at a physical offset, as it stands in the log.
    pub(super) fn half_at(&self, pending: &Pending) -> Option<Bytes> {
        self.store.select(pending.phy_offset, usize::try_from(pending.size_bytes).ok()?)
    }

    /// Looks at the half messages that came in: those that are not decided by now are pending. Answers whether there
    /// are more.
    pub(super) fn look(&self) -> bool {
        let min = self.store.min_offset(names::TRANS_HALF_TOPIC, 0).unwrap_or(0);
        let seen = self.table.lock().seen();
        if seen < min {
            let lost = self.table.lock().forget_below(min);
            tracing::warn!(lost, "undecided half messages are gone with the oldest files of the log");
        }
        let from = seen.max(min);
        let units = self.store.queue_units(names::TRANS_HALF_TOPIC, 0, from, LOOK_COUNT);
        let mut undecided: Vec<_> = (from..).zip(&units).filter(|(_, unit)| unit.is_message()).collect();
        {
            let table = self.table.lock();
            undecided.retain(|(half_offset, _)| !table.is_decided_unseen(*half_offset));
        }
        let found: Vec<_> = undecided
            .into_iter()
            .filter_map(|(half_offset, unit)| {
                let bytes = self.store.select(unit.phy_offset, usize::try_from(unit.size_bytes).ok()?)?;
                let (pending, copy_of) =
                    recovery::pending_of(&bytes, self.config.now().transaction_time_out)?;
                Some((half_offset, pending, copy_of))
            })
            .collect();
        let mut table = self.table.lock();
        for (half_offset, pending, copy_of) in found {
            table.look_at(half_offset, pending, copy_of);
        }
        table.looked_until(from + units.len() as i64);
        units.len() == LOOK_COUNT
    }

    /// Writes op messages for the decisions that have none, if that is due (`transactionOpBatchInterval`).
    pub(super) fn record_when_due(&self) {
        let now = self.clock.monotonic();
        let last = self.housekeeping.lock().last_op;
        if now.saturating_sub(last) >= self.op_interval() {
            self.housekeeping.lock().last_op = now;
            self.record();
        }
    }

    /// `transactionOpBatchInterval`.
    pub(super) fn op_interval(&self) -> Duration {
        let millis = u64::try_from(self.config.now().transaction_op_batch_interval).unwrap_or(0);
        Duration::from_millis(millis).max(OP_INTERVAL_MIN)
    }

    /// Writes an op message if there is enough for one (`transactionOpMsgMaxSize`).
    pub(super) fn record_when_full(&self) {
        if self.table.lock().unrecorded_bytes() > self.op_bytes_max() {
            self.record_one();
        }
    }

    /// Writes op messages for all decisions that have none. What cannot be written is next time.
    pub(super) fn record(&self) {
        while self.record_one() {}
    }

    /// Writes one op message; whether there may be more to write.
    fn record_one(&self) -> bool {
        let _writing = self.writing_op.lock();
        let half_offsets = self.table.lock().unrecorded(self.op_bytes_max());
        if half_offsets.is_empty() {
            return false;
        }
        match self.put_op(&half_offsets) {
            Ok(stored) => {
                self.table.lock().recorded(stored.queue_offset(), half_offsets.len());
                true
            }
            Err(refusal) => {
                tracing::warn!(remark = refusal.remark(), "op message not written, trying again");
                false
            }
        }
    }

    /// Writes an op message for one half message alone.
    ///
    /// # Errors
    /// When it is not stored.
    pub(super) fn record_alone(&self, half_offset: i64) -> Result<Stored, Refusal> {
        let _writing = self.writing_op.lock();
        let stored = self.put_op(&[half_offset])?;
        self.table.lock().record(stored.queue_offset(), &[half_offset]);
        Ok(stored)
    }

    fn put_op(&self, half_offsets: &[i64]) -> Result<Stored, Refusal> {
        let message = op::message(half_offsets, self.store_host, self.clock.now_millis());
        self.putter.store_undelayed(message)
    }

    fn op_bytes_max(&self) -> usize {
        usize::try_from(self.config.now().transaction_op_msg_max_size).unwrap_or(0).max(1)
    }

    /// Moves offsets and mark to where everything was at an earlier call, once the log of then is flushed.
    pub(super) fn advance(&self) {
        let log_end = self.store.max_phy_offset();
        let flushed = self.store.flushed_phy_offset();
        let mut housekeeping = self.housekeeping.lock();
        if housekeeping.waiting.as_ref().is_some_and(|progress| progress.log_end > flushed) {
            return;
        }
        if let Some(progress) = housekeeping.waiting.take() {
            self.commit_offset(names::TRANS_HALF_TOPIC, progress.half_offset);
            self.commit_offset(names::TRANS_OP_HALF_TOPIC, progress.op_offset);
            if housekeeping.checkpoint.commits_recorded_until != progress.commits_recorded_until {
                housekeeping.checkpoint.commits_recorded_until = progress.commits_recorded_until;
                housekeeping.changes += 1;
            }
        }
        housekeeping.waiting = Some(self.progress(log_end));
    }

    /// Takes how often half messages were checked over into the checkpoint.
    pub(super) fn note_check_times(&self) {
        let mut housekeeping = self.housekeeping.lock();
        let table = self.table.lock();
        housekeeping.checkpoint.set_check_times(table.pending(), table.seen());
        housekeeping.changes += 1;
    }

    fn progress(&self, log_end: i64) -> Progress {
        let mut table = self.table.lock();
        let half_offset = table.half_offset();
        Progress {
            log_end,
            half_offset,
            op_offset: table.op_offset(half_offset),
            commits_recorded_until: table.commits_recorded_until(log_end),
        }
    }

    #[cfg(test)]
    pub(super) fn offsets(&self) -> &ConsumerOffsetManager {
        &self.offsets
    }

    fn commit_offset(&self, topic: &str, queue_offset: i64) {
        if self.offsets.query(names::TRANS_GROUP, topic, 0) == Some(queue_offset) {
            return;
        }
        if let Err(error) = self.offsets.commit(&"transactions", names::TRANS_GROUP, topic, 0, queue_offset) {
            tracing::error!(%error, topic, "offset of transactions not kept");
        }
    }

    /// Writes counts and checkpoint, if they have changed.
    ///
    /// # Errors
    /// When a file cannot be written; the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.metrics.persist()?;
        self.checkpoint_file.persist(|written| {
            let housekeeping = self.housekeeping.lock();
            let is_written = written == Some(housekeeping.changes);
            (!is_written).then(|| (housekeeping.changes, fastjson::to_vec(&housekeeping.checkpoint)))
        })
    }

    /// The half message in these bytes.
    ///
    /// # Errors
    /// RocketMQ's remark when there is none.
    pub(super) fn read(stored: Option<&Bytes>) -> Result<HalfMessage<'_>, Refusal> {
        stored
            .and_then(HalfMessage::read)
            .ok_or_else(|| Refusal::system_error("Find prepared transaction message failed"))
    }
}
