//! The broker's configuration: what is in force, what it is from the next start on, and changing both while the broker
//! runs (`UPDATE_BROKER_CONFIG`).
//!
//! Invariants: all keys of one request change or none; a change is in the file the broker was started with before it
//! counts, and no other file is ever written; without such a file only what counts at once can be changed, until the
//! broker stops.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{
    config::{BrokerConfig, BrokerSettings, Change, ChangeError, ConfigChange},
    data_version::DataVersion,
    file, properties,
};
use parking_lot::Mutex;
use remoting::reply::Refusal;
use runtime::{clock::Clock, live::Live};
use thiserror::Error;

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum ConfigChangeError {
    /// It must not be made.
    #[error(transparent)]
    Refused(#[from] ChangeError),
    /// It would count from the next start on, but there is nowhere to keep it until then.
    #[error(
        "{key} takes effect when the broker starts, and there is no file to keep it in: the broker was started \
         without a configuration file (-c)"
    )]
    NoFile {
        /// The key.
        key: String,
    },
    /// The file could not be read or written.
    #[error("nothing was changed, the configuration file {path} cannot be written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl From<ConfigChangeError> for Refusal {
    fn from(error: ConfigChangeError) -> Self {
        match &error {
            ConfigChangeError::Refused(refused) => refused.into(),
            ConfigChangeError::NoFile { .. } | ConfigChangeError::Io { .. } => {
                Self::system_error(error.to_string())
            }
        }
    }
}

/// The configuration and its file.
pub struct ConfigCell {
    /// What processors read.
    config: Live<BrokerConfig>,
    in_force: Live<BrokerSettings>,
    /// As it is from the next start on.
    wanted: Live<BrokerSettings>,
    version: Mutex<DataVersion>,
    file: Option<PathBuf>,
    /// Held from reading the settings to publishing their successors.
    writing: tokio::sync::Mutex<()>,
    clock: Arc<dyn Clock>,
}

impl ConfigCell {
    /// Settings as they were loaded.
    pub fn new(settings: BrokerSettings, clock: Arc<dyn Clock>) -> Self {
        // The place is that of the start, wherever the process goes.
        let file = settings.file.as_ref().map(|path| std::path::absolute(path).unwrap_or(path.clone()));
        Self {
            config: Live::new(settings.broker.clone()),
            in_force: Live::new(settings.clone()),
            wanted: Live::new(settings),
            version: Mutex::new(DataVersion::born(clock.now_millis())),
            file,
            writing: tokio::sync::Mutex::default(),
            clock,
        }
    }

    /// The part of it that processors read.
    pub fn config(&self) -> &Live<BrokerConfig> {
        &self.config
    }

    /// All that is in force.
    pub fn in_force(&self) -> Arc<BrokerSettings> {
        self.in_force.snapshot()
    }

    /// All keys in alphabetical order as they are set, also those that count from the next start on.
    pub fn listing(&self) -> Vec<(String, String)> {
        let mut entries = self.wanted.now().effective();
        entries.sort();
        entries
    }

    /// How often it was changed.
    pub fn version(&self) -> DataVersion {
        *self.version.lock()
    }

    /// Changes the keys of a properties text; what has changed. Who has copies of what is in force is to be told.
    ///
    /// # Errors
    /// When one of them may not be changed so; nothing has changed then.
    pub async fn update(&self, text: &[u8]) -> Result<Vec<ConfigChange>, ConfigChangeError> {
        let _writing = self.writing.lock().await;
        let changes = self.wanted.now().changes_in(text)?;
        let all = pairs(&changes, |_| true);
        let live = pairs(&changes, |change| change.counts == Change::Live);
        let (wanted, findings) = self.wanted.now().updated(&all).map_err(ChangeError::from)?;
        let (in_force, _) = self.in_force.now().updated(&live).map_err(ChangeError::from)?;
        self.store(&changes, all).await?;
        for finding in findings {
            tracing::warn!(%finding, "configuration updated");
        }
        self.config.set(in_force.broker.clone());
        self.in_force.set(in_force);
        self.wanted.set(wanted);
        self.version.lock().advance(self.clock.now_millis());
        Ok(changes)
    }

    /// Writes changes to the file, if there is one.
    async fn store(
        &self,
        changes: &[ConfigChange],
        pairs: Vec<(String, String)>,
    ) -> Result<(), ConfigChangeError> {
        let Some(path) = self.file.clone() else {
            return match changes.iter().find(|change| change.counts != Change::Live) {
                Some(change) => Err(ConfigChangeError::NoFile { key: change.key.clone() }),
                None => Ok(()),
            };
        };
        let to_write = path.clone();
        let writing = tokio::task::spawn_blocking(move || rewrite(&to_write, &pairs));
        let written = writing.await.map_err(io::Error::other).flatten();
        written.map_err(|source| ConfigChangeError::Io { path, source })
    }

    /// Whether changes outlive the process.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }
}

fn pairs(changes: &[ConfigChange], is_wanted: impl Fn(&ConfigChange) -> bool) -> Vec<(String, String)> {
    let wanted = changes.iter().filter(|change| is_wanted(change));
    wanted.map(|change| (change.key.clone(), change.after.clone())).collect()
}

fn rewrite(path: &Path, changes: &[(String, String)]) -> io::Result<()> {
    let before = std::fs::read(path)?;
    let after = properties::with_changes(&before, changes).map_err(io::Error::other)?;
    file::replace(path, &after)
}
