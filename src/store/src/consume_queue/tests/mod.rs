//! Tests of whole tables on real files.

mod basic;
mod batches;
mod faults;
mod model;
mod search;
mod trim;

use std::{ops::Range, path::Path, sync::Arc};

use super::*;
use crate::fs::{FileSystem, OsFileSystem};

const UNITS_PER_FILE: i64 = 7;
const SIZE: i32 = 100;

fn open_with(fs: Arc<dyn FileSystem>, root: &Path, max_open_files: usize) -> ConsumeQueueTable {
    let file_size_bytes = UNITS_PER_FILE as u64 * UNIT_BYTES as u64;
    let options = ConsumeQueueOptions { file_size_bytes, max_open_files, ..ConsumeQueueOptions::default() };
    ConsumeQueueTable::open(fs, root, &options).unwrap()
}

fn open(root: &Path) -> ConsumeQueueTable {
    open_with(Arc::new(OsFileSystem), root, 4)
}

fn unit(phy_offset: i64) -> Unit {
    Unit { phy_offset, size_bytes: SIZE, tags_code: phy_offset % 3 }
}

/// Appends units `range` of a queue whose records follow each other from 1000 on.
fn fill(table: &ConsumeQueueTable, topic: &str, queue_id: i32, range: Range<i64>) {
    for queue_offset in range {
        table.append(topic, queue_id, queue_offset, nth(queue_offset)).unwrap();
    }
}

fn nth(queue_offset: i64) -> Unit {
    unit(1_000 + queue_offset * i64::from(SIZE))
}

fn queue(table: &ConsumeQueueTable) -> Arc<ConsumeQueue> {
    table.get("t", 0).unwrap().unwrap()
}

fn bounds(table: &ConsumeQueueTable) -> (i64, i64) {
    let queue = queue(table);
    (queue.min_queue_offset(), queue.max_queue_offset())
}

fn file_names(root: &Path) -> Vec<String> {
    let mut entries = OsFileSystem.read_dir(&root.join("t/0")).unwrap();
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    for entry in &entries {
        assert_eq!(entry.len, UNITS_PER_FILE as u64 * UNIT_BYTES as u64, "{}", entry.name);
    }
    entries.into_iter().map(|entry| entry.name).collect()
}
