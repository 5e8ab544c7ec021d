//! One CommitLog file in memory, RocketMQ's `MappedFile`: the only place with `unsafe`.
//!
//! ```text
//! 0 ......... readable_end ....... cleared .......... reserved ......... size
//!   published   the one writer's     blocks allocated   no blocks: never written
//! ```
//!
//! Invariants:
//! - Bytes below `readable_end` never change while the file is mapped; readers see nothing else.
//! - At most one [`FileWriter`] exists; it alone writes, between `readable_end` and `cleared`.
//! - Zeros are written to the file from `cleared` on, and never below it.
//! - Blocks up to `reserved` are allocated, so a full disk is an error of [`MappedFile::reserve`] and not a
//!   SIGBUS of a store instruction.
//! - A mapping lives as long as any `Bytes` taken from it; the file is never shortened while mapped.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use memmap2::{Advice, MmapRaw};
use parking_lot::{Mutex, RwLock};

use crate::fs::{FileSystem, OpenMode, StoreFile};

/// A mapped file of the CommitLog.
#[derive(Debug)]
pub struct MappedFile {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    base_phy_offset: i64,
    size: usize,
    readable_end: AtomicUsize,
    reserved: AtomicUsize,
    cleared: AtomicUsize,
    populated: AtomicUsize,
    /// Up to where written pages were taken out of the address space; a multiple of a page.
    unmapped: AtomicUsize,
    has_writer: AtomicBool,
    /// One reservation or clearing at a time.
    reserving: Mutex<()>,
    /// Absent while nobody reads an old file.
    mapping: RwLock<Option<Arc<Mapping>>>,
    /// Open until everything in it is flushed.
    handle: Mutex<Option<Arc<dyn StoreFile>>>,
    last_used_tick: AtomicU64,
    /// Whether the system is told that it is read here and there.
    is_read_randomly: AtomicBool,
}

/// How the operating system reads a file before it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// More than is touched, as most reads go on.
    #[default]
    Ahead,
    /// What is touched, and no more.
    Random,
}

/// A place in a file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file has no room for that many bytes.
    #[error("mapped file is full")]
    Full,
    /// The blocks could not be allocated: most likely the disk is full.
    #[error("no blocks for {needed_bytes} bytes: {error}")]
    NotReserved {
        /// How many were asked for.
        needed_bytes: u64,
        /// What the file system said.
        error: io::Error,
    },
}

/// The least that is reserved at once.
const RESERVE_STEP_BYTES: usize = 1 << 20;

impl MappedFile {
    /// Makes a new file of `size` bytes whose name and length are durable, mapped for writing.
    pub fn create(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        base_phy_offset: i64,
        size: usize,
    ) -> io::Result<Self> {
        let file = fs.open(path, OpenMode::Create)?;
        file.set_len(size as u64)?;
        file.sync_all()?;
        if let Some(dir) = path.parent() {
            fs.sync_dir(dir)?;
        }
        Self::over(fs, path, base_phy_offset, size, file, 0)
    }

    /// Opens the file that is appended to, its content ending at `readable_end`.
    pub fn open_for_append(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        base_phy_offset: i64,
        size: usize,
        readable_end: usize,
    ) -> io::Result<Self> {
        let file = fs.open(path, OpenMode::ReadWrite)?;
        Self::over(fs, path, base_phy_offset, size, file, readable_end)
    }

    fn over(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        base_phy_offset: i64,
        size: usize,
        file: Arc<dyn StoreFile>,
        readable_end: usize,
    ) -> io::Result<Self> {
        let mapping = Arc::new(Mapping { raw: file.map_write(size)?, access: Access::ReadWrite });
        let mapped = Self::history(fs, path, base_phy_offset, size, readable_end);
        // Where nothing stands yet nothing is read ahead: the kernel would fill pages with zeros which the writer
        // fills then.
        mapping.raw.advise_range(Advice::Random, mapped.readable_end(), size - mapped.readable_end())?;
        *mapped.mapping.write() = Some(mapping);
        *mapped.handle.lock() = Some(file);
        Ok(mapped)
    }

    /// A file that is only read, mapped when somebody does.
    pub fn history(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        base_phy_offset: i64,
        size: usize,
        readable_end: usize,
    ) -> Self {
        let readable_end = readable_end.min(size);
        Self {
            fs,
            path: path.to_owned(),
            base_phy_offset,
            size,
            readable_end: AtomicUsize::new(readable_end),
            reserved: AtomicUsize::new(readable_end),
            cleared: AtomicUsize::new(readable_end),
            populated: AtomicUsize::new(readable_end),
            unmapped: AtomicUsize::new(readable_end.next_multiple_of(rustix::param::page_size())),
            has_writer: AtomicBool::new(false),
            reserving: Mutex::new(()),
            mapping: RwLock::new(None),
            handle: Mutex::new(None),
            last_used_tick: AtomicU64::new(0),
            is_read_randomly: AtomicBool::new(false),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Physical offset of its first byte.
    pub fn base_phy_offset(&self) -> i64 {
        self.base_phy_offset
    }

    /// Its fixed length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where its published bytes end.
    pub fn readable_end(&self) -> usize {
        self.readable_end.load(Ordering::Acquire)
    }

    /// Physical offset where its published bytes end.
    pub fn end_phy_offset(&self) -> i64 {
        self.base_phy_offset + self.readable_end() as i64
    }

    /// Whether nothing can be appended any more.
    pub fn is_full(&self) -> bool {
        self.readable_end() == self.size
    }

    /// `len` published bytes from `start`, without copying; `None` when they are not all published or the
    /// file cannot be mapped. `tick` marks the use for [`Self::unmap_idle`].
    pub fn slice(&self, start: usize, len: usize, tick: u64) -> Option<Bytes> {
        let end = start.checked_add(len)?;
        if end > self.readable_end() {
            return None;
        }
        self.last_used_tick.store(tick, Ordering::Relaxed);
        let map = match self.mapping() {
            Ok(map) => map,
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "commit log file cannot be mapped");
                return None;
            }
        };
        Some(Bytes::from_owner(MappedSlice { map, start, len }))
    }

    /// All published bytes from `start`.
    pub fn slice_from(&self, start: usize, tick: u64) -> Option<Bytes> {
        self.slice(start, self.readable_end().checked_sub(start)?, tick)
    }

    /// How many of `len` bytes from `start` are in memory, so that reading them does not wait for the disk. All
    /// of them where the operating system does not tell.
    pub fn resident_bytes(&self, start: usize, len: usize) -> usize {
        let end = start.saturating_add(len).min(self.size);
        self.mapping().map_or(len, |map| map.resident_bytes(start, end))
    }

    /// Lets the kernel give up the memory of `len` bytes from `start` before that of others: they were read, and are
    /// not likely to be soon again. They stay for as long as there is room.
    pub fn cool(&self, start: usize, len: usize) {
        if let Some(map) = self.mapping.read().clone() {
            map.cool(start, start.saturating_add(len).min(self.size));
        }
    }

    fn mapping(&self) -> io::Result<Arc<Mapping>> {
        if let Some(map) = self.mapping.read().as_ref() {
            return Ok(Arc::clone(map));
        }
        let mut mapping = self.mapping.write();
        if let Some(map) = mapping.as_ref() {
            return Ok(Arc::clone(map));
        }
        let file = self.fs.open(&self.path, OpenMode::Read)?;
        if file.len()? < self.size as u64 {
            // Touching what is not there would be a SIGBUS.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let map = Arc::new(Mapping { raw: file.map_read(self.size)?, access: Access::Read });
        if self.is_read_randomly.load(Ordering::Relaxed) {
            map.raw.advise(Advice::Random)?;
        }
        *mapping = Some(Arc::clone(&map));
        Ok(map)
    }

    /// Tells the operating system how the file is read, now and whenever it is mapped.
    pub fn set_read_mode(&self, mode: ReadMode) -> io::Result<()> {
        self.is_read_randomly.store(mode == ReadMode::Random, Ordering::Relaxed);
        self.advise_of_readers()
    }

    /// Of what is published: behind it nobody reads.
    fn advise_of_readers(&self) -> io::Result<()> {
        let Some(map) = self.mapping.read().clone() else { return Ok(()) };
        let is_random = self.is_read_randomly.load(Ordering::Relaxed);
        let advice = if is_random { Advice::Random } else { Advice::Normal };
        map.raw.advise_range(advice, 0, self.readable_end())
    }

    /// Drops the mapping when nobody has used it since `tick` and everything is flushed.
    pub fn unmap_idle(&self, tick: u64) {
        if self.last_used_tick.load(Ordering::Relaxed) < tick
            && !self.has_writer.load(Ordering::Acquire)
            && self.handle.lock().is_none()
        {
            *self.mapping.write() = None;
        }
    }

    /// The one writer; `None` while there is another or the file is not open for appending.
    pub fn writer(self: &Arc<Self>) -> Option<FileWriter> {
        let map = self.mapping.read().clone().filter(|map| map.access == Access::ReadWrite)?;
        if self.handle.lock().is_none() || self.has_writer.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(FileWriter { file: Arc::clone(self), map })
    }

    /// Makes everything in the file durable.
    pub fn sync(&self) -> io::Result<()> {
        self.unmap_written();
        let handle = self.handle.lock().clone();
        match handle {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }

    /// Takes the pages that are written to their end out of the address space, all at once. The kernel would make each
    /// of them read-only before it writes it to the disk, and tell every processor so, page by page.
    fn unmap_written(&self) {
        let page_size = rustix::param::page_size();
        let end = self.readable_end() / page_size * page_size;
        let start = self.unmapped.swap(end, Ordering::Relaxed);
        if let Some(map) = self.mapping.read().clone().filter(|_| start < end) {
            map.unmap_pages(start, end);
        }
    }

    /// Closes the handle of a file that is full and flushed. From now on it is only read.
    pub fn release_handle(&self) {
        if !self.has_writer.load(Ordering::Acquire) && self.handle.lock().take().is_some() {
            let advised = self.advise_of_readers();
            advised.unwrap_or_else(|error| tracing::debug!(%error, "no advice taken on memory"));
        }
    }

    /// Up to where blocks are allocated.
    pub fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Acquire)
    }

    /// Allocates blocks up to `end`.
    pub fn reserve(&self, end: usize) -> io::Result<()> {
        let end = end.min(self.size);
        let _one_at_a_time = self.reserving.lock();
        let reserved = self.reserved();
        if end <= reserved {
            return Ok(());
        }
        let handle = self.handle.lock().clone().ok_or(io::ErrorKind::NotConnected)?;
        handle.reserve(reserved as u64..end as u64)?;
        self.reserved.store(end, Ordering::Release);
        Ok(())
    }

    /// Up to where the writer may write: pages are in memory.
    pub fn cleared(&self) -> usize {
        self.cleared.load(Ordering::Acquire)
    }

    /// Brings the pages up to `end` into memory, reserved ones only.
    pub fn clear(&self, end: usize) -> io::Result<()> {
        let _one_at_a_time = self.reserving.lock();
        let (start, end) = (self.cleared(), end.min(self.reserved()));
        if end <= start {
            return Ok(());
        }
        let handle = self.handle.lock().clone().ok_or(io::ErrorKind::NotConnected)?;
        handle.clear(start as u64..end as u64)?;
        self.cleared.store(end, Ordering::Release);
        Ok(())
    }

    /// Up to where pages are writable without a fault.
    pub fn populated(&self) -> usize {
        self.populated.load(Ordering::Acquire)
    }

    /// Counts all pages as populated, where they cannot be.
    pub fn forgo_populating(&self) {
        self.populated.store(self.size, Ordering::Release);
    }

    /// Maps the pages up to `end` for writing, cleared ones only.
    pub fn populate(&self, end: usize) -> io::Result<()> {
        let end = end.min(self.cleared());
        let start = self.populated().max(self.readable_end());
        if end <= start {
            return Ok(());
        }
        let Some(map) = self.mapping.read().clone().filter(|map| map.access == Access::ReadWrite) else {
            return Ok(());
        };
        map.raw.advise_range(Advice::PopulateWrite, start, end - start)?;
        self.populated.store(end, Ordering::Release);
        Ok(())
    }
}

/// The only one that writes to a [`MappedFile`].
#[derive(Debug)]
pub struct FileWriter {
    file: Arc<MappedFile>,
    map: Arc<Mapping>,
}

impl FileWriter {
    /// The file it writes to.
    pub fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// Bytes left in the file.
    pub fn remaining(&self) -> usize {
        self.file.size - self.file.readable_end()
    }

    /// Where the next byte goes, as physical offset.
    pub fn phy_offset(&self) -> i64 {
        self.file.end_phy_offset()
    }

    /// Lets `fill` write the next `len` bytes, which nobody sees before [`Self::publish`].
    pub fn write<T>(&mut self, len: usize, fill: impl FnOnce(&mut [u8]) -> T) -> Result<T, WriteError> {
        let start = self.file.readable_end();
        let end = start.checked_add(len).filter(|end| *end <= self.file.size).ok_or(WriteError::Full)?;
        if end > self.file.cleared() {
            self.make_room(end)
                .map_err(|error| WriteError::NotReserved { needed_bytes: len as u64, error })?;
        }
        // SAFETY: `end` is within the mapping, whose length is the file's size, and the mapping is writable and
        // alive as long as `self.map`. The range lies above `readable_end`, so no reader has it; this is the
        // only writer, and `&mut self` makes this the only such slice. Below `cleared` blocks are allocated, and
        // nobody writes zeros.
        #[expect(unsafe_code, reason = "the one place that writes to mapped memory")]
        let target = unsafe { std::slice::from_raw_parts_mut(self.map.raw.as_mut_ptr().add(start), len) };
        Ok(fill(target))
    }

    /// Room up to `end`, and some more where there are blocks for it.
    fn make_room(&self, end: usize) -> io::Result<()> {
        let step_end = end.max(self.file.cleared() + RESERVE_STEP_BYTES);
        self.file.reserve(step_end).or_else(|_| self.file.reserve(end))?;
        self.file.clear(step_end)
    }

    /// Makes the next `len` bytes visible to readers.
    pub fn publish(&mut self, len: usize) {
        let end = (self.file.readable_end() + len).min(self.file.size);
        self.file.readable_end.store(end, Ordering::Release);
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        self.file.has_writer.store(false, Ordering::Release);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    ReadWrite,
}

#[derive(Debug)]
struct Mapping {
    raw: MmapRaw,
    access: Access,
}

/// Pages whose residence is asked for at a time.
const RESIDENCE_PAGES: usize = 64;

impl Mapping {
    /// As [`MappedFile::cool`], of the whole pages in `[start, end)`, which lies within the mapping.
    fn cool(&self, start: usize, end: usize) {
        let page_size = rustix::param::page_size();
        let (start, end) = (start.next_multiple_of(page_size), end - end % page_size);
        if start >= end {
            return;
        }
        // SAFETY: the range consists of whole pages of the mapping, and the advice changes no content.
        #[expect(unsafe_code, reason = "madvise has no safe wrapper for this advice")]
        let outcome = unsafe {
            let address = self.raw.as_ptr().add(start).cast_mut();
            rustix::mm::madvise(address.cast(), end - start, rustix::mm::Advice::LinuxCold)
        };
        // Kernels before 5.4 do not know it.
        outcome.unwrap_or_else(|error| tracing::debug!(%error, "no advice taken on memory"));
    }

    /// Takes whole pages out of the address space; whoever reads there is given them back by the kernel.
    fn unmap_pages(&self, start: usize, end: usize) {
        // SAFETY: the range consists of whole pages of the mapping. It is a shared mapping of a file: the pages stay in
        // the kernel's cache with all that was written to them, and any access finds them there.
        #[expect(unsafe_code, reason = "madvise has no safe wrapper for this advice")]
        let outcome = unsafe {
            let address = self.raw.as_ptr().add(start).cast_mut();
            rustix::mm::madvise(address.cast(), end - start, rustix::mm::Advice::LinuxDontNeed)
        };
        outcome.unwrap_or_else(|error| tracing::debug!(%error, "written pages stay mapped"));
    }

    /// How many bytes of `[start, end)`, which lies within the mapping, are in memory in one row from `start`.
    fn resident_bytes(&self, start: usize, end: usize) -> usize {
        let page_size = rustix::param::page_size();
        let mut at = start - start % page_size;
        while at < end {
            let count = (end - at).div_ceil(page_size).min(RESIDENCE_PAGES);
            let mut pages = [0_u8; RESIDENCE_PAGES];
            // SAFETY: the range begins at a page of the mapping and ends with the page of its last byte at the
            // latest; it is only looked at. `pages` has room for a byte of each of its pages.
            #[expect(unsafe_code, reason = "mincore has no safe wrapper")]
            let outcome = unsafe {
                let address = self.raw.as_ptr().add(at).cast_mut();
                libc::mincore(address.cast(), count * page_size, pages.as_mut_ptr())
            };
            if outcome != 0 {
                break;
            }
            let resident = pages.iter().take(count).take_while(|page| **page & 1 != 0).count();
            at += resident * page_size;
            if resident < count {
                return at.saturating_sub(start).min(end - start);
            }
        }
        end.saturating_sub(start)
    }
}

/// Published bytes; keeps their mapping alive.
struct MappedSlice {
    map: Arc<Mapping>,
    start: usize,
    len: usize,
}

impl AsRef<[u8]> for MappedSlice {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `MappedFile::slice` made sure that the range is published, thus within the mapping and never
        // written again, and the mapping is alive as long as `self.map`.
        #[expect(unsafe_code, reason = "the one place that reads mapped memory")]
        unsafe {
            std::slice::from_raw_parts(self.map.raw.as_ptr().add(self.start), self.len)
        }
    }
}

#[cfg(test)]
#[path = "mapped_file_tests.rs"]
mod tests;
