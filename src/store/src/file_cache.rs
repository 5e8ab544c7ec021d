//! Open files of one kind, those of all `ConsumeQueue`s say: a bounded number, the least recently used closed first.
//!
//! Invariant: the cache itself never holds more than its limit; a handle somebody is using while it is
//! dropped here closes when they are done.

use std::{collections::HashMap, io, sync::Arc};

use parking_lot::Mutex;

use crate::fs::StoreFile;

/// Which file: the number of what it belongs to, and the offset of its first unit.
pub(crate) type FileKey = (u64, i64);

#[derive(Debug)]
pub(crate) struct FileCache {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: HashMap<FileKey, Cached>,
    uses: u64,
}

#[derive(Debug)]
struct Cached {
    file: Arc<dyn StoreFile>,
    last_use: u64,
}

/// What happens to a handle that is already here.
#[derive(Clone, Copy)]
enum Present {
    Stays,
    Goes,
}

impl FileCache {
    /// A cache of at most `limit` open files, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), inner: Mutex::default() }
    }

    /// How many files may be open here.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The open file, opened by `open` when it is not here. Two callers may open the same file at once.
    pub(crate) fn get_or_open(
        &self,
        key: FileKey,
        open: impl FnOnce() -> io::Result<Arc<dyn StoreFile>>,
    ) -> io::Result<Arc<dyn StoreFile>> {
        {
            let mut inner = self.inner.lock();
            inner.uses += 1;
            let now = inner.uses;
            if let Some(cached) = inner.files.get_mut(&key) {
                cached.last_use = now;
                return Ok(Arc::clone(&cached.file));
            }
        }
        let file = open()?;
        // Closing is a system call: it happens after the lock is released.
        let (kept, _closed) = self.insert(key, &file, Present::Stays);
        Ok(kept)
    }

    /// Takes in a file that was just created, in the place of whatever had its name before.
    pub(crate) fn replace(&self, key: FileKey, file: &Arc<dyn StoreFile>) {
        let _closed = self.insert(key, file, Present::Goes);
    }

    fn insert(
        &self,
        key: FileKey,
        file: &Arc<dyn StoreFile>,
        present: Present,
    ) -> (Arc<dyn StoreFile>, Option<Cached>) {
        let mut inner = self.inner.lock();
        if let (Present::Stays, Some(cached)) = (present, inner.files.get(&key)) {
            return (Arc::clone(&cached.file), None);
        }
        let mut evicted = None;
        if inner.files.len() >= self.limit && !inner.files.contains_key(&key) {
            let oldest = inner.files.iter().min_by_key(|(_, cached)| cached.last_use).map(|(key, _)| *key);
            evicted = oldest.and_then(|oldest| inner.files.remove(&oldest));
        }
        inner.uses += 1;
        let last_use = inner.uses;
        let replaced = inner.files.insert(key, Cached { file: Arc::clone(file), last_use });
        (Arc::clone(file), evicted.or(replaced))
    }

    /// Forgets a file that is about to be removed.
    pub(crate) fn remove(&self, key: FileKey) {
        let _closed = self.inner.lock().files.remove(&key);
    }

    /// How many files are open here.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().files.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{FileSystem, OpenMode, OsFileSystem};

    #[test]
    fn the_least_recently_used_file_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let opened = std::cell::Cell::new(0);
        let cache = FileCache::new(2);
        let get = |number: u64| {
            cache
                .get_or_open((number, 0), || {
                    opened.set(opened.get() + 1);
                    OsFileSystem.open(&dir.path().join(number.to_string()), OpenMode::Create)
                })
                .unwrap()
        };
        get(1);
        get(2);
        get(1);
        get(3);
        assert_eq!((opened.get(), cache.len()), (3, 2));
        get(1);
        assert_eq!(opened.get(), 3);
        get(2);
        assert_eq!((opened.get(), cache.len()), (4, 2));
        cache.remove((2, 0));
        assert_eq!(cache.len(), 1);
    }
}
