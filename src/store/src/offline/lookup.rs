//! Single records of the CommitLog by their physical offset.

use std::sync::Arc;

use bytes::Bytes;
use message::record::RecordView;

use super::{
    OfflineError,
    store_dir::{LogRow, StoreDir},
};
use crate::{
    commit_log::intact_record,
    consume_queue::Unit,
    dispatch::{DelayLevels, places},
    mapped_file::MappedFile,
    options::Switch,
};

/// Looks records up; the file of the last one stays mapped.
pub(super) struct LogLookup<'a> {
    dir: &'a StoreDir,
    row: &'a LogRow,
    mapped: Option<(i64, Bytes)>,
}

impl<'a> LogLookup<'a> {
    pub(super) fn new(dir: &'a StoreDir, row: &'a LogRow) -> Self {
        Self { dir, row, mapped: None }
    }

    /// The intact record that begins at a physical offset.
    pub(super) fn record(&mut self, phy_offset: i64) -> Result<Option<RecordView<'_>>, OfflineError> {
        let Some(file) = self.row.find(phy_offset) else { return Ok(None) };
        let base = file.base_phy_offset;
        if self.mapped.as_ref().is_none_or(|(mapped, _)| *mapped != base) {
            self.mapped = None;
            let size = self.row.file_size;
            let history = MappedFile::history(Arc::clone(&self.dir.fs), &file.path, base, size, size);
            let unmappable = || OfflineError::io(&file.path)(std::io::Error::other("file cannot be mapped"));
            self.mapped = Some((base, history.slice(0, size, 0).ok_or_else(unmappable)?));
        }
        let Some((_, bytes)) = &self.mapped else { return Ok(None) };
        let at = usize::try_from(phy_offset - base).unwrap_or(usize::MAX);
        Ok(intact_record(bytes.get(at..).unwrap_or_default(), phy_offset))
    }

    /// Whether a unit points to a record that says it belongs there.
    pub(super) fn is_at(
        &mut self,
        unit: &Unit,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
    ) -> Result<bool, OfflineError> {
        let levels = DelayLevels::new(Vec::new());
        Ok(self.record(unit.phy_offset)?.is_some_and(|record| {
            let mut places = places(&record, &levels, Switch::On);
            places
                .any(|(found, id, place)| (found, id, place.queue_offset) == (topic, queue_id, queue_offset))
        }))
    }
}
