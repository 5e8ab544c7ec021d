//! How many messages go in and out of the timer a second.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;

/// Counts, and how fast they grew between the last two looks.
#[derive(Debug, Default)]
pub(super) struct Rate {
    count: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    count: u64,
    at: Duration,
    per_second: f32,
}

impl Rate {
    pub(super) fn add_one(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks at the count, at a reading of the monotonic clock.
    pub(super) fn look(&self, now: Duration) {
        let count = self.count.load(Ordering::Relaxed);
        let mut last = self.last.lock();
        let seconds = now.saturating_sub(last.at).as_secs_f32();
        if seconds > 0.0 {
            let per_second = (count - last.count) as f32 / seconds;
            *last = Last { count, at: now, per_second };
        }
    }

    pub(super) fn per_second(&self) -> f32 {
        self.last.lock().per_second
    }
}
