//! Working on a store no broker has open: examining it, listing what is in it, and building its derived files
//! again. The directory may be one of RocketMQ's or of ours.
//!
//! What is read goes through [`read_only::ReadOnly`], which refuses every change; only [`rebuild`] writes, and
//! only into directories of its own until they are complete. Files are taken one at a time, and what is kept
//! in memory grows with the number of queues, not of messages.

mod check;
mod dump;
mod dump_compacted;
mod error;
mod findings;
mod lookup;
mod progress;
mod read_only;
mod rebuild;
mod store_dir;

#[cfg(test)]
mod tests;

pub use crate::lock::LastExit;
pub use check::{
    CheckReport, CompactionSummary, ConfigSummary, IndexSummary, Liveness, LogSummary, QueueSummary,
    TimerSummary, check,
};
pub use dump::{
    Dumped, DumpedFile, DumpedItem, DumpedUnit, RecordFilter, UnitFilter, dump_index, dump_records,
    dump_units,
};
pub use dump_compacted::dump_compacted;
pub use error::OfflineError;
pub use findings::{Finding, FindingKind, Findings, Severity};
pub use progress::{Progress, Quiet, Stage};
pub use rebuild::{RebuildMode, RebuildReport, rebuild_index, rebuild_queues};
pub use store_dir::{SizesFrom, StoreDir};
