//! The `timerwheel` file: a slot for every moment of the next two weeks, RocketMQ's `TimerWheel`.
//!
//! A slot's place is its moment modulo the length of the wheel, so a slot is taken over by the moment one
//! turn later. Nothing of the file is kept in memory but what changed since the last flush: what is written to it
//! is always in the timer log already, and durable there.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::slot::{SLOT_BYTES, Slot};
use crate::fs::{FileSystem, OpenMode, StoreFile};

/// Slots of the wheel, whatever their length: two weeks of seconds. RocketMQ has one week ahead and one behind.
pub(crate) const SLOT_COUNT: u32 = 7 * 86_400 * 2;
/// Length of the file.
pub(crate) const FILE_BYTES: u64 = SLOT_COUNT as u64 * SLOT_BYTES as u64;
/// Slots read at a time when many are looked through.
const SLOTS_PER_READ: usize = 2_048;

/// See the module.
#[derive(Debug)]
pub(crate) struct TimerWheel {
    file: Arc<dyn StoreFile>,
    path: PathBuf,
    /// Milliseconds of a slot.
    precision_millis: i64,
    /// Changes since the last flush began.
    changed: HashMap<u32, Slot>,
    /// Changes a flush is writing; older than those of `changed`.
    flushing: HashMap<u32, Slot>,
}

/// Changes on their way to the file, in the order of their places.
#[derive(Debug)]
pub(crate) struct Changes {
    file: Arc<dyn StoreFile>,
    slots: Vec<(u32, Slot)>,
}

impl TimerWheel {
    /// Opens the wheel, made empty when absent; answers whether it was.
    pub(crate) fn open(fs: &dyn FileSystem, path: &Path, precision_millis: i64) -> io::Result<(Self, bool)> {
        let file = fs.open(path, OpenMode::Create)?;
        let len_bytes = file.len()?;
        if len_bytes != 0 && len_bytes != FILE_BYTES {
            return Err(io::Error::other(format!("{len_bytes} bytes instead of {FILE_BYTES}")));
        }
        file.set_len(FILE_BYTES)?;
        let wheel = Self {
            file,
            path: path.to_owned(),
            precision_millis,
            changed: HashMap::new(),
            flushing: HashMap::new(),
        };
        Ok((wheel, len_bytes == 0))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Milliseconds of a slot.
    pub(crate) fn precision_millis(&self) -> i64 {
        self.precision_millis
    }

    /// The number of a moment's slot since the Unix epoch.
    pub(crate) fn tick(&self, millis: i64) -> i64 {
        millis.div_euclid(self.precision_millis)
    }

    /// When the slot of a moment begins.
    pub(crate) fn slot_millis(&self, millis: i64) -> i64 {
        self.tick(millis).saturating_mul(self.precision_millis)
    }

    /// The slot of a moment; `None` when nothing is in it.
    pub(crate) fn get(&self, millis: i64) -> io::Result<Option<Slot>> {
        let tick = self.tick(millis);
        let slot = self.at(index(tick))?;
        Ok((slot.tick == tick && slot.is_used()).then_some(slot))
    }

    fn at(&self, index: u32) -> io::Result<Slot> {
        if let Some(slot) = self.changed.get(&index).or_else(|| self.flushing.get(&index)) {
            return Ok(*slot);
        }
        let mut bytes = [0; SLOT_BYTES];
        self.file.read_exact_at(&mut bytes, position(index))?;
        Ok(Slot::decode(&bytes))
    }

    /// Replaces the slot of its moment.
    pub(crate) fn put(&mut self, slot: Slot) {
        self.changed.insert(index(slot.tick), slot);
    }

    /// Empties the slot of a moment.
    pub(crate) fn clear(&mut self, millis: i64) {
        self.changed.insert(index(self.tick(millis)), Slot::default());
    }

    /// Empties the wheel.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.changed.clear();
        self.flushing.clear();
        self.file.set_len(0)?;
        self.file.set_len(FILE_BYTES)
    }

    /// Hands all slots in use to `visit`, in no order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Slot)) -> io::Result<()> {
        let mut buffer = vec![0; SLOTS_PER_READ * SLOT_BYTES];
        let mut position = 0;
        while let Some(data) = self.file.next_data(position)? {
            if data >= FILE_BYTES {
                break;
            }
            let from = data - data % SLOT_BYTES as u64;
            let count = usize::try_from(FILE_BYTES - from).unwrap_or(buffer.len()).min(buffer.len());
            let chunk = buffer.get_mut(..count).unwrap_or_default();
            self.file.read_exact_at(chunk, from)?;
            for (slot, index) in chunk.as_chunks().0.iter().map(Slot::decode).zip(place(from)..) {
                if slot.is_used() && !self.is_overlaid(index) {
                    visit(slot);
                }
            }
            position = from + count as u64;
        }
        let older = self.flushing.iter().filter(|(index, _)| !self.changed.contains_key(index));
        for slot in self.changed.values().chain(older.map(|(_, slot)| slot)) {
            if slot.is_used() {
                visit(*slot);
            }
        }
        Ok(())
    }

    fn is_overlaid(&self, index: u32) -> bool {
        self.changed.contains_key(&index) || self.flushing.contains_key(&index)
    }

    /// The first slot in use that begins in `[from, until)`, as the moment it begins at.
    pub(crate) fn next_used(&self, from: i64, until: i64) -> io::Result<Option<i64>> {
        let (mut tick, end) = (self.tick(from), self.tick(until));
        let end = end.min(tick.saturating_add(i64::from(SLOT_COUNT)));
        // The next second and the like: not worth a buffer.
        if end - tick <= 4 {
            for tick in tick..end {
                if self.get(tick * self.precision_millis)?.is_some() {
                    return Ok(Some(tick * self.precision_millis));
                }
            }
            return Ok(None);
        }
        let mut buffer = vec![0; SLOTS_PER_READ * SLOT_BYTES];
        while tick < end {
            let first = index(tick);
            let count = (end - tick).min(i64::from(SLOT_COUNT - first)).min(SLOTS_PER_READ as i64);
            let chunk = buffer.get_mut(..count as usize * SLOT_BYTES).unwrap_or_default();
            self.file.read_exact_at(chunk, position(first))?;
            for (read, index) in chunk.as_chunks().0.iter().map(Slot::decode).zip(first..) {
                let slot = self.changed.get(&index).or_else(|| self.flushing.get(&index)).unwrap_or(&read);
                if slot.tick == tick && slot.is_used() {
                    return Ok(Some(tick * self.precision_millis));
                }
                tick += 1;
            }
        }
        Ok(None)
    }

    /// Begins a flush: the changes that have to be written, those of an unfinished flush among them.
    pub(crate) fn begin_flush(&mut self) -> Changes {
        self.flushing.extend(self.changed.drain());
        let mut slots: Vec<_> = self.flushing.iter().map(|(index, slot)| (*index, *slot)).collect();
        slots.sort_unstable_by_key(|(index, _)| *index);
        Changes { file: Arc::clone(&self.file), slots }
    }

    /// Ends a flush: what it wrote is read from the file again.
    pub(crate) fn end_flush(&mut self) {
        self.flushing = HashMap::new();
        if self.changed.is_empty() {
            self.changed = HashMap::new();
        }
    }
}

impl Changes {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Writes them to the file.
    pub(crate) fn write(&self) -> io::Result<()> {
        for neighbours in self.slots.chunk_by(|(left, _), (right, _)| left + 1 == *right) {
            let bytes: Vec<u8> = neighbours.iter().flat_map(|(_, slot)| slot.encode()).collect();
            let first = neighbours.first().map_or(0, |(index, _)| *index);
            self.file.write_all_at(&bytes, position(first))?;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.is_empty() { Ok(()) } else { self.file.sync_data() }
    }
}

/// The place of a moment's slot.
pub(crate) fn index(tick: i64) -> u32 {
    tick.rem_euclid(i64::from(SLOT_COUNT)) as u32
}

fn position(index: u32) -> u64 {
    u64::from(index) * SLOT_BYTES as u64
}

fn place(position: u64) -> u32 {
    (position / SLOT_BYTES as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    fn wheel(dir: &tempfile::TempDir) -> TimerWheel {
        TimerWheel::open(&OsFileSystem, &dir.path().join("timerwheel"), 1_000).unwrap().0
    }

    fn flush(wheel: &mut TimerWheel) {
        wheel.begin_flush().write().unwrap();
        wheel.end_flush();
    }

    #[test]
    fn a_slot_is_found_before_and_after_a_flush() {
        let dir = tempfile::tempdir().unwrap();
        let mut open = wheel(&dir);
        let slot = Slot::default().with(5, 520, 1);
        open.put(slot);
        assert_eq!(open.get(5_999).unwrap(), Some(slot));
        assert_eq!(open.get(6_000).unwrap(), None);
        let changes = open.begin_flush();
        assert_eq!(open.get(5_000).unwrap(), Some(slot));
        changes.write().unwrap();
        open.end_flush();
        assert_eq!(open.get(5_000).unwrap(), Some(slot));
        assert_eq!(wheel(&dir).get(5_000).unwrap(), Some(slot));
        let turn = i64::from(SLOT_COUNT) * 1_000;
        assert_eq!(open.get(5_000 + turn).unwrap(), None, "the same place, another moment");
        open.clear(5_000);
        assert_eq!(open.get(5_000).unwrap(), None);
    }

    #[test]
    fn used_slots_are_found_across_the_end_of_the_wheel() {
        let dir = tempfile::tempdir().unwrap();
        let mut wheel = wheel(&dir);
        let turn = i64::from(SLOT_COUNT);
        for tick in [turn - 2, turn + 3_000, turn + 9_000] {
            wheel.put(Slot::default().with(tick, 0, 1));
        }
        flush(&mut wheel);
        wheel.put(Slot::default().with(turn + 5_000, 0, 1));
        wheel.clear((turn + 3_000) * 1_000);
        let next = |from: i64, until: i64| {
            wheel.next_used(from * 1_000, until * 1_000).unwrap().map(|millis| millis / 1_000)
        };
        assert_eq!(next(turn - 10_000, turn + 10_000), Some(turn - 2));
        assert_eq!(next(turn - 1, turn + 10_000), Some(turn + 5_000));
        assert_eq!(next(turn - 1, turn + 5_000), None);
        assert_eq!(next(turn + 4_999, turn + 5_001), Some(turn + 5_000));
        let mut used = Vec::new();
        wheel.for_each(|slot| used.push(slot.tick - turn)).unwrap();
        used.sort_unstable();
        assert_eq!(used, [-2, 5_000, 9_000]);
    }

    #[test]
    fn a_file_of_another_size_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("timerwheel"), [0; 64]).unwrap();
        let opened = TimerWheel::open(&OsFileSystem, &dir.path().join("timerwheel"), 1_000);
        assert!(opened.unwrap_err().to_string().contains("64 bytes"));
    }
}
