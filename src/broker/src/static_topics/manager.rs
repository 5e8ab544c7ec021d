//! The mappings of this broker (`TopicQueueMappingManager`), kept in `topicQueueMapping.json`:
//!
//! ```text
//! {"dataVersion":{...},"topicQueueMappingInfoMap":{"<topic>":{TopicQueueMappingDetail},...}}
//! ```
//!
//! Invariants: a mapping is never changed in place, readers hold whole ones; one mapping follows another
//! only by the rules of [`super::rules`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    data_version::DataVersion,
    fastjson::{self, FastjsonError},
};
use parking_lot::{Mutex, RwLock};
use remoting::body::{queue_mapping::TopicQueueMappingDetail, route::TopicQueueMappingInfo};
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};

use super::rules::{self, MappingError, Replacement};
use crate::metadata::{MetadataError, MetadataStore, TableFile};

/// Name of the file.
pub const TOPIC_QUEUE_MAPPING_FILE: &str = "topicQueueMapping.json";

type Details = BTreeMap<String, Arc<TopicQueueMappingDetail>>;

/// The mappings of the static topics on this broker.
#[derive(Debug)]
pub struct TopicQueueMappingManager {
    broker_name: String,
    table: RwLock<Details>,
    /// Whether there is any: most brokers have none, and every message asks.
    any: AtomicBool,
    /// Held by everything that writes `table`.
    state: Mutex<State>,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct State {
    data_version: DataVersion,
    generation: u64,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct MappingFile {
    data_version: DataVersion,
    topic_queue_mapping_info_map: Details,
}

impl TopicQueueMappingManager {
    /// Reads the mappings of the broker of that name.
    ///
    /// # Errors
    /// When the table was written before and cannot be read.
    pub fn load(
        broker_name: &str,
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let file = TableFile::new(TOPIC_QUEUE_MAPPING_FILE, metadata);
        let loaded = file.load(|text| -> Result<MappingFile, FastjsonError> { fastjson::from_str(text) })?;
        let loaded = loaded.unwrap_or_else(|| MappingFile {
            data_version: DataVersion::born(clock.now_millis()),
            ..MappingFile::default()
        });
        let details = loaded.topic_queue_mapping_info_map;
        Ok(Self {
            broker_name: broker_name.to_owned(),
            any: AtomicBool::new(!details.is_empty()),
            table: RwLock::new(details),
            state: Mutex::new(State { data_version: loaded.data_version, generation: 0 }),
            file,
            clock,
        })
    }

    /// The name of this broker, which mappings know it by.
    pub fn broker_name(&self) -> &str {
        &self.broker_name
    }

    /// The mapping of a topic; `None` when it is no static one.
    pub fn find(&self, topic: &str) -> Option<Arc<TopicQueueMappingDetail>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.table.read().get(topic).cloned()
    }

    /// Whether a mapping could be taken now, so that [`Self::update`] will.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn check(
        &self,
        detail: &TopicQueueMappingDetail,
        replacement: Replacement,
    ) -> Result<(), MappingError> {
        self.successor(detail.clone(), replacement).map(drop)
    }

    /// Takes a mapping (`updateTopicQueueMapping`).
    ///
    /// # Errors
    /// When it makes no sense, or cannot follow the one that is there.
    pub fn update(
        &self,
        detail: TopicQueueMappingDetail,
        replacement: Replacement,
    ) -> Result<(), MappingError> {
        let mut state = self.state.lock();
        let detail = Arc::new(self.successor(detail, replacement)?);
        tracing::info!(topic = detail.topic, epoch = detail.epoch, ?replacement, "queue mapping updated");
        self.table.write().insert(detail.topic.clone(), detail);
        self.any.store(true, Ordering::Release);
        self.advance(&mut state);
        Ok(())
    }

    /// Drops the history of logical queues that is no longer needed; `keep` gets the mapping as it is.
    pub(super) fn clean(
        &self,
        topic: &str,
        keep: impl FnOnce(&TopicQueueMappingDetail) -> Option<TopicQueueMappingDetail>,
    ) {
        let mut state = self.state.lock();
        let Some(cleaned) = self.find(topic).and_then(|detail| keep(&detail)) else { return };
        self.table.write().insert(topic.to_owned(), Arc::new(cleaned));
        self.advance(&mut state);
    }

    /// Forgets the mapping of a topic; whether there was one.
    pub fn delete(&self, topic: &str) -> bool {
        let mut state = self.state.lock();
        let mut table = self.table.write();
        let was_there = table.remove(topic).is_some();
        self.any.store(!table.is_empty(), Ordering::Release);
        drop(table);
        if was_there {
            tracing::info!(topic, "queue mapping deleted");
            self.advance(&mut state);
        }
        was_there
    }

    /// All mappings and the version that names them.
    pub fn snapshot(&self) -> (DataVersion, BTreeMap<String, Arc<TopicQueueMappingDetail>>) {
        let state = self.state.lock();
        (state.data_version, self.table.read().clone())
    }

    /// What NameServers are told of those among the topics that are static ones.
    pub fn infos<'a>(
        &self,
        topics: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, TopicQueueMappingInfo> {
        topics.filter_map(|topic| Some((topic.to_owned(), self.find(topic)?.to_info()))).collect()
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            let (generation, file) = {
                let state = self.state.lock();
                if written.unwrap_or(0) == state.generation {
                    return None;
                }
                let details = self.table.read().clone();
                let file =
                    MappingFile { data_version: state.data_version, topic_queue_mapping_info_map: details };
                (state.generation, file)
            };
            Some((generation, fastjson::to_vec_pretty(&file)))
        })
    }

    fn successor(
        &self,
        detail: TopicQueueMappingDetail,
        replacement: Replacement,
    ) -> Result<TopicQueueMappingDetail, MappingError> {
        rules::check(&detail, &self.broker_name)?;
        match self.find(&detail.topic) {
            Some(old) => rules::follow(&old, detail, replacement),
            None => Ok(detail),
        }
    }

    fn advance(&self, state: &mut State) {
        state.data_version.advance(self.clock.now_millis());
        state.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use remoting::body::queue_mapping::LogicQueueMappingItem;
    use runtime::clock::ManualClock;

    use super::*;
    use crate::metadata::{MemoryMetadata, testing::memory};

    fn load(metadata: Arc<dyn MetadataStore>) -> TopicQueueMappingManager {
        TopicQueueMappingManager::load("a", metadata, Arc::new(ManualClock::at(1_000))).unwrap()
    }

    fn detail(epoch: i64) -> TopicQueueMappingDetail {
        let item = LogicQueueMappingItem { bname: "a".to_owned(), ..LogicQueueMappingItem::default() };
        TopicQueueMappingDetail {
            bname: "a".to_owned(),
            epoch,
            hosted_queues: [(3, vec![item])].into(),
            topic: "T".to_owned(),
            total_queues: 4,
            ..TopicQueueMappingDetail::default()
        }
    }

    #[test]
    fn mappings_are_written_in_rocketmqs_form_and_read_again() {
        let (texts, metadata) = memory();
        let manager = load(Arc::clone(&metadata));
        assert!(manager.find("T").is_none());
        manager.update(detail(5), Replacement::Checked).unwrap();
        manager.persist().unwrap();
        let text = texts.text(TOPIC_QUEUE_MAPPING_FILE).unwrap();
        let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        assert_eq!(
            compact,
            r#"{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1000},"topicQueueMappingInfoMap":{"T":{"bname":"a","currIdMap":{},"dirty":false,"epoch":5,"hostedQueues":{3:[{"bname":"a","endOffset":-1,"gen":0,"logicOffset":0,"queueId":0,"startOffset":0,"timeOfEnd":-1,"timeOfStart":-1}]},"scope":"__global__","topic":"T","totalQueues":4}}}"#
        );
        assert_eq!(*load(metadata).find("T").unwrap(), detail(5));
    }

    #[test]
    fn a_refused_mapping_leaves_the_old_one() {
        let manager = load(Arc::new(MemoryMetadata::default()));
        manager.update(detail(5), Replacement::Checked).unwrap();
        assert!(manager.check(&detail(4), Replacement::Checked).is_err());
        assert!(manager.update(detail(4), Replacement::Checked).is_err());
        assert_eq!(manager.find("T").unwrap().epoch, 5);
        assert_eq!(manager.infos(["T", "U"].into_iter()).len(), 1);
    }

    #[test]
    fn a_deleted_mapping_is_forgotten() {
        let (texts, metadata) = memory();
        let manager = load(metadata);
        manager.update(detail(5), Replacement::Checked).unwrap();
        assert!(manager.delete("T") && !manager.delete("T"));
        manager.persist().unwrap();
        assert!(!texts.text(TOPIC_QUEUE_MAPPING_FILE).unwrap().contains("hostedQueues"));
        assert!(manager.find("T").is_none());
    }
}
