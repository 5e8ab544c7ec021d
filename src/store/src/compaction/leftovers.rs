//! What a Java broker leaves of a compaction it did not finish: it would not start on that itself.
//!
//! It renames the replaced log files to `<name>.delete`, moves the new ones up from `compacting/`, removes what it
//! renamed, and then does the same with the queue files. As long as there are log files in `compacting/` nothing was
//! removed, and all is undone; otherwise the rest is done. Queue files follow from the log files.

use std::{io, path::Path};

use super::layout::Dirs;
use crate::fs::FileSystem;

const COMPACTING_DIR_NAME: &str = "compacting";
const REPLACED_SUFFIX: &str = ".delete";

/// Undoes or completes an exchange of files.
pub(super) fn settle(fs: &dyn FileSystem, dirs: &Dirs) -> io::Result<()> {
    let compacting = dirs.log.join(COMPACTING_DIR_NAME);
    let is_undone = !names(fs, &compacting, |_| true)?.is_empty();
    for name in names(fs, &dirs.log, |name| name.ends_with(REPLACED_SUFFIX))? {
        let replaced = dirs.log.join(&name);
        tracing::warn!(file = %replaced.display(), is_undone, "compaction was interrupted");
        if is_undone {
            fs.rename(&replaced, &dirs.log.join(name.trim_end_matches(REPLACED_SUFFIX)))?;
        } else {
            fs.remove_file(&replaced)?;
        }
    }
    // Of queue files those are right that agree with the log, which is looked at when they are loaded.
    for name in names(fs, &dirs.queue, |name| name.ends_with(REPLACED_SUFFIX))? {
        fs.remove_file(&dirs.queue.join(name))?;
    }
    for dir in dirs.both() {
        if fs.exists(dir) {
            fs.sync_dir(dir)?;
        }
    }
    remove_files(fs, &compacting)?;
    remove_files(fs, &dirs.queue.join(COMPACTING_DIR_NAME))
}

/// The files of a directory with certain names; none where there is no directory.
fn names(fs: &dyn FileSystem, dir: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    if !fs.exists(dir) {
        return Ok(Vec::new());
    }
    let entries = fs.read_dir(dir)?.into_iter().filter(|entry| !entry.is_dir && is_wanted(&entry.name));
    Ok(entries.map(|entry| entry.name).collect())
}

/// Removes all files of a directory.
pub(super) fn remove_files(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    let names = names(fs, dir, |_| true)?;
    for name in &names {
        fs.remove_file(&dir.join(name))?;
    }
    if names.is_empty() { Ok(()) } else { fs.sync_dir(dir) }
}

/// Removes a directory and what is in it.
pub(super) fn remove_tree(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    if !fs.exists(dir) {
        return Ok(());
    }
    for entry in fs.read_dir(dir)? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_tree(fs, &path)?;
        } else {
            fs.remove_file(&path)?;
        }
    }
    fs.remove_dir(dir)?;
    dir.parent().map_or(Ok(()), |parent| fs.sync_dir(parent))
}
