//! The property string of a message: `name 0x01 value 0x02 name 0x01 value 0x02 …`.
//!
//! Read without building a map, and edited without touching the bytes or the order of what stays. The rules
//! of RocketMQ's own parser hold: a pair whose name or value is empty does not exist, a value may contain
//! 0x01, the last separator may be missing, and of two pairs with one name the later counts.

use std::collections::HashMap;

use memchr::{memchr, memrchr};

use crate::{
    name_set::NameSet,
    property_names::{KEYS, TAGS, UNIQ_KEY, WAIT_STORE_OK},
};

/// Most pairs whose names are compared with each other; messages of clients have about ten.
const PAIRS_COMPARED_MAX: usize = 32;

/// Between name and value.
pub const NAME_VALUE_SEPARATOR: u8 = 1;
/// After each pair.
pub const PROPERTY_SEPARATOR: u8 = 2;

/// The pairs of a property string, in their order.
pub fn pairs(properties: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    stretches(properties).filter_map(split_pair)
}

/// What stands between separators; nothing after the last one.
fn stretches(properties: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = properties;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(PROPERTY_SEPARATOR, rest).unwrap_or(rest.len());
        let (stretch, after) = rest.split_at_checked(end)?;
        rest = after.get(1..).unwrap_or_default();
        Some(stretch)
    })
}

/// The same with where each begins.
fn placed_stretches(properties: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    stretches(properties).scan(0, |next, stretch| {
        let start = *next;
        *next += stretch.len() + 1;
        Some((start, stretch))
    })
}

/// The pairs from the last to the first.
fn pairs_reversed(properties: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(properties);
    let stretches = std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(at) = memrchr(PROPERTY_SEPARATOR, bytes) else { return rest.take() };
        let (before, stretch) = bytes.split_at_checked(at)?;
        rest = Some(before);
        stretch.get(1..)
    });
    stretches.filter_map(split_pair)
}

/// The pairs of a property string as text; pairs that are not UTF-8 are left out.
pub fn text_pairs(properties: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    pairs(properties)
        .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?)))
}

/// The value of a property; `None` when it is absent, empty or not UTF-8.
pub fn get<'a>(properties: &'a [u8], name: &str) -> Option<&'a str> {
    let (_, value) = pairs_reversed(properties).find(|(found, _)| *found == name.as_bytes())?;
    str::from_utf8(value).ok()
}

fn has(properties: &[u8], name: &str) -> bool {
    pairs(properties).any(|(found, _)| found == name.as_bytes())
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == NAME_VALUE_SEPARATOR)?;
    let (name, value) = pair.split_at_checked(at)?;
    let value = value.get(1..)?;
    (!name.is_empty() && !value.is_empty()).then_some((name, value))
}

/// What stands in a string in which every pair exists and every name stands once; `None` of any other, and of one
/// of many pairs.
fn contents_if_well_formed(properties: &[u8]) -> Option<Contents> {
    let mut contents = Contents::default();
    for (index, (start, stretch)) in placed_stretches(properties).enumerate() {
        let (name, value) = split_pair(stretch)?;
        let is_repeated = || pairs(properties).take(index).any(|(earlier, _)| earlier == name);
        if index == PAIRS_COMPARED_MAX || (contents.insert(start, name, value) && is_repeated()) {
            return None;
        }
    }
    Some(contents)
}

/// What is read of every message on its way into the store.
const OFTEN_READ: [&str; 4] = [UNIQ_KEY, KEYS, TAGS, WAIT_STORE_OK];

/// What stands in a property string, known without a look at it.
#[derive(Clone, Copy, Debug, Default)]
struct Contents {
    /// Every name.
    names: NameSet,
    /// Where the last values of [`OFTEN_READ`] are.
    often_read: [Place; OFTEN_READ.len()],
}

/// Where a value is, in bytes; nowhere if it is empty. No frame is as long as these numbers go.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    end: u32,
}

impl Contents {
    /// What stands in a string.
    fn of(properties: &[u8]) -> Self {
        let mut contents = Self::default();
        contents.add_from(0, properties);
        contents
    }

    /// Adds the pairs from `start` on.
    fn add_from(&mut self, start: usize, properties: &[u8]) {
        for (at, stretch) in placed_stretches(properties.get(start..).unwrap_or_default()) {
            if let Some((name, value)) = split_pair(stretch) {
                self.insert(start + at, name, value);
            }
        }
    }

    /// Adds a pair that begins at `start`; whether its name may have been there before.
    fn insert(&mut self, start: usize, name: &[u8], value: &[u8]) -> bool {
        let places = OFTEN_READ.iter().zip(&mut self.often_read);
        if let Some((_, place)) = places.into_iter().find(|(often, _)| often.as_bytes() == name) {
            let start = start + name.len() + 1;
            *place = Place { start: start as u32, end: (start + value.len()) as u32 };
        }
        self.names.insert(name)
    }
}

/// A property string that is being put together or edited.
///
/// Invariant: `contents` says what stands in `bytes`.
#[derive(Clone, Debug, Default)]
pub struct PropertyString {
    bytes: Vec<u8>,
    contents: Contents,
}

impl PartialEq for PropertyString {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PropertyString {}

impl PropertyString {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over an encoded property string as it is.
    pub fn from_encoded(properties: impl Into<Vec<u8>>) -> Self {
        let bytes = properties.into();
        let contents = Contents::of(&bytes);
        Self { bytes, contents }
    }

    /// What a client wrote: only the pairs that exist, and of two with one name the later. There is room for so many
    /// bytes more.
    ///
    /// A well-formed string is taken over as it is.
    pub fn from_client(properties: &[u8], room_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(properties.len() + room_bytes);
        bytes.extend_from_slice(properties);
        if let Some(contents) = contents_if_well_formed(&bytes) {
            return Self { bytes, contents };
        }
        let mut values = HashMap::new();
        let mut names = Vec::new();
        for (name, value) in pairs(&bytes) {
            if values.insert(name, value).is_none() {
                names.push(name);
            }
        }
        let mut kept = Vec::with_capacity(bytes.len() + 1);
        for (name, value) in names.iter().filter_map(|name| Some((name, values.get(name)?))) {
            kept.extend_from_slice(name);
            kept.push(NAME_VALUE_SEPARATOR);
            kept.extend_from_slice(value);
            kept.push(PROPERTY_SEPARATOR);
        }
        Self::from_encoded(kept)
    }

    /// The value of a property.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some(place) = self.place_of(name) {
            let value = self.bytes.get(place.start as usize..place.end as usize)?;
            return if value.is_empty() { None } else { str::from_utf8(value).ok() };
        }
        if self.contents.names.may_contain(name.as_bytes()) { get(&self.bytes, name) } else { None }
    }

    /// Where the value of one of [`OFTEN_READ`] is; `None` for any other name.
    #[inline]
    fn place_of(&self, name: &str) -> Option<Place> {
        OFTEN_READ
            .iter()
            .zip(self.contents.often_read)
            .find_map(|(often, place)| (*often == name).then_some(place))
    }

    /// Whether the property exists.
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        match self.place_of(name) {
            Some(place) => place.start < place.end,
            None => self.contents.names.may_contain(name.as_bytes()) && has(&self.bytes, name),
        }
    }

    /// Adds a property that is known to be absent. An empty value adds nothing, as it would not be read.
    pub fn push(&mut self, name: &str, value: &str) {
        if name.is_empty() || value.is_empty() {
            return;
        }
        if self.bytes.last().is_some_and(|last| *last != PROPERTY_SEPARATOR) {
            self.bytes.push(PROPERTY_SEPARATOR);
        }
        let start = self.bytes.len();
        self.bytes.reserve(name.len() + value.len() + 2);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(NAME_VALUE_SEPARATOR);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(PROPERTY_SEPARATOR);
        // A value with separators in it makes names of its own.
        self.contents.add_from(start, &self.bytes);
    }

    /// Gives a property a new value; it moves to the end.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes a property; all other bytes stay as they are.
    pub fn remove(&mut self, name: &str) {
        if !self.contains(name) {
            return;
        }
        let mut kept = Vec::with_capacity(self.bytes.len());
        for pair in self.bytes.split_inclusive(|byte| *byte == PROPERTY_SEPARATOR) {
            let bare = pair.strip_suffix(&[PROPERTY_SEPARATOR]).unwrap_or(pair);
            if split_pair(bare).is_none_or(|(found, _)| found != name.as_bytes()) {
                kept.extend_from_slice(pair);
            }
        }
        self.contents = Contents::of(&kept);
        self.bytes = kept;
    }

    /// The pairs as text, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        text_pairs(&self.bytes)
    }

    /// The encoded string.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded string, ready to store.
    pub fn into_bytes(self) -> bytes::Bytes {
        self.bytes.into()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for PropertyString {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut properties = Self::new();
        for (name, value) in pairs {
            properties.push(name, value);
        }
        properties
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reading_follows_rocketmqs_parser() {
        let text = b"KEYS\x01a b\x02TAGS\x01\x02\x01x\x02junk\x02a\x011\x012\x02KEYS\x01later";
        assert_eq!(get(text, "KEYS"), Some("later"));
        assert_eq!(get(text, "TAGS"), None);
        assert_eq!(get(text, "a"), Some("1\u{1}2"));
        assert_eq!(get(text, "junk"), None);
        assert_eq!(pairs(text).count(), 3);
    }

    #[test]
    fn what_a_client_wrote_is_kept_unless_it_does_not_exist() {
        let kept = |text: &[u8]| PropertyString::from_client(text, 0).as_bytes().to_vec();
        for well_formed in [&b""[..], b"a\x011", b"a\x011\x02b\x012\x02", b"a\x01b\x01c\x02"] {
            assert_eq!(kept(well_formed), well_formed);
        }
        assert_eq!(kept(b"\x02"), b"");
        assert_eq!(kept(b"\x02\x02"), b"");
        assert_eq!(kept(b"KEYS\x01\x02a\x011"), b"a\x011\x02");
        assert_eq!(kept(b"junk\x02\x01x\x02a\x011\x02\x02"), b"a\x011\x02");
        assert_eq!(kept(b"a\x011\x02b\x012\x02a\x013\x02"), b"a\x013\x02b\x012\x02");
    }

    #[test]
    fn editing_leaves_the_rest_alone() {
        let mut properties = PropertyString::from_encoded(*b"b\x01\x02a\x011\x02junk\x02c\x013");
        properties.set("a", "2");
        assert_eq!(properties.as_bytes(), b"b\x01\x02junk\x02c\x013\x02a\x012\x02");
        properties.remove("absent");
        properties.push("empty", "");
        assert_eq!(properties.as_bytes(), b"b\x01\x02junk\x02c\x013\x02a\x012\x02");
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let _ = get(&bytes, "KEYS");
            prop_assert!(text_pairs(&bytes).all(|(name, value)| !name.is_empty() && !value.is_empty()));
        }

        #[test]
        fn what_a_client_wrote_reads_the_same(bytes in "[ab\u{1}\u{2}]{0,160}") {
            let kept = PropertyString::from_client(bytes.as_bytes(), 0);
            for (name, _) in pairs(bytes.as_bytes()) {
                let name = str::from_utf8(name).unwrap();
                prop_assert_eq!(kept.get(name), get(bytes.as_bytes(), name));
                prop_assert_eq!(pairs(kept.as_bytes()).filter(|(found, _)| *found == name.as_bytes()).count(), 1);
            }
        }

        #[test]
        fn what_is_set_is_read(values in proptest::collection::vec("[a-z]{1,4}", 1..6)) {
            let mut properties = PropertyString::new();
            for value in &values {
                properties.set(value, "x");
                properties.set(value, value);
            }
            for value in &values {
                prop_assert_eq!(properties.get(value), Some(value.as_str()));
            }
            properties.remove(&values[0]);
            prop_assert_eq!(properties.get(&values[0]), None);
        }

        #[test]
        fn what_is_often_read_is_found_however_it_came(
            pairs in proptest::collection::vec(("KEYS|TAGS|WAIT|UNIQ_KEY|[ab]", "[ab\u{1}\u{2}]{0,3}"), 0..8),
            removed in "KEYS|TAGS",
        ) {
            let encoded = pairs.iter().fold(String::new(), |text, (name, value)| text + name + "\u{1}" + value + "\u{2}");
            let mut pushed: PropertyString = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            pushed.set("TAGS", "last");
            let mut less = pushed.clone();
            less.remove(&removed);
            let client = PropertyString::from_client(encoded.as_bytes(), 0);
            for properties in [PropertyString::from_encoded(encoded), client, pushed, less] {
                for name in OFTEN_READ {
                    prop_assert_eq!(properties.get(name), get(properties.as_bytes(), name));
                    prop_assert_eq!(properties.contains(name), has(properties.as_bytes(), name));
                }
            }
        }

        #[test]
        fn whatever_is_pushed_is_found(pushed in proptest::collection::vec("[ab\u{1}\u{2}]{1,5}", 0..8)) {
            let mut properties = PropertyString::new();
            for text in &pushed {
                properties.push(text, text);
            }
            for (name, _) in pairs(properties.as_bytes()) {
                let name = str::from_utf8(name).unwrap();
                prop_assert_eq!(properties.get(name), get(properties.as_bytes(), name));
                prop_assert!(properties.contains(name));
            }
        }
    }
}
