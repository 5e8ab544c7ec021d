//! Building the index behind the appender, and handing held-back messages to their queues.

use std::sync::atomic::Ordering;

use super::MessageStore;
use crate::{
    arrival::Arrival, consume_queue::AppendOutcome, dispatch::queue_place, index_file::IndexRequest,
};

/// One round of building looks at this much of the log, so that a stop does not wait long.
const ROUND_BYTES: i64 = 16 << 20;

impl MessageStore {
    /// Indexes the next messages; answers whether there may be more at once.
    pub(super) fn build_index(&self) -> bool {
        let Some(index) = &self.index else { return false };
        let _indexing = self.indexing.lock();
        let from = self.indexed.load(Ordering::Acquire).max(self.log.min_phy_offset());
        let until = self.confirm_phy_offset();
        if from >= until {
            return false;
        }
        let round_end = until.min(from.saturating_add(ROUND_BYTES));
        let mut failed = false;
        // The whole rest is offered, for a record may be longer than a round; the round ends by itself.
        let reached = self.log.walk(from, until, |record, _| {
            if record.phy_offset() >= round_end {
                return false;
            }
            let Some(request) = IndexRequest::of(record) else { return true };
            let put = index.put(&request);
            if let Err(error) = &put {
                failed = true;
                tracing::warn!(phy_offset = record.phy_offset(), %error, "message not indexed, trying again");
            }
            put.is_ok()
        });
        self.indexed.store(reached, Ordering::Release);
        !failed && reached > from && reached < until
    }

    /// Hands everything up to `flushed` to the queues, where units are held back until then.
    pub(super) fn dispatch_flushed(&self, flushed: i64) {
        if !self.options.holds_back_unflushed() {
            return;
        }
        let mut dispatched = self.dispatched.lock();
        let reached = self.log.walk(*dispatched, flushed, |record, _| {
            let Some(place) = queue_place(record, &self.levels) else { return true };
            let appended = self.queues.get_or_create(record.topic(), record.queue_id()).and_then(|queue| {
                let mut unit = place.unit;
                if queue.max_queue_offset() <= place.queue_offset {
                    let (properties, stored) = (record.properties(), record.store_timestamp());
                    unit.tags_code = self.extended(&queue, properties, stored, unit.tags_code);
                }
                Ok((queue.append(place.queue_offset, unit)?, queue))
            });
            match appended {
                Ok((AppendOutcome::AlreadyPresent, _)) => {}
                Ok((_, queue)) => self.arrival.arrived(&Arrival {
                    topic: queue.topic(),
                    queue_id: record.queue_id(),
                    next_queue_offset: place.queue_offset + 1,
                    tags_code: place.unit.tags_code,
                    store_timestamp: record.store_timestamp(),
                    properties: record.properties(),
                }),
                Err(error) => {
                    let (topic, queue_id) = (record.topic(), record.queue_id());
                    self.health.fence(&format!("{topic}/{queue_id}: {error}"));
                    return false;
                }
            }
            true
        });
        *dispatched = reached;
        drop(dispatched);
        self.index_wanted.raise();
    }
}
