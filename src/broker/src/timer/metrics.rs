//! How many timed messages each topic has (`TimerMetrics`), in `config/timermetrics`.

use std::{collections::BTreeMap, sync::Arc};

use common::{data_version::DataVersion, fastjson, names};
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::metadata::{MetadataError, MetadataStore, TableFile};

const FILE: &str = "timermetrics";
/// Topics of light message queues, which are in no table.
const LMQ_PREFIX: &str = "%LMQ%";

/// `TimerMetricsSerializeWrapper`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Table {
    data_version: DataVersion,
    timing_count: BTreeMap<String, Metric>,
}

/// The timed messages of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    count: i64,
    /// When that last changed, in milliseconds.
    time_stamp: i64,
}

/// Counts timed messages by the topic they go to.
#[derive(Debug)]
pub struct TimerMetrics {
    file: TableFile,
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

impl TimerMetrics {
    /// Reads what was counted before.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(metadata: Arc<dyn MetadataStore>, clock: Arc<dyn Clock>) -> Result<Self, MetadataError> {
        let file = TableFile::new(FILE, metadata);
        let born = || Table { data_version: DataVersion::born(clock.now_millis()), ..Table::default() };
        let table: Table = file.load(|text| fastjson::from_slice(text.as_bytes()))?.unwrap_or_else(born);
        Ok(Self { file, clock, table: Mutex::new(table) })
    }

    /// Counts messages of a topic in, or out with a negative number.
    pub fn add(&self, topic: &str, change: i64) {
        let now = self.clock.now_millis();
        let mut table = self.table.lock();
        if let Some(metric) = table.timing_count.get_mut(topic) {
            *metric = Metric { count: metric.count + change, time_stamp: now };
        } else {
            table.timing_count.insert(topic.to_owned(), Metric { count: change, time_stamp: now });
        }
        table.data_version.advance(now);
    }

    /// Forgets a topic.
    pub fn remove(&self, topic: &str) {
        self.table.lock().timing_count.remove(topic);
    }

    /// Forgets topics that are no more.
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        let is_kept = |topic: &str| {
            topic.starts_with(names::SYSTEM_TOPIC_PREFIX) || topic.starts_with(LMQ_PREFIX) || exists(topic)
        };
        self.table.lock().timing_count.retain(|topic, _| is_kept(topic));
    }

    /// How many messages each topic has.
    pub fn counts(&self) -> Vec<(String, i64)> {
        let table = self.table.lock();
        table.timing_count.iter().map(|(topic, metric)| (topic.clone(), metric.count)).collect()
    }

    /// The table as a client gets it.
    pub fn encode(&self) -> Vec<u8> {
        fastjson::to_vec(&*self.table.lock())
    }

    /// Writes the file if anything has changed.
    ///
    /// # Errors
    /// When it cannot be written; the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            let table = self.table.lock();
            let state = table.data_version.counter.cast_unsigned();
            (written != Some(state)).then(|| (state, fastjson::to_vec_browser(&*table)))
        })
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;
    use crate::metadata::MemoryMetadata;

    #[test]
    fn the_file_is_rocketmqs() {
        let metadata = Arc::new(MemoryMetadata::default());
        let clock = Arc::new(ManualClock::at(7));
        let metrics = TimerMetrics::load(Arc::clone(&metadata) as _, clock).unwrap();
        metrics.add("T", 2);
        metrics.add("T", -1);
        metrics.persist().unwrap();
        let text = metadata.text(FILE).unwrap();
        assert_eq!(
            text,
            r#"{"dataVersion":{"counter":2,"stateVersion":0,"timestamp":7},"timingCount":{"T":{"count":1,"timeStamp":7}}}"#
        );
        let again = TimerMetrics::load(metadata, Arc::new(ManualClock::at(9))).unwrap();
        assert_eq!(again.encode(), text.as_bytes());
        again.retain(|topic| topic == "other");
        assert!(!String::from_utf8(again.encode()).unwrap().contains("\"T\""));
    }
}
