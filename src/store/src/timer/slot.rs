//! One slot of the timer wheel, 32 bytes, RocketMQ's `Slot`.

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 32;

/// The messages of one moment: a chain of blocks in the timer log, from the last one back to the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The moment, in slots since the Unix epoch. 0 in a slot that was never used or is done with.
    pub(crate) tick: i64,
    /// Where the first block of the chain is.
    pub(crate) first_position: i64,
    /// Where the last block of the chain is.
    pub(crate) last_position: i64,
    /// Messages in the chain less those that cancel one: RocketMQ's estimate of how many there are.
    pub(crate) count: i32,
    /// Unused by RocketMQ, and kept.
    pub(crate) magic: i32,
}

impl Slot {
    /// The slot with one more block in its chain.
    pub(crate) fn with(self, tick: i64, position: i64, change: i32) -> Self {
        let (first_position, count) =
            if self.tick == tick { (self.first_position, self.count) } else { (position, 0) };
        let magic = if self.tick == tick { self.magic } else { 0 };
        Self { tick, first_position, last_position: position, count: count.saturating_add(change), magic }
    }

    /// Whether it holds a chain of some moment.
    pub(crate) fn is_used(self) -> bool {
        self.tick > 0
    }

    /// The slot as it stands in the file.
    pub(crate) fn encode(self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        let fields = self
            .tick
            .to_be_bytes()
            .into_iter()
            .chain(self.first_position.to_be_bytes())
            .chain(self.last_position.to_be_bytes())
            .chain(self.count.to_be_bytes())
            .chain(self.magic.to_be_bytes());
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        bytes
    }

    /// Reads a slot; any 32 bytes are one.
    pub(crate) fn decode(bytes: &[u8; SLOT_BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |index: usize| words.get(index).map_or(0, |word| i64::from_be_bytes(*word));
        let last = word(3);
        Self {
            tick: word(0),
            first_position: word(1),
            last_position: word(2),
            count: (last >> 32) as i32,
            magic: last as i32,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_rocketmqs() {
        let slot = Slot { tick: 1, first_position: 2, last_position: 3, count: -1, magic: 5 };
        let mut expected = [0; SLOT_BYTES];
        (expected[7], expected[15], expected[23], expected[31]) = (1, 2, 3, 5);
        expected[24..28].fill(0xFF);
        assert_eq!(slot.encode(), expected);
    }

    #[test]
    fn another_moment_takes_a_slot_over() {
        let old = Slot { tick: 7, first_position: 0, last_position: 520, count: 3, magic: 0 };
        assert_eq!(old.with(7, 572, 1), Slot { last_position: 572, count: 4, ..old });
        let new = old.with(8, 624, 1);
        assert_eq!(new, Slot { tick: 8, first_position: 624, last_position: 624, count: 1, magic: 0 });
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(tick: i64, first_position: i64, last_position: i64, count: i32, magic: i32) {
            let slot = Slot { tick, first_position, last_position, count, magic };
            prop_assert_eq!(Slot::decode(&slot.encode()), slot);
        }
    }
}
