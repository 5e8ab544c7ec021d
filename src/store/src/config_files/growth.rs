//! Contents that grow at their end: a table with one entry more costs what the entry is long, not what the table is.
//!
//! ```text
//! before   { "topicConfigTable":{ A, B        }, "dataVersion":{1} }
//! after    { "topicConfigTable":{ A, B ,C     }, "dataVersion":{2} }
//!                                      added  end
//! ```
//!
//! Invariants: a content grows in place only while its backup is a copy of it; the backup grows first, and durably,
//! before the file is touched. So whatever a kill or a power cut leaves half written, the other one is whole and has
//! all that was saved: RocketMQ, too, loads the backup of a file it cannot parse.

use std::{io, path::Path};

use crc32fast::Hasher;

use super::{ConfigFileError, ConfigFiles, Known, backup_name, failed, read_whole};
use crate::fs::OpenMode;

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
}

impl Mirrored {
    fn of(kept: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(kept);
        Self { kept: hasher, kept_bytes: kept.len() as u64 }
    }

    /// The whole content when `growth` has happened to it.
    fn grown(mut self, growth: &Growth<'_>) -> Known {
        self.kept.update(growth.added.as_bytes());
        self.kept_bytes += growth.added.len() as u64;
        let mut whole = self.kept.clone();
        whole.update(growth.new_end.as_bytes());
        Known { checksum: whole.finalize(), mirrored: Some(self) }
    }
}

impl ConfigFiles {
    /// Lets what was saved last grow at its end, durably. Answers whether it did: where the content is another than
    /// expected, or an older one has to be kept now, nothing is changed, and the whole is the caller's to save.
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
        let mirrored = match present.mirrored {
            Some(mirrored) => Some(mirrored),
            None => self.mirror(name, present.checksum, growth.old_end).map_err(failed(&path))?,
        };
        let Some(mirrored) = mirrored else { return Ok(false) };
        for file in [self.dir.join(backup_name(name)), path] {
            if !self.write_end(&file, mirrored.kept_bytes, growth).map_err(failed(&file))? {
                return Ok(false);
            }
        }
        known.insert(name.to_owned(), mirrored.grown(growth));
        Ok(true)
    }

    /// Makes the backup a copy of a file that holds what is expected, with that end; `None` when it does not.
    fn mirror(&self, name: &str, checksum: u32, end: &str) -> io::Result<Option<Mirrored>> {
        let Some(content) = read_whole(&*self.fs, &self.dir.join(name))? else { return Ok(None) };
        let kept = content.strip_suffix(end.as_bytes()).filter(|_| crc32fast::hash(&content) == checksum);
        let Some(kept) = kept else { return Ok(None) };
        let copy = self.write_temporary(name, &content)?;
        self.fs.rename(&copy, &self.dir.join(backup_name(name)))?;
        self.fs.sync_dir(&self.dir)?;
        Ok(Some(Mirrored::of(kept)))
    }

    /// Replaces the end of one file, unless it has another.
    fn write_end(&self, path: &Path, kept_bytes: u64, growth: &Growth<'_>) -> io::Result<bool> {
        let file = match self.fs.open(path, OpenMode::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let mut end = vec![0; growth.old_end.len()];
        if file.len()? != kept_bytes + end.len() as u64 {
            return Ok(false);
        }
        file.read_exact_at(&mut end, kept_bytes)?;
        if end != growth.old_end.as_bytes() {
            return Ok(false);
        }
        file.write_all_at(&[growth.added, growth.new_end].concat().into_bytes(), kept_bytes)?;
        file.sync_data()?;
        Ok(true)
    }
}
