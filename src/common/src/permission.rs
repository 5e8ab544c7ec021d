//! Permission bits of topics and brokers (`PermName`).

use serde::{Deserialize, Serialize};

/// A set of permission bits, as it travels: 1 inherit, 2 write, 4 read, 8 priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permission(pub i32);

impl Permission {
    /// New topics may be made after this one's pattern.
    pub const INHERIT: Self = Self(1);
    /// Producers may send.
    pub const WRITE: Self = Self(1 << 1);
    /// Consumers may pull.
    pub const READ: Self = Self(1 << 2);
    /// `PERM_PRIORITY`: reserved by RocketMQ, carried along.
    pub const PRIORITY: Self = Self(1 << 3);
    /// Read and write: what a topic is created with.
    pub const READ_WRITE: Self = Self(Self::READ.0 | Self::WRITE.0);

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether consumers may pull.
    pub fn is_readable(self) -> bool {
        self.contains(Self::READ)
    }

    /// Whether producers may send.
    pub fn is_writable(self) -> bool {
        self.contains(Self::WRITE)
    }

    /// Whether new topics may be made after this one's pattern.
    pub fn is_inherited(self) -> bool {
        self.contains(Self::INHERIT)
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set less the bits of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the number is a set of known bits below `PERM_PRIORITY` (`PermName.isValid`).
    pub fn is_valid(self) -> bool {
        (0..Self::PRIORITY.0).contains(&self.0)
    }

    /// Three letters as RocketMQ prints them: `RWX`, `-` for what is missing.
    pub fn text(self) -> String {
        let letter = |bit: Self, letter| if self.contains(bit) { letter } else { '-' };
        [letter(Self::READ, 'R'), letter(Self::WRITE, 'W'), letter(Self::INHERIT, 'X')].iter().collect()
    }
}

impl Default for Permission {
    fn default() -> Self {
        Self::READ_WRITE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_print_as_letters() {
        assert_eq!(Permission(7).text(), "RWX");
        assert_eq!(Permission(6).text(), "RW-");
        assert_eq!(Permission(4).text(), "R--");
    }

    #[test]
    fn only_known_bits_are_valid() {
        assert!(Permission(7).is_valid());
        assert!(!Permission(8).is_valid());
        assert!(!Permission(-1).is_valid());
    }
}
