//! The consumer groups of this broker (`SubscriptionGroupManager`), kept in `subscriptionGroup.json`:
//!
//! ```text
//! {"subscriptionGroupTable":{...},"forbiddenTable":{"<group>":{"<topic>":bits}},"dataVersion":{...}}
//! ```
//!
//! RocketMQ writes the members the other way round and reads them in any order. Here the groups come first, so that one
//! more is written behind the others.
//!
//! Invariants: table and [`DataVersion`] change under one lock; a configuration is never changed in
//! place; there are at most [`GROUPS_MAX`] groups and, per group, [`FORBIDDEN_TOPICS_MAX`] topics with
//! forbidden bits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    config::BrokerConfig,
    data_version::DataVersion,
    fastjson::{self, FastjsonError},
    group::SubscriptionGroupConfig,
    names::{self, PREDEFINED_GROUPS},
};
use parking_lot::{Mutex, RwLock};
use runtime::{clock::Clock, shared_map::SharedMap};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::{
    light_queues::LightQueues,
    metadata::{MetadataError, MetadataStore, TableFile, TableText},
    table_state::TableState,
    topics::{AttributeError, Creation, alter_group_attributes},
};

/// Groups a broker takes.
pub const GROUPS_MAX: usize = 100_000;
/// Topics of one group with forbidden bits.
pub const FORBIDDEN_TOPICS_MAX: usize = 10_000;
/// Name of the file.
pub const GROUPS_FILE: &str = "subscriptionGroup.json";
/// The last of [`PREDEFINED_GROUPS`] is known to every broker but made by none.
const GROUPS_AT_START: usize = 8;

/// Why a group is not created or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The name is empty, too long or has an illegal character.
    #[error("the group name {0:?} is not valid")]
    Name(String),
    /// The broker has [`GROUPS_MAX`] groups.
    #[error("the broker has {GROUPS_MAX} groups already, delete some first")]
    TooMany,
    /// The group has forbidden bits for [`FORBIDDEN_TOPICS_MAX`] topics.
    #[error("the group has forbidden bits for {FORBIDDEN_TOPICS_MAX} topics already")]
    TooManyForbidden,
    /// The attributes cannot be altered as asked.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
}

/// What a bit of the forbidden table forbids, as its index (`PermName.INDEX_PERM_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForbiddenBit {
    /// Reading the topic.
    Read = 2,
    /// Writing the topic.
    Write = 1,
}

impl ForbiddenBit {
    fn mask(self) -> i32 {
        1 << (self as i32)
    }
}

/// Forbidden bits by topic, by group.
pub type ForbiddenTable = BTreeMap<String, BTreeMap<String, i32>>;

/// All groups at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSnapshot {
    /// Configurations by name.
    pub groups: BTreeMap<String, Arc<SubscriptionGroupConfig>>,
    /// What is forbidden to whom.
    pub forbidden: ForbiddenTable,
    /// The version that names this content.
    pub data_version: DataVersion,
}

/// The consumer groups of this broker.
#[derive(Debug)]
pub struct SubscriptionGroupManager {
    table: SharedMap<String, Arc<SubscriptionGroupConfig>>,
    /// Read on every pull, almost always empty.
    forbidden: RwLock<HashMap<String, HashMap<String, i32>>>,
    /// Held by everything that writes `table` or `forbidden`.
    state: Mutex<State>,
    light_queues: LightQueues,
    auto_create: AtomicBool,
    create_system_groups: AtomicBool,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

type State = TableState<SubscriptionGroupConfig>;

/// What the file begins with, before the first group.
const TABLE_HEAD: &str = "{\n\t\"subscriptionGroupTable\":{";
/// What stands behind the last one; no name holds a line break.
const TABLE_END: &str = "\n\t},\n\t\"forbiddenTable\":";

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupsFile {
    subscription_group_table: BTreeMap<String, Arc<SubscriptionGroupConfig>>,
    #[serde(deserialize_with = "null_as_empty")]
    forbidden_table: ForbiddenTable,
    data_version: DataVersion,
}

impl From<GroupSnapshot> for GroupsFile {
    fn from(snapshot: GroupSnapshot) -> Self {
        Self {
            subscription_group_table: snapshot.groups,
            forbidden_table: snapshot.forbidden,
            data_version: snapshot.data_version,
        }
    }
}

impl GroupsFile {
    fn text(&self) -> TableText {
        TableText::of(self, TABLE_HEAD, TABLE_END)
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ForbiddenTable, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl SubscriptionGroupManager {
    /// Reads the table; groups every broker has are there in any case.
    ///
    /// # Errors
    /// When the table was written before and cannot be read.
    pub fn load(
        broker: &BrokerConfig,
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let file = TableFile::new(GROUPS_FILE, metadata);
        let table: SharedMap<String, Arc<SubscriptionGroupConfig>> = PREDEFINED_GROUPS
            .into_iter()
            .take(GROUPS_AT_START)
            .map(|group| (group.to_owned(), Arc::new(SubscriptionGroupConfig::new(group))))
            .collect();
        let mut forbidden = HashMap::new();
        let mut data_version = DataVersion::born(clock.now_millis());
        if let Some(loaded) = file.load(parse)? {
            for (name, group) in loaded.subscription_group_table {
                table.insert(name, group);
            }
            for (group, topics) in loaded.forbidden_table {
                forbidden.insert(group, topics.into_iter().collect());
            }
            data_version = loaded.data_version;
            tracing::info!(groups = table.len(), "subscription groups loaded");
        }
        let manager = Self {
            table,
            forbidden: RwLock::new(forbidden),
            state: Mutex::new(State::of(data_version)),
            light_queues: LightQueues::Off,
            auto_create: AtomicBool::new(false),
            create_system_groups: AtomicBool::new(false),
            file,
            clock,
        };
        manager.reconfigure(broker);
        Ok(manager)
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.auto_create.store(broker.auto_create_subscription_group, Ordering::Relaxed);
        self.create_system_groups.store(broker.enable_create_sys_group, Ordering::Relaxed);
    }

    /// Lets the groups of light queues exist without being made.
    #[must_use]
    pub fn with_light_queues(mut self, light_queues: LightQueues) -> Self {
        self.light_queues = light_queues;
        self
    }

    /// The group of that name. One of a light queue needs no entry.
    pub fn find(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        if let Some(light) = self.light_queues.group(group) {
            return Some(light);
        }
        self.table.get(group).map(|entry| Arc::clone(entry.value()))
    }

    /// Whether there is a group of that name.
    pub fn contains(&self, group: &str) -> bool {
        self.light_queues.includes(group) || self.table.contains_key(group)
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The names of all groups.
    pub fn names(&self) -> Vec<String> {
        self.table.iter().map(|entry| entry.key().clone()).collect()
    }

    /// Whether there is no group at all.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The group, made if it is not there and may be (`findSubscriptionGroupConfig`).
    ///
    /// A new one waits to be persisted. `None` when it is not there and may not be made: groups are not
    /// made by themselves here, the name is not valid, or there are too many.
    pub fn find_or_create(&self, group: &str) -> Option<Creation<SubscriptionGroupConfig>> {
        if let Some(config) = self.find(group) {
            return Some(Creation::existing(config));
        }
        let may_create = self.auto_create.load(Ordering::Relaxed)
            || (names::is_system_group(group) && self.create_system_groups.load(Ordering::Relaxed));
        if !may_create || !names::is_valid_group(group) {
            return None;
        }
        let mut state = self.state.lock();
        if let Some(config) = self.find(group) {
            return Some(Creation::existing(config));
        }
        match self.add(SubscriptionGroupConfig::new(group), &mut state) {
            Ok(creation) => Some(creation),
            Err(error) => {
                tracing::warn!(group, %error, "subscription group not created");
                None
            }
        }
    }

    /// Creates or replaces a group (`updateSubscriptionGroupConfig`); attributes are an alteration.
    ///
    /// # Errors
    /// When the alteration breaks a rule, or a new group has a bad name or is one too many.
    pub fn update(
        &self,
        mut config: SubscriptionGroupConfig,
    ) -> Result<Creation<SubscriptionGroupConfig>, GroupError> {
        if let Some(light) = self.light_queues.group(&config.group_name) {
            return Ok(Creation::existing(light));
        }
        let mut state = self.state.lock();
        let current = self.find(&config.group_name);
        if current.is_none() && !names::is_valid_group(&config.group_name) {
            return Err(GroupError::Name(config.group_name));
        }
        let attributes = current.as_ref().map(|current| &current.attributes);
        config.attributes = alter_group_attributes(attributes, &config.attributes)?;
        match current {
            None => self.add(config, &mut state),
            Some(old) => {
                tracing::info!(?old, new = ?config, "subscription group updated");
                let config = Arc::new(config);
                self.put(Arc::clone(&config), &mut state);
                Ok(Creation::changed(config))
            }
        }
    }

    /// Takes the right to consume from a group (`disableConsume`); whether there is such a group.
    pub fn disable_consume(&self, group: &str) -> bool {
        let mut state = self.state.lock();
        let Some(old) = self.find(group).filter(|_| !self.light_queues.includes(group)) else { return false };
        let config = SubscriptionGroupConfig { consume_enable: false, ..(*old).clone() };
        self.put(Arc::new(config), &mut state);
        true
    }

    /// Removes a group and its forbidden bits; what it was, `None` when there was none.
    pub fn delete(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        let mut state = self.state.lock();
        let was_forbidden = self.forbidden.write().remove(group).is_some();
        let old = self.table.remove(group).map(|(_, old)| old);
        if old.is_some() || was_forbidden {
            self.advance(&mut state);
            tracing::info!(group, "subscription group deleted");
        }
        old
    }

    /// Whether something about a topic is forbidden to a group (`getForbidden`).
    pub fn is_forbidden(&self, group: &str, topic: &str, bit: ForbiddenBit) -> bool {
        self.forbidden_bits(group, topic) & bit.mask() != 0
    }

    /// All that is forbidden to a group about a topic, as bits.
    pub fn forbidden_bits(&self, group: &str, topic: &str) -> i32 {
        let forbidden = self.forbidden.read();
        forbidden.get(group).and_then(|topics| topics.get(topic)).map_or(0, |bits| (*bits).max(0))
    }

    /// Forbids something about a topic to a group.
    ///
    /// # Errors
    /// When bits are kept for too many groups or topics.
    pub fn forbid(&self, group: &str, topic: &str, bit: ForbiddenBit) -> Result<(), GroupError> {
        self.set_forbidden(group, topic, |bits| bits | bit.mask())
    }

    /// Allows it again.
    ///
    /// # Errors
    /// None in practice: taking a bit away needs no room.
    pub fn allow(&self, group: &str, topic: &str, bit: ForbiddenBit) -> Result<(), GroupError> {
        self.set_forbidden(group, topic, |bits| bits & !bit.mask())
    }

    fn set_forbidden(&self, group: &str, topic: &str, change: impl Fn(i32) -> i32) -> Result<(), GroupError> {
        let mut state = self.state.lock();
        let old = self.forbidden_bits(group, topic);
        let new = change(old);
        if new == old {
            return Ok(());
        }
        let mut forbidden = self.forbidden.write();
        if new > 0 {
            if forbidden.len() >= GROUPS_MAX && !forbidden.contains_key(group) {
                return Err(GroupError::TooMany);
            }
            let topics = forbidden.entry(group.to_owned()).or_default();
            if topics.len() >= FORBIDDEN_TOPICS_MAX && !topics.contains_key(topic) {
                return Err(GroupError::TooManyForbidden);
            }
            topics.insert(topic.to_owned(), new);
        } else if let Some(topics) = forbidden.get_mut(group) {
            topics.remove(topic);
            if topics.is_empty() {
                forbidden.remove(group);
            }
        }
        drop(forbidden);
        tracing::info!(group, topic, old, new, "forbidden bits of a group changed");
        self.advance(&mut state);
        Ok(())
    }

    /// The version of the table as it is.
    pub fn data_version(&self) -> DataVersion {
        self.state.lock().data_version
    }

    /// All groups and the version that names them.
    pub fn snapshot(&self) -> GroupSnapshot {
        let state = self.state.lock();
        self.collect(state.data_version)
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        let change = |written: Option<u64>| {
            self.state.lock().change_since(written, |added, data_version| {
                let groups = by_name(added.iter().cloned());
                GroupsFile::from(GroupSnapshot { groups, forbidden: self.forbidden_table(), data_version })
                    .text()
            })
        };
        let whole = || {
            let (generation, snapshot) = {
                let state = self.state.lock();
                (state.generation(), self.collect(state.data_version))
            };
            (generation, GroupsFile::from(snapshot).text())
        };
        self.file.persist_growing(change, whole)
    }

    /// Does what [`Self::persist`] leaves for when nobody waits; blocks on the disk.
    pub fn settle(&self) {
        self.file.settle();
    }

    fn collect(&self, data_version: DataVersion) -> GroupSnapshot {
        let groups = by_name(self.table.iter().map(|entry| Arc::clone(entry.value())));
        GroupSnapshot { groups, forbidden: self.forbidden_table(), data_version }
    }

    fn forbidden_table(&self) -> ForbiddenTable {
        let topics = |topics: &HashMap<String, i32>| {
            topics.iter().map(|(topic, bits)| (topic.clone(), *bits)).collect()
        };
        self.forbidden.read().iter().map(|(group, forbidden)| (group.clone(), topics(forbidden))).collect()
    }

    fn add(
        &self,
        config: SubscriptionGroupConfig,
        state: &mut State,
    ) -> Result<Creation<SubscriptionGroupConfig>, GroupError> {
        if self.table.len() >= GROUPS_MAX {
            return Err(GroupError::TooMany);
        }
        tracing::info!(?config, "subscription group created");
        let config = Arc::new(config);
        self.table.insert(config.group_name.clone(), Arc::clone(&config));
        state.add(Arc::clone(&config), self.clock.now_millis());
        Ok(Creation::new(config))
    }

    fn put(&self, config: Arc<SubscriptionGroupConfig>, state: &mut State) {
        self.table.insert(config.group_name.clone(), config);
        self.advance(state);
    }

    fn advance(&self, state: &mut State) {
        state.advance(self.clock.now_millis());
    }
}

fn by_name(
    groups: impl Iterator<Item = Arc<SubscriptionGroupConfig>>,
) -> BTreeMap<String, Arc<SubscriptionGroupConfig>> {
    groups.map(|group| (group.group_name.clone(), group)).collect()
}

fn parse(text: &str) -> Result<GroupsFile, FastjsonError> {
    fastjson::from_str(text)
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
