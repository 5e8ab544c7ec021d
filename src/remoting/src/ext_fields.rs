//! The extension fields of a command: a short list of texts by name.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// `extFields`: names and values as they came, values borrowed from the frame where possible.
///
/// A command carries a dozen or two, so look-up is a scan. A name that occurs twice keeps its last value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtFields<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry<'a> {
    tag: Tag,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

/// Length and first bytes of a name in one word: names differ where it does, and short ones only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag(u64);

impl Tag {
    /// Bytes of a name that stand in it.
    const BYTES: usize = 7;

    #[inline]
    fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let first = match bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => bytes.iter().fold(0, |tag, byte| tag << 8 | u64::from(*byte)),
        };
        // What is shifted out is the last of eight bytes, or nothing of fewer.
        Self(first << 8 | bytes.len().min(0xff) as u64)
    }

    /// Whether equal tags are equal names.
    #[inline]
    fn is_whole(name: &str) -> bool {
        name.len() <= Self::BYTES
    }
}

impl<'a> ExtFields<'a> {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// No fields, and room for some.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { entries: Vec::with_capacity(count) }
    }

    /// The value of `name`.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (tag, is_whole) = (Tag::of(name), Tag::is_whole(name));
        let is_it = |entry: &&Entry<'_>| entry.tag == tag && (is_whole || entry.name == name);
        self.entries.iter().rev().find(is_it).map(|entry| entry.value.as_ref())
    }

    /// Adds a field.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let name = name.into();
        self.entries.push(Entry { tag: Tag::of(&name), name, value: value.into() });
    }

    /// All fields in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.name.as_ref(), entry.value.as_ref()))
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The same fields, independent of the frame.
    pub fn into_owned(self) -> ExtFields<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let entries = self.entries.into_iter();
        let entries =
            entries.map(|Entry { tag, name, value }| Entry { tag, name: own(name), value: own(value) });
        ExtFields { entries: entries.collect() }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ExtFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExtFieldsVisitor)
    }
}

struct ExtFieldsVisitor;

impl<'de> Visitor<'de> for ExtFieldsVisitor {
    type Value = ExtFields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(ExtFields::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = ExtFields::with_capacity(16);
        while let Some((FieldText(Some(name)), FieldText(value))) = map.next_entry()? {
            if let Some(value) = value {
                fields.push(name, value);
            }
        }
        Ok(fields)
    }
}

/// One text, borrowed when it has no escapes; numbers and booleans are taken as their text, as the
/// Java decoder takes them.
pub(crate) struct FieldText<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for FieldText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldTextVisitor)
    }
}

struct FieldTextVisitor;

impl<'de> Visitor<'de> for FieldTextVisitor {
    type Value = FieldText<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or a boolean")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(FieldText(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(FieldText(None))
    }
}
