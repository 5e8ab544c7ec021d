//! Telling the operator how far recovery is.

use std::{ops::Range, time::Duration};

use runtime::clock::Clock;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);
/// The clock is looked at once in this many bytes.
const LOOK_BYTES: i64 = 4 << 20;

/// How far a scan of the CommitLog is. Short ones are not mentioned.
pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    /// Physical offsets of the scan; it may end sooner, as the last file is never full.
    range: Range<i64>,
    next_look: i64,
    last_told: Duration,
}

impl<'a> Progress<'a> {
    pub(super) fn new(clock: &'a dyn Clock, range: Range<i64>) -> Self {
        Self { clock, next_look: range.start, range, last_told: clock.monotonic() }
    }

    /// Everything below this physical offset has been scanned. Answers whether that was told.
    pub(super) fn reached(&mut self, phy_offset: i64) -> bool {
        if phy_offset < self.next_look {
            return false;
        }
        self.next_look = phy_offset + LOOK_BYTES;
        let now = self.clock.monotonic();
        if now.saturating_sub(self.last_told) < PAUSE {
            return false;
        }
        self.last_told = now;
        let (done, all) = (phy_offset - self.range.start, self.range.end - self.range.start);
        tracing::info!(
            phy_offset,
            scanned_mib = done >> 20,
            of_at_most_mib = all >> 20,
            "recovering commit log: {} %",
            done * 100 / all.max(1)
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;

    #[test]
    fn a_line_each_second() {
        let clock = ManualClock::at(0);
        let mut progress = Progress::new(&clock, 100..100 + 10 * LOOK_BYTES);
        let told = |progress: &mut Progress<'_>, looks: i64| progress.reached(100 + looks * LOOK_BYTES);
        assert!(!told(&mut progress, 0), "nothing to tell yet");
        clock.advance(PAUSE);
        assert!(!progress.reached(101), "the clock is not looked at for every record");
        assert!(told(&mut progress, 1));
        assert!(!told(&mut progress, 2));
        clock.advance(PAUSE);
        assert!(told(&mut progress, 3));
    }
}
