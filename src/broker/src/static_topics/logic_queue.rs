//! One logical queue of a static topic, as a request meets it (`TopicQueueMappingContext`).

use std::sync::Arc;

use remoting::{
    body::queue_mapping::{LogicQueueMappingItem, TopicQueueMappingDetail},
    reply::Refusal,
    response_code::ResponseCode,
};

use super::manager::TopicQueueMappingManager;

/// A logical queue this broker leads.
#[derive(Clone, Debug)]
pub(super) struct LogicQueue {
    pub(super) topic: String,
    pub(super) queue_id: i32,
    detail: Arc<TopicQueueMappingDetail>,
}

/// What a request names: a topic, a queue, and whether that queue is a logical one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) topic: &'a str,
    pub(super) queue_id: i32,
    /// The field `lo`; `false` in what brokers ask each other, which is about physical queues.
    pub(super) lo: Option<bool>,
}

impl TopicQueueMappingManager {
    /// The logical queue a request names; `None` when the queue is a physical one.
    ///
    /// # Errors
    /// `NOT_LEADER_FOR_QUEUE` when another broker leads it.
    pub(super) fn logic_queue(&self, named: Named<'_>) -> Result<Option<LogicQueue>, Refusal> {
        let Named { topic, queue_id, lo } = named;
        if lo == Some(false) {
            return Ok(None);
        }
        let Some(detail) = self.find(topic) else { return Ok(None) };
        if detail.leads(queue_id) {
            return Ok(Some(LogicQueue { topic: topic.to_owned(), queue_id, detail }));
        }
        let remark = format!(
            "{topic}-{queue_id} does not exit in request process of current broker {}",
            self.broker_name()
        );
        Err(Refusal::new(ResponseCode::NOT_LEADER_FOR_QUEUE, remark))
    }

    /// The same for a message, whose producer may leave the choice of the queue to the broker.
    ///
    /// # Errors
    /// As [`Self::logic_queue`].
    pub(super) fn logic_queue_for_message(
        &self,
        topic: &str,
        queue_id: i32,
    ) -> Result<Option<LogicQueue>, Refusal> {
        let mut named = Named { topic, queue_id, lo: None };
        if queue_id < 0
            && let Some(detail) = self.find(topic)
            && let Some(led) = detail.hosted_queues.keys().find(|queue_id| detail.leads(**queue_id))
        {
            named.queue_id = *led;
        }
        self.logic_queue(named)
    }
}

impl LogicQueue {
    #[cfg(test)]
    pub(super) fn of(detail: TopicQueueMappingDetail, queue_id: i32) -> Self {
        Self { topic: detail.topic.clone(), queue_id, detail: Arc::new(detail) }
    }

    /// The stretches, oldest first.
    pub(super) fn items(&self) -> &[LogicQueueMappingItem] {
        self.detail.hosted_queues.get(&self.queue_id).map_or(&[], Vec::as_slice)
    }

    /// The stretch that takes messages, held by this broker.
    pub(super) fn leader(&self) -> Result<&LogicQueueMappingItem, Refusal> {
        self.items().last().ok_or_else(undecided)
    }

    /// Whether a stretch is held by this broker.
    pub(super) fn is_here(&self, item: &LogicQueueMappingItem) -> bool {
        item.bname == self.detail.bname
    }

    /// The stretch an offset is in, or the first one if it is before them all
    /// (`findLogicQueueMappingItem`, those that begin nowhere yet left out).
    pub(super) fn at(&self, logic_offset: i64) -> Result<&LogicQueueMappingItem, Refusal> {
        let decided = || self.items().iter().filter(|item| item.is_decided());
        let at = decided().rev().find(|item| logic_offset >= item.logic_offset);
        at.or_else(|| decided().next()).ok_or_else(undecided)
    }

    /// The first stretch.
    pub(super) fn earliest(&self) -> Result<&LogicQueueMappingItem, Refusal> {
        self.at(0)
    }

    /// The last stretch of which it is known where it begins.
    pub(super) fn latest(&self) -> Result<&LogicQueueMappingItem, Refusal> {
        self.at(i64::MAX)
    }

    /// The stretch after one, if it is known where that begins (`findNext`).
    pub(super) fn after(&self, item: &LogicQueueMappingItem) -> Option<&LogicQueueMappingItem> {
        let position = self.items().iter().position(|known| known.generation == item.generation)?;
        self.items().get(position + 1).filter(|next| next.is_decided())
    }

    /// Whether the queue is one physical queue from its beginning, so that offsets are the same in both.
    pub(super) fn is_physical(&self) -> bool {
        matches!(self.items(), [only] if only.logic_offset == 0)
    }
}

/// A queue none of whose stretches begins anywhere yet.
fn undecided() -> Refusal {
    Refusal::system_error("the beginning of the logical queue is not decided yet")
}
