//! Stores of a few hundred messages, broken in known ways.

mod checking;
mod dumping;
mod extending;
mod interrupting;
mod kinds;
mod rebuilding;
mod timing;

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{CheckReport, FindingKind, Liveness, Quiet, Severity, SizesFrom, StoreDir, check};
use crate::{
    consume_queue::{UNIT_BYTES, Unit},
    fs::{FileSystem, OsFileSystem},
    message_store::{
        MessageStore,
        tests::harness::{Harness, copy, flip, put_many},
    },
};

const TOPIC: &str = "TopicTest";

/// A store with messages `0..count` that was stopped in order.
fn stopped_store(count: usize) -> Harness {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..count);
    stop(store);
    harness
}

fn stop(store: Arc<MessageStore>) {
    store.index_everything();
    store.stop().unwrap();
    drop(store);
}

fn store_dir(harness: &Harness) -> StoreDir {
    store_dir_on(harness, Arc::new(OsFileSystem))
}

fn store_dir_on(harness: &Harness, fs: Arc<dyn FileSystem>) -> StoreDir {
    StoreDir::open(fs, harness.options.clone(), SizesFrom::Files).unwrap()
}

fn checked(harness: &Harness) -> CheckReport {
    check(&store_dir(harness), Liveness::Offline, &Quiet).unwrap()
}

/// The kinds found, with their severity, without repetition.
fn kinds(report: &CheckReport) -> Vec<(Severity, FindingKind)> {
    report.findings.counts().map(|(severity, kind, _)| (severity, kind)).collect()
}

fn assert_sound(harness: &Harness) {
    let report = checked(harness);
    assert!(report.is_sound(), "{:#?}", report.findings);
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// The file of a queue that holds a place, and the position there.
fn place(harness: &Harness, queue_id: i32, queue_offset: u64) -> (PathBuf, u64) {
    let per_file = harness.options.consume_queue_file_size_bytes / UNIT_BYTES as u64;
    let base = queue_offset / per_file * per_file * UNIT_BYTES as u64;
    let dir = harness.root().join("consumequeue").join(TOPIC).join(queue_id.to_string());
    (dir.join(format!("{base:020}")), queue_offset % per_file * UNIT_BYTES as u64)
}

fn unit_at(harness: &Harness, queue_id: i32, queue_offset: u64) -> Unit {
    let (path, position) = place(harness, queue_id, queue_offset);
    let bytes = std::fs::read(path).unwrap();
    Unit::decode(bytes[position as usize..].first_chunk().unwrap())
}

/// Everything below a directory.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.clone(), Vec::new());
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}
