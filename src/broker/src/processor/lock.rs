//! Queues for orderly consumers (`LOCK_BATCH_MQ`, `UNLOCK_BATCH_MQ`).

use std::sync::Arc;

use bytes::Bytes;
use common::fastjson;
use remoting::{
    body::lock::{LockBatchRequestBody, LockBatchResponseBody},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{LockBatchMq, UnlockBatchMq},
    router::Processor,
};

use crate::clients::RebalanceLockManager;

/// Serves claims of queues.
///
/// Claims hold on this broker alone: `lockInStrictMode`, which asks the other brokers of the set, needs
/// slaves.
pub struct LockProcessor {
    locks: Arc<RebalanceLockManager>,
}

impl LockProcessor {
    /// A processor over these claims.
    pub fn new(locks: Arc<RebalanceLockManager>) -> Self {
        Self { locks }
    }
}

impl Processor<LockBatchMq> for LockProcessor {
    async fn process(&self, incoming: Incoming<LockBatchMq>) -> ReplyResult<LockBatchMq> {
        let wanted = read(&incoming.body)?;
        let lock_ok_mq_set =
            self.locks.lock_batch(&wanted.consumer_group, &wanted.mq_set, &wanted.client_id);
        Ok(Reply::success().with_body(fastjson::to_vec(&LockBatchResponseBody { lock_ok_mq_set })))
    }
}

impl Processor<UnlockBatchMq> for LockProcessor {
    async fn process(&self, incoming: Incoming<UnlockBatchMq>) -> ReplyResult<UnlockBatchMq> {
        let given = read(&incoming.body)?;
        self.locks.unlock_batch(&given.consumer_group, &given.mq_set, &given.client_id);
        Ok(Reply::success())
    }
}

fn read(body: &Bytes) -> Result<LockBatchRequestBody, Refusal> {
    fastjson::from_slice(body)
        .map_err(|error| Refusal::system_error(format!("the queues cannot be read: {error}")))
}
