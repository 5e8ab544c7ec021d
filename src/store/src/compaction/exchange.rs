//! Exchanging compacted files for those they replace, so that a crash at any moment leaves the one or the other.
//!
//! ```text
//! compaction/rewriting/<topic>/<queue>/log/<base>      the new files, complete and on the disk ...
//!                                     /queue/<base>
//!                                     /decided         ... when this is there: what they replace, JSON
//! ```
//!
//! Without `decided` nothing has happened and the new files are garbage. With it they are moved up and the replaced
//! ones removed, as often as it takes. A Java broker looks at none of this.

use std::{io, path::Path};

use common::fastjson;
use serde::{Deserialize, Serialize};

use super::{
    layout::{DECIDED_NAME, Dirs, Layout},
    leftovers::remove_files,
    writer::make_dir,
};
use crate::{
    durable::{read_whole, write_whole},
    fs::FileSystem,
};

/// What is exchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    /// Names of the files that go.
    pub(super) replaced: Vec<String>,
    /// Names of the files that come.
    pub(super) written: Vec<String>,
    /// Up to which queue offset the queue is compacted then.
    pub(super) position: i64,
}

/// The exchange of one queue.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) fs: &'a dyn FileSystem,
    pub(super) layout: &'a Layout,
    pub(super) topic: &'a str,
    pub(super) queue_id: i32,
}

impl Exchange<'_> {
    /// Makes a decision durable: from now on it will be done.
    pub(super) fn decide(&self, decision: &Decision) -> io::Result<()> {
        let work = self.work_dir();
        make_dir(self.fs, self.layout.root(), &work)?;
        let temporary = work.join("decided.tmp");
        write_whole(self.fs, &temporary, serde_json::to_string(decision)?.as_bytes())?;
        self.fs.rename(&temporary, &work.join(DECIDED_NAME))?;
        self.fs.sync_dir(&work)
    }

    /// What was decided and is not done yet.
    pub(super) fn decided(&self) -> io::Result<Option<Decision>> {
        let Some(content) = read_whole(self.fs, &self.work_dir().join(DECIDED_NAME))? else {
            return Ok(None);
        };
        let text = str::from_utf8(&content).map_err(io::Error::other)?;
        fastjson::from_str(text).map(Some).map_err(|error| io::Error::other(error.to_string()))
    }

    /// Moves files to their places. Doing it again does no harm.
    pub(super) fn carry_out(&self, decision: &Decision) -> io::Result<()> {
        let work = self.layout.work_dirs(self.topic, self.queue_id);
        let dirs = self.layout.dirs(self.topic, self.queue_id);
        for (from, to) in work.both().into_iter().zip(dirs.both()) {
            make_dir(self.fs, self.layout.root(), to)?;
            for name in &decision.written {
                if self.fs.exists(&from.join(name)) {
                    self.fs.rename(&from.join(name), &to.join(name))?;
                }
            }
            self.fs.sync_dir(to)?;
        }
        let gone = || decision.replaced.iter().filter(|name| !decision.written.contains(name));
        for (dir, name) in dirs.both().into_iter().flat_map(|dir| gone().map(move |name| (dir, name))) {
            if self.fs.exists(&dir.join(name)) {
                self.fs.remove_file(&dir.join(name))?;
            }
        }
        dirs.both().into_iter().try_for_each(|dir| self.fs.sync_dir(dir))
    }

    /// Ends the exchange; without one whatever is there is removed.
    pub(super) fn clear(&self) -> io::Result<()> {
        let work = self.work_dir();
        if !self.fs.exists(&work) {
            return Ok(());
        }
        // First the decision, or it would be carried out over files that are there for good.
        if self.fs.exists(&work.join(DECIDED_NAME)) {
            self.fs.remove_file(&work.join(DECIDED_NAME))?;
            self.fs.sync_dir(&work)?;
        }
        let Dirs { log, queue } = self.layout.work_dirs(self.topic, self.queue_id);
        remove_files(self.fs, &log)?;
        remove_files(self.fs, &queue)?;
        remove_files(self.fs, &work)
    }

    fn work_dir(&self) -> std::path::PathBuf {
        self.layout.work_dir(self.topic, self.queue_id)
    }
}

/// Moves the files of a queue that are not its own out of the way.
pub(super) fn set_aside(fs: &dyn FileSystem, root: &Path, from: &Dirs, to: &Dirs) -> io::Result<()> {
    for (from, to) in from.both().into_iter().zip(to.both()) {
        if !fs.exists(from) {
            continue;
        }
        if let Some(parent) = to.parent() {
            make_dir(fs, root, parent)?;
            fs.rename(from, to)?;
            fs.sync_dir(parent)?;
        }
        from.parent().map_or(Ok(()), |parent| fs.sync_dir(parent))?;
    }
    Ok(())
}
