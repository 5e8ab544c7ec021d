//! The 46 bytes a batch queue keeps of a record, and what can be read at a place of any queue.
//!
//! ```text
//! unit (46 bytes, big-endian):  phy_offset i64 | size i32 | tags_code i64           as in a simple queue
//!                               | store_timestamp i64 | base_offset i64 | message_count i16
//!                               | compacted_offset i32 = -1 | reserved i32 = 0
//! ```
//!
//! As a batch unit begins with a simple one, whoever asks only where records are need not know the kind.

use super::{UNIT_BYTES, Unit};

/// Bytes of a unit, RocketMQ's `BatchConsumeQueue.CQ_STORE_UNIT_SIZE`.
pub const BATCH_UNIT_BYTES: usize = 46;

/// No record of a compacted log belongs to the unit (`INVALID_POS`).
const NOT_COMPACTED: i32 = -1;

/// One entry of a batch queue. It begins with what a [`Unit`] is of any queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchUnit {
    /// Where the record is, and its tags.
    pub unit: Unit,
    /// When the record was stored, in milliseconds.
    pub store_timestamp: i64,
    /// Queue offset of the first message in it.
    pub base_offset: i64,
    /// How many messages are in it.
    pub message_count: i16,
}

impl BatchUnit {
    /// Queue offset after the last message in it.
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.message_count))
    }

    /// Whether it stands for messages.
    pub fn is_messages(&self) -> bool {
        self.unit.is_message()
            && self.message_count > 0
            && (0..i64::MAX - i64::from(i16::MAX)).contains(&self.base_offset)
    }

    /// Appends the unit as it stands in a file.
    pub fn encode_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.unit.encode());
        bytes.extend_from_slice(&self.store_timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.base_offset.to_be_bytes());
        bytes.extend_from_slice(&self.message_count.to_be_bytes());
        bytes.extend_from_slice(&NOT_COMPACTED.to_be_bytes());
        bytes.extend_from_slice(&0_i32.to_be_bytes());
    }
}

/// A unit with the queue offsets it stands for, RocketMQ's `CqUnit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedUnit {
    /// Where the record is.
    pub unit: Unit,
    /// Queue offset of the first message of the record.
    pub queue_offset: i64,
    /// How many messages are in the record: 1 in a simple queue.
    pub message_count: i64,
}

impl QueuedUnit {
    /// Queue offset after the last message of the record.
    pub fn next_offset(&self) -> i64 {
        self.queue_offset.saturating_add(self.message_count)
    }
}

impl From<BatchUnit> for QueuedUnit {
    fn from(batch: BatchUnit) -> Self {
        let BatchUnit { unit, base_offset, message_count, .. } = batch;
        Self { unit, queue_offset: base_offset, message_count: i64::from(message_count) }
    }
}

/// What can be read at a place of a queue.
pub(crate) trait AtPlace: Sized {
    /// From the bytes of one place; any are something, as long as they are enough.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// Of any queue.
impl AtPlace for Unit {
    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk::<UNIT_BYTES>().map(Self::decode)
    }
}

/// Of a batch queue.
impl AtPlace for BatchUnit {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (unit, rest) = bytes.split_first_chunk::<UNIT_BYTES>()?;
        let (store_timestamp, rest) = rest.split_first_chunk()?;
        let (base_offset, rest) = rest.split_first_chunk()?;
        Some(Self {
            unit: Unit::decode(unit),
            store_timestamp: i64::from_be_bytes(*store_timestamp),
            base_offset: i64::from_be_bytes(*base_offset),
            message_count: i16::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// Reads consecutive places; a remainder shorter than one is left out.
pub(super) fn decode_all<T: AtPlace>(bytes: &[u8], unit_bytes: usize) -> impl Iterator<Item = T> {
    bytes.chunks_exact(unit_bytes).filter_map(T::decode)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_rocketmqs() {
        let batch = BatchUnit {
            unit: Unit { phy_offset: 0x0102_0304_0506_0708, size_bytes: 0x0A0B_0C0D, tags_code: -2 },
            store_timestamp: 0x1112_1314_1516_1718,
            base_offset: 0x2122_2324_2526_2728,
            message_count: 0x3132,
        };
        let mut bytes = Vec::new();
        batch.encode_to(&mut bytes);
        assert_eq!(bytes.len(), BATCH_UNIT_BYTES);
        assert_eq!(bytes[..UNIT_BYTES], batch.unit.encode());
        assert_eq!(bytes[20..28], [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
        assert_eq!(bytes[28..38], [0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32]);
        assert_eq!(bytes[38..], [255, 255, 255, 255, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(store_timestamp: i64, base_offset: i64, message_count: i16) {
            let unit = Unit { phy_offset: 7, size_bytes: 8, tags_code: 9 };
            let batch = BatchUnit { unit, store_timestamp, base_offset, message_count };
            let mut bytes = Vec::new();
            batch.encode_to(&mut bytes);
            prop_assert_eq!(<BatchUnit as AtPlace>::decode(&bytes), Some(batch));
        }
    }
}
