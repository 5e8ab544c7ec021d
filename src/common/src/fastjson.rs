//! The fastjson 1.x dialect, quarantined: the rest of the project sees typed values only.
//!
//! RocketMQ writes most bodies and all its configuration files with fastjson, which leaves standard
//! JSON in two places: a map key that is not a string is written as it is (`{0:"a"}`,
//! `{{"brokerName":"b","queueId":0,"topic":"T"}:9}`), and its parser takes single quotes, trailing
//! commas, comments and bare words that a standard parser refuses.
//!
//! Invariants: reading never panics, uses memory linear in the input and never recurses deeper than
//! [`MAX_DEPTH`]; standard JSON means here what it means everywhere; what [`to_vec`] writes is read
//! back by [`from_slice`] and by fastjson.

mod normalize;
mod object_key;
mod references;
mod write;

pub use object_key::ObjectKey;

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use write::{Dialect, Flavour};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// Why a text could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FastjsonError {
    /// Not even fastjson would take this text.
    #[error("byte {position}: {problem}")]
    Syntax {
        /// Bytes from the start of the text.
        position: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// References between its parts would make the text grow.
    #[error("references repeat more than the text holds")]
    TooManyReferences,
    /// The text is JSON, but not of the type asked for.
    #[error(transparent)]
    Data(#[from] serde_json::Error),
}

/// Reads `T` from JSON or from the fastjson dialect of it.
///
/// Standard JSON costs one pass of `serde_json`; only a text that fails there is rewritten first.
/// `NaN` and `Infinity` become `null`, bytes that are not UTF-8 become U+FFFD, and a `$ref` becomes a
/// copy of what it refers to, as in Java.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, FastjsonError> {
    if references::may_occur(text) {
        let mut tree = read_dialect(text)?;
        references::resolve(&mut tree)?;
        return Ok(serde_json::from_value(tree)?);
    }
    match serde_json::from_slice(text) {
        Err(error) if matches!(error.classify(), Category::Syntax | Category::Eof) => read_dialect(text),
        result => Ok(result?),
    }
}

fn read_dialect<T: DeserializeOwned>(text: &[u8]) -> Result<T, FastjsonError> {
    let repaired = match String::from_utf8_lossy(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(repaired) => Cow::Owned(repaired.into_bytes()),
    };
    Ok(serde_json::from_slice(&normalize::normalize(&repaired)?)?)
}

/// Reads `T` from a string: [`from_slice`] for text already known to be UTF-8.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, FastjsonError> {
    from_slice(text.as_bytes())
}

/// Writes a value compactly in the raw dialect: integer keys and [`ObjectKey`]s without quotes.
///
/// # Panics
/// When `T` cannot be JSON at all: a map whose keys are sequences or plain structs, or a `Serialize`
/// implementation that fails by itself. Both are mistakes in the type, independent of the data.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value, Flavour::Raw)
}

/// [`to_vec`] as text.
///
/// # Panics
/// As [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    into_text(to_vec(value))
}

/// Writes the raw dialect indented by tabs, in the shape of a configuration file of the Java broker.
///
/// # Panics
/// As [`to_vec`].
pub fn to_vec_pretty<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value, Flavour::Pretty)
}

/// Writes standard JSON in pure ASCII, fastjson's `BrowserCompatible`: quoted keys, `\uXXXX` for
/// everything outside ASCII, integers beyond 2^53 as strings.
///
/// # Panics
/// As [`to_vec`].
pub fn to_vec_browser<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value, Flavour::Browser)
}

fn encode<T: Serialize + ?Sized>(value: &T, flavour: Flavour) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Dialect::new(flavour));
    match value.serialize(&mut serializer) {
        Ok(()) => out,
        Err(error) => panic!("{} cannot be written as json: {error}", std::any::type_name::<T>()),
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    // The formatter copies whole fragments of `str`s, so the bytes are UTF-8 and nothing is lost.
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
