//! Who may work on the store directory, and whether the last one left in order.
//!
//! Two locks are taken before anything is read: one on the directory itself, which keeps out every other
//! opener of ours, and RocketMQ's own on the file `lock`, which keeps out a Java broker. The file `abort`
//! holds the process id while the store is open; finding it at the start means the last run did not end.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    error::OpenError,
    fs::{FileSystem, LockAttempt, LockScope, OpenMode, StoreFile},
};

/// The right to work on a store directory, until dropped.
#[derive(Debug)]
pub struct StoreLock {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    abort_path: PathBuf,
    dirs: Vec<Arc<dyn StoreFile>>,
    _lock: Arc<dyn StoreFile>,
}

/// The file that is there while a broker runs.
const ABORT: &str = "abort";

/// Keeps brokers off a store directory that is only read, until dropped. Taking it creates and changes
/// nothing.
#[derive(Debug)]
pub(crate) struct ReadingLock {
    _dir: Arc<dyn StoreFile>,
    _lock: Option<Arc<dyn StoreFile>>,
}

impl ReadingLock {
    /// Takes the locks that can be taken without making a file, or says who has them.
    pub(crate) fn acquire(fs: &dyn FileSystem, root: &Path) -> Result<Self, OpenError> {
        let dir = lock_dir(fs, root)?;
        let lock_path = root.join("lock");
        let lock = match fs.open(&lock_path, OpenMode::ReadWrite) {
            // No broker has been here, or none can be on a mount that is read-only.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ReadOnlyFilesystem) => None,
            outcome => Some(outcome.map_err(OpenError::io(&lock_path))?),
        };
        if let Some(lock) = &lock {
            lock_file(fs, root, &**lock)?;
        }
        Ok(Self { _dir: dir, _lock: lock })
    }
}

/// How the last run ended, without beginning another; the process id it left when it did not end.
pub(crate) fn last_exit(fs: &dyn FileSystem, root: &Path) -> (LastExit, Option<i32>) {
    let abort_path = root.join(ABORT);
    let exit = if fs.exists(&abort_path) { LastExit::Unclean } else { LastExit::Clean };
    (exit, read_pid(fs, &abort_path))
}

fn lock_dir(fs: &dyn FileSystem, root: &Path) -> Result<Arc<dyn StoreFile>, OpenError> {
    let dir = fs.open(root, OpenMode::Read).map_err(OpenError::io(root))?;
    match dir.try_lock(LockScope::Handle).map_err(OpenError::io(root))? {
        LockAttempt::Acquired => Ok(dir),
        LockAttempt::HeldBy(_) => {
            Err(OpenError::InUse { path: root.into(), pid: read_pid(fs, &root.join(ABORT)) })
        }
    }
}

fn lock_file(fs: &dyn FileSystem, root: &Path, lock: &dyn StoreFile) -> Result<(), OpenError> {
    match lock.try_lock(LockScope::Process).map_err(OpenError::io(root.join("lock")))? {
        LockAttempt::Acquired => Ok(()),
        LockAttempt::HeldBy(pid) => {
            let pid = pid.or_else(|| read_pid(fs, &root.join(ABORT)));
            Err(OpenError::InUse { path: root.into(), pid })
        }
    }
}

/// How the last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastExit {
    /// In order.
    Clean,
    /// It did not.
    Unclean,
}

impl StoreLock {
    /// Takes both locks, or says who has them. The directory is made when absent.
    pub fn acquire(fs: Arc<dyn FileSystem>, root: &Path) -> Result<Self, OpenError> {
        fs.create_dir_all(root).map_err(OpenError::io(root))?;
        let dir = lock_dir(&*fs, root)?;
        let lock_path = root.join("lock");
        let lock = fs.open(&lock_path, OpenMode::Create).map_err(OpenError::io(&lock_path))?;
        lock_file(&*fs, root, &*lock)?;
        lock.write_all_at(b"lock", 0).map_err(OpenError::io(&lock_path))?;
        Ok(Self { fs, root: root.into(), abort_path: root.join(ABORT), dirs: vec![dir], _lock: lock })
    }

    /// Takes a further directory too: the CommitLog need not lie below the root, and could be another store's.
    pub fn extend_to(&mut self, path: &Path) -> Result<(), OpenError> {
        self.make_dir(path)?;
        let dir = lock_dir(&*self.fs, path)?;
        self.dirs.push(dir);
        Ok(())
    }

    /// Makes a directory of the store, durably: what it is to hold may be acknowledged before the root is synced again.
    pub fn make_dir(&self, path: &Path) -> Result<(), OpenError> {
        self.fs.create_dir_all(path).map_err(OpenError::io(path))?;
        path.parent().map_or(Ok(()), |parent| self.fs.sync_dir(parent)).map_err(OpenError::io(path))
    }

    /// How the last run ended; from now on this one counts as not ended.
    pub fn begin_run(&self) -> Result<LastExit, OpenError> {
        let last_exit = if self.fs.exists(&self.abort_path) { LastExit::Unclean } else { LastExit::Clean };
        let written = (|| {
            let file = self.fs.open(&self.abort_path, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(std::process::id().to_string().as_bytes(), 0)?;
            file.sync_all()?;
            self.fs.sync_dir(&self.root)
        })();
        written.map_err(OpenError::io(&self.abort_path))?;
        Ok(last_exit)
    }

    /// The run ended in order.
    pub fn end_run(&self) -> std::io::Result<()> {
        self.fs.remove_file(&self.abort_path)?;
        self.fs.sync_dir(&self.root)
    }

    /// Where the abort file is.
    pub fn abort_path(&self) -> &Path {
        &self.abort_path
    }
}

fn read_pid(fs: &dyn FileSystem, abort_path: &Path) -> Option<i32> {
    let file = fs.open(abort_path, OpenMode::Read).ok()?;
    let mut text = [0; 16];
    let len = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(text.get(..len)?).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    #[test]
    fn a_second_opener_is_refused_and_told_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let first = StoreLock::acquire(Arc::new(OsFileSystem), dir.path()).unwrap();
        assert_eq!(first.begin_run().unwrap(), LastExit::Clean);
        let Err(OpenError::InUse { pid, .. }) = StoreLock::acquire(Arc::new(OsFileSystem), dir.path()) else {
            panic!("locked twice");
        };
        assert_eq!(pid, i32::try_from(std::process::id()).ok());
        drop(first);
        let second = StoreLock::acquire(Arc::new(OsFileSystem), dir.path()).unwrap();
        assert_eq!(second.begin_run().unwrap(), LastExit::Unclean);
        second.end_run().unwrap();
        assert_eq!(second.begin_run().unwrap(), LastExit::Clean);
    }

    #[test]
    fn two_stores_do_not_share_a_commit_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let acquire = |root| StoreLock::acquire(Arc::new(OsFileSystem), &dir.path().join(root)).unwrap();
        let (mut first, mut second) = (acquire("one"), acquire("other"));
        first.extend_to(&log).unwrap();
        assert!(matches!(second.extend_to(&log), Err(OpenError::InUse { .. })));
        drop(first);
        second.extend_to(&log).unwrap();
    }
}
