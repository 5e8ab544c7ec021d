//! A map key that is an object, such as the `MessageQueue` keys of a `ConsumeStats` body.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _, ser::Error as _,
};

/// Makes a struct usable as a map key.
///
/// In the raw dialect the object stands unquoted in key position; any other JSON writer sees a string
/// that holds the object's JSON. Both are read back, whatever the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectKey<K>(pub K);

impl<K> From<K> for ObjectKey<K> {
    fn from(key: K) -> Self {
        Self(key)
    }
}

impl<K: Serialize> Serialize for ObjectKey<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = serde_json::to_string(&self.0).map_err(S::Error::custom)?;
        let Some(rest) = json.strip_prefix('{') else {
            return Err(S::Error::custom("an object key has to be an object"));
        };
        serializer.collect_str(&Marked { rest })
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for ObjectKey<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = String::deserialize(deserializer)?;
        serde_json::from_str(&json).map(Self).map_err(D::Error::custom)
    }
}

/// The object's text, its opening brace and a blank handed over as two fragments of their own.
///
/// A string key reaches the formatter as one run of characters up to the first escape, so no string,
/// whatever a peer put into it, can pass for an object.
struct Marked<'a> {
    rest: &'a str,
}

impl fmt::Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        f.write_str(" ")?;
        f.write_str(self.rest)
    }
}
