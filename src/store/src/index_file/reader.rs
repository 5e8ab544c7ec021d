//! Index files as they stand on disk, for whoever examines a store without opening it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    IndexError,
    layout::{HEADER_BYTES, Header, ITEM_BYTES, Item, Layout, SLOT_BYTES},
    name,
};
use crate::fs::{FileSystem, OpenMode, StoreFile};

/// Items or slots are read in runs of this size.
const RUN_BYTES: usize = 64_000;

/// The index files in a directory, ascending by number, with their lengths.
pub(crate) fn list_index_files(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<(u64, u64)>, IndexError> {
    let entries = match fs.read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        outcome => outcome.map_err(IndexError::io(dir))?,
    };
    let named = |entry: &crate::fs::DirEntry| Some((name::parse(&entry.name)?, entry.len));
    let mut files: Vec<_> = entries.iter().filter(|entry| !entry.is_dir).filter_map(named).collect();
    files.sort_unstable();
    Ok(files)
}

/// One index file, read from its first item to its last.
#[derive(Debug)]
pub(crate) struct IndexReader {
    path: PathBuf,
    file: Arc<dyn StoreFile>,
    layout: Layout,
    header: Header,
    raw_next_index: i32,
    run: Vec<u8>,
    run_first: u32,
}

impl IndexReader {
    /// The file of a number in `dir`; it must have its full length.
    pub(crate) fn open(fs: &dyn FileSystem, dir: &Path, number: u64, layout: Layout) -> io::Result<Self> {
        let path = dir.join(name::format(number));
        let file = fs.open(&path, OpenMode::Read)?;
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        let header = Header::decode(&bytes, layout);
        let raw_next_index = bytes.last_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
        Ok(Self { path, file, layout, header, raw_next_index, run: Vec::new(), run_first: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Why the header cannot be one of such a file, if so.
    pub(crate) fn header_problem(&self) -> Option<String> {
        let Header { begin_timestamp, end_timestamp, begin_phy_offset, end_phy_offset, .. } = self.header;
        let limit = self.layout.item_count;
        // A file just made by RocketMQ has zeros.
        if self.raw_next_index != 0 && i64::from(self.raw_next_index) != i64::from(self.header.next_index) {
            return Some(format!("header counts {} items, the limit is {limit}", self.raw_next_index));
        }
        if begin_phy_offset > end_phy_offset || begin_timestamp > end_timestamp {
            return Some(format!(
                "header begins behind its end: {begin_phy_offset} to {end_phy_offset}, \
                 time {begin_timestamp} to {end_timestamp}"
            ));
        }
        None
    }

    /// The slot a hash belongs to.
    pub(crate) fn slot_of(&self, key_hash: i32) -> u32 {
        self.layout.slot_of(key_hash)
    }

    /// Where an item stands in the file.
    pub(crate) fn position_of(&self, index: u32) -> u64 {
        self.layout.item_position(index)
    }

    /// An item below the header's next index; `None` behind it. Meant to be asked in ascending order.
    pub(crate) fn item(&mut self, index: u32) -> io::Result<Option<Item>> {
        if index >= self.header.next_index {
            return Ok(None);
        }
        let is_loaded =
            index.checked_sub(self.run_first).is_some_and(|at| (at as usize) < self.run.len() / ITEM_BYTES);
        if !is_loaded {
            let count = (self.header.next_index - index).min((RUN_BYTES / ITEM_BYTES) as u32);
            self.run.resize(count as usize * ITEM_BYTES, 0);
            self.run_first = index;
            self.file.read_exact_at(&mut self.run, self.layout.item_position(index))?;
        }
        let at = (index - self.run_first) as usize * ITEM_BYTES;
        Ok(self.run.get(at..).and_then(<[u8]>::first_chunk).map(Item::decode))
    }

    /// Calls `visit` with every slot and the index of its newest item.
    pub(crate) fn slots(&self, mut visit: impl FnMut(u32, u32)) -> io::Result<()> {
        let mut bytes = vec![0; RUN_BYTES];
        let mut first = 0;
        while first < self.layout.slot_count {
            let count = (self.layout.slot_count - first).min((RUN_BYTES / SLOT_BYTES) as u32);
            let run = bytes.get_mut(..count as usize * SLOT_BYTES).unwrap_or_default();
            self.file.read_exact_at(run, Layout::slot_position(first))?;
            for (slot, newest) in (first..).zip(run.as_chunks::<SLOT_BYTES>().0) {
                visit(slot, u32::from_be_bytes(*newest));
            }
            first += count;
        }
        Ok(())
    }
}
