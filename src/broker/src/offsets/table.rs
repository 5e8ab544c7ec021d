//! Offsets by topic, group and queue, in shards.
//!
//! Looking up takes two borrowed names and no allocation; replacing the offset of a known queue takes
//! its shard's lock for reading only.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::atomic::{AtomicI64, Ordering},
};

use runtime::shared_map::SharedMap;

/// Between topic and group in the keys of `consumerOffset.json`.
const SEPARATOR: char = '@';

/// Offsets by queue.
pub(super) type QueueMap = BTreeMap<i32, i64>;

/// A topic and a group, however they are held.
pub(super) trait Names {
    fn topic(&self) -> &str;
    fn group(&self) -> &str;
}

/// A topic and a group of somebody else's.
#[derive(Clone, Copy)]
pub(super) struct NamesRef<'a> {
    pub(super) topic: &'a str,
    pub(super) group: &'a str,
}

/// A topic and a group as a key.
#[derive(Clone, Debug)]
pub(super) struct OwnedNames {
    topic: Box<str>,
    group: Box<str>,
}

impl Names for NamesRef<'_> {
    fn topic(&self) -> &str {
        self.topic
    }

    fn group(&self) -> &str {
        self.group
    }
}

impl Names for OwnedNames {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn group(&self) -> &str {
        &self.group
    }
}

impl OwnedNames {
    fn new(names: NamesRef<'_>) -> Self {
        Self { topic: names.topic.into(), group: names.group.into() }
    }

    /// The key of the file: `topic@group`, and the group of broadcast offsets is itself `group@broadcast`.
    pub(super) fn to_key(&self) -> String {
        if self.group.is_empty() {
            return self.topic.to_string();
        }
        format!("{}{SEPARATOR}{}", self.topic, self.group)
    }

    /// Reads [`Self::to_key`]'s form.
    pub(super) fn from_key(key: &str) -> Self {
        let (topic, group) = key.split_once(SEPARATOR).unwrap_or((key, ""));
        Self::new(NamesRef { topic, group })
    }

    /// The group, unless it stands for the clients of a broadcasting one.
    pub(super) fn plain_group(&self) -> Option<&str> {
        (!self.group.is_empty() && !self.group.contains(SEPARATOR)).then_some(&*self.group)
    }
}

impl Hash for dyn Names + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.topic().hash(state);
        self.group().hash(state);
    }
}

impl PartialEq for dyn Names + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.topic() == other.topic() && self.group() == other.group()
    }
}

impl Eq for dyn Names + '_ {}

impl Hash for OwnedNames {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self as &dyn Names).hash(state);
    }
}

impl PartialEq for OwnedNames {
    fn eq(&self, other: &Self) -> bool {
        (self as &dyn Names) == (other as &dyn Names)
    }
}

impl Eq for OwnedNames {}

impl<'a> Borrow<dyn Names + 'a> for OwnedNames {
    fn borrow(&self) -> &(dyn Names + 'a) {
        self
    }
}

/// The offsets of one group in one topic, by queue, in ascending order of the queues.
#[derive(Debug, Default)]
struct Queues(Vec<(i32, AtomicI64)>);

impl Queues {
    fn find(&self, queue_id: i32) -> Result<&AtomicI64, usize> {
        let position = self.0.binary_search_by_key(&queue_id, |(id, _)| *id)?;
        self.0.get(position).map(|(_, queue_offset)| queue_offset).ok_or(position)
    }

    fn to_map(&self) -> QueueMap {
        self.0.iter().map(|(id, queue_offset)| (*id, queue_offset.load(Ordering::Relaxed))).collect()
    }
}

impl From<&QueueMap> for Queues {
    fn from(map: &QueueMap) -> Self {
        Self(map.iter().map(|(id, queue_offset)| (*id, AtomicI64::new(*queue_offset))).collect())
    }
}

/// The table had no room for another pair or queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Offsets by topic, group and queue.
#[derive(Debug)]
pub(super) struct OffsetTable {
    pairs: SharedMap<OwnedNames, Queues>,
    pairs_max: usize,
    queues_max: usize,
}

impl OffsetTable {
    pub(super) fn new(pairs_max: usize, queues_max: usize) -> Self {
        Self { pairs: SharedMap::default(), pairs_max, queues_max }
    }

    pub(super) fn get(&self, names: NamesRef<'_>, queue_id: i32) -> Option<i64> {
        let queues = self.pairs.get(&names as &dyn Names)?;
        queues.find(queue_id).ok().map(|queue_offset| queue_offset.load(Ordering::Relaxed))
    }

    /// All offsets of a group in a topic.
    pub(super) fn queues(&self, names: NamesRef<'_>) -> Option<QueueMap> {
        self.pairs.get(&names as &dyn Names).map(|queues| queues.to_map())
    }

    /// Sets an offset; the one it replaces.
    pub(super) fn set(
        &self,
        names: NamesRef<'_>,
        queue_id: i32,
        queue_offset: i64,
    ) -> Result<Option<i64>, Full> {
        if let Some(queues) = self.pairs.get(&names as &dyn Names) {
            if let Ok(current) = queues.find(queue_id) {
                return Ok(Some(current.swap(queue_offset, Ordering::Relaxed)));
            }
        } else if self.pairs.len() >= self.pairs_max {
            return Err(Full);
        }
        let mut queues = self.pairs.entry(OwnedNames::new(names)).or_default();
        match queues.find(queue_id) {
            Ok(current) => Ok(Some(current.swap(queue_offset, Ordering::Relaxed))),
            Err(_) if queues.0.len() >= self.queues_max => Err(Full),
            Err(position) => {
                queues.0.insert(position, (queue_id, AtomicI64::new(queue_offset)));
                Ok(None)
            }
        }
    }

    /// Replaces all offsets of a group in a topic.
    pub(super) fn replace(&self, names: NamesRef<'_>, queues: &QueueMap) -> Result<(), Full> {
        if self.pairs.len() >= self.pairs_max && !self.pairs.contains_key(&names as &dyn Names) {
            return Err(Full);
        }
        self.pairs.insert(OwnedNames::new(names), Queues::from(queues));
        Ok(())
    }

    /// Puts in what a file held, whatever its size.
    pub(super) fn restore(&self, key: &str, queues: &QueueMap) {
        self.pairs.insert(OwnedNames::from_key(key), Queues::from(queues));
    }

    /// Takes an offset out.
    pub(super) fn take(&self, names: NamesRef<'_>, queue_id: i32) -> Option<i64> {
        let mut queues = self.pairs.get_mut(&names as &dyn Names)?;
        let position = queues.0.binary_search_by_key(&queue_id, |(id, _)| *id).ok()?;
        let (_, queue_offset) = queues.0.remove(position);
        let emptied = queues.0.is_empty();
        drop(queues);
        if emptied {
            self.pairs.remove_if(&names as &dyn Names, |_, queues| queues.0.is_empty());
        }
        Some(queue_offset.into_inner())
    }

    pub(super) fn remove(&self, names: NamesRef<'_>) -> bool {
        self.pairs.remove(&names as &dyn Names).is_some()
    }

    /// Removes every pair that `is_condemned`; their keys.
    pub(super) fn remove_all(
        &self,
        mut is_condemned: impl FnMut(&OwnedNames, &QueueMap) -> bool,
    ) -> Vec<String> {
        let mut removed = Vec::new();
        self.pairs.retain(|names, queues| {
            let condemned = is_condemned(names, &queues.to_map());
            if condemned {
                removed.push(names.to_key());
            }
            !condemned
        });
        removed
    }

    pub(super) fn for_each(&self, mut visit: impl FnMut(&OwnedNames)) {
        self.pairs.iter().for_each(|entry| visit(entry.key()));
    }

    pub(super) fn for_each_queue(&self, mut visit: impl FnMut(&OwnedNames, i32, i64)) {
        for entry in &self.pairs {
            for (queue_id, queue_offset) in &entry.value().0 {
                visit(entry.key(), *queue_id, queue_offset.load(Ordering::Relaxed));
            }
        }
    }

    /// A copy of the whole, by the keys of the file.
    pub(super) fn to_maps(&self) -> BTreeMap<String, QueueMap> {
        self.pairs.iter().map(|entry| (entry.key().to_key(), entry.value().to_map())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NamesRef<'_> = NamesRef { topic: "T", group: "A" };

    #[test]
    fn borrowed_and_owned_names_are_one_key() {
        let table = OffsetTable::new(10, 10);
        assert_eq!(table.set(A, 3, 7), Ok(None));
        assert_eq!(table.set(A, 1, 5), Ok(None));
        assert_eq!(table.set(A, 3, 9), Ok(Some(7)));
        assert_eq!(table.get(A, 3), Some(9));
        assert_eq!(table.get(NamesRef { topic: "TA", group: "" }, 3), None);
        assert_eq!(table.to_maps(), [("T@A".to_owned(), [(1, 5), (3, 9)].into())].into());
    }

    #[test]
    fn the_table_is_bounded() {
        let table = OffsetTable::new(1, 2);
        assert_eq!(table.set(A, 0, 0), Ok(None));
        assert_eq!(table.set(A, 1, 0), Ok(None));
        assert_eq!(table.set(A, 2, 0), Err(Full));
        assert_eq!(table.set(A, 1, 4), Ok(Some(0)));
        let other = NamesRef { topic: "T", group: "B" };
        assert_eq!(table.set(other, 0, 0), Err(Full));
        assert_eq!(table.replace(other, &QueueMap::new()), Err(Full));
    }

    #[test]
    fn taking_the_last_offset_leaves_nothing() {
        let table = OffsetTable::new(10, 10);
        table.set(A, 0, 5).unwrap();
        assert_eq!(table.take(A, 0), Some(5));
        assert_eq!(table.take(A, 0), None);
        assert!(table.to_maps().is_empty());
    }

    #[test]
    fn keys_survive_the_file() {
        for key in ["T@G", "T@G@broadcast", "odd"] {
            assert_eq!(OwnedNames::from_key(key).to_key(), key);
        }
        assert_eq!(OwnedNames::from_key("T@G@broadcast").plain_group(), None);
        assert_eq!(OwnedNames::from_key("T@G").plain_group(), Some("G"));
    }
}
