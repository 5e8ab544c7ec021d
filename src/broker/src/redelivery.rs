//! Putting a delayed message into its own topic when it is due.

use std::sync::Arc;

use store::{
    error::PutError,
    message_store::MessageStore,
    put::{PendingMessage, WaitStore},
};

use crate::{draft::MessageDraft, stats::BrokerStats};

/// What became of a message that was due.
#[derive(Debug)]
pub enum Redelivered {
    /// It is stored.
    Stored {
        /// Its length in the log.
        wrote_bytes: usize,
    },
    /// The store will never take it.
    Never(PutError),
    /// The store does not take it now.
    NotNow(PutError),
}

/// Stores it, counted as a message somebody has sent.
pub fn redeliver(store: &MessageStore, stats: &BrokerStats, message: MessageDraft) -> Redelivered {
    let topic = Arc::clone(&message.topic);
    let pending = PendingMessage { wait_store_ok: WaitStore::DontWait, ..message.into_pending() };
    match store.put(&[pending]) {
        Ok(appended) => {
            stats.topic_put(&topic, appended.message_count, appended.wrote_bytes);
            Redelivered::Stored { wrote_bytes: appended.wrote_bytes }
        }
        Err(error @ PutError::MessageIllegal(_)) => Redelivered::Never(error),
        Err(error) => Redelivered::NotNow(error),
    }
}
