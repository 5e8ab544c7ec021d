//! The bits of a record's `sysFlag`.

/// The body is compressed.
pub const COMPRESSED: i32 = 0x1;
/// The TAGS property holds several tags.
pub const MULTI_TAGS: i32 = 0x2;
/// A half message of a transaction.
pub const TRANSACTION_PREPARED: i32 = 0x4;
/// A message made visible by the commit of its transaction.
pub const TRANSACTION_COMMIT: i32 = 0x8;
/// A rolled back message.
pub const TRANSACTION_ROLLBACK: i32 = 0xC;
/// Both transaction bits.
pub const TRANSACTION_MASK: i32 = 0xC;
/// The born host is an IPv6 address.
pub const BORN_HOST_V6: i32 = 0x10;
/// The store host is an IPv6 address.
pub const STORE_HOST_V6: i32 = 0x20;
/// The body is a batch the consumer has to unwrap.
pub const NEED_UNWRAP: i32 = 0x40;
/// One record stands for several messages of a batch `ConsumeQueue`.
pub const INNER_BATCH: i32 = 0x80;
/// The bits that name the compression.
pub const COMPRESSION_MASK: i32 = 0x700;
/// LZ4 compression.
pub const COMPRESSION_LZ4: i32 = 0x100;
/// Zstandard compression.
pub const COMPRESSION_ZSTD: i32 = 0x200;
/// zlib compression; no bit at all means zlib too.
pub const COMPRESSION_ZLIB: i32 = 0x300;

/// What a record is to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionType {
    /// Not part of one.
    None,
    /// A half message.
    Prepared,
    /// Committed.
    Commit,
    /// Rolled back.
    Rollback,
}

impl TransactionType {
    /// The transaction type in a `sysFlag`.
    pub fn of(sys_flag: i32) -> Self {
        match sys_flag & TRANSACTION_MASK {
            TRANSACTION_PREPARED => Self::Prepared,
            TRANSACTION_COMMIT => Self::Commit,
            TRANSACTION_ROLLBACK => Self::Rollback,
            _ => Self::None,
        }
    }

    /// Whether a record of this type takes a place in its queue. Half and rolled back messages do not:
    /// their queue offset is 0 and no `ConsumeQueue` unit points to them.
    pub fn is_queued(self) -> bool {
        matches!(self, Self::None | Self::Commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_transaction_bits_mean_rollback() {
        assert_eq!(TransactionType::of(TRANSACTION_ROLLBACK | COMPRESSED), TransactionType::Rollback);
        assert_eq!(TransactionType::of(COMPRESSED), TransactionType::None);
        assert!(!TransactionType::of(TRANSACTION_PREPARED).is_queued());
        assert!(TransactionType::of(TRANSACTION_COMMIT).is_queued());
    }
}
