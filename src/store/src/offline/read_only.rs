//! A file system that changes nothing.

use std::{io, path::Path, sync::Arc};

use crate::fs::{DirEntry, DiskUsage, FileSystem, OpenMode, StoreFile};

/// Another file system, for reading only: whatever would change it is refused, files to be created are
/// looked for, and files are opened so that they cannot be written.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) Arc<dyn FileSystem>);

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the store is only being read")
}

impl FileSystem for ReadOnly {
    fn open(&self, path: &Path, _mode: OpenMode) -> io::Result<Arc<dyn StoreFile>> {
        self.0.open(path, OpenMode::Read)
    }
    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.read_dir(path)
    }
    fn remove_file(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }
    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }
    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(refused())
    }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }
    fn exists(&self, path: &Path) -> bool {
        self.0.exists(path)
    }
    fn modified_millis(&self, path: &Path) -> io::Result<i64> {
        self.0.modified_millis(path)
    }
    fn disk_usage(&self, path: &Path) -> io::Result<DiskUsage> {
        self.0.disk_usage(path)
    }
}
