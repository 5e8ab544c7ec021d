//! Messages in and out, and how long administration takes.

use std::sync::atomic::{AtomicU64, Ordering};

use common::names::{DLQ_GROUP_TOPIC_PREFIX, RETRY_GROUP_TOPIC_PREFIX};
use message::{properties, property_names as property};
use metrics::{
    family::{Data, Distribution, Family, Labels, Point},
    histogram::{Bounds, Histogram},
    series::Series,
};

use super::{BrokerMetrics, is_system_group, labels_of};
use crate::stats::key::{OwnedPair, Pair, PairRef};

/// What kind of message a producer has sent (`TopicMessageType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// An ordinary one.
    Normal,
    /// One in order with others.
    Fifo,
    /// One to be delivered later.
    Delay,
    /// A half message.
    Transaction,
}

impl MessageType {
    const ALL: [Self; 4] = [Self::Normal, Self::Fifo, Self::Delay, Self::Transaction];

    /// What a message with these properties, as a client has sent them, is.
    pub fn of(encoded: &[u8]) -> Self {
        let (mut is_prepared, mut is_ordered, mut is_delayed) = (false, false, false);
        // Once through, as this is done for every message.
        for (name, value) in properties::text_pairs(encoded) {
            match name {
                property::TRANSACTION_PREPARED => is_prepared = value.eq_ignore_ascii_case("true"),
                property::SHARDING_KEY => is_ordered = true,
                property::START_DELIVER_TIME
                | property::DELAY_LEVEL
                | property::TIMER_DELIVER_MS
                | property::TIMER_DELAY_SEC
                | property::TIMER_DELAY_MS => is_delayed = true,
                _ => {}
            }
        }
        match (is_prepared, is_ordered, is_delayed) {
            (true, ..) => Self::Transaction,
            (_, true, _) => Self::Fifo,
            (_, _, true) => Self::Delay,
            _ => Self::Normal,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Fifo => "fifo",
            Self::Delay => "delay",
            Self::Transaction => "transaction",
        }
    }
}

/// Which way messages went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Out {
    /// Without a word on retries: pulled, or read by the broker itself.
    Pulled,
    /// Popped from the topic.
    Popped,
    /// Popped from what is to be retried of it.
    PoppedRetry,
}

impl Out {
    const ALL: [Self; 3] = [Self::Pulled, Self::Popped, Self::PoppedRetry];
}

#[derive(Debug)]
struct SizeBytes;
impl Bounds for SizeBytes {
    const BOUNDS: &'static [u32] = &[1_024, 4_096, 524_288, 1_048_576, 2_097_152, 4_194_304];
}

#[derive(Debug)]
struct CreationMillis;
impl Bounds for CreationMillis {
    const BOUNDS: &'static [u32] = &[10, 100, 1_000, 3_000, 5_000];
}

/// Messages and their bytes.
#[derive(Debug, Default)]
struct Flow {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    fn add(&self, messages: usize, bytes: usize) {
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

#[derive(Debug, Default)]
struct TopicIn([(Flow, Histogram<SizeBytes>); 4]);

#[derive(Debug, Default)]
struct GroupOut([Flow; 3]);

/// A creation that was tried: whether it succeeded, and of a system topic, where that matters.
type Creation = (bool, Option<bool>);

#[derive(Debug)]
pub(super) struct TrafficCounts {
    into: Series<Box<str>, TopicIn>,
    out: Series<OwnedPair, GroupOut>,
    dead: Series<OwnedPair, AtomicU64>,
    topic_creations: Series<Creation, Histogram<CreationMillis>>,
    group_creations: Series<Creation, Histogram<CreationMillis>>,
}

impl BrokerMetrics {
    /// What a message with these properties, as a client has sent them, is; not looked for where nothing is counted.
    pub fn message_type(&self, encoded: Option<&str>) -> MessageType {
        let encoded = encoded.filter(|_| self.is_enabled());
        encoded.map_or(MessageType::Normal, |encoded| MessageType::of(encoded.as_bytes()))
    }

    /// A producer's messages were stored in a topic; those it has sent to a retry topic do not count.
    pub fn sent(&self, topic: &str, kind: MessageType, messages: usize, bytes: usize) {
        if self.is_enabled() && !is_retry_or_dlq(topic) {
            self.messages_in(topic, kind, messages, bytes);
        }
    }

    /// Messages have come into a topic.
    pub fn messages_in(&self, topic: &str, kind: MessageType, messages: usize, bytes: usize) {
        let Some(counts) = &self.0 else { return };
        if messages == 0 {
            return;
        }
        counts.traffic.into.with(
            topic,
            || topic.into(),
            |counted| {
                if let Some((flow, sizes)) = counted.0.get(kind as usize) {
                    flow.add(messages, bytes);
                    sizes.record((bytes / messages) as u64);
                }
            },
        );
    }

    /// Messages of a topic were handed to a group.
    pub fn messages_out(&self, topic: &str, group: &str, out: Out, messages: usize, bytes: usize) {
        let Some(counts) = &self.0 else { return };
        let pair = PairRef { topic, group };
        counts.traffic.out.with(
            &pair as &dyn Pair,
            || pair.to_owned_pair(),
            |counted| {
                if let Some(flow) = counted.0.get(out as usize) {
                    flow.add(messages, bytes);
                }
            },
        );
    }

    /// As [`Self::messages_out`], for a pull: those of retry topics do not count.
    pub fn pulled(&self, topic: &str, group: &str, messages: usize, bytes: usize) {
        if self.is_enabled() && !is_retry_or_dlq(topic) {
            self.messages_out(topic, group, Out::Pulled, messages, bytes);
        }
    }

    /// A message of a topic has failed too often for a group.
    pub fn sent_to_dlq(&self, topic: &str, group: &str) {
        let Some(counts) = &self.0 else { return };
        let pair = PairRef { topic, group };
        counts.traffic.dead.with(
            &pair as &dyn Pair,
            || pair.to_owned_pair(),
            |counted| {
                counted.fetch_add(1, Ordering::Relaxed);
            },
        );
    }

    /// An operator's request to make or change a topic was worked on.
    pub fn topic_creation(&self, is_done: bool, is_system: bool, millis: u64) {
        let Some(counts) = &self.0 else { return };
        let key = (is_done, Some(is_system));
        counts.traffic.topic_creations.with(&key, || key, |counted| counted.record(millis));
    }

    /// An operator's request to make or change a group was worked on.
    pub fn group_creation(&self, is_done: bool, millis: u64) {
        let Some(counts) = &self.0 else { return };
        let key = (is_done, None);
        counts.traffic.group_creations.with(&key, || key, |counted| counted.record(millis));
    }
}

impl TrafficCounts {
    pub(super) fn new(keys_max: usize) -> Self {
        Self {
            into: Series::new(keys_max),
            out: Series::new(keys_max),
            dead: Series::new(keys_max),
            topic_creations: Series::new(keys_max),
            group_creations: Series::new(keys_max),
        }
    }

    pub(super) fn forget(&self, is_gone: &dyn Fn(&str, &str) -> bool) {
        self.into.retain(|topic| !is_gone(topic, ""));
        self.out.retain(|pair| !is_gone(pair.topic(), pair.group()));
        self.dead.retain(|pair| !is_gone(pair.topic(), pair.group()));
    }

    pub(super) fn collect(&self, is_system_topic: &dyn Fn(&str) -> bool) -> Vec<Family> {
        let mut families = Vec::from(self.collect_in(is_system_topic));
        families.extend(self.collect_out(is_system_topic));
        let mut dead = Vec::new();
        self.dead.for_each(|pair, counted| {
            let counted = counted.load(Ordering::Relaxed);
            if counted > 0 {
                let labels = labels_of(pair, |pair| {
                    let (topic, group) = (pair.topic(), pair.group());
                    vec![
                        ("consumer_group", group.into()),
                        ("topic", topic.into()),
                        ("is_system", (is_system_topic(topic) || is_system_group(group)).into()),
                    ]
                });
                dead.push(Point::new(labels, counted));
            }
        });
        families.push(Family::counter(
            "rocketmq_send_to_dlq_messages_total",
            "Consumer send to DLQ messages",
            dead,
        ));
        families.push(creations(
            "rocketmq_topic_create_execution_time",
            "The distribution of create topic time",
            &self.topic_creations,
        ));
        families.push(creations(
            "rocketmq_consumer_group_create_execution_time",
            "The distribution of create subscription time",
            &self.group_creations,
        ));
        families
    }

    fn collect_in(&self, is_system_topic: &dyn Fn(&str) -> bool) -> [Family; 3] {
        let (mut messages, mut bytes, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        self.into.for_each(|topic, counted| {
            for (kind, (flow, spread)) in MessageType::ALL.into_iter().zip(&counted.0) {
                let read = flow.read();
                if read.0 == 0 {
                    continue;
                }
                let labels = labels_of(topic, |topic| {
                    vec![
                        ("topic", (**topic).into()),
                        ("message_type", kind.label().into()),
                        ("is_system", is_system_topic(topic).into()),
                    ]
                });
                sizes.push(Point::new(labels.clone(), spread.read()));
                push_flow(&mut messages, &mut bytes, labels, read);
            }
        });
        [
            Family::counter("rocketmq_messages_in_total", "Total number of incoming messages", messages),
            Family::counter("rocketmq_throughput_in_total", "Total traffic of incoming messages", bytes),
            histogram::<SizeBytes>("rocketmq_message_size", "Incoming messages size", "", sizes),
        ]
    }

    fn collect_out(&self, is_system_topic: &dyn Fn(&str) -> bool) -> [Family; 2] {
        let (mut messages, mut bytes) = (Vec::new(), Vec::new());
        self.out.for_each(|pair, counted| {
            for (out, flow) in Out::ALL.into_iter().zip(&counted.0) {
                let read = flow.read();
                if read.0 == 0 {
                    continue;
                }
                let labels = labels_of(pair, |pair| out_labels(pair, out, is_system_topic(pair.topic())));
                push_flow(&mut messages, &mut bytes, labels, read);
            }
        });
        [
            Family::counter("rocketmq_messages_out_total", "Total number of outgoing messages", messages),
            Family::counter("rocketmq_throughput_out_total", "Total traffic of outgoing messages", bytes),
        ]
    }
}

/// Whether a topic is one of those that messages go to again (`isRetryOrDlqTopic`).
fn is_retry_or_dlq(topic: &str) -> bool {
    topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) || topic.starts_with(DLQ_GROUP_TOPIC_PREFIX)
}

fn out_labels(pair: &OwnedPair, out: Out, is_system_topic: bool) -> Labels {
    let (topic, group) = (pair.topic(), pair.group());
    let mut labels = vec![
        ("topic", topic.into()),
        ("consumer_group", group.into()),
        ("is_system", (is_system_topic || is_system_group(group)).into()),
    ];
    if out != Out::Pulled {
        labels.push(("is_retry", (out == Out::PoppedRetry).into()));
    }
    labels
}

fn push_flow(messages: &mut Vec<Point<u64>>, bytes: &mut Vec<Point<u64>>, labels: Labels, read: (u64, u64)) {
    messages.push(Point::new(labels.clone(), read.0));
    bytes.push(Point::new(labels, read.1));
}

fn creations(
    name: &'static str,
    help: &'static str,
    counted: &Series<Creation, Histogram<CreationMillis>>,
) -> Family {
    let mut points = Vec::new();
    counted.for_each(|key, spread| {
        let read = spread.read();
        if read.count() > 0 {
            let labels = labels_of(key, |(is_done, is_system)| {
                let status = if *is_done { "success" } else { "failure" };
                let of_system = is_system.map(|is_system| ("is_system", is_system.into()));
                [("invocation_status", status.into())].into_iter().chain(of_system).collect()
            });
            points.push(Point::new(labels, read));
        }
    });
    histogram::<CreationMillis>(name, help, "milliseconds", points)
}

/// A histogram with these bounds.
pub(super) fn histogram<B: Bounds>(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    points: Vec<Point<Distribution>>,
) -> Family {
    Family { name, help, unit, data: Data::Histogram { bounds: B::BOUNDS, points } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_say_what_a_message_is() {
        for (properties, kind) in [
            ("", MessageType::Normal),
            ("TAGS\u{1}a\u{2}KEYS\u{1}k\u{2}", MessageType::Normal),
            ("TAGS\u{1}a\u{2}DELAY\u{1}3\u{2}", MessageType::Delay),
            ("TIMER_DELAY_MS\u{1}3", MessageType::Delay),
            ("DELAY\u{1}3\u{2}__SHARDINGKEY\u{1}s\u{2}", MessageType::Fifo),
            ("__SHARDINGKEY\u{1}s\u{2}TRAN_MSG\u{1}TRUE\u{2}", MessageType::Transaction),
            ("TRAN_MSG\u{1}true\u{2}TRAN_MSG\u{1}false\u{2}", MessageType::Normal),
        ] {
            assert_eq!(MessageType::of(properties.as_bytes()), kind, "{properties:?}");
        }
    }
}
