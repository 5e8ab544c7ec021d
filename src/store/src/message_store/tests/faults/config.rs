//! Configuration files under failing calls and power cuts: what was saved last, or something newer, is loaded.

use std::{path::Path, sync::Arc};

use runtime::clock::ManualClock;

use super::{
    calls::{Failure, Lasts, NthCall},
    crashes::PowerCut,
    run_cases, seed,
};
use crate::{
    config_files::{ConfigFiles, Growth},
    fs::{FileSystem, OsFileSystem},
    testing::WatchedFs,
};

const NAME: &str = "consumerOffset.json";
/// Enough to push the oldest generation out.
const SAVES: u32 = 7;

/// How a number more is saved.
#[derive(Clone, Copy, Debug)]
enum Saving {
    /// With all others.
    Whole,
    /// Behind the others, where that can be.
    Growing,
}

fn open(fs: Arc<dyn FileSystem>, dir: &Path, saving: Saving) -> Option<ConfigFiles> {
    let millis = match saving {
        // Far from the time of all files, so that each save cuts a generation.
        Saving::Whole => 0,
        Saving::Growing => OsFileSystem.modified_millis(dir).unwrap(),
    };
    ConfigFiles::open(fs, Arc::new(ManualClock::at(millis)), dir).ok()
}

/// The numbers up to one.
fn numbers(last: u32) -> String {
    serde_json::to_string(&(1..=last).collect::<Vec<_>>()).unwrap()
}

fn save(files: &ConfigFiles, number: u32, saving: Saving) -> bool {
    let growth = Growth { old_end: "]", added: &format!(",{number}"), new_end: "]" };
    match saving {
        Saving::Growing if number > 1 => match files.grow(NAME, &growth) {
            Ok(true) => {
                // It is saved, whatever becomes of its backup; sometimes there is no time for that.
                if number.is_multiple_of(2) {
                    let _ = files.settle(NAME);
                }
                return true;
            }
            Ok(false) => {}
            Err(_) => return false,
        },
        _ => {}
    }
    files.save(NAME, &numbers(number)).is_ok()
}

/// Saves numbers in two lives; answers the last that was taken.
fn work(fs: &Arc<dyn FileSystem>, dir: &Path, saving: Saving) -> u32 {
    let mut saved = 0;
    for last in [SAVES / 2, SAVES] {
        let Some(files) = open(Arc::clone(fs), dir, saving) else { continue };
        let there = files.load_with(NAME, parse).ok().flatten().unwrap_or(saved);
        // It may be more than was taken.
        assert!(there >= saved, "{saved} was saved, {there} is loaded");
        for number in there + 1..=last {
            if save(&files, number, saving) {
                saved = number;
            }
        }
    }
    saved
}

/// The last number, if all before it are there.
fn parse(text: &str) -> Result<u32, String> {
    let all: Vec<u32> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let last = all.len() as u32;
    if numbers(last) == text { Ok(last) } else { Err(format!("{text} has a gap")) }
}

fn verify(dir: &Path, saved: u32, case: &str) {
    let files = open(Arc::new(OsFileSystem), dir, Saving::Whole).unwrap();
    let loaded = files.load_with(NAME, parse);
    let loaded = loaded.unwrap_or_else(|error| panic!("{case}: {error}")).unwrap_or(0);
    assert!((saved..=SAVES).contains(&loaded), "{case}: {saved} was saved, {loaded} is loaded");
}

#[test]
fn a_call_fails_while_configuration_is_saved() {
    for (saving, failure, lasts) in [Saving::Whole, Saving::Growing].into_iter().flat_map(|saving| {
        [
            (saving, Failure::Input, Lasts::Once),
            (saving, Failure::ShortWrite, Lasts::Once),
            (saving, Failure::NoSpace, Lasts::FromThenOn),
        ]
    }) {
        let cases =
            run_cases(&format!("configuration {saving:?}, n-th call, {failure:?} {lasts:?}"), |nth| {
                let dir = tempfile::tempdir().unwrap();
                let fs = WatchedFs::new(NthCall::new(nth, failure, lasts));
                let saved = work(&(Arc::clone(&fs) as Arc<dyn FileSystem>), dir.path(), saving);
                verify(dir.path(), saved, &format!("{saving:?}, call {nth}, {failure:?} {lasts:?}"));
                fs.watcher.was_reached()
            });
        assert!(cases > 60, "{cases}");
    }
}

#[test]
fn the_power_goes_out_while_configuration_is_saved() {
    for (saving, round) in [Saving::Whole, Saving::Growing]
        .into_iter()
        .flat_map(|saving| (0..10).map(move |round| (saving, round)))
    {
        let seed = seed().wrapping_add(round);
        let cases = run_cases(&format!("configuration {saving:?}, power cut"), |at_call| {
            let (source, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let fs = WatchedFs::new(PowerCut::new(at_call, source.path(), left.path(), seed));
            let saved = work(&(Arc::clone(&fs) as Arc<dyn FileSystem>), source.path(), saving);
            if !fs.watcher.was_reached() {
                return false;
            }
            let case = format!("{saving:?}, power cut at call {at_call}, STORE_FAULT_SEED={seed}");
            verify(left.path(), saved, &case);
            true
        });
        assert!(cases > 60, "{cases}");
    }
}
