//! When requests are due.

use std::{cell::Cell, io, os::fd::OwnedFd, time::Duration};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// The moments at which one connection's requests are due.
#[derive(Clone, Debug)]
pub(crate) enum Pacer {
    /// Closed loop: whenever there is room for one.
    WhenThereIsRoom,
    /// Open loop: at fixed moments, whether or not earlier ones were answered. Latency counts from these, so that a server
    /// that stands still is charged with all that would have been sent meanwhile (no coordinated omission).
    AtMoments {
        /// One before all others.
        greeting: Option<Duration>,
        /// The first one.
        first: Duration,
        /// Nanoseconds between two.
        interval_nanos: f64,
        /// How many have passed.
        taken: u64,
    },
}

impl Pacer {
    /// The pacer of one of `connections`, which send `rate` requests a second together from `begin` on, in turn.
    pub(crate) fn new(rate: Option<f64>, begin: Duration, connection: usize, connections: usize) -> Self {
        let Some(rate) = rate else { return Self::WhenThereIsRoom };
        let first = begin + Duration::from_secs_f64(connection as f64 / rate);
        Self::AtMoments { greeting: None, first, interval_nanos: connections as f64 * 1e9 / rate, taken: 0 }
    }

    /// The same with a request at `moment` before all others; in a closed loop it changes nothing.
    pub(crate) fn greeting_at(mut self, moment: Duration) -> Self {
        if let Self::AtMoments { greeting, .. } = &mut self {
            *greeting = Some(moment);
        }
        self
    }

    /// When the next request is due; for a closed loop, now.
    pub(crate) fn due(&self, now: Duration) -> Duration {
        match self {
            Self::WhenThereIsRoom => now,
            Self::AtMoments { greeting: Some(greeting), .. } => *greeting,
            Self::AtMoments { first, interval_nanos, taken, .. } => {
                *first + Duration::from_nanos((interval_nanos * *taken as f64) as u64)
            }
        }
    }

    /// The next request is sent.
    pub(crate) fn advance(&mut self) {
        if let Self::AtMoments { greeting, taken, .. } = self
            && greeting.take().is_none()
        {
            *taken += 1;
        }
    }

    /// Whether anything is to be waited for beside answers.
    pub(crate) fn is_open_loop(&self) -> bool {
        matches!(self, Self::AtMoments { .. })
    }
}

/// A timer that rings within microseconds; the runtime's own counts in milliseconds.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: AsyncFd<OwnedFd>,
    set_to: Cell<Option<Duration>>,
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(deprecated, reason = "what it warns of, a descriptor that changes, an `OwnedFd` cannot do")]
        let timer = AsyncFd::new(timer)?;
        Ok(Self { timer, set_to: Cell::new(None) })
    }

    /// Waits from `now` until `moment`.
    pub(crate) async fn wait(&self, moment: Duration, now: Duration) -> io::Result<()> {
        if self.set_to.get() != Some(moment) {
            let wait = moment.saturating_sub(now);
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            // A wait of nothing would switch the timer off.
            let nanos = i64::from(wait.subsec_nanos()) + i64::from(wait.is_zero());
            let value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: nanos };
            let setting = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
            self.set_to.set(Some(moment));
        }
        loop {
            let mut ready = self.timer.readable().await?;
            let mut count = [0; 8];
            if let Ok(read) = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut count)?)) {
                read?;
                self.set_to.set(None);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn moments(pacer: &mut Pacer, count: usize) -> Vec<u64> {
        let mut moments = Vec::new();
        for _ in 0..count {
            moments.push(pacer.due(Duration::ZERO).as_micros() as u64);
            pacer.advance();
        }
        moments
    }

    #[test]
    fn connections_share_a_rate_in_turn() {
        let begin = Duration::from_secs(1);
        let mut all: Vec<u64> =
            (0..4).flat_map(|at| moments(&mut Pacer::new(Some(1_000.0), begin, at, 4), 25)).collect();
        all.sort_unstable();
        let expected: Vec<u64> = (0..100).map(|at| 1_000_000 + at * 1_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn moments_do_not_drift() {
        let mut pacer = Pacer::new(Some(3.0), Duration::ZERO, 0, 1);
        (0..3_000_000).for_each(|_| pacer.advance());
        assert_eq!(pacer.due(Duration::ZERO), Duration::from_secs(1_000_000));
    }

    #[test]
    fn a_greeting_comes_before_all_else_and_once() {
        let pacer = Pacer::new(Some(2.0), Duration::from_secs(1), 1, 2);
        assert_eq!(
            moments(&mut pacer.greeting_at(Duration::from_millis(20)), 3),
            [20_000, 1_500_000, 2_500_000]
        );
    }

    #[test]
    fn a_closed_loop_is_due_always() {
        let pacer = Pacer::new(None, Duration::ZERO, 0, 1);
        assert_eq!(pacer.due(Duration::from_secs(9)), Duration::from_secs(9));
        assert!(!pacer.is_open_loop());
    }

    #[tokio::test]
    async fn an_alarm_never_rings_early() {
        let alarm = Alarm::new().unwrap();
        for micros in [0, 150, 1_500] {
            let (begun, wait) = (Instant::now(), Duration::from_micros(micros));
            alarm.wait(Duration::from_secs(1) + wait, Duration::from_secs(1)).await.unwrap();
            assert!(begun.elapsed() >= wait);
        }
    }
}
