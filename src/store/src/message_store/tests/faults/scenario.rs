//! Lives of a store that one thing goes wrong in, at every place where it can, and what has to hold afterwards.

use std::{fmt, sync::Arc};

use super::{
    super::harness::Harness,
    calls::{Failure, Lasts, NthCall},
    crashes::PowerCut,
    run_cases, seed,
    syncs::FailingSyncs,
    tries_all,
};
use crate::{
    fs::FileSystem,
    testing::{WatchedFs, Watcher},
};

/// A life, and what it promised whom.
pub(super) struct Scenario<Promises> {
    pub name: &'static str,
    /// A directory in which the broker has made durable what a store is opened with.
    pub harness: fn() -> Harness,
    /// Makes that durable again, where a power cut has taken it.
    pub prepare: fn(&Harness),
    /// The life; errors are met as a broker meets them.
    pub work: fn(&Harness, Arc<dyn FileSystem>, &Promises),
    /// Opens what is left and panics when a promise is broken.
    pub verify: fn(&Harness, &Promises, &str),
    /// Of so many calls in a row one is tried, unless all are.
    pub stride: u64,
    /// Fewer cases than this would prove nothing.
    pub cases_min: usize,
}

impl<Promises: Default + Sync> Scenario<Promises> {
    /// A call to the file system fails, for every call: once, or from then on.
    pub(super) fn calls_fail(&self, failure: Failure, lasts: Lasts) {
        self.at_every_call(&format!("n-th call, {failure:?} {lasts:?}"), seed(), |nth| {
            let harness = (self.harness)();
            let fs = WatchedFs::new(NthCall::new(nth, failure, lasts));
            let promises = self.live(&harness, &fs);
            if !fs.watcher.was_reached() {
                return false;
            }
            (self.verify)(&harness, &promises, &format!("call {nth}, {failure:?} {lasts:?}"));
            true
        });
    }

    /// The power goes out at every call; so many disks are tried for each, ten times as many where all are.
    pub(super) fn power_goes_out(&self, disks: u64) {
        let seed = seed();
        for disk in 0..if tries_all() { 10 * disks } else { disks } {
            let seed = seed.wrapping_add(disk);
            self.at_every_call("power cut", seed, |at_call| {
                let (source, left) = ((self.harness)(), (self.harness)());
                let fs = WatchedFs::new(PowerCut::new(at_call, source.root(), left.root(), seed));
                let promises = self.live(&source, &fs);
                if !fs.watcher.was_reached() {
                    return false;
                }
                (self.prepare)(&left);
                let case = format!("power cut at call {at_call}, STORE_FAULT_SEED={seed}");
                (self.verify)(&left, &promises, &case);
                true
            });
        }
    }

    /// An fsync fails, for every one; then only the process ends, or the power goes out.
    pub(super) fn syncs_fail(&self, lasts: Lasts) {
        let seed = seed();
        let cases = run_cases(&format!("{}, n-th fsync, {lasts:?}", self.name), |nth| {
            let (source, left) = ((self.harness)(), (self.harness)());
            let disk = PowerCut::new(u64::MAX, source.root(), left.root(), seed ^ nth);
            let fs = WatchedFs::new(FailingSyncs::new(nth, lasts, disk));
            let promises = self.live(&source, &fs);
            if !fs.watcher.was_reached() {
                return false;
            }
            fs.watcher.leave();
            (self.prepare)(&left);
            let case = format!("fsync {nth}, {lasts:?}, STORE_FAULT_SEED={seed}");
            (self.verify)(&left, &promises, &case);
            (self.verify)(&source, &promises, &case);
            true
        });
        assert!(cases > 10, "{cases}");
    }

    /// Runs cases for the calls there are, one after the other; which one of a stride is tried depends on the seed.
    pub(super) fn at_every_call(&self, family: &str, seed: u64, case: impl Fn(u64) -> bool + Sync) {
        let stride = if tries_all() { 1 } else { self.stride };
        let family = format!("{}, {family}", self.name);
        let cases = run_cases(&family, |number| case(number * stride + seed % stride));
        assert!(cases > self.cases_min, "{family}: {cases} cases");
    }

    /// Lives on a file system and answers what was promised.
    pub(super) fn live<W: Watcher + fmt::Debug + 'static>(
        &self,
        harness: &Harness,
        fs: &Arc<WatchedFs<W>>,
    ) -> Promises {
        let promises = Promises::default();
        (self.work)(harness, Arc::clone(fs) as Arc<dyn FileSystem>, &promises);
        promises
    }
}
