//! The directory of one queue as it stands on disk, for whoever examines a store without opening it: a queue
//! may be read here that could not be loaded, and nothing is ever changed.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    BatchUnit, OpenError, QueueKind, QueuedUnit, Unit,
    batch_unit::{AtPlace, decode_all},
    kind::Layout,
    load::list_files,
};
use crate::{
    fs::{FileSystem, OpenMode},
    recovery::files::read_up_to,
};

/// Bytes read in one system call, less what does not make a unit.
const RUN_BYTES: usize = 64_000;

/// One queue's directory.
pub(crate) struct QueueDir<'a> {
    fs: &'a dyn FileSystem,
    path: PathBuf,
    layout: Layout,
}

/// A file of a queue as its directory lists it.
#[derive(Clone, Debug)]
pub(crate) struct QueueDirFile {
    pub(crate) path: PathBuf,
    /// Place of its first unit.
    pub(crate) base: i64,
    pub(crate) len_bytes: u64,
    /// Whether its name is where a file of the configured length can begin.
    pub(crate) is_aligned: bool,
}

impl<'a> QueueDir<'a> {
    /// The directory of a queue below `root`, the directory of its kind.
    pub(crate) fn new(
        fs: &'a dyn FileSystem,
        (kind, root): (QueueKind, &Path),
        (topic, queue_id): (&str, i32),
        file_size_bytes: u64,
    ) -> Self {
        let layout = Layout::new(kind, root.to_owned(), file_size_bytes);
        Self { fs, path: layout.queue_dir(topic, queue_id), layout }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of a whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.layout.file_bytes()
    }

    pub(crate) fn unit_bytes(&self) -> usize {
        self.layout.unit_bytes()
    }

    /// The files in their order.
    pub(crate) fn files(&self) -> Result<Vec<QueueDirFile>, OpenError> {
        let found = list_files(self.fs, &self.path)?;
        let files = found.into_iter().map(|file| QueueDirFile {
            path: self.path.join(format!("{:020}", file.start_bytes)),
            base: i64::try_from(file.start_bytes / self.unit_bytes() as u64).unwrap_or(i64::MAX),
            len_bytes: file.len_bytes,
            is_aligned: file.start_bytes.is_multiple_of(self.file_bytes()),
        });
        Ok(files.collect())
    }

    /// The file a place is in, and the position of its unit there.
    pub(crate) fn locate(&self, place: i64) -> (PathBuf, u64) {
        let base = self.layout.base_of(place);
        (self.path.join(self.layout.file_name(base)), (place - base) as u64 * self.unit_bytes() as u64)
    }

    /// The units of `count` places of a simple queue from `from` on; zeros where nothing was written or no file is.
    pub(crate) fn read(&self, from: i64, count: usize) -> io::Result<Vec<Unit>> {
        let (unit_bytes, units_per_file) = (self.unit_bytes(), self.layout.units_per_file);
        let mut bytes = vec![0; count * unit_bytes];
        let mut done = 0;
        while done < count {
            let next = from + done as i64;
            let (path, position) = self.locate(next);
            let in_file = (units_per_file - next.rem_euclid(units_per_file)) as usize;
            let run = in_file.min(count - done);
            match self.fs.open(&path, OpenMode::Read) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => {
                    let target = bytes.get_mut(done * unit_bytes..(done + run) * unit_bytes);
                    read_up_to(&*outcome?, target.unwrap_or_default(), position)?;
                }
            }
            done += run;
        }
        Ok(decode_all(&bytes, unit_bytes).collect())
    }

    /// Calls `visit` for every place of a file that was ever written, in their order, until it says no. Holes
    /// are passed over without reading them.
    pub(crate) fn walk(
        &self,
        file: &QueueDirFile,
        mut visit: impl FnMut(i64, QueuedUnit) -> bool,
    ) -> io::Result<()> {
        match self.layout.kind {
            QueueKind::Simple => self.walk_places(file, |queue_offset, unit: Unit| {
                visit(queue_offset, QueuedUnit { unit, queue_offset, message_count: 1 })
            }),
            QueueKind::Batch => self.walk_places(file, |place, batch: BatchUnit| visit(place, batch.into())),
        }
    }

    fn walk_places<T: AtPlace>(
        &self,
        file: &QueueDirFile,
        mut visit: impl FnMut(i64, T) -> bool,
    ) -> io::Result<()> {
        let unit_bytes = self.unit_bytes();
        let handle = self.fs.open(&file.path, OpenMode::Read)?;
        let mut buffer = vec![0; RUN_BYTES / unit_bytes * unit_bytes];
        let mut position = 0;
        while let Some(data) = handle.next_data(position)? {
            // A unit may begin in a hole: then the file system gave its first bytes no block.
            position = position.max(data - data % unit_bytes as u64);
            let hole = handle.next_hole(data)?;
            while position < hole {
                let want =
                    usize::try_from(hole - position).unwrap_or(usize::MAX).next_multiple_of(unit_bytes);
                let run = buffer.len().min(want);
                let got = read_up_to(&*handle, buffer.get_mut(..run).unwrap_or_default(), position)?;
                let places = buffer.get(..got).unwrap_or_default().chunks_exact(unit_bytes);
                let first = file.base + (position / unit_bytes as u64) as i64;
                for (place, bytes) in (first..).zip(places).filter(|(_, bytes)| bytes.iter().any(|b| *b != 0))
                {
                    if !T::decode(bytes).is_none_or(|unit| visit(place, unit)) {
                        return Ok(());
                    }
                }
                if got < unit_bytes {
                    return Ok(());
                }
                position += (got - got % unit_bytes) as u64;
            }
        }
        Ok(())
    }
}
