//! Which state a table is in, and what was added to it last.

use std::sync::Arc;

use common::data_version::DataVersion;

use crate::metadata::{Change, TableText};

/// What changes with a table of `T`, under one lock.
#[derive(Debug)]
pub(crate) struct TableState<T> {
    /// The version clients and tools see.
    pub(crate) data_version: DataVersion,
    /// Counts changes of the table, also those the version does not count.
    generation: u64,
    /// The last changes, one entry more each.
    added: Vec<Arc<T>>,
}

impl<T> TableState<T> {
    /// The state of a table as it was loaded.
    pub(crate) fn of(data_version: DataVersion) -> Self {
        Self { data_version, generation: 0, added: Vec::new() }
    }

    /// Counts all changes.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// An entry was added.
    pub(crate) fn add(&mut self, entry: Arc<T>, now_millis: i64) {
        self.data_version.advance(now_millis);
        self.generation += 1;
        self.added.push(entry);
    }

    /// Something else has changed.
    pub(crate) fn advance(&mut self, now_millis: i64) {
        self.data_version.advance(now_millis);
        self.change();
    }

    /// Something else has changed that makes no new version.
    pub(crate) fn change(&mut self) {
        self.generation += 1;
        self.added.clear();
    }

    /// What has become of the table since its generation `written` was written; `text` makes the text of a table of
    /// nothing but these entries.
    pub(crate) fn change_since(
        &mut self,
        written: Option<u64>,
        text: impl FnOnce(&[Arc<T>], DataVersion) -> TableText,
    ) -> Option<Change> {
        if written.unwrap_or(0) == self.generation {
            return None;
        }
        let (generation, data_version) = (self.generation, self.data_version);
        Some(match written.and_then(|written| self.added_since(written)) {
            Some(added) => Change::Added(generation, text(added, data_version)),
            None => Change::Other,
        })
    }

    /// Entries added since a generation, those before it being forgotten; `None` when something else has changed
    /// since.
    fn added_since(&mut self, generation: u64) -> Option<&[Arc<T>]> {
        let count = usize::try_from(self.generation.checked_sub(generation)?).ok()?;
        self.added.drain(..self.added.len().checked_sub(count)?);
        Some(&self.added)
    }
}
