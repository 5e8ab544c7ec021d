//! What a broker registers at a NameServer (`RegisterBrokerBody`).
//!
//! Plain, the body is JSON. Compressed, it is a zlib stream of
//!
//! ```text
//! ┌─────┬──────────────────┬───────┬─────────────────────┬─────┬────────────────────┬───────┬─────────────────────┐
//! │ len │ DataVersion JSON │ count │ count × (len, text) │ len │ filter server JSON │ count │ count × (len, JSON) │
//! └─────┴──────────────────┴───────┴── one per topic ────┴─────┴────────────────────┴───────┴─ one per mapping ───┘
//! ```
//!
//! with big-endian 32-bit lengths and counts and a topic's text as in [`TopicConfig::encode_compact`]. It
//! loses a topic's order and unit flags. Brokers before 5.0 write no mappings, so who reads has to know
//! the writer's version.
//!
//! Invariant: what a peer sends costs memory in proportion to [`INFLATED_MAX_BYTES`] at most, whatever
//! lengths and counts it claims.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use common::{
    data_version::DataVersion,
    fastjson::{self, FastjsonError},
    topic::TopicConfig,
};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    queue_mapping::TopicQueueMappingDetail,
    route::{TopicQueueMappingInfo, null_as_default},
};

/// Largest inflated size of a compressed registration.
pub const INFLATED_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most topics one broker may register.
pub const TOPICS_MAX: usize = 1_000_000;

/// An honest body inflates to at most so many times its size.
const INFLATION_RATIO_MAX: u64 = 256;
/// Below this size the ratio says nothing.
const INFLATED_FREE_BYTES: u64 = 1024 * 1024;
/// Longest text of one topic, mapping, version or list.
const ENTRY_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// `MQVersion.V5_0_0`: the first whose compressed bodies end with mappings.
const VERSION_WITH_MAPPINGS: i32 = 413;
/// `MQVersion.V3_0_11`: the first whose bodies are more than the table of topics.
const VERSION_WITH_BODY: i32 = 37;

/// `TopicConfigAndMappingSerializeWrapper`: all topics of a broker.
///
/// A `TopicConfigSerializeWrapper` is the same without the mappings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigAndMappingSerializeWrapper {
    /// Version of the topics.
    #[serde(deserialize_with = "null_as_default")]
    pub data_version: DataVersion,
    /// Version of the mappings.
    #[serde(deserialize_with = "null_as_default")]
    pub mapping_data_version: DataVersion,
    /// Topics by name.
    #[serde(deserialize_with = "null_as_default")]
    pub topic_config_table: BTreeMap<String, TopicConfig>,
    /// Mappings of static topics in full, between brokers.
    #[serde(deserialize_with = "null_as_default")]
    pub topic_queue_mapping_detail_map: BTreeMap<String, TopicQueueMappingDetail>,
    /// Mappings of static topics as NameServers keep them.
    #[serde(deserialize_with = "null_as_default")]
    pub topic_queue_mapping_info_map: BTreeMap<String, TopicQueueMappingInfo>,
}

/// `RegisterBrokerBody`: a broker's topics and filter servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterBrokerBody {
    /// Addresses of filter servers; `null` says nothing about them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_server_list: Option<Vec<String>>,
    /// The topics.
    #[serde(deserialize_with = "null_as_default")]
    pub topic_config_serialize_wrapper: TopicConfigAndMappingSerializeWrapper,
}

impl Default for RegisterBrokerBody {
    fn default() -> Self {
        Self {
            filter_server_list: Some(Vec::new()),
            topic_config_serialize_wrapper: TopicConfigAndMappingSerializeWrapper::default(),
        }
    }
}

/// How a registration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationLayout {
    /// JSON.
    Plain,
    /// The compressed layout.
    Compressed,
}

impl RegistrationLayout {
    /// The layout of a body whose header says `compressed`, or says nothing.
    ///
    /// RocketMQ 5.3's brokers say that a compressed body is none: no JSON begins as a zlib stream does.
    pub fn detect(compressed: Option<bool>, body: &[u8]) -> Self {
        let is_zlib = matches!(body, [0x78, flags, ..] if (0x7800 | u16::from(*flags)) % 31 == 0);
        if compressed == Some(true) || is_zlib { Self::Compressed } else { Self::Plain }
    }
}

/// Why a body is no registration.
#[derive(Debug, Error)]
pub enum RegistrationError {
    /// Not JSON, or not of this shape.
    #[error("not a registration: {0}")]
    Json(#[from] FastjsonError),
    /// The compressed stream is damaged or ends early.
    #[error("cannot inflate: {0}")]
    Inflate(#[from] io::Error),
    /// More than an honest broker sends.
    #[error("{what} of {claimed} is beyond the limit")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it claims to be.
        claimed: u64,
    },
    /// A topic's text has a field too few or no number where one belongs.
    #[error("not a topic: {0:?}")]
    Topic(String),
}

impl RegisterBrokerBody {
    /// Writes the body.
    ///
    /// # Errors
    /// When the compressor fails, which it does not in memory.
    pub fn encode(&self, layout: RegistrationLayout) -> io::Result<Vec<u8>> {
        match layout {
            RegistrationLayout::Plain => Ok(fastjson::to_vec(self)),
            RegistrationLayout::Compressed => self.deflate(),
        }
    }

    /// Reads a body that a broker of `version` (`MQVersion` ordinal) wrote; an empty one has no topics.
    ///
    /// # Errors
    /// When it is damaged or beyond the limits.
    pub fn decode(bytes: &[u8], layout: RegistrationLayout, version: i32) -> Result<Self, RegistrationError> {
        let body = if bytes.is_empty() {
            Self::default()
        } else if version < VERSION_WITH_BODY {
            Self { filter_server_list: None, topic_config_serialize_wrapper: fastjson::from_slice(bytes)? }
        } else {
            match layout {
                RegistrationLayout::Plain => fastjson::from_slice(bytes)?,
                RegistrationLayout::Compressed => Self::inflate(bytes, version)?,
            }
        };
        let topics = body.topic_config_serialize_wrapper.topic_config_table.len();
        within("number of topics", topics as u64, TOPICS_MAX as u64)?;
        Ok(body)
    }

    fn deflate(&self) -> io::Result<Vec<u8>> {
        let topics = &self.topic_config_serialize_wrapper;
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        write_piece(&mut out, &fastjson::to_vec(&topics.data_version))?;
        write_count(&mut out, topics.topic_config_table.len())?;
        for topic in topics.topic_config_table.values() {
            write_piece(&mut out, topic.encode_compact().as_bytes())?;
        }
        write_piece(&mut out, &fastjson::to_vec(&self.filter_server_list))?;
        write_count(&mut out, topics.topic_queue_mapping_info_map.len())?;
        for mapping in topics.topic_queue_mapping_info_map.values() {
            write_piece(&mut out, &fastjson::to_vec(mapping))?;
        }
        out.finish()
    }

    fn inflate(bytes: &[u8], version: i32) -> Result<Self, RegistrationError> {
        let mut stream = Inflating::new(bytes);
        let mut topics = TopicConfigAndMappingSerializeWrapper {
            data_version: fastjson::from_slice(&stream.piece()?)?,
            ..TopicConfigAndMappingSerializeWrapper::default()
        };
        for _ in 0..stream.count("number of topics")? {
            let piece = stream.piece()?;
            let text = String::from_utf8_lossy(&piece);
            let topic = TopicConfig::decode_compact(&text)
                .ok_or_else(|| RegistrationError::Topic(text.chars().take(128).collect()))?;
            topics.topic_config_table.insert(topic.topic_name.clone(), topic);
        }
        // As RocketMQ: a list that cannot be read is none.
        let filter_server_list = fastjson::from_slice::<Option<Vec<String>>>(&stream.piece()?)
            .unwrap_or_else(|_| Some(Vec::new()));
        if version >= VERSION_WITH_MAPPINGS {
            for _ in 0..stream.count("number of mappings")? {
                let mapping: TopicQueueMappingInfo = fastjson::from_slice(&stream.piece()?)?;
                topics.topic_queue_mapping_info_map.insert(mapping.topic.clone(), mapping);
            }
        }
        Ok(Self { filter_server_list, topic_config_serialize_wrapper: topics })
    }
}

/// The pieces of a compressed body, within the limits.
struct Inflating<'a> {
    stream: io::Take<ZlibDecoder<&'a [u8]>>,
}

impl<'a> Inflating<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let by_ratio = INFLATED_FREE_BYTES + bytes.len() as u64 * INFLATION_RATIO_MAX;
        Self { stream: ZlibDecoder::new(bytes).take(INFLATED_MAX_BYTES.min(by_ratio)) }
    }

    fn int(&mut self) -> Result<i32, RegistrationError> {
        let mut bytes = [0; 4];
        match self.stream.read_exact(&mut bytes) {
            Ok(()) => Ok(i32::from_be_bytes(bytes)),
            Err(error) => Err(self.ended(error)),
        }
    }

    fn piece(&mut self) -> Result<Vec<u8>, RegistrationError> {
        let claimed = self.int()?;
        let len_bytes = u64::try_from(claimed)
            .map_err(|_| RegistrationError::Limit { what: "length", claimed: u64::from(claimed as u32) })?;
        within("length", len_bytes, ENTRY_MAX_BYTES)?;
        let mut piece = Vec::new();
        // Grows with what is really there, not with what was claimed.
        self.stream.by_ref().take(len_bytes).read_to_end(&mut piece)?;
        if (piece.len() as u64) < len_bytes {
            return Err(self.ended(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(piece)
    }

    fn count(&mut self, what: &'static str) -> Result<i32, RegistrationError> {
        let claimed = self.int()?;
        within(what, u64::from(claimed as u32), TOPICS_MAX as u64)?;
        Ok(claimed)
    }

    /// Tells a stream that ended from one that was cut off at the limit.
    fn ended(&self, error: io::Error) -> RegistrationError {
        if self.stream.limit() == 0 {
            RegistrationError::Limit { what: "inflated size", claimed: INFLATED_MAX_BYTES }
        } else {
            error.into()
        }
    }
}

fn within(what: &'static str, claimed: u64, max: u64) -> Result<(), RegistrationError> {
    if claimed <= max { Ok(()) } else { Err(RegistrationError::Limit { what, claimed }) }
}

fn write_count(out: &mut impl Write, count: usize) -> io::Result<()> {
    let count = i32::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    out.write_all(&count.to_be_bytes())
}

fn write_piece(out: &mut impl Write, piece: &[u8]) -> io::Result<()> {
    write_count(out, piece.len())?;
    out.write_all(piece)
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
