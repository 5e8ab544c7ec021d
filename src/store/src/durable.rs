//! Small files that are written as a whole.

use std::{io, path::Path};

use crate::fs::{FileSystem, OpenMode, StoreFile};

/// Makes a file hold `content` and nothing else, durably; its name is the caller's to make durable.
pub(crate) fn write_whole(fs: &dyn FileSystem, path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole_in(&*fs.open(path, OpenMode::Create)?, content)
}

/// As [`write_whole`], for the eyes of the owner alone.
pub(crate) fn write_private(fs: &dyn FileSystem, path: &Path, content: &[u8]) -> io::Result<()> {
    write_whole_in(&*fs.open(path, OpenMode::CreatePrivate)?, content)
}

fn write_whole_in(file: &dyn StoreFile, content: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(content, 0)?;
    file.sync_all()
}

/// Reads a whole file; `None` when there is none.
pub(crate) fn read_whole(fs: &dyn FileSystem, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match fs.open(path, OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome?,
    };
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut content = vec![0; len];
    file.read_exact_at(&mut content, 0)?;
    Ok(Some(content))
}
