//! How many half messages of each topic wait (`TransactionMetrics`), kept in `transactionMetrics`:
//!
//! ```text
//! {"dataVersion":{...},"transactionCount":{"<topic>":{"count":3,"timeStamp":1700000000000}}}
//! ```

use std::{collections::BTreeMap, sync::Arc};

use common::{data_version::DataVersion, fastjson};
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::metadata::{MetadataError, MetadataStore, TableFile};

const FILE: &str = "transactionMetrics";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    count: i64,
    time_stamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counts {
    data_version: DataVersion,
    transaction_count: BTreeMap<String, Metric>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    changes: u64,
}

/// Counts half messages by the topic they are for.
#[derive(Debug)]
pub(super) struct TransactionMetrics {
    state: Mutex<State>,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

impl TransactionMetrics {
    /// Reads the counts.
    ///
    /// # Errors
    /// When they were written before and cannot be read.
    pub(super) fn load(
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let file = TableFile::new(FILE, metadata);
        let counts = file.load(|text| fastjson::from_slice(text.as_bytes()))?;
        let counts = counts.unwrap_or_else(|| Counts {
            data_version: DataVersion::born(clock.now_millis()),
            transaction_count: BTreeMap::new(),
        });
        Ok(Self { state: Mutex::new(State { counts, changes: 1 }), file, clock })
    }

    /// There are `change` more of a topic, or fewer.
    pub(super) fn add(&self, topic: &str, change: i64) {
        let now = self.clock.now_millis();
        let mut state = self.state.lock();
        state.changes += 1;
        state.counts.data_version.advance(now);
        let counts = &mut state.counts.transaction_count;
        match counts.get_mut(topic) {
            Some(metric) => *metric = Metric { count: metric.count + change, time_stamp: now },
            None => {
                counts.insert(topic.to_owned(), Metric { count: change, time_stamp: now });
            }
        }
    }

    /// The counts by topic.
    pub(super) fn counts(&self) -> Vec<(String, i64)> {
        let state = self.state.lock();
        let counts = &state.counts.transaction_count;
        counts.iter().map(|(topic, metric)| (topic.clone(), metric.count)).collect()
    }

    /// Writes the counts if they have changed.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again.
    pub(super) fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            let state = self.state.lock();
            let is_written = written == Some(state.changes);
            (!is_written).then(|| (state.changes, fastjson::to_vec(&state.counts)))
        })
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;
    use crate::metadata::MemoryMetadata;

    #[test]
    fn counts_are_written_and_read() {
        let memory = Arc::new(MemoryMetadata::default());
        let load = || {
            let clock = Arc::new(ManualClock::at(7));
            TransactionMetrics::load(Arc::clone(&memory) as Arc<dyn MetadataStore>, clock).unwrap()
        };
        let metrics = load();
        metrics.add("T", 1);
        metrics.add("T", 1);
        metrics.add("T", -1);
        metrics.persist().unwrap();
        assert_eq!(
            memory.text("transactionMetrics").unwrap(),
            r#"{"dataVersion":{"counter":3,"stateVersion":0,"timestamp":7},"transactionCount":{"T":{"count":1,"timeStamp":7}}}"#
        );
        let metrics = load();
        metrics.add("T", 1);
        assert_eq!(metrics.state.lock().counts.transaction_count["T"].count, 2);
    }
}
