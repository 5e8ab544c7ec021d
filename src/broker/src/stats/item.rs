//! What is counted of one topic or group, and over which spans (`StatsItem`).
//!
//! Counters only grow; a span's figure is the difference between its newest and its oldest reading.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicI64, Ordering},
};

use parking_lot::Mutex;
use remoting::body::admin::{BrokerStatsData, BrokerStatsItem};

/// The spans figures are given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Minute,
    Hour,
    Day,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Milliseconds between two readings.
    pub(super) fn interval_millis(self) -> i64 {
        match self {
            Self::Minute => 10_000,
            Self::Hour => 600_000,
            Self::Day => 3_600_000,
        }
    }

    /// Readings kept: one more than the intervals of the span.
    fn readings_max(self) -> usize {
        match self {
            Self::Minute | Self::Hour => 7,
            Self::Day => 25,
        }
    }
}

/// Which of an item's counters a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Messages.
    Count,
    /// Bytes.
    Bytes,
}

/// What one request adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) count: i64,
    pub(super) bytes: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    at_millis: i64,
    times: i64,
    count: i64,
    bytes: i64,
}

impl Reading {
    fn get(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Count => self.count,
            Measure::Bytes => self.bytes,
        }
    }
}

/// The counters of one key.
#[derive(Debug, Default)]
pub(super) struct StatsItem {
    times: AtomicI64,
    count: AtomicI64,
    bytes: AtomicI64,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    minute: VecDeque<Reading>,
    hour: VecDeque<Reading>,
    day: VecDeque<Reading>,
}

impl Windows {
    fn of(&mut self, span: Span) -> &mut VecDeque<Reading> {
        match span {
            Span::Minute => &mut self.minute,
            Span::Hour => &mut self.hour,
            Span::Day => &mut self.day,
        }
    }
}

impl StatsItem {
    /// Counts a request.
    pub(super) fn add(&self, amount: Amount) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.add_amount(amount);
    }

    /// Counts what a request brought, but not the request: RocketMQ's totals have no average.
    pub(super) fn add_amount(&self, amount: Amount) {
        self.count.fetch_add(amount.count, Ordering::Relaxed);
        self.bytes.fetch_add(amount.bytes, Ordering::Relaxed);
    }

    /// All messages so far.
    pub(super) fn count(&self) -> i64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes a reading. The first is preceded by one of zeros an interval ago: what was counted since is new.
    pub(super) fn sample(&self, span: Span, now_millis: i64) {
        let reading = Reading {
            at_millis: now_millis,
            times: self.times.load(Ordering::Relaxed),
            count: self.count(),
            bytes: self.bytes.load(Ordering::Relaxed),
        };
        let mut windows = self.windows.lock();
        let window = windows.of(span);
        if window.is_empty() {
            let at_millis = now_millis - span.interval_millis();
            window.push_back(Reading { at_millis, ..Reading::default() });
        }
        window.push_back(reading);
        while window.len() > span.readings_max() {
            window.pop_front();
        }
    }

    /// The figure over a span; zeros before its first reading.
    pub(super) fn figure(&self, span: Span, measure: Measure) -> BrokerStatsItem {
        let mut windows = self.windows.lock();
        let window = windows.of(span);
        let (Some(first), Some(last)) = (window.front(), window.back()) else {
            return BrokerStatsItem::default();
        };
        let sum = last.get(measure) - first.get(measure);
        let passed_millis = last.at_millis - first.at_millis;
        let times = last.times - first.times;
        BrokerStatsItem {
            avgpt: if times > 0 { sum as f64 / times as f64 } else { 0.0 },
            sum,
            tps: if passed_millis > 0 { sum as f64 * 1_000.0 / passed_millis as f64 } else { 0.0 },
        }
    }

    /// The figures over all spans.
    pub(super) fn figures(&self, measure: Measure) -> BrokerStatsData {
        BrokerStatsData {
            stats_day: self.figure(Span::Day, measure),
            stats_hour: self.figure(Span::Hour, measure),
            stats_minute: self.figure(Span::Minute, measure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Amount = Amount { count: 2, bytes: 100 };

    #[test]
    fn figures_are_differences_between_readings() {
        let item = StatsItem::default();
        item.add(ONE);
        assert_eq!(item.figure(Span::Minute, Measure::Count), BrokerStatsItem::default());
        item.sample(Span::Minute, 0);
        let figure = item.figure(Span::Minute, Measure::Count);
        assert_eq!((figure.sum, figure.tps, figure.avgpt), (2, 0.2, 2.0));
        item.add(ONE);
        item.sample(Span::Minute, 10_000);
        let figure = item.figure(Span::Minute, Measure::Bytes);
        assert_eq!((figure.sum, figure.tps, figure.avgpt), (200, 10.0, 100.0));
        assert_eq!(item.figure(Span::Hour, Measure::Count), BrokerStatsItem::default());
    }

    #[test]
    fn a_window_forgets_what_is_older_than_its_span() {
        let item = StatsItem::default();
        item.add(ONE);
        for round in 0..=6 {
            item.sample(Span::Minute, round * 10_000);
        }
        assert_eq!(item.figure(Span::Minute, Measure::Count).sum, 0);
        assert_eq!(item.count(), 2);
    }

    #[test]
    fn a_total_has_no_average() {
        let item = StatsItem::default();
        item.add_amount(ONE);
        item.sample(Span::Day, 0);
        let figures = item.figures(Measure::Count);
        assert_eq!((figures.stats_day.sum, figures.stats_day.avgpt), (2, 0.0));
    }
}
