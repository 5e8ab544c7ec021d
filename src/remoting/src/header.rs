//! Typed headers: how a struct becomes extension fields and back.

use thiserror::Error;

use crate::ext_fields::ExtFields;

pub use remoting_derive::Header;

/// The typed form of a command's extension fields (`CommandCustomHeader`).
pub trait Header: Sized + Send + Sync + 'static {
    /// Its fields.
    const FIELDS: &'static [FieldSpec];

    /// Reads the header; unknown fields are ignored.
    fn decode(fields: &ExtFields<'_>) -> Result<Self, HeaderError>;

    /// Writes every field that is there.
    fn encode(&self, sink: &mut dyn FieldSink);
}

/// One field of a header, to be compared with RocketMQ's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// The key it travels under.
    pub key: &'static str,
    /// What its text stands for.
    pub kind: FieldKind,
    /// Whether it has to be there.
    pub presence: Presence,
}

/// What a field's text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Java's `String`, or an enum by its name.
    Text,
    /// Java's `int`.
    Int,
    /// Java's `long`.
    Long,
    /// Java's `boolean`.
    Bool,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A request without it is refused.
    Required,
    /// It may be absent.
    Optional,
    /// Absent, it has a default.
    Defaulted,
}

/// The half of [`Header`] that a reply needs once its type no longer matters.
pub trait EncodeHeader: Send + Sync {
    /// Writes every field that is there.
    fn encode_fields(&self, sink: &mut dyn FieldSink);
}

impl<T: Header> EncodeHeader for T {
    fn encode_fields(&self, sink: &mut dyn FieldSink) {
        self.encode(sink);
    }
}

/// A header of no fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Header)]
pub struct NoHeader {}

/// Why extension fields are no header; the text is the remark a client sees.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// A field without which the request has no meaning.
    #[error("the custom field <{0}> is null")]
    Missing(&'static str),
    /// A field of the wrong type.
    #[error("the custom field <{key}> is not valid: {value:?}")]
    Invalid {
        /// The field.
        key: &'static str,
        /// What came.
        value: String,
    },
}

/// Where a header's fields are written to: one of the two header encodings.
pub trait FieldSink {
    /// Adds a text.
    fn text(&mut self, key: &str, value: &str);

    /// Adds a number.
    fn number(&mut self, key: &str, value: i64);
}

/// A value that can be an extension field.
pub trait FieldValue: Sized {
    /// What its text stands for.
    const KIND: FieldKind;
    /// Whether a field of this type has to be there.
    const PRESENCE: Presence = Presence::Required;

    /// Reads the value; `None` is an absent field.
    fn decode(raw: Option<&str>, key: &'static str) -> Result<Self, HeaderError>;

    /// Writes the value if there is one.
    fn encode(&self, key: &'static str, sink: &mut dyn FieldSink);
}

/// Reads a field that may be absent and then is `default`.
pub fn decode_or<T: FieldValue>(raw: Option<&str>, key: &'static str, default: T) -> Result<T, HeaderError> {
    match raw {
        Some(_) => T::decode(raw, key),
        None => Ok(default),
    }
}

impl FieldValue for String {
    const KIND: FieldKind = FieldKind::Text;

    fn decode(raw: Option<&str>, key: &'static str) -> Result<Self, HeaderError> {
        raw.map(str::to_owned).ok_or(HeaderError::Missing(key))
    }

    fn encode(&self, key: &'static str, sink: &mut dyn FieldSink) {
        sink.text(key, self);
    }
}

impl FieldValue for bool {
    const KIND: FieldKind = FieldKind::Bool;

    /// As Java's `Boolean.parseBoolean`: what is not `true` is false.
    fn decode(raw: Option<&str>, key: &'static str) -> Result<Self, HeaderError> {
        raw.map(|text| text.eq_ignore_ascii_case("true")).ok_or(HeaderError::Missing(key))
    }

    fn encode(&self, key: &'static str, sink: &mut dyn FieldSink) {
        sink.text(key, if *self { "true" } else { "false" });
    }
}

macro_rules! number_fields {
    ($($number:ty => $kind:expr),*) => {$(
        impl FieldValue for $number {
            const KIND: FieldKind = $kind;

            fn decode(raw: Option<&str>, key: &'static str) -> Result<Self, HeaderError> {
                let text = raw.ok_or(HeaderError::Missing(key))?;
                text.parse().map_err(|_| HeaderError::Invalid { key, value: text.chars().take(64).collect() })
            }

            fn encode(&self, key: &'static str, sink: &mut dyn FieldSink) {
                sink.number(key, i64::from(*self));
            }
        }
    )*};
}
number_fields!(i32 => FieldKind::Int, i64 => FieldKind::Long);

impl<T: FieldValue> FieldValue for Option<T> {
    const KIND: FieldKind = T::KIND;
    const PRESENCE: Presence = Presence::Optional;

    fn decode(raw: Option<&str>, key: &'static str) -> Result<Self, HeaderError> {
        raw.map(|text| T::decode(Some(text), key)).transpose()
    }

    fn encode(&self, key: &'static str, sink: &mut dyn FieldSink) {
        if let Some(value) = self {
            value.encode(key, sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Header)]
    struct Sample {
        consumer_group: String,
        queue_id: i32,
        queue_offset: Option<i64>,
        #[header(key = "proxyFrowardClientId")]
        client_id: Option<String>,
        #[header(default = true)]
        committed: bool,
        #[header(default)]
        order: bool,
    }

    #[derive(Default)]
    struct Collected(ExtFields<'static>);

    impl FieldSink for Collected {
        fn text(&mut self, key: &str, value: &str) {
            self.0.push(key.to_owned(), value.to_owned());
        }

        fn number(&mut self, key: &str, value: i64) {
            self.0.push(key.to_owned(), value.to_string());
        }
    }

    #[test]
    fn fields_round_trip() {
        let sample = Sample {
            consumer_group: "G".into(),
            queue_id: -1,
            queue_offset: Some(1 << 40),
            client_id: Some("c".into()),
            committed: false,
            order: true,
        };
        let mut fields = Collected::default();
        sample.encode(&mut fields);
        assert_eq!(Sample::decode(&fields.0), Ok(sample));
    }

    #[test]
    fn absent_fields_take_their_defaults_or_are_missing() {
        let mut fields = ExtFields::new();
        fields.push("consumerGroup", "G");
        assert_eq!(Sample::decode(&fields), Err(HeaderError::Missing("queueId")));
        fields.push("queueId", "3");
        fields.push("somethingNew", "ignored");
        let sample = Sample::decode(&fields).unwrap();
        assert!(sample.committed && !sample.order && sample.queue_offset.is_none());
    }

    #[test]
    fn a_number_that_is_none_names_its_field() {
        let mut fields = ExtFields::new();
        fields.push("consumerGroup", "G");
        fields.push("queueId", "three");
        let error = Sample::decode(&fields).unwrap_err();
        assert_eq!(error.to_string(), r#"the custom field <queueId> is not valid: "three""#);
    }
}
