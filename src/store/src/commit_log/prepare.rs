//! Making room ahead of the appender: blocks, pages and the next file, RocketMQ's `AllocateMappedFileService`.
//!
//! An appender that finds no room makes it itself, at the price of a system call under the append lock; a
//! failure here is therefore only told, and met again there.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use super::CommitLog;
use crate::{fs::CLEARED_PIECE_BYTES, mapped_file::MappedFile};

/// Blocks are allocated this far ahead at most, and a store that has little in it takes no more than the
/// least.
const MIN_RESERVE_BYTES: usize = 4 << 20;
const MAX_RESERVE_BYTES: usize = 64 << 20;
/// Pages are brought into memory this far ahead; twice as far would be written to disk twice.
const PAGES_BYTES: usize = 4 << 20;

impl CommitLog {
    /// Whether [`Self::make_room`] has something to do for the file that is appended to.
    pub(super) fn wants_room_ahead(&self, file: &MappedFile) -> bool {
        let end = file.readable_end();
        let low = |water: usize, ahead: usize| water < file.size() && water < end + ahead / 2;
        low(file.reserved(), reserve_ahead(end))
            || low(file.cleared().min(file.populated()), PAGES_BYTES)
            || (wants_next_file(file, end) && !self.has_next_file.load(Ordering::Acquire))
    }

    /// Makes room for what comes next.
    pub(crate) fn make_room(&self) -> io::Result<()> {
        match self.files.last().filter(|file| !file.is_full()) {
            Some(file) => {
                prepare(&file)?;
                if wants_next_file(&file, file.readable_end()) {
                    self.make_next_file()?;
                }
                Ok(())
            }
            None => self.make_next_file(),
        }
    }

    fn make_next_file(&self) -> io::Result<()> {
        let mut next = self.next_file.lock();
        if next.is_some() {
            return Ok(());
        }
        let file = self.files.create_file(self.files.next_base())?;
        *next = Some(Arc::clone(&file));
        self.has_next_file.store(true, Ordering::Release);
        drop(next);
        prepare(&file)
    }

    /// Removes a file that was made ahead and not used.
    pub(crate) fn drop_next_file(&self) {
        let mut next = self.next_file.lock();
        let Some(file) = next.take() else { return };
        self.has_next_file.store(false, Ordering::Release);
        if let Err(error) = self.files.remove_unused(&file) {
            tracing::warn!(file = %file.path().display(), %error, "unused commit log file not removed");
        }
    }
}

fn prepare(file: &MappedFile) -> io::Result<()> {
    let end = file.readable_end();
    file.reserve((end + reserve_ahead(end)).next_multiple_of(CLEARED_PIECE_BYTES))?;
    let pages_end = (end + PAGES_BYTES).next_multiple_of(CLEARED_PIECE_BYTES);
    file.clear(pages_end)?;
    match file.populate(pages_end) {
        // An old kernel: pages are faulted in by the appender.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            file.forgo_populating();
            Ok(())
        }
        outcome => outcome,
    }
}

fn reserve_ahead(end: usize) -> usize {
    end.clamp(MIN_RESERVE_BYTES, MAX_RESERVE_BYTES)
}

fn wants_next_file(file: &MappedFile, end: usize) -> bool {
    file.size() - end < file.size() / 4
}
