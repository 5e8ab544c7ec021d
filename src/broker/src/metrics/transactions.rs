//! Ends of transactions, and what went through the timer.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    family::{Family, Labels, Point},
    histogram::{Bounds, Histogram},
    series::Series,
};

use super::{BrokerMetrics, labels_of, storage_labels, traffic::histogram};

#[derive(Debug)]
struct FinishSeconds;
impl Bounds for FinishSeconds {
    const BOUNDS: &'static [u32] = &[5, 60, 600, 3_600, 43_200, 86_400];
}

#[derive(Debug)]
struct DelaySeconds;
impl Bounds for DelaySeconds {
    const BOUNDS: &'static [u32] = &[60, 600, 3_600, 43_200, 86_400, 259_200];
}

#[derive(Debug, Default)]
struct TopicTransactions {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    /// Seconds from birth to commit.
    latency: Histogram<FinishSeconds>,
}

#[derive(Debug, Default)]
struct TopicTimer {
    enqueued: AtomicU64,
    dequeued: AtomicU64,
    /// Seconds from birth to delivery that were asked for.
    delay: Histogram<DelaySeconds>,
}

#[derive(Debug)]
pub(super) struct TransactionCounts {
    transactions: Series<Box<str>, TopicTransactions>,
    timer: Series<Box<str>, TopicTimer>,
}

impl BrokerMetrics {
    /// A half message of a topic was committed so many milliseconds after it was made.
    pub fn committed(&self, topic: &str, millis: i64) {
        let Some(counts) = &self.0 else { return };
        counts.transactions.transactions.with(
            topic,
            || topic.into(),
            |counted| {
                counted.committed.fetch_add(1, Ordering::Relaxed);
                counted.latency.record(seconds(millis));
            },
        );
    }

    /// A half message of a topic was rolled back.
    pub fn rolled_back(&self, topic: &str) {
        let Some(counts) = &self.0 else { return };
        counts.transactions.transactions.with(
            topic,
            || topic.into(),
            |counted| {
                counted.rolled_back.fetch_add(1, Ordering::Relaxed);
            },
        );
    }

    /// A message of a topic went into the timer, to be delivered so many milliseconds after it was made.
    pub fn timer_enqueued(&self, topic: &str, delay_millis: i64) {
        let Some(counts) = &self.0 else { return };
        counts.transactions.timer.with(
            topic,
            || topic.into(),
            |counted| {
                counted.enqueued.fetch_add(1, Ordering::Relaxed);
                counted.delay.record(seconds(delay_millis));
            },
        );
    }

    /// A message of a topic came out of the timer.
    pub fn timer_dequeued(&self, topic: &str) {
        let Some(counts) = &self.0 else { return };
        counts.transactions.timer.with(
            topic,
            || topic.into(),
            |counted| {
                counted.dequeued.fetch_add(1, Ordering::Relaxed);
            },
        );
    }
}

impl TransactionCounts {
    pub(super) fn new(keys_max: usize) -> Self {
        Self { transactions: Series::new(keys_max), timer: Series::new(keys_max) }
    }

    pub(super) fn forget(&self, topic: &str) {
        self.transactions.retain(|counted| **counted != *topic);
        self.timer.retain(|counted| **counted != *topic);
    }

    pub(super) fn collect(&self) -> Vec<Family> {
        let (mut committed, mut rolled_back, mut latency) = (Vec::new(), Vec::new(), Vec::new());
        self.transactions.for_each(|topic, counted| {
            let labels = labels_of(topic, |topic| vec![("topic", (**topic).into())]);
            push_counted(&mut committed, &labels, &counted.committed);
            push_counted(&mut rolled_back, &labels, &counted.rolled_back);
            let read = counted.latency.read();
            if read.count() > 0 {
                latency.push(Point::new(labels, read));
            }
        });
        let (mut enqueued, mut dequeued, mut delays) = (Vec::new(), Vec::new(), Vec::new());
        self.timer.for_each(|topic, counted| {
            let labels = labels_of(topic, |topic| {
                let mut labels = storage_labels();
                labels.push(("topic", (**topic).into()));
                labels
            });
            push_counted(&mut enqueued, &labels, &counted.enqueued);
            push_counted(&mut dequeued, &labels, &counted.dequeued);
            let read = counted.delay.read();
            if read.count() > 0 {
                delays.push(Point::new(labels, read));
            }
        });
        vec![
            Family::counter("rocketmq_commit_messages_total", "Total number of commit messages", committed),
            Family::counter(
                "rocketmq_rollback_messages_total",
                "Total number of rollback messages",
                rolled_back,
            ),
            // RocketMQ calls these seconds milliseconds.
            histogram::<FinishSeconds>(
                "rocketmq_finish_message_latency",
                "Transaction finish latency",
                "ms",
                latency,
            ),
            Family::counter("rocketmq_timer_enqueue_total", "Total number of timer enqueue", enqueued),
            Family::counter("rocketmq_timer_dequeue_total", "Total number of timer dequeue", dequeued),
            histogram::<DelaySeconds>(
                "rocketmq_delay_message_latency",
                "Timer message set latency distribution",
                "seconds",
                delays,
            ),
        ]
    }
}

fn push_counted(points: &mut Vec<Point<u64>>, labels: &Labels, counted: &AtomicU64) {
    let counted = counted.load(Ordering::Relaxed);
    if counted > 0 {
        points.push(Point::new(labels.clone(), counted));
    }
}

fn seconds(millis: i64) -> u64 {
    u64::try_from(millis / 1_000).unwrap_or(0)
}
