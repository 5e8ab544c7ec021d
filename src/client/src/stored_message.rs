//! A message as a client gets it from a broker (`MessageExt`).

use std::{io::Read, net::SocketAddr};

use bytes::Bytes;
use flate2::read::ZlibDecoder;
use message::{
    message_id, properties, property_names,
    record::{RecordError, RecordView},
    sys_flag,
};

/// Largest size of a body when it is inflated.
const BODY_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A message with its place in a broker.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// The topic it is stored in.
    pub topic: String,
    /// Its queue.
    pub queue_id: i32,
    /// Its place in the queue.
    pub queue_offset: i64,
    /// Its place in the `CommitLog`.
    pub phy_offset: i64,
    /// Bytes of its record.
    pub store_size: usize,
    /// See [`message::sys_flag`].
    pub sys_flag: i32,
    /// The application's flag.
    pub flag: i32,
    /// Wall-clock milliseconds at which it was made.
    pub born_timestamp: i64,
    /// Who made it.
    pub born_host: SocketAddr,
    /// Wall-clock milliseconds at which it was stored.
    pub store_timestamp: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// Checksum of the body as stored.
    pub body_crc: i32,
    /// How often it was sent back.
    pub reconsume_times: i32,
    /// Physical offset of the half message it ends.
    pub prepared_transaction_offset: i64,
    /// Its properties, in the order of the record.
    pub properties: Vec<(String, String)>,
    /// The body; inflated, unless it is compressed in a way unknown here.
    pub body: Bytes,
}

impl StoredMessage {
    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The id that names its place (`offsetMsgId`).
    pub fn offset_msg_id(&self) -> String {
        message_id::encode(self.store_host, self.phy_offset)
    }

    /// The id its producer gave it, or the one that names its place (`getMsgId`).
    pub fn msg_id(&self) -> String {
        self.property(property_names::UNIQ_KEY).map_or_else(|| self.offset_msg_id(), str::to_owned)
    }

    /// Whether its body could not be inflated.
    pub fn is_body_compressed(&self) -> bool {
        self.sys_flag & sys_flag::COMPRESSED != 0 && !is_zlib(self.sys_flag)
    }

    fn of(record: &RecordView<'_>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            topic: record.topic().to_owned(),
            queue_id: record.queue_id(),
            queue_offset: record.queue_offset(),
            phy_offset: record.phy_offset(),
            store_size: record.total_size(),
            sys_flag: record.sys_flag(),
            flag: record.flag(),
            born_timestamp: record.born_timestamp(),
            born_host: record.born_host(),
            store_timestamp: record.store_timestamp(),
            store_host: record.store_host(),
            body_crc: record.body_crc(),
            reconsume_times: record.reconsume_times(),
            prepared_transaction_offset: record.prepared_transaction_offset(),
            properties: properties::text_pairs(record.properties()).map(owned).collect(),
            body: inflated(record.body(), record.sys_flag()),
        }
    }
}

/// Reads the messages of an answer, one record after the other.
///
/// # Errors
/// When something else than a whole record stands there.
pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<StoredMessage>, RecordError> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let message = decode_one(bytes)?;
        bytes = bytes.get(message.store_size..).unwrap_or_default();
        messages.push(message);
    }
    Ok(messages)
}

/// Reads the message `bytes` begin with.
///
/// # Errors
/// When they begin with something else.
pub fn decode_one(bytes: &[u8]) -> Result<StoredMessage, RecordError> {
    RecordView::decode(bytes).map(|record| StoredMessage::of(&record))
}

fn is_zlib(sys_flag: i32) -> bool {
    matches!(sys_flag & sys_flag::COMPRESSION_MASK, 0 | sys_flag::COMPRESSION_ZLIB)
}

/// What cannot be inflated stays as it is.
fn inflated(body: &[u8], sys_flag: i32) -> Bytes {
    if sys_flag & sys_flag::COMPRESSED == 0 || !is_zlib(sys_flag) {
        return Bytes::copy_from_slice(body);
    }
    let mut inflated = Vec::new();
    match ZlibDecoder::new(body).take(BODY_MAX_BYTES).read_to_end(&mut inflated) {
        Ok(_) => inflated.into(),
        Err(_) => Bytes::copy_from_slice(body),
    }
}
