//! Compacted topics: copying their messages behind the appender, and compacting the copies.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use message::record::RecordView;

use super::MessageStore;
use crate::{
    commit_log::intact_record,
    compaction::{CompactedTopics, CompactionLog, CompactionStore, Originals, key_of},
    consume_queue::{ConsumeQueue, QueueKind, Unit},
    error::OpenError,
    lock::LastExit,
};

/// Messages looked up at a time.
const COPY_COUNT: usize = 256;
/// How often threads look for queues that are due, at most and at least.
const LOOK_MAX: Duration = Duration::from_secs(1);
const LOOK_MIN: Duration = Duration::from_millis(20);

impl MessageStore {
    /// Which topics are compacted. Whoever makes a topic says so before anybody sends to it.
    pub fn compacted_topics(&self) -> &Arc<CompactedTopics> {
        &self.compacted_topics
    }

    /// All copies.
    #[cfg(test)]
    pub(crate) fn compaction(&self) -> Option<&CompactionStore> {
        self.compaction.as_ref()
    }

    /// The copies of a topic, if it is compacted and that is not switched off.
    pub(super) fn compaction_of(&self, topic: &str) -> Option<&CompactionStore> {
        self.compaction.as_ref().filter(|compaction| compaction.topics().contains(topic))
    }

    /// Opens all compacted queues and brings them up to their `ConsumeQueue`s.
    pub(super) fn open_compacted(&self, last_exit: LastExit) -> Result<(), OpenError> {
        let Some(compaction) = &self.compaction else { return Ok(()) };
        for topic in compaction.topics().all() {
            let dir = || OpenError::io(compaction.layout().root());
            let mut queue_ids = compaction.queue_ids_on_disk(&topic).map_err(dir())?;
            queue_ids.extend(self.queues.queues(&topic));
            queue_ids.sort_unstable();
            queue_ids.dedup();
            for queue_id in queue_ids {
                self.open_copy(compaction, &topic, queue_id, last_exit)?;
            }
        }
        self.copy_all();
        Ok(())
    }

    fn open_copy(
        &self,
        compaction: &CompactionStore,
        topic: &Arc<str>,
        queue_id: i32,
        last_exit: LastExit,
    ) -> Result<Arc<CompactionLog>, OpenError> {
        let queue = self.queue(topic, queue_id);
        let original = |queue_offset| {
            let queue = queue.as_ref()?;
            let unit = queue.unit_at(queue_offset).ok().flatten()?;
            self.original(queue, queue_offset, &unit)
        };
        let originals = Originals {
            next_queue_offset: queue.as_ref().map_or(0, |queue| queue.max_queue_offset()),
            record: &original,
            last_exit,
        };
        compaction.get_or_open(topic, queue_id, &originals)
    }

    /// Copies what is new in a queue, if its topic is compacted. What fails is tried again by the flusher.
    pub(super) fn copy_if_compacted(&self, topic: &str, queue_id: i32) {
        let Some(compaction) = self.compaction_of(topic) else { return };
        if let Err(error) = self.copy_queue(compaction, topic, queue_id) {
            tracing::error!(topic, queue_id, %error, "messages not copied to the compacted log, trying again");
        }
    }

    fn copy_queue(&self, compaction: &CompactionStore, topic: &str, queue_id: i32) -> io::Result<()> {
        let Some(queue) = self.queue(topic, queue_id).filter(|queue| queue.kind() == QueueKind::Simple)
        else {
            return Ok(());
        };
        let log = match compaction.get(topic, queue_id) {
            Some(log) => log,
            None => self
                .open_copy(compaction, queue.topic(), queue_id, LastExit::Clean)
                .map_err(|error| io::Error::other(error.to_string()))?,
        };
        self.copy(&queue, &log)
    }

    /// Copies what is new in all compacted queues.
    fn copy_all(&self) {
        for topic in self.compacted() {
            for queue_id in self.queues.queues(&topic) {
                self.copy_if_compacted(&topic, queue_id);
            }
        }
    }

    fn compacted(&self) -> Vec<Arc<str>> {
        self.compaction.as_ref().map(|compaction| compaction.topics().all()).unwrap_or_default()
    }

    /// Copies up to the end of a queue, in its order.
    fn copy(&self, queue: &Arc<ConsumeQueue>, log: &CompactionLog) -> io::Result<()> {
        let _copying = log.copying();
        loop {
            let from = log.copied().max(queue.min_queue_offset());
            if from >= queue.max_queue_offset() {
                return Ok(());
            }
            let units = queue.read(from, COPY_COUNT)?;
            if units.is_empty() {
                return Err(io::Error::other("consume queue cannot be read"));
            }
            for (queue_offset, unit) in (from..).zip(units) {
                self.copy_message(queue, queue_offset, unit, log)?;
                log.set_copied(queue_offset + 1);
            }
        }
    }

    fn copy_message(
        &self,
        queue: &Arc<ConsumeQueue>,
        queue_offset: i64,
        unit: Unit,
        log: &CompactionLog,
    ) -> io::Result<()> {
        let mut original = self.original(queue, queue_offset, &unit);
        if original.is_none() && !unit.is_blank() && unit.phy_offset >= self.log.min_phy_offset() {
            let repaired = self.repair_unit(queue, queue_offset, unit);
            original = repaired.and_then(|unit| self.original(queue, queue_offset, &unit));
        }
        // It expired, or is damaged and was reported.
        let Some(bytes) = original else { return Ok(()) };
        let record = RecordView::decode(&bytes).map_err(io::Error::other)?;
        if key_of(&record).is_none() {
            return Ok(());
        }
        match log.append(&record) {
            // Such a message is not taken; another broker, or another configuration, may have.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let (topic, queue_id) = (&**queue.topic(), queue.queue_id());
                tracing::error!(
                    topic,
                    queue_id,
                    queue_offset,
                    "message does not fit a file of the compacted log"
                );
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The record in the CommitLog of a place of a queue.
    fn original(&self, queue: &ConsumeQueue, queue_offset: i64, unit: &Unit) -> Option<Bytes> {
        let size = usize::try_from(unit.size_bytes).ok().filter(|_| unit.is_message())?;
        let bytes = self.log.slice(unit.phy_offset, size)?;
        let record = intact_record(&bytes, unit.phy_offset)?;
        let is_it = record.total_size() == size
            && record.topic() == &**queue.topic()
            && record.queue_id() == queue.queue_id()
            && record.queue_offset() == queue_offset;
        is_it.then_some(bytes)
    }

    /// Copies what is new and makes all copies durable.
    pub(super) fn sync_compacted(&self) -> io::Result<()> {
        let Some(compaction) = &self.compaction else { return Ok(()) };
        self.copy_all();
        compaction.all().iter().try_for_each(|log| log.sync())
    }

    /// Whether the CommitLog below a physical offset has messages whose copies may not be on the disk.
    pub(super) fn is_needed_for_copies(&self, below_phy_offset: i64) -> bool {
        let is_needed = |topic: &Arc<str>, queue_id| {
            let Some(queue) = self.queue(topic, queue_id) else { return false };
            let log = self.compaction.as_ref().and_then(|compaction| compaction.get(topic, queue_id));
            let next = log.map_or(0, |log| log.synced()).max(queue.min_queue_offset());
            let is_below = |unit: Unit| unit.is_message() && unit.phy_offset < below_phy_offset;
            next < queue.max_queue_offset()
                && queue.unit_at(next).map_or(true, |unit| unit.is_some_and(is_below))
        };
        self.compacted().iter().any(|topic| {
            self.queues.kinds().of(topic) == QueueKind::Simple
                && self.queues.queues(topic).into_iter().any(|queue_id| is_needed(topic, queue_id))
        })
    }

    /// How many threads compact: no more than there are processors.
    pub(super) fn compaction_thread_count(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.options.now().compaction_thread_count.clamp(1, processors)
    }

    /// A thread that compacts queues when they are due.
    pub(super) fn run_compaction(&self) {
        let Some(compaction) = &self.compaction else { return };
        let pause = (self.options.now().compaction_interval / 4).clamp(LOOK_MIN, LOOK_MAX);
        while self.compaction_wanted.wait(pause) != crate::signal::Woken::Stopped {
            compaction.compact_due(&|| self.compaction_wanted.is_stopped());
        }
    }

    /// Bytes of the longest record a topic takes; `None` where its files do not limit it.
    pub(super) fn max_compacted_record_bytes(&self, topic: &str) -> Option<usize> {
        self.compaction_of(topic).map(|compaction| compaction.layout().max_record_bytes())
    }

    /// Removes the copies of a topic that is deleted, under the append lock.
    pub(super) fn delete_compacted(&self, topic: &str) {
        if let Some(compaction) = &self.compaction
            && let Err(error) = compaction.delete_topic(topic)
        {
            tracing::error!(topic, %error, "compacted log of a deleted topic not removed");
        }
    }
}
