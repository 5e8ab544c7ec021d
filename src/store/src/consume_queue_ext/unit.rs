//! One unit of an extension file:
//!
//! ```text
//! size 2 | tags code 8 | store timestamp 8 | length of the bit map 2 | bit map
//! ```

use std::io;

use crate::{
    consume_queue::MAX_EXTENSION_ADDRESS,
    fs::{Disk, StoreFile},
};

/// Bytes before the bit map, `MIN_EXT_UNIT_SIZE`.
pub(crate) const HEADER_BYTES: usize = 20;
/// Bytes of the largest unit, `MAX_EXT_UNIT_SIZE`.
const MAX_UNIT_BYTES: usize = i16::MAX as usize;

/// What stands beside a unit of a `ConsumeQueue`, RocketMQ's `CqExtUnit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What would be the tags code of the unit itself.
    pub tags_code: i64,
    /// When the message was stored, in milliseconds.
    pub store_timestamp: i64,
    /// The bits of those whose filter takes the message; empty where nobody has calculated them.
    pub bit_map: Vec<u8>,
}

impl Extension {
    /// As it stands in a file; `None` for a bit map no unit has room for.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let size = HEADER_BYTES + self.bit_map.len();
        if size > MAX_UNIT_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&(size as i16).to_be_bytes());
        bytes.extend_from_slice(&self.tags_code.to_be_bytes());
        bytes.extend_from_slice(&self.store_timestamp.to_be_bytes());
        bytes.extend_from_slice(&(self.bit_map.len() as i16).to_be_bytes());
        bytes.extend_from_slice(&self.bit_map);
        Some(bytes)
    }

    /// The unit at a place of a file; `None` where there is none.
    pub(crate) fn read(disk: Disk, file: &dyn StoreFile, position: u64) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER_BYTES];
        file.read_exact(disk, &mut header, position)?;
        let Some((size, bit_map_bytes)) = sizes(&header) else { return Ok(None) };
        let mut bit_map = vec![0; bit_map_bytes];
        file.read_exact(disk, &mut bit_map, position + HEADER_BYTES as u64)?;
        debug_assert_eq!(size, HEADER_BYTES + bit_map_bytes);
        Ok(Some(Self { tags_code: number(&header, 2), store_timestamp: number(&header, 10), bit_map }))
    }

    /// Bytes in a file.
    pub(crate) fn size_bytes(&self) -> u64 {
        (HEADER_BYTES + self.bit_map.len()) as u64
    }
}

/// Size of a unit and of the bit map in it, if they agree.
fn sizes(header: &[u8; HEADER_BYTES]) -> Option<(usize, usize)> {
    let [a, b, .., y, z] = *header;
    let size = usize::try_from(i16::from_be_bytes([a, b])).ok()?;
    let bit_map = usize::try_from(i16::from_be_bytes([y, z])).ok()?;
    (size == HEADER_BYTES + bit_map).then_some((size, bit_map))
}

fn number(header: &[u8; HEADER_BYTES], at: usize) -> i64 {
    let bytes = header.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    i64::from_be_bytes(bytes)
}

/// The tags code that stands for a position in the extension files (`decorate`).
pub(super) fn address_of(position: u64) -> Option<i64> {
    let address = i64::MIN.checked_add_unsigned(position)?;
    (address <= MAX_EXTENSION_ADDRESS).then_some(address)
}

/// The position a tags code stands for (`unDecorate`); `None` for what is no address.
pub(crate) fn position_of(address: i64) -> Option<u64> {
    (address <= MAX_EXTENSION_ADDRESS).then(|| address.wrapping_sub(i64::MIN) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_addresses_are_rocketmqs() {
        let extension = Extension { tags_code: -2, store_timestamp: 0x0102, bit_map: vec![7, 9] };
        assert_eq!(
            extension.encode().unwrap(),
            [0, 22, 255, 255, 255, 255, 255, 255, 255, 254, 0, 0, 0, 0, 0, 0, 1, 2, 0, 2, 7, 9]
        );
        assert_eq!(Extension { bit_map: vec![0; MAX_UNIT_BYTES], ..extension }.encode(), None);
        assert_eq!(address_of(0), Some(i64::MIN));
        assert_eq!(position_of(i64::MIN + 22), Some(22));
        assert_eq!(address_of(u64::MAX), None);
        assert_eq!(position_of(i64::from(i32::MIN)), None);
        assert_eq!(position_of(i64::from(i32::MIN) - 1), Some(0x7FFF_FFFF_7FFF_FFFF));
    }
}
