//! The directory of one queue as it stands on disk, for whoever examines a store without opening it: a queue
//! may be read here that could not be loaded, and nothing is ever changed.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    OpenError, UNIT_BYTES, Unit,
    files::{file_name, units_per_file},
    load::list_files,
};
use crate::{
    fs::{FileSystem, OpenMode},
    recovery::files::read_up_to,
};

/// Units read in one system call.
const RUN_UNITS: usize = 3_200;

/// One queue's directory.
pub(crate) struct QueueDir<'a> {
    fs: &'a dyn FileSystem,
    path: PathBuf,
    units_per_file: i64,
}

/// A file of a queue as its directory lists it.
#[derive(Clone, Debug)]
pub(crate) struct QueueDirFile {
    pub(crate) path: PathBuf,
    /// Queue offset of its first unit.
    pub(crate) base: i64,
    pub(crate) len_bytes: u64,
    /// Whether its name is where a file of the configured length can begin.
    pub(crate) is_aligned: bool,
}

impl<'a> QueueDir<'a> {
    /// The directory of a queue below `root`, the `consumequeue` directory.
    pub(crate) fn new(
        fs: &'a dyn FileSystem,
        root: &Path,
        topic: &str,
        queue_id: i32,
        file_size_bytes: u64,
    ) -> Self {
        let path = root.join(topic).join(queue_id.to_string());
        Self { fs, path, units_per_file: units_per_file(file_size_bytes) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of a whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.units_per_file as u64 * UNIT_BYTES as u64
    }

    /// The files in their order.
    pub(crate) fn files(&self) -> Result<Vec<QueueDirFile>, OpenError> {
        let found = list_files(self.fs, &self.path)?;
        let files = found.into_iter().map(|file| QueueDirFile {
            path: self.path.join(format!("{:020}", file.start_bytes)),
            base: i64::try_from(file.start_bytes / UNIT_BYTES as u64).unwrap_or(i64::MAX),
            len_bytes: file.len_bytes,
            is_aligned: file.start_bytes.is_multiple_of(self.file_bytes()),
        });
        Ok(files.collect())
    }

    /// The file a place is in, and the position of its unit there.
    pub(crate) fn locate(&self, queue_offset: i64) -> (PathBuf, u64) {
        let within = queue_offset.rem_euclid(self.units_per_file);
        (self.path.join(file_name(queue_offset - within)), within as u64 * UNIT_BYTES as u64)
    }

    /// The units of `count` places from `from` on; zeros where nothing was written or no file is.
    pub(crate) fn read(&self, from: i64, count: usize) -> io::Result<Vec<Unit>> {
        let mut bytes = vec![0; count * UNIT_BYTES];
        let mut done = 0;
        while done < count {
            let next = from + done as i64;
            let (path, position) = self.locate(next);
            let in_file = (self.units_per_file - next.rem_euclid(self.units_per_file)) as usize;
            let run = in_file.min(count - done);
            match self.fs.open(&path, OpenMode::Read) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => {
                    let target = bytes.get_mut(done * UNIT_BYTES..(done + run) * UNIT_BYTES);
                    read_up_to(&*outcome?, target.unwrap_or_default(), position)?;
                }
            }
            done += run;
        }
        Ok(Unit::decode_all(&bytes).collect())
    }

    /// Calls `visit` for every place of a file that was ever written, in their order, until it says no. Holes
    /// are passed over without reading them.
    pub(crate) fn walk(
        &self,
        file: &QueueDirFile,
        mut visit: impl FnMut(i64, Unit) -> bool,
    ) -> io::Result<()> {
        let handle = self.fs.open(&file.path, OpenMode::Read)?;
        let mut buffer = vec![0; RUN_UNITS * UNIT_BYTES];
        let mut position = 0;
        while let Some(data) = handle.next_data(position)? {
            // A unit may begin in a hole: then the file system gave its first bytes no block.
            position = position.max(data - data % UNIT_BYTES as u64);
            let hole = handle.next_hole(data)?;
            while position < hole {
                let want =
                    usize::try_from(hole - position).unwrap_or(usize::MAX).next_multiple_of(UNIT_BYTES);
                let run = buffer.len().min(want);
                let got = read_up_to(&*handle, buffer.get_mut(..run).unwrap_or_default(), position)?;
                let units = Unit::decode_all(buffer.get(..got).unwrap_or_default());
                let first = file.base + (position / UNIT_BYTES as u64) as i64;
                for (queue_offset, unit) in (first..).zip(units) {
                    let is_zero = unit == Unit { phy_offset: 0, size_bytes: 0, tags_code: 0 };
                    if !is_zero && !visit(queue_offset, unit) {
                        return Ok(());
                    }
                }
                if got < UNIT_BYTES {
                    return Ok(());
                }
                position += (got - got % UNIT_BYTES) as u64;
            }
        }
        Ok(())
    }
}
