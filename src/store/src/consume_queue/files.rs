//! The files of `ConsumeQueue`s: their names, how they are opened through the shared cache, and how units
//! are read from and written to them. A file is known here by the place of its first unit, its *base*.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
};

use parking_lot::Mutex;

use super::{
    ConsumeQueue, Unit,
    batch_unit::{AtPlace, decode_all},
    kind::{Layout, QueueKind, QueueKinds},
};
use crate::{
    file_cache::FileCache,
    fs::{Disk, FileSystem, OpenMode, StoreFile},
};

/// Bytes read in one system call, less what does not make a unit.
const RUN_BYTES: usize = 5_120;

/// The stretch of a file in which data is told from a hole by looking; beyond it the file system knows.
const BLOCK_BYTES: u64 = 4_096;

/// What all queues of one table share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) simple: Layout,
    pub(super) batch: Layout,
    pub(super) kinds: Arc<QueueKinds>,
    pub(super) cache: FileCache,
    /// Queues with units in their tail. A queue is in here at most once.
    pub(super) dirty: Mutex<Vec<Weak<ConsumeQueue>>>,
    /// Queues with files written since they were last made durable. A queue is in here at most once.
    pub(super) unsynced: Mutex<Vec<Weak<ConsumeQueue>>>,
    /// Held while the tails of dirty queues are written: who comes second finds them written.
    pub(super) writing: Mutex<()>,
    /// Held while files are made durable, for the same reason. Taken after `writing` is released.
    pub(super) syncing: Mutex<()>,
    /// Set by a failed fsync: what it covered may be lost, so nothing is called durable from then on.
    pub(super) sync_failed: AtomicBool,
    /// Where the CommitLog begins; units below it are expired.
    pub(super) min_phy_offset: AtomicI64,
    /// The number the next queue gets in the file cache.
    pub(super) next_number: AtomicU64,
}

impl Shared {
    pub(super) fn layout(&self, kind: QueueKind) -> &Layout {
        match kind {
            QueueKind::Simple => &self.simple,
            QueueKind::Batch => &self.batch,
        }
    }
}

impl ConsumeQueue {
    pub(super) fn layout(&self) -> &Layout {
        self.shared.layout(self.kind)
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.layout().queue_dir(&self.topic, self.queue_id)
    }

    pub(super) fn file_path(&self, base: i64) -> PathBuf {
        self.dir().join(self.layout().file_name(base))
    }

    /// The first place of the file after the one `place` is in.
    pub(super) fn file_end(&self, place: i64) -> i64 {
        self.layout().base_of(place).saturating_add(self.layout().units_per_file)
    }

    /// Opens the file that begins at place `base`, through the cache; it must exist.
    pub(super) fn open_file(&self, base: i64) -> io::Result<Arc<dyn StoreFile>> {
        let shared = &self.shared;
        shared
            .cache
            .get_or_open((self.number, base), || shared.fs.open(&self.file_path(base), OpenMode::ReadWrite))
    }

    /// Creates the file that begins at place `base` with its full length, and its directories.
    pub(super) fn create_file(&self, base: i64) -> io::Result<Arc<dyn StoreFile>> {
        let (shared, path) = (&self.shared, self.file_path(base));
        let file = match shared.fs.open(&path, OpenMode::Create) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                shared.fs.create_dir_all(&self.dir())?;
                shared.fs.open(&path, OpenMode::Create)?
            }
            outcome => outcome?,
        };
        // What a deletion that failed left behind is not part of this queue.
        if file.len()? > 0 {
            file.set_len(0)?;
        }
        // RocketMQ refuses a file that has not its configured length.
        file.set_len(self.layout().file_bytes())?;
        shared.cache.replace((self.number, base), &file);
        Ok(file)
    }

    /// Opens a file, or creates it where it is missing.
    pub(super) fn open_or_create_file(&self, base: i64) -> io::Result<Arc<dyn StoreFile>> {
        match self.open_file(base) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create_file(base),
            outcome => outcome,
        }
    }

    /// Removes the file that begins at place `base`; an absent one is fine.
    pub(super) fn remove_file(&self, base: i64) -> io::Result<()> {
        self.shared.cache.remove((self.number, base));
        match self.shared.fs.remove_file(&self.file_path(base)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Where in its file a unit stands, in bytes.
    pub(super) fn position_in_file(&self, place: i64) -> u64 {
        place.rem_euclid(self.layout().units_per_file) as u64 * self.layout().unit_bytes() as u64
    }

    /// Reads places `[from, until)` from the files into `units`. Stops early where a file is missing: the
    /// units behind it are then not contiguous with those before.
    pub(super) fn read_files<T: AtPlace>(
        &self,
        disk: Disk,
        from: i64,
        until: i64,
        units: &mut Vec<T>,
    ) -> io::Result<()> {
        let unit_bytes = self.layout().unit_bytes();
        let mut buffer = [0; RUN_BYTES];
        let mut next = from;
        while next < until {
            let file = match self.open_file(self.layout().base_of(next)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                outcome => outcome?,
            };
            let file_end = self.file_end(next).min(until);
            while next < file_end {
                let count = (file_end - next).min((RUN_BYTES / unit_bytes) as i64);
                let Some(run) = buffer.get_mut(..count as usize * unit_bytes) else { return Ok(()) };
                file.read_exact(disk, run, self.position_in_file(next))?;
                units.extend(decode_all::<T>(run, unit_bytes));
                next += count;
            }
        }
        Ok(())
    }

    /// The first place in `[from, until)`, all of it in one file, that is not blank, with its unit. Places
    /// never written count: their unit says so.
    pub(super) fn first_not_blank(
        &self,
        file: &dyn StoreFile,
        from: i64,
        until: i64,
    ) -> io::Result<Option<(i64, Unit)>> {
        let unit_bytes = self.layout().unit_bytes();
        // Blanks are rare, and they come in rows.
        let mut buffer = [0; RUN_BYTES];
        let mut next = from;
        let mut count = 1;
        while next < until {
            count = count.min(until - next);
            let Some(run) = buffer.get_mut(..count as usize * unit_bytes) else { return Ok(None) };
            file.read_exact_at(run, self.position_in_file(next))?;
            let units = decode_all::<Unit>(run, unit_bytes);
            if let Some(found) = (next..).zip(units).find(|(_, unit)| !unit.is_blank()) {
                return Ok(Some(found));
            }
            next += count;
            count = (RUN_BYTES / unit_bytes) as i64;
        }
        Ok(None)
    }

    /// Makes everything in a file from unit `count` on read as never written. Answers whether there was
    /// anything.
    pub(super) fn clear_behind(&self, file: &dyn StoreFile, count: i64) -> io::Result<bool> {
        let position = count as u64 * self.layout().unit_bytes() as u64;
        let file_bytes = self.layout().file_bytes();
        let block_end = position.next_multiple_of(BLOCK_BYTES).min(file_bytes);
        let mut rest = vec![0; (block_end - position) as usize];
        file.read_exact_at(&mut rest, position)?;
        let is_clear = rest.iter().all(|byte| *byte == 0)
            && (block_end == file_bytes || file.next_data(block_end)?.is_none_or(|data| data >= file_bytes));
        if !is_clear {
            file.set_len(position)?;
            file.set_len(file_bytes)?;
        }
        Ok(!is_clear)
    }

    /// How many units at the start of the file beginning at `base` satisfy `good`, where a blank is judged
    /// by the next unit that is not. Damaged ones among them end nothing: good ones behind those count too.
    pub(super) fn good_prefix(
        &self,
        file: &dyn StoreFile,
        base: i64,
        good: impl Fn(&Unit) -> bool,
    ) -> io::Result<i64> {
        let end = base + self.layout().units_per_file;
        let is_good = |place: i64| -> io::Result<bool> {
            let Some((place, unit)) = self.first_not_blank(file, place, end)? else { return Ok(false) };
            if good(&unit) || !unit.is_written() {
                return Ok(good(&unit));
            }
            Ok(self.first_not_blank(file, place + 1, end)?.is_some_and(|(_, next)| good(&next)))
        };
        // Most files of most queues hold little: look near the start first, in growing strides.
        let (mut low, mut stride) = (base, 1);
        let mut high = loop {
            let probe = low + stride - 1;
            if probe >= end {
                break end;
            }
            if !is_good(probe)? {
                break probe;
            }
            low = probe + 1;
            stride *= 4;
        };
        // Everything before `low` is good, nothing from `high` on is.
        while low < high {
            let middle = low + (high - low) / 2;
            if is_good(middle)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let last = self.last_good_behind(file, low, end, good)?;
        Ok(last.map_or(low, |last| last + 1) - base)
    }

    /// The last good message from `from` on, where a file mostly has nothing any more.
    fn last_good_behind(
        &self,
        file: &dyn StoreFile,
        from: i64,
        until: i64,
        good: impl Fn(&Unit) -> bool,
    ) -> io::Result<Option<i64>> {
        let unit_bytes = self.layout().unit_bytes();
        let mut buffer = [0; RUN_BYTES];
        let mut last = None;
        let mut next = from;
        // To the end of its block the file may have been written; beyond, the file system knows.
        let position = self.position_in_file(from);
        let in_block = position.next_multiple_of(BLOCK_BYTES) - position;
        let mut count = in_block.div_ceil(unit_bytes as u64) as i64;
        while next < until {
            count = count.min(until - next);
            let Some(run) = buffer.get_mut(..count as usize * unit_bytes) else { break };
            file.read_exact_at(run, self.position_in_file(next))?;
            let is_good = |(_, unit): &(i64, Unit)| unit.is_message() && good(unit);
            let units = decode_all::<Unit>(run, unit_bytes);
            last = (next..).zip(units).filter(is_good).map(|(place, _)| place).last().or(last);
            next += count;
            count = (RUN_BYTES / unit_bytes) as i64;
            if next < until {
                let Some(data) = file.next_data(self.position_in_file(next))? else { break };
                next = next.max(self.layout().base_of(from) + (data / unit_bytes as u64) as i64);
            }
        }
        Ok(last)
    }
}
