//! How much goes through this broker, by topic and group (`BrokerStatsManager`).
//!
//! Counting is a look-up and three atomic additions, without an allocation once a key is known. One
//! service takes readings, of which the figures operators ask for are differences. Invariants: at most
//! [`TOPICS_MAX`](crate::topics::TOPICS_MAX) topics and [`PAIRS_MAX`] pairs of topic and group are
//! counted; figures depend on the monotonic clock only, except for the turn of the day.

mod item;
mod items;
pub(crate) mod key;
mod rates;

use std::{fmt, sync::Arc, time::Duration};

use common::names::{LMQ_PREFIX, is_lmq};
use parking_lot::Mutex;
use remoting::body::admin::BrokerStatsData;
use runtime::{
    clock::Clock,
    services::{Schedule, Services},
};

use self::{
    item::{Amount, Measure, Span, StatsItem},
    items::Items,
    key::{OwnedPair, Pair, PairRef},
    rates::{RateWindow, TimesOfMinute},
};
use store::times::TimeCounts;

use crate::{metrics::BrokerMetrics, topics::TOPICS_MAX};

pub use rates::{Rates, StoreRates, StoreTotals};

/// Pairs of topic and group that are counted.
pub const PAIRS_MAX: usize = 100_000;

/// How often readings are taken; the spans of [`BrokerStatsData`] are multiples of it.
const SAMPLING: Schedule = Schedule { initial_delay: Duration::ZERO, pause: Duration::from_secs(1) };
const DAY_MILLIS: i64 = 24 * 3_600 * 1_000;

/// What [`BrokerStats`] asks of its surroundings.
pub struct StatsSources {
    /// Whether each light queue is counted on its own, or all of them under `%LMQ%`: `enableLmqStats`.
    pub counts_light_queues_apart: bool,
    /// Whether a topic is RocketMQ's own, and left out of the daily totals.
    pub is_system: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// The counters of the store.
    pub store: Box<dyn Fn() -> StoreTotals + Send + Sync>,
    /// How long puts took since the store opened.
    pub put_times: Box<dyn Fn() -> TimeCounts + Send + Sync>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How far local time is ahead of UTC, in milliseconds: days begin at local midnight.
    pub utc_offset_millis: i64,
}

impl fmt::Debug for StatsSources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StatsSources").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Messages of the broker's life up to three moments (`BrokerStats`), system topics left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DailyTotals {
    /// Up to yesterday's first moment.
    pub yesterday_morning: i64,
    /// Up to today's first moment.
    pub today_morning: i64,
    /// Up to now.
    pub now: i64,
}

/// How much goes through this broker.
#[derive(Debug)]
pub struct BrokerStats {
    cluster: String,
    sources: StatsSources,
    booted_millis: i64,
    booted_at: Duration,
    topic_put: Items<String>,
    group_get: Items<OwnedPair>,
    sent_back: Items<OwnedPair>,
    group_ack: Items<OwnedPair>,
    group_ck: Items<OwnedPair>,
    acked: StatsItem,
    check_points: StatsItem,
    put: Total,
    got: Total,
    sampling: Mutex<Sampling>,
    metrics: BrokerMetrics,
}

/// All messages, and those of topics that are not the system's.
#[derive(Debug, Default)]
struct Total {
    all: StatsItem,
    without_system: StatsItem,
}

impl Total {
    fn add(&self, amount: Amount, is_system: bool) {
        self.all.add_amount(amount);
        if !is_system {
            self.without_system.add_amount(amount);
        }
    }
}

#[derive(Debug, Default)]
struct Sampling {
    /// Monotonic milliseconds at which each of [`Span::ALL`] is due.
    due_millis: [i64; 3],
    rates: RateWindow,
    put_times: TimesOfMinute,
    /// Days since the epoch, in local time.
    day: i64,
    put: DailyTotals,
    got: DailyTotals,
}

impl BrokerStats {
    /// Nothing counted yet. `cluster` is the key of the broker's totals.
    pub fn new(cluster: &str, sources: StatsSources) -> Self {
        let booted_millis = sources.clock.now_millis();
        let booted_at = sources.clock.monotonic();
        let day = (booted_millis + sources.utc_offset_millis).div_euclid(DAY_MILLIS);
        let now = monotonic_millis(&*sources.clock);
        let sampling = Sampling { day, due_millis: [now; 3], ..Sampling::default() };
        Self {
            cluster: cluster.to_owned(),
            sources,
            booted_millis,
            booted_at,
            topic_put: Items::new("TOPIC_PUT_NUMS", TOPICS_MAX),
            group_get: Items::new("GROUP_GET_NUMS", PAIRS_MAX),
            sent_back: Items::new("SNDBCK_PUT_NUMS", PAIRS_MAX),
            group_ack: Items::new("GROUP_ACK_NUMS", PAIRS_MAX),
            group_ck: Items::new("GROUP_CK_NUMS", PAIRS_MAX),
            acked: StatsItem::default(),
            check_points: StatsItem::default(),
            put: Total::default(),
            got: Total::default(),
            sampling: Mutex::new(sampling),
            metrics: BrokerMetrics::default(),
        }
    }

    /// With what is exported beside these statistics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: BrokerMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// What is exported beside these statistics.
    pub fn metrics(&self) -> &BrokerMetrics {
        &self.metrics
    }

    /// Takes readings from now on.
    pub fn start(self: &Arc<Self>, services: &Services) {
        let stats = Arc::clone(self);
        services.every("stats", SAMPLING, move || {
            stats.sample();
            std::future::ready(())
        });
    }

    /// Takes the readings that are due; to be called every second.
    pub fn sample(&self) {
        let now = monotonic_millis(&*self.sources.clock);
        let mut sampling = self.sampling.lock();
        sampling.rates.sample((self.sources.store)(), now);
        sampling.put_times.sample(now, &self.sources.put_times);
        for (span, due_millis) in Span::ALL.into_iter().zip(&mut sampling.due_millis) {
            if now >= *due_millis {
                *due_millis = now + span.interval_millis();
                self.sample_span(span, now);
            }
        }
        let day = (self.sources.clock.now_millis() + self.sources.utc_offset_millis).div_euclid(DAY_MILLIS);
        if day > sampling.day {
            sampling.day = day;
            turn_day(&mut sampling.put, &self.put);
            turn_day(&mut sampling.got, &self.got);
        }
    }

    fn sample_span(&self, span: Span, now_millis: i64) {
        self.topic_put.sample(span, now_millis);
        self.group_get.sample(span, now_millis);
        for items in [&self.sent_back, &self.group_ack, &self.group_ck] {
            items.sample(span, now_millis);
        }
        self.acked.sample(span, now_millis);
        self.check_points.sample(span, now_millis);
        for item in [&self.put.all, &self.put.without_system, &self.got.all, &self.got.without_system] {
            item.sample(span, now_millis);
        }
    }

    /// A request has stored messages in a topic.
    pub fn topic_put(&self, topic: &str, message_count: usize, wrote_bytes: usize) {
        let amount = Amount { count: message_count as i64, bytes: wrote_bytes as i64 };
        let counted = self.counted(topic);
        self.topic_put.add(counted, || counted.to_owned(), amount);
        self.put.add(amount, (self.sources.is_system)(topic));
    }

    /// As [`Self::topic_put`], for the topic alone: the broker's totals do not count it.
    pub fn topic_put_alone(&self, topic: &str, message_count: usize, wrote_bytes: usize) {
        let amount = Amount { count: message_count as i64, bytes: wrote_bytes as i64 };
        let counted = self.counted(topic);
        self.topic_put.add(counted, || counted.to_owned(), amount);
    }

    /// A pull has handed messages of a topic to a group.
    pub fn group_get(&self, topic: &str, group: &str, message_count: usize, total_bytes: usize) {
        let amount = Amount { count: message_count as i64, bytes: total_bytes as i64 };
        let pair = self.pair(topic, group);
        self.group_get.add(&pair as &dyn Pair, || pair.to_owned_pair(), amount);
        self.got.add(amount, (self.sources.is_system)(topic));
    }

    /// The name a topic or group is counted under (`LmqBrokerStatsManager`).
    fn counted<'a>(&self, name: &'a str) -> &'a str {
        if is_lmq(name) && !self.sources.counts_light_queues_apart { LMQ_PREFIX } else { name }
    }

    fn pair<'a>(&self, topic: &'a str, group: &'a str) -> PairRef<'a> {
        PairRef { topic: self.counted(topic), group: self.counted(group) }
    }

    /// A group has sent a message of a topic back.
    pub fn sent_back(&self, topic: &str, group: &str) {
        let pair = self.pair(topic, group);
        self.sent_back.add(&pair as &dyn Pair, || pair.to_owned_pair(), Amount { count: 1, bytes: 0 });
    }

    /// A group has acknowledged messages it popped from a topic.
    pub fn acknowledged(&self, topic: &str, group: &str, message_count: usize) {
        let (pair, amount) = (PairRef { topic, group }, Amount { count: message_count as i64, bytes: 0 });
        self.group_ack.add(&pair as &dyn Pair, || pair.to_owned_pair(), amount);
        self.acked.add_amount(amount);
    }

    /// A group has popped from a topic, which made a check point.
    pub fn check_point(&self, topic: &str, group: &str) {
        let (pair, amount) = (PairRef { topic, group }, Amount { count: 1, bytes: 0 });
        self.group_ck.add(&pair as &dyn Pair, || pair.to_owned_pair(), amount);
        self.check_points.add_amount(amount);
    }

    /// Forgets a topic (`onTopicDeleted`).
    pub fn topic_deleted(&self, topic: &str) {
        self.metrics.topic_deleted(topic);
        self.topic_put.remove_all(|counted| counted == topic);
        for items in [&self.group_get, &self.sent_back, &self.group_ack, &self.group_ck] {
            items.remove_all(|pair| pair.topic() == topic);
        }
    }

    /// Forgets a group (`onGroupDeleted`).
    pub fn group_deleted(&self, group: &str) {
        self.metrics.group_deleted(group);
        for items in [&self.group_get, &self.sent_back, &self.group_ack, &self.group_ck] {
            items.remove_all(|pair| pair.group() == group);
        }
    }

    /// The figures of that name and key (`getStatsItem`): a topic, `topic@group`, or the cluster.
    /// `None` for a name unknown here or a key of which nothing was counted.
    pub fn find(&self, name: &str, key: &str) -> Option<BrokerStatsData> {
        let of_pair = |items: &Items<OwnedPair>, measure| {
            items.read(&PairRef::parse(key)? as &dyn Pair, |item| item.figures(measure))
        };
        let of_broker = |item: &StatsItem| {
            (key == self.cluster && item.count() > 0).then(|| item.figures(Measure::Count))
        };
        match name {
            "TOPIC_PUT_NUMS" => self.topic_put.read(key, |item| item.figures(Measure::Count)),
            "TOPIC_PUT_SIZE" => self.topic_put.read(key, |item| item.figures(Measure::Bytes)),
            "GROUP_GET_NUMS" => of_pair(&self.group_get, Measure::Count),
            "GROUP_GET_SIZE" => of_pair(&self.group_get, Measure::Bytes),
            "SNDBCK_PUT_NUMS" => of_pair(&self.sent_back, Measure::Count),
            "GROUP_ACK_NUMS" => of_pair(&self.group_ack, Measure::Count),
            "GROUP_CK_NUMS" => of_pair(&self.group_ck, Measure::Count),
            "BROKER_ACK_NUMS" => of_broker(&self.acked),
            "BROKER_CK_NUMS" => of_broker(&self.check_points),
            "BROKER_PUT_NUMS" => of_broker(&self.put.all),
            "BROKER_GET_NUMS" => of_broker(&self.got.all),
            "BROKER_PUT_NUMS_WITHOUT_SYSTEM_TOPIC" => of_broker(&self.put.without_system),
            "BROKER_GET_NUMS_WITHOUT_SYSTEM_TOPIC" => of_broker(&self.got.without_system),
            _ => None,
        }
    }

    /// Messages a second stored in a topic, over the last minute.
    pub fn topic_put_tps(&self, topic: &str) -> f64 {
        self.topic_put
            .read(self.counted(topic), |item| item.figure(Span::Minute, Measure::Count).tps)
            .unwrap_or(0.0)
    }

    /// Messages a second of a topic handed to a group, over the last minute.
    pub fn group_get_tps(&self, topic: &str, group: &str) -> f64 {
        let pair = self.pair(topic, group);
        let tps = |item: &StatsItem| item.figure(Span::Minute, Measure::Count).tps;
        self.group_get.read(&pair as &dyn Pair, tps).unwrap_or(0.0)
    }

    /// Messages stored, by day.
    pub fn put_by_day(&self) -> DailyTotals {
        DailyTotals { now: self.put.without_system.count(), ..self.sampling.lock().put }
    }

    /// Messages handed out, by day.
    pub fn got_by_day(&self) -> DailyTotals {
        DailyTotals { now: self.got.without_system.count(), ..self.sampling.lock().got }
    }

    /// How fast the store works.
    pub fn store_rates(&self) -> StoreRates {
        self.sampling.lock().rates.rates()
    }

    /// How long puts took in the last minute that is over.
    pub fn put_times_of_last_minute(&self) -> TimeCounts {
        self.sampling.lock().put_times.last().clone()
    }

    /// Wall-clock milliseconds at which counting began: the start of the broker.
    pub fn booted_millis(&self) -> i64 {
        self.booted_millis
    }

    /// How long that is ago.
    pub fn uptime(&self) -> Duration {
        self.sources.clock.monotonic().saturating_sub(self.booted_at)
    }
}

fn turn_day(days: &mut DailyTotals, total: &Total) {
    days.yesterday_morning = days.today_morning;
    days.today_morning = total.without_system.count();
}

fn monotonic_millis(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
