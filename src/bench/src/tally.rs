//! What a stretch of load counts: answers, latencies, and what is wrong.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies from a nanosecond to a minute, to three digits.
const LATENCY_MAX_NANOS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// An empty histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    // The bounds are constant and valid.
    Histogram::new_with_bounds(1, LATENCY_MAX_NANOS, DIGITS)
        .unwrap_or_else(|_| unreachable!("bounds of a histogram"))
}

/// When a stretch of load begins, counts, and ends: readings of the run's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The first request.
    pub(crate) begin: Duration,
    /// From here on answers count.
    pub(crate) warm: Duration,
    /// Nothing is asked from here on.
    pub(crate) stop: Duration,
}

/// Which answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountBy {
    /// Those that come between warm and stop: what a closed loop achieves.
    Answer,
    /// Those of requests due between warm and stop, whenever they come: else the slowest would be left out.
    Due,
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Tally {
    times: Times,
    count_by: CountBy,
    /// Latencies in nanoseconds of what counts.
    pub(crate) latencies: Histogram<u64>,
    /// Messages that count.
    pub(crate) messages: u64,
    /// Requests that count.
    pub(crate) requests: u64,
    /// Messages since the begin.
    pub(crate) all_messages: u64,
    /// Messages in each second since the begin.
    pub(crate) per_second: Vec<u64>,
    /// When the last one that counts came.
    pub(crate) last: Duration,
}

impl Tally {
    pub(crate) fn new(times: Times, count_by: CountBy) -> Self {
        Self {
            times,
            count_by,
            latencies: histogram(),
            messages: 0,
            requests: 0,
            all_messages: 0,
            per_second: Vec::new(),
            last: times.warm,
        }
    }

    /// Something was done at `now` that began, or was due, at `since`.
    pub(crate) fn done(&mut self, since: Duration, now: Duration, messages: u64) {
        self.all_messages += messages;
        let second = now.saturating_sub(self.times.begin).as_secs() as usize;
        if self.per_second.len() <= second {
            self.per_second.resize(second + 1, 0);
        }
        if let Some(count) = self.per_second.get_mut(second) {
            *count += messages;
        }
        let moment = match self.count_by {
            CountBy::Answer => now,
            CountBy::Due => since,
        };
        if moment < self.times.warm || moment > self.times.stop {
            return;
        }
        self.messages += messages;
        self.requests += 1;
        self.last = now;
        self.latencies.saturating_record(now.saturating_sub(since).as_nanos() as u64);
    }
}

/// A way in which a server, or what is between, breaks its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A request was answered with a code that is not a success.
    Refused,
    /// An answer contradicts its request or an earlier answer.
    WrongAnswer,
    /// A request was never answered.
    Unanswered,
    /// A connection ended before its time.
    Disconnected,
    /// What was acknowledged is not there.
    Lost,
    /// What was sent once is there twice.
    Doubled,
    /// A message is not as it was sent.
    WrongBody,
    /// A message was delivered before it was due.
    Early,
}

impl Fault {
    /// The word for it in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::WrongAnswer => "wrong answers",
            Self::Unanswered => "unanswered",
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::WrongBody => "wrong bodies",
            Self::Early => "early",
        }
    }
}

/// Every fault of a kind is counted, of the first ones the text is kept.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    counts: std::collections::BTreeMap<Fault, u64>,
    examples: Vec<String>,
}

const EXAMPLES_MAX: usize = 5;

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault, count: u64, text: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        *self.counts.entry(fault).or_default() += count;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{}: {}", fault.name(), text()));
        }
    }

    /// How many there are of each kind.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.counts.iter().map(|(fault, count)| (*fault, *count))
    }

    /// How many of one kind.
    #[cfg(test)]
    pub(crate) fn of(&self, fault: Fault) -> u64 {
        self.counts.get(&fault).copied().unwrap_or_default()
    }

    /// The first ones.
    pub(crate) fn examples(&self) -> &[String] {
        &self.examples
    }

    /// All together.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times =
        Times { begin: Duration::from_secs(1), warm: Duration::from_secs(3), stop: Duration::from_secs(5) };

    #[test]
    fn only_what_is_between_warm_and_stop_counts() {
        let mut tally = Tally::new(TIMES, CountBy::Answer);
        for millis in [1_500, 2_999, 3_000, 4_000, 5_000, 5_001] {
            let now = Duration::from_millis(millis);
            tally.done(now.saturating_sub(Duration::from_millis(1)), now, 2);
        }
        assert_eq!((tally.messages, tally.requests, tally.all_messages), (6, 3, 12));
        assert_eq!(tally.per_second, [2, 2, 2, 2, 4]);
        assert_eq!(tally.last, TIMES.stop);
    }

    #[test]
    fn latencies_keep_three_digits() {
        let mut tally = Tally::new(TIMES, CountBy::Answer);
        for micros in 1..=1_000 {
            tally.done(TIMES.warm, TIMES.warm + Duration::from_micros(micros), 1);
        }
        for (percentile, micros) in [(50.0, 500.0), (99.0, 990.0), (100.0, 1_000.0)] {
            let value = tally.latencies.value_at_percentile(percentile) as f64 / 1_000.0;
            assert!((value - micros).abs() <= micros / 500.0, "p{percentile}: {value}");
        }
    }

    #[test]
    fn late_answers_count_in_an_open_loop() {
        let mut tally = Tally::new(TIMES, CountBy::Due);
        tally.done(Duration::from_millis(4_900), Duration::from_secs(60), 1);
        tally.done(Duration::from_millis(2_900), Duration::from_secs(4), 1);
        assert_eq!(tally.messages, 1);
        assert!(tally.latencies.max() >= 55_000_000_000);
    }

    #[test]
    fn what_takes_longer_than_the_longest_is_counted_there() {
        let mut tally = Tally::new(TIMES, CountBy::Answer);
        tally.done(Duration::ZERO, TIMES.warm, 1);
        let mut long = Tally::new(Times { stop: Duration::from_secs(500), ..TIMES }, CountBy::Answer);
        long.done(Duration::ZERO, Duration::from_secs(400), 1);
        assert_eq!((tally.latencies.len(), long.latencies.len()), (1, 1));
        assert!(long.latencies.max() >= LATENCY_MAX_NANOS);
    }

    #[test]
    fn faults_are_counted_and_the_first_ones_told() {
        let mut faults = Faults::default();
        faults.add(Fault::Lost, 0, || unreachable!());
        for at in 0..100 {
            faults.add(Fault::Lost, 2, || format!("message {at}"));
        }
        assert_eq!(
            (faults.total(), faults.of(Fault::Lost), faults.examples().len()),
            (200, 200, EXAMPLES_MAX)
        );
        assert_eq!(faults.examples()[1], "lost: message 1");
    }
}
