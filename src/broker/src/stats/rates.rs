//! How fast the store works: its counters, read once a second (`StoreStatsService`).

use std::collections::VecDeque;

use store::times::TimeCounts;

/// Seconds of the longest rate.
const SECONDS_MAX: usize = 600;
const MINUTE_MILLIS: i64 = 60_000;

/// The counters of a store at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTotals {
    /// Messages stored.
    pub put: i64,
    /// Gets that found messages.
    pub found: i64,
    /// Gets that found none.
    pub missed: i64,
    /// Messages handed out.
    pub transferred: i64,
}

/// One rate over the last 10, 60 and 600 seconds; over what there is, while that is less.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates(pub [f64; 3]);

impl std::fmt::Display for Rates {
    /// Three numbers with blanks between, as Java writes doubles: tools split and parse them.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [ten, sixty, six_hundred] = self.0;
        write!(formatter, "{ten:?} {sixty:?} {six_hundred:?}")
    }
}

/// How fast a store works, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreRates {
    /// Messages stored (`putTps`).
    pub put: Rates,
    /// Gets that found messages (`getFoundTps`).
    pub found: Rates,
    /// Gets that found none (`getMissTps`).
    pub missed: Rates,
    /// All gets (`getTotalTps`).
    pub total: Rates,
    /// Messages handed out (`getTransferredTps`).
    pub transferred: Rates,
}

/// Readings of the last ten minutes.
#[derive(Debug, Default)]
pub(super) struct RateWindow(VecDeque<(i64, StoreTotals)>);

impl RateWindow {
    pub(super) fn sample(&mut self, totals: StoreTotals, now_millis: i64) {
        self.0.push_back((now_millis, totals));
        while self.0.len() > SECONDS_MAX + 1 {
            self.0.pop_front();
        }
    }

    pub(super) fn rates(&self) -> StoreRates {
        StoreRates {
            put: self.rate(|totals| totals.put),
            found: self.rate(|totals| totals.found),
            missed: self.rate(|totals| totals.missed),
            total: self.rate(|totals| totals.found + totals.missed),
            transferred: self.rate(|totals| totals.transferred),
        }
    }

    fn rate(&self, counter: impl Fn(&StoreTotals) -> i64) -> Rates {
        Rates([10, 60, SECONDS_MAX].map(|seconds| {
            let start = self.0.len().saturating_sub(seconds + 1);
            let (Some((from, before)), Some((until, after))) = (self.0.get(start), self.0.back()) else {
                return 0.0;
            };
            let (change, passed_millis) = (counter(after) - counter(before), until - from);
            if passed_millis > 0 { change as f64 * 1_000.0 / passed_millis as f64 } else { 0.0 }
        }))
    }
}

/// How long puts took in the last minute that is over, as RocketMQ tells it.
#[derive(Debug, Default)]
pub(super) struct TimesOfMinute {
    begun_millis: Option<i64>,
    at_begin: TimeCounts,
    last: TimeCounts,
}

impl TimesOfMinute {
    pub(super) fn sample(&mut self, now_millis: i64, read: impl Fn() -> TimeCounts) {
        if self.begun_millis.is_some_and(|begun| now_millis - begun < MINUTE_MILLIS) {
            return;
        }
        let counts = read();
        if self.begun_millis.replace(now_millis).is_some() {
            self.last = counts.since(&self.at_begin);
        }
        self.at_begin = counts;
    }

    pub(super) fn last(&self) -> &TimeCounts {
        &self.last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use store::times::Times;

    use super::*;

    #[test]
    fn times_are_those_of_a_whole_minute() {
        let (times, mut minute) = (Times::default(), TimesOfMinute::default());
        for second in 0..=119 {
            minute.sample(second * 1_000, || times.counts());
            times.note(Duration::ZERO);
        }
        assert!(minute.last().to_string().starts_with("[<=0ms]:60 "));
        minute.sample(120_000, || times.counts());
        assert!(minute.last().to_string().starts_with("[<=0ms]:60 "));
        minute.sample(180_000, || times.counts());
        assert_eq!(*minute.last(), TimeCounts::default());
    }

    #[test]
    fn rates_are_over_what_there_is() {
        let mut window = RateWindow::default();
        assert_eq!(window.rates().total.to_string(), "0.0 0.0 0.0");
        for second in 0..=20 {
            let totals = StoreTotals { put: second * second, found: second, missed: second, transferred: 0 };
            window.sample(totals, second * 1_000);
        }
        let rates = window.rates();
        assert_eq!(rates.put, Rates([30.0, 20.0, 20.0]));
        assert_eq!(rates.total.to_string(), "2.0 2.0 2.0");
        assert_eq!(rates.transferred, Rates::default());
    }

    #[test]
    fn the_window_is_bounded() {
        let mut window = RateWindow::default();
        for second in 0..2_000 {
            window.sample(StoreTotals { put: second, ..StoreTotals::default() }, second * 1_000);
        }
        assert_eq!(window.0.len(), SECONDS_MAX + 1);
        assert_eq!(window.rates().put, Rates([1.0, 1.0, 1.0]));
    }
}
