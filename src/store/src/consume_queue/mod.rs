//! `ConsumeQueue`s: for each queue of a topic, where in the CommitLog its messages stand.
//!
//! A queue is a row of files of one configured size; file names are the byte position of their first unit:
//!
//! ```text
//! consumequeue/<topic>/<queueId>/00000000000000000000
//!                                00000000000006000000   (300,000 units x 20 bytes each)
//!
//! unit (20 bytes, big-endian):  phy_offset i64 | size i32 | tags_code i64
//! ```
//!
//! Queue offset = byte position / 20. A *batch* queue has units of 46 bytes below `batchconsumequeue`, each for
//! a record of any number of messages with queue offsets of their own: see [`batch_unit`] and [`batch`]. All else
//! the two kinds share, as a batch unit begins with a simple one. *Light* queues (LMQ) are simple ones whose units
//! point to records of other topics.
//!
//! Files have their full length from the start and are sparse; a unit of
//! zeros has not been written. Units before the first one of a queue that does not begin at a file's start
//! are *blank*: `0, 0x7FFFFFFF, 0`.
//!
//! Invariants:
//! - The units of a queue are those in its files followed by those in its in-memory tail, without a gap.
//! - An idle queue holds no open file, no map and no buffer: handles live in one bounded [`file_cache`](crate::file_cache).
//! - What is in a queue can be derived again from the CommitLog, so damage here never costs a message.

mod batch;
mod batch_unit;
mod dir;
mod files;
mod flush;
mod kind;
mod load;
mod queue;
mod repair;
mod search;
mod table;
mod trim;
mod unit;

#[cfg(test)]
mod tests;

pub(crate) use batch_unit::AtPlace;
pub use batch_unit::{BATCH_UNIT_BYTES, BatchUnit, QueuedUnit};
pub(crate) use dir::{QueueDir, QueueDirFile};
pub use flush::{FlushError, FlushReport};
pub use kind::{QueueKind, QueueKinds};
pub use load::OpenError;
pub(crate) use load::find_queues;
pub use queue::{AppendError, AppendOutcome, ConsumeQueue};
pub use search::Boundary;
pub use table::{ConsumeQueueOptions, ConsumeQueueTable, TableError};
pub(crate) use unit::MAX_EXTENSION_ADDRESS;
pub use unit::{UNIT_BYTES, Unit};
