//! How far POP is.

use common::names;
use metrics::family::{Family, Labels, Point};

use crate::parts::Parts;

/// Sizes of what is in memory, and how far the revive topic is worked off.
pub(super) fn collect(parts: &Parts) -> [Family; 4] {
    let (mut behind_count, mut behind_millis) = (Vec::new(), Vec::new());
    let topic = parts.pop.log.topic();
    for queue_id in 0..parts.pop.log.queue_num() {
        let settled = parts.offsets.query(names::REVIVE_GROUP, topic, queue_id);
        let end = parts.store.max_offset(topic, queue_id).unwrap_or(0);
        // As in RocketMQ nothing is behind in a queue of which nothing was ever settled.
        let behind = settled.map_or(0, |settled| (end - settled).max(0));
        let oldest = settled.filter(|_| behind > 1);
        let oldest = oldest.and_then(|settled| parts.store.store_time(topic, queue_id, settled + 1));
        let millis = oldest.map_or(0, |stored| (parts.clock.now_millis() - stored).max(0));
        let labels = || vec![("queue_id", queue_id.into())];
        behind_count.push(Point::new(labels(), behind));
        behind_millis.push(Point::new(labels(), millis));
    }
    let one = |value: usize| vec![Point::new(Labels::new(), value as i64)];
    let buffer = &parts.pop.buffer;
    [
        Family::gauge(
            "rocketmq_pop_offset_buffer_size",
            "Time number of buffered offset",
            one(buffer.step_count()),
        ),
        Family::gauge(
            "rocketmq_pop_checkpoint_buffer_size",
            "The number of buffered checkpoint",
            one(buffer.check_point_count()),
        ),
        // RocketMQ calls this number milliseconds.
        Family::gauge("rocketmq_pop_revive_lag", "The processing lag of revive topic", behind_count)
            .in_unit("milliseconds"),
        Family::gauge("rocketmq_pop_revive_latency", "The processing latency of revive topic", behind_millis)
            .in_unit("milliseconds"),
    ]
}
