//! Many counters of one kind, one for each key.

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::atomic::{AtomicUsize, Ordering},
};

use runtime::shared_map::SharedMap;

/// A table of what is counted for each key, bounded in number.
///
/// Adding to a key that is known is a look-up without an allocation. What comes for a key too many is counted in one
/// place for all of them.
#[derive(Debug)]
pub struct Series<K: Eq + Hash, V> {
    by_key: SharedMap<K, V>,
    count: AtomicUsize,
    keys_max: usize,
    overflow: V,
}

impl<K: Eq + Hash, V: Default> Series<K, V> {
    /// An empty table for at most `keys_max` keys.
    pub fn new(keys_max: usize) -> Self {
        Self { by_key: SharedMap::default(), count: AtomicUsize::new(0), keys_max, overflow: V::default() }
    }

    /// Adds to what is counted for a key.
    pub fn with<Q>(&self, key: &Q, own_key: impl FnOnce() -> K, add: impl FnOnce(&V))
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(counted) = self.by_key.get(key) {
            return add(&counted);
        }
        if self.count.load(Ordering::Relaxed) >= self.keys_max {
            return add(&self.overflow);
        }
        let entry = self.by_key.entry(own_key());
        if matches!(entry, dashmap::Entry::Vacant(_)) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        add(&entry.or_default());
    }

    /// Shows all keys with what is counted for them, last what is counted for those without a place.
    pub fn for_each(&self, mut see: impl FnMut(Option<&K>, &V)) {
        for entry in &self.by_key {
            see(Some(entry.key()), entry.value());
        }
        see(None, &self.overflow);
    }

    /// Forgets keys.
    pub fn retain(&self, is_kept: impl Fn(&K) -> bool) {
        self.by_key.retain(|key, _| {
            let is_kept = is_kept(key);
            if !is_kept {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            is_kept
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn counted(series: &Series<String, AtomicU64>) -> Vec<(Option<String>, u64)> {
        let mut all = Vec::new();
        series.for_each(|key, value| all.push((key.cloned(), value.load(Ordering::Relaxed))));
        all.sort();
        all
    }

    #[test]
    fn keys_too_many_are_counted_together() {
        let series = Series::<String, AtomicU64>::new(1);
        let add = |key: &str| {
            series.with(
                key,
                || key.to_owned(),
                |value| {
                    value.fetch_add(1, Ordering::Relaxed);
                },
            );
        };
        ["a", "b", "c", "a"].into_iter().for_each(add);
        assert_eq!(counted(&series), [(None, 2), (Some("a".to_owned()), 2)]);
        series.retain(|key| key != "a");
        add("b");
        assert_eq!(counted(&series), [(None, 2), (Some("b".to_owned()), 1)]);
    }
}
