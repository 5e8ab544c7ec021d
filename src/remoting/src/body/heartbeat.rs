//! Body of `HEART_BEAT`: who a client is, and what it produces and consumes.
//!
//! Clients write it differently. Java and Go write enums as names, the C++ client as numbers; the C++
//! client writes `subVersion` as text and leaves empty sets out, Go writes the codes of tags as texts;
//! clients before 5.0 know neither `heartbeatFingerprint` nor `withoutSub`. All of that is read.
//! Invariant: whatever a peer leaves out or writes as `null` takes the value Java would give it.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, Visitor},
};

/// The `subString` that takes every message.
pub const SUB_ALL: &str = "*";
/// The expression type of tags, which is also that of a subscription that names none.
pub const EXPRESSION_TYPE_TAG: &str = "TAG";
/// The expression type of SQL92 expressions over message properties.
pub const EXPRESSION_TYPE_SQL92: &str = "SQL92";

/// `HeartbeatData`: the whole of a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeartbeatData {
    /// `ip@instance`, unique among the clients of a group.
    #[serde(rename = "clientID", deserialize_with = "null_as_default")]
    pub client_id: String,
    /// The client's consumer groups.
    #[serde(deserialize_with = "null_as_default")]
    pub consumer_data_set: Vec<ConsumerData>,
    /// A hash over the subscriptions, made by the client; 0 in a heartbeat of the first kind.
    pub heartbeat_fingerprint: i32,
    /// The client's producer groups.
    #[serde(deserialize_with = "null_as_default")]
    pub producer_data_set: Vec<ProducerData>,
    /// Whether the subscriptions are left out because the broker knows them.
    pub without_sub: bool,
}

/// `ProducerData`: a producer group of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerData {
    /// The group.
    #[serde(deserialize_with = "null_as_default")]
    pub group_name: String,
}

/// `ConsumerData`: a consumer group of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerData {
    /// Where the group begins in a queue it has no offset for; `None` for a value unknown here.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How messages reach the client; `None` for a value unknown here.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub consume_type: Option<ConsumeType>,
    /// The group.
    #[serde(deserialize_with = "null_as_default")]
    pub group_name: String,
    /// How the group shares its queues; `None` for a value unknown here.
    #[serde(deserialize_with = "known_or_none", skip_serializing_if = "Option::is_none")]
    pub message_model: Option<MessageModel>,
    /// What the group subscribes to.
    #[serde(deserialize_with = "null_as_default")]
    pub subscription_data_set: Vec<SubscriptionData>,
    /// Whether the client belongs to a unit.
    pub unit_mode: bool,
}

/// `SubscriptionData`: which messages of a topic a group takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionData {
    /// Whether a filter server's class chooses the messages; RocketMQ 5 has none.
    pub class_filter_mode: bool,
    /// Hashes of the tags (`String.hashCode`); these, not the tags, choose messages.
    #[serde(deserialize_with = "codes")]
    pub code_set: BTreeSet<i32>,
    /// `TAG`, `SQL92` or whatever the client wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression_type: Option<String>,
    /// The expression as the client wrote it; [`SUB_ALL`] takes every message.
    #[serde(deserialize_with = "null_as_default")]
    pub sub_string: String,
    /// Wall-clock milliseconds at which the client made the subscription.
    #[serde(deserialize_with = "number")]
    pub sub_version: i64,
    /// The tags.
    #[serde(deserialize_with = "null_as_default")]
    pub tags_set: BTreeSet<String>,
    /// The topic.
    #[serde(deserialize_with = "null_as_default")]
    pub topic: String,
}

impl Default for SubscriptionData {
    fn default() -> Self {
        Self {
            class_filter_mode: false,
            code_set: BTreeSet::new(),
            expression_type: Some(EXPRESSION_TYPE_TAG.to_owned()),
            sub_string: String::new(),
            sub_version: 0,
            tags_set: BTreeSet::new(),
            topic: String::new(),
        }
    }
}

impl SubscriptionData {
    /// Whether tags choose the messages (`ExpressionType.isTagType`).
    pub fn is_tag_type(&self) -> bool {
        matches!(self.expression_type.as_deref(), None | Some("" | EXPRESSION_TYPE_TAG))
    }
}

/// An enum that clients write by name or by number.
pub(super) trait Numbered: Copy + 'static {
    /// The values with their names, in the order of their numbers.
    const NAMED: &'static [(&'static str, Self)];
}

macro_rules! numbered {
    ($(#[$doc:meta])* $enum:ident { $($(#[$value_doc:meta])* $value:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum $enum {
            $($(#[$value_doc])* #[serde(rename = $name)] $value,)*
        }

        impl Numbered for $enum {
            const NAMED: &'static [(&'static str, Self)] = &[$(($name, Self::$value)),*];
        }

        impl $enum {
            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)* }
            }
        }
    };
}

numbered! {
    /// `ConsumeType`: how messages reach a consumer.
    ConsumeType {
        /// It pulls when it likes.
        Actively = "CONSUME_ACTIVELY",
        /// Its library pulls for it.
        Passively = "CONSUME_PASSIVELY",
        /// The broker hands out messages one by one.
        Pop = "CONSUME_POP",
    }
}

numbered! {
    /// `MessageModel`: how the members of a group share its queues.
    MessageModel {
        /// Every member gets every message.
        Broadcasting = "BROADCASTING",
        /// Every message goes to one member.
        Clustering = "CLUSTERING",
    }
}

numbered! {
    /// `ConsumeFromWhere`: where a group begins in a queue it has no offset for.
    ConsumeFromWhere {
        /// At the end.
        LastOffset = "CONSUME_FROM_LAST_OFFSET",
        /// Deprecated in RocketMQ.
        LastOffsetAndFromMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        /// Deprecated in RocketMQ.
        MinOffset = "CONSUME_FROM_MIN_OFFSET",
        /// Deprecated in RocketMQ.
        MaxOffset = "CONSUME_FROM_MAX_OFFSET",
        /// At the oldest message.
        FirstOffset = "CONSUME_FROM_FIRST_OFFSET",
        /// At the first message stored after a moment.
        Timestamp = "CONSUME_FROM_TIMESTAMP",
    }
}

/// A number, also where it is written as text.
#[derive(Clone, Copy)]
struct Lenient(i64);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Lenient;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an integer, perhaps as text")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Lenient, E> {
                Ok(Lenient(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Lenient, E> {
                i64::try_from(number).map(Lenient).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Lenient, E> {
                text.trim().parse().map(Lenient).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Java writes what is not there as `null`.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(Option::<Lenient>::deserialize(deserializer)?.map_or(0, |number| number.0))
}

fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<i32>, D::Error> {
    let codes = Option::<Vec<Lenient>>::deserialize(deserializer)?.unwrap_or_default();
    codes.into_iter().map(|code| i32::try_from(code.0).map_err(D::Error::custom)).collect()
}

pub(in crate::body) fn known_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Numbered,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NameOrNumber {
        Number(usize),
        Name(String),
        Other(serde::de::IgnoredAny),
    }

    Ok(match NameOrNumber::deserialize(deserializer)? {
        NameOrNumber::Number(number) => T::NAMED.get(number).map(|(_, value)| *value),
        NameOrNumber::Name(name) => {
            T::NAMED.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        }
        NameOrNumber::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use common::fastjson;
    use proptest::prelude::*;

    use super::*;

    const JAVA: &str = concat!(
        r#"{"clientID":"192.0.2.2@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","#,
        r#""consumeType":"CONSUME_PASSIVELY","groupName":"G","messageModel":"CLUSTERING","#,
        r#""subscriptionDataSet":[{"classFilterMode":false,"codeSet":[97,98],"expressionType":"TAG","#,
        r#""subString":"a||b","subVersion":7,"tagsSet":["a","b"],"topic":"T"}],"unitMode":false}],"#,
        r#""heartbeatFingerprint":5,"producerDataSet":[{"groupName":"P"}],"withoutSub":false}"#
    );

    #[test]
    fn json_is_javas() {
        let data: HeartbeatData = fastjson::from_str(JAVA).unwrap();
        assert_eq!(serde_json::to_string(&data).unwrap(), JAVA);
        let consumer = &data.consumer_data_set[0];
        assert_eq!(consumer.consume_type, Some(ConsumeType::Passively));
        assert_eq!(consumer.message_model, Some(MessageModel::Clustering));
        assert!(consumer.subscription_data_set[0].is_tag_type());
    }

    #[test]
    fn the_form_of_the_cpp_client_is_read() {
        let json = concat!(
            r#"{"clientID":"c","consumerDataSet":[{"consumeFromWhere":4,"consumeType":1,"groupName":"G","#,
            r#""messageModel":1,"subscriptionDataSet":[{"subString":"*","subVersion":"1617000000000","#,
            r#""topic":"T"}]}],"producerDataSet":null}"#
        );
        let data: HeartbeatData = fastjson::from_str(json).unwrap();
        let consumer = &data.consumer_data_set[0];
        assert_eq!(consumer.consume_from_where, Some(ConsumeFromWhere::FirstOffset));
        assert_eq!(consumer.consume_type, Some(ConsumeType::Passively));
        assert_eq!(consumer.message_model, Some(MessageModel::Clustering));
        let subscription = &consumer.subscription_data_set[0];
        assert_eq!(subscription.sub_version, 1_617_000_000_000);
        assert!(subscription.is_tag_type() && subscription.tags_set.is_empty());
        assert!(data.producer_data_set.is_empty());
    }

    #[test]
    fn codes_written_as_texts_are_read() {
        let json =
            r#"{"topic":"T","subString":"a","tagsSet":["a"],"codeSet":["97","-5"],"expressionType":""}"#;
        let data: SubscriptionData = fastjson::from_str(json).unwrap();
        assert_eq!(data.code_set, BTreeSet::from([97, -5]));
        assert!(data.is_tag_type());
    }

    #[test]
    fn unknown_values_are_none_and_unknown_fields_ignored() {
        let json =
            r#"{"consumeType":"CONSUME_SOMEHOW","messageModel":9,"consumeFromWhere":null,"new":{"a":[]}}"#;
        let data: ConsumerData = fastjson::from_str(json).unwrap();
        assert_eq!((data.consume_type, data.message_model, data.consume_from_where), (None, None, None));
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            r#"{"groupName":"","subscriptionDataSet":[],"unitMode":false}"#
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{}:,"a-zA-Z0-9 ]{0,80}"#) {
            let _ = fastjson::from_str::<HeartbeatData>(&text);
        }
    }
}
