//! Lanes: how much of one kind of work may be under way at once.
//!
//! A lane stands where Java RocketMQ has an executor and its queue. A request holds a permit while it is
//! worked on (a parked long poll gives its permit back); when none is free it waits, bounded in number
//! and time. A lane alone answers `SYSTEM_BUSY`, in RocketMQ's words.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{reply::Refusal, response_code::ResponseCode};

/// How wide a lane is.
#[derive(Clone, Copy, Debug)]
pub struct LaneLimits {
    /// Requests worked on at once.
    pub permits: usize,
    /// Requests that may wait for a permit.
    pub waiters_max: usize,
    /// How long one may wait.
    pub wait_max: Duration,
}

/// One lane.
#[derive(Debug)]
pub struct Lane {
    name: &'static str,
    limits: LaneLimits,
    permits: Arc<Semaphore>,
    waiters: AtomicUsize,
}

/// Leave to work on one request; given back when dropped.
#[derive(Debug)]
pub struct LanePermit {
    _permit: OwnedSemaphorePermit,
}

/// Why a request may not be worked on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LaneFull {
    /// No permit is free and no more may wait.
    #[error("[OVERLOAD]system busy, start flow control for a while")]
    Overload,
    /// The request waited too long.
    #[error(
        "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: {waited_millis}ms, \
         size of queue: {waiters}"
    )]
    TimedOut {
        /// How long it waited.
        waited_millis: u128,
        /// How many wait beside it.
        waiters: usize,
    },
}

impl From<LaneFull> for Refusal {
    fn from(full: LaneFull) -> Self {
        Self::new(ResponseCode::SYSTEM_BUSY, Cow::Owned(full.to_string()))
    }
}

impl Lane {
    /// A lane of that width.
    pub fn new(name: &'static str, limits: LaneLimits) -> Self {
        let permits = limits.permits.clamp(1, Semaphore::MAX_PERMITS);
        Self { name, limits, permits: Arc::new(Semaphore::new(permits)), waiters: AtomicUsize::new(0) }
    }

    /// A lane where nobody waits: beyond `permits` a request is refused at once.
    pub fn without_queue(name: &'static str, permits: usize) -> Self {
        Self::new(name, LaneLimits { permits, waiters_max: 0, wait_max: Duration::ZERO })
    }

    /// The lane's name, for figures and logs.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Requests waiting for a permit.
    pub fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// A permit if one is free now.
    pub fn try_enter(&self) -> Option<LanePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok().map(|permit| LanePermit { _permit: permit })
    }

    /// Waits for a permit, within the lane's limits.
    pub async fn enter(&self) -> Result<LanePermit, LaneFull> {
        if let Some(permit) = self.try_enter() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(self)?;
        let since = Instant::now();
        let acquired =
            tokio::time::timeout(self.limits.wait_max, Arc::clone(&self.permits).acquire_owned()).await;
        match acquired {
            Ok(Ok(permit)) => Ok(LanePermit { _permit: permit }),
            // The semaphore is never closed, so all else is the timeout.
            _ => Err(LaneFull::TimedOut {
                waited_millis: since.elapsed().as_millis(),
                waiters: self.waiters(),
            }),
        }
    }
}

/// Counts one waiter while it lives.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn begin(lane: &'a Lane) -> Result<Self, LaneFull> {
        let before = lane.waiters.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(lane);
        if before < lane.limits.waiters_max { Ok(waiting) } else { Err(LaneFull::Overload) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_lane_refuses_in_rocketmqs_words() {
        let lane = Lane::without_queue("send", 1);
        let held = lane.enter().await.unwrap();
        let refusal = Refusal::from(lane.enter().await.unwrap_err());
        assert_eq!(refusal.code(), ResponseCode::SYSTEM_BUSY);
        assert!(refusal.remark().starts_with("[OVERLOAD]system busy"));
        drop(held);
        assert!(lane.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_waiter_gives_up_in_time() {
        let limits = LaneLimits { permits: 1, waiters_max: 1, wait_max: Duration::from_millis(5) };
        let lane = Lane::new("query", limits);
        let _held = lane.enter().await.unwrap();
        assert!(matches!(lane.enter().await, Err(LaneFull::TimedOut { waiters: 1, .. })));
        assert_eq!(lane.waiters(), 0);
    }
}
