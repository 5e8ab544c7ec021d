//! Group commit: puts that wait for the disk, and the flush that answers all of them at once.
//!
//! Invariant: nobody is told `Flushed` before the flush that covers its record has returned without error.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{put::FlushOutcome, signal::Signal};

/// The puts waiting for a flush, RocketMQ's `GroupCommitService`.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    waiting: Mutex<Vec<Waiting>>,
    /// Wakes the flusher.
    pub(crate) wanted: Signal,
}

#[derive(Debug)]
struct Waiting {
    end_phy_offset: i64,
    done: oneshot::Sender<FlushOutcome>,
}

impl GroupCommit {
    /// Waits until everything up to `end_phy_offset` is flushed.
    pub(crate) fn wait_for(&self, end_phy_offset: i64) -> oneshot::Receiver<FlushOutcome> {
        let (done, receiver) = oneshot::channel();
        self.waiting.lock().push(Waiting { end_phy_offset, done });
        self.wanted.raise();
        receiver
    }

    /// Answers those whose records lie below `flushed`.
    pub(crate) fn flushed_until(&self, flushed: i64) {
        let done: Vec<Waiting> =
            self.waiting.lock().extract_if(.., |waiting| waiting.end_phy_offset <= flushed).collect();
        for waiting in done {
            // Whoever has given up waiting does not hear it.
            let _gone = waiting.done.send(FlushOutcome::Flushed);
        }
    }

    /// Answers everybody that it will not happen.
    pub(crate) fn fail_all(&self) {
        for waiting in std::mem::take(&mut *self.waiting.lock()) {
            let _gone = waiting.done.send(FlushOutcome::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flush_answers_all_it_covers() {
        let commit = GroupCommit::default();
        let mut waits: Vec<_> = [10, 20, 30].into_iter().map(|end| commit.wait_for(end)).collect();
        commit.flushed_until(20);
        assert_eq!(waits[0].try_recv(), Ok(FlushOutcome::Flushed));
        assert_eq!(waits[1].try_recv(), Ok(FlushOutcome::Flushed));
        assert!(waits[2].try_recv().is_err());
        commit.fail_all();
        assert_eq!(waits[2].try_recv(), Ok(FlushOutcome::Failed));
    }
}
