//! RocketMQ's message store: the CommitLog every message is appended to, the `ConsumeQueue`s and index
//! files derived from it, the checkpoint, recovery and retention, byte for byte in RocketMQ's layout.
//!
//! Lives here: everything that touches a file under the store root. May not live here: any word of the
//! wire protocol, of clients or of consumer groups. The door for brokers is
//! [`message_store::MessageStore`]; [`offline`] works on stores nobody has open.
//!
//! All file access goes through [`fs::FileSystem`] and all time through `runtime::clock::Clock`, so that
//! faults and clock jumps can be injected; `unsafe` stands in [`mapped_file`] alone.

pub mod arrival;
pub mod checkpoint;
mod commit_log;
pub mod compaction;
pub mod config_files;
pub mod consume_queue;
pub mod consume_queue_ext;
mod dispatch;
mod durable;
pub mod error;
mod file_cache;
mod flush;
pub mod foreign;
pub mod fs;
pub mod get;
mod health;
pub mod index_file;
mod light_queues;
mod lock;
pub mod mapped_file;
pub mod mapped_file_queue;
pub mod message_store;
pub mod offline;
pub mod options;
pub mod put;
pub mod recovery;
mod retention;
mod signal;
#[cfg(test)]
mod testing;
pub mod timer;
pub mod times;
mod topic_kinds;
