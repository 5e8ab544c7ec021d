//! `PEEK_MESSAGE` (`PeekMessageProcessor`): what a pop would get, without taking it.

use std::sync::Arc;

use bytes::Bytes;
use common::{config::BrokerConfig, names::pop_retry_topic};
use remoting::{
    headers::pop::{PeekMessageRequestHeader, PopMessageResponseHeader},
    reply::{Body, Incoming, Refusal, Reply, ReplyResult},
    request::PeekMessage,
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;
use store::get::{EveryMessage, MessageFilter};

use super::gate::{Asked, PopGate};
use crate::{
    metrics::Out,
    pop::{self, PopTables, check_point::CHECK_POINT_MESSAGES_MAX, queue::PopQueue, reader::QueueReader},
    stats::BrokerStats,
};

/// Serves those that look without taking.
pub struct PeekMessageProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) gate: PopGate,
    pub(crate) reader: QueueReader,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) stats: Arc<BrokerStats>,
}

#[derive(Default)]
struct Peeked {
    messages: Vec<Bytes>,
    rest: i64,
}

impl Processor<PeekMessage> for PeekMessageProcessor {
    async fn process(&self, incoming: Incoming<PeekMessage>) -> ReplyResult<PeekMessage> {
        let (header, peer) = (&incoming.header, &incoming.peer);
        let (group, topic, queue_id) = (&header.consumer_group, &header.topic, header.queue_id);
        self.gate.check_broker("peeking")?;
        let (config, _) = self.gate.admit(&Asked { peer, group, topic, queue_id }).await?;
        let mut peeked = Peeked::default();
        let queue_ids = if queue_id < 0 { 0..config.read_queue_nums } else { queue_id..queue_id + 1 };
        for queue_id in queue_ids {
            self.look(header, topic, queue_id, &mut peeked).await?;
        }
        let retry_topic = pop_retry_topic(topic, group, pop::retry_version(&self.config.now()));
        let retry_queue_num = self.gate.topics.find(&retry_topic).map_or(0, |topic| topic.read_queue_nums);
        for queue_id in 0..retry_queue_num {
            self.look(header, &retry_topic, queue_id, &mut peeked).await?;
        }
        Ok(self.answer(header, peeked))
    }
}

impl PeekMessageProcessor {
    async fn look(
        &self,
        header: &PeekMessageRequestHeader,
        topic: &str,
        queue_id: i32,
        peeked: &mut Peeked,
    ) -> Result<(), Refusal> {
        let queue = PopQueue::new(topic, &header.consumer_group, queue_id);
        let begin = self.pop.offsets.peek(&queue);
        peeked.rest = peeked.rest.saturating_add(self.pop.offsets.rest(&queue, begin));
        let wanted = usize::try_from(header.max_msg_nums).unwrap_or(0).min(CHECK_POINT_MESSAGES_MAX);
        let room = wanted.saturating_sub(peeked.messages.len());
        if room > 0 {
            let everything: Arc<dyn MessageFilter> = Arc::new(EveryMessage);
            let found = self.reader.read(&queue, begin, room, &everything).await?;
            peeked.messages.extend(found.result.messages);
        }
        Ok(())
    }

    fn answer(&self, header: &PeekMessageRequestHeader, peeked: Peeked) -> Reply<PeekMessage> {
        let reply_header =
            PopMessageResponseHeader { rest_num: peeked.rest, ..PopMessageResponseHeader::default() };
        if peeked.messages.is_empty() {
            let nothing = Reply::of(ResponseCode::PULL_NOT_FOUND).with_remark("NO_MESSAGE_IN_QUEUE");
            return nothing.with_header(reply_header);
        }
        let bytes = peeked.messages.iter().map(Bytes::len).sum();
        let count = peeked.messages.len();
        self.stats.group_get(&header.topic, &header.consumer_group, count, bytes);
        let metrics = self.stats.metrics();
        metrics.messages_out(&header.topic, &header.consumer_group, Out::Pulled, count, bytes);
        Reply::success()
            .with_remark("FOUND")
            .with_header(reply_header)
            .with_body(Body::Pieces(peeked.messages))
    }
}
