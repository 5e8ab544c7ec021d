//! The files under `config/`: small texts, replaced as a whole.
//!
//! ```text
//! config/<name>          the current content
//! config/<name>.bak      the content before it, as RocketMQ keeps it
//! config/<name>.bak.1    a content of at least ten minutes before, for as long as nothing newer is cut
//! config/<name>.bak.2    the one that was .bak.1 before, and so on to .bak.3
//! config/<name>.tmp      being written
//! ```
//!
//! Files are replaced as often as every second, so that `.bak` alone would be as old as that: the numbered
//! generations are cut from what is replaced, but seldom.
//!
//! A content that only grows at its end is not written again as a whole: `growth`.
//!
//! Invariants: at every moment the first two are complete contents that were saved once, except that one of them may
//! be growing, and then the other has all that was saved before; what is empty or damaged never becomes a backup, and
//! never takes the place of anything.

mod generations;
mod growth;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use runtime::clock::Clock;

use crate::{
    durable::{read_whole, write_private, write_whole},
    fs::{FileSystem, OpenMode},
};

use generations::{backup_name, is_damaged};
pub(crate) use generations::{backup_names, table_name};
pub use growth::Growth;
use growth::{Mirrored, PADDING};

/// Files that hold passwords.
const PRIVATE: [&str; 1] = ["users.json"];

/// A configuration file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// Neither the file nor a backup has a usable content, but it had one.
    #[error(
        "neither {} nor a backup of it can be used: {reason}; put a good one in its place, or remove all of them to \
         begin with nothing",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with each.
        reason: String,
    },
    /// Saving nothing would lose what is there.
    #[error("refused to replace {} by nothing", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The configuration directory of a store.
#[derive(Debug)]
pub struct ConfigFiles {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    /// What was loaded from, or saved durably to, each file. Savers take turns, or two would share one temporary
    /// file.
    known: Mutex<HashMap<String, Known>>,
}

/// A content that stands in a file.
#[derive(Clone, Debug)]
struct Known {
    checksum: u32,
    /// Set when the backup holds the same.
    mirrored: Option<Mirrored>,
}

impl Known {
    fn of(content: &[u8]) -> Self {
        Self { checksum: crc32fast::hash(content), mirrored: None }
    }
}

impl ConfigFiles {
    /// The directory, made when absent.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        dir: impl Into<PathBuf>,
    ) -> Result<Self, ConfigFileError> {
        let dir = dir.into();
        fs.create_dir_all(&dir).map_err(failed(&dir))?;
        Ok(Self { fs, clock, dir, known: Mutex::default() })
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The content of a file; that of its newest usable backup when the file is empty, absent or refused by `parse`.
    /// `None` when there is nothing. An empty file without any backup is nothing either, as RocketMQ leaves one
    /// behind.
    ///
    /// # Errors
    /// When there was a content and none is left that can be used.
    pub fn load_with<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigFileError> {
        let path = self.dir.join(name);
        let mut refused = Vec::new();
        let mut has_something = false;
        for (rank, candidate) in std::iter::once(name.to_owned()).chain(backup_names(name)).enumerate() {
            let from = self.dir.join(&candidate);
            let Some(content) = self.read(&from).map_err(failed(&from))? else { continue };
            let is_blank = content.trim_ascii().is_empty();
            has_something |= rank > 0 || !is_blank;
            let text = str::from_utf8(&content).map_err(|error| error.to_string());
            let parsed = if is_blank { Err("is empty".to_owned()) } else { text.and_then(&parse) };
            match parsed {
                Ok(parsed) if rank == 0 => {
                    self.known.lock().insert(candidate, Known::of(&content));
                    return Ok(Some(parsed));
                }
                Ok(parsed) => {
                    let saved_millis = self.fs.modified_millis(&from).unwrap_or(0);
                    let refused =
                        if refused.is_empty() { "it is missing".to_owned() } else { refused.join("; ") };
                    tracing::error!(
                        file = %path.display(),
                        used = candidate,
                        saved_millis,
                        refused,
                        "configuration file cannot be used: a backup is used in its place"
                    );
                    return Ok(Some(parsed));
                }
                Err(reason) => refused.push(format!("{candidate}: {reason}")),
            }
        }
        if has_something {
            Err(ConfigFileError::Damaged { path, reason: refused.join("; ") })
        } else {
            Ok(None)
        }
    }

    /// The content of a file as text; of its newest backup when the file is empty or absent.
    pub fn load(&self, name: &str) -> Result<Option<String>, ConfigFileError> {
        self.load_with(name, |text| Ok(text.to_owned()))
    }

    /// Replaces a file durably; what it held becomes its backup. Saving what is there already does nothing.
    ///
    /// # Errors
    /// When the content is empty, or cannot be written: the file is as before then, or has the new content.
    pub fn save(&self, name: &str, content: &str) -> Result<(), ConfigFileError> {
        let path = self.dir.join(name);
        if content.trim().is_empty() {
            return Err(ConfigFileError::Empty { path });
        }
        let mut known = self.known.lock();
        let saving = Known::of(content.as_bytes());
        // Until this is done nothing is known of the file.
        let expected = known.remove(name).map(|known| known.checksum);
        let previous = self.read(&path).map_err(failed(&path))?;
        let saved = if previous.as_deref() != Some(content.as_bytes()) {
            let previous = previous.filter(|previous| !is_damaged(previous, expected));
            self.replace(name, previous.as_deref(), content)
        } else if expected == Some(saving.checksum) {
            Ok(())
        } else {
            // Somebody wrote it, or this process did and could not make it durable.
            self.sync(&path)
        };
        saved.map_err(failed(&path))?;
        known.insert(name.to_owned(), saving);
        Ok(())
    }

    /// The content of a file, without what it is padded with.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut content = read_whole(&*self.fs, path)?;
        if let Some(content) = &mut content {
            let end = content.iter().rposition(|byte| *byte != PADDING).map_or(0, |last| last + 1);
            content.truncate(end);
        }
        Ok(content)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.fs.open(path, OpenMode::ReadWrite)?.sync_all()?;
        self.fs.sync_dir(&self.dir)
    }

    /// Puts a content in the place of the present one; `previous` is that one, where it is worth being kept.
    fn replace(&self, name: &str, previous: Option<&[u8]>, content: &str) -> io::Result<()> {
        if let Some(previous) = previous
            && self.wants_generation(name, previous, content)
        {
            // The file itself matters more.
            self.cut_generation(name, previous).unwrap_or_else(|error| {
                tracing::warn!(dir = %self.dir.display(), name, %error, "no generation of a configuration file kept");
            });
        }
        let (path, backup) = (self.dir.join(name), self.dir.join(backup_name(name)));
        let temporary = self.write_temporary(name, content.as_bytes())?;
        match previous.map(|previous| (previous, self.fs.exchange(&temporary, &path))) {
            None => self.fs.rename(&temporary, &path)?,
            // The temporary file is what was there before: nothing has to be written again.
            Some((_, Ok(()))) => self.fs.rename(&temporary, &backup)?,
            Some((previous, Err(error))) if error.kind() == io::ErrorKind::Unsupported => {
                let old = self.write_temporary(&backup_name(name), previous)?;
                self.fs.rename(&old, &backup)?;
                self.fs.rename(&temporary, &path)?;
            }
            Some((_, Err(error))) => return Err(error),
        }
        self.fs.sync_dir(&self.dir)
    }

    /// Writes a content durably under a name nobody loads, and answers where that is.
    fn write_temporary(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let temporary = self.dir.join(format!("{name}.tmp"));
        let write = if PRIVATE.contains(&name) { write_private } else { write_whole };
        write(&*self.fs, &temporary, content)?;
        Ok(temporary)
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ConfigFileError {
    let path = path.to_owned();
    move |error| ConfigFileError::Io { path, error }
}
