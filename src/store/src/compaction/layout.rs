//! Where the files of compacted queues are, and how long.
//!
//! ```text
//! log file:    record | record | ... | blank: remaining i32, BLANK_MAGIC i32     each record with its place here as
//!                                                                                physical offset
//! queue file:  unit | unit | ... | end mark: a unit with physical offset -1 and no message
//! ```
//!
//! Blank and end mark stand where a file is complete and has room for them. Compaction begins at 0 again, so that
//! files may be missing between the compacted ones and those behind.

use std::path::{Path, PathBuf};

use crate::consume_queue::BATCH_UNIT_BYTES;

/// The directory below the store root.
pub(crate) const DIR_NAME: &str = "compaction";

const LOG_DIR_NAME: &str = "compactionLog";
const QUEUE_DIR_NAME: &str = "compactionCq";
const WORK_DIR_NAME: &str = "rewriting";
/// The file that says that an exchange was decided.
pub(super) const DECIDED_NAME: &str = "decided";
const SET_ASIDE_DIR_NAME: &str = "set-aside";

/// Queue files of less than this make a log file of five times their length, as in RocketMQ.
const LEAST_RATIO: u64 = 5;

/// Paths and sizes.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    /// Bytes of a log file.
    pub(crate) log_file_bytes: usize,
    /// Bytes of a queue file.
    pub(crate) queue_file_bytes: usize,
}

/// The directories of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dirs {
    /// Of log files.
    pub(crate) log: PathBuf,
    /// Of queue files.
    pub(crate) queue: PathBuf,
}

impl Dirs {
    /// Both.
    pub(crate) fn both(&self) -> [&Path; 2] {
        [&self.log, &self.queue]
    }
}

impl Layout {
    /// From the lengths as configured; `None` when no message fits or files would be too long.
    pub(crate) fn new(store_root: &Path, log_file_bytes: u64, queue_file_bytes: u64) -> Option<Self> {
        let queue_file_bytes = queue_file_bytes / BATCH_UNIT_BYTES as u64 * BATCH_UNIT_BYTES as u64;
        // One unit and the mark behind it.
        if queue_file_bytes < 2 * BATCH_UNIT_BYTES as u64 {
            return None;
        }
        let log_file_bytes = log_file_size(queue_file_bytes, log_file_bytes);
        Some(Self {
            root: store_root.join(DIR_NAME),
            log_file_bytes: i32::try_from(log_file_bytes).ok()? as usize,
            queue_file_bytes: i32::try_from(queue_file_bytes).ok()? as usize,
        })
    }

    /// The directory of all of them.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The longest record a log file has room for, in bytes.
    pub(crate) fn max_record_bytes(&self) -> usize {
        self.log_file_bytes - message::record::BLANK_HEADER_BYTES
    }

    /// The directories of a topic: those its queues are in.
    pub(crate) fn topic_dirs(&self, topic: &str) -> [PathBuf; 3] {
        topic_dirs(&self.root, topic)
    }

    /// Where the files of a queue are.
    pub(crate) fn dirs(&self, topic: &str, queue_id: i32) -> Dirs {
        let [log, queue, _] = self.topic_dirs(topic).map(|dir| dir.join(queue_id.to_string()));
        Dirs { log, queue }
    }

    /// Where the log files of all queues are, in a store.
    pub(crate) fn log_root(store_root: &Path) -> PathBuf {
        store_root.join(DIR_NAME).join(LOG_DIR_NAME)
    }

    /// Where the files of a queue are, in a store.
    pub(crate) fn dirs_below(store_root: &Path, topic: &str, queue_id: i32) -> Dirs {
        let dirs = topic_dirs(&store_root.join(DIR_NAME), topic);
        let [log, queue, _] = dirs.map(|dir| dir.join(queue_id.to_string()));
        Dirs { log, queue }
    }

    /// The file that says that an exchange was decided, in a store.
    pub(crate) fn decided_path(store_root: &Path, topic: &str, queue_id: i32) -> PathBuf {
        let [_, _, work] = topic_dirs(&store_root.join(DIR_NAME), topic);
        work.join(queue_id.to_string()).join(DECIDED_NAME)
    }

    /// Where the files of a queue are written anew.
    pub(crate) fn work_dir(&self, topic: &str, queue_id: i32) -> PathBuf {
        let [_, _, work] = self.topic_dirs(topic).map(|dir| dir.join(queue_id.to_string()));
        work
    }

    /// The directories below that.
    pub(crate) fn work_dirs(&self, topic: &str, queue_id: i32) -> Dirs {
        let work = self.work_dir(topic, queue_id);
        Dirs { log: work.join("log"), queue: work.join("queue") }
    }

    /// Where the files of a queue go that do not belong to its `ConsumeQueue`.
    pub(crate) fn set_aside_dirs(&self, topic: &str, queue_id: i32, now_millis: i64) -> Dirs {
        let dir = self.root.join(SET_ASIDE_DIR_NAME).join(format!("{now_millis}")).join(topic);
        let dir = dir.join(queue_id.to_string());
        Dirs { log: dir.join("log"), queue: dir.join("queue") }
    }
}

fn topic_dirs(root: &Path, topic: &str) -> [PathBuf; 3] {
    [LOG_DIR_NAME, QUEUE_DIR_NAME, WORK_DIR_NAME].map(|dir| root.join(dir).join(topic))
}

/// RocketMQ's rule: log files are a multiple of queue files, the nearest one of at least five.
fn log_file_size(queue_file_bytes: u64, configured: u64) -> u64 {
    let (ratio, rest) = (configured / queue_file_bytes, configured % queue_file_bytes);
    if ratio < LEAST_RATIO {
        queue_file_bytes * LEAST_RATIO
    } else if rest > 0 && rest < queue_file_bytes / 2 {
        queue_file_bytes * ratio
    } else {
        queue_file_bytes * (ratio + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rocketmqs() {
        let sizes = |log, queue| {
            let layout = Layout::new(Path::new("/s"), log, queue)?;
            Some((layout.log_file_bytes, layout.queue_file_bytes))
        };
        assert_eq!(sizes(104_857_600, 10_485_760), Some((104_857_460, 10_485_746)));
        assert_eq!(sizes(1_000, 460), Some((2_300, 460)));
        assert_eq!(sizes(4_600, 469), Some((5_060, 460)));
        assert_eq!(sizes(4_800, 460), Some((4_600, 460)));
        assert_eq!(sizes(4_900, 460), Some((5_060, 460)));
        assert_eq!(sizes(1_000, 91), None);
        assert_eq!(sizes(1 << 31, 460), None);
    }
}
