//! One block of the timer log, 52 bytes: where a timed message is in the CommitLog, and when it is due.
//!
//! ```text
//! 0  size i32 = 52 | position of the block before it in its slot, -1 for none i64 | magic i32
//! 16 when it was written i64 | slot it is in, as milliseconds after that i32
//! 28 physical offset i64 | record size i32 | hash of the real topic i32 | reserved i64
//! ```

use message::hash;

/// Bytes of a block, RocketMQ's `UNIT_SIZE`.
pub(crate) const BLOCK_BYTES: usize = 52;
/// Bytes that end a file: its rest is blank, RocketMQ's `MIN_BLANK_LEN`.
pub(crate) const BLANK_BYTES: usize = 16;
/// The magic code of such an end: RocketMQ's `0xBBCCDDEE ^ 1880681586 + 8`.
const BLANK_MAGIC: i32 = 0xBBCC_DDEE_u32 as i32 ^ (1_880_681_586 + 8);

const MAGIC_DEFAULT: i32 = 1;
const MAGIC_ROLL: i32 = 1 << 1;
const MAGIC_DELETE: i32 = 1 << 2;

/// What a block stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The message is not due at the time of its slot: then it is put into the timer again (`MAGIC_ROLL`).
    pub rolls: bool,
    /// The message cancels another one (`MAGIC_DELETE`).
    pub cancels: bool,
}

impl Kind {
    fn magic(self) -> i32 {
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        MAGIC_DEFAULT | bit(self.rolls, MAGIC_ROLL) | bit(self.cancels, MAGIC_DELETE)
    }

    /// What it adds to the count of its slot.
    pub(crate) fn count_change(self) -> i32 {
        if self.cancels { -1 } else { 1 }
    }
}

/// A timed message in the timer log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where the block before it in its slot is.
    pub(crate) previous_position: Option<i64>,
    /// What it stands for.
    pub kind: Kind,
    /// When it was written, in milliseconds, rounded down to a slot.
    pub enqueue_millis: i64,
    /// The moment of its slot, in milliseconds.
    pub slot_millis: i64,
    /// Where the message is in the CommitLog.
    pub phy_offset: i64,
    /// How long its record is.
    pub size_bytes: i32,
    /// The hash of the topic it goes to (`hashTopicForMetrics`).
    pub(crate) topic_hash: i32,
}

/// What stands at a place of the timer log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A block.
    Block(Block),
    /// The rest of the file is blank.
    EndOfFile,
    /// Nothing that was written as a whole.
    Nothing,
}

impl Block {
    /// The block as it stands in a file.
    pub(crate) fn encode(&self) -> [u8; BLOCK_BYTES] {
        let delay = i32::try_from(self.slot_millis - self.enqueue_millis).unwrap_or(i32::MAX);
        let mut bytes = [0; BLOCK_BYTES];
        let fields = (BLOCK_BYTES as i32)
            .to_be_bytes()
            .into_iter()
            .chain(self.previous_position.unwrap_or(-1).to_be_bytes())
            .chain(self.kind.magic().to_be_bytes())
            .chain(self.enqueue_millis.to_be_bytes())
            .chain(delay.to_be_bytes())
            .chain(self.phy_offset.to_be_bytes())
            .chain(self.size_bytes.to_be_bytes())
            .chain(self.topic_hash.to_be_bytes());
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        bytes
    }
}

impl Entry {
    /// What `bytes` begin with.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or(Self::Nothing)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let int = |at: usize| Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(i64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let (size, magic) = (int(0)?, int(12)?);
        if magic == BLANK_MAGIC {
            return Some(Self::EndOfFile);
        }
        if size != BLOCK_BYTES as i32 || magic | 0xF != 0xF || bytes.len() < BLOCK_BYTES {
            return Some(Self::Nothing);
        }
        let enqueue_millis = long(16)?;
        Some(Self::Block(Block {
            previous_position: Some(long(4)?).filter(|position| *position >= 0),
            kind: Kind { rolls: magic & MAGIC_ROLL != 0, cancels: magic & MAGIC_DELETE != 0 },
            enqueue_millis,
            slot_millis: enqueue_millis.saturating_add(i64::from(int(24)?)),
            phy_offset: long(28)?,
            size_bytes: int(36)?,
            topic_hash: int(40)?,
        }))
    }
}

/// What ends a file of which `rest_bytes` are left.
pub(crate) fn end_of_file(rest_bytes: usize) -> [u8; BLANK_BYTES] {
    let mut bytes = [0; BLANK_BYTES];
    let fields = i32::try_from(rest_bytes).unwrap_or(i32::MAX).to_be_bytes();
    let fields = fields.into_iter().chain(0_i64.to_be_bytes()).chain(BLANK_MAGIC.to_be_bytes());
    for (byte, value) in bytes.iter_mut().zip(fields) {
        *byte = value;
    }
    bytes
}

/// The hash of a topic as RocketMQ counts its timers by.
pub(crate) fn topic_hash(topic: &str) -> i32 {
    hash::string_hash_code(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        Block {
            previous_position: None,
            kind: Kind { rolls: true, cancels: false },
            enqueue_millis: 1_000,
            slot_millis: 61_000,
            phy_offset: 77,
            size_bytes: 300,
            topic_hash: -1,
        }
    }

    #[test]
    fn the_layout_is_rocketmqs() {
        let bytes = block().encode();
        assert_eq!(bytes[..16], [0, 0, 0, 52, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 3]);
        assert_eq!(bytes[16..28], [0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 234, 96]);
        assert_eq!(bytes[28..44], [0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 1, 44, 255, 255, 255, 255]);
        assert_eq!(bytes[44..], [0; 8]);
        assert_eq!(Entry::decode(&bytes), Entry::Block(block()));
    }

    #[test]
    fn what_was_not_written_is_nothing() {
        assert_eq!(Entry::decode(&[0; BLOCK_BYTES]), Entry::Nothing);
        assert_eq!(Entry::decode(&[]), Entry::Nothing);
        assert_eq!(Entry::decode(&block().encode()[..40]), Entry::Nothing);
        let mut bytes = block().encode();
        bytes[12] = 1;
        assert_eq!(Entry::decode(&bytes), Entry::Nothing);
    }

    #[test]
    fn an_end_of_file_is_one() {
        assert_eq!(Entry::decode(&end_of_file(44)), Entry::EndOfFile);
        assert_eq!(end_of_file(44)[..4], [0, 0, 0, 44]);
    }
}
