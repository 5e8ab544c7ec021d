//! One index file: adding keys to it, finding them, making it durable.

use std::{io, path::PathBuf, sync::Arc};

use parking_lot::Mutex;

use super::{
    layout::{HEADER_BYTES, Header, ITEM_BYTES, Item, Layout, SLOT_BYTES},
    slots::SlotPages,
};
use crate::fs::{FileSystem, OpenMode, StoreFile};

/// Items are written in runs of this size.
const RUN_BYTES: usize = 64 * 1024;

/// Items read at a time while following a slot: messages with one key tend to stand close together.
const WINDOW_ITEMS: u32 = 128;

/// Whether a key found its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Stored,
    /// The file takes no more items.
    FileIsFull,
}

/// Where a flush stopped.
#[derive(Debug)]
pub(super) enum FlushFault {
    /// Nothing is lost: the next flush tries again.
    Write(io::Error),
    /// What the fsync covered may be lost although the next one succeeds.
    Sync(io::Error),
}

/// Which items a query wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) key_hash: i32,
    pub(super) begin: i64,
    pub(super) end: i64,
}

/// An index file, RocketMQ's `IndexFile`. Items are added, flushed and repaired by one thread at a time.
#[derive(Debug)]
pub(super) struct IndexFile {
    fs: Arc<dyn FileSystem>,
    pub(super) path: PathBuf,
    pub(super) number: u64,
    layout: Layout,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    header: Header,
    /// The header as it stands in the file.
    written_header: Header,
    /// Encoded items from `first_pending` on, up to the header's next index.
    pending: Vec<u8>,
    first_pending: u32,
    /// What only a file that is being built has.
    build: Option<Build>,
}

#[derive(Debug)]
struct Build {
    file: Arc<dyn StoreFile>,
    slots: SlotPages,
}

impl IndexFile {
    /// A file that is on disk with its full length.
    pub(super) fn load(
        fs: &Arc<dyn FileSystem>,
        path: PathBuf,
        number: u64,
        layout: Layout,
    ) -> io::Result<Self> {
        let mut bytes = [0; HEADER_BYTES];
        fs.open(&path, OpenMode::Read)?.read_exact_at(&mut bytes, 0)?;
        let header = Header::decode(&bytes, layout);
        Ok(Self::with_header(fs, path, number, layout, header, None))
    }

    /// A new file that goes on after one with header `previous`.
    pub(super) fn create(
        fs: &Arc<dyn FileSystem>,
        path: PathBuf,
        number: u64,
        layout: Layout,
        previous: Option<&Header>,
    ) -> io::Result<Self> {
        let file = fs.open(&path, OpenMode::Create)?;
        file.set_len(layout.file_bytes())?;
        let header = previous.map_or(Header::EMPTY, Header::after);
        let build = Build { file, slots: SlotPages::new(layout) };
        Ok(Self::with_header(fs, path, number, layout, header, Some(build)))
    }

    fn with_header(
        fs: &Arc<dyn FileSystem>,
        path: PathBuf,
        number: u64,
        layout: Layout,
        header: Header,
        build: Option<Build>,
    ) -> Self {
        let state = State {
            header,
            written_header: if build.is_some() { Header::EMPTY } else { header },
            pending: Vec::new(),
            first_pending: header.next_index,
            build,
        };
        Self { fs: Arc::clone(fs), path, number, layout, state: Mutex::new(state) }
    }

    pub(super) fn header(&self) -> Header {
        self.state.lock().header
    }

    /// Lets a file without items end where the one before it does.
    pub(super) fn follow(&self, previous: &Header) {
        let mut state = self.state.lock();
        if !state.header.has_item() {
            state.header = Header::after(previous);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.state.lock().header.next_index >= self.layout.item_count
    }

    /// Adds a key, RocketMQ's `putKey`. After an error the file is as before.
    pub(super) fn put(&self, key_hash: i32, phy_offset: i64, store_timestamp: i64) -> io::Result<Put> {
        let mut guard = self.state.lock();
        if guard.pending.len() >= RUN_BYTES {
            drop(guard);
            self.write_items()?;
            guard = self.state.lock();
        }
        let state = &mut *guard;
        let index = state.header.next_index;
        if index >= self.layout.item_count {
            return Ok(Put::FileIsFull);
        }
        let build = match &mut state.build {
            Some(build) => build,
            none => none.insert(self.open_build()?),
        };
        let slot = self.layout.slot_of(key_hash);
        let newest = build.slots.get_mut(slot, &*build.file)?;
        // A crash may have left a slot that speaks of an item the file does not have.
        let previous = if *newest < index { *newest } else { 0 };
        let header = &mut state.header;
        // The first item begins the file's time; before that the header holds the end of the file before.
        let seconds = if header.has_item() && header.begin_timestamp > 0 {
            (store_timestamp.saturating_sub(header.begin_timestamp) / 1_000).clamp(0, i64::from(i32::MAX))
                as i32
        } else {
            0
        };
        let item = Item { key_hash, phy_offset, seconds, previous };
        state.pending.extend_from_slice(&item.encode());
        *newest = index;
        build.slots.note_changed(slot);
        if !header.has_item() {
            header.begin_phy_offset = phy_offset;
            header.begin_timestamp = store_timestamp;
        }
        if previous == 0 {
            header.used_slot_count += 1;
        }
        header.next_index = index + 1;
        header.end_phy_offset = phy_offset;
        // A clock that was set back leaves what is further ahead in the file's time.
        header.end_timestamp = store_timestamp.max(header.end_timestamp).max(header.begin_timestamp);
        Ok(Put::Stored)
    }

    fn open_build(&self) -> io::Result<Build> {
        let file = self.fs.open(&self.path, OpenMode::ReadWrite)?;
        Ok(Build { file, slots: SlotPages::new(self.layout) })
    }

    fn build_file(&self) -> Option<Arc<dyn StoreFile>> {
        self.state.lock().build.as_ref().map(|build| Arc::clone(&build.file))
    }

    /// Writes the items that are in memory only. Slots that speak of them are not.
    fn write_items(&self) -> io::Result<()> {
        let (first, bytes) = {
            let state = self.state.lock();
            (state.first_pending, state.pending.clone())
        };
        let Some(file) = self.build_file() else { return Ok(()) };
        file.write_all_at(&bytes, self.layout.item_position(first))?;
        let mut state = self.state.lock();
        state.first_pending += (bytes.len() / ITEM_BYTES) as u32;
        state.pending.clear();
        Ok(())
    }

    /// Makes all items durable, then the slots, then the header.
    pub(super) fn flush(&self) -> Result<(), FlushFault> {
        let Some(file) = self.build_file() else { return Ok(()) };
        let (header, dirty) = {
            let state = self.state.lock();
            if state.header == state.written_header {
                return Ok(());
            }
            (state.header, state.build.as_ref().map_or_else(Vec::new, |build| build.slots.dirty()))
        };
        self.write_items().map_err(FlushFault::Write)?;
        file.sync_data().map_err(FlushFault::Sync)?;
        for page in dirty {
            let encoded = self.state.lock().build.as_ref().map(|build| build.slots.encode(page));
            if let Some((position, bytes)) = encoded {
                file.write_all_at(&bytes, position).map_err(FlushFault::Write)?;
            }
            if let Some(build) = &mut self.state.lock().build {
                build.slots.note_written(page);
            }
        }
        file.sync_data().map_err(FlushFault::Sync)?;
        file.write_all_at(&header.encode(), 0).map_err(FlushFault::Write)?;
        file.sync_all().map_err(FlushFault::Sync)?;
        let mut state = self.state.lock();
        state.written_header = header;
        if header.next_index >= self.layout.item_count {
            // Nothing is added any more: the slots need no memory.
            state.build = None;
        }
        Ok(())
    }

    /// Makes slots that speak of items behind the header's end speak of older ones, after a crash.
    pub(super) fn repair(&self) -> io::Result<()> {
        let next_index = self.header().next_index;
        let file = self.fs.open(&self.path, OpenMode::ReadWrite)?;
        let mut repaired_count = 0;
        let mut first = 0;
        let mut bytes = vec![0; RUN_BYTES];
        while first < self.layout.slot_count {
            let count = (self.layout.slot_count - first).min((RUN_BYTES / SLOT_BYTES) as u32);
            let position = Layout::slot_position(first);
            let Some(run) = bytes.get_mut(..count as usize * SLOT_BYTES) else { break };
            file.read_exact_at(run, position)?;
            let mut is_changed = false;
            for slot in run.as_chunks_mut::<SLOT_BYTES>().0 {
                let newest = u32::from_be_bytes(*slot);
                if newest >= next_index {
                    *slot = self.newest_before(&*file, newest, next_index)?.to_be_bytes();
                    repaired_count += 1;
                    is_changed = true;
                }
            }
            if is_changed {
                file.write_all_at(run, position)?;
            }
            first += count;
        }
        if repaired_count > 0 {
            tracing::info!(
                path = %self.path.display(), repaired_count, next_index,
                "index slots ahead of their header were set back"
            );
            file.sync_data()?;
        }
        Ok(())
    }

    fn newest_before(&self, file: &dyn StoreFile, mut index: u32, next_index: u32) -> io::Result<u32> {
        while index >= next_index {
            if index >= self.layout.item_count {
                return Ok(0);
            }
            let mut item = [0; ITEM_BYTES];
            file.read_exact_at(&mut item, self.layout.item_position(index))?;
            let previous = Item::decode(&item).previous;
            if previous >= index {
                return Ok(0);
            }
            index = previous;
        }
        Ok(index)
    }

    /// Adds the physical offsets of wanted items to `found`, newest first, until it has `max_count`;
    /// RocketMQ's `selectPhyOffset`.
    pub(super) fn find(&self, wanted: &Wanted, max_count: usize, found: &mut Vec<i64>) -> io::Result<()> {
        self.follow_slot(wanted.key_hash, |item, time| {
            if found.len() >= max_count {
                return false;
            }
            if item.key_hash == wanted.key_hash && (wanted.begin..=wanted.end).contains(&time) {
                found.push(item.phy_offset);
            }
            time >= wanted.begin && found.len() < max_count
        })
    }

    /// Whether there is an item of this key and record.
    pub(super) fn contains(&self, key_hash: i32, phy_offset: i64) -> io::Result<bool> {
        let mut is_there = false;
        self.follow_slot(key_hash, |item, _| {
            is_there |= item.key_hash == key_hash && item.phy_offset == phy_offset;
            // Items ascend: nothing older is of this record.
            !is_there && item.phy_offset >= phy_offset
        })?;
        Ok(is_there)
    }

    /// Calls `visit` for the items in the slot of a key, newest first, with their time, until it says no.
    fn follow_slot(&self, key_hash: i32, mut visit: impl FnMut(&Item, i64) -> bool) -> io::Result<()> {
        let slot = self.layout.slot_of(key_hash);
        let in_memory = self.state.lock().build.as_ref().and_then(|build| build.slots.peek(slot));
        let file = match self.build_file() {
            Some(file) => file,
            None => self.fs.open(&self.path, OpenMode::Read)?,
        };
        let mut index = if let Some(index) = in_memory {
            index
        } else {
            let mut bytes = [0; SLOT_BYTES];
            file.read_exact_at(&mut bytes, Layout::slot_position(slot))?;
            u32::from_be_bytes(bytes)
        };
        // Asked for after the slot, the header knows the item the slot speaks of.
        let header = self.header();
        if index >= header.next_index {
            return Ok(());
        }
        let mut window = Window { first: 0, bytes: Vec::new() };
        while index > 0 {
            let Some(item) = self.item(index, &*file, &mut window)? else { return Ok(()) };
            let time = header.begin_timestamp.saturating_add(i64::from(item.seconds) * 1_000);
            // Older items have smaller indexes: anything else is damage, and could go round in circles.
            if item.seconds < 0 || !visit(&item, time) || item.previous >= index {
                return Ok(());
            }
            index = item.previous;
        }
        Ok(())
    }

    fn item(&self, index: u32, file: &dyn StoreFile, window: &mut Window) -> io::Result<Option<Item>> {
        if let Some(item) = window.get(index) {
            return Ok(Some(item));
        }
        let first_pending = {
            let state = self.state.lock();
            if index >= state.first_pending {
                let at = (index - state.first_pending) as usize * ITEM_BYTES;
                return Ok(state.pending.get(at..).and_then(<[u8]>::first_chunk).map(Item::decode));
            }
            state.first_pending
        };
        let end = first_pending.min(index + 1);
        window.first = end.saturating_sub(WINDOW_ITEMS);
        window.bytes.resize((end - window.first) as usize * ITEM_BYTES, 0);
        file.read_exact_at(&mut window.bytes, self.layout.item_position(window.first))?;
        Ok(window.get(index))
    }
}

/// A row of items as read from the file.
struct Window {
    first: u32,
    bytes: Vec<u8>,
}

impl Window {
    fn get(&self, index: u32) -> Option<Item> {
        let at = index.checked_sub(self.first)? as usize * ITEM_BYTES;
        self.bytes.get(at..)?.first_chunk().map(Item::decode)
    }
}
