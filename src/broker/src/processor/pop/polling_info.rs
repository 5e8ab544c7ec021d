//! `POLLING_INFO` (`PollingInfoProcessor`): how many pops wait for a queue.

use std::sync::Arc;

use remoting::{
    headers::pop::PollingInfoResponseHeader,
    reply::{Incoming, Reply, ReplyResult},
    request::PollingInfo,
    router::Processor,
};

use super::gate::{Asked, PopGate};
use crate::pop::{PopTables, queue::PopQueue};

/// Serves questions about waiting pops.
pub struct PollingInfoProcessor {
    pub(crate) gate: PopGate,
    pub(crate) pop: Arc<PopTables>,
}

impl Processor<PollingInfo> for PollingInfoProcessor {
    async fn process(&self, incoming: Incoming<PollingInfo>) -> ReplyResult<PollingInfo> {
        let (header, peer) = (&incoming.header, &incoming.peer);
        let (group, topic, queue_id) = (&header.consumer_group, &header.topic, header.queue_id);
        self.gate.check_broker("peeking")?;
        self.gate.admit(&Asked { peer, group, topic, queue_id }).await?;
        let waiting = self.pop.pops.waiting(&PopQueue::new(topic, group, queue_id));
        let polling_num = i32::try_from(waiting).unwrap_or(i32::MAX);
        Ok(Reply::success().with_header(PollingInfoResponseHeader { polling_num }))
    }
}
