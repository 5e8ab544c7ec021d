//! The extension files of one queue.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

use super::{
    Extension, Shared,
    unit::{address_of, position_of},
};
use crate::{
    consume_queue::Unit,
    fs::{Disk, OpenMode, StoreFile},
};

/// Bytes of the mark at the end of a file, `END_BLANK_DATA_LENGTH`; the mark itself is a size of -1.
const END_BYTES: u64 = 4;

#[derive(Debug)]
pub(super) struct ExtQueue {
    dir: PathBuf,
    /// Names this queue in the file cache.
    number: u64,
    /// Where the next extension goes; `None` until somebody has looked.
    end: Mutex<Option<u64>>,
}

impl ExtQueue {
    pub(super) fn new(dir: PathBuf, number: u64) -> Self {
        Self { dir, number, end: Mutex::new(None) }
    }

    fn path(&self, base: u64) -> PathBuf {
        self.dir.join(format!("{base:020}"))
    }

    /// Opens the file that begins at `base`; it must exist and have the configured length.
    fn open(&self, shared: &Shared, base: u64) -> io::Result<Arc<dyn StoreFile>> {
        shared.cache.get_or_open((self.number, base as i64), || {
            let file = shared.fs.open(&self.path(base), OpenMode::ReadWrite)?;
            if file.len()? == shared.file_bytes {
                return Ok(file);
            }
            let path = self.path(base);
            Err(io::Error::other(format!("{} has another length than configured", path.display())))
        })
    }

    fn create(&self, shared: &Shared, base: u64) -> io::Result<Arc<dyn StoreFile>> {
        shared.fs.create_dir_all(&self.dir)?;
        let file = shared.fs.open(&self.path(base), OpenMode::Create)?;
        // Nothing that was there before is part of this queue any more.
        file.set_len(0)?;
        file.set_len(shared.file_bytes)?;
        shared.cache.replace((self.number, base as i64), &file);
        Ok(file)
    }

    /// Appends an extension; answers its address, `None` for one that is too large. `last` is the last unit of the
    /// queue.
    pub(super) fn put(
        &self,
        shared: &Shared,
        last: Option<Unit>,
        extension: &Extension,
    ) -> io::Result<Option<i64>> {
        let Some(bytes) = extension.encode() else { return Ok(None) };
        let mut end = self.end.lock();
        let mut position = match *end {
            Some(end) => end,
            None => self.find_end(shared, last)?,
        };
        let mut base = position - position % shared.file_bytes;
        let in_file = position - base;
        if in_file > 0 && bytes.len() as u64 + END_BYTES > shared.file_bytes - in_file {
            if in_file + 2 <= shared.file_bytes {
                self.open(shared, base)?.write_all_at(&(-1_i16).to_be_bytes(), in_file)?;
                shared.note_written(self.path(base));
            }
            base += shared.file_bytes;
            position = base;
        }
        let Some(address) = address_of(position) else { return Ok(None) };
        let file = if position == base { self.create(shared, base)? } else { self.open(shared, base)? };
        file.write_all_at(&bytes, position - base)?;
        shared.note_written(self.path(base));
        *end = Some(position + bytes.len() as u64);
        Ok(Some(address))
    }

    /// Where the extension of the queue's last unit ends. Without one, a new file begins behind all there are: what
    /// they hold nobody points to, or only earlier units.
    fn find_end(&self, shared: &Shared, last: Option<Unit>) -> io::Result<u64> {
        if let Some(position) = last.and_then(|unit| position_of(unit.tags_code))
            && let Ok(Some(extension)) = self.get(shared, Disk::MayWait, position)
        {
            let end = position + extension.size_bytes();
            self.delete_files(shared, |base| base > end)?;
            return Ok(end);
        }
        let behind_last = self.bases(shared)?.into_iter().max().map(|base| base + shared.file_bytes);
        Ok(behind_last.unwrap_or(0))
    }

    pub(super) fn get(&self, shared: &Shared, disk: Disk, position: u64) -> io::Result<Option<Extension>> {
        let in_file = position % shared.file_bytes;
        let file = self.open(shared, position - in_file)?;
        match Extension::read(disk, &*file, in_file) {
            // Nothing written here reaches so far.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            outcome => outcome,
        }
    }

    pub(super) fn distrust(&self, shared: &Shared, position: u64) -> io::Result<()> {
        let Some(mut extension) = self.get(shared, Disk::MayWait, position)? else { return Ok(()) };
        extension.bit_map.fill(0xFF);
        let Some(bytes) = extension.encode() else { return Ok(()) };
        let in_file = position % shared.file_bytes;
        self.open(shared, position - in_file)?.write_all_at(&bytes, in_file)?;
        shared.note_written(self.path(position - in_file));
        Ok(())
    }

    /// As in RocketMQ, a file that ends exactly where the first extension begins stays.
    pub(super) fn delete_files_below(&self, shared: &Shared, position: u64) -> io::Result<()> {
        self.delete_files(shared, |base| base + shared.file_bytes < position)
    }

    pub(super) fn delete(&self, shared: &Shared) -> io::Result<()> {
        let mut end = self.end.lock();
        *end = None;
        self.delete_files(shared, |_| true)?;
        shared.fs.remove_dir(&self.dir)
    }

    fn delete_files(&self, shared: &Shared, is_deleted: impl Fn(u64) -> bool) -> io::Result<()> {
        for base in self.bases(shared)?.into_iter().filter(|base| is_deleted(*base)) {
            shared.cache.remove((self.number, base as i64));
            shared.fs.remove_file(&self.path(base))?;
        }
        Ok(())
    }

    /// Where the files begin.
    fn bases(&self, shared: &Shared) -> io::Result<Vec<u64>> {
        if !shared.fs.exists(&self.dir) {
            return Ok(Vec::new());
        }
        let entries = shared.fs.read_dir(&self.dir)?;
        let base = |name: &str| name.parse().ok().filter(|base: &u64| base.is_multiple_of(shared.file_bytes));
        Ok(entries.iter().filter_map(|entry| base(&entry.name)).collect())
    }
}

impl Shared {
    fn note_written(&self, path: PathBuf) {
        let mut unsynced = self.unsynced.lock();
        if !unsynced.contains(&path) {
            unsynced.insert(path);
        }
    }

    /// Makes a file durable, and that it exists.
    pub(super) fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.fs.open(path, OpenMode::ReadWrite)?.sync_data()?;
        for dir in path.ancestors().skip(1).take(3) {
            self.fs.sync_dir(dir)?;
        }
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier fsync of an extension failed"));
        }
        Ok(())
    }
}
