//! `NOTIFICATION` (`NotificationProcessor`): tells that there is something to pop, and waits until there is.

use std::sync::Arc;

use common::{
    config::BrokerConfig,
    names::{PopRetryVersion, pop_retry_topic},
    topic::TopicConfig,
};
use remoting::{
    headers::pop::{NotificationRequestHeader, NotificationResponseHeader},
    reply::{Incoming, Reply, ReplyResult},
    request::Notification,
    router::Processor,
};
use runtime::{clock::Clock, live::Live};

use super::{
    gate::{Asked, PopGate},
    time_left,
};
use crate::pop::{self, PopTables, queue::PopQueue, waiting::ALL_QUEUES};

/// Serves those that want to hear before they pop.
pub struct NotificationProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) gate: PopGate,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Processor<Notification> for NotificationProcessor {
    async fn process(&self, incoming: Incoming<Notification>) -> ReplyResult<Notification> {
        let (mut header, peer) = (incoming.header, &incoming.peer);
        if header.born_time == 0 {
            header.born_time = self.clock.now_millis();
        }
        header.queue_id = header.queue_id.max(ALL_QUEUES);
        let (group, topic, queue_id) = (&header.consumer_group, &header.topic, header.queue_id);
        self.gate.check_broker("peeking")?;
        let (topic, _) = self.gate.admit(&Asked { peer, group, topic, queue_id }).await?;
        if self.has_message(&header, &topic) {
            return Ok(answer(true, false));
        }
        drop(incoming.permit);
        self.wait(&header, &topic).await
    }
}

impl NotificationProcessor {
    async fn wait(
        &self,
        header: &NotificationRequestHeader,
        topic: &TopicConfig,
    ) -> ReplyResult<Notification> {
        let place = PopQueue::new(&header.topic, &header.consumer_group, header.queue_id);
        let expires_at = header.born_time.saturating_add(header.poll_time);
        loop {
            let left = time_left(expires_at, self.clock.now_millis()).filter(|_| header.poll_time > 0);
            // The last look: what comes at the last moment counts.
            let Some(left) = left else { return Ok(answer(self.has_message(header, topic), false)) };
            let Ok(mut parked) = self.pop.notifications.park(&place, expires_at, None) else {
                return Ok(answer(false, true));
            };
            // What came between the last look and the parking woke nobody.
            if self.has_message(header, topic) {
                return Ok(answer(true, false));
            }
            // Time being up is an answer too: nothing came.
            let _ = tokio::time::timeout(left, parked.woken()).await;
        }
    }

    /// Whether anything can be popped, from the topic or from what is to be retried of it.
    fn has_message(&self, header: &NotificationRequestHeader, topic: &TopicConfig) -> bool {
        let in_topic = if header.queue_id < 0 {
            (0..topic.read_queue_nums).any(|queue_id| self.is_in_queue(header, &header.topic, queue_id))
        } else {
            self.is_in_queue(header, &header.topic, header.queue_id)
        };
        let versions = pop::retry_versions(&self.config.now());
        in_topic || versions.iter().any(|version| self.is_in_retry_topic(header, *version))
    }

    fn is_in_retry_topic(&self, header: &NotificationRequestHeader, version: PopRetryVersion) -> bool {
        let retry_topic = pop_retry_topic(&header.topic, &header.consumer_group, version);
        let queue_num = self.gate.topics.find(&retry_topic).map_or(0, |topic| topic.read_queue_nums);
        (0..queue_num).any(|queue_id| self.is_in_queue(header, &retry_topic, queue_id))
    }

    fn is_in_queue(&self, header: &NotificationRequestHeader, topic: &str, queue_id: i32) -> bool {
        let group = &header.consumer_group;
        // The topic that was asked for, also where a retry topic is looked at: as RocketMQ has it.
        let ordered = PopQueue::new(&header.topic, group, queue_id);
        if header.order && self.pop.orders.needs_block(&ordered, header.attempt_id.as_deref(), 0) {
            return false;
        }
        let queue = PopQueue::new(topic, group, queue_id);
        self.pop.offsets.rest(&queue, self.pop.offsets.peek(&queue)) > 0
    }
}

fn answer(has_msg: bool, polling_full: bool) -> Reply<Notification> {
    Reply::success().with_header(NotificationResponseHeader { has_msg, polling_full })
}
