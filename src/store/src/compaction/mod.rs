//! Compacted topics: of the messages with one key only the newest stays, however old, RocketMQ's `CompactionStore`.
//!
//! ```text
//! compaction/position-checkpoint                  up to which queue offset each queue is compacted, JSON
//! compaction/compactionLog/<topic>/<queue>/<base> records, as in the CommitLog but for their physical offset
//! compaction/compactionCq/<topic>/<queue>/<base>  their units, those of a batch queue, see [`layout`]
//! compaction/rewriting/<topic>/<queue>/...        files being compacted, see [`exchange`]; ours alone
//! ```
//!
//! A queue has pairs of files of the same name, [`segment::Segment`]s. Every message with a key is copied from the
//! CommitLog behind the last one, in the order of its `ConsumeQueue`, before consumers are told of it; they read the
//! copy. Now and then all segments but the last are written anew without what a later message has replaced, and
//! exchanged.
//!
//! Invariants:
//! - A message is in the CommitLog until its copy is on the disk.
//! - Queue offsets grow in a segment and from one to the next; none is at or behind the end of the `ConsumeQueue`.
//! - All segments but the last are on the disk, and complete.
//! - The log is the truth: a queue file that does not agree with it is made again.

mod exchange;
mod layout;
mod leftovers;
mod loading;
mod log;
mod offset_map;
mod positions;
mod rebuild;
mod rewrite;
mod segment;
mod table;
mod topics;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use layout::{Dirs, Layout};
pub(crate) use loading::Originals;
pub(crate) use log::CompactionLog;
pub(crate) use rebuild::{has_record, units_of};
pub(crate) use segment::{Segment, Units, record_of, whole_file};
pub(crate) use table::{CompactionOptions, CompactionStore};
pub use topics::CompactedTopics;

use std::io;

use message::{property_names, record::RecordView};

/// The keys a message is compacted by: all of them as one text. `None` when they are blank: such a message has no
/// place in a compacted log.
pub(crate) fn key_of<'a>(record: &RecordView<'a>) -> Option<&'a str> {
    record.property(property_names::KEYS).filter(|keys| !keys.trim().is_empty())
}

/// Why a queue is not compacted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompactError {
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A record is damaged: what it was nobody knows, so nothing is removed.
    #[error("record of queue offset {queue_offset} at {phy_offset} is damaged")]
    Damaged {
        /// What its unit says.
        queue_offset: i64,
        /// Where it should be.
        phy_offset: i64,
    },
    /// The topic was deleted meanwhile, or the store stops.
    #[error("given up")]
    GivenUp,
}
