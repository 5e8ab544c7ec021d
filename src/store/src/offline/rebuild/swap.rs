//! Replacing a directory by one built beside it.
//!
//! ```text
//! <name>        what brokers use: complete at every moment
//! <name>.new    being built, or the former content just after the exchange
//! <name>.old    the former content, until the work is done
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use super::super::OfflineError;
use crate::fs::FileSystem;

/// One directory of a store that is being replaced.
pub(super) struct Swap<'a> {
    fs: &'a dyn FileSystem,
    root: &'a Path,
    live: PathBuf,
    fresh: PathBuf,
    backup: PathBuf,
}

impl<'a> Swap<'a> {
    /// The directory `name` below `root`. What an interrupted run left behind is put in order.
    pub(super) fn begin(fs: &'a dyn FileSystem, root: &'a Path, name: &str) -> Result<Self, OfflineError> {
        let beside = |suffix: &str| root.join(format!("{name}{suffix}"));
        let swap = Self { fs, root, live: root.join(name), fresh: beside(".new"), backup: beside(".old") };
        if fs.exists(&swap.backup) && !fs.exists(&swap.live) {
            swap.rename(&swap.backup, &swap.live)?;
            swap.sync()?;
        }
        // With the real one there, neither is needed.
        swap.remove(&swap.fresh)?;
        swap.remove(&swap.backup)?;
        Ok(swap)
    }

    /// Where to build.
    pub(super) fn fresh(&self) -> &Path {
        &self.fresh
    }

    /// Removes what was built, after a failure that is reported by whoever met it.
    pub(super) fn abandon(&self) {
        if let Err(error) = self.remove(&self.fresh) {
            tracing::warn!(dir = %self.fresh.display(), %error, "half built directory not removed");
        }
    }

    /// Puts the new directory, which must be durable, in the place of the old one.
    pub(super) fn exchange(&self) -> Result<(), OfflineError> {
        self.fs.create_dir_all(&self.fresh).map_err(OfflineError::io(&self.fresh))?;
        self.sync()?;
        if !self.fs.exists(&self.live) {
            self.rename(&self.fresh, &self.live)?;
            return self.sync();
        }
        match self.fs.exchange(&self.fresh, &self.live) {
            Ok(()) => self.rename(&self.fresh, &self.backup)?,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                // For a moment there is no such directory: the next run finds the old one and puts it back.
                self.rename(&self.live, &self.backup)?;
                self.rename(&self.fresh, &self.live)?;
            }
            Err(error) => return Err(OfflineError::io(&self.live)(error)),
        }
        self.sync()
    }

    /// Removes the former content.
    pub(super) fn finish(&self) -> Result<(), OfflineError> {
        self.remove(&self.backup)?;
        self.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), OfflineError> {
        self.fs.rename(from, to).map_err(OfflineError::io(from))
    }

    fn sync(&self) -> Result<(), OfflineError> {
        self.fs.sync_dir(self.root).map_err(OfflineError::io(self.root))
    }

    /// Removes a directory with all that is in it; an absent one is fine.
    fn remove(&self, dir: &Path) -> Result<(), OfflineError> {
        if !self.fs.exists(dir) {
            return Ok(());
        }
        for entry in self.fs.read_dir(dir).map_err(OfflineError::io(dir))? {
            let path = dir.join(&entry.name);
            if entry.is_dir {
                self.remove(&path)?;
            } else {
                self.fs.remove_file(&path).map_err(OfflineError::io(&path))?;
            }
        }
        self.fs.remove_dir(dir).map_err(OfflineError::io(dir))
    }
}
