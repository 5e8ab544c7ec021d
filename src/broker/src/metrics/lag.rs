//! How far consumer groups lag behind (`ConsumerLagCalculator`).
//!
//! Looked at for every topic a group with members, or one that was heard of lately, subscribes to. A subscription by
//! tags lags behind by the messages with these tags, counted in the ConsumeQueue over `maxConsumeQueueScan` messages
//! and beyond that estimated from them.

use std::sync::Arc;

use common::{names::RETRY_GROUP_TOPIC_PREFIX, permission::Permission, topic::TopicConfig};
use filter::tag::{SUB_ALL, TagFilter};
use metrics::family::{Family, Labels, Point};
use remoting::body::heartbeat::ConsumeType;

use super::is_system_group;
use crate::{
    clients::Subscription,
    parts::Parts,
    pop::{self, queue::PopQueue},
};

/// Units read from a ConsumeQueue in one go.
const UNITS_PER_READ: usize = 1_024;

/// The five metrics.
pub(super) fn collect(parts: &Parts) -> [Family; 5] {
    let mut points = Points::default();
    for group in parts.groups.names() {
        let Some((consume_type, topics)) = parts.consumers.subscribed_topics(&group) else { continue };
        let is_pop = consume_type == Some(ConsumeType::Pop);
        for topic in topics {
            if topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) || readable(parts, &topic).is_none() {
                continue;
            }
            points.add(
                parts,
                &Looked { group: &group, topic: &topic, retry: is_pop.then_some(false), read: &topic },
            );
            if is_pop {
                let retry_topic = retry_topic(parts, &topic, &group);
                let read = retry_topic.as_deref().unwrap_or_default();
                points.add(parts, &Looked { group: &group, topic: &topic, retry: Some(true), read });
            }
        }
    }
    points.families()
}

/// The topic, if anybody may read or write it.
fn readable(parts: &Parts, topic: &str) -> Option<Arc<TopicConfig>> {
    let config = parts.topics.find(topic)?;
    let allowed = Permission(config.perm.0 & parts.config.now().broker_permission);
    (allowed.is_readable() || allowed.is_writable()).then_some(config)
}

/// The topic with what is to be retried of a pop, of the newer kind if there is one.
fn retry_topic(parts: &Parts, topic: &str, group: &str) -> Option<String> {
    let mut kinds = pop::retry_versions(&parts.config.now()).iter();
    kinds.find_map(|kind| {
        let name = common::names::pop_retry_topic(topic, group, *kind);
        readable(parts, &name).map(|_| name)
    })
}

/// What a point is about.
struct Looked<'a> {
    group: &'a str,
    topic: &'a str,
    /// For a group that pops: whether this is about what is to be retried.
    retry: Option<bool>,
    /// The topic that is read; empty where nothing is retried.
    read: &'a str,
}

#[derive(Default)]
struct Points {
    lag: Vec<Point<i64>>,
    lag_millis: Vec<Point<i64>>,
    inflight: Vec<Point<i64>>,
    queueing_millis: Vec<Point<i64>>,
    ready: Vec<Point<i64>>,
}

/// The figures of one queue, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lag {
    messages: i64,
    inflight: i64,
    ready: i64,
    /// When the first message that is not consumed was stored.
    unconsumed: Option<i64>,
    /// When the first message that is not handed out was stored.
    not_handed_out: Option<i64>,
}

impl Points {
    fn add(&mut self, parts: &Parts, looked: &Looked<'_>) {
        let mut sum = Lag::default();
        let queue_nums = parts.topics.find(looked.read).map_or(0, |topic| topic.write_queue_nums);
        let counted = Counting::of(parts, looked);
        for queue_id in 0..queue_nums {
            sum.merge(counted.queue(queue_id));
        }
        let now = parts.clock.now_millis();
        let since = |stored: Option<i64>| stored.map_or(0, |stored| now - stored);
        let is_system = parts.topics.is_system(looked.topic) || is_system_group(looked.group);
        let labels: Labels = vec![
            ("consumer_group", looked.group.into()),
            ("topic", looked.topic.into()),
            ("is_retry", looked.retry.unwrap_or(false).into()),
            ("is_system", is_system.into()),
        ];
        self.lag.push(Point::new(labels.clone(), sum.messages));
        self.lag_millis.push(Point::new(labels.clone(), since(sum.unconsumed)));
        self.inflight.push(Point::new(labels.clone(), sum.inflight));
        self.queueing_millis.push(Point::new(labels.clone(), since(sum.not_handed_out)));
        self.ready.push(Point::new(labels, sum.ready));
    }

    fn families(self) -> [Family; 5] {
        [
            Family::gauge("rocketmq_consumer_lag_messages", "Consumer lag messages", self.lag),
            Family::gauge("rocketmq_consumer_lag_latency", "Consumer lag time", self.lag_millis)
                .in_unit("milliseconds"),
            Family::gauge("rocketmq_consumer_inflight_messages", "Consumer inflight messages", self.inflight),
            Family::gauge(
                "rocketmq_consumer_queueing_latency",
                "Consumer queueing time",
                self.queueing_millis,
            )
            .in_unit("milliseconds"),
            Family::gauge("rocketmq_consumer_ready_messages", "Consumer ready messages", self.ready),
        ]
    }
}

impl Lag {
    fn merge(&mut self, other: Self) {
        let earlier = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
        self.messages += other.messages;
        self.inflight += other.inflight;
        self.ready += other.ready;
        self.unconsumed = earlier(self.unconsumed, other.unconsumed);
        self.not_handed_out = earlier(self.not_handed_out, other.not_handed_out);
    }
}

/// Counts the messages of queues for a group.
struct Counting<'a> {
    parts: &'a Parts,
    looked: &'a Looked<'a>,
    /// The tags the group wants, where it wants only some and they are to be told apart.
    tags: Option<TagFilter>,
    units_max: i64,
}

impl<'a> Counting<'a> {
    fn of(parts: &'a Parts, looked: &'a Looked<'a>) -> Self {
        let subscription = parts.consumers.find_subscription(looked.group, looked.read);
        let tags = subscription.filter(|_| parts.config.now().estimate_accumulation);
        Self {
            parts,
            looked,
            tags: tags.and_then(|subscription| some_tags(&subscription)),
            units_max: parts.cell.in_force().store.max_consume_queue_scan.into(),
        }
    }

    fn queue(&self, queue_id: i32) -> Lag {
        let (parts, group, topic) = (self.parts, self.looked.group, self.looked.read);
        let end = parts.store.max_offset(topic, queue_id).unwrap_or(0);
        let committed = parts.offsets.query(group, topic, queue_id);
        if self.looked.retry.is_some() {
            let queue = PopQueue::new(topic, group, queue_id);
            // What is in the buffer is asked first: an offset is committed before it leaves.
            let popped = parts.pop.buffer.latest_offset(&queue).or(committed).unwrap_or(end);
            let inflight = parts.pop.inflight.count(&queue);
            let ready = self.count(queue_id, popped, end);
            return Lag {
                messages: ready + inflight,
                inflight,
                ready,
                unconsumed: self.stored(queue_id, popped - inflight),
                not_handed_out: self.stored(queue_id, popped),
            };
        }
        let pulled = parts.offsets.query_pull(group, topic, queue_id);
        let consumed = committed.unwrap_or(end);
        let handed_out = pulled.unwrap_or(0);
        Lag {
            messages: self.count(queue_id, consumed, end),
            inflight: self.count(queue_id, committed.unwrap_or(handed_out), handed_out),
            ready: self.count(queue_id, pulled.unwrap_or(end), end),
            unconsumed: self.stored(queue_id, consumed),
            not_handed_out: self.stored(queue_id, handed_out),
        }
    }

    fn stored(&self, queue_id: i32, queue_offset: i64) -> Option<i64> {
        if queue_offset < 0 {
            return None;
        }
        self.parts.store.store_time(self.looked.read, queue_id, queue_offset).filter(|stored| *stored > 0)
    }

    /// How many messages of `[from, to)` the group wants.
    fn count(&self, queue_id: i32, from: i64, to: i64) -> i64 {
        let all = (to - from).max(0);
        let Some(tags) = self.tags.as_ref().filter(|_| all > 0) else { return all };
        let (mut seen, mut wanted) = (0_i64, 0_i64);
        while seen < all.min(self.units_max) {
            let units = self.parts.store.queue_units(self.looked.read, queue_id, from + seen, UNITS_PER_READ);
            let units = units.get(..units.len().min((all - seen) as usize)).unwrap_or_default();
            if units.is_empty() {
                break;
            }
            seen += units.len() as i64;
            wanted += units.iter().filter(|unit| tags.matches(unit.tags_code)).count() as i64;
        }
        if seen == 0 || seen == all {
            wanted
        } else {
            (i128::from(wanted) * i128::from(all) / i128::from(seen)) as i64
        }
    }
}

/// The tags of a subscription to some of the messages.
fn some_tags(subscription: &Subscription) -> Option<TagFilter> {
    let data = &subscription.data;
    let wants_some = data.is_tag_type() && !data.class_filter_mode && data.sub_string != SUB_ALL;
    wants_some.then(|| TagFilter::new(&data.sub_string, data.code_set.iter().copied()))
}
