//! A stretch of load: its times, what it counts, and how much of it is left.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use runtime::clock::Clock;

use crate::tally::{CountBy, Fault, Faults, Tally, Times};

/// Shared by all connections of a stretch of load; they run on one thread.
#[derive(Debug)]
pub(crate) struct Stage {
    clock: Arc<dyn Clock>,
    pub(crate) times: Times,
    has_lag: bool,
    /// Requests that may still be asked.
    left: Cell<u64>,
    /// Answers of any kind, also on stretches beside this one: what does not grow stands still.
    answers: Rc<Cell<u64>>,
    pub(crate) tally: RefCell<Tally>,
    pub(crate) faults: RefCell<Faults>,
}

impl Stage {
    /// A stretch with these times, of `requests` at most.
    ///
    /// What counts is what comes, or is due, `lag` after the times of the load.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        times: Times,
        requests: Option<u64>,
        count_by: CountBy,
        lag: Duration,
    ) -> Self {
        let counted = Times { warm: times.warm + lag, stop: times.stop + lag, ..times };
        Self {
            clock,
            times,
            has_lag: !lag.is_zero(),
            left: Cell::new(requests.unwrap_or(u64::MAX)),
            answers: Rc::default(),
            tally: RefCell::new(Tally::new(counted, count_by)),
            faults: RefCell::default(),
        }
    }

    /// A stretch beside this one whose requests never end and do not count.
    pub(crate) fn beside(&self) -> Self {
        self.beside_of(None)
    }

    /// A stretch beside this one that ends with so many requests, which do not count.
    pub(crate) fn of_requests(&self, requests: u64) -> Self {
        self.beside_of(Some(requests))
    }

    fn beside_of(&self, requests: Option<u64>) -> Self {
        let times = Times { stop: Duration::MAX, ..self.times };
        let beside = Self::new(Arc::clone(&self.clock), times, requests, CountBy::Answer, Duration::ZERO);
        Self { answers: Rc::clone(&self.answers), ..beside }
    }

    /// The run's clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Wall-clock milliseconds.
    pub(crate) fn wall_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Whether nothing more is to be asked.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now >= self.times.stop || self.left.get() == 0
    }

    /// Whether messages wait at the server before they are delivered.
    pub(crate) fn has_lag(&self) -> bool {
        self.has_lag
    }

    /// One request is asked.
    pub(crate) fn take_request(&self) {
        self.left.set(self.left.get().saturating_sub(1));
    }

    /// Something came from the server.
    pub(crate) fn note_answer(&self) {
        self.answers.set(self.answers.get() + 1);
    }

    /// How often something came.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// Counts what was done at `now` and began or was due at `since`.
    pub(crate) fn done(&self, since: Duration, now: Duration, messages: u64) {
        self.tally.borrow_mut().done(since, now, messages);
    }

    /// Counts `count` faults; `text` tells the first.
    pub(crate) fn fault(&self, fault: Fault, count: u64, text: impl FnOnce() -> String) {
        if count > 0 {
            self.faults.borrow_mut().add(fault, count, text);
        }
    }
}
