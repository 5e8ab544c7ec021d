//! The topics of this broker (`TopicConfigManager`), kept in `topics.json` ([`file`]).
//!
//! Invariants: the table and its [`DataVersion`] change under one lock, so that a version names one
//! content; a configuration is never changed in place, readers hold whole ones; the table has at most
//! [`TOPICS_MAX`] topics made by others than this module.

mod attributes;
mod creation;
mod file;
mod system;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    config::{BrokerConfig, MessageStoreConfig},
    data_version::DataVersion,
    names::{
        self, AUTO_CREATE_TOPIC_KEY_TOPIC, InvalidTopic, NAME_LENGTH_MAX_BYTES, RETRY_GROUP_TOPIC_PREFIX,
    },
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};
use parking_lot::Mutex;
use runtime::{clock::Clock, shared_map::SharedMap};
use store::{
    compaction::CompactedTopics,
    consume_queue::{QueueKind, QueueKinds},
};

pub(crate) use attributes::alter_group_attributes;
pub use attributes::{AttributeError, parse_attributes};
pub use creation::{Created, Creation, TopicError};

use crate::{
    light_queues::LightQueues,
    metadata::{MetadataError, MetadataStore, TableFile},
    table_state::TableState,
};

use self::file::TopicsFile;

type State = TableState<TopicConfig>;

/// Topics a broker takes; one more is refused with [`TopicError::TooMany`].
pub const TOPICS_MAX: usize = 100_000;

/// Name of the file.
pub const TOPICS_FILE: &str = "topics.json";

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the NameServers of topics that are new or changed, before whoever asked for them is answered.
pub trait TopicAnnouncer: Send + Sync {
    /// Announces these topics; a NameServer that cannot be reached is not an error.
    fn announce<'a>(&'a self, topics: &'a [Arc<TopicConfig>]) -> BoxFuture<'a, ()>;
}

/// A topic to be made after a template (`createTopicInSendMessageMethod`).
#[derive(Clone, Copy, Debug)]
pub struct FromTemplate<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The topic whose permission it takes.
    pub template: &'a str,
    /// How many queues the client wants; the template's number is the most it gets.
    pub client_queue_nums: i32,
    /// Unit bits.
    pub sys_flag: i32,
}

/// All topics at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSnapshot {
    /// Configurations by name.
    pub topics: BTreeMap<String, Arc<TopicConfig>>,
    /// The version that names this content.
    pub data_version: DataVersion,
}

/// The topics of this broker.
#[derive(Debug)]
pub struct TopicConfigManager {
    table: SharedMap<String, Arc<TopicConfig>>,
    /// Held by everything that writes `table`.
    state: Mutex<State>,
    /// System topics that carry the names of this broker and its cluster.
    own_system_topics: Vec<String>,
    light_queues: LightQueues,
    /// What the store is told of the topics.
    queue_kinds: Arc<QueueKinds>,
    compacted: Arc<CompactedTopics>,
    auto_create_topic_enable: AtomicBool,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

impl TopicConfigManager {
    /// Reads the table; the system topics it lacks are made as RocketMQ makes them at start.
    ///
    /// # Errors
    /// When the table was written before and cannot be read.
    pub fn load(
        broker: &BrokerConfig,
        store: &MessageStoreConfig,
        metadata: Arc<dyn MetadataStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let file = TableFile::new(TOPICS_FILE, metadata);
        let table: SharedMap<String, Arc<TopicConfig>> = system::topics_at_start(broker, store)
            .into_iter()
            .map(|topic| (topic.topic_name.clone(), Arc::new(topic)))
            .collect();
        let own_system_topics = system::own_names(broker);
        let mut data_version = DataVersion::born(clock.now_millis());
        if let Some(loaded) = file.load(TopicsFile::parse)? {
            for (name, topic) in loaded.topic_config_table {
                table.insert(name, topic);
            }
            data_version = loaded.data_version;
            tracing::info!(topics = table.len(), "topics loaded");
        }
        let manager = Self {
            table,
            state: Mutex::new(State::of(data_version)),
            own_system_topics,
            light_queues: LightQueues::of(store),
            queue_kinds: Arc::default(),
            compacted: Arc::default(),
            auto_create_topic_enable: AtomicBool::new(false),
            file,
            clock,
        };
        manager.reconfigure(broker);
        Ok(manager)
    }

    /// Tells the store which kind of queues topics have, and which of them are compacted.
    #[must_use]
    pub fn with_store(mut self, queue_kinds: Arc<QueueKinds>, compacted: Arc<CompactedTopics>) -> Self {
        (self.queue_kinds, self.compacted) = (queue_kinds, compacted);
        self.table.iter().for_each(|topic| self.tell_store(topic.value()));
        self
    }

    fn tell_store(&self, config: &TopicConfig) {
        let (kind, is_compacted) = match (config.has_batch_queues(), config.is_compacted()) {
            // A Java broker makes such a topic, and loses its messages.
            (true, _) => (QueueKind::Batch, false),
            (false, is_compacted) => (QueueKind::Simple, is_compacted),
        };
        self.queue_kinds.set(&config.topic_name, kind);
        self.compacted.set(&config.topic_name, is_compacted);
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.auto_create_topic_enable.store(broker.auto_create_topic_enable, Ordering::Relaxed);
    }

    /// The topic of that name. A light queue needs no entry.
    pub fn find(&self, topic: &str) -> Option<Arc<TopicConfig>> {
        if let Some(light) = self.light_queues.topic(topic) {
            return Some(light);
        }
        self.table.get(topic).map(|entry| Arc::clone(entry.value()))
    }

    /// Whether there is a topic of that name.
    pub fn contains(&self, topic: &str) -> bool {
        self.light_queues.includes(topic) || self.table.contains_key(topic)
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no topic at all.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether the topic keeps its order across brokers (`isOrderTopic`).
    pub fn is_order(&self, topic: &str) -> bool {
        self.table.get(topic).is_some_and(|entry| entry.order)
    }

    /// Whether the topic is RocketMQ's own, here or on any broker (`TopicValidator.isSystemTopic`).
    pub fn is_system(&self, topic: &str) -> bool {
        names::is_system_topic(topic) || self.own_system_topics.iter().any(|own| own == topic)
    }

    /// The names of all system topics, made or not (`TopicValidator.getSystemTopicSet`).
    pub fn system_topics(&self) -> Vec<String> {
        let fixed = names::system_topics().map(str::to_owned);
        let own = self.own_system_topics.iter().cloned();
        let mut all: Vec<String> = fixed.chain(own).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The version of the table as it is.
    pub fn data_version(&self) -> DataVersion {
        self.state.lock().data_version
    }

    /// All topics and the version that names them.
    pub fn snapshot(&self) -> TopicSnapshot {
        let state = self.state.lock();
        TopicSnapshot { topics: self.collect(), data_version: state.data_version }
    }

    /// The topic, made after a template if it is not there (`createTopicInSendMessageMethod`).
    ///
    /// With `autoCreateTopicEnable` off, TBW102 loses its inherit permission at the first attempt.
    ///
    /// # Errors
    /// When the topic is not there and cannot be made.
    pub fn create_from_template(&self, wanted: &FromTemplate<'_>) -> Result<Creation, TopicError> {
        let mut state = self.state.lock();
        if let Some(config) = self.find(wanted.topic) {
            return Ok(Creation::existing(config));
        }
        names::validate_topic(wanted.topic)?;
        let template = self.template(wanted.template, &mut state)?;
        let queue_nums = wanted.client_queue_nums.min(template.write_queue_nums).max(0);
        let config = TopicConfig {
            perm: template.perm.without(Permission::INHERIT),
            topic_sys_flag: wanted.sys_flag,
            topic_filter_type: template.topic_filter_type,
            ..TopicConfig::new(wanted.topic, queue_nums)
        };
        self.add(config, &mut state)
    }

    fn template(&self, name: &str, state: &mut State) -> Result<Arc<TopicConfig>, TopicError> {
        let mut template =
            self.find(name).ok_or_else(|| TopicError::NoTemplate { template: name.to_owned() })?;
        let may_create = self.auto_create_topic_enable.load(Ordering::Relaxed);
        if name == AUTO_CREATE_TOPIC_KEY_TOPIC && !may_create && template.perm != Permission::READ_WRITE {
            // RocketMQ counts this as no change of the table, and so do the NameServers.
            template = Arc::new((*template).clone().with_permission(Permission::READ_WRITE));
            self.table.insert(name.to_owned(), Arc::clone(&template));
            state.change();
        }
        if !template.perm.is_inherited() {
            return Err(TopicError::NotInheritable { template: name.to_owned(), permission: template.perm });
        }
        Ok(template)
    }

    /// The topic of a group's own, such as its retry topic, made if it is not there
    /// (`createTopicInSendMessageBackMethod`).
    ///
    /// A topic that is there takes over `order`.
    ///
    /// # Errors
    /// When the topic is not there and cannot be made.
    pub fn create_retry(
        &self,
        topic: &str,
        queue_nums: i32,
        perm: Permission,
        order: Order,
        sys_flag: i32,
    ) -> Result<Creation, TopicError> {
        let order = order == Order::Kept;
        if let Some(config) = self.find(topic).filter(|config| config.order == order) {
            return Ok(Creation::existing(config));
        }
        let mut state = self.state.lock();
        if let Some(config) = self.find(topic) {
            if config.order == order {
                return Ok(Creation::existing(config));
            }
            let changed = Arc::new(TopicConfig { order, ..(*config).clone() });
            self.put(Arc::clone(&changed), &mut state);
            return Ok(Creation::changed(changed));
        }
        validate_own_topic(topic)?;
        let config =
            TopicConfig { perm, order, topic_sys_flag: sys_flag, ..TopicConfig::new(topic, queue_nums) };
        self.add(config, &mut state)
    }

    /// The topic, made as given if there is none of its name (`createTopicIfAbsent`).
    ///
    /// # Errors
    /// When the topic is not there and cannot be made.
    pub fn create_if_absent(&self, config: TopicConfig) -> Result<Creation, TopicError> {
        let mut state = self.state.lock();
        if let Some(config) = self.find(&config.topic_name) {
            return Ok(Creation::existing(config));
        }
        validate_own_topic(&config.topic_name)?;
        self.add(config, &mut state)
    }

    /// Creates or replaces a topic (`updateTopicConfig`).
    ///
    /// The attributes are an alteration: `+key` sets, `-key` removes; those not named stay. A light queue stays as
    /// it is.
    ///
    /// # Errors
    /// When the alteration breaks a rule, or the topic is new and one too many.
    pub fn update(&self, mut config: TopicConfig) -> Result<Creation, TopicError> {
        if let Some(light) = self.light_queues.topic(&config.topic_name) {
            return Ok(Creation::existing(light));
        }
        let mut state = self.state.lock();
        let current = self.find(&config.topic_name);
        if current.is_none() {
            validate_own_topic(&config.topic_name)?;
        }
        let attributes = current.as_ref().map(|current| &current.attributes);
        config.attributes = attributes::alter_topic_attributes(attributes, &config.attributes)?;
        match current {
            None => self.add(config, &mut state),
            Some(old) => {
                tracing::info!(?old, new = ?config, "topic updated");
                let config = Arc::new(config);
                self.put(Arc::clone(&config), &mut state);
                Ok(Creation::changed(config))
            }
        }
    }

    /// Sets or clears the unit bit of a topic (`updateTopicUnitFlag`); `None` when there is no such topic.
    pub fn set_unit(&self, topic: &str, flag: UnitFlag) -> Option<Arc<TopicConfig>> {
        self.set_sys_flag(topic, TOPIC_SYS_FLAG_UNIT, flag)
    }

    /// Sets or clears the unit-subscription bit of a topic (`updateTopicUnitSubFlag`).
    pub fn set_unit_sub(&self, topic: &str, flag: UnitFlag) -> Option<Arc<TopicConfig>> {
        self.set_sys_flag(topic, TOPIC_SYS_FLAG_UNIT_SUB, flag)
    }

    fn set_sys_flag(&self, topic: &str, bit: i32, flag: UnitFlag) -> Option<Arc<TopicConfig>> {
        let mut state = self.state.lock();
        let old = self.find(topic)?;
        let topic_sys_flag = match flag {
            UnitFlag::Set => old.topic_sys_flag | bit,
            UnitFlag::Clear => old.topic_sys_flag & !bit,
        };
        let config = Arc::new(TopicConfig { topic_sys_flag, ..(*old).clone() });
        self.put(Arc::clone(&config), &mut state);
        Some(config)
    }

    /// Marks topics the NameServer keeps an order for (`updateOrderTopicConfig`); how many it changed.
    pub fn mark_ordered<'a>(&self, topics: impl IntoIterator<Item = &'a str>) -> usize {
        let mut state = self.state.lock();
        let mut changed = 0;
        for topic in topics {
            if let Some(old) = self.find(topic).filter(|config| !config.order) {
                self.table.insert(topic.to_owned(), Arc::new(TopicConfig { order: true, ..(*old).clone() }));
                changed += 1;
            }
        }
        if changed > 0 {
            self.advance(&mut state);
        }
        changed
    }

    /// Counts a change of what all topics allow as one of each.
    pub fn advance_version(&self) {
        self.advance(&mut self.state.lock());
    }

    /// Removes a topic; what it was, `None` when there was none.
    pub fn delete(&self, topic: &str) -> Option<Arc<TopicConfig>> {
        let mut state = self.state.lock();
        let (_, old) = self.table.remove(topic)?;
        self.queue_kinds.set(topic, QueueKind::Simple);
        self.compacted.set(topic, false);
        self.advance(&mut state);
        tracing::info!(topic, "topic deleted");
        Some(old)
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        let change = |written: Option<u64>| {
            self.state.lock().change_since(written, |added, data_version| {
                TopicsFile::new(by_name(added.iter().cloned()), data_version).text()
            })
        };
        let whole = || {
            let (generation, file) = {
                let state = self.state.lock();
                (state.generation(), TopicsFile::new(self.collect(), state.data_version))
            };
            (generation, file.text())
        };
        self.file.persist_growing(change, whole)
    }

    /// Does what [`Self::persist`] leaves for when nobody waits; blocks on the disk.
    pub fn settle(&self) {
        self.file.settle();
    }

    fn collect(&self) -> BTreeMap<String, Arc<TopicConfig>> {
        by_name(self.table.iter().map(|entry| Arc::clone(entry.value())))
    }

    fn add(&self, config: TopicConfig, state: &mut State) -> Result<Creation, TopicError> {
        if self.table.len() >= TOPICS_MAX {
            return Err(TopicError::TooMany);
        }
        tracing::info!(?config, "topic created");
        let config = Arc::new(config);
        self.insert(Arc::clone(&config));
        state.add(Arc::clone(&config), self.clock.now_millis());
        Ok(Creation::new(config))
    }

    fn put(&self, config: Arc<TopicConfig>, state: &mut State) {
        self.insert(config);
        self.advance(state);
    }

    fn insert(&self, config: Arc<TopicConfig>) {
        self.tell_store(&config);
        self.table.insert(config.topic_name.clone(), config);
    }

    fn advance(&self, state: &mut State) {
        state.advance(self.clock.now_millis());
    }
}

fn by_name(topics: impl Iterator<Item = Arc<TopicConfig>>) -> BTreeMap<String, Arc<TopicConfig>> {
    topics.map(|topic| (topic.topic_name.clone(), topic)).collect()
}

/// Whether a topic keeps its order across brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It does.
    Kept,
    /// It does not.
    None,
}

/// What becomes of a unit bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitFlag {
    /// The bit is set.
    Set,
    /// The bit is cleared.
    Clear,
}

/// A topic derived from a group's name may be longer than one a client names, and the second kind of pop
/// retry topic has a separator that no client can name.
fn validate_own_topic(topic: &str) -> Result<(), InvalidTopic> {
    let plain = match topic.split_once('+') {
        Some((group, rest)) if names::is_pop_retry_topic_v2(topic) => Cow::Owned(format!("{group}_{rest}")),
        _ => Cow::Borrowed(topic),
    };
    match names::validate_topic(&plain) {
        Err(InvalidTopic::TooLong)
            if topic.len() <= NAME_LENGTH_MAX_BYTES + RETRY_GROUP_TOPIC_PREFIX.len() =>
        {
            Ok(())
        }
        checked => checked,
    }
}
