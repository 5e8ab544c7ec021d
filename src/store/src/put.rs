//! What goes into [`MessageStore::put`](crate::message_store::MessageStore::put) and what comes out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use message::properties::PropertyString;
use tokio::sync::oneshot;

/// Whether a put's durability is waited for, the message property `WAIT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitStore {
    /// Answer when it is as durable as configured.
    #[default]
    Wait,
    /// Answer at once.
    DontWait,
}

/// A message that is to be stored: `MessageExtBrokerInner`.
#[derive(Clone, Debug)]
pub struct PendingMessage {
    /// The topic.
    pub topic: Arc<str>,
    /// The queue, from 0.
    pub queue_id: i32,
    /// The application's flag.
    pub flag: i32,
    /// See [`message::sys_flag`]; the bits for IPv6 hosts are set by the store.
    pub sys_flag: i32,
    /// When the producer made it, in milliseconds.
    pub born_timestamp: i64,
    /// Who produced it.
    pub born_host: SocketAddr,
    /// The address of this broker.
    pub store_host: SocketAddr,
    /// How often it was sent back.
    pub reconsume_times: i32,
    /// Physical offset of the half message it ends, else 0.
    pub prepared_transaction_offset: i64,
    /// The body as it is to be stored.
    pub body: Bytes,
    /// Its properties, ready to store.
    pub properties: PropertyString,
    /// The code in its `ConsumeQueue` unit; for delayed messages the store puts the delivery time there.
    pub tags_code: i64,
    /// Whether the put waits.
    pub wait_store_ok: WaitStore,
}

/// Messages that are in the CommitLog.
#[derive(Debug)]
pub struct Appended {
    /// Place of the first message in the CommitLog.
    pub phy_offset: i64,
    /// Places of the others of a batch, in their order; without an allocation for a single message.
    pub further_phy_offsets: Vec<i64>,
    /// Place of the first message in its queue; the others follow it. 0 for half and rolled back messages.
    pub queue_offset: i64,
    /// How many messages, those of an inner batch counted.
    pub message_count: usize,
    /// When they were stored, in milliseconds.
    pub store_timestamp: i64,
    /// Bytes of all their records.
    pub wrote_bytes: usize,
    /// When they are as durable as configured.
    pub durability: Durability,
}

impl Appended {
    /// The places of all messages in the CommitLog.
    pub fn phy_offsets(&self) -> impl Iterator<Item = i64> {
        std::iter::once(self.phy_offset).chain(self.further_phy_offsets.iter().copied())
    }

    /// Physical offset after the last record.
    pub fn end_phy_offset(&self) -> i64 {
        self.phy_offset + self.wrote_bytes as i64
    }
}

/// What became of the wait for a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushOutcome {
    /// It is as durable as configured.
    Flushed,
    /// Not within the time allowed; it may still become durable. RocketMQ's `FLUSH_DISK_TIMEOUT`.
    FlushTimeout,
    /// It will not: the disk refused, or the store stopped.
    Failed,
}

/// When a put is as durable as configured.
#[derive(Debug)]
#[must_use = "a put is acknowledged when its durability is resolved"]
pub enum Durability {
    /// It is already.
    Ready,
    /// It is when the flusher says so.
    Pending(PendingFlush),
}

impl Durability {
    /// Waits, no longer than `syncFlushTimeout`.
    pub async fn resolved(self) -> FlushOutcome {
        match self {
            Self::Ready => FlushOutcome::Flushed,
            Self::Pending(pending) => pending.resolved().await,
        }
    }
}

/// A put waiting for the group commit.
#[derive(Debug)]
pub struct PendingFlush {
    pub(crate) done: oneshot::Receiver<FlushOutcome>,
    pub(crate) timeout: Duration,
}

impl PendingFlush {
    async fn resolved(self) -> FlushOutcome {
        match tokio::time::timeout(self.timeout, self.done).await {
            Ok(Ok(outcome)) => outcome,
            // The flusher is gone and with it the request.
            Ok(Err(_)) => FlushOutcome::Failed,
            Err(_) => FlushOutcome::FlushTimeout,
        }
    }
}
