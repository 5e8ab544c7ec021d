//! Where the broker's tables are kept between two lives: named texts, RocketMQ's configuration files.
//!
//! Invariant: a table is changed in memory first and written afterwards ([`TableFile`]), as a whole or, where it only
//! has more entries than before, by those; writes of one table never overtake each other, and a state that is written
//! already is not written again.

use std::{collections::HashMap, fmt::Debug, io, ops::Range, sync::Arc};

use common::fastjson;
use parking_lot::Mutex;
use serde::Serialize;
use store::config_files::Growth;
use thiserror::Error;

/// Why a table could not be read or written.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The file system refused.
    #[error("{name}: {source}")]
    Io {
        /// The table's file name.
        name: String,
        /// What it said.
        source: io::Error,
    },
    /// There is a text, but neither it nor its backup is the table.
    #[error("{name} is damaged: {problem}")]
    Damaged {
        /// The table's file name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Keeps texts by name.
///
/// Names are those of RocketMQ's files (`topics.json`); contents are in the dialect Java writes. A text
/// is replaced as a whole or not at all.
pub trait MetadataStore: Send + Sync + Debug {
    /// The text of that name, or its backup when `valid` says the text is none; `None` when there never
    /// was one.
    ///
    /// # Errors
    /// When it cannot be read, or neither text is valid.
    fn load(&self, name: &str, valid: &dyn Fn(&str) -> bool) -> Result<Option<String>, MetadataError>;

    /// Replaces the text of that name; it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; the old text is still there then.
    fn save(&self, name: &str, content: &str) -> Result<(), MetadataError>;

    /// Lets the text that was saved last grow at its end; it is on disk when this returns. Answers whether it did:
    /// otherwise nothing has changed, and the whole has to be saved.
    ///
    /// # Errors
    /// When it cannot be written; the old text can still be loaded then.
    fn grow(&self, name: &str, growth: &Growth<'_>) -> Result<bool, MetadataError>;

    /// Lets the backup of a text that has grown follow. The next growth waits for it.
    ///
    /// # Errors
    /// When it cannot be written; the text is on disk all the same.
    fn settle(&self, name: &str) -> Result<(), MetadataError>;
}

/// Keeps texts in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryMetadata {
    texts: Mutex<HashMap<String, String>>,
}

impl MemoryMetadata {
    /// Holds one text.
    pub fn with(name: &str, content: &str) -> Self {
        let memory = Self::default();
        memory.texts.lock().insert(name.to_owned(), content.to_owned());
        memory
    }

    /// The text of that name as it is.
    pub fn text(&self, name: &str) -> Option<String> {
        self.texts.lock().get(name).cloned()
    }
}

impl MetadataStore for MemoryMetadata {
    fn load(&self, name: &str, valid: &dyn Fn(&str) -> bool) -> Result<Option<String>, MetadataError> {
        match self.text(name) {
            Some(text) if !valid(&text) => {
                Err(MetadataError::Damaged { name: name.to_owned(), problem: "not valid".to_owned() })
            }
            text => Ok(text),
        }
    }

    fn save(&self, name: &str, content: &str) -> Result<(), MetadataError> {
        self.texts.lock().insert(name.to_owned(), content.to_owned());
        Ok(())
    }

    fn grow(&self, name: &str, growth: &Growth<'_>) -> Result<bool, MetadataError> {
        let mut texts = self.texts.lock();
        let Some(text) = texts.get_mut(name).filter(|text| text.ends_with(growth.old_end)) else {
            return Ok(false);
        };
        text.truncate(text.len() - growth.old_end.len());
        text.extend([growth.added, growth.new_end]);
        Ok(true)
    }

    fn settle(&self, _name: &str) -> Result<(), MetadataError> {
        Ok(())
    }
}

/// The text of a table, and where in it the entries stand.
#[derive(Clone, Debug)]
pub struct TableText {
    text: String,
    entries: Option<Range<usize>>,
}

impl TableText {
    /// The text of a table, whose entries stand between `head`, with which it begins, and the last `end_mark`. Without
    /// them it does not grow.
    pub fn of(table: &impl Serialize, head: &str, end_mark: &str) -> Self {
        let text = String::from_utf8_lossy(&fastjson::to_vec_pretty(table)).into_owned();
        let end = text.rfind(end_mark).filter(|end| text.starts_with(head) && head.len() < *end);
        Self { entries: end.map(|end| head.len()..end), text }
    }

    fn entries(&self) -> Option<&str> {
        self.text.get(self.entries.clone()?)
    }

    /// What stands behind the last entry.
    fn end(&self) -> Option<&str> {
        self.text.get(self.entries.as_ref()?.end..)
    }
}

/// What has become of a table since it was written.
#[derive(Clone, Debug)]
pub enum Change {
    /// It has these entries more, which are all of this text; that makes it this generation.
    Added(u64, TableText),
    /// Something else.
    Other,
}

/// The text one table is kept in, and which of its states is written.
#[derive(Debug)]
pub struct TableFile {
    name: &'static str,
    store: Arc<dyn MetadataStore>,
    written: Mutex<Written>,
}

/// What stands in the text of a table.
#[derive(Debug, Default)]
struct Written {
    /// Generation of its state; `None` before the first write.
    generation: Option<u64>,
    /// What stands behind its entries, where it can grow.
    end: Option<String>,
}

impl TableFile {
    /// The text of that name.
    pub fn new(name: &'static str, store: Arc<dyn MetadataStore>) -> Self {
        Self { name, store, written: Mutex::default() }
    }

    /// Reads the table; `None` when it was never written.
    ///
    /// # Errors
    /// When the text cannot be read, or `parse` takes neither it nor its backup.
    pub fn load<T, E: std::fmt::Display>(
        &self,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, MetadataError> {
        let Some(text) = self.store.load(self.name, &|text| parse(text).is_ok())? else {
            return Ok(None);
        };
        parse(&text).map(Some).map_err(|error| MetadataError::Damaged {
            name: self.name.to_owned(),
            problem: error.to_string(),
        })
    }

    /// Counts the table's present state as written: it was just loaded.
    pub fn mark_written(&self, generation: u64) {
        *self.written.lock() = Written { generation: Some(generation), end: None };
    }

    /// Writes the table unless its state is written already.
    ///
    /// `snapshot` gets the written generation and answers with the present one and the text of it, or
    /// `None` when they are the same. Callers wait for each other, and the one that comes second mostly
    /// finds its work done.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn persist(
        &self,
        snapshot: impl FnOnce(Option<u64>) -> Option<(u64, Vec<u8>)>,
    ) -> Result<(), MetadataError> {
        let mut written = self.written.lock();
        let Some((generation, text)) = snapshot(written.generation) else { return Ok(()) };
        self.store.save(self.name, &String::from_utf8_lossy(&text))?;
        *written = Written { generation: Some(generation), end: None };
        Ok(())
    }

    /// As [`Self::persist`], writing only what has been added where that is all that has changed.
    ///
    /// `change` gets the written generation and answers what has happened since, `None` for nothing; `whole` answers
    /// the present generation and text.
    ///
    /// # Errors
    /// When it cannot be written; the next call writes the whole then.
    pub fn persist_growing(
        &self,
        change: impl FnOnce(Option<u64>) -> Option<Change>,
        whole: impl FnOnce() -> (u64, TableText),
    ) -> Result<(), MetadataError> {
        let mut written = self.written.lock();
        let Some(change) = change(written.generation) else { return Ok(()) };
        let old_end = written.end.take();
        if let (Some(old_end), Change::Added(generation, text)) = (&old_end, &change)
            && let (Some(entries), Some(new_end)) = (text.entries(), text.end())
        {
            let growth = Growth { old_end, added: &[",", entries].concat(), new_end };
            if self.store.grow(self.name, &growth)? {
                *written = Written { generation: Some(*generation), end: Some(new_end.to_owned()) };
                return Ok(());
            }
        }
        let (generation, text) = whole();
        self.store.save(self.name, &text.text)?;
        *written = Written { generation: Some(generation), end: text.end().map(str::to_owned) };
        Ok(())
    }

    /// Does what [`Self::persist_growing`] leaves for later: nobody has to wait for it.
    pub fn settle(&self) {
        if let Err(error) = self.store.settle(self.name) {
            tracing::warn!(%error, "the backup of a configuration table is older than the table, check the disk of the store");
        }
    }
}

/// What the tests of the tables begin with.
#[cfg(test)]
pub(crate) mod testing {
    use common::config::{BrokerConfig, MachineDefaults, MessageStoreConfig};

    use super::{Arc, MemoryMetadata, MetadataStore};

    fn machine() -> MachineDefaults {
        MachineDefaults {
            cores: 2,
            host_name: "broker-a".to_owned(),
            local_address: "192.0.2.1".to_owned(),
            user_home: "/nowhere".to_owned(),
            rocketmq_home: None,
            namesrv_addr: None,
        }
    }

    /// The configuration of a broker started without a file, in the cluster `C`.
    pub(crate) fn broker_config() -> BrokerConfig {
        BrokerConfig { broker_cluster_name: "C".to_owned(), ..BrokerConfig::with_defaults(&machine()) }
    }

    /// The configuration of its store.
    pub(crate) fn store_config() -> MessageStoreConfig {
        MessageStoreConfig::with_defaults(&machine())
    }

    /// A store in memory, and the same as tables take it.
    pub(crate) fn memory() -> (Arc<MemoryMetadata>, Arc<dyn MetadataStore>) {
        let memory = Arc::new(MemoryMetadata::default());
        (Arc::clone(&memory), memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_state_is_not_written_again() {
        let memory = Arc::new(MemoryMetadata::default());
        let file = TableFile::new("t.json", Arc::clone(&memory) as Arc<dyn MetadataStore>);
        file.persist(|written| {
            assert_eq!(written, None);
            Some((3, b"three".to_vec()))
        })
        .unwrap();
        file.persist(|written| {
            assert_eq!(written, Some(3));
            None
        })
        .unwrap();
        assert_eq!(memory.text("t.json").as_deref(), Some("three"));
    }

    #[test]
    fn a_damaged_text_is_an_error_and_stays() {
        let memory = Arc::new(MemoryMetadata::with("t.json", "rubbish"));
        let file = TableFile::new("t.json", Arc::clone(&memory) as Arc<dyn MetadataStore>);
        let loaded = file.load(str::parse::<i32>);
        assert!(matches!(loaded, Err(MetadataError::Damaged { .. })));
        assert_eq!(memory.text("t.json").as_deref(), Some("rubbish"));
        memory.save("t.json", "7").unwrap();
        assert_eq!(file.load(str::parse::<i32>).unwrap(), Some(7));
    }
}
