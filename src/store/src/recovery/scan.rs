//! Reading the CommitLog record by record: checking each, finding where it goes on after damage, and where
//! it ends. What is done with the records is the visitor's.

use std::{ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use message::record::{RecordCrc, RecordError, RecordView, Scanned, scan};

use super::{Damage, LogFile, files::is_zero};
use crate::{
    commit_log::{is_intact_record, next_magic},
    error::OpenError,
    fs::{FileSystem, OpenMode, StoreFile},
    mapped_file::MappedFile,
    options::Switch,
};

/// One pass over the log. Files are mapped one at a time.
pub(crate) struct LogScan<'a> {
    pub(crate) fs: &'a Arc<dyn FileSystem>,
    /// Oldest first; a file that is missing between two is passed over.
    pub(crate) files: &'a [LogFile],
    pub(crate) file_size: usize,
    pub(crate) check_crc: Switch,
    /// Whether a record without a checksum over itself is none.
    pub(crate) require_record_crc: Switch,
}

/// Who is told what a pass comes across.
pub(crate) trait LogVisitor {
    /// What a pass fails with.
    type Error: From<OpenError>;

    /// An intact record; the pass ends after it when told so.
    fn record(&mut self, record: &RecordView<'_>) -> Result<ControlFlow<()>, Self::Error>;

    /// Bytes that are no records though records follow.
    fn damage(&mut self, damage: Damage, error: RecordError);
}

/// What a pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Physical offset after the last record.
    pub(crate) end: i64,
    pub(crate) last_store_timestamp: Option<i64>,
    pub(crate) record_count: u64,
    /// Why no record begins at `end`; `None` where a file ends there, or the visitor ended the pass.
    pub(crate) end_error: Option<RecordError>,
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

impl LogScan<'_> {
    /// Scans from `begin` on, which must be where a record or a file begins.
    pub(crate) fn run<V: LogVisitor>(&self, begin: i64, visitor: &mut V) -> Result<Found, V::Error> {
        let mut found = Found { end: begin, ..Found::default() };
        let mut next = self.files.iter().position(|file| begin < file.base_phy_offset + self.size());
        let mut at = next
            .and_then(|index| self.files.get(index))
            .map_or(0, |file| usize::try_from(begin - file.base_phy_offset).unwrap_or(0));
        while let Some(index) = next {
            let Some(file) = self.files.get(index) else { break };
            let resumption = self.file(file, index, at, &mut found, visitor)?;
            next = resumption.as_ref().map(|resumption| resumption.file_index);
            at = resumption.map_or(0, |resumption| resumption.at);
        }
        Ok(found)
    }

    fn size(&self) -> i64 {
        self.file_size as i64
    }

    fn open(&self, file: &LogFile) -> Result<Open, OpenError> {
        let (fs, size) = (self.fs, self.file_size);
        let handle = fs.open(&file.path, OpenMode::Read).map_err(OpenError::io(&file.path))?;
        let mapped = MappedFile::history(Arc::clone(fs), &file.path, file.base_phy_offset, size, size);
        let bytes = mapped
            .slice(0, size, 0)
            .ok_or_else(|| OpenError::io(&file.path)(std::io::Error::other("file cannot be mapped")))?;
        Ok(Open { bytes, handle })
    }

    /// Scans one file from `at`; answers where to go on, `None` at the end of the log.
    fn file<V: LogVisitor>(
        &self,
        file: &LogFile,
        index: usize,
        mut at: usize,
        found: &mut Found,
        visitor: &mut V,
    ) -> Result<Option<Resumption>, V::Error> {
        let open = self.open(file)?;
        loop {
            let here = file.base_phy_offset + at as i64;
            let rest = open.bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                found.end = here;
                return Ok(self.next_file(index));
            }
            match self.checked(rest, here) {
                Ok(Scanned::Record(record)) => {
                    if record.is_end_blank() && self.resume(&open, index, at)?.is_none() {
                        // The last thing a crash left behind.
                        found.end_error = Some(RecordError::Cut {
                            total_size: record.total_size() as i32,
                            available_bytes: record.total_size() - record.properties().len(),
                        });
                        return Ok(None);
                    }
                    let flow = visitor.record(&record)?;
                    found.record_count += 1;
                    found.last_store_timestamp = Some(record.store_timestamp());
                    at += record.total_size();
                    found.end = file.base_phy_offset + at as i64;
                    if flow.is_break() {
                        return Ok(None);
                    }
                }
                Ok(Scanned::Blank { .. }) => {
                    found.end = file.base_phy_offset + self.size();
                    return Ok(self.next_file(index));
                }
                Err(error) => {
                    let resumption = self.resume(&open, index, at)?;
                    match &resumption {
                        Some(resumption) => {
                            visitor.damage(self.damage(file, here, resumption), error);
                            if resumption.file_index == index {
                                at = resumption.at;
                                continue;
                            }
                        }
                        None => found.end_error = Some(error),
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
                if self.check_crc.is_on() {
                    record.verify_body()?;
                    if record.verify_record()? == RecordCrc::Absent && self.require_record_crc.is_on() {
                        return Err(RecordError::NoRecordCrc);
                    }
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

    fn damage(&self, file: &LogFile, here: i64, resumption: &Resumption) -> Damage {
        let base = self.files.get(resumption.file_index).map_or(here, |file| file.base_phy_offset);
        Damage {
            path: file.path.clone(),
            from_phy_offset: here,
            until_phy_offset: base + resumption.at as i64,
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
        if is_zero(&*open.handle, start as u64, end as u64).map_err(failed())? {
            from = end.max(start + 1);
            continue;
        }
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
