//! Which state the table of topics is in, and what was added last.

use std::sync::Arc;

use common::{data_version::DataVersion, topic::TopicConfig};

/// What changes with the table, under one lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) data_version: DataVersion,
    /// Counts changes of the table, also those the version does not count.
    generation: u64,
    /// The last changes, one topic more each.
    added: Vec<Arc<TopicConfig>>,
}

impl State {
    /// The state of a table as it was loaded.
    pub(super) fn of(data_version: DataVersion) -> Self {
        Self { data_version, ..Self::default() }
    }

    /// Counts all changes.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A topic was added.
    pub(super) fn add(&mut self, topic: Arc<TopicConfig>, now_millis: i64) {
        self.data_version.advance(now_millis);
        self.generation += 1;
        self.added.push(topic);
    }

    /// Something else has changed.
    pub(super) fn advance(&mut self, now_millis: i64) {
        self.data_version.advance(now_millis);
        self.change();
    }

    /// Something else has changed that makes no new version.
    pub(super) fn change(&mut self) {
        self.generation += 1;
        self.added.clear();
    }

    /// Topics added since a generation, those before it being forgotten; `None` when something else has changed
    /// since.
    pub(super) fn added_since(&mut self, generation: u64) -> Option<&[Arc<TopicConfig>]> {
        let count = usize::try_from(self.generation.checked_sub(generation)?).ok()?;
        self.added.drain(..self.added.len().checked_sub(count)?);
        Some(&self.added)
    }
}
