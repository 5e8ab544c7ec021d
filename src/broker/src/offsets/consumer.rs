//! Consumer offsets (`ConsumerOffsetManager`), kept in `consumerOffset.json`:
//!
//! ```text
//! {"dataVersion":{...},"groupTopicMap":{"<group>":["<topic>"]},"offsetTable":{"<topic>@<group>":{0:5,1:7}}}
//! ```
//!
//! `groupTopicMap` is written because Java writes it, and not read, as Java does not read it.
//! Invariants: an offset is what the group consumes next; committing touches memory only; a pending
//! reset ([`ConsumerOffsetManager::assign_reset`]) outranks what is committed until it is fetched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use common::{
    config::BrokerConfig,
    data_version::DataVersion,
    fastjson::{self, FastjsonError},
};
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    QueueOffsets,
    table::{Full, Names, NamesRef, OffsetTable, OwnedNames, QueueMap},
};
use crate::{
    light_queues::LightQueues,
    metadata::{MetadataError, MetadataStore, TableFile},
};

/// Pairs of topic and group the table takes.
pub const GROUPS_MAX: usize = 1_000_000;
/// Queues of one pair the table takes.
pub const GROUP_QUEUES_MAX: usize = 65_536;
/// Name of the file.
pub const CONSUMER_OFFSET_FILE: &str = "consumerOffset.json";
/// Name of the file of a broker with light queues: it has the offsets of all groups.
pub const LIGHT_OFFSET_FILE: &str = "lmqConsumerOffset.json";
/// A light queue has one queue, whatever a client says.
const LIGHT_QUEUE_ID: i32 = 0;

/// Why an offset is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OffsetError {
    /// The table has [`GROUPS_MAX`] pairs or the pair [`GROUP_QUEUES_MAX`] queues.
    #[error("no room for more consumer offsets, delete unused groups or topics")]
    Full,
    /// Queue or offset is negative, or a name is empty.
    #[error("topic, group, queue or offset is not valid")]
    Invalid,
}

impl From<Full> for OffsetError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// All offsets at about one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetSnapshot {
    /// The version of the table.
    pub data_version: DataVersion,
    /// Offsets by queue, by `topic@group`.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// The consumer offsets of this broker.
#[derive(Debug)]
pub struct ConsumerOffsetManager {
    offsets: OffsetTable,
    resets: OffsetTable,
    pull_offsets: OffsetTable,
    data_version: Mutex<DataVersion>,
    /// Counts changes; every so many of them make a new version.
    changes: AtomicU64,
    version_step: AtomicI64,
    server_side_reset: AtomicBool,
    light_queues: LightQueues,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct OffsetFile {
    data_version: DataVersion,
    #[serde(skip_deserializing)]
    group_topic_map: BTreeMap<String, BTreeSet<String>>,
    /// Of the groups of light queues, by `topic@group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    lmq_offset_table: Option<BTreeMap<String, i64>>,
    offset_table: BTreeMap<String, QueueMap>,
}

impl ConsumerOffsetManager {
    /// Reads the table.
    ///
    /// # Errors
    /// When it was written before and cannot be read.
    pub fn load(
        broker: &BrokerConfig,
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        Self::load_with(broker, LightQueues::Off, metadata, clock)
    }

    /// Reads the table of a broker with or without light queues. Where they have just been turned on, groups go on
    /// from the offsets of the other file.
    ///
    /// # Errors
    /// When it was written before and cannot be read.
    pub fn load_with(
        broker: &BrokerConfig,
        light_queues: LightQueues,
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let plain = TableFile::new(CONSUMER_OFFSET_FILE, Arc::clone(&metadata));
        let (file, loaded) = match light_queues {
            LightQueues::Off => {
                let loaded = plain.load(parse)?;
                (plain, loaded)
            }
            LightQueues::On => {
                let file = TableFile::new(LIGHT_OFFSET_FILE, metadata);
                let loaded =
                    file.load(parse)?.map_or_else(|| plain.load(parse), |loaded| Ok(Some(loaded)))?;
                (file, loaded)
            }
        };
        let data_version =
            loaded.as_ref().map_or_else(|| DataVersion::born(clock.now_millis()), |file| file.data_version);
        let table = || OffsetTable::new(GROUPS_MAX, GROUP_QUEUES_MAX);
        let manager = Self {
            offsets: table(),
            resets: table(),
            pull_offsets: table(),
            data_version: Mutex::new(data_version),
            changes: AtomicU64::new(0),
            version_step: AtomicI64::new(1),
            server_side_reset: AtomicBool::new(true),
            light_queues,
            file,
            clock,
        };
        let OffsetFile { offset_table, lmq_offset_table, .. } = loaded.unwrap_or_default();
        for (key, queues) in offset_table {
            manager.offsets.restore(&key, &queues);
        }
        for (key, queue_offset) in lmq_offset_table.unwrap_or_default() {
            manager.offsets.restore(&key, &QueueMap::from([(LIGHT_QUEUE_ID, queue_offset)]));
        }
        manager.reconfigure(broker);
        Ok(manager)
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.version_step.store(broker.consumer_offset_update_version_step, Ordering::Relaxed);
        self.server_side_reset.store(broker.use_server_side_reset_offset, Ordering::Relaxed);
    }

    /// Records how far a group has come in a queue; `client` is named in the log when that is backwards.
    ///
    /// # Errors
    /// When the table is full.
    pub fn commit(
        &self,
        client: &dyn Display,
        group: &str,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
    ) -> Result<(), OffsetError> {
        let queue_id = self.queue_of(group, queue_id);
        let previous = self.offsets.set(NamesRef { topic, group }, queue_id, queue_offset)?;
        if let Some(previous) = previous.filter(|previous| queue_offset < *previous) {
            tracing::warn!(%client, group, topic, queue_id, queue_offset, previous, "consumer offset goes back");
        }
        let changes = self.changed();
        let step = u64::try_from(self.version_step.load(Ordering::Relaxed)).unwrap_or(1).max(1);
        if changes.is_multiple_of(step) {
            self.data_version.lock().advance(self.clock.now_millis());
        }
        Ok(())
    }

    /// Records up to where a group has pulled, which may be ahead of what it has consumed.
    ///
    /// # Errors
    /// When the table is full.
    pub fn commit_pull(
        &self,
        group: &str,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
    ) -> Result<(), OffsetError> {
        self.pull_offsets.set(NamesRef { topic, group }, queue_id, queue_offset)?;
        Ok(())
    }

    /// Where a group goes on in a queue: the pending reset if there is one, else what it committed.
    pub fn query(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let names = NamesRef { topic, group };
        let queue_id = self.queue_of(group, queue_id);
        let reset = if self.honours_resets() { self.resets.get(names, queue_id) } else { None };
        reset.or_else(|| self.offsets.get(names, queue_id)).filter(|queue_offset| *queue_offset >= 0)
    }

    /// The queue an offset of the group belongs to.
    fn queue_of(&self, group: &str, queue_id: i32) -> i32 {
        if self.light_queues.includes(group) { LIGHT_QUEUE_ID } else { queue_id }
    }

    /// All a group has committed in a topic, by queue; `None` when it never did.
    pub fn query_all(&self, group: &str, topic: &str) -> Option<BTreeMap<i32, i64>> {
        self.offsets.queues(NamesRef { topic, group })
    }

    /// Up to where a group has pulled, or else where it goes on.
    pub fn query_pull(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let pulled = self.pull_offsets.get(NamesRef { topic, group }, queue_id);
        pulled.filter(|queue_offset| *queue_offset >= 0).or_else(|| self.query(group, topic, queue_id))
    }

    /// Forgets up to where a group has pulled.
    pub fn clear_pull(&self, group: &str, topic: &str) {
        self.pull_offsets.remove(NamesRef { topic, group });
    }

    /// Sends a group to an offset: its next pull starts there, and what it commits meanwhile is ignored
    /// (`assignResetOffset`).
    ///
    /// # Errors
    /// When an argument is not valid or the table is full.
    pub fn assign_reset(
        &self,
        topic: &str,
        group: &str,
        queue_id: i32,
        queue_offset: i64,
    ) -> Result<(), OffsetError> {
        if topic.is_empty() || group.is_empty() || queue_id < 0 || queue_offset < 0 {
            return Err(OffsetError::Invalid);
        }
        let names = NamesRef { topic, group };
        self.resets.set(names, queue_id, queue_offset)?;
        self.offsets.set(names, queue_id, queue_offset)?;
        self.changed();
        tracing::info!(topic, group, queue_id, queue_offset, "consumer offset reset");
        Ok(())
    }

    /// Whether a reset of a queue waits to be fetched.
    pub fn has_reset(&self, topic: &str, group: &str, queue_id: i32) -> bool {
        self.honours_resets() && self.resets.get(NamesRef { topic, group }, queue_id).is_some()
    }

    /// Fetches a pending reset, which is over then (`queryThenEraseResetOffset`).
    pub fn take_reset(&self, topic: &str, group: &str, queue_id: i32) -> Option<i64> {
        if self.honours_resets() { self.resets.take(NamesRef { topic, group }, queue_id) } else { None }
    }

    fn honours_resets(&self) -> bool {
        self.server_side_reset.load(Ordering::Relaxed)
    }

    /// Lets a group go on where another one is (`cloneOffset`).
    ///
    /// # Errors
    /// When the table is full.
    pub fn clone_group(&self, source: &str, destination: &str, topic: &str) -> Result<(), OffsetError> {
        if let Some(queues) = self.query_all(source, topic) {
            self.offsets.replace(NamesRef { topic, group: destination }, &queues)?;
            self.changed();
        }
        Ok(())
    }

    /// Forgets all about a group (`removeOffset`); whether there was anything.
    pub fn remove_group(&self, group: &str) -> bool {
        let mut removed = 0;
        for table in [&self.offsets, &self.resets, &self.pull_offsets] {
            removed += table.remove_all(|names, _| names.plain_group() == Some(group)).len();
        }
        self.removed("group", group, removed)
    }

    /// Forgets what groups committed in a topic (`cleanOffsetByTopic`); whether there was anything.
    pub fn remove_topic(&self, topic: &str) -> bool {
        let removed = self.offsets.remove_all(|names, _| is_of_topic(names, topic)).len();
        self.removed("topic", topic, removed)
    }

    /// Forgets what groups committed in topics they no longer subscribe to and whose messages up to there
    /// are gone (`scanUnsubscribedTopic`).
    pub fn remove_unsubscribed(&self, is_subscribed: &dyn Fn(&str, &str) -> bool, queues: &dyn QueueOffsets) {
        let removed = self.offsets.remove_all(|names, offsets| {
            let topic = Names::topic(names);
            let Some(group) = names.plain_group() else { return false };
            let is_behind = |(id, offset): (&i32, &i64)| *offset <= queues.min_queue_offset(topic, *id);
            !is_subscribed(group, topic) && !offsets.is_empty() && offsets.iter().all(is_behind)
        });
        self.removed("unsubscribed", &removed.join(","), removed.len());
    }

    fn removed(&self, subject: &str, name: &str, count: usize) -> bool {
        if count > 0 {
            self.changed();
            tracing::warn!(subject, name, count, "consumer offsets removed");
        }
        count > 0
    }

    /// The topics a group has committed offsets in.
    pub fn topics_of_group(&self, group: &str) -> BTreeSet<String> {
        let mut topics = BTreeSet::new();
        self.offsets.for_each(|names| {
            if names.plain_group() == Some(group) {
                topics.insert(Names::topic(names).to_owned());
            }
        });
        topics
    }

    /// The groups that have committed offsets in a topic.
    pub fn groups_of_topic(&self, topic: &str) -> BTreeSet<String> {
        let mut groups = BTreeSet::new();
        self.offsets.for_each(|names| {
            if let Some(group) = names.plain_group().filter(|_| is_of_topic(names, topic)) {
                groups.insert(group.to_owned());
            }
        });
        groups
    }

    /// The topics of every group.
    pub fn group_topics(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut map: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        self.offsets.for_each(|names| {
            if let Some(group) = names.plain_group() {
                let topic = Names::topic(names).to_owned();
                map.entry(group.to_owned()).or_default().insert(topic);
            }
        });
        map
    }

    /// The smallest offset any group has committed in each queue of a topic, counting only offsets whose
    /// message is still there; groups of `except` do not count (`queryMinOffsetInAllGroup`).
    pub fn min_in_all_groups(
        &self,
        topic: &str,
        except: &[&str],
        queues: &dyn QueueOffsets,
    ) -> BTreeMap<i32, i64> {
        let mut smallest: BTreeMap<i32, i64> = BTreeMap::new();
        self.offsets.for_each_queue(|names, queue_id, queue_offset| {
            let counts = is_of_topic(names, topic)
                && !except.contains(&Names::group(names))
                && queue_offset >= queues.min_queue_offset(topic, queue_id);
            if counts {
                let entry = smallest.entry(queue_id).or_insert(queue_offset);
                *entry = (*entry).min(queue_offset);
            }
        });
        smallest
    }

    /// The version of the table.
    pub fn data_version(&self) -> DataVersion {
        *self.data_version.lock()
    }

    /// A copy of the whole.
    pub fn snapshot(&self) -> OffsetSnapshot {
        OffsetSnapshot { data_version: self.data_version(), offset_table: self.offsets.to_maps() }
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            // Read before the table: a change in between is written now and once more later.
            let changes = self.changes.load(Ordering::Acquire);
            if written == Some(changes) {
                return None;
            }
            Some((changes, fastjson::to_vec_pretty(&self.to_file())))
        })
    }

    fn to_file(&self) -> OffsetFile {
        let is_light = |key: &str| {
            let names = OwnedNames::from_key(key);
            names.plain_group().is_some_and(|group| self.light_queues.includes(group))
        };
        let (lights, offset_table): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.offsets.to_maps().into_iter().partition(|(key, _)| is_light(key));
        let mut group_topic_map = self.group_topics();
        group_topic_map.retain(|group, _| !self.light_queues.includes(group));
        let of_queue = |queues: QueueMap| queues.get(&LIGHT_QUEUE_ID).copied();
        let lights = lights.into_iter().filter_map(|(key, queues)| Some((key, of_queue(queues)?)));
        OffsetFile {
            data_version: self.data_version(),
            group_topic_map,
            lmq_offset_table: (self.light_queues == LightQueues::On).then(|| lights.collect()),
            offset_table,
        }
    }

    /// Counts a change that is already in the table.
    fn changed(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::Release) + 1
    }
}

fn is_of_topic(names: &OwnedNames, topic: &str) -> bool {
    Names::topic(names) == topic
}

fn parse(text: &str) -> Result<OffsetFile, FastjsonError> {
    fastjson::from_str(text)
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;
