//! The NameServer's own settings: what is in force, and changing it while it runs.
//!
//! Invariants: a change that is in force is in the file, whose path is that of the start; all keys of one request
//! change or none.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{
    config::{Change, ChangeError, ConfigChange, NamesrvSettings},
    file, properties,
};
use parking_lot::RwLock;
use thiserror::Error;

/// Why a change was not made.
#[derive(Debug, Error)]
pub(crate) enum ConfigChangeError {
    /// It must not be made.
    #[error(transparent)]
    Refused(#[from] ChangeError),
    /// The file could not be written.
    #[error("config cannot be stored: {0}")]
    Io(#[from] io::Error),
}

/// The settings in force and their file.
#[derive(Debug)]
pub(crate) struct ConfigCell {
    in_force: RwLock<Arc<NamesrvSettings>>,
    /// Those of the next start.
    wanted: RwLock<Arc<NamesrvSettings>>,
    path: PathBuf,
    /// Held from reading the settings to publishing their successors.
    writing: tokio::sync::Mutex<()>,
}

impl ConfigCell {
    /// Settings as they were loaded.
    pub(crate) fn new(settings: NamesrvSettings) -> Self {
        let path = PathBuf::from(&settings.namesrv.config_store_path);
        let settings = Arc::new(settings);
        Self {
            in_force: RwLock::new(Arc::clone(&settings)),
            wanted: RwLock::new(settings),
            path,
            writing: tokio::sync::Mutex::new(()),
        }
    }

    /// What is in force now.
    pub(crate) fn current(&self) -> Arc<NamesrvSettings> {
        Arc::clone(&self.in_force.read())
    }

    /// All keys as `key=value` lines in alphabetical order, as they are set.
    pub(crate) fn text(&self) -> String {
        let mut entries = self.wanted.read().effective_for_admin();
        entries.sort();
        properties::to_text(entries)
    }

    /// Changes the keys of a properties text.
    ///
    /// # Errors
    /// When one of them may not be changed so; nothing has changed then.
    pub(crate) async fn update(&self, text: &[u8]) -> Result<Vec<ConfigChange>, ConfigChangeError> {
        let _writing = self.writing.lock().await;
        let (in_force, wanted) = (self.current(), Arc::clone(&self.wanted.read()));
        let changes = wanted.changes_in(text)?;
        let pairs = |counts: fn(Change) -> bool| -> Vec<_> {
            let counting = changes.iter().filter(|change| counts(change.counts));
            counting.map(|change| (change.key.clone(), change.after.clone())).collect()
        };
        let all = pairs(|_| true);
        let (wanted, findings) = wanted.updated(&all).map_err(ChangeError::from)?;
        let (in_force, _) =
            in_force.updated(&pairs(|counts| counts == Change::Live)).map_err(ChangeError::from)?;
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || rewrite(&path, &all)).await;
        written.map_err(io::Error::other)??;
        for finding in findings {
            tracing::warn!(%finding, "configuration updated");
        }
        *self.wanted.write() = Arc::new(wanted);
        *self.in_force.write() = Arc::new(in_force);
        Ok(changes)
    }
}

/// Sets keys in the file, which is made if there is none.
fn rewrite(path: &Path, changes: &[(String, String)]) -> io::Result<()> {
    let before = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let after = properties::with_changes(&before, changes).map_err(io::Error::other)?;
    file::replace(path, &after)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use common::config::MachineDefaults;

    use super::*;

    fn cell(path: &Path) -> ConfigCell {
        let machine = MachineDefaults {
            cores: 2,
            host_name: "host".into(),
            local_address: "127.0.0.1".into(),
            user_home: "/nonexistent".into(),
            rocketmq_home: None,
            namesrv_addr: None,
        };
        let mut settings = NamesrvSettings::with_defaults(&machine);
        settings.namesrv.config_store_path = path.to_string_lossy().into_owned();
        settings.namesrv.config_black_list += ";enableTopicList";
        ConfigCell::new(settings)
    }

    #[tokio::test]
    async fn a_change_is_in_force_and_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("namesrv.properties");
        let cell = cell(&path);
        std::fs::write(&path, "# ours\nwaitSecondsForService=5\n").unwrap();
        let changes = b"orderMessageEnable=true\nwaitSecondsForService=7\ndefaultThreadPoolNums=3\n";
        cell.update(changes).await.unwrap();
        let (config, listed) = (cell.current().namesrv.clone(), cell.text());
        assert!(config.order_message_enable);
        assert_eq!((config.wait_seconds_for_service, config.default_thread_pool_nums), (7, 16));
        assert!(listed.contains("\ndefaultThreadPoolNums=3\n"), "{listed}");
        let stored = std::fs::read_to_string(&path).unwrap();
        let changed = "orderMessageEnable=true\nwaitSecondsForService=7\ndefaultThreadPoolNums=3\n";
        assert_eq!(stored, format!("# ours\n{changed}"));
    }

    #[tokio::test]
    async fn attacks_and_mistakes_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("namesrv.properties");
        let cell = cell(&path);
        let before = cell.current();
        // CVE-2023-37582: the configuration is written to a path of the attacker's.
        for key in ["configStorePath", "kvConfigPath", "configBlackList", "rocketmqHome", "enableTopicList"] {
            let change = format!("orderMessageEnable=true\n{key}=1\n");
            let refused = cell.update(change.as_bytes()).await.unwrap_err();
            assert_eq!(refused.to_string(), "Can not update config in black list.", "{key}");
        }
        for (key, remark) in [
            (
                "listenPort",
                "listenPort can not be updated while the process runs: change it in the configuration file",
            ),
            ("orderMesageEnable", "orderMesageEnable is not a known key, did you mean orderMessageEnable?"),
        ] {
            let change = format!("orderMessageEnable=true\n{key}=1\n");
            assert_eq!(cell.update(change.as_bytes()).await.unwrap_err().to_string(), remark);
        }
        for change in ["orderMessageEnable=maybe", "waitSecondsForService=-1", "orderMessageEnable=\\u1"] {
            assert!(cell.update(change.as_bytes()).await.is_err(), "{change}");
        }
        assert_eq!(cell.current(), before);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_stored_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::create_dir(directory.path().join("file.tmp")).unwrap();
        let cell = cell(&path);
        let failed = cell.update(b"orderMessageEnable=true").await;
        assert!(matches!(failed, Err(ConfigChangeError::Io(_))));
        assert!(!cell.current().namesrv.order_message_enable);
    }
}
