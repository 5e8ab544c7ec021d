//! The n-th call to the file system fails, for every n: once, or from then on.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use super::STORE;
use crate::testing::{Op, Verdict, Watcher};

#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Input,
    NoSpace,
    ShortWrite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    Once,
    FromThenOn,
}

/// Lets one call fail, or all from one on.
#[derive(Debug)]
pub(super) struct NthCall {
    nth: u64,
    failure: Failure,
    lasts: Lasts,
    calls: AtomicU64,
}

impl NthCall {
    pub(super) fn new(nth: u64, failure: Failure, lasts: Lasts) -> Self {
        Self { nth, failure, lasts, calls: AtomicU64::new(0) }
    }

    /// Whether as many calls were made.
    pub(super) fn was_reached(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > self.nth
    }
}

impl Watcher for NthCall {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let fails = call == self.nth || (self.lasts == Lasts::FromThenOn && call > self.nth);
        let input_error = || io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
        match self.failure {
            _ if !fails => Verdict::hasty(op),
            Failure::Input => Verdict::Fail(input_error()),
            Failure::NoSpace => Verdict::Fail(io::ErrorKind::StorageFull.into()),
            Failure::ShortWrite => Verdict::Half(input_error()),
        }
    }
}

#[test]
fn a_call_fails_once() {
    STORE.calls_fail(Failure::Input, Lasts::Once);
    STORE.calls_fail(Failure::ShortWrite, Lasts::Once);
}

#[test]
fn calls_fail_from_one_on() {
    STORE.calls_fail(Failure::Input, Lasts::FromThenOn);
}

#[test]
fn the_disk_is_full_once_and_from_one_call_on() {
    STORE.calls_fail(Failure::NoSpace, Lasts::Once);
    STORE.calls_fail(Failure::NoSpace, Lasts::FromThenOn);
}
