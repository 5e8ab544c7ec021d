//! The NameServer's own settings: what is in force, and changing it while it runs.
//!
//! Invariants: only the keys of [`CHANGEABLE`] change at run time, never a path; a change that is in force
//! is in the file; all keys of one request change or none.

use std::{io, path::PathBuf, sync::Arc};

use common::{
    config::{ConfigError, NamesrvSettings},
    properties::{self, Properties, PropertiesError},
};
use parking_lot::RwLock;
use thiserror::Error;

use crate::file;

/// Keys an operator may change while the NameServer runs.
const CHANGEABLE: [&str; 10] = [
    "orderMessageEnable",
    "returnOrderTopicConfigToBroker",
    "scanNotActiveBrokerInterval",
    "supportActingMaster",
    "enableAllTopicList",
    "enableTopicList",
    "notifyMinBrokerIdChanged",
    "needWaitForService",
    "waitSecondsForService",
    "deleteTopicWithBrokerRegistration",
];

/// Why a change was not made.
#[derive(Debug, Error)]
pub(crate) enum ConfigChangeError {
    /// The text is no properties.
    #[error("string2Properties error")]
    Text(#[from] PropertiesError),
    /// A key is not to be changed at run time; the text is RocketMQ's.
    #[error("Can not update config in black list.")]
    Forbidden(String),
    /// A value is of the wrong type or out of range.
    #[error(transparent)]
    Value(#[from] ConfigError),
    /// The file could not be written.
    #[error("config cannot be stored: {0}")]
    Io(#[from] io::Error),
}

/// The settings in force and their file.
#[derive(Debug)]
pub(crate) struct ConfigCell {
    current: RwLock<Arc<NamesrvSettings>>,
    path: PathBuf,
    /// Held from reading the settings to publishing their successors.
    writing: tokio::sync::Mutex<()>,
}

impl ConfigCell {
    /// Settings as they were loaded.
    pub(crate) fn new(settings: NamesrvSettings) -> Self {
        let path = PathBuf::from(&settings.namesrv.config_store_path);
        Self { current: RwLock::new(Arc::new(settings)), path, writing: tokio::sync::Mutex::new(()) }
    }

    /// What is in force now.
    pub(crate) fn current(&self) -> Arc<NamesrvSettings> {
        Arc::clone(&self.current.read())
    }

    /// All keys as `key=value` lines in alphabetical order.
    pub(crate) fn text(&self) -> String {
        text(&self.current())
    }

    /// Changes the keys of a properties text.
    ///
    /// # Errors
    /// When one of them may not be changed so; nothing has changed then.
    pub(crate) async fn update(&self, change: &[u8]) -> Result<(), ConfigChangeError> {
        let changes = Properties::parse(change)?;
        let _writing = self.writing.lock().await;
        let before = self.current();
        let mut wanted = Vec::new();
        for entry in changes.effective() {
            if is_forbidden(&before, &entry.key) {
                return Err(ConfigChangeError::Forbidden(entry.key.clone()));
            }
            if CHANGEABLE.contains(&entry.key.as_str()) {
                wanted.push((entry.key.clone(), entry.value.clone()));
            } else {
                // As in RocketMQ: an unknown key is no error.
                tracing::warn!(key = entry.key, "unknown key in a configuration update, nothing changed");
            }
        }
        let (after, findings) = before.updated(&wanted)?;
        for finding in findings {
            tracing::warn!(%finding, "configuration updated");
        }
        let (bytes, path) = (text(&after).into_bytes(), self.path.clone());
        let written = tokio::task::spawn_blocking(move || file::replace(&path, &bytes)).await;
        written.map_err(io::Error::other)??;
        *self.current.write() = Arc::new(after);
        tracing::info!(changes = ?wanted, "configuration updated");
        Ok(())
    }
}

/// Whether a key exists but is not to be changed at run time.
fn is_forbidden(settings: &NamesrvSettings, key: &str) -> bool {
    let blocked = settings.namesrv.config_black_list.split(';').any(|blocked| blocked == key);
    let is_known =
        || key == "rocketmqHome" || settings.effective_for_admin().iter().any(|(known, _)| known == key);
    blocked || (!CHANGEABLE.contains(&key) && is_known())
}

fn text(settings: &NamesrvSettings) -> String {
    let mut entries = settings.effective_for_admin();
    entries.sort();
    properties::to_text(entries)
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
        cell.update(b"orderMessageEnable=true\nwaitSecondsForService=7\nnoSuchKey=1\n").await.unwrap();
        assert!(cell.current().namesrv.order_message_enable);
        let stored = std::fs::read_to_string(&path).unwrap();
        assert!(stored.contains("\nwaitSecondsForService=7\n"));
        assert_eq!(stored, cell.text());
    }

    #[tokio::test]
    async fn keys_that_may_not_change_are_refused_with_all_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("namesrv.properties");
        let cell = cell(&path);
        let before = cell.current();
        for key in [
            "configStorePath",
            "kvConfigPath",
            "configBlackList",
            "rocketmqHome",
            "listenPort",
            "enableTopicList",
        ] {
            let change = format!("orderMessageEnable=true\n{key}=1\n");
            let refused = cell.update(change.as_bytes()).await;
            assert!(matches!(refused, Err(ConfigChangeError::Forbidden(_))), "{key}");
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
