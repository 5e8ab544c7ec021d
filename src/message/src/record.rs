//! The CommitLog record: one message as stored, and as sent to consumers.
//!
//! ```text
//! total_size i32 | magic i32 | body_crc i32 | queue_id i32 | flag i32 | queue_offset i64 @20
//! | phy_offset i64 @28 | sys_flag i32 @36 | born_timestamp i64 @40 | born_host ip 4/16, port i32 @48
//! | store_timestamp i64 | store_host ip 4/16, port i32 | reconsume_times i32
//! | prepared_transaction_offset i64 | body_len i32, body | topic_len u8 (V1) or u16 (V2), topic
//! | properties_len i16, properties
//!
//! blank (rest of a file):  remaining_size i32 | BLANK_MAGIC i32 | anything
//! ```
//!
//! Invariant: a [`RecordView`] has every field within its bytes and its lengths add up to its total size;
//! whether the checksums hold is asked separately.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{hash, properties, property_names, sys_flag};

/// Magic of a record whose topic length takes one byte.
pub const MAGIC_V1: i32 = -626_843_481;
/// Magic of a record whose topic length takes two bytes.
pub const MAGIC_V2: i32 = -626_843_477;
/// Magic of the unused rest of a file.
pub const BLANK_MAGIC: i32 = -875_286_124;

/// Bytes of a blank's size and magic: the least that is left at the end of a file.
pub const BLANK_HEADER_BYTES: usize = 8;
/// The longest property string a record can hold.
pub const MAX_PROPERTIES_BYTES: usize = i16::MAX as usize;
/// Bytes of the checksum property at the end of the property string, where it is written.
pub const PROPERTIES_CRC_BYTES: usize = 20;

pub(crate) const QUEUE_OFFSET_AT: usize = 20;
pub(crate) const PHY_OFFSET_AT: usize = 28;
const SYS_FLAG_AT: usize = 36;
const BORN_TIMESTAMP_AT: usize = 40;
const BORN_HOST_AT: usize = 48;

/// Which of the two layouts a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordVersion {
    /// Topics of at most 127 bytes.
    V1,
    /// Longer topics.
    V2,
}

impl RecordVersion {
    /// The magic code of this version.
    pub fn magic(self) -> i32 {
        match self {
            Self::V1 => MAGIC_V1,
            Self::V2 => MAGIC_V2,
        }
    }

    fn of_magic(magic: i32) -> Option<Self> {
        match magic {
            MAGIC_V1 => Some(Self::V1),
            MAGIC_V2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Bytes of the topic's length field.
    pub fn topic_len_bytes(self) -> usize {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// What is wrong with the bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Neither a record nor a blank begins here. Zeros mean nothing was written.
    #[error("magic code {magic:#010x} is not a record's")]
    Magic {
        /// What stands where the magic code should.
        magic: i32,
    },
    /// The bytes end before the record does.
    #[error("record of {total_size} bytes is cut after {available_bytes}")]
    Cut {
        /// The declared size.
        total_size: i32,
        /// How many bytes there are.
        available_bytes: usize,
    },
    /// The lengths within the record contradict its size.
    #[error("lengths in a record of {total_size} bytes do not add up")]
    Lengths {
        /// The declared size.
        total_size: i32,
    },
    /// The topic is empty, not UTF-8, or was not written to its end.
    #[error("topic of a record is not valid text")]
    Topic,
    /// The body does not match its checksum.
    #[error("body checksum is {actual:#010x}, expected {expected:#010x}")]
    BodyCrc {
        /// The checksum in the record.
        expected: i32,
        /// The checksum of the body.
        actual: i32,
    },
    /// The record does not match the checksum in its properties.
    #[error("record checksum is {actual:#010x}, expected {expected:#010x}")]
    RecordCrc {
        /// The checksum in the record.
        expected: i32,
        /// The checksum of the record.
        actual: i32,
    },
    /// The record has no checksum in its properties, and was to have one.
    #[error("record has no checksum over itself")]
    NoRecordCrc,
}

/// What begins at a place in the CommitLog.
#[derive(Clone, Copy, Debug)]
pub enum Scanned<'a> {
    /// A record.
    Record(RecordView<'a>),
    /// The unused rest of the file.
    Blank {
        /// Its declared size.
        size_bytes: i32,
    },
}

/// Looks at what begins at the start of `bytes`; they may go on after it.
pub fn scan(bytes: &[u8]) -> Result<Scanned<'_>, RecordError> {
    let (Some(total_size), Some(magic)) = (i32_at(bytes, 0), i32_at(bytes, 4)) else {
        return Err(RecordError::Cut { total_size: 0, available_bytes: bytes.len() });
    };
    if magic == BLANK_MAGIC {
        return Ok(Scanned::Blank { size_bytes: total_size });
    }
    let version = RecordVersion::of_magic(magic).ok_or(RecordError::Magic { magic })?;
    let size = usize::try_from(total_size).map_err(|_| RecordError::Lengths { total_size })?;
    let whole = bytes.get(..size).ok_or(RecordError::Cut { total_size, available_bytes: bytes.len() })?;
    let layout = Layout::read(whole, version).ok_or(RecordError::Lengths { total_size })?;
    let topic = whole.get(layout.topic_at..layout.topic_at + layout.topic_len).unwrap_or_default();
    let is_name = |topic: &&str| !topic.is_empty() && !topic.contains('\0');
    let topic = str::from_utf8(topic).ok().filter(is_name).ok_or(RecordError::Topic)?;
    Ok(Scanned::Record(RecordView { bytes: whole, version, layout, topic }))
}

#[derive(Clone, Copy, Debug)]
struct Layout {
    store_timestamp_at: usize,
    store_host_at: usize,
    reconsume_times_at: usize,
    body_at: usize,
    body_len: usize,
    topic_at: usize,
    topic_len: usize,
    properties_at: usize,
    properties_len: usize,
}

impl Layout {
    fn read(whole: &[u8], version: RecordVersion) -> Option<Self> {
        let sys_flag = i32_at(whole, SYS_FLAG_AT)?;
        let store_timestamp_at = BORN_HOST_AT + host_bytes(sys_flag, sys_flag::BORN_HOST_V6);
        let store_host_at = store_timestamp_at + 8;
        let reconsume_times_at = store_host_at + host_bytes(sys_flag, sys_flag::STORE_HOST_V6);
        let body_at = reconsume_times_at + 4 + 8 + 4;
        let body_len = usize::try_from(i32_at(whole, body_at - 4)?).ok()?;
        let topic_len_at = body_at.checked_add(body_len)?;
        let topic_len = match version {
            RecordVersion::V1 => usize::from(*whole.get(topic_len_at)?),
            RecordVersion::V2 => usize::try_from(i16_at(whole, topic_len_at)?).ok()?,
        };
        let topic_at = topic_len_at + version.topic_len_bytes();
        let properties_at = topic_at + topic_len + 2;
        let properties_len = usize::try_from(i16_at(whole, properties_at - 2)?).ok()?;
        (properties_at + properties_len == whole.len()).then_some(Self {
            store_timestamp_at,
            store_host_at,
            reconsume_times_at,
            body_at,
            body_len,
            topic_at,
            topic_len,
            properties_at,
            properties_len,
        })
    }
}

/// One whole record, read in place.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    bytes: &'a [u8],
    version: RecordVersion,
    layout: Layout,
    topic: &'a str,
}

impl<'a> RecordView<'a> {
    /// Reads the record `bytes` begin with.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        match scan(bytes)? {
            Scanned::Record(record) => Ok(record),
            Scanned::Blank { .. } => Err(RecordError::Magic { magic: BLANK_MAGIC }),
        }
    }

    /// The record's bytes, no more.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its size in bytes.
    pub fn total_size(&self) -> usize {
        self.bytes.len()
    }

    /// Its layout.
    pub fn version(&self) -> RecordVersion {
        self.version
    }

    /// Checksum of the body as stored.
    pub fn body_crc(&self) -> i32 {
        self.i32_at(8)
    }

    /// The queue it is in.
    pub fn queue_id(&self) -> i32 {
        self.i32_at(12)
    }

    /// The flag the application gave it.
    pub fn flag(&self) -> i32 {
        self.i32_at(16)
    }

    /// Its place in the queue; 0 for half and rolled back messages.
    pub fn queue_offset(&self) -> i64 {
        self.i64_at(QUEUE_OFFSET_AT)
    }

    /// Its place in the CommitLog.
    pub fn phy_offset(&self) -> i64 {
        self.i64_at(PHY_OFFSET_AT)
    }

    /// See [`crate::sys_flag`].
    pub fn sys_flag(&self) -> i32 {
        self.i32_at(SYS_FLAG_AT)
    }

    /// What it is to its transaction.
    pub fn transaction_type(&self) -> sys_flag::TransactionType {
        sys_flag::TransactionType::of(self.sys_flag())
    }

    /// When the producer made it.
    pub fn born_timestamp(&self) -> i64 {
        self.i64_at(BORN_TIMESTAMP_AT)
    }

    /// Who produced it.
    pub fn born_host(&self) -> SocketAddr {
        self.host_at(BORN_HOST_AT, sys_flag::BORN_HOST_V6)
    }

    /// When it was stored.
    pub fn store_timestamp(&self) -> i64 {
        self.i64_at(self.layout.store_timestamp_at)
    }

    /// The broker that stored it.
    pub fn store_host(&self) -> SocketAddr {
        self.host_at(self.layout.store_host_at, sys_flag::STORE_HOST_V6)
    }

    /// How often it was sent back.
    pub fn reconsume_times(&self) -> i32 {
        self.i32_at(self.layout.reconsume_times_at)
    }

    /// Physical offset of the half message it ends.
    pub fn prepared_transaction_offset(&self) -> i64 {
        self.i64_at(self.layout.reconsume_times_at + 4)
    }

    /// The body as stored.
    pub fn body(&self) -> &'a [u8] {
        self.slice(self.layout.body_at, self.layout.body_len)
    }

    /// The topic.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The encoded property string.
    pub fn properties(&self) -> &'a [u8] {
        self.slice(self.layout.properties_at, self.layout.properties_len)
    }

    /// The value of one property.
    pub fn property(&self, name: &str) -> Option<&'a str> {
        properties::get(self.properties(), name)
    }

    /// Hash of its tags, as in its `ConsumeQueue` unit unless that holds a delivery time.
    pub fn tags_code(&self) -> i64 {
        hash::tags_code(self.property(property_names::TAGS))
    }

    /// Whether the record looks as if its end was never written: properties that end with a zero byte, which
    /// no client writes. Without a checksum over the properties this is all there is to tell by.
    pub fn is_end_blank(&self) -> bool {
        self.properties().last() == Some(&0)
    }

    /// Checks the body against its checksum. A body of no bytes has none.
    pub fn verify_body(&self) -> Result<(), RecordError> {
        let body = self.body();
        let (expected, actual) = (self.body_crc(), checksum(body));
        if body.is_empty() || expected == actual {
            Ok(())
        } else {
            Err(RecordError::BodyCrc { expected, actual })
        }
    }

    /// Checks the whole record against the checksum property, when it has one.
    pub fn verify_record(&self) -> Result<RecordCrc, RecordError> {
        let checked_len = self.bytes.len().saturating_sub(PROPERTIES_CRC_BYTES);
        let tail = self.slice(checked_len, PROPERTIES_CRC_BYTES);
        let Some(expected) = parse_crc_property(tail) else { return Ok(RecordCrc::Absent) };
        let actual = checksum(self.slice(0, checked_len));
        if expected == actual {
            Ok(RecordCrc::Matches)
        } else {
            Err(RecordError::RecordCrc { expected, actual })
        }
    }

    fn slice(&self, start: usize, len: usize) -> &'a [u8] {
        self.bytes.get(start..start + len).unwrap_or_default()
    }

    fn i32_at(&self, at: usize) -> i32 {
        i32_at(self.bytes, at).unwrap_or_default()
    }

    fn i64_at(&self, at: usize) -> i64 {
        i64_at(self.bytes, at).unwrap_or_default()
    }

    fn host_at(&self, at: usize, v6_flag: i32) -> SocketAddr {
        let len = host_bytes(self.sys_flag(), v6_flag);
        let octets = self.slice(at, len - 4);
        let ip = match <[u8; 16]>::try_from(octets) {
            Ok(octets) => IpAddr::V6(Ipv6Addr::from(octets)),
            Err(_) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap_or_default())),
        };
        // Ports are stored in four bytes; what does not fit is no port anybody can connect to.
        SocketAddr::new(ip, u16::try_from(self.i32_at(at + len - 4)).unwrap_or(0))
    }
}

/// Whether a record carries a checksum over itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordCrc {
    /// It does, and matches.
    Matches,
    /// It does not.
    Absent,
}

/// RocketMQ's checksum: CRC-32 without its highest bit.
pub fn checksum(bytes: &[u8]) -> i32 {
    i32::try_from(crc32fast::hash(bytes) & 0x7FFF_FFFF).unwrap_or_default()
}

pub(crate) fn host_bytes(sys_flag: i32, v6_flag: i32) -> usize {
    if sys_flag & v6_flag == 0 { 8 } else { 20 }
}

/// The checksum property as it ends a record: name, separator, ten digits, the lowest first, separator.
pub(crate) fn crc_property(crc: i32) -> [u8; PROPERTIES_CRC_BYTES] {
    let mut property = *b"__CRC32#\x010000000000\x02";
    let mut rest = crc;
    for digit in property.iter_mut().skip(9).take(10) {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    property
}

fn parse_crc_property(tail: &[u8]) -> Option<i32> {
    let digits = tail.strip_prefix(b"__CRC32#\x01")?.strip_suffix(&[properties::PROPERTY_SEPARATOR])?;
    let mut crc: i64 = 0;
    for digit in digits.iter().rev() {
        crc = crc * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
    }
    i32::try_from(crc).ok()
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
