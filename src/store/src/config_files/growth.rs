//! Contents that grow at their end: a table with one entry more costs what the entry is long, not what the table is.
//!
//! ```text
//! before   { "topicConfigTable":{ A, B        }, "dataVersion":{1} }
//! after    { "topicConfigTable":{ A, B ,C     }, "dataVersion":{2} }
//!                                      added  end
//! ```
//!
//! What has grown is padded to whole pages, so that what comes next finds room in the file: that is durable at once, where a
//! file that becomes longer has to have its new length on the disk, too.
//!
//! Invariants: a content grows in place only while its backup is, durably, a copy of it; the backup follows afterwards
//! ([`ConfigFiles::settle`]), and before the file is touched again. So whatever a kill or a power cut leaves half
//! written, the other one is whole and has all that was saved: RocketMQ, too, loads the backup of a file it cannot
//! parse.

use std::{io, path::Path};

use crc32fast::Hasher;

use super::{ConfigFileError, ConfigFiles, Known, backup_name, failed};
use crate::fs::OpenMode;

/// What stands behind a content up to the end of its last page; JSON may end with it.
pub(super) const PADDING: u8 = b' ';
const PAGE_BYTES: u64 = 4096;

/// What becomes of a content: the same up to its end, then something more and a new end.
#[derive(Clone, Copy, Debug)]
pub struct Growth<'a> {
    /// Its present end, which is replaced.
    pub old_end: &'a str,
    /// What comes in its place, and stays when the content grows again.
    pub added: &'a str,
    /// The end after that.
    pub new_end: &'a str,
}

/// The part of a content that stays, in a file and in its backup.
#[derive(Clone, Debug)]
pub(super) struct Mirrored {
    kept: Hasher,
    kept_bytes: u64,
    /// What the backup lacks.
    missing: Option<End>,
}

/// What becomes of the end of one file.
#[derive(Clone, Debug)]
struct End {
    /// Where it begins.
    offset: u64,
    old: String,
    new: String,
}

impl Mirrored {
    fn of(kept: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(kept);
        Self { kept: hasher, kept_bytes: kept.len() as u64, missing: None }
    }

    fn end(&self, growth: &Growth<'_>) -> End {
        let new = [growth.added, growth.new_end].concat();
        End { offset: self.kept_bytes, old: growth.old_end.to_owned(), new }
    }

    /// The whole content when `growth` has happened to the file.
    fn grown(mut self, growth: &Growth<'_>) -> Known {
        self.missing = Some(self.end(growth));
        self.kept.update(growth.added.as_bytes());
        self.kept_bytes += growth.added.len() as u64;
        let mut whole = self.kept.clone();
        whole.update(growth.new_end.as_bytes());
        Known { checksum: whole.finalize(), mirrored: Some(self) }
    }
}

impl ConfigFiles {
    /// Lets what was saved last grow at its end, durably. Answers whether it did: where the content is another than
    /// expected, or an older one has to be kept now, the whole is the caller's to save.
    ///
    /// # Errors
    /// When it cannot be written: what was saved last can be loaded still.
    pub fn grow(&self, name: &str, growth: &Growth<'_>) -> Result<bool, ConfigFileError> {
        let path = self.dir.join(name);
        let mut known = self.known.lock();
        if growth.added.len() + growth.new_end.len() < growth.old_end.len() || self.is_generation_due(name) {
            return Ok(false);
        }
        // Until this is done nothing is known of the file.
        let Some(present) = known.remove(name) else { return Ok(false) };
        let settled = match present.mirrored {
            Some(mirrored) => self.settled(name, mirrored)?,
            None => self.mirror(name, present.checksum, growth.old_end).map_err(failed(&path))?,
        };
        let Some(mirrored) = settled else { return Ok(false) };
        if !self.write_end(&path, &mirrored.end(growth)).map_err(failed(&path))? {
            return Ok(false);
        }
        known.insert(name.to_owned(), mirrored.grown(growth));
        Ok(true)
    }

    /// Lets the backup of what has grown follow, durably. What grows again waits for this, so it is best done while
    /// nobody waits.
    ///
    /// # Errors
    /// When it cannot be written: the next growth makes another backup, or is none.
    pub fn settle(&self, name: &str) -> Result<(), ConfigFileError> {
        let mut known = self.known.lock();
        let Some(present) = known.get_mut(name) else { return Ok(()) };
        if let Some(mirrored) = present.mirrored.take() {
            present.mirrored = self.settled(name, mirrored)?;
        }
        Ok(())
    }

    /// Writes what the backup lacks; `None` when it is another than expected.
    fn settled(&self, name: &str, mut mirrored: Mirrored) -> Result<Option<Mirrored>, ConfigFileError> {
        if let Some(end) = mirrored.missing.take() {
            let backup = self.dir.join(backup_name(name));
            if !self.write_end(&backup, &end).map_err(failed(&backup))? {
                return Ok(None);
            }
        }
        Ok(Some(mirrored))
    }

    /// Makes the backup a copy of a file that holds what is expected, with that end; `None` when it does not.
    fn mirror(&self, name: &str, checksum: u32, end: &str) -> io::Result<Option<Mirrored>> {
        let Some(content) = self.read(&self.dir.join(name))? else { return Ok(None) };
        let kept = content.strip_suffix(end.as_bytes()).filter(|_| crc32fast::hash(&content) == checksum);
        let Some(kept) = kept else { return Ok(None) };
        let copy = self.write_temporary(name, &content)?;
        self.fs.rename(&copy, &self.dir.join(backup_name(name)))?;
        self.fs.sync_dir(&self.dir)?;
        Ok(Some(Mirrored::of(kept)))
    }

    /// Replaces the end of one file, unless it has another.
    fn write_end(&self, path: &Path, end: &End) -> io::Result<bool> {
        let file = match self.fs.open(path, OpenMode::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let file_bytes = file.len()?;
        let padding_bytes = file_bytes.checked_sub(end.offset + end.old.len() as u64);
        let Some(padding_bytes) = padding_bytes.filter(|bytes| *bytes < PAGE_BYTES) else { return Ok(false) };
        let mut present = vec![0; end.old.len() + padding_bytes as usize];
        file.read_exact_at(&mut present, end.offset)?;
        let padding = present.strip_prefix(end.old.as_bytes());
        if !padding.is_some_and(|padding| padding.iter().all(|byte| *byte == PADDING)) {
            return Ok(false);
        }
        let mut new = end.new.clone().into_bytes();
        let new_file_bytes = end.offset + new.len() as u64;
        if new_file_bytes > file_bytes {
            let padded_bytes = new_file_bytes.next_multiple_of(PAGE_BYTES) - end.offset;
            new.resize(padded_bytes as usize, PADDING);
        }
        file.write_all_at(&new, end.offset)?;
        file.sync_data()?;
        Ok(true)
    }
}
