//! Records of one log file, taken from it together.

use bytes::Bytes;

/// Published bytes of a log file from a record on. Records behind it are parts of them, which costs less than taking each
/// from the file, and those side by side can leave as one.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    phy_offset: i64,
    bytes: Bytes,
}

impl Stretch {
    /// The bytes from a physical offset on.
    pub(super) fn new(phy_offset: i64, bytes: Bytes) -> Self {
        Self { phy_offset, bytes }
    }

    /// The bytes of a record; `None` when they are not all here.
    pub(super) fn slice(&self, phy_offset: i64, size_bytes: usize) -> Option<Bytes> {
        self.part(usize::try_from(phy_offset - self.phy_offset).ok()?, size_bytes)
    }

    /// Two parts of this as one; `None` where the second does not begin at the end of the first, or they are not from
    /// here.
    pub(super) fn join(&self, first: &Bytes, second: &Bytes) -> Option<Bytes> {
        let address = |bytes: &Bytes| bytes.as_ptr().addr();
        let is_next = address(first) + first.len() == address(second);
        let start = address(first).checked_sub(address(&self.bytes)).filter(|_| is_next)?;
        self.part(start, first.len() + second.len())
    }

    fn part(&self, start: usize, size_bytes: usize) -> Option<Bytes> {
        let end = start.checked_add(size_bytes)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_and_others_are_not() {
        let file = Bytes::from_owner((0..100_u8).collect::<Vec<_>>());
        let stretch = Stretch::new(1_010, file.slice(10..));
        let (first, second) = (stretch.slice(1_020, 5).unwrap(), stretch.slice(1_025, 5).unwrap());
        assert_eq!(stretch.join(&first, &second).unwrap(), file.slice(20..30));
        assert_eq!(stretch.join(&second, &first), None);
        assert_eq!(stretch.join(&first, &stretch.slice(1_026, 5).unwrap()), None);
        // What begins before the stretch is not from here, nor is what ends behind it.
        assert_eq!(stretch.join(&file.slice(5..10), &file.slice(10..20)), None);
        assert_eq!(Stretch::new(1_010, file.slice(10..25)).join(&first, &second), None);
        assert_eq!((stretch.slice(1_009, 1), stretch.slice(1_099, 2)), (None, None));
        assert_eq!(stretch.slice(1_099, 1).unwrap(), [99_u8][..]);
    }
}
