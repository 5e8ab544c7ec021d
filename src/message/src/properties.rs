//! The property string of a message: `name 0x01 value 0x02 name 0x01 value 0x02 …`.
//!
//! Read without building a map, and edited without touching the bytes or the order of what stays. The rules
//! of RocketMQ's own parser hold: a pair whose name or value is empty does not exist, a value may contain
//! 0x01, the last separator may be missing, and of two pairs with one name the later counts.

/// Between name and value.
pub const NAME_VALUE_SEPARATOR: u8 = 1;
/// After each pair.
pub const PROPERTY_SEPARATOR: u8 = 2;

/// The pairs of a property string, in their order.
pub fn pairs(properties: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    properties.split(|byte| *byte == PROPERTY_SEPARATOR).filter_map(split_pair)
}

/// The pairs of a property string as text; pairs that are not UTF-8 are left out.
pub fn text_pairs(properties: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    pairs(properties)
        .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?)))
}

/// The value of a property; `None` when it is absent, empty or not UTF-8.
pub fn get<'a>(properties: &'a [u8], name: &str) -> Option<&'a str> {
    let value = pairs(properties).filter(|(found, _)| *found == name.as_bytes()).last()?.1;
    str::from_utf8(value).ok()
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == NAME_VALUE_SEPARATOR)?;
    let (name, value) = pair.split_at_checked(at)?;
    let value = value.get(1..)?;
    (!name.is_empty() && !value.is_empty()).then_some((name, value))
}

/// A property string that is being put together or edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyString {
    bytes: Vec<u8>,
}

impl PropertyString {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over an encoded property string as it is.
    pub fn from_encoded(properties: impl Into<Vec<u8>>) -> Self {
        Self { bytes: properties.into() }
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        get(&self.bytes, name)
    }

    /// Whether the property exists.
    pub fn contains(&self, name: &str) -> bool {
        pairs(&self.bytes).any(|(found, _)| found == name.as_bytes())
    }

    /// Adds a property that is known to be absent. An empty value adds nothing, as it would not be read.
    pub fn push(&mut self, name: &str, value: &str) {
        if name.is_empty() || value.is_empty() {
            return;
        }
        if self.bytes.last().is_some_and(|last| *last != PROPERTY_SEPARATOR) {
            self.bytes.push(PROPERTY_SEPARATOR);
        }
        self.bytes.reserve(name.len() + value.len() + 2);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(NAME_VALUE_SEPARATOR);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(PROPERTY_SEPARATOR);
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
    }
}
