//! What can go wrong with the store as a whole, one enum an operation.

use std::{io, path::PathBuf};

use crate::{config_files::ConfigFileError, consume_queue::TableError};

/// A store that does not open. Nothing was changed unless recovery had begun.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works on the directory.
    #[error("store {} is in use by another process{}", path.display(), holder(*pid))]
    InUse {
        /// The store root.
        path: PathBuf,
        /// The process, where known.
        pid: Option<i32>,
    },
    /// A CommitLog file does not have the configured size.
    #[error("{} has {len_bytes} bytes, but mappedFileSizeCommitLog is {expected_bytes}", path.display())]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The configured length.
        expected_bytes: u64,
    },
    /// A file of a compacted queue does not have the configured size.
    #[error(
        "{} has {len_bytes} bytes, but compactionMappedFileSize and compactionCqMappedFileSize ask for {expected_bytes}",
        path.display()
    )]
    CompactedFileSize {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The configured length.
        expected_bytes: u64,
    },
    /// CommitLog files do not follow one another.
    #[error("{} is missing before {}", missing.display(), path.display())]
    FileMissing {
        /// The file after the gap.
        path: PathBuf,
        /// The file that should be there.
        missing: PathBuf,
    },
    /// The directory holds something this store cannot serve.
    #[error("{} holds {what}, which this store does not support", path.display())]
    Unsupported {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An option makes no sense.
    #[error("{key} cannot be {value}: {reason}")]
    Option {
        /// The RocketMQ key.
        key: &'static str,
        /// Its value.
        value: u64,
        /// Why not.
        reason: &'static str,
    },
    /// A `ConsumeQueue` could not be read or repaired.
    #[error(transparent)]
    ConsumeQueue(#[from] TableError),
    /// The topics could not be read.
    #[error(transparent)]
    Config(#[from] ConfigFileError),
    /// The index could not be read or repaired.
    #[error("index not opened: {0}")]
    Index(String),
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}

fn holder(pid: Option<i32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

/// Why the store takes no messages at the moment, RocketMQ's `SERVICE_NOT_AVAILABLE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// A mount is fuller than allowed.
    #[error("disk full: {} is {used_percent}% used, limit {limit_percent}%", mount.display())]
    DiskFull {
        /// Its directory.
        mount: PathBuf,
        /// How full it is.
        used_percent: u32,
        /// How full it may be.
        limit_percent: u32,
    },
    /// A mount has less free space than `diskMinFreeBytes`, or none for the next message.
    #[error("disk full: {} has {available_bytes} bytes left, {needed_bytes} are needed, {used_percent}% used", mount.display())]
    NoSpace {
        /// Its directory.
        mount: PathBuf,
        /// How full it is.
        used_percent: u32,
        /// Bytes left.
        available_bytes: u64,
        /// Bytes needed.
        needed_bytes: u64,
    },
    /// The store was stopped.
    #[error("message store has been shut down")]
    Shutdown,
    /// A write or flush failed: nothing can be promised until the process starts again.
    #[error("message store is fenced: {reason}")]
    Fenced {
        /// What failed first.
        reason: String,
    },
}

/// What is wrong with a message, RocketMQ's `MESSAGE_ILLEGAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalMessage {
    /// There is no message in the batch, or they differ in topic or queue.
    #[error("a batch needs at least one message, all of one topic and queue")]
    Batch,
    /// The topic is empty or too long.
    #[error("topic of {len_bytes} bytes, limit {limit_bytes}")]
    Topic {
        /// Its length.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The queue id is negative.
    #[error("queue id {0} is negative")]
    QueueId(i32),
    /// The body is larger than `maxMessageSize`.
    #[error("body of {len_bytes} bytes, limit {limit_bytes}")]
    Body {
        /// Its length.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The properties are longer than a record can hold.
    #[error("properties of {len_bytes} bytes, limit {limit_bytes}")]
    Properties {
        /// Their length.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The records do not fit into one CommitLog file.
    #[error("records of {len_bytes} bytes, limit {limit_bytes}")]
    Record {
        /// Their length.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// An inner batch belongs to a topic with batch queues and says how many messages are in it; what says so
    /// and is none is refused, too.
    #[error("an inner batch without its number of messages or outside of a batch queue")]
    InnerBatch,
}

/// A put that stored nothing, unless its variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The store takes no messages at the moment.
    #[error("service not available: {0}")]
    ServiceNotAvailable(#[from] Unavailable),
    /// The message can never be stored.
    #[error("message illegal: {0}")]
    MessageIllegal(#[from] IllegalMessage),
    /// The next CommitLog file could not be made.
    #[error("create mapped file failed: {0}")]
    CreateMappedFileFailed(io::Error),
    /// The queue could not be loaded.
    #[error("consume queue is not available: {0}")]
    ConsumeQueue(TableError),
    /// The message is in the CommitLog, but its queue could not take it: it is delivered after a restart,
    /// and the store is fenced until then.
    #[error("message at {phy_offset} was stored, but not dispatched")]
    NotDispatched {
        /// Where it is.
        phy_offset: i64,
    },
}

/// A store that could not be stopped cleanly: it recovers when it opens again.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Messages could not be made durable.
    #[error("commit log not flushed: {0}")]
    CommitLog(io::Error),
    /// The `ConsumeQueue`s could not be made durable.
    #[error("consume queues not flushed: {0}")]
    ConsumeQueue(String),
    /// The index could not be made durable.
    #[error("index not flushed: {0}")]
    Index(String),
    /// The checkpoint or the abort file could not be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A write failed earlier.
    #[error("message store was fenced: {0}")]
    Fenced(String),
}
