//! How the store tells its owner that a queue has a new message.

use std::{fmt::Debug, sync::Arc};

/// One message that consumers can see now.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The topic.
    pub topic: &'a Arc<str>,
    /// The queue.
    pub queue_id: i32,
    /// Queue offset after the message.
    pub next_queue_offset: i64,
    /// The code in its `ConsumeQueue` unit.
    pub tags_code: i64,
    /// When it was stored, in milliseconds.
    pub store_timestamp: i64,
    /// Its encoded properties.
    pub properties: &'a [u8],
}

/// Told of every message as it becomes visible, RocketMQ's `MessageArrivingListener`.
///
/// Called on the putting thread (with sync flush on the flusher's): it must neither block nor put.
pub trait MessageArrival: Send + Sync + Debug {
    /// A message can be got now.
    fn arrived(&self, arrival: &Arrival<'_>);
}

/// Nobody waits for messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyWaits;

impl MessageArrival for NobodyWaits {
    fn arrived(&self, _arrival: &Arrival<'_>) {}
}
