//! Writing `ConsumeQueue`s and index, and then the checkpoint that says so.

use std::{io, sync::atomic::Ordering};

use super::MessageStore;
use crate::{checkpoint::Checkpoint, error::StopError};

/// Whether files are made durable in a round, or only written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thoroughness {
    /// What is in memory goes to the files: it survives the end of the process.
    Write,
    /// It survives a power cut, and the checkpoint moves on.
    Sync,
}

impl MessageStore {
    /// One round of flushing queues and index.
    pub(super) fn flush_queues(&self, thoroughness: Thoroughness) {
        if thoroughness == Thoroughness::Write {
            if let Err(error) = self.queues.write_tails() {
                tracing::warn!(%error, "consume queues not written, trying again");
            }
            return;
        }
        // What is dispatched now is in the queues once they are flushed.
        let (dispatched, timestamp) = self.dispatched_position();
        // What a unit points to must not be younger than the unit.
        if let Err(error) = self.extensions.sync() {
            tracing::warn!(%error, "extensions of consume queues not flushed: recovery would begin further back");
            return;
        }
        if let Err(error) = self.queues.flush() {
            tracing::warn!(%error, "consume queues not flushed: recovery would begin further back");
            return;
        }
        if let Err(error) = self.sync_compacted() {
            tracing::warn!(%error, "compacted logs not flushed: recovery would begin further back");
            return;
        }
        // The checkpoint must not speak of what the log itself could still lose.
        let durable = dispatched.min(self.log.flushed());
        let mut checkpoint = *self.checkpoint.lock();
        checkpoint.recover_phy_offset = Some(durable);
        checkpoint.confirm_phy_offset = durable;
        checkpoint.physic_msg_timestamp = self.log.flushed_timestamp();
        checkpoint.logics_msg_timestamp = timestamp.min(checkpoint.physic_msg_timestamp);
        if let Err(error) = self.save_checkpoint(checkpoint) {
            tracing::warn!(%error, "checkpoint not written: recovery would begin further back");
        }
    }

    /// Up to where messages are in their queues, and the store timestamp of the last of them.
    fn dispatched_position(&self) -> (i64, i64) {
        if self.options.now().holds_back_unflushed() {
            let dispatched = *self.dispatched.lock();
            return (dispatched, self.log.flushed_timestamp());
        }
        // Between publishing a record and pushing its unit the append lock is held.
        self.log.while_not_appending(|| (self.log.end(), self.log.last_store_timestamp()))
    }

    /// Makes the index durable, seldom: it can be built again from where it ends.
    pub(super) fn flush_index(&self) {
        let Some(index) = &self.index else { return };
        // An index ahead of the log would have to be built from scratch, so the log goes first.
        let _nothing_is_indexed = self.indexing.lock();
        self.flush_log();
        if self.log.flushed() < self.indexed.load(Ordering::Acquire) {
            return;
        }
        match index.flush() {
            Ok(Some(durable)) => self.checkpoint.lock().index_msg_timestamp = durable.end_timestamp,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "index not flushed"),
        }
    }

    fn save_checkpoint(&self, checkpoint: Checkpoint) -> io::Result<()> {
        if self.saved_checkpoint.lock().as_ref() != Some(&checkpoint) {
            self.checkpoint_file.save(&checkpoint)?;
            *self.saved_checkpoint.lock() = Some(checkpoint);
        }
        *self.checkpoint.lock() = checkpoint;
        Ok(())
    }

    /// The last checkpoint: everything is in it.
    pub(super) fn save_checkpoint_on_stop(&self) -> Result<(), StopError> {
        self.extensions.sync().map_err(|error| StopError::ConsumeQueue(error.to_string()))?;
        self.queues.flush().map_err(|error| StopError::ConsumeQueue(error.to_string()))?;
        self.sync_compacted().map_err(|error| StopError::ConsumeQueue(error.to_string()))?;
        let mut checkpoint = *self.checkpoint.lock();
        if let Some(index) = &self.index
            && let Some(durable) = index.flush().map_err(|error| StopError::Index(error.to_string()))?
        {
            checkpoint.index_msg_timestamp = durable.end_timestamp;
        }
        let end = self.log.flushed();
        checkpoint.recover_phy_offset = Some(end);
        checkpoint.confirm_phy_offset = end;
        checkpoint.physic_msg_timestamp = self.log.flushed_timestamp();
        checkpoint.logics_msg_timestamp = self.log.flushed_timestamp();
        self.save_checkpoint(checkpoint)
            .map_err(|error| StopError::Io { path: self.checkpoint_file.path().to_owned(), error })
    }
}
