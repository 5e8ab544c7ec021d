//! Configuration files under failing calls and power cuts: what was saved last, or something newer, is loaded.

use std::{path::Path, sync::Arc};

use runtime::clock::ManualClock;

use super::{
    calls::{Failure, Lasts, NthCall},
    crashes::PowerCut,
    run_cases, seed,
};
use crate::{
    config_files::ConfigFiles,
    fs::{FileSystem, OsFileSystem},
    testing::WatchedFs,
};

const NAME: &str = "consumerOffset.json";
/// Enough to push the oldest generation out.
const SAVES: u32 = 7;

/// Far from the time of all files, so that each save cuts a generation.
fn open(fs: Arc<dyn FileSystem>, dir: &Path) -> Option<ConfigFiles> {
    ConfigFiles::open(fs, Arc::new(ManualClock::at(0)), dir).ok()
}

/// Saves numbers in two lives; answers the last that was taken.
fn work(fs: &Arc<dyn FileSystem>, dir: &Path) -> u32 {
    let mut saved = 0;
    for numbers in [1..SAVES / 2, SAVES / 2..SAVES + 1] {
        let Some(files) = open(Arc::clone(fs), dir) else { continue };
        let _loaded = files.load(NAME);
        for number in numbers {
            if files.save(NAME, &number.to_string()).is_ok() {
                saved = number;
            }
        }
    }
    saved
}

fn verify(dir: &Path, saved: u32, case: &str) {
    let files = open(Arc::new(OsFileSystem), dir).unwrap();
    let loaded = files.load_with(NAME, |text| text.parse::<u32>().map_err(|error| error.to_string()));
    let loaded = loaded.unwrap_or_else(|error| panic!("{case}: {error}")).unwrap_or(0);
    assert!((saved..=SAVES).contains(&loaded), "{case}: {saved} was saved, {loaded} is loaded");
}

#[test]
fn a_call_fails_while_configuration_is_saved() {
    for (failure, lasts) in [
        (Failure::Input, Lasts::Once),
        (Failure::ShortWrite, Lasts::Once),
        (Failure::NoSpace, Lasts::FromThenOn),
    ] {
        let cases = run_cases(&format!("configuration, n-th call, {failure:?} {lasts:?}"), |nth| {
            let dir = tempfile::tempdir().unwrap();
            let fs = WatchedFs::new(NthCall::new(nth, failure, lasts));
            let saved = work(&(Arc::clone(&fs) as Arc<dyn FileSystem>), dir.path());
            verify(dir.path(), saved, &format!("call {nth}, {failure:?} {lasts:?}"));
            fs.watcher.was_reached()
        });
        assert!(cases > 60, "{cases}");
    }
}

#[test]
fn the_power_goes_out_while_configuration_is_saved() {
    for seed in (0..10).map(|round| seed().wrapping_add(round)) {
        let cases = run_cases("configuration, power cut", |at_call| {
            let (source, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let fs = WatchedFs::new(PowerCut::new(at_call, source.path(), left.path(), seed));
            let saved = work(&(Arc::clone(&fs) as Arc<dyn FileSystem>), source.path());
            if !fs.watcher.was_reached() {
                return false;
            }
            verify(left.path(), saved, &format!("power cut at call {at_call}, STORE_FAULT_SEED={seed}"));
            true
        });
        assert!(cases > 60, "{cases}");
    }
}
