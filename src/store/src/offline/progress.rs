//! Telling somebody how far an operation is, and hearing whether to go on.

use std::fmt;

use message::record::RecordView;

/// Progress is told, and a wish to stop heard, every so many records.
const RECORDS_BETWEEN_TELLING: u64 = 1_024;

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the CommitLog; counted in bytes.
    CommitLog,
    /// Reading the `ConsumeQueue`s; counted in queues.
    ConsumeQueues,
    /// Making what was built durable; not counted.
    Syncing,
}

impl Stage {
    /// Whether it is counted in bytes.
    pub fn is_in_bytes(self) -> bool {
        self == Self::CommitLog
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CommitLog => "commit log",
            Self::ConsumeQueues => "consume queues",
            Self::Syncing => "syncing",
        })
    }
}

/// Who watches an operation.
pub trait Progress {
    /// A stage begins that ends at `total`.
    fn begin(&self, stage: Stage, total: u64);
    /// The stage is at `done`.
    fn advance(&self, done: u64);
    /// Whether the operation should stop as soon as it can.
    fn is_stopped(&self) -> bool;
}

/// Tells that a pass over the CommitLog from physical offset `begin` on has come to its `seen_count`-th record; whether
/// it goes on.
pub(super) fn goes_on(progress: &dyn Progress, seen_count: u64, record: &RecordView<'_>, begin: i64) -> bool {
    if !seen_count.is_multiple_of(RECORDS_BETWEEN_TELLING) {
        return true;
    }
    progress.advance(u64::try_from(record.phy_offset() - begin).unwrap_or(0));
    !progress.is_stopped()
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _stage: Stage, _total: u64) {}
    fn advance(&self, _done: u64) {}
    fn is_stopped(&self) -> bool {
        false
    }
}
