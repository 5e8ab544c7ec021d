//! How long puts took, in RocketMQ's buckets (`StoreStatsService`): fine where most are, coarse where few are.

use std::{
    array,
    fmt::{self, Display, Formatter},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Steps in milliseconds and how many buckets are that far apart, one after the other.
const STEPS: [(u64, usize); 7] = [(1, 20), (2, 15), (5, 10), (10, 10), (50, 6), (100, 5), (1_000, 9)];
/// One for less than a millisecond, those of [`STEPS`], and one for all that took longer.
const BUCKETS: usize = 77;
/// The longest time of each bucket, in milliseconds.
const LONGEST_MILLIS: [u64; BUCKETS] = longest_millis();
/// The classes of `putMessageDistributeTime`, each with its end.
const CLASSES: [(&str, u64); 13] = [
    ("[<=0ms]", 0),
    ("[0~10ms]", 10),
    ("[10~50ms]", 50),
    ("[50~100ms]", 100),
    ("[100~200ms]", 200),
    ("[200~500ms]", 500),
    ("[500ms~1s]", 1_000),
    ("[1~2s]", 2_000),
    ("[2~3s]", 3_000),
    ("[3~4s]", 4_000),
    ("[4~5s]", 5_000),
    ("[5~10s]", 10_000),
    ("[10s~]", u64::MAX),
];

#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
const fn longest_millis() -> [u64; BUCKETS] {
    let mut longest = [u64::MAX; BUCKETS];
    longest[0] = 0;
    let (mut step, mut bucket) = (0, 1);
    while step < STEPS.len() {
        let (apart_millis, count) = STEPS[step];
        let until = bucket + count;
        while bucket < until {
            longest[bucket] = longest[bucket - 1] + apart_millis;
            bucket += 1;
        }
        step += 1;
    }
    longest
}

/// Counts what is noted.
#[derive(Debug)]
pub struct Times {
    buckets: [AtomicU64; BUCKETS],
    max_millis: AtomicU64,
}

impl Default for Times {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU64::new(0)), max_millis: AtomicU64::new(0) }
    }
}

impl Times {
    /// Counts one.
    pub fn note(&self, took: Duration) {
        let millis = took.as_millis() as u64;
        let bucket = LONGEST_MILLIS.partition_point(|longest| *longest < millis);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if millis > self.max_millis.load(Ordering::Relaxed) {
            self.max_millis.fetch_max(millis, Ordering::Relaxed);
        }
    }

    /// The longest ever, in milliseconds.
    pub fn max_millis(&self) -> u64 {
        self.max_millis.load(Ordering::Relaxed)
    }

    /// All that was counted until now.
    pub fn counts(&self) -> TimeCounts {
        TimeCounts(array::from_fn(|bucket| {
            self.buckets.get(bucket).map_or(0, |count| count.load(Ordering::Relaxed))
        }))
    }
}

/// How many took how long. Shown as `putMessageDistributeTime`: `[<=0ms]:12 [0~10ms]:3 …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeCounts([u64; BUCKETS]);

impl Default for TimeCounts {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl TimeCounts {
    /// Those that came after an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = || self.0.iter().zip(&earlier.0);
        let mut counts = pairs().map(|(now, before)| now.saturating_sub(*before));
        Self(array::from_fn(|_| counts.next().unwrap_or(0)))
    }

    /// The time within which a share (0 to 1) of all were done, in milliseconds; 0 without any.
    pub fn percentile_millis(&self, share: f64) -> f64 {
        let total: u64 = self.0.iter().sum();
        let rank = (total as f64 * share) as u64;
        let (mut passed, mut shortest) = (0, 0);
        for (count, longest) in self.0.iter().zip(LONGEST_MILLIS) {
            if *count > 0 && rank <= passed + count {
                let longest = if longest == u64::MAX { shortest } else { longest };
                return shortest as f64
                    + (longest - shortest) as f64 * (rank - passed) as f64 / *count as f64;
            }
            passed += count;
            shortest = longest;
        }
        0.0
    }
}

impl Display for TimeCounts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mut counts = self.0.iter().zip(LONGEST_MILLIS).peekable();
        for (class, end_millis) in CLASSES {
            let mut sum = 0;
            while let Some((count, _)) = counts.next_if(|(_, longest)| *longest <= end_millis) {
                sum += count;
            }
            write!(formatter, "{class}:{sum} ")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(millis: &[u64]) -> Times {
        let times = Times::default();
        for millis in millis {
            times.note(Duration::from_millis(*millis));
        }
        times
    }

    fn shown(counts: &TimeCounts, share: f64) -> String {
        format!("{:.2}", counts.percentile_millis(share))
    }

    #[test]
    fn buckets_end_where_java_ends_them() {
        for (bucket, longest) in [(1, 1), (20, 20), (35, 50), (45, 100), (55, 200), (61, 500), (66, 1_000)] {
            assert_eq!(LONGEST_MILLIS[bucket], longest);
        }
        assert_eq!(LONGEST_MILLIS[75..], [10_000, u64::MAX]);
    }

    #[test]
    fn times_are_shown_in_classes() {
        let times = noted(&[0, 0, 3, 9, 30, 700, 1_500, 60_000]);
        let shown = "[<=0ms]:2 [0~10ms]:2 [10~50ms]:1 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 \
                     [500ms~1s]:1 [1~2s]:1 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:1 ";
        assert_eq!(times.counts().to_string(), shown);
        assert_eq!(times.max_millis(), 60_000);
    }

    #[test]
    fn percentiles_lie_within_their_bucket() {
        assert_eq!(shown(&TimeCounts::default(), 0.99), "0.00");
        let counts = noted(&[4; 100]).counts();
        assert_eq!(shown(&counts, 0.99), "3.99");
        let mut mixed = vec![0; 990];
        mixed.extend([200; 10]);
        let counts = noted(&mixed).counts();
        assert_eq!(shown(&counts, 0.99), "0.00");
        assert!((190.0..=200.0).contains(&counts.percentile_millis(0.999)));
        assert_eq!(shown(&noted(&[60_000]).counts(), 0.5), "10000.00");
    }

    #[test]
    fn a_later_reading_holds_what_came_since() {
        let times = noted(&[1, 2]);
        let before = times.counts();
        times.note(Duration::from_millis(2));
        assert_eq!(times.counts().since(&before), noted(&[2]).counts());
    }
}
