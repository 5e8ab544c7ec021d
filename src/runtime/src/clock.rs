//! The one source of time: everything that reads the time takes a [`Clock`], so that tests can move it.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant, UNIX_EPOCH},
};

/// Wall-clock and monotonic time.
///
/// The wall clock may jump in either direction; `monotonic` never goes back.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since the Unix epoch, as RocketMQ's timestamps are.
    fn now_millis(&self) -> i64;

    /// Time since some fixed point in this process's life.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts at zero now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock everybody else asks")]
    fn now_millis(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Debug)]
pub struct ManualClock {
    wall_millis: AtomicI64,
    monotonic_millis: AtomicI64,
}

impl ManualClock {
    /// A clock whose wall time is `wall_millis` and whose monotonic time is zero.
    pub fn at(wall_millis: i64) -> Self {
        Self { wall_millis: AtomicI64::new(wall_millis), monotonic_millis: AtomicI64::new(0) }
    }

    /// Lets `duration` pass on both readings.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.wall_millis.fetch_add(millis, Ordering::SeqCst);
        self.monotonic_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an operator or a time server does.
    pub fn jump_to(&self, wall_millis: i64) {
        self.wall_millis.store(wall_millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_millis(&self) -> i64 {
        self.wall_millis.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.monotonic_millis.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_jump_leaves_monotonic_time_alone() {
        let clock = ManualClock::at(1_000);
        clock.advance(Duration::from_millis(500));
        clock.jump_to(10);
        assert_eq!(clock.now_millis(), 10);
        assert_eq!(clock.monotonic(), Duration::from_millis(500));
    }
}
