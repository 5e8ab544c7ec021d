//! Why an offline operation could not be done.

use std::{io, path::PathBuf};

use crate::{consume_queue, consume_queue::TableError, error::OpenError, index_file::IndexError};

/// An operation that came to no result.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// There is no CommitLog where it should be.
    #[error("{} is not a store: there is no {}; give the directory that holds it (storePathRootDir)", root.display(), missing.display())]
    NotAStore {
        /// The directory given.
        root: PathBuf,
        /// What it lacks.
        missing: PathBuf,
    },
    /// The directory holds queues these operations do not know.
    #[error("{} holds {what}, which cannot be rebuilt; start RocketMQ's broker on the store instead", path.display())]
    Unsupported {
        /// Where they are.
        path: PathBuf,
        /// What they are.
        what: &'static str,
    },
    /// The files have not the length the configuration gives them.
    #[error("{} has {len_bytes} bytes, {keys} make {expected_bytes}; name the broker's configuration with -c", path.display())]
    Sizes {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The length it should have.
        expected_bytes: u64,
        /// The configuration keys that decide.
        keys: &'static str,
    },
    /// A file of the CommitLog is missing or has a wrong length.
    #[error("{}: {reason}; put it back, or name the broker's configuration with -c", path.display())]
    LogIncomplete {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Whoever asked does not want it any more. Nothing was changed.
    #[error("interrupted; the store is as it was")]
    Interrupted,
    /// The store could not be locked or read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A queue could not be read or written.
    #[error(transparent)]
    Queue(#[from] TableError),
    /// The index could not be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl OfflineError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}

impl From<consume_queue::OpenError> for OfflineError {
    fn from(error: consume_queue::OpenError) -> Self {
        Self::Queue(error.into())
    }
}

impl From<consume_queue::FlushError> for OfflineError {
    fn from(error: consume_queue::FlushError) -> Self {
        Self::Queue(error.into())
    }
}
