//! Building the index behind the appender, and handing held-back messages to their queues.

use std::sync::atomic::Ordering;

use super::MessageStore;
use crate::{
    arrival::Arrival,
    consume_queue::{AppendError, AppendOutcome, TableError},
    dispatch::places,
    index_file::{IndexError, IndexRequest, IndexService, KeyRun},
};

/// One round of building looks at this much of the log, so that a stop does not wait long.
const ROUND_BYTES: i64 = 16 << 20;

impl MessageStore {
    /// Indexes the next messages; answers whether there may be more at once.
    pub(super) fn build_index(&self) -> bool {
        let Some(index) = &self.index else { return false };
        let _indexing = self.indexing.lock();
        let from = self.indexed.load(Ordering::Acquire).max(self.log.min_phy_offset());
        let fed = self.index_feed.take(from);
        let until = self.confirm_phy_offset();
        let fed = fed.filter(|run| run.end() <= until);
        // What has been appended since the appender's keys were taken is left for the next round.
        let until = fed.as_ref().map_or(until, KeyRun::end);
        let (reached, put) = match fed {
            Some(run) => run.index(index),
            None if from < until => self.index_from_log(index, from, until),
            None => return false,
        };
        self.indexed.store(reached, Ordering::Release);
        if let Err(error) = &put {
            tracing::warn!(phy_offset = reached, %error, "message not indexed, trying again");
        }
        put.is_ok() && reached > from && reached < until
    }

    /// Indexes records as they stand in the log, up to where the appender has left keys.
    fn index_from_log(&self, index: &IndexService, from: i64, until: i64) -> (i64, Result<(), IndexError>) {
        let fed_from = self.index_feed.begin();
        let until = if fed_from > from { until.min(fed_from) } else { until };
        let round_end = until.min(from.saturating_add(ROUND_BYTES));
        let mut put = Ok(());
        // The whole rest is offered, for a record may be longer than a round; the round ends by itself.
        let reached = self.log.walk(from, until, |record, _| {
            if record.phy_offset() >= round_end {
                return false;
            }
            let Some(request) = IndexRequest::of(record) else { return true };
            put = index.put(&request);
            put.is_ok()
        });
        (reached, put)
    }

    /// Hands everything up to `flushed` to the queues, where units are held back until then.
    pub(super) fn dispatch_flushed(&self, flushed: i64) {
        if !self.options.now().holds_back_unflushed() {
            return;
        }
        let mut dispatched = self.dispatched.lock();
        let reached = self.log.walk(*dispatched, flushed, |record, _| {
            for (topic, queue_id, place) in places(record, &self.levels, self.options.now().light_queues) {
                let appended = self.queues.get_or_create(topic, queue_id).and_then(|queue| {
                    let mut place = place;
                    // Light queues have no extensions.
                    if topic == record.topic() && queue.max_queue_offset() <= place.queue_offset {
                        let (properties, tags_code) = (record.properties(), place.unit.tags_code);
                        place.unit.tags_code =
                            self.extended(&queue, properties, place.store_timestamp, tags_code);
                    }
                    Ok((place.append_to(&queue)?, queue))
                });
                match appended {
                    Ok((AppendOutcome::AlreadyPresent, _)) => {}
                    Ok((_, queue)) => {
                        self.copy_if_compacted(queue.topic(), queue_id);
                        self.arrival.arrived(&Arrival {
                            topic: queue.topic(),
                            queue_id,
                            next_queue_offset: place.queue_offset + place.message_count(),
                            tags_code: place.unit.tags_code,
                            store_timestamp: place.store_timestamp,
                            properties: record.properties(),
                        });
                    }
                    // Its topic was deleted meanwhile, and has queues of another kind now or none.
                    Err(TableError::Append(AppendError::InvalidUnit(unit))) => {
                        tracing::error!(topic, queue_id, ?unit, "message does not fit its queue");
                    }
                    Err(error) => {
                        self.health.fence(&format!("{topic}/{queue_id}: {error}"));
                        return false;
                    }
                }
            }
            true
        });
        *dispatched = reached;
        drop(dispatched);
        self.index_wanted.raise();
    }
}
