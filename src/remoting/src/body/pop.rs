//! The body of `BATCH_ACK_MESSAGE`: acknowledgements of many popped messages at once.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::heartbeat::null_as_default;

/// Body of `BATCH_ACK_MESSAGE`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAckMessageRequestBody {
    /// What is acknowledged.
    #[serde(deserialize_with = "null_as_default")]
    pub acks: Vec<BatchAck>,
    /// The broker the messages were popped from.
    #[serde(deserialize_with = "null_as_default")]
    pub broker_name: String,
}

/// `BatchAck`: messages of one pop from one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchAck {
    /// Which messages, counted from [`Self::start_offset`]: 64-bit words of a bit set, lowest first.
    #[serde(rename = "b", alias = "bitSet", serialize_with = "write_bits", deserialize_with = "read_bits")]
    pub offsets: OffsetBits,
    /// The group.
    #[serde(rename = "c", alias = "consumerGroup", deserialize_with = "null_as_default")]
    pub consumer_group: String,
    /// For how long the messages were hidden, in milliseconds.
    #[serde(rename = "it", alias = "invisibleTime")]
    pub invisible_time: i64,
    /// When they were popped, in milliseconds.
    #[serde(rename = "pt", alias = "popTime")]
    pub pop_time: i64,
    /// The queue.
    #[serde(rename = "q", alias = "queueId")]
    pub queue_id: i32,
    /// Which topic they really are of: `0` the topic itself, `1` and `2` the two kinds of its retry topic.
    #[serde(rename = "r", alias = "retry", deserialize_with = "null_as_default")]
    pub retry: String,
    /// The queue of the revive topic their check point is in.
    #[serde(rename = "rq", alias = "reviveQueueId")]
    pub revive_queue_id: i32,
    /// The queue offset their check point begins at.
    #[serde(rename = "so", alias = "startOffset")]
    pub start_offset: i64,
    /// The topic.
    #[serde(rename = "t", alias = "topic", deserialize_with = "null_as_default")]
    pub topic: String,
}

/// Java's `BitSet` of distances from a first offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetBits(Vec<u8>);

impl OffsetBits {
    /// The distances whose bits are set, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        let set = |byte: &u8| (0..8).filter(move |bit| byte >> bit & 1 == 1).collect::<Vec<_>>();
        self.0.iter().zip(0..).flat_map(move |(byte, at)| set(byte).into_iter().map(move |bit| at * 8 + bit))
    }
}

impl FromIterator<u16> for OffsetBits {
    fn from_iter<I: IntoIterator<Item = u16>>(distances: I) -> Self {
        let mut bytes = Vec::new();
        for distance in distances {
            let at = usize::from(distance / 8);
            if bytes.len() <= at {
                bytes.resize(at + 1, 0_u8);
            }
            if let Some(byte) = bytes.get_mut(at) {
                *byte |= 1 << (distance % 8);
            }
        }
        Self(bytes)
    }
}

fn write_bits<S: Serializer>(bits: &OffsetBits, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(&bits.0))
}

fn read_bits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetBits, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    STANDARD.decode(text).map(OffsetBits).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use common::fastjson;

    use super::*;

    #[test]
    fn json_is_javas() {
        let text = concat!(
            r#"{"acks":[{"b":"CQ==","c":"G","it":0,"pt":0,"q":0,"r":"0","rq":0,"so":1,"t":"T"}],"#,
            r#""brokerName":"b"}"#
        );
        let body: BatchAckMessageRequestBody = fastjson::from_str(text).unwrap();
        assert_eq!(body.acks[0].offsets.iter().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(fastjson::to_string(&body), text);
    }

    #[test]
    fn bits_count_from_the_lowest() {
        let distances = [0, 7, 8, 31, 300];
        let bits: OffsetBits = distances.into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), distances.map(i64::from));
        assert_eq!(OffsetBits::default().iter().count(), 0);
    }

    #[test]
    fn bits_that_are_none_are_refused() {
        assert!(fastjson::from_str::<BatchAck>(r#"{"b":"§"}"#).is_err());
        assert_eq!(fastjson::from_str::<BatchAck>(r#"{"b":null}"#).unwrap(), BatchAck::default());
    }
}
