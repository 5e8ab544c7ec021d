//! Configuration by namespace and key that outlives the process (`KVConfigManager`).
//!
//! ```text
//! {"configTable":{"ORDER_TOPIC_CONFIG":{"topic":"broker-a:4;broker-b:4"}}}
//! ```
//!
//! Invariants: what was acknowledged is in the file; readers never see what is not; the file is replaced
//! whole; its content is bounded.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use common::{
    fastjson::{self, FastjsonError},
    file,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// All keys and values together, in bytes.
const CONTENT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// What an entry costs beside its text.
const ENTRY_BYTES: usize = 64;

type Namespace = BTreeMap<String, String>;

/// `KVConfigSerializeWrapper`: the file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KvConfigTable {
    #[serde(default)]
    config_table: Option<BTreeMap<String, Namespace>>,
}

/// Why the file could not be taken over at start.
#[derive(Debug, Error)]
pub(crate) enum KvLoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged; it is left as it is.
    #[error("{path} is not a kv configuration: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FastjsonError,
    },
}

/// Why a change was not made.
#[derive(Debug, Error)]
pub(crate) enum KvChangeError {
    /// It would make the table too large.
    #[error("kv config is full")]
    Full,
    /// The file could not be written.
    #[error("kv config cannot be stored: {0}")]
    Io(#[from] io::Error),
}

/// The table and its file.
#[derive(Debug)]
pub(crate) struct KvConfigManager {
    path: PathBuf,
    table: RwLock<Arc<BTreeMap<String, Namespace>>>,
    /// Held from reading the table to publishing its successor.
    writing: tokio::sync::Mutex<()>,
}

impl KvConfigManager {
    /// Loads the file at `path`; without one the table is empty.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub(crate) fn load(path: PathBuf) -> Result<Self, KvLoadError> {
        let table = match std::fs::read(&path) {
            Ok(bytes) if bytes.trim_ascii().is_empty() => {
                // Java's NameServer leaves such a file behind when it is killed while writing.
                tracing::warn!(path = %path.display(), "kv configuration file is empty");
                BTreeMap::new()
            }
            Ok(bytes) => match fastjson::from_slice::<KvConfigTable>(&bytes) {
                Ok(table) => table.config_table.unwrap_or_default(),
                Err(source) => return Err(KvLoadError::Damaged { path, source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(KvLoadError::Io { path, source }),
        };
        Ok(Self { path, table: RwLock::new(Arc::new(table)), writing: tokio::sync::Mutex::new(()) })
    }

    /// The value of a key.
    pub(crate) fn get(&self, namespace: &str, key: &str) -> Option<String> {
        self.table.read().get(namespace)?.get(key).cloned()
    }

    /// All keys of a namespace; `None` for one that never was.
    pub(crate) fn namespace(&self, namespace: &str) -> Option<Namespace> {
        self.table.read().get(namespace).cloned()
    }

    /// Sets a key.
    ///
    /// # Errors
    /// When the table would be too large or cannot be stored; nothing has changed then.
    pub(crate) async fn put(&self, namespace: &str, key: &str, value: &str) -> Result<(), KvChangeError> {
        self.change(|table| {
            table.entry(namespace.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
        })
        .await?;
        tracing::info!(namespace, key, value, "kv config set");
        Ok(())
    }

    /// Removes a key; its namespace stays, as RocketMQ keeps it.
    ///
    /// # Errors
    /// When the change cannot be stored; nothing has changed then.
    pub(crate) async fn delete(&self, namespace: &str, key: &str) -> Result<(), KvChangeError> {
        self.change(|table| {
            table.get_mut(namespace).and_then(|keys| keys.remove(key));
        })
        .await?;
        tracing::info!(namespace, key, "kv config deleted");
        Ok(())
    }

    async fn change(&self, edit: impl FnOnce(&mut BTreeMap<String, Namespace>)) -> Result<(), KvChangeError> {
        let _writing = self.writing.lock().await;
        let before = Arc::clone(&self.table.read());
        let mut table = BTreeMap::clone(&before);
        edit(&mut table);
        if table == *before {
            return Ok(());
        }
        let size_bytes = size_bytes(&table);
        if size_bytes > CONTENT_MAX_BYTES && size_bytes > self::size_bytes(&before) {
            return Err(KvChangeError::Full);
        }
        let content = KvConfigTable { config_table: Some(table) };
        let (bytes, path) = (fastjson::to_vec(&content), self.path.clone());
        let written = tokio::task::spawn_blocking(move || file::replace(&path, &bytes)).await;
        written.map_err(io::Error::other)??;
        *self.table.write() = Arc::new(content.config_table.unwrap_or_default());
        Ok(())
    }
}

fn size_bytes(table: &BTreeMap<String, Namespace>) -> usize {
    let entry = |(key, value): (&String, &String)| key.len() + value.len() + ENTRY_BYTES;
    let namespace = |(name, keys): (&String, &Namespace)| {
        name.len() + ENTRY_BYTES + keys.iter().map(entry).sum::<usize>()
    };
    table.iter().map(namespace).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn values_outlive_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("namesrv/kvConfig.json");
        let manager = KvConfigManager::load(path.clone()).unwrap();
        manager.put("N", "a", "1").await.unwrap();
        manager.put("N", "b", "zwei \"2\"").await.unwrap();
        manager.delete("N", "a").await.unwrap();
        manager.delete("M", "a").await.unwrap();
        let again = KvConfigManager::load(path.clone()).unwrap();
        assert_eq!(again.get("N", "b").as_deref(), Some("zwei \"2\""));
        assert_eq!(again.get("N", "a"), None);
        assert_eq!((again.namespace("N").unwrap().len(), again.namespace("M")), (1, None));
        assert_eq!(std::fs::read(path).unwrap(), br#"{"configTable":{"N":{"b":"zwei \"2\""}}}"#);
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_not_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kv.json");
        let manager = KvConfigManager::load(path).unwrap();
        std::fs::create_dir(directory.path().join("kv.json.tmp")).unwrap();
        assert!(matches!(manager.put("N", "a", "1").await, Err(KvChangeError::Io(_))));
        assert_eq!(manager.get("N", "a"), None);
    }

    #[tokio::test]
    async fn the_table_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let manager = KvConfigManager::load(directory.path().join("kv.json")).unwrap();
        let large = "x".repeat(CONTENT_MAX_BYTES);
        assert!(matches!(manager.put("N", "a", &large).await, Err(KvChangeError::Full)));
        manager.put("N", "a", "small").await.unwrap();
    }

    #[test]
    fn a_damaged_file_stops_the_start_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kv.json");
        std::fs::write(&path, b"{\"configTable\":{\"N\"").unwrap();
        assert!(matches!(KvConfigManager::load(path.clone()), Err(KvLoadError::Damaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"configTable\":{\"N\"");
        std::fs::write(&path, b"\n").unwrap();
        assert!(KvConfigManager::load(path).is_ok());
    }
}
