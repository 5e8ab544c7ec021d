//! The groups that subscribe with expressions (`ConsumerFilterManager`), kept in `consumerFilter.json`.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use common::{config::BrokerConfig, fastjson, names::RETRY_GROUP_TOPIC_PREFIX};
use filter::{
    SQL92, UnsupportedExpression,
    bloom::{BloomFilter, BloomFilterError},
    is_tag_type,
    sql::{ParseError, SqlExpression},
};
use parking_lot::{Mutex, RwLock};
use remoting::body::heartbeat::SubscriptionData;
use runtime::clock::Clock;
use store::consume_queue_ext::FilterBitMap;
use thiserror::Error;

use super::{ConsumerFilterData, ExpressionFilter, file, file::FilterFile, table::Table};
use crate::{
    clients::Subscription,
    metadata::{MetadataError, MetadataStore, TableFile},
};

/// Name of the file.
const CONSUMER_FILTER_FILE: &str = "consumerFilter.json";
/// Compiled expressions of pulls that are remembered.
const COMPILED_MAX: usize = 100;

/// Why a group's subscription cannot be read by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterDataError {
    /// No heartbeat has brought an expression that can be read: RocketMQ's answer is `FILTER_DATA_NOT_EXIST`.
    #[error("The broker's consumer filter data is not exist!Your expression may be wrong!")]
    Missing,
    /// The client has another one than its heartbeats: RocketMQ's answer is `FILTER_DATA_NOT_LATEST`.
    #[error("the consumer's consumer filter data not latest")]
    NotLatest,
    /// `enablePropertyFilter` is off: RocketMQ's answer is `SYSTEM_ERROR`.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedExpression),
}

/// Why an expression would not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// `enablePropertyFilter` is off.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedExpression),
    /// There is no such language.
    #[error("expressions of type {0} are not known")]
    UnknownType(String),
    /// The text is no expression.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// What the filters of the groups of this broker are.
#[derive(Debug)]
pub struct ConsumerFilterManager {
    table: RwLock<Table>,
    compiled: Mutex<HashMap<String, Result<Arc<SqlExpression>, ParseError>>>,
    bloom: BloomFilter,
    /// Whether expressions are taken.
    is_enabled: AtomicBool,
    supports_retry: AtomicBool,
    /// Whether messages get the bits of the groups that take them.
    calculates_bits: bool,
    clean_time_span_millis: AtomicI64,
    /// Set when the table is loaded.
    file: OnceLock<TableFile>,
    clock: Arc<dyn Clock>,
}

impl ConsumerFilterManager {
    /// No filters.
    ///
    /// # Errors
    /// When the configured bloom filter is impossible.
    pub fn new(broker: &BrokerConfig, clock: Arc<dyn Clock>) -> Result<Self, BloomFilterError> {
        let (error_percent, expected_count) =
            (broker.max_error_rate_of_bloom_filter, broker.expect_consumer_num_use_filter);
        let manager = Self {
            table: RwLock::default(),
            compiled: Mutex::default(),
            bloom: BloomFilter::new(error_percent, expected_count)?,
            is_enabled: AtomicBool::new(false),
            supports_retry: AtomicBool::new(false),
            calculates_bits: broker.enable_calc_filter_bit_map,
            clean_time_span_millis: AtomicI64::new(0),
            file: OnceLock::new(),
            clock,
        };
        manager.reconfigure(broker);
        Ok(manager)
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.is_enabled.store(broker.enable_property_filter, Ordering::Relaxed);
        self.supports_retry.store(broker.filter_support_retry, Ordering::Relaxed);
        self.clean_time_span_millis.store(broker.filter_data_clean_time_span, Ordering::Relaxed);
    }

    /// Reads the table; once, before anybody registers.
    ///
    /// # Errors
    /// When it was written before and cannot be read.
    pub fn load(&self, metadata: Arc<dyn MetadataStore>) -> Result<(), MetadataError> {
        let file = TableFile::new(CONSUMER_FILTER_FILE, metadata);
        if let Some(loaded) = file.load(|text| fastjson::from_slice::<FilterFile>(text.as_bytes()))? {
            *self.table.write() = loaded.into_table(self.bloom, self.clock.now_millis());
        }
        // Who comes second finds the table loaded.
        let _ = self.file.set(file);
        Ok(())
    }

    /// Bits beside a message, RocketMQ's `bitMapLengthConsumeQueueExt`.
    pub fn bit_map_length(&self) -> i32 {
        i32::try_from(self.bloom.bit_count()).unwrap_or(i32::MAX)
    }

    /// What a group subscribes to in a topic, if that is an expression.
    pub fn get(&self, topic: &str, group: &str) -> Option<Arc<ConsumerFilterData>> {
        self.table.read().get(topic, group).cloned()
    }

    /// What a group subscribes to in a topic as operators see it: `null` when that is no expression.
    pub fn as_text(&self, topic: &str, group: &str) -> String {
        self.get(topic, group).map_or_else(|| "null".to_owned(), |data| file::as_text(&data))
    }

    /// Takes over what a heartbeat says a group subscribes to: these topics and no others.
    pub fn register(&self, group: &str, subscriptions: &[SubscriptionData]) {
        let uses_expressions = subscriptions.iter().any(|subscription| !subscription.is_tag_type());
        if !uses_expressions && self.table.read().of_group(group).next().is_none() {
            return;
        }
        let mut table = self.table.write();
        for subscription in subscriptions.iter().filter(|subscription| !subscription.is_tag_type()) {
            self.register_one(&mut table, group, subscription);
        }
        let is_gone = |topic: &str| subscriptions.iter().all(|subscription| subscription.topic != topic);
        self.bury(&mut table, group, is_gone);
    }

    fn register_one(&self, table: &mut Table, group: &str, subscription: &SubscriptionData) {
        let SubscriptionData { topic, sub_string: expression, sub_version: version, .. } = subscription;
        let expression_type = subscription.expression_type.as_deref().unwrap_or_default();
        if expression.is_empty() {
            return;
        }
        let old = table.get(topic, group).cloned();
        if let Some(old) = &old {
            let is_same = old.expression == *expression && old.expression_type == expression_type;
            if *version < old.client_version || (*version == old.client_version && !old.is_dead()) {
                if !is_same {
                    tracing::info!(group, topic, version, known = old.client_version, "older filter ignored");
                }
                return;
            }
            // Of one version the first expression counts.
            if is_same || *version == old.client_version {
                let (dead_millis, client_version) = (0, *version);
                let old = ConsumerFilterData::clone(old);
                table.insert(ConsumerFilterData { dead_millis, client_version, ..old });
                return;
            }
        }
        match self.build(group, topic, expression, expression_type, *version) {
            Ok(data) if table.has_room(expression) => {
                tracing::info!(group, topic, expression, version, "filter registered");
                let bits = Some(self.bloom.bits_of(&format!("{group}#{topic}")));
                table.insert(ConsumerFilterData { bits, ..data });
            }
            Ok(_) => tracing::warn!(group, topic, "too many filters, this one is not taken"),
            // The old one is not what the group wants, and pulls must tell it of its mistake.
            Err(_) => table.remove(topic, group),
        }
    }

    /// Nobody of the group is left.
    pub fn unregister(&self, group: &str) {
        if self.table.read().of_group(group).next().is_some() {
            self.bury(&mut self.table.write(), group, |_| true);
        }
    }

    /// Notes that a group does not subscribe to some topics any more.
    fn bury(&self, table: &mut Table, group: &str, is_gone: impl Fn(&str) -> bool) {
        let alive = table.of_group(group).filter(|data| !data.is_dead() && is_gone(&data.topic));
        for data in alive.cloned().collect::<Vec<_>>() {
            tracing::info!(group, topic = data.topic, "filter not used any more");
            let dead_millis = self.clock.now_millis().max(data.born_millis);
            table.insert(ConsumerFilterData { dead_millis, ..ConsumerFilterData::clone(&data) });
        }
    }

    fn build(
        &self,
        group: &str,
        topic: &str,
        expression: &str,
        expression_type: &str,
        client_version: i64,
    ) -> Result<ConsumerFilterData, CheckError> {
        Ok(ConsumerFilterData {
            consumer_group: group.to_owned(),
            topic: topic.to_owned(),
            expression: expression.to_owned(),
            expression_type: expression_type.to_owned(),
            compiled: self.compile(expression, expression_type)?,
            born_millis: self.clock.now_millis(),
            dead_millis: 0,
            bits: None,
            client_version,
        })
    }

    /// Compiles an expression, or remembers what came of it: pull consumers send theirs with every pull.
    fn compile(&self, expression: &str, expression_type: &str) -> Result<Arc<SqlExpression>, CheckError> {
        if expression_type != SQL92 {
            return Err(CheckError::UnknownType(expression_type.to_owned()));
        }
        if let Some(known) = self.compiled.lock().get(expression) {
            return known.clone().map_err(CheckError::Parse);
        }
        let compiled = SqlExpression::parse(expression).map(Arc::new);
        if let Err(error) = &compiled {
            tracing::warn!(expression, %error, "filter cannot be read");
        }
        let mut known = self.compiled.lock();
        if known.len() >= COMPILED_MAX {
            known.clear();
        }
        known.insert(expression.to_owned(), compiled.clone());
        Ok(compiled?)
    }

    /// Whether a client may subscribe with an expression (`checkClientConfig`).
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self, expression: &str, expression_type: Option<&str>) -> Result<(), CheckError> {
        if is_tag_type(expression_type) {
            return Ok(());
        }
        let expression_type = expression_type.unwrap_or_default();
        self.check_enabled(expression_type)?;
        self.compile(expression, expression_type).map(|_| ())
    }

    fn check_enabled(&self, expression_type: &str) -> Result<(), UnsupportedExpression> {
        if self.is_enabled.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(UnsupportedExpression(expression_type.to_owned()))
        }
    }

    /// The filter of a subscription that came with the request that reads by it.
    ///
    /// # Errors
    /// When expressions are not taken.
    pub fn brought(
        self: &Arc<Self>,
        group: &str,
        subscription: &Subscription,
    ) -> Result<Arc<ExpressionFilter>, UnsupportedExpression> {
        if let Some(tags) = subscription.tags() {
            return Ok(Arc::new(ExpressionFilter::by_tags(tags.clone())));
        }
        let data = &subscription.data;
        let expression_type = data.expression_type.as_deref().unwrap_or_default();
        self.check_enabled(expression_type)?;
        let built = self.build(group, &data.topic, &data.sub_string, expression_type, data.sub_version);
        // One that cannot be read filters nothing: in RocketMQ only heartbeats and checks tell of it.
        Ok(self.by_expression(&data.topic, built.ok().map(Arc::new)))
    }

    /// The filter of a subscription that came with a pop, which takes expressions also where pulls do not.
    ///
    /// # Errors
    /// When the expression cannot be read.
    pub fn popped(
        self: &Arc<Self>,
        group: &str,
        subscription: &Subscription,
    ) -> Result<Arc<ExpressionFilter>, CheckError> {
        if let Some(tags) = subscription.tags() {
            return Ok(Arc::new(ExpressionFilter::by_tags(tags.clone())));
        }
        let data = &subscription.data;
        let expression_type = data.expression_type.as_deref().unwrap_or_default();
        let built = self.build(group, &data.topic, &data.sub_string, expression_type, data.sub_version)?;
        Ok(Arc::new(ExpressionFilter::by_expression(Some(Arc::new(built)))))
    }

    /// The filter a group's heartbeats have brought for a subscription. `version` is the client's.
    ///
    /// # Errors
    /// When there is none, or an older one than the client's, or expressions are not taken.
    pub fn subscribed(
        self: &Arc<Self>,
        group: &str,
        subscription: &Subscription,
        version: i64,
    ) -> Result<Arc<ExpressionFilter>, FilterDataError> {
        if let Some(tags) = subscription.tags() {
            return Ok(Arc::new(ExpressionFilter::by_tags(tags.clone())));
        }
        let topic = &subscription.data.topic;
        let data = self.get(topic, group).ok_or(FilterDataError::Missing)?;
        if data.client_version < version {
            return Err(FilterDataError::NotLatest);
        }
        self.check_enabled(subscription.data.expression_type.as_deref().unwrap_or_default())?;
        Ok(self.by_expression(topic, Some(data)))
    }

    fn by_expression(
        self: &Arc<Self>,
        topic: &str,
        data: Option<Arc<ConsumerFilterData>>,
    ) -> Arc<ExpressionFilter> {
        Arc::new(
            if self.supports_retry.load(Ordering::Relaxed) && topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) {
                ExpressionFilter::for_retry(Arc::clone(self), topic)
            } else {
                ExpressionFilter::by_expression(data)
            },
        )
    }

    /// Forgets filters that died long ago and writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        let limit_millis =
            self.clock.now_millis().saturating_sub(self.clean_time_span_millis.load(Ordering::Relaxed));
        self.table.write().remove_dead(limit_millis);
        let Some(file) = self.file.get() else { return Ok(()) };
        file.persist(|written| {
            let table = self.table.read();
            // A table that never had a filter needs no file.
            if written.unwrap_or(0) == table.generation {
                return None;
            }
            Some((table.generation, fastjson::to_vec_pretty(&FilterFile::of(&table))))
        })
    }
}

impl FilterBitMap for ConsumerFilterManager {
    /// The bits of all groups that would take the message (`CommitLogDispatcherCalcBitMap`).
    fn bit_map(&self, topic: &str, properties: &[u8]) -> Option<Vec<u8>> {
        if !self.calculates_bits {
            return None;
        }
        let table = self.table.read();
        let groups = table.groups_of(topic)?;
        let mut map = self.bloom.empty_map();
        for data in groups.values().filter(|data| data.compiled.matches(properties)) {
            if let Some(bits) = &data.bits {
                bits.add_to(&mut map);
            }
        }
        Some(map)
    }
}
