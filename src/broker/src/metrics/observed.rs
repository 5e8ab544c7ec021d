//! What is just so when somebody looks: sizes, backlogs, connections.

use std::{collections::BTreeMap, sync::Arc};

use metrics::family::{Family, Labels, Point, Source};
use remoting::{body::heartbeat::ConsumeType, command::Language, lane::Lane, version::version_name};

use super::{is_system_group, lag, pop_observed, storage_labels};
use crate::{parts::Parts, timer::service::TimerMessageService};

/// Upper ends of the stretches the timer's messages are counted in, in seconds (`TimerMetrics.timerDist`).
const TIMER_BOUNDS_SECONDS: [i64; 8] = [5, 60, 300, 900, 3_600, 14_400, 28_800, 86_400];

/// A lane under the name it has in the metrics.
pub type NamedLane = (&'static str, Arc<Lane>);

/// All metrics of a broker.
pub struct BrokerObserver {
    parts: Arc<Parts>,
    lanes: Vec<NamedLane>,
}

impl BrokerObserver {
    /// Looks at these parts and lanes.
    pub fn new(parts: Arc<Parts>, lanes: Vec<NamedLane>) -> Self {
        Self { parts, lanes }
    }
}

impl Source for BrokerObserver {
    fn collect(&self) -> Vec<Family> {
        let parts = &*self.parts;
        let mut families = parts.stats.metrics().collect(&|topic| parts.topics.is_system(topic));
        families.extend(self.broker());
        families.extend(connections(parts));
        families.extend(lag::collect(parts));
        families.extend(pop_observed::collect(parts));
        families.extend(storage(parts));
        if let Some(timer) = &parts.timer {
            families.extend(of_timer(timer));
        }
        families
    }
}

impl BrokerObserver {
    fn broker(&self) -> [Family; 5] {
        let parts = &*self.parts;
        // What is stored is answered by the task that stored it: nothing waits for an executor of its own.
        let none = [("async_put", 0)];
        let waiting = self.lanes.iter().map(|(name, lane)| (*name, lane.waiters() as i64)).chain(none);
        let waiting = waiting.map(|(name, count)| Point::new(vec![("processor", name.into())], count));
        let half = parts.transactions.half_message_counts().into_iter();
        let half = half.map(|(topic, count)| Point::new(vec![("topic", topic.into())], count));
        [
            Family::gauge("rocketmq_processor_watermark", "Request processor watermark", waiting.collect()),
            one(
                "rocketmq_broker_permission",
                "Broker permission",
                parts.config.now().broker_permission.into(),
            ),
            one("rocketmq_topic_number", "Active topic number", parts.topics.len() as i64),
            one(
                "rocketmq_consumer_group_number",
                "Active subscription group number",
                parts.groups.len() as i64,
            ),
            Family::gauge("rocketmq_half_messages", "Half messages of all topics", half.collect()),
        ]
    }
}

/// A gauge without labels of its own.
fn one(name: &'static str, help: &'static str, value: i64) -> Family {
    Family::gauge(name, help, vec![Point::new(Labels::new(), value)])
}

/// How far the timer is.
fn of_timer(timer: &TimerMessageService) -> [Family; 6] {
    let waiting = timer.metrics().counts().into_iter().map(|(topic, count)| {
        let mut labels = storage_labels();
        labels.push(("topic", topic.into()));
        Point::new(labels, count)
    });
    let of_store = |value| vec![Point::new(storage_labels(), value)];
    [
        Family::gauge(
            "rocketmq_timer_enqueue_lag",
            "Timer enqueue messages lag",
            of_store(timer.offset_behind()),
        ),
        Family::gauge(
            "rocketmq_timer_enqueue_latency",
            "Timer enqueue latency",
            of_store(timer.enqueue_behind_millis()),
        )
        .in_unit("milliseconds"),
        Family::gauge(
            "rocketmq_timer_dequeue_lag",
            "Timer dequeue messages lag",
            of_store(timer.pending_count()),
        ),
        // RocketMQ calls these seconds milliseconds.
        Family::gauge(
            "rocketmq_timer_dequeue_latency",
            "Timer dequeue latency",
            of_store(timer.read_behind_seconds()),
        )
        .in_unit("milliseconds"),
        Family::gauge("rocketmq_timing_messages", "Current message number in timing", waiting.collect()),
        Family::gauge(
            "rocketmq_timer_message_snapshot",
            "Timer message distribution snapshot, only count timing messages in 24h.",
            timer_snapshot(timer),
        ),
    ]
}

/// How many messages fall due in each stretch from now on.
fn timer_snapshot(timer: &TimerMessageService) -> Vec<Point<i64>> {
    let mut from_seconds = 0;
    let mut points = Vec::new();
    for until_seconds in TIMER_BOUNDS_SECONDS {
        match timer.count_between(from_seconds, until_seconds) {
            Ok(count) => {
                let mut labels = storage_labels();
                labels.push(("timer_bound_s", until_seconds.to_string().into()));
                points.push(Point::new(labels, count));
            }
            Err(error) => tracing::warn!(%error, "timer wheel cannot be read for metrics"),
        }
        from_seconds = until_seconds;
    }
    points
}

fn storage(parts: &Parts) -> Vec<Family> {
    let store = &parts.store;
    let behind = store.max_phy_offset() - store.flushed_phy_offset();
    let of_store = |name, help, unit, value| {
        Family::gauge(name, help, vec![Point::new(storage_labels(), value)]).in_unit(unit)
    };
    let mut families = vec![
        of_store("rocketmq_storage_flush_behind_bytes", "Broker flush behind bytes", "bytes", behind.max(0)),
        of_store(
            "rocketmq_storage_dispatch_behind_bytes",
            "Broker dispatch behind bytes",
            "bytes",
            store.dispatch_behind_bytes(),
        ),
    ];
    if let Ok([_, disk]) = store.disk_usage() {
        let used = i64::try_from(disk.total_bytes.saturating_sub(disk.free_bytes)).unwrap_or(i64::MAX);
        families.push(of_store("rocketmq_storage_size", "Broker storage size", "bytes", used));
    }
    if let Some(earliest) = store.earliest_store_time_of_log().filter(|earliest| *earliest > 0) {
        families.push(of_store(
            "rocketmq_storage_message_reserve_time",
            "Broker message reserve time",
            "milliseconds",
            parts.clock.now_millis() - earliest,
        ));
    }
    families
}

/// How many clients there are of each kind.
fn connections(parts: &Parts) -> [Family; 2] {
    let mut producers: BTreeMap<(&'static str, i32), i64> = BTreeMap::new();
    for member in parts.producers.table().into_values().flatten() {
        *producers.entry((member.language.name(), member.version)).or_default() += 1;
    }
    let producers = producers.into_iter().map(|((language, version), count)| {
        Point::new(client_labels(Language::from_name(language), version).into(), count)
    });
    let mut consumers = Vec::new();
    for name in parts.consumers.groups() {
        let Some(group) = parts.consumers.group(&name) else { continue };
        let mut kinds: BTreeMap<(&'static str, i32), i64> = BTreeMap::new();
        for member in group.members.values() {
            *kinds.entry((member.language.name(), member.version)).or_default() += 1;
        }
        let mode = mode_label(group.consume_type);
        for ((language, version), count) in kinds {
            let mut labels = Labels::from(client_labels(Language::from_name(language), version));
            labels.extend([
                ("consumer_group", name.as_str().into()),
                ("consume_mode", mode.into()),
                ("is_system", is_system_group(&name).into()),
            ]);
            consumers.push(Point::new(labels, count));
        }
    }
    [
        Family::gauge("rocketmq_producer_connections", "Producer connections", producers.collect()),
        Family::gauge("rocketmq_consumer_connections", "Consumer connections", consumers),
    ]
}

fn client_labels(language: Language, version: i32) -> [(&'static str, metrics::family::Value); 3] {
    [
        ("language", language.name().to_ascii_lowercase().into()),
        ("version", version_name(version).to_ascii_lowercase().into()),
        ("protocol_type", "remoting".into()),
    ]
}

/// RocketMQ's short names of the ways to consume.
fn mode_label(consume_type: Option<ConsumeType>) -> &'static str {
    match consume_type {
        Some(ConsumeType::Actively) => "pull",
        Some(ConsumeType::Passively) | None => "push",
        Some(ConsumeType::Pop) => "pop",
    }
}
