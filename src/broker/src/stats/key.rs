//! A topic and a group as one key, looked up without being copied.

use std::{
    borrow::Borrow,
    hash::{Hash, Hasher},
};

/// Between topic and group in the keys operators ask for.
const SEPARATOR: char = '@';

/// A topic and a group, however they are held.
pub(crate) trait Pair {
    fn topic(&self) -> &str;
    fn group(&self) -> &str;
}

/// A topic and a group of somebody else's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairRef<'a> {
    pub(crate) topic: &'a str,
    pub(crate) group: &'a str,
}

/// A topic and a group as a key.
#[derive(Clone, Debug)]
pub(crate) struct OwnedPair {
    topic: Box<str>,
    group: Box<str>,
}

impl<'a> PairRef<'a> {
    /// Reads `topic@group`; no topic has the separator in its name.
    pub(crate) fn parse(key: &'a str) -> Option<Self> {
        let (topic, group) = key.split_once(SEPARATOR)?;
        Some(Self { topic, group })
    }

    pub(crate) fn to_owned_pair(self) -> OwnedPair {
        OwnedPair { topic: self.topic.into(), group: self.group.into() }
    }
}

impl Pair for PairRef<'_> {
    fn topic(&self) -> &str {
        self.topic
    }

    fn group(&self) -> &str {
        self.group
    }
}

impl Pair for OwnedPair {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn group(&self) -> &str {
        &self.group
    }
}

impl Hash for dyn Pair + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.topic().hash(state);
        self.group().hash(state);
    }
}

impl PartialEq for dyn Pair + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.topic() == other.topic() && self.group() == other.group()
    }
}

impl Eq for dyn Pair + '_ {}

impl Hash for OwnedPair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self as &dyn Pair).hash(state);
    }
}

impl PartialEq for OwnedPair {
    fn eq(&self, other: &Self) -> bool {
        (self as &dyn Pair) == (other as &dyn Pair)
    }
}

impl Eq for OwnedPair {}

impl<'a> Borrow<dyn Pair + 'a> for OwnedPair {
    fn borrow(&self) -> &(dyn Pair + 'a) {
        self
    }
}
