//! Reading the CommitLog record by record.

use std::sync::Arc;

use bytes::Bytes;
use message::record::{RecordError, RecordView, Scanned, scan};

use super::{Damage, LogFile, Recovery, progress::Progress};
use crate::{
    commit_log::{is_intact_record, next_magic},
    consume_queue::{AppendError, AppendOutcome, TableError},
    dispatch::queue_place,
    error::OpenError,
    fs::{FileSystem, OpenMode, StoreFile},
    mapped_file::MappedFile,
};

/// One pass over the log.
pub(super) struct Scan<'a> {
    pub(super) recovery: &'a Recovery<'a>,
    pub(super) files: &'a [LogFile],
}

/// What a pass found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Physical offset after the last record.
    pub(super) end: i64,
    pub(super) last_store_timestamp: Option<i64>,
    pub(super) damage: Vec<Damage>,
    pub(super) record_count: u64,
}

/// Where the log goes on after something that is not a record.
struct Resumption {
    file_index: usize,
    at: usize,
}

/// A file being scanned. It is mapped no longer than that, so that it can be cut afterwards.
struct Open {
    bytes: Bytes,
    handle: Arc<dyn StoreFile>,
}

impl Scan<'_> {
    /// Scans from `begin` on, dispatching every record.
    pub(super) fn run(&self, begin: i64) -> Result<Found, OpenError> {
        let mut found = Found { end: begin, ..Found::default() };
        let until = self.files.last().map_or(begin, |file| file.base_phy_offset + self.size());
        let mut progress = Progress::new(self.recovery.clock, begin..until);
        let mut next = self.files.iter().position(|file| begin < file.base_phy_offset + self.size());
        let mut at = next
            .and_then(|index| self.files.get(index))
            .map_or(0, |file| usize::try_from(begin - file.base_phy_offset).unwrap_or(0));
        while let Some(index) = next {
            let Some(file) = self.files.get(index) else { break };
            let resumption = self.file(file, index, at, &mut found, &mut progress)?;
            next = resumption.as_ref().map(|resumption| resumption.file_index);
            at = resumption.map_or(0, |resumption| resumption.at);
        }
        Ok(found)
    }

    fn size(&self) -> i64 {
        self.recovery.file_size as i64
    }

    fn open(&self, file: &LogFile) -> Result<Open, OpenError> {
        let fs: &Arc<dyn FileSystem> = self.recovery.fs;
        let size = self.recovery.file_size;
        let handle = fs.open(&file.path, OpenMode::Read).map_err(OpenError::io(&file.path))?;
        let mapped = MappedFile::history(Arc::clone(fs), &file.path, file.base_phy_offset, size, size);
        let bytes = mapped
            .slice(0, size, 0)
            .ok_or_else(|| OpenError::io(&file.path)(std::io::Error::other("file cannot be mapped")))?;
        Ok(Open { bytes, handle })
    }

    /// Scans one file from `at`; answers where to go on, `None` at the end of the log.
    fn file(
        &self,
        file: &LogFile,
        index: usize,
        mut at: usize,
        found: &mut Found,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Resumption>, OpenError> {
        let open = self.open(file)?;
        loop {
            let here = file.base_phy_offset + at as i64;
            progress.reached(here);
            let rest = open.bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                found.end = here;
                return Ok(self.next_file(index));
            }
            match self.checked(rest, here) {
                Ok(Scanned::Record(record)) => {
                    if record.is_end_blank() && self.resume(&open, index, at)?.is_none() {
                        // The last thing a crash left behind.
                        return Ok(None);
                    }
                    self.dispatch(&record)?;
                    found.record_count += 1;
                    found.last_store_timestamp = Some(record.store_timestamp());
                    at += record.total_size();
                    found.end = file.base_phy_offset + at as i64;
                }
                Ok(Scanned::Blank { .. }) => {
                    found.end = file.base_phy_offset + self.size();
                    return Ok(self.next_file(index));
                }
                Err(error) => {
                    let resumption = self.resume(&open, index, at)?;
                    if let Some(resumption) = &resumption {
                        self.report(file, here, resumption, error, found);
                        if resumption.file_index == index {
                            at = resumption.at;
                            continue;
                        }
                    }
                    return Ok(resumption);
                }
            }
        }
    }

    fn next_file(&self, index: usize) -> Option<Resumption> {
        (index + 1 < self.files.len()).then_some(Resumption { file_index: index + 1, at: 0 })
    }

    /// The record or blank that begins here, checked as a whole.
    fn checked<'b>(&self, bytes: &'b [u8], phy_offset: i64) -> Result<Scanned<'b>, RecordError> {
        let scanned = scan(bytes)?;
        match &scanned {
            Scanned::Record(record) => {
                if record.phy_offset() != phy_offset {
                    // Bytes of an earlier life of this place.
                    return Err(RecordError::Lengths { total_size: record.total_size() as i32 });
                }
                if self.recovery.check_crc.is_on() {
                    record.verify_body()?;
                    record.verify_record()?;
                }
            }
            Scanned::Blank { size_bytes } => {
                if i64::from(*size_bytes) != bytes.len() as i64 {
                    return Err(RecordError::Lengths { total_size: *size_bytes });
                }
            }
        }
        Ok(scanned)
    }

    /// Where intact records follow something that is none.
    fn resume(&self, open: &Open, index: usize, at: usize) -> Result<Option<Resumption>, OpenError> {
        let Some(file) = self.files.get(index) else { return Ok(None) };
        if let Some(at) = search(file, open, at + 1)? {
            return Ok(Some(Resumption { file_index: index, at }));
        }
        for (index, file) in self.files.iter().enumerate().skip(index + 1) {
            let open = self.open(file)?;
            let at_start = self.checked(&open.bytes, file.base_phy_offset).is_ok();
            let found = if at_start { Some(0) } else { search(file, &open, 0)? };
            if let Some(at) = found {
                return Ok(Some(Resumption { file_index: index, at }));
            }
        }
        Ok(None)
    }

    fn report(
        &self,
        file: &LogFile,
        here: i64,
        resumption: &Resumption,
        error: RecordError,
        found: &mut Found,
    ) {
        let base = self.files.get(resumption.file_index).map_or(here, |file| file.base_phy_offset);
        let damage = Damage {
            path: file.path.clone(),
            from_phy_offset: here,
            until_phy_offset: base + resumption.at as i64,
        };
        tracing::error!(
            file = %damage.path.display(),
            from_phy_offset = damage.from_phy_offset,
            until_phy_offset = damage.until_phy_offset,
            %error,
            "commit log is damaged: these bytes are skipped and kept, messages in them are not served"
        );
        found.damage.push(damage);
    }

    fn dispatch(&self, record: &RecordView<'_>) -> Result<(), OpenError> {
        let Some(place) = queue_place(record, self.recovery.levels) else { return Ok(()) };
        let queues = self.recovery.queues;
        match queues.append(record.topic(), record.queue_id(), place.queue_offset, place.unit) {
            Ok(AppendOutcome::AppendedAfterGap { blank_count }) => {
                tracing::warn!(
                    topic = record.topic(),
                    queue_id = record.queue_id(),
                    queue_offset = place.queue_offset,
                    blank_count,
                    "messages are missing in a queue"
                );
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(TableError::Append(AppendError::Io(error))) => {
                Err(OpenError::ConsumeQueue(TableError::Append(AppendError::Io(error))))
            }
            // A record no queue can take is in the log all the same: the others must be served.
            Err(error @ (TableError::Append(_) | TableError::InvalidTopic(_))) => {
                tracing::error!(phy_offset = record.phy_offset(), %error, "message cannot be dispatched");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The first intact record at or after `from`. Holes are passed over without reading them.
fn search(file: &LogFile, open: &Open, from: usize) -> Result<Option<usize>, OpenError> {
    let failed = || OpenError::io(&file.path);
    let mut from = from;
    while from < open.bytes.len() {
        let Some(data) = open.handle.next_data(from as u64).map_err(failed())? else { return Ok(None) };
        let start = usize::try_from(data).unwrap_or(usize::MAX).max(from);
        let hole = open.handle.next_hole(start as u64).map_err(failed())?;
        let end = usize::try_from(hole).unwrap_or(usize::MAX).min(open.bytes.len());
        // A record that begins in this stretch may go on behind it: its bytes may all be zeros there.
        let mut at = start.saturating_sub(8).max(from);
        while let Some(found) = next_magic(&open.bytes, at, end) {
            if is_intact_record(&open.bytes, found, file.base_phy_offset) {
                return Ok(Some(found));
            }
            at = found + 1;
        }
        from = end.max(start + 1);
    }
    Ok(None)
}
