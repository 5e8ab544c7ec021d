//! Waking a service thread: cheap to raise when it is awake or was raised already.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody raised the signal.
    Raised,
    /// The time was up.
    TimedOut,
    /// The service has to end.
    Stopped,
}

/// One thread's doorbell.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: AtomicBool,
    stopped: AtomicBool,
    door: Mutex<()>,
    changed: Condvar,
}

impl Signal {
    /// Wakes the thread, now or when it next waits.
    pub(crate) fn raise(&self) {
        if !self.raised.load(Ordering::Relaxed) && !self.raised.swap(true, Ordering::AcqRel) {
            // Taking the door orders this after a waiter's last look at the flag.
            drop(self.door.lock());
            self.changed.notify_all();
        }
    }

    /// Ends this and every later wait.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(self.door.lock());
        self.changed.notify_all();
    }

    /// Whether [`Self::stop`] was called.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits until raised, stopped or `timeout`; a raise is used up by it.
    pub(crate) fn wait(&self, timeout: Duration) -> Woken {
        let mut door = self.door.lock();
        loop {
            if self.is_stopped() {
                return Woken::Stopped;
            }
            if self.raised.swap(false, Ordering::AcqRel) {
                return Woken::Raised;
            }
            if self.changed.wait_for(&mut door, timeout).timed_out() {
                return match (self.is_stopped(), self.raised.swap(false, Ordering::AcqRel)) {
                    (true, _) => Woken::Stopped,
                    (false, true) => Woken::Raised,
                    (false, false) => Woken::TimedOut,
                };
            }
        }
    }

    /// Lets time pass without listening to raises, the first of which rings at the door nevertheless.
    pub(crate) fn pause(&self, duration: Duration) {
        let end = Instant::now() + duration;
        let mut door = self.door.lock();
        while !self.is_stopped() && !self.changed.wait_until(&mut door, end).timed_out() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raise_before_the_wait_is_not_lost() {
        let signal = Signal::default();
        signal.raise();
        signal.raise();
        assert_eq!(signal.wait(Duration::ZERO), Woken::Raised);
        assert_eq!(signal.wait(Duration::ZERO), Woken::TimedOut);
        signal.stop();
        assert_eq!(signal.wait(Duration::from_secs(60)), Woken::Stopped);
    }

    #[test]
    fn a_raise_does_not_end_a_pause() {
        let (signal, begun) = (Signal::default(), Instant::now());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while begun.elapsed() < Duration::from_millis(20) {
                    signal.raise();
                    signal.raised.store(false, Ordering::Release);
                }
                signal.raise();
            });
            signal.pause(Duration::from_millis(50));
        });
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert_eq!(signal.wait(Duration::ZERO), Woken::Raised);
        signal.stop();
        signal.pause(Duration::from_secs(3_600));
    }
}
