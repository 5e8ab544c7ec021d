//! The file-system interface under the store: everything that reads or writes below the store root asks
//! a [`FileSystem`], so that tests can put failing disks, torn writes and full mounts in its place.
//!
//! Invariant: nothing here retries or hides an error; what a call reports as done is done as far as the
//! operating system promises it.

mod mount;

use std::{
    fmt::Debug,
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use memmap2::{MmapOptions, MmapRaw};
use rustix::{
    fs::{FallocateFlags, FlockOperation},
    io::ReadWriteFlags,
};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Read only; the file must exist. Also opens a directory, to lock it.
    Read,
    /// Read and write; the file must exist.
    ReadWrite,
    /// Read and write; an absent file is created empty.
    Create,
    /// The same; a file that is created is for its owner's eyes alone.
    CreatePrivate,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name alone, without the directory. Names that are not UTF-8 are not listed.
    pub name: String,
    /// Length in bytes; 0 for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// How full a mount is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Size of the mount.
    pub total_bytes: u64,
    /// Bytes nobody uses, the administrator's reserve included.
    pub free_bytes: u64,
    /// Bytes this process may still write.
    pub available_bytes: u64,
}

impl DiskUsage {
    /// The used part of the mount in whole percent, rounded up, of what an ordinary process may use: as
    /// `df` and RocketMQ count. 0 when the mount reports no size.
    pub fn used_percent(&self) -> u32 {
        let used = u128::from(self.total_bytes.saturating_sub(self.free_bytes));
        let usable = used + u128::from(self.available_bytes);
        if usable == 0 {
            return 0;
        }
        u32::try_from((used * 100).div_ceil(usable)).unwrap_or(100)
    }
}

/// Whose lock excludes whom, for [`StoreFile::try_lock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockScope {
    /// A POSIX record lock, which Java's `FileChannel.tryLock` takes too. It excludes other processes only,
    /// and **any** close of the same file in this process drops it.
    Process,
    /// A lock of this open file (`flock`): it excludes other opens in this process as well.
    Handle,
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It may.
    MayWait,
    /// It has to answer from memory, or that it would block.
    CachedOnly,
}

/// What became of an attempt to lock a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockAttempt {
    /// The lock is held until the file is closed.
    Acquired,
    /// Somebody else holds it: their process id, where the system tells.
    HeldBy(Option<i32>),
}

/// The directories and files the store works on.
pub trait FileSystem: Send + Sync + Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StoreFile>>;
    /// Creates a directory and its parents; existing ones are fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Lists a directory in no particular order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Lets two existing paths change places, in one step that a crash cannot divide; `Unsupported` where the
    /// file system cannot.
    fn exchange(&self, _left: &Path, _right: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Makes the entries of a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes all that was written on the mount of `path` durable, files and directories, whoever wrote it; `Unsupported`
    /// where that is not promised.
    fn sync_mount(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Whether the path exists.
    fn exists(&self, path: &Path) -> bool;
    /// When the file was last modified, in milliseconds since the Unix epoch.
    fn modified_millis(&self, path: &Path) -> io::Result<i64>;
    /// How full the mount of `path` is.
    fn disk_usage(&self, path: &Path) -> io::Result<DiskUsage>;
    /// The mount a path is on, by its directory; the path itself where nobody can tell.
    fn mount_point(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// One open file.
pub trait StoreFile: Send + Sync + Debug {
    /// Reads at `position` into `buffer`; answers how many bytes, 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// As [`Self::read_at`], but does not wait for the disk: [`io::ErrorKind::WouldBlock`] when the first byte is
    /// not in memory. Where nobody can tell, it waits.
    fn read_cached_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(buffer, position)
    }
    /// Writes all of `bytes` at `position`, growing the file where it must.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Cuts or (sparsely) grows the file.
    fn set_len(&self, len_bytes: u64) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Allocates the blocks of a range **nothing has been written to**, without changing the length, so that
    /// later writes there cannot fail for want of space. Where the file system cannot, zeros are written.
    fn reserve(&self, range: Range<u64>) -> io::Result<()>;
    /// Writes zeros to a range **nothing has been written to**, so that its pages are in memory, and in large pieces:
    /// a page that a mapping faults in costs several times as much.
    fn clear(&self, range: Range<u64>) -> io::Result<()> {
        let mut position = range.start;
        while position < range.end {
            let piece_end = (position + 1).next_multiple_of(CLEARED_PIECE_BYTES as u64);
            let count = (piece_end.min(range.end) - position) as usize;
            self.write_all_at(ZEROS.get(..count).unwrap_or(&ZEROS), position)?;
            position += count as u64;
        }
        Ok(())
    }

    /// The first position at or after `position` that may hold something other than zeros; `None` when only a
    /// hole follows.
    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        Ok((position < self.len()?).then_some(position))
    }

    /// The first position at or after `position` where a hole begins, the end of the file at the latest.
    fn next_hole(&self, position: u64) -> io::Result<u64> {
        Ok(self.len()?.max(position))
    }

    /// Makes the content durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes content and metadata durable.
    fn sync_all(&self) -> io::Result<()>;
    /// Maps the first `len_bytes` read-only.
    fn map_read(&self, len_bytes: usize) -> io::Result<MmapRaw>;
    /// Maps the first `len_bytes` shared and writable.
    fn map_write(&self, len_bytes: usize) -> io::Result<MmapRaw>;
    /// Tries to lock the file exclusively, without waiting.
    fn try_lock(&self, scope: LockScope) -> io::Result<LockAttempt>;

    /// Fills `buffer` from `position`; an early end of the file is an error.
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.read_exact(Disk::MayWait, buffer, position)
    }

    /// As [`Self::read_exact_at`], waiting for the disk or not.
    fn read_exact(&self, disk: Disk, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = position + done as u64;
            let read = match disk {
                Disk::MayWait => self.read_at(rest, at),
                Disk::CachedOnly => self.read_cached_at(rest, at),
            };
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StoreFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::CreatePrivate => {
                options.write(true).create(true).truncate(false).mode(0o600);
            }
        }
        Ok(Arc::new(OsFile { file: options.open(path)? }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // The entry's own type costs no system call; lengths are asked for files only.
            let is_dir = entry.file_type()?.is_dir();
            let len = if is_dir { 0 } else { entry.metadata()?.len() };
            entries.push(DirEntry { name, len, is_dir });
        }
        Ok(entries)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, left: &Path, right: &Path) -> io::Result<()> {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, left, CWD, right, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            outcome => Ok(outcome?),
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_mount(&self, path: &Path) -> io::Result<()> {
        mount::sync(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn modified_millis(&self, path: &Path) -> io::Result<i64> {
        let modified = fs::metadata(path)?.modified()?;
        let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn disk_usage(&self, path: &Path) -> io::Result<DiskUsage> {
        let mount = rustix::fs::statvfs(path)?;
        Ok(DiskUsage {
            total_bytes: mount.f_blocks.saturating_mul(mount.f_frsize),
            free_bytes: mount.f_bfree.saturating_mul(mount.f_frsize),
            available_bytes: mount.f_bavail.saturating_mul(mount.f_frsize),
        })
    }

    fn mount_point(&self, path: &Path) -> PathBuf {
        mount::point(path)
    }
}

#[derive(Debug)]
struct OsFile {
    file: File,
}

/// Zeros are written in pieces of this size that begin at a multiple of it: the kernel keeps each as one large page, and
/// takes two thirds of the time it does with pieces that begin anywhere. Larger pages are hard to find in memory that is
/// full of files.
pub(crate) const CLEARED_PIECE_BYTES: usize = 64 * 1024;

static ZEROS: [u8; CLEARED_PIECE_BYTES] = [0; CLEARED_PIECE_BYTES];

impl StoreFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn read_cached_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.file, &mut buffers, position, ReadWriteFlags::NOWAIT) {
            // Not every file system can tell; a file system in memory has no need to.
            Err(error) if unsupported(error) => self.file.read_at(buffer, position),
            outcome => Ok(outcome?),
        }
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.file.set_len(len_bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let len = range.end - range.start;
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, range.start, len) {
            Err(error) if unsupported(error) => self.clear(range),
            outcome => Ok(outcome?),
        }
    }

    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        use rustix::{fs::SeekFrom, io::Errno};
        match rustix::fs::seek(&self.file, SeekFrom::Data(position)) {
            Ok(at) => Ok(Some(at)),
            Err(Errno::NXIO) => Ok(None),
            // No holes are known here: anything may be data.
            Err(Errno::INVAL) => Ok((position < self.len()?).then_some(position)),
            Err(error) => Err(error.into()),
        }
    }

    fn next_hole(&self, position: u64) -> io::Result<u64> {
        use rustix::{fs::SeekFrom, io::Errno};
        match rustix::fs::seek(&self.file, SeekFrom::Hole(position)) {
            Ok(at) => Ok(at),
            Err(Errno::NXIO | Errno::INVAL) => self.len(),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn map_read(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        MmapOptions::new().len(len_bytes).map_raw_read_only(&self.file)
    }

    fn map_write(&self, len_bytes: usize) -> io::Result<MmapRaw> {
        MmapOptions::new().len(len_bytes).map_raw(&self.file)
    }

    fn try_lock(&self, scope: LockScope) -> io::Result<LockAttempt> {
        let operation = FlockOperation::NonBlockingLockExclusive;
        let outcome = match scope {
            LockScope::Process => rustix::fs::fcntl_lock(&self.file, operation),
            LockScope::Handle => rustix::fs::flock(&self.file, operation),
        };
        match outcome {
            Ok(()) => Ok(LockAttempt::Acquired),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::ACCESS) => {
                Ok(LockAttempt::HeldBy(match scope {
                    LockScope::Process => lock_holder(&self.file),
                    LockScope::Handle => None,
                }))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn unsupported(error: rustix::io::Errno) -> bool {
    error == rustix::io::Errno::OPNOTSUPP || error == rustix::io::Errno::NOSYS
}

fn lock_holder(file: &File) -> Option<i32> {
    let wanted = rustix::process::Flock::from(rustix::process::FlockType::WriteLock);
    let held = rustix::process::fcntl_getlk(file, &wanted).ok()??;
    held.pid.map(rustix::process::Pid::as_raw_pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_range_keeps_the_length_and_takes_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsFileSystem.open(&dir.path().join("f"), OpenMode::Create).unwrap();
        file.set_len(1 << 20).unwrap();
        file.reserve(0..1 << 16).unwrap();
        assert_eq!(file.len().unwrap(), 1 << 20);
        let mut byte = [1; 1];
        file.read_exact_at(&mut byte, 100).unwrap();
        assert_eq!(byte, [0]);
    }

    #[test]
    fn a_short_file_is_an_early_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsFileSystem.open(&dir.path().join("f"), OpenMode::Create).unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(file.read_exact_at(&mut buffer, 0).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn data_and_holes_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsFileSystem.open(&dir.path().join("f"), OpenMode::Create).unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(b"x", 500_000).unwrap();
        let data = file.next_data(0).unwrap().unwrap();
        assert!(data <= 500_000);
        assert!(file.next_hole(500_000).unwrap() > 500_000);
        file.set_len(100).unwrap();
        assert_eq!(file.next_data(200).unwrap(), None);
    }

    #[test]
    fn a_directory_lock_excludes_a_second_open() {
        let dir = tempfile::tempdir().unwrap();
        let first = OsFileSystem.open(dir.path(), OpenMode::Read).unwrap();
        let second = OsFileSystem.open(dir.path(), OpenMode::Read).unwrap();
        assert_eq!(first.try_lock(LockScope::Handle).unwrap(), LockAttempt::Acquired);
        assert_eq!(second.try_lock(LockScope::Handle).unwrap(), LockAttempt::HeldBy(None));
        drop(first);
        assert_eq!(second.try_lock(LockScope::Handle).unwrap(), LockAttempt::Acquired);
    }

    #[test]
    fn usage_is_counted_as_df_does() {
        let usage = DiskUsage { total_bytes: 1_000, free_bytes: 300, available_bytes: 250 };
        assert_eq!(usage.used_percent(), 74);
        assert_eq!(DiskUsage { total_bytes: 0, free_bytes: 0, available_bytes: 0 }.used_percent(), 0);
    }
}
