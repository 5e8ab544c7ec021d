//! The kinds of queues, and which topics have which.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use parking_lot::RwLock;

use super::{BATCH_UNIT_BYTES, UNIT_BYTES};

/// What a unit of a queue stands for, RocketMQ's `CQType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// One message: its place among the units is its queue offset.
    #[default]
    Simple,
    /// One record with any number of messages, which have that many queue offsets.
    Batch,
}

impl QueueKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Simple, Self::Batch];

    /// Bytes of a unit.
    pub fn unit_bytes(self) -> usize {
        match self {
            Self::Simple => UNIT_BYTES,
            Self::Batch => BATCH_UNIT_BYTES,
        }
    }

    /// The key of the configuration that says how long files are.
    pub fn file_size_key(self) -> &'static str {
        match self {
            Self::Simple => "mappedFileSizeConsumeQueue",
            Self::Batch => "mapperFileSizeBatchConsumeQueue",
        }
    }

    /// The directory below the store root.
    pub fn dir_name(self) -> &'static str {
        match self {
            Self::Simple => "consumequeue",
            Self::Batch => "batchconsumequeue",
        }
    }
}

/// Where the queues of a kind are, and how long their files.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) kind: QueueKind,
    /// The directory of all of them.
    pub(super) root: PathBuf,
    pub(super) units_per_file: i64,
}

impl Layout {
    pub(super) fn new(kind: QueueKind, root: PathBuf, file_size_bytes: u64) -> Self {
        Self { kind, root, units_per_file: units_per_file(kind, file_size_bytes) }
    }

    pub(super) fn unit_bytes(&self) -> usize {
        self.kind.unit_bytes()
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.units_per_file as u64 * self.unit_bytes() as u64
    }

    /// The first place of the file that `place` is in.
    pub(super) fn base_of(&self, place: i64) -> i64 {
        place - place.rem_euclid(self.units_per_file)
    }

    /// The name of the file whose first unit is at `base`.
    pub(super) fn file_name(&self, base: i64) -> String {
        format!("{:020}", base.saturating_mul(self.unit_bytes() as i64))
    }

    pub(super) fn topic_dir(&self, topic: &str) -> PathBuf {
        self.root.join(topic)
    }

    pub(super) fn queue_dir(&self, topic: &str, queue_id: i32) -> PathBuf {
        self.root.join(topic).join(queue_id.to_string())
    }
}

/// Units in a file of a configured length.
fn units_per_file(kind: QueueKind, file_size_bytes: u64) -> i64 {
    file_size_bytes.div_ceil(kind.unit_bytes() as u64).clamp(1, 1 << 32) as i64
}

/// Which topics have which kind of queues. A topic nobody said anything about has simple ones.
///
/// Whoever makes a topic says so here before anybody can send to it: what the configuration calls the other
/// kind, RocketMQ does not open.
#[derive(Debug, Default)]
pub struct QueueKinds {
    batch: RwLock<HashSet<Arc<str>>>,
}

impl QueueKinds {
    /// The kind new queues of a topic get.
    pub fn of(&self, topic: &str) -> QueueKind {
        if self.batch.read().contains(topic) { QueueKind::Batch } else { QueueKind::Simple }
    }

    /// Says which kind new queues of a topic get. Those it has are what they are.
    pub fn set(&self, topic: &str, kind: QueueKind) {
        let mut batch = self.batch.write();
        match kind {
            QueueKind::Batch => batch.insert(topic.into()),
            QueueKind::Simple => batch.remove(topic),
        };
    }
}
