//! What operators ask of queues: removing those nothing is left of, and looking at one unit by unit.

use std::sync::{Arc, atomic::Ordering};

use super::MessageStore;
use crate::{
    consume_queue::{ConsumeQueue, Unit},
    consume_queue_ext::Extension,
    fs::Disk,
};

/// A stretch of a queue as it stands in its files.
#[derive(Debug)]
pub struct QueueLook {
    /// Queue offset of the first message.
    pub min_offset: i64,
    /// Queue offset after the last message.
    pub max_offset: i64,
    /// The units from the asked one on, with what stands beside them; `None` when there is no such place.
    pub units: Option<Vec<(Unit, Option<Extension>)>>,
}

impl MessageStore {
    /// Removes the queues of which no message is left in the CommitLog (`cleanExpiredConsumerQueue`), but for those of
    /// topics that are kept; how many there were. As in RocketMQ such a queue begins at 0 again.
    pub fn clean_expired_queues(&self, is_kept: impl Fn(&str) -> bool) -> usize {
        let mut removed = 0;
        for topic in self.queues.topics().into_iter().filter(|topic| !is_kept(topic)) {
            for queue_id in self.queues.queues(&topic) {
                removed += usize::from(self.remove_if_expired(&topic, queue_id));
            }
        }
        removed
    }

    fn remove_if_expired(&self, topic: &Arc<str>, queue_id: i32) -> bool {
        self.log.while_not_appending(|| {
            let Some(queue) = self.queue(topic, queue_id) else { return false };
            if !is_expired(&queue, self.log.min_phy_offset()) {
                return false;
            }
            self.deletions.fetch_add(1, Ordering::AcqRel);
            self.assigned.lock().retain(|(assigned, id), _| !(**assigned == **topic && *id == queue_id));
            if let Err(error) = self.extensions.delete_queue(topic, queue_id) {
                tracing::error!(%topic, queue_id, %error, "extensions of an expired queue not removed");
            }
            match self.queues.delete_queue(topic, queue_id) {
                Ok(existed) => {
                    tracing::info!(%topic, queue_id, "expired consume queue removed");
                    existed
                }
                Err(error) => {
                    tracing::error!(%topic, queue_id, %error, "expired consume queue not removed");
                    false
                }
            }
        })
    }

    /// Up to `max_count` units of a queue from one on; `None` without such a queue.
    pub fn look_at_queue(
        &self,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
        max_count: usize,
    ) -> Option<QueueLook> {
        let queue = self.queue(topic, queue_id)?;
        let (min_offset, max_offset) = (queue.min_queue_offset(), queue.max_queue_offset());
        let is_there = (min_offset..max_offset).contains(&queue_offset);
        let units = is_there.then(|| self.units_with_extensions(&queue, queue_offset, max_count));
        Some(QueueLook { min_offset, max_offset, units })
    }

    fn units_with_extensions(
        &self,
        queue: &ConsumeQueue,
        queue_offset: i64,
        max_count: usize,
    ) -> Vec<(Unit, Option<Extension>)> {
        let (topic, queue_id) = (queue.topic(), queue.queue_id());
        let read = queue.read_queued(Disk::MayWait, queue_offset, max_count).unwrap_or_else(|error| {
            tracing::error!(%topic, queue_id, %error, "consume queue cannot be read");
            Vec::new()
        });
        let with_extension = |unit: Unit| {
            let extension = self.extensions.get(Disk::MayWait, topic, queue_id, &unit);
            (unit, extension)
        };
        read.into_iter().map(|queued| with_extension(queued.unit)).collect()
    }
}

/// Whether a queue had messages and has none left.
fn is_expired(queue: &ConsumeQueue, min_phy_offset: i64) -> bool {
    let is_empty = queue.max_queue_offset() == queue.min_queue_offset();
    match queue.max_phy_offset() {
        Some(end) => end <= min_phy_offset,
        None => is_empty && queue.max_queue_offset() > 0,
    }
}
