//! Items by key, bounded in number (`StatsItemSet`).

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::atomic::{AtomicBool, Ordering},
};

use runtime::shared_map::SharedMap;

use super::item::{Amount, Span, StatsItem};

/// The items of one statistic.
#[derive(Debug)]
pub(super) struct Items<K: Eq + Hash> {
    name: &'static str,
    by_key: SharedMap<K, StatsItem>,
    keys_max: usize,
    /// Whether the log knows that there is no room for more.
    told_full: AtomicBool,
}

impl<K: Eq + Hash> Items<K> {
    pub(super) fn new(name: &'static str, keys_max: usize) -> Self {
        Self { name, by_key: SharedMap::default(), keys_max, told_full: AtomicBool::new(false) }
    }

    /// Counts a request; one for a key too many is not counted.
    pub(super) fn add<Q>(&self, key: &Q, own_key: impl FnOnce() -> K, amount: Amount)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(item) = self.by_key.get(key) {
            item.add(amount);
        } else if self.by_key.len() < self.keys_max {
            self.by_key.entry(own_key()).or_default().add(amount);
        } else if !self.told_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(statistic = self.name, keys = self.keys_max, "no more keys are counted");
        }
    }

    /// What `read` makes of an item.
    pub(super) fn read<Q, T>(&self, key: &Q, read: impl FnOnce(&StatsItem) -> T) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.by_key.get(key).map(|item| read(&item))
    }

    pub(super) fn sample(&self, span: Span, now_millis: i64) {
        self.by_key.iter().for_each(|item| item.sample(span, now_millis));
    }

    /// Forgets items.
    pub(super) fn remove_all(&self, is_condemned: impl Fn(&K) -> bool) {
        self.by_key.retain(|key, _| !is_condemned(key));
        self.told_full.store(false, Ordering::Relaxed);
    }
}
