//! Deleting what has expired, and watching the disk.

use std::{
    io,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::MessageStore;
use crate::{
    compaction::CompactionStore,
    error::Unavailable,
    fs::DiskUsage,
    mapped_file::{MappedFile, ReadMode},
    retention::{Pressure, Retention, is_delete_hour, is_expired, pressure, refuses},
};

/// A mapping nobody used for this many rounds is given up.
const IDLE_ROUNDS: u64 = 30;

impl MessageStore {
    /// Deletes expired files with the next rounds of the cleaner, whatever the hour, RocketMQ's
    /// `executeDeleteFilesManually`.
    pub fn delete_expired_files_now(&self) {
        self.retention.lock().delete_manually();
        self.cleaner_wanted.raise();
    }

    /// Lets files stay beyond their time while the disk has room: somebody is behind with messages in them.
    pub fn hold_expired_files(&self, is_held: bool) {
        self.holds_expired.store(is_held, Ordering::Relaxed);
    }

    /// Tells the operating system how the CommitLog is read (`scanFileAndSetReadMode`).
    pub fn set_read_mode(&self, mode: ReadMode) {
        self.log.files().set_read_mode(mode);
    }

    /// Whether now is one of the hours things are cleaned in (`deleteWhen`).
    pub fn is_delete_hour(&self) -> bool {
        is_delete_hour(self.clock.now_millis(), &self.options.now())
    }

    /// One round of the cleaner.
    pub(crate) fn clean(&self) {
        let pressure = self.check_disk();
        let now = self.clock.now_millis();
        let deletes = {
            let mut retention = self.retention.lock();
            self.note_ages(&mut retention, now);
            retention.take_manual_round()
                || is_delete_hour(now, &self.options.now())
                || pressure >= Pressure::DeleteExpired
        };
        if deletes {
            self.delete_files(now, pressure);
        }
        self.trim();
        self.log.files().unmap_idle(IDLE_ROUNDS);
        self.compaction.iter().flat_map(CompactionStore::all).for_each(|log| log.unmap_idle());
    }

    /// Notes since when files are complete: those that were here before by the time they were written last.
    fn note_ages(&self, retention: &mut Retention, now: i64) {
        let files = self.log.files().files();
        let Some((_, complete)) = files.split_last() else { return };
        let monotonic = self.clock.monotonic();
        let opened_at = retention.opened_at_base;
        retention.ages.note_complete(complete.iter().map(|file| file.base_phy_offset()), monotonic, |base| {
            let file = self.log.files().find(base).filter(|_| base < opened_at);
            let modified = file.and_then(|file| self.fs.modified_millis(file.path()).ok());
            modified.map_or(0, |modified| now.saturating_sub(modified))
        });
        if let Err(error) = retention.ages.save(&*self.fs, monotonic) {
            tracing::warn!(%error, "ages of commit log files not written: they may be kept for longer");
        }
    }

    /// Writes down how long the store was open, so that no age is lost.
    pub(super) fn note_ages_on_stop(&self) {
        let saved = self.retention.lock().ages.save_now(&*self.fs, self.clock.monotonic());
        saved.unwrap_or_else(|error| tracing::warn!(%error, "ages of commit log files not written"));
    }

    /// Looks at the mounts, and refuses or takes messages accordingly.
    pub(super) fn check_disk(&self) -> Pressure {
        let mut worst = Pressure::None;
        let mut full = None;
        let refused = self.health.is_disk_full();
        for dir in [self.log.files().dir().to_owned(), self.options.now().root_dir.clone()] {
            let usage = match self.fs.disk_usage(&dir) {
                Ok(usage) => usage,
                Err(error) => {
                    tracing::error!(dir = %dir.display(), %error, "use of the disk is unknown");
                    continue;
                }
            };
            let pressure = pressure(&usage, &self.options.now());
            worst = worst.max(pressure);
            if full.is_none() && refuses(pressure, refused) {
                full = Some(self.disk_full(&dir, &usage));
            }
        }
        self.health.set_disk(full);
        worst
    }

    fn disk_full(&self, dir: &Path, usage: &DiskUsage) -> Unavailable {
        let Some(needed_bytes) = self.options.now().disk_min_free_bytes else {
            let limit_percent = self.options.now().disk_warning_percent;
            let (mount, used_percent) = (self.fs.mount_point(dir), usage.used_percent());
            return Unavailable::DiskFull { mount, used_percent, limit_percent };
        };
        self.no_space(dir, usage, needed_bytes)
    }

    /// The refusal of a put for which there is no room.
    pub(super) fn no_space(&self, dir: &Path, usage: &DiskUsage, needed_bytes: u64) -> Unavailable {
        let (mount, used_percent) = (self.fs.mount_point(dir), usage.used_percent());
        Unavailable::NoSpace { mount, used_percent, available_bytes: usage.available_bytes, needed_bytes }
    }

    fn delete_files(&self, now: i64, mut pressure: Pressure) {
        if let Err(error) = self.sync_compacted() {
            tracing::error!(%error, "compacted logs not flushed");
        }
        for _ in 0..self.options.now().delete_file_batch_max {
            let files = self.log.files().files();
            let [first, second, ..] = files.as_slice() else { return };
            let is_forced =
                pressure >= Pressure::DeleteOldest && self.options.now().clean_file_forcibly.is_on();
            let is_held = pressure == Pressure::None && self.holds_expired.load(Ordering::Relaxed);
            if !is_forced && (is_held || !self.has_expired(first, second, now)) {
                break;
            }
            if self.is_needed_for_copies(second.base_phy_offset()) {
                tracing::error!(file = %first.path().display(), "commit log file kept: its messages are not copied to compacted logs");
                return;
            }
            match self.log.files().remove_first() {
                Ok(true) => {
                    tracing::info!(file = %first.path().display(), is_forced, "commit log file deleted");
                }
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(file = %first.path().display(), %error, "commit log file not deleted");
                    return;
                }
            }
            if is_forced {
                pressure = self.check_disk();
            }
        }
    }

    /// Whether a file has expired. Its newest record was stored before the first of the file behind it.
    fn has_expired(&self, file: &Arc<MappedFile>, next: &Arc<MappedFile>, now: i64) -> bool {
        let reserved = self.options.now().file_reserved_time;
        let (base, monotonic) = (file.base_phy_offset(), self.clock.monotonic());
        if !self.retention.lock().ages.is_complete_for(base, reserved, monotonic) {
            return false;
        }
        let Some(newest_record) = self.log.store_time(next.base_phy_offset()) else { return false };
        match self.fs.modified_millis(file.path()) {
            Ok(modified) => is_expired(now, reserved, newest_record, modified),
            Err(error) => {
                tracing::error!(file = %file.path().display(), %error, "age of a commit log file is unknown");
                false
            }
        }
    }

    /// Removes what queues and index hold of deleted files.
    fn trim(&self) {
        let min_phy_offset = self.log.min_phy_offset();
        if self.retention.lock().trimmed_below == Some(min_phy_offset) {
            return;
        }
        let mut is_trimmed = true;
        let queues = self.queues.correct_min(min_phy_offset);
        if let Err(error) = queues.and_then(|()| self.queues.delete_files_below(min_phy_offset)) {
            is_trimmed = false;
            tracing::error!(%error, "expired consume queue files not deleted");
        }
        if let Err(error) = self.trim_extensions() {
            is_trimmed = false;
            tracing::error!(%error, "expired extensions of consume queues not deleted");
        }
        if let Some(index) = &self.index
            && let Err(error) = index.delete_below(min_phy_offset)
        {
            is_trimmed = false;
            tracing::error!(%error, "expired index files not deleted");
        }
        if is_trimmed {
            self.retention.lock().trimmed_below = Some(min_phy_offset);
        }
    }

    /// Removes what only units of deleted files point to.
    fn trim_extensions(&self) -> io::Result<()> {
        for topic in self.queues.topics() {
            for queue_id in
                self.queues.queues(&topic).into_iter().filter(|id| self.extensions.has(&topic, *id))
            {
                let Some(queue) = self.queue(&topic, queue_id) else { continue };
                if let Some(first) = queue.unit_at(queue.min_queue_offset())? {
                    self.extensions.delete_files_below(&topic, queue_id, &first)?;
                }
            }
        }
        Ok(())
    }
}
