//! `java.util.Properties` text: the syntax of `broker.conf`, and of configuration sent over the wire.
//!
//! ```text
//! # comment            ! comment
//! key = value          key: value          key value
//! long = first part, \
//!        second part   leading blanks of a continued line are dropped
//! path = C\:\\store    escapes: \t \n \r \f \uXXXX, any other character stands for itself
//! ```
//!
//! Java reads such files as ISO-8859-1. Here a file that is valid UTF-8 is read as UTF-8, so that a name
//! typed in an editor means itself; anything else is read as ISO-8859-1. Both agree on ASCII.
//!
//! Invariant: entries stay in file order with their line numbers; of several entries with one key the
//! last one counts.

mod edit;
mod parse;

use std::borrow::Cow;

pub use edit::with_changes;

/// A `\u` escape without four hexadecimal digits: the one mistake the syntax knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u is not followed by four hexadecimal digits")]
pub struct PropertiesError {
    /// Line the entry starts on, from 1.
    pub line: usize,
}

/// One `key=value` of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line the entry starts on, from 1.
    pub line: usize,
    /// Key without escapes.
    pub key: String,
    /// Value without escapes; blanks at its end belong to it.
    pub value: String,
}

/// The entries of one properties text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<Entry>,
}

impl Properties {
    /// Reads a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PropertiesError> {
        Ok(Self { entries: parse::entries(&decode(bytes))? })
    }

    /// The value of a key: the last one when there are several.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rfind(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// All entries in file order, repeated keys included.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Sets keys as entries at the end, in the place of those that were there.
    pub fn set_all(&mut self, changes: &[(String, String)]) {
        for (key, value) in changes {
            self.entries.retain(|entry| entry.key != *key);
            let line = self.entries.last().map_or(1, |entry| entry.line + 1);
            self.entries.push(Entry { line, key: key.clone(), value: value.clone() });
        }
    }

    /// The entries that count, in file order: of a repeated key the last one only.
    pub fn effective(&self) -> impl Iterator<Item = &Entry> {
        let last: std::collections::HashMap<&str, usize> =
            self.entries.iter().enumerate().map(|(index, entry)| (entry.key.as_str(), index)).collect();
        self.entries
            .iter()
            .enumerate()
            .filter(move |(index, entry)| last.get(entry.key.as_str()) == Some(index))
            .map(|(_, entry)| entry)
    }
}

fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Writes `key=value` lines without escapes, the form RocketMQ sends and stores configuration in.
pub fn to_text<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        text.push_str(key.as_ref());
        text.push('=');
        text.push_str(value.as_ref());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
