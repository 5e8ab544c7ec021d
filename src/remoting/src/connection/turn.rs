//! Turns: a connection that always has something to do lets the others on its thread work, too.

use std::time::Duration;

use tokio::time::Instant;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u32 = 2;

/// How much of its turn a connection has had.
pub(super) struct Turn {
    ends: Instant,
    steps: u32,
}

impl Turn {
    /// A turn that is over after `turn_max`.
    pub(super) fn begin(turn_max: Duration) -> Self {
        Self { ends: Instant::now() + turn_max, steps: 0 }
    }

    /// Counts a step; whether the turn is over.
    pub(super) fn step_is_last(&mut self) -> bool {
        self.steps += 1;
        self.steps.is_multiple_of(STEPS_PER_LOOK) && self.is_over_at(Instant::now())
    }

    pub(super) fn is_over_at(&self, now: Instant) -> bool {
        now >= self.ends
    }
}
