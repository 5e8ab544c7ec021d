//! How many popped messages of each queue are not acknowledged yet (`PopInflightMessageCounter`).
//!
//! Only what was popped since the broker started counts; the rest is not known.

use runtime::shared_map::SharedMap;

use super::queue::PopQueue;

/// Counts messages by queue. A queue without any takes no place.
#[derive(Debug)]
pub struct PopInflightMessageCounter {
    started_millis: i64,
    counts: SharedMap<PopQueue, i64>,
}

impl PopInflightMessageCounter {
    /// Nothing counted; the broker started at `started_millis`.
    pub fn new(started_millis: i64) -> Self {
        Self { started_millis, counts: SharedMap::default() }
    }

    /// Messages were popped.
    pub fn add(&self, queue: &PopQueue, count: usize) {
        if count > 0 {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let mut total = self.counts.entry(queue.clone()).or_default();
            *total = total.saturating_add(count);
        }
    }

    /// Messages popped at `pop_time` were acknowledged, or are to be popped again.
    pub fn subtract(&self, queue: &PopQueue, pop_time: i64, count: usize) {
        if pop_time < self.started_millis {
            return;
        }
        if let Some(mut total) = self.counts.get_mut(queue) {
            *total = total.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.counts.remove_if(queue, |_, total| *total <= 0);
    }

    /// Forgets what of a queue was popped.
    pub fn clear(&self, queue: &PopQueue) {
        self.counts.remove(queue);
    }

    /// Forgets queues that are gone.
    pub fn retain(&self, is_there: impl Fn(&PopQueue) -> bool) {
        self.counts.retain(|queue, _| is_there(queue));
    }

    /// Messages of a queue that are not acknowledged.
    pub fn count(&self, queue: &PopQueue) -> i64 {
        self.counts.get(queue).map_or(0, |total| *total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_no_longer_counts() {
        let counter = PopInflightMessageCounter::new(100);
        let queue = PopQueue::new("T", "G", 0);
        counter.add(&queue, 3);
        counter.subtract(&queue, 100, 1);
        counter.subtract(&queue, 99, 1);
        assert_eq!(counter.count(&queue), 2);
        counter.subtract(&queue, 100, 5);
        assert!(counter.counts.is_empty());
        counter.add(&queue, 1);
        counter.retain(|queue| &*queue.topic != "T");
        assert_eq!(counter.count(&queue), 0);
    }
}
