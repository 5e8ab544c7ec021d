//! The files under `config/`: small texts, replaced as a whole.
//!
//! ```text
//! config/<name>        the current content
//! config/<name>.bak    the content before it
//! config/<name>.tmp    being written
//! ```
//!
//! Invariant: at every moment at least one of the first two is a complete content that was saved once; an
//! empty content never replaces anything.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::fs::{FileSystem, OpenMode};

/// A configuration file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// Neither the file nor its backup has a usable content, but one of them exists.
    #[error("neither {} nor its backup can be used: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
    dir: PathBuf,
    /// Savers take turns, or two would share one temporary file.
    saving: Mutex<()>,
}

impl ConfigFiles {
    /// The directory, made when absent.
    pub fn open(fs: Arc<dyn FileSystem>, dir: impl Into<PathBuf>) -> Result<Self, ConfigFileError> {
        let dir = dir.into();
        fs.create_dir_all(&dir).map_err(failed(&dir))?;
        Ok(Self { fs, dir, saving: Mutex::new(()) })
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The content of a file; of its backup when the file is empty, absent or refused by `parse`. `None` when
    /// neither exists. An empty file without a backup is no content either, as RocketMQ leaves one behind.
    pub fn load_with<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigFileError> {
        let path = self.dir.join(name);
        let backup = self.dir.join(format!("{name}.bak"));
        let mut refused = None;
        for candidate in [&path, &backup] {
            let Some(content) = self.read(candidate).map_err(failed(candidate))? else { continue };
            match str::from_utf8(&content)
                .map_err(|error| error.to_string())
                .and_then(|text| if text.trim().is_empty() { Ok(None) } else { parse(text).map(Some) })
            {
                Ok(Some(parsed)) => {
                    if candidate == &backup {
                        tracing::warn!(file = %path.display(), "configuration loaded from its backup");
                    }
                    return Ok(Some(parsed));
                }
                Ok(None) => {}
                Err(reason) => {
                    tracing::error!(file = %candidate.display(), %reason, "configuration cannot be used");
                    refused.get_or_insert(reason);
                }
            }
        }
        match refused {
            Some(reason) => Err(ConfigFileError::Damaged { path, reason }),
            None => Ok(None),
        }
    }

    /// The content of a file as text; of its backup when the file is empty or absent.
    pub fn load(&self, name: &str) -> Result<Option<String>, ConfigFileError> {
        self.load_with(name, |text| Ok(text.to_owned()))
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match self.fs.open(path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut content = vec![0; len];
        file.read_exact_at(&mut content, 0)?;
        Ok(Some(content))
    }

    /// Replaces a file durably; what it held becomes its backup. Saving what is there already does nothing.
    pub fn save(&self, name: &str, content: &str) -> Result<(), ConfigFileError> {
        let path = self.dir.join(name);
        if content.trim().is_empty() {
            return Err(ConfigFileError::Empty { path });
        }
        let _turn = self.saving.lock();
        let previous = self.read(&path).map_err(failed(&path))?;
        if previous.as_deref() == Some(content.as_bytes()) {
            return Ok(());
        }
        // A previous content that is empty or blank is worth less than the backup there is.
        if let Some(previous) = previous.filter(|bytes| !bytes.trim_ascii().is_empty()) {
            self.replace(&format!("{name}.bak"), &previous)?;
        }
        self.replace(name, content.as_bytes())
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), ConfigFileError> {
        let path = self.dir.join(name);
        let temporary = self.dir.join(format!("{name}.tmp"));
        let replaced = (|| {
            let file = self.fs.open(&temporary, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(content, 0)?;
            file.sync_all()?;
            self.fs.rename(&temporary, &path)?;
            self.fs.sync_dir(&self.dir)
        })();
        replaced.map_err(failed(&path))
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ConfigFileError {
    let path = path.to_owned();
    move |error| ConfigFileError::Io { path, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    fn files(dir: &Path) -> ConfigFiles {
        ConfigFiles::open(Arc::new(OsFileSystem), dir.join("config")).unwrap()
    }

    #[test]
    fn the_previous_content_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        assert_eq!(files.load("topics.json").unwrap(), None);
        files.save("topics.json", "one").unwrap();
        files.save("topics.json", "two").unwrap();
        files.save("topics.json", "two").unwrap();
        assert_eq!(files.load("topics.json").unwrap().as_deref(), Some("two"));
        assert_eq!(files.load("topics.json.bak").unwrap().as_deref(), Some("one"));
    }

    #[test]
    fn an_emptied_or_damaged_file_falls_back() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        files.save("a", "1").unwrap();
        files.save("a", "2").unwrap();
        let number = |text: &str| text.parse::<i32>().map_err(|error| error.to_string());
        for damaged in ["", "\n", "x"] {
            std::fs::write(files.dir().join("a"), damaged).unwrap();
            assert_eq!(files.load_with("a", number).unwrap(), Some(1));
        }
        std::fs::write(files.dir().join("a.bak"), "y").unwrap();
        assert!(matches!(files.load_with("a", number), Err(ConfigFileError::Damaged { .. })));
    }

    #[test]
    fn nothing_is_replaced_by_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        files.save("a", "1").unwrap();
        assert!(matches!(files.save("a", " \n"), Err(ConfigFileError::Empty { .. })));
        assert_eq!(files.load("a").unwrap().as_deref(), Some("1"));
    }

    #[test]
    fn an_empty_file_does_not_push_out_the_backup() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        files.save("a", "1").unwrap();
        files.save("a", "2").unwrap();
        std::fs::write(files.dir().join("a"), "").unwrap();
        files.save("a", "3").unwrap();
        assert_eq!(files.load("a.bak").unwrap().as_deref(), Some("1"));
    }
}
