//! The 20 bytes a `ConsumeQueue` keeps of a message.

/// Bytes of a unit, RocketMQ's `CQ_STORE_UNIT_SIZE`.
pub const UNIT_BYTES: usize = 20;

/// The largest tags code that is none: Java's broker keeps the code in a file beside the queue and its place here
/// (`ConsumeQueueExt.MAX_ADDR`). Hashes are greater, as they have 32 bits.
pub(crate) const MAX_EXTENSION_ADDRESS: i64 = i32::MIN as i64 - 1;

/// One entry of a `ConsumeQueue`, RocketMQ's `CqUnit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Where the record begins in the CommitLog.
    pub phy_offset: i64,
    /// Length of the record.
    pub size_bytes: i32,
    /// Hash of the message's tags; the delivery time in milliseconds in `SCHEDULE_TOPIC_XXXX`.
    pub tags_code: i64,
}

impl Unit {
    /// Fills the places of a queue that never had a message, as before the first unit of a queue that does
    /// not begin at zero.
    pub const BLANK: Self = Self { phy_offset: 0, size_bytes: i32::MAX, tags_code: 0 };

    /// Whether this place of the queue never had a message.
    pub fn is_blank(&self) -> bool {
        *self == Self::BLANK
    }

    /// Whether this was ever written: a place nobody wrote reads as zeros.
    pub fn is_written(&self) -> bool {
        *self != Self { phy_offset: 0, size_bytes: 0, tags_code: 0 }
    }

    /// Whether this stands for a record of the CommitLog.
    pub fn is_message(&self) -> bool {
        self.phy_offset >= 0 && self.size_bytes > 0 && !self.is_blank()
    }

    /// Whether the tags code stands in an extension file (`isExtAddr`), see
    /// [`crate::consume_queue_ext`]. The record itself has the tags too.
    pub fn has_extension(&self) -> bool {
        self.is_message() && self.tags_code <= MAX_EXTENSION_ADDRESS
    }

    /// Where the record ends in the CommitLog.
    pub fn end_phy_offset(&self) -> i64 {
        self.phy_offset.saturating_add(i64::from(self.size_bytes))
    }

    /// The unit as it stands in a file.
    #[expect(clippy::many_single_char_names, reason = "one name for each byte")]
    pub fn encode(&self) -> [u8; UNIT_BYTES] {
        let [a, b, c, d, e, f, g, h] = self.phy_offset.to_be_bytes();
        let [i, j, k, l] = self.size_bytes.to_be_bytes();
        let [m, n, o, p, q, r, s, t] = self.tags_code.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]
    }

    /// Reads a unit; any 20 bytes are one.
    #[expect(clippy::many_single_char_names, reason = "one name for each byte")]
    pub fn decode(bytes: &[u8; UNIT_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = *bytes;
        Self {
            phy_offset: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            size_bytes: i32::from_be_bytes([i, j, k, l]),
            tags_code: i64::from_be_bytes([m, n, o, p, q, r, s, t]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_rocketmqs() {
        let unit = Unit { phy_offset: 0x0102_0304_0506_0708, size_bytes: 0x0A0B_0C0D, tags_code: -2 };
        assert_eq!(
            unit.encode(),
            [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 255, 255, 255, 255, 255, 255, 255, 254]
        );
        assert_eq!(
            Unit::BLANK.encode(),
            [0, 0, 0, 0, 0, 0, 0, 0, 127, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn zeros_were_never_written() {
        assert!(!Unit::decode(&[0; UNIT_BYTES]).is_written());
        assert!(Unit::BLANK.is_written());
        assert!(!Unit::BLANK.is_message());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(phy_offset: i64, size_bytes: i32, tags_code: i64) {
            let unit = Unit { phy_offset, size_bytes, tags_code };
            prop_assert_eq!(Unit::decode(&unit.encode()), unit);
        }
    }
}
