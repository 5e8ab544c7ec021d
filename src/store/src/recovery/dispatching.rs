//! What recovery does with the records it comes across: each goes to its `ConsumeQueue` again.

use std::ops::ControlFlow;

use message::record::{RecordError, RecordView};

use super::{Damage, progress::Progress, scan::LogVisitor};
use crate::{
    consume_queue::{AppendError, AppendOutcome, ConsumeQueueTable, TableError},
    dispatch::{DelayLevels, queue_place},
    error::OpenError,
};

/// Dispatches records and remembers damage.
pub(super) struct Dispatching<'a> {
    pub(super) queues: &'a ConsumeQueueTable,
    pub(super) levels: &'a DelayLevels,
    pub(super) progress: Progress<'a>,
    pub(super) damage: Vec<Damage>,
}

impl LogVisitor for Dispatching<'_> {
    type Error = OpenError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OpenError> {
        self.progress.reached(record.phy_offset());
        let Some(place) = queue_place(record, self.levels) else { return Ok(ControlFlow::Continue(())) };
        match self.queues.append(record.topic(), record.queue_id(), place.queue_offset, place.unit) {
            Ok(AppendOutcome::AppendedAfterGap { blank_count }) => {
                tracing::warn!(
                    topic = record.topic(),
                    queue_id = record.queue_id(),
                    queue_offset = place.queue_offset,
                    blank_count,
                    "messages are missing in a queue"
                );
            }
            Ok(_) => {}
            Err(TableError::Append(AppendError::Io(error))) => {
                return Err(OpenError::ConsumeQueue(TableError::Append(AppendError::Io(error))));
            }
            // A record no queue can take is in the log all the same: the others must be served.
            Err(error @ (TableError::Append(_) | TableError::InvalidTopic(_))) => {
                tracing::error!(phy_offset = record.phy_offset(), %error, "message cannot be dispatched");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn damage(&mut self, damage: Damage, error: RecordError) {
        tracing::error!(
            file = %damage.path.display(),
            from_phy_offset = damage.from_phy_offset,
            until_phy_offset = damage.until_phy_offset,
            %error,
            "commit log is damaged: these bytes are skipped and kept, messages in them are not served"
        );
        self.damage.push(damage);
    }
}
