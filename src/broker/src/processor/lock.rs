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
        let lock_ok_mq_set = self.locks.lock_batch(&wanted.consumer_group, &wanted.mq_set, &wanted.client_id);
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

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddr},
        time::Duration,
    };

    use remoting::{
        command::Language, connection::ConnectionHandle, header::NoHeader, lane::Lane, reply::Body,
        request::Request,
    };
    use runtime::clock::ManualClock;

    use super::*;

    fn processor() -> LockProcessor {
        let clock = Arc::new(ManualClock::at(0));
        LockProcessor::new(Arc::new(RebalanceLockManager::new(Duration::from_secs(60), clock)))
    }

    fn incoming<R: Request<Header = NoHeader>>(body: &str) -> Incoming<R> {
        Incoming {
            header: NoHeader {},
            body: Bytes::copy_from_slice(body.as_bytes()),
            peer: ConnectionHandle::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))),
            version: 479,
            language: Language::JAVA,
            permit: Arc::new(Lane::without_queue("test", 1)).try_enter().unwrap(),
        }
    }

    fn body(client_id: &str) -> String {
        format!(
            r#"{{"clientId":"{client_id}","consumerGroup":"G","mqSet":[{{"topic":"T","brokerName":"b","queueId":0}}]}}"#
        )
    }

    async fn lock(processor: &LockProcessor, client_id: &str) -> String {
        let reply = processor.process(incoming::<LockBatchMq>(&body(client_id))).await.unwrap();
        let Body::Whole(bytes) = reply.body() else { panic!("no body") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_queue_is_given_to_one_client_at_a_time() {
        let processor = processor();
        let granted = r#"{"lockOKMQSet":[{"brokerName":"b","queueId":0,"topic":"T"}]}"#;
        assert_eq!(lock(&processor, "a").await, granted);
        assert_eq!(lock(&processor, "b").await, r#"{"lockOKMQSet":[]}"#);
        processor.process(incoming::<UnlockBatchMq>(&body("a"))).await.unwrap();
        assert_eq!(lock(&processor, "b").await, granted);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused() {
        let processor = processor();
        let refusal = processor.process(incoming::<LockBatchMq>("")).await.unwrap_err();
        assert!(refusal.remark().starts_with("the queues cannot be read"));
    }
}
