//! What recovery does with the records it comes across: each goes to its `ConsumeQueue` again.

use std::ops::ControlFlow;

use message::record::{RecordError, RecordView};

use super::{Damage, progress::Progress, scan::LogVisitor};
use crate::{
    consume_queue::{AppendError, AppendOutcome, ConsumeQueueTable, QueueKind, TableError, Unit},
    consume_queue_ext::{ConsumeQueueExt, Extension},
    dispatch::{DelayLevels, QueuePlace, places},
    error::OpenError,
    options::Switch,
};

/// Dispatches records and remembers damage.
pub(super) struct Dispatching<'a> {
    pub(super) queues: &'a ConsumeQueueTable,
    pub(super) extensions: &'a ConsumeQueueExt,
    pub(super) levels: &'a DelayLevels,
    pub(super) light: Switch,
    pub(super) progress: Progress<'a>,
    pub(super) damage: Vec<Damage>,
}

impl Dispatching<'_> {
    /// The unit of a place with its extension, if it is to have one. That of a unit that is there already may have
    /// been lost in part: its bits count no more.
    fn extended(&self, record: &RecordView<'_>, place: QueuePlace) -> Result<Unit, TableError> {
        let mut unit = place.unit;
        if !self.extensions.is_written() && !self.extensions.has(record.topic(), record.queue_id()) {
            return Ok(unit);
        }
        let queue = self.queues.get_or_create(record.topic(), record.queue_id())?;
        if place.queue_offset < queue.max_queue_offset() {
            if let Some(present) = queue.unit_at(place.queue_offset).map_err(AppendError::Io)? {
                let distrusted = self.extensions.distrust(queue.topic(), queue.queue_id(), &present);
                distrusted.map_err(AppendError::Io)?;
            }
        } else if self.extensions.is_written() {
            let (tags_code, store_timestamp) = (unit.tags_code, record.store_timestamp());
            let extension = Extension { tags_code, store_timestamp, bit_map: Vec::new() };
            unit.tags_code = self.extensions.put(&queue, &extension);
        }
        Ok(unit)
    }
}

impl LogVisitor for Dispatching<'_> {
    type Error = OpenError;

    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, OpenError> {
        self.progress.reached(record.phy_offset());
        for (topic, queue_id, place) in places(record, self.levels, self.light) {
            self.dispatch(record, (topic, queue_id), place)?;
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

impl Dispatching<'_> {
    fn dispatch(
        &self,
        record: &RecordView<'_>,
        (topic, queue_id): (&str, i32),
        place: QueuePlace,
    ) -> Result<(), OpenError> {
        // Batch queues and light ones have no extensions.
        let may_extend = topic == record.topic() && self.queues.kinds().of(topic) == QueueKind::Simple;
        let extended = if may_extend { self.extended(record, place) } else { Ok(place.unit) };
        let appended = extended.and_then(|unit| {
            let place = QueuePlace { unit, ..place };
            self.queues.append_with(topic, queue_id, |queue| place.append_to(queue))
        });
        match appended {
            Ok(AppendOutcome::AppendedAfterGap { blank_count }) => {
                tracing::warn!(
                    topic,
                    queue_id,
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
                tracing::error!(phy_offset = place.unit.phy_offset, %error, "message cannot be dispatched");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
