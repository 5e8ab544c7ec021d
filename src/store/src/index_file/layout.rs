//! Where what stands in an index file.

/// Bytes of the header, RocketMQ's `INDEX_HEADER_SIZE`.
pub(super) const HEADER_BYTES: usize = 40;
/// Bytes of a slot.
pub(super) const SLOT_BYTES: usize = 4;
/// Bytes of an item.
pub(super) const ITEM_BYTES: usize = 20;

/// The size of the two tables in every index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// RocketMQ's `maxHashSlotNum`.
    pub slot_count: u32,
    /// RocketMQ's `maxIndexNum`; one less can be used.
    pub item_count: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self { slot_count: 5_000_000, item_count: 20_000_000 }
    }
}

impl Layout {
    /// Length of a file.
    pub fn file_bytes(self) -> u64 {
        self.item_position(self.item_count)
    }

    pub(super) fn slot_of(self, key_hash: i32) -> u32 {
        key_hash.unsigned_abs() % self.slot_count.max(1)
    }

    pub(super) fn slot_position(slot: u32) -> u64 {
        HEADER_BYTES as u64 + u64::from(slot) * SLOT_BYTES as u64
    }

    pub(super) fn item_position(self, index: u32) -> u64 {
        Self::slot_position(self.slot_count) + u64::from(index) * ITEM_BYTES as u64
    }
}

/// The first 40 bytes of an index file, RocketMQ's `IndexHeader`. Timestamps are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) begin_timestamp: i64,
    pub(crate) end_timestamp: i64,
    pub(crate) begin_phy_offset: i64,
    pub(crate) end_phy_offset: i64,
    pub(crate) used_slot_count: u32,
    /// The index the next item gets: at least 1.
    pub(crate) next_index: u32,
}

impl Header {
    pub(super) const EMPTY: Self = Self {
        begin_timestamp: 0,
        end_timestamp: 0,
        begin_phy_offset: 0,
        end_phy_offset: 0,
        used_slot_count: 0,
        next_index: 1,
    };

    /// The header of a file that follows `previous`: until it has an item, it ends where that one does.
    pub(super) fn after(previous: &Self) -> Self {
        Self {
            begin_timestamp: previous.end_timestamp,
            end_timestamp: previous.end_timestamp,
            begin_phy_offset: previous.end_phy_offset,
            end_phy_offset: previous.end_phy_offset,
            ..Self::EMPTY
        }
    }

    pub(crate) fn has_item(&self) -> bool {
        self.next_index > 1
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let longs = [self.begin_timestamp, self.end_timestamp, self.begin_phy_offset, self.end_phy_offset];
        let encoded = longs
            .into_iter()
            .flat_map(i64::to_be_bytes)
            .chain([self.used_slot_count, self.next_index].into_iter().flat_map(u32::to_be_bytes));
        bytes.iter_mut().zip(encoded).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// Reads a header; what no file of `layout` can have is brought into its bounds.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES], layout: Layout) -> Self {
        let long =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| i64::from_be_bytes(*b));
        let int =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| i32::from_be_bytes(*b));
        Self {
            begin_timestamp: long(0),
            end_timestamp: long(8),
            begin_phy_offset: long(16),
            end_phy_offset: long(24),
            used_slot_count: u32::try_from(int(32)).unwrap_or(0),
            next_index: u32::try_from(int(36)).unwrap_or(1).clamp(1, layout.item_count.max(1)),
        }
    }

    /// Whether any item may have been stored between `begin` and `end`, RocketMQ's `isTimeMatched`.
    pub(super) fn overlaps(&self, begin: i64, end: i64) -> bool {
        let own = self.begin_timestamp..=self.end_timestamp;
        begin < self.begin_timestamp && end > self.end_timestamp || own.contains(&begin) || own.contains(&end)
    }
}

/// One key of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key_hash: i32,
    pub(crate) phy_offset: i64,
    pub(crate) seconds: i32,
    /// The next older item in the slot; 0 or what no item has for none.
    pub(crate) previous: u32,
}

impl Item {
    #[expect(clippy::many_single_char_names, reason = "one name for each byte")]
    pub(super) fn encode(&self) -> [u8; ITEM_BYTES] {
        let [a, b, c, d] = self.key_hash.to_be_bytes();
        let [e, f, g, h, i, j, k, l] = self.phy_offset.to_be_bytes();
        let [m, n, o, p] = self.seconds.to_be_bytes();
        let [q, r, s, t] = self.previous.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]
    }

    #[expect(clippy::many_single_char_names, reason = "one name for each byte")]
    pub(super) fn decode(bytes: &[u8; ITEM_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = *bytes;
        Self {
            key_hash: i32::from_be_bytes([a, b, c, d]),
            phy_offset: i64::from_be_bytes([e, f, g, h, i, j, k, l]),
            seconds: i32::from_be_bytes([m, n, o, p]),
            previous: u32::from_be_bytes([q, r, s, t]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_has_rocketmqs_size() {
        assert_eq!(Layout::default().file_bytes(), 420_000_040);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(a: i64, b: i64, c: i64, d: i64, used in 0..99_u32, next in 1..99_u32) {
            let header = Header {
                begin_timestamp: a,
                end_timestamp: b,
                begin_phy_offset: c,
                end_phy_offset: d,
                used_slot_count: used,
                next_index: next,
            };
            prop_assert_eq!(Header::decode(&header.encode(), Layout::default()), header);
            let item = Item { key_hash: used as i32, phy_offset: a, seconds: next as i32, previous: used };
            prop_assert_eq!(Item::decode(&item.encode()), item);
        }

        #[test]
        fn any_bytes_are_a_header_within_bounds(bytes: [u8; HEADER_BYTES]) {
            let layout = Layout { slot_count: 3, item_count: 50 };
            let header = Header::decode(&bytes, layout);
            prop_assert!((1..=50).contains(&header.next_index));
        }
    }
}
