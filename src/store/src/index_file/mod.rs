//! Index files: from the key of a message to where its record stands in the CommitLog.
//!
//! Each file is a hash table of a configured number of slots and items, named by the local time of its
//! creation (`yyyyMMddHHmmssSSS`); names ascend. All integers are big-endian:
//!
//! ```text
//! header   40 B   begin_timestamp i64 | end_timestamp i64 | begin_phy_offset i64 | end_phy_offset i64
//!                 | used_slot_count i32 | next_index i32
//! slots     4 B each   index of the newest item in the slot, 0 for none
//! items    20 B each   key_hash i32 | phy_offset i64 | seconds since begin_timestamp i32
//!                      | index of the next older item in the slot i32, 0 for none
//! ```
//!
//! Item 0 is never used, so `next_index` begins at 1. Only hashes are stored: who asks for a key must look at
//! the records it gets.
//!
//! Invariants:
//! - One thread builds the index, behind the appender; any number ask it.
//! - On disk no slot and no header speaks of an item before that item is durable, so a file that was being
//!   written when the machine stopped is repaired by dropping what its header does not know.
//! - Files are written with `pwrite` from bounded buffers: a full disk is an error like any other.

mod feed;
mod file;
mod layout;
mod name;
mod reader;
mod request;
mod service;
mod slots;

#[cfg(test)]
mod tests;

pub(crate) use feed::{IndexFeed, KeyHashes, KeyRun};
pub use layout::Layout;
pub(crate) use layout::{Header, Item};
pub(crate) use reader::{IndexReader, list_index_files};
pub use request::IndexRequest;
pub use service::{IndexError, IndexFlushed, IndexOptions, IndexQueryResult, IndexRecovery, IndexService};
