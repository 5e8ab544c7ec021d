//! Where recovery begins to read the CommitLog: everything before is known to be dispatched and on disk.

use super::files::LogFile;
use crate::{
    checkpoint::Checkpoint, consume_queue::ConsumeQueueTable, error::OpenError, fs::FileSystem,
    options::Switch,
};

/// Where scanning begins, and why.
pub(crate) struct Begin {
    pub(crate) phy_offset: i64,
    pub(super) rule: &'static str,
}

/// Why scanning begins where it does, as it is logged.
pub(super) struct Rule;

impl Rule {
    pub(super) const OWN: &'static str = "checkpoint position";
    const QUEUES: &'static str = "consume queues";
    const TIMESTAMP: &'static str = "checkpoint timestamp";
    const OLDEST: &'static str = "oldest file";
}

/// The log that is to be read.
pub(crate) struct Log<'a> {
    pub(crate) fs: &'a dyn FileSystem,
    pub(crate) files: &'a [LogFile],
    pub(crate) file_size: usize,
}

impl Log<'_> {
    /// The checkpoint's own position, where it has one within the log.
    fn own_position(&self, checkpoint: &Checkpoint) -> Option<Begin> {
        let (first, last) = (self.files.first()?, self.files.last()?);
        let range = first.base_phy_offset..=last.base_phy_offset + self.file_size as i64;
        let phy_offset = checkpoint.recover_phy_offset.filter(|at| range.contains(at))?;
        Some(Begin { phy_offset, rule: Rule::OWN })
    }

    fn oldest(&self) -> Begin {
        Begin { phy_offset: self.files.first().map_or(0, |first| first.base_phy_offset), rule: Rule::OLDEST }
    }
}

/// After a clean stop of RocketMQ: the file the queues had come to.
pub(super) fn after_clean_stop(
    log: &Log<'_>,
    checkpoint: &Checkpoint,
    queues: &ConsumeQueueTable,
) -> Result<Begin, OpenError> {
    if let Some(begin) = log.own_position(checkpoint) {
        return Ok(begin);
    }
    let oldest = log.oldest();
    let dispatched = queues.max_phy_offset()?.unwrap_or(oldest.phy_offset);
    let file = log.files.iter().rev().find(|file| file.base_phy_offset <= dispatched);
    let phy_offset = file.map_or(oldest.phy_offset, |file| file.base_phy_offset);
    Ok(Begin { phy_offset, rule: Rule::QUEUES })
}

/// After a crash of RocketMQ: the last file whose first record is not younger than the checkpoint.
pub(crate) fn after_crash(
    log: &Log<'_>,
    checkpoint: &Checkpoint,
    index_must_be_complete: Switch,
) -> Result<Begin, OpenError> {
    if let Some(begin) = log.own_position(checkpoint) {
        return Ok(begin);
    }
    let not_after = if index_must_be_complete.is_on() {
        checkpoint.min_timestamp_index()
    } else {
        checkpoint.min_timestamp()
    };
    for file in log.files.iter().rev() {
        let timestamp = file.first_store_timestamp(log.fs).map_err(OpenError::io(&file.path))?;
        if timestamp.is_some_and(|timestamp| timestamp != 0 && timestamp <= not_after) {
            return Ok(Begin { phy_offset: file.base_phy_offset, rule: Rule::TIMESTAMP });
        }
    }
    Ok(log.oldest())
}
