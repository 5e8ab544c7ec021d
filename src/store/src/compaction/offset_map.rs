//! The newest queue offset of each key, in bounded memory, RocketMQ's `OffsetMap`.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
};

/// Bytes RocketMQ counts for a key: a digest and an offset.
const ENTRY_BYTES: usize = 24;
/// It holds as many keys at least.
const LEAST_CAPACITY: usize = 100;

/// Keys are told apart by 128 bits of a hash nobody outside can foresee.
#[derive(Debug)]
pub(super) struct OffsetMap {
    offsets: HashMap<(u64, u64), i64>,
    hashers: (RandomState, RandomState),
    capacity: usize,
    last_offset: i64,
}

impl OffsetMap {
    /// One that takes about this much memory when full. `last_offset` is what it is complete up to without a key.
    pub(super) fn new(memory_bytes: usize, last_offset: i64) -> Self {
        Self {
            offsets: HashMap::new(),
            hashers: (RandomState::new(), RandomState::new()),
            capacity: (memory_bytes / ENTRY_BYTES).max(LEAST_CAPACITY),
            last_offset,
        }
    }

    /// Notes a message, newer than those before; answers whether there was room for it.
    pub(super) fn put(&mut self, key: &str, queue_offset: i64) -> bool {
        let is_full = self.offsets.len() >= self.capacity;
        match self.offsets.entry(self.hash(key)) {
            Entry::Occupied(mut entry) => {
                entry.insert(queue_offset);
            }
            Entry::Vacant(_) if is_full => return false,
            Entry::Vacant(entry) => {
                entry.insert(queue_offset);
            }
        }
        self.last_offset = queue_offset;
        true
    }

    /// Whether a message with this key was noted that is newer.
    pub(super) fn has_newer(&self, key: &str, queue_offset: i64) -> bool {
        self.offsets.get(&self.hash(key)).is_some_and(|newest| *newest > queue_offset)
    }

    /// Up to where messages were noted.
    pub(super) fn last_offset(&self) -> i64 {
        self.last_offset
    }

    fn hash(&self, key: &str) -> (u64, u64) {
        (self.hashers.0.hash_one(key), self.hashers.1.hash_one(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_takes_known_keys_only() {
        let mut map = OffsetMap::new(0, 9);
        assert_eq!(map.last_offset(), 9);
        for offset in 0..100 {
            assert!(map.put(&format!("k{offset}"), 10 + offset));
        }
        assert!(!map.put("another", 110));
        assert_eq!(map.last_offset(), 109);
        assert!(map.put("k3", 111));
        assert!(map.has_newer("k3", 110) && !map.has_newer("k3", 111) && !map.has_newer("another", 0));
        assert_eq!(map.last_offset(), 111);
    }
}
