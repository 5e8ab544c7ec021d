//! Writing a CommitLog record (its layout is drawn in [`crate::record`]).
//!
//! In two steps, because the last three fields are known only under the append lock: [`NewRecord::prepare`]
//! checks lengths and takes the checksum of the body, [`PreparedRecord::write`] lays the bytes down. In between
//! [`PreparedRecord::add_property`] may add what is known only there, too.

use std::net::{IpAddr, SocketAddr};

use crate::{
    properties::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR},
    record::{MAX_PROPERTIES_BYTES, PROPERTIES_CRC_BYTES, RecordVersion, checksum, crc_property, host_bytes},
    sys_flag,
};

/// The longest topic of a record without a two-byte topic length.
pub const MAX_SHORT_TOPIC_BYTES: usize = 127;
/// The longest topic a record can hold.
pub const MAX_TOPIC_BYTES: usize = 255;

/// Whether records end with a checksum over themselves, RocketMQ's `enabledAppendPropCRC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendCrc {
    /// They do not.
    No,
    /// The last property is the checksum.
    Yes,
}

/// A record that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The topic is empty or longer than 255 bytes.
    #[error("topic of {0} bytes cannot be stored")]
    Topic(usize),
    /// The properties are longer than 32,767 bytes.
    #[error("properties of {0} bytes exceed {MAX_PROPERTIES_BYTES}")]
    Properties(usize),
    /// The record would be longer than its size field can say.
    #[error("body of {0} bytes cannot be stored")]
    Body(usize),
}

/// What a record is made of, but for its place and time.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The queue.
    pub queue_id: i32,
    /// The application's flag.
    pub flag: i32,
    /// See [`crate::sys_flag`]; the bits for IPv6 hosts are set here.
    pub sys_flag: i32,
    /// When the producer made it, in milliseconds.
    pub born_timestamp: i64,
    /// Who produced it.
    pub born_host: SocketAddr,
    /// The broker that stores it.
    pub store_host: SocketAddr,
    /// How often it was sent back.
    pub reconsume_times: i32,
    /// Physical offset of the half message it ends, else 0.
    pub prepared_transaction_offset: i64,
    /// The body as it is to be stored.
    pub body: &'a [u8],
    /// The encoded property string.
    pub properties: &'a [u8],
    /// Whether a checksum is added.
    pub append_crc: AppendCrc,
}

/// The fields known only when a record is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its place in the queue.
    pub queue_offset: i64,
    /// Its place in the CommitLog.
    pub phy_offset: i64,
    /// When it is stored, in milliseconds.
    pub store_timestamp: i64,
}

impl<'a> NewRecord<'a> {
    /// Checks the lengths and takes the body's checksum.
    pub fn prepare(mut self) -> Result<PreparedRecord<'a>, EncodeError> {
        if self.topic.is_empty() || self.topic.len() > MAX_TOPIC_BYTES {
            return Err(EncodeError::Topic(self.topic.len()));
        }
        let version =
            if self.topic.len() > MAX_SHORT_TOPIC_BYTES { RecordVersion::V2 } else { RecordVersion::V1 };
        for (host, flag) in
            [(self.born_host, sys_flag::BORN_HOST_V6), (self.store_host, sys_flag::STORE_HOST_V6)]
        {
            if host.is_ipv6() {
                self.sys_flag |= flag;
            } else {
                self.sys_flag &= !flag;
            }
        }
        let adds_crc = self.append_crc == AppendCrc::Yes;
        let separates = adds_crc && self.has_open_end();
        let properties_len =
            self.properties.len() + usize::from(separates) + if adds_crc { PROPERTIES_CRC_BYTES } else { 0 };
        if properties_len > MAX_PROPERTIES_BYTES {
            return Err(EncodeError::Properties(properties_len));
        }
        let size = 48 + 8 + 4 + 8 + 4 // fixed fields up to the body, without hosts
            + host_bytes(self.sys_flag, sys_flag::BORN_HOST_V6)
            + host_bytes(self.sys_flag, sys_flag::STORE_HOST_V6)
            + self.body.len()
            + version.topic_len_bytes()
            + self.topic.len()
            + 2
            + properties_len;
        if i32::try_from(size).is_err() {
            return Err(EncodeError::Body(self.body.len()));
        }
        Ok(PreparedRecord {
            version,
            size,
            properties_len,
            separates,
            late_properties: Vec::new(),
            body_crc: checksum(self.body),
            record: self,
        })
    }

    /// Whether nothing separates the last property from what follows.
    fn has_open_end(&self) -> bool {
        self.properties.last().is_some_and(|last| *last != PROPERTY_SEPARATOR)
    }
}

/// A record whose size and body checksum are known.
#[derive(Clone, Debug)]
pub struct PreparedRecord<'a> {
    record: NewRecord<'a>,
    version: RecordVersion,
    size: usize,
    properties_len: usize,
    separates: bool,
    late_properties: Vec<u8>,
    body_crc: i32,
}

impl PreparedRecord<'_> {
    /// Adds a property behind the others.
    pub fn add_property(&mut self, name: &str, value: &str) -> Result<(), EncodeError> {
        let separates = self.record.has_open_end();
        let added = usize::from(separates && !self.separates) + name.len() + value.len() + 2;
        let properties_len = self.properties_len + added;
        if properties_len > MAX_PROPERTIES_BYTES {
            return Err(EncodeError::Properties(properties_len));
        }
        self.separates = separates;
        self.properties_len = properties_len;
        self.size += added;
        for part in [name.as_bytes(), &[NAME_VALUE_SEPARATOR], value.as_bytes(), &[PROPERTY_SEPARATOR]] {
            self.late_properties.extend_from_slice(part);
        }
        Ok(())
    }

    /// Bytes the record takes.
    pub fn size_bytes(&self) -> usize {
        self.size
    }

    /// Writes the record to the start of `target`, which must hold [`Self::size_bytes`]; answers whether it
    /// does.
    #[must_use]
    pub fn write(&self, target: &mut [u8], placement: Placement) -> bool {
        let Some(target) = target.get_mut(..self.size) else { return false };
        let mut out = Writer { rest: target };
        let record = &self.record;
        out.i32(self.size as i32);
        out.i32(self.version.magic());
        out.i32(self.body_crc);
        out.i32(record.queue_id);
        out.i32(record.flag);
        out.i64(placement.queue_offset);
        out.i64(placement.phy_offset);
        out.i32(record.sys_flag);
        out.i64(record.born_timestamp);
        out.host(record.born_host);
        out.i64(placement.store_timestamp);
        out.host(record.store_host);
        out.i32(record.reconsume_times);
        out.i64(record.prepared_transaction_offset);
        out.i32(record.body.len() as i32);
        out.bytes(record.body);
        match self.version {
            RecordVersion::V1 => out.bytes(&[record.topic.len() as u8]),
            RecordVersion::V2 => out.bytes(&(record.topic.len() as u16).to_be_bytes()),
        }
        out.bytes(record.topic.as_bytes());
        out.bytes(&(self.properties_len as u16).to_be_bytes());
        out.bytes(record.properties);
        if self.separates {
            out.bytes(&[PROPERTY_SEPARATOR]);
        }
        out.bytes(&self.late_properties);
        if record.append_crc == AppendCrc::Yes
            && let Some((checked, crc)) = target.split_last_chunk_mut::<PROPERTIES_CRC_BYTES>()
        {
            *crc = crc_property(checksum(checked));
        }
        true
    }

    /// The record as bytes of its own.
    pub fn to_vec(&self, placement: Placement) -> Vec<u8> {
        let mut bytes = vec![0; self.size];
        let fits = self.write(&mut bytes, placement);
        debug_assert!(fits, "the buffer has the record's size");
        bytes
    }
}

struct Writer<'a> {
    rest: &'a mut [u8],
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some((target, rest)) = std::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            target.copy_from_slice(bytes);
            self.rest = rest;
        }
    }

    fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    fn host(&mut self, host: SocketAddr) {
        match host.ip() {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
        self.i32(i32::from(host.port()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{RecordCrc, RecordView};

    fn record<'a>(topic: &'a str, body: &'a [u8], properties: &'a [u8]) -> NewRecord<'a> {
        NewRecord {
            topic,
            queue_id: 3,
            flag: 7,
            sys_flag: 0,
            born_timestamp: 1_700_000_000_000,
            born_host: "10.0.0.1:50000".parse().unwrap(),
            store_host: "127.0.0.1:10911".parse().unwrap(),
            reconsume_times: 2,
            prepared_transaction_offset: 11,
            body,
            properties,
            append_crc: AppendCrc::No,
        }
    }

    const PLACEMENT: Placement =
        Placement { queue_offset: 5, phy_offset: 4_096, store_timestamp: 1_700_000_000_123 };

    #[test]
    fn what_is_written_is_read() {
        let bytes = record("TopicTest", b"hello", b"TAGS\x01TagA\x02").prepare().unwrap().to_vec(PLACEMENT);
        let view = RecordView::decode(&bytes).unwrap();
        assert_eq!(view.topic(), "TopicTest");
        assert_eq!((view.queue_id(), view.flag(), view.queue_offset(), view.phy_offset()), (3, 7, 5, 4_096));
        assert_eq!(view.born_host(), "10.0.0.1:50000".parse().unwrap());
        assert_eq!(view.store_host(), "127.0.0.1:10911".parse().unwrap());
        assert_eq!(view.store_timestamp(), PLACEMENT.store_timestamp);
        assert_eq!((view.reconsume_times(), view.prepared_transaction_offset()), (2, 11));
        assert_eq!(view.body(), b"hello");
        assert_eq!(view.tags_code(), 2_598_919);
        assert_eq!(view.verify_body(), Ok(()));
        assert_eq!(view.verify_record(), Ok(RecordCrc::Absent));
    }

    #[test]
    fn ipv6_hosts_and_long_topics_have_their_own_layout() {
        let topic = "t".repeat(200);
        let mut new = record(&topic, b"x", b"");
        new.born_host = "[2001:db8::1]:1".parse().unwrap();
        let bytes = new.prepare().unwrap().to_vec(PLACEMENT);
        let view = RecordView::decode(&bytes).unwrap();
        assert_eq!(view.version(), RecordVersion::V2);
        assert_eq!(view.topic(), topic);
        assert_eq!(view.sys_flag(), sys_flag::BORN_HOST_V6);
        assert_eq!(view.born_host(), new.born_host);
        assert_eq!(view.store_timestamp(), PLACEMENT.store_timestamp);
    }

    #[test]
    fn a_checksum_covers_the_header_too() {
        let mut new = record("t", b"body", b"a\x011");
        new.append_crc = AppendCrc::Yes;
        let mut bytes = new.prepare().unwrap().to_vec(PLACEMENT);
        let view = RecordView::decode(&bytes).unwrap();
        assert_eq!(view.property("a"), Some("1"));
        assert_eq!(view.verify_record(), Ok(RecordCrc::Matches));
        bytes[15] ^= 1;
        assert!(RecordView::decode(&bytes).unwrap().verify_record().is_err());
    }

    #[test]
    fn a_late_property_follows_the_others() {
        for properties in [&b""[..], b"a\x011", b"a\x011\x02"] {
            for append_crc in [AppendCrc::No, AppendCrc::Yes] {
                let new = NewRecord { append_crc, ..record("t", b"body", properties) };
                let mut prepared = new.prepare().unwrap();
                prepared.add_property("INNER_BASE", "17").unwrap();
                let bytes = prepared.to_vec(PLACEMENT);
                let view = RecordView::decode(&bytes).unwrap();
                assert_eq!(view.total_size(), bytes.len());
                assert_eq!(view.property("INNER_BASE"), Some("17"));
                assert_eq!(view.property("a"), (!properties.is_empty()).then_some("1"));
                assert!(view.verify_record().is_ok());
            }
        }
        let properties = vec![b'x'; MAX_PROPERTIES_BYTES - 3];
        let mut full = record("t", b"", &properties).prepare().unwrap();
        assert_eq!(full.add_property("n", "v"), Err(EncodeError::Properties(MAX_PROPERTIES_BYTES + 2)));
    }

    #[test]
    fn limits_are_refused() {
        let long = "t".repeat(256);
        assert_eq!(record(&long, b"", b"").prepare().unwrap_err(), EncodeError::Topic(256));
        assert_eq!(record("", b"", b"").prepare().unwrap_err(), EncodeError::Topic(0));
        let properties = vec![b'x'; 32_768];
        assert!(matches!(record("t", b"", &properties).prepare(), Err(EncodeError::Properties(32_768))));
    }

    proptest! {
        #[test]
        fn records_round_trip(topic in "[a-zA-Z%_-]{1,200}", body: Vec<u8>, properties: Vec<u8>, crc: bool) {
            let mut new = record(&topic, &body, &properties);
            new.append_crc = if crc { AppendCrc::Yes } else { AppendCrc::No };
            let bytes = new.prepare().unwrap().to_vec(PLACEMENT);
            let view = RecordView::decode(&bytes).unwrap();
            prop_assert_eq!(view.topic(), topic.as_str());
            prop_assert_eq!(view.body(), body.as_slice());
            prop_assert!(view.properties().starts_with(&properties));
            prop_assert_eq!(view.verify_body(), Ok(()));
            prop_assert!(view.verify_record().is_ok());
        }

        #[test]
        fn a_flipped_bit_never_panics(body in prop::collection::vec(any::<u8>(), 0..50), at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = record("topic", &body, b"a\x011\x02").prepare().unwrap().to_vec(PLACEMENT);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(view) = RecordView::decode(&bytes) {
                let _ = (view.verify_body(), view.verify_record(), view.store_host());
            }
        }
    }
}
