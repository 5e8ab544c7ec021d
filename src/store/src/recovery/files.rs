//! The CommitLog files as recovery finds them.

use std::{
    io,
    path::{Path, PathBuf},
};

use message::record::RecordView;

use crate::{
    error::OpenError,
    fs::{FileSystem, OpenMode, StoreFile},
    mapped_file_queue::{file_name, parse_file_name},
};

/// How much of a file is read to see its first record's header.
const HEAD_BYTES: usize = 128;
/// How much is read at a time to see whether it is zeros; it stays in the processor's cache.
const LOOK_BYTES: usize = 128 << 10;

/// One file of the CommitLog.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    pub(crate) base_phy_offset: i64,
}

/// The files of the CommitLog, oldest first. A last file without any bytes, left by a crash while it was
/// made, is removed.
pub(super) fn find_files(
    fs: &dyn FileSystem,
    dir: &Path,
    file_size: usize,
) -> Result<Vec<LogFile>, OpenError> {
    let mut entries = fs.read_dir(dir).map_err(OpenError::io(dir))?;
    entries.retain(|entry| !entry.is_dir && parse_file_name(&entry.name).is_some());
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    if let Some(last) = entries.pop_if(|last| last.len == 0) {
        let path = dir.join(&last.name);
        fs.remove_file(&path).map_err(OpenError::io(&path))?;
    }
    let mut files: Vec<LogFile> = Vec::with_capacity(entries.len());
    for entry in entries {
        let path = dir.join(&entry.name);
        let Some(base_phy_offset) = parse_file_name(&entry.name) else { continue };
        if entry.len != file_size as u64 {
            return Err(OpenError::FileSize { path, len_bytes: entry.len, expected_bytes: file_size as u64 });
        }
        if let Some(previous) = files.last() {
            let expected = previous.base_phy_offset + file_size as i64;
            if base_phy_offset != expected {
                return Err(OpenError::FileMissing { path, missing: dir.join(file_name(expected)) });
            }
        }
        files.push(LogFile { path, base_phy_offset });
    }
    Ok(files)
}

impl LogFile {
    /// Store timestamp of the first record; `None` when the file does not begin with one.
    pub(super) fn first_store_timestamp(&self, fs: &dyn FileSystem) -> io::Result<Option<i64>> {
        let file = fs.open(&self.path, OpenMode::Read)?;
        let mut head = vec![0; HEAD_BYTES];
        read_up_to(&*file, &mut head, 0)?;
        let size = head.first_chunk().map_or(0, |size| i32::from_be_bytes(*size));
        let Ok(size) = usize::try_from(size) else { return Ok(None) };
        if size as u64 > file.len()? {
            return Ok(None);
        }
        let mut record = vec![0; size];
        read_up_to(&*file, &mut record, 0)?;
        Ok(RecordView::decode(&record).ok().map(|record| record.store_timestamp()))
    }

    /// Durably zeroes everything from `keep` on, unless it is zeros already.
    pub(crate) fn cut(&self, fs: &dyn FileSystem, keep: u64, file_size: u64) -> io::Result<()> {
        let file = fs.open(&self.path, OpenMode::ReadWrite)?;
        if is_zero(&*file, keep, file_size)? {
            return Ok(());
        }
        tracing::warn!(file = %self.path.display(), keep_bytes = keep, "cutting an incomplete tail off the commit log");
        // Giving up the blocks and growing again leaves nothing but zeros.
        file.set_len(keep)?;
        file.set_len(file_size)?;
        file.sync_all()
    }
}

/// Fills `buffer` as far as the file goes; answers how far.
pub(crate) fn read_up_to(file: &dyn StoreFile, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, position + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Whether all bytes are zeros, many at a time: the end of a file is looked through at each start.
fn are_zeros(bytes: &[u8]) -> bool {
    let (rows, rest) = bytes.as_chunks::<64>();
    let is_zero = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | byte) == 0;
    rows.iter().all(|row| is_zero(row)) && is_zero(rest)
}

/// Whether there is nothing but zeros in a range. The bytes are read: a map would cost a fault for each page of what was
/// made ready for writing.
pub(crate) fn is_zero(file: &dyn StoreFile, from: u64, until: u64) -> io::Result<bool> {
    let mut buffer = vec![0; LOOK_BYTES];
    let mut position = from;
    while position < until {
        let Some(data) = file.next_data(position)? else { break };
        position = data.max(position);
        let hole = file.next_hole(position)?.min(until);
        while position < hole {
            let want = usize::try_from(hole - position).unwrap_or(usize::MAX).min(buffer.len());
            let got = read_up_to(file, buffer.get_mut(..want).unwrap_or_default(), position)?;
            if got == 0 {
                return Ok(true);
            }
            if !are_zeros(buffer.get(..got).unwrap_or_default()) {
                return Ok(false);
            }
            position += got as u64;
        }
    }
    Ok(true)
}
