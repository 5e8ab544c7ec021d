//! The filters by topic and group, and the topics of each group.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::ConsumerFilterData;

/// Filters the table takes.
const FILTERS_MAX: usize = 100_000;
/// Bytes of all their expressions together.
const EXPRESSION_BYTES_MAX: usize = 16 << 20;

/// The filters of one topic by group.
pub(super) type Groups = BTreeMap<String, Arc<ConsumerFilterData>>;

/// All filters.
#[derive(Debug, Default)]
pub(super) struct Table {
    topics: BTreeMap<String, Groups>,
    /// The topics of each group, dead filters included.
    by_group: HashMap<String, BTreeSet<String>>,
    count: usize,
    expression_bytes: usize,
    /// Counts changes.
    pub(super) generation: u64,
}

impl Table {
    pub(super) fn get(&self, topic: &str, group: &str) -> Option<&Arc<ConsumerFilterData>> {
        self.topics.get(topic)?.get(group)
    }

    pub(super) fn topics(&self) -> &BTreeMap<String, Groups> {
        &self.topics
    }

    pub(super) fn groups_of(&self, topic: &str) -> Option<&Groups> {
        self.topics.get(topic)
    }

    pub(super) fn of_group(&self, group: &str) -> impl Iterator<Item = &Arc<ConsumerFilterData>> {
        self.by_group.get(group).into_iter().flatten().filter_map(move |topic| self.get(topic, group))
    }

    /// Whether there may be another filter of that length.
    pub(super) fn has_room(&self, expression: &str) -> bool {
        self.count < FILTERS_MAX && self.expression_bytes + expression.len() <= EXPRESSION_BYTES_MAX
    }

    pub(super) fn insert(&mut self, data: ConsumerFilterData) {
        self.remove(&data.topic, &data.consumer_group);
        self.count += 1;
        self.expression_bytes += data.expression.len();
        self.by_group.entry(data.consumer_group.clone()).or_default().insert(data.topic.clone());
        let groups = self.topics.entry(data.topic.clone()).or_default();
        groups.insert(data.consumer_group.clone(), Arc::new(data));
        self.generation += 1;
    }

    pub(super) fn remove(&mut self, topic: &str, group: &str) {
        let Some(groups) = self.topics.get_mut(topic) else { return };
        let Some(removed) = groups.remove(group) else { return };
        if groups.is_empty() {
            self.topics.remove(topic);
        }
        if let Some(topics) = self.by_group.get_mut(group) {
            topics.remove(topic);
            if topics.is_empty() {
                self.by_group.remove(group);
            }
        }
        self.count -= 1;
        self.expression_bytes -= removed.expression.len();
        self.generation += 1;
    }

    /// Removes the filters that died before `limit_millis`.
    pub(super) fn remove_dead(&mut self, limit_millis: i64) {
        let all = self.topics.values().flat_map(BTreeMap::values);
        let dead: Vec<_> =
            all.filter(|data| data.is_dead() && data.dead_millis <= limit_millis).cloned().collect();
        for data in dead {
            tracing::info!(
                topic = data.topic,
                group = data.consumer_group,
                "filter died too long ago, removed"
            );
            self.remove(&data.topic, &data.consumer_group);
        }
    }
}
