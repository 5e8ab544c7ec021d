//! The bits that stand for consumer groups in the extension of a `ConsumeQueue` (`BloomFilter`, `BitsArray`).
//!
//! When a message is stored, the bits of every group whose expression takes it are set. A group whose bits are
//! not all set does not want the message, and nobody has to read it to know.

use thiserror::Error;

/// Sizes no filter can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BloomFilterError {
    /// Outside of 1 to 99 percent.
    #[error("maxErrorRateOfBloomFilter must be greater or equal than 1 and less than 100, it is {0}")]
    ErrorRate(i32),
    /// No names at all.
    #[error("expectConsumerNumUseFilter must be greater than 0, it is {0}")]
    ExpectedCount(i32),
}

/// How many bits there are and how many of them a name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BloomFilter {
    hash_count: u32,
    bit_count: u32,
}

/// The bits of one name (`BloomFilterData`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BloomBits {
    /// Where they are, in the order they were calculated in.
    pub positions: Vec<u32>,
    /// Bits of the filter they belong to.
    pub bit_count: u32,
}

impl BloomFilter {
    /// A filter for `expected_count` names of which `error_percent` of a hundred may be found by mistake.
    ///
    /// # Errors
    /// Where RocketMQ refuses such a size.
    pub fn new(error_percent: i32, expected_count: i32) -> Result<Self, BloomFilterError> {
        if !(1..100).contains(&error_percent) {
            return Err(BloomFilterError::ErrorRate(error_percent));
        }
        if expected_count < 1 {
            return Err(BloomFilterError::ExpectedCount(expected_count));
        }
        let error_rate = f64::from(error_percent) / 100.0;
        let hash_count = logarithm(0.5, error_rate).ceil();
        let bits = f64::from(expected_count)
            * logarithm(2.0, 1.0 / error_rate)
            * logarithm(2.0, std::f64::consts::E);
        // Whole bytes; a cast stops at the largest number, as Java's does.
        let bit_count = (8.0 * (f64::from(bits.ceil() as i32) / 8.0).ceil()) as i32;
        Ok(Self { hash_count: hash_count as u32, bit_count: bit_count.unsigned_abs() })
    }

    /// Number of bits, a multiple of eight; RocketMQ shows it as `bitMapLengthConsumeQueueExt`.
    pub fn bit_count(&self) -> u32 {
        self.bit_count
    }

    /// Number of bits of one name.
    pub fn hash_count(&self) -> u32 {
        self.hash_count
    }

    /// The bits of a name.
    pub fn bits_of(&self, name: &str) -> BloomBits {
        let hash = fastmurmur3::hash(name.as_bytes()) as u64;
        let (low, high) = (hash as u32, (hash >> 32) as u32);
        let position = |round: u32| {
            let combined = low.wrapping_add(round.wrapping_mul(high)) as i32;
            (if combined < 0 { !combined } else { combined }).unsigned_abs() % self.bit_count
        };
        BloomBits { positions: (1..=self.hash_count).map(position).collect(), bit_count: self.bit_count }
    }

    /// Whether these are bits of a filter of this size.
    pub fn is_valid(&self, bits: &BloomBits) -> bool {
        bits.bit_count == self.bit_count
            && bits.positions.len() == self.hash_count as usize
            && bits.positions.iter().all(|position| *position < self.bit_count)
    }

    /// A bit map without any name.
    pub fn empty_map(&self) -> Vec<u8> {
        vec![0; self.bit_count as usize / 8]
    }
}

impl BloomBits {
    /// Sets these bits of a map; those beyond its end are left out.
    pub fn add_to(&self, map: &mut [u8]) {
        for position in &self.positions {
            if let Some(byte) = map.get_mut(*position as usize / 8) {
                *byte |= 1 << (position % 8);
            }
        }
    }

    /// Whether all of them are set. A map of another size says nothing, which is yes.
    pub fn may_be_in(&self, map: &[u8]) -> bool {
        if map.len() * 8 != self.bit_count as usize {
            return true;
        }
        self.positions.iter().all(|position| {
            map.get(*position as usize / 8).is_none_or(|byte| byte & (1 << (position % 8)) != 0)
        })
    }
}

fn logarithm(base: f64, value: f64) -> f64 {
    value.ln() / base.ln()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        error_percent: i32,
        expected: i32,
        name: String,
        bits: u32,
        positions: String,
    }

    #[test]
    fn sizes_and_positions_are_rocketmqs() {
        let rows: Vec<Row> =
            serde_json::from_str(include_str!("../../../compat-tests/golden/bloom-filter.json")).unwrap();
        assert!(rows.len() > 40);
        for row in rows {
            let filter = BloomFilter::new(row.error_percent, row.expected).unwrap();
            let bits = filter.bits_of(&row.name);
            let positions: Vec<String> = bits.positions.iter().map(u32::to_string).collect();
            assert_eq!((filter.bit_count(), positions.join(" ")), (row.bits, row.positions), "{}", row.name);
            assert!(filter.is_valid(&bits));
        }
    }

    #[test]
    fn names_that_were_added_are_found() {
        let filter = BloomFilter::new(20, 32).unwrap();
        let mut map = filter.empty_map();
        let (one, two) = (filter.bits_of("g#t"), filter.bits_of("other#t"));
        assert!(!one.may_be_in(&map));
        one.add_to(&mut map);
        assert!(one.may_be_in(&map) && !two.may_be_in(&map));
        assert!(two.may_be_in(&[0]));
        assert!(!filter.is_valid(&BloomFilter::new(20, 64).unwrap().bits_of("g#t")));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(BloomFilter::new(0, 1), Err(BloomFilterError::ErrorRate(0)));
        assert_eq!(BloomFilter::new(100, 1), Err(BloomFilterError::ErrorRate(100)));
        assert_eq!(BloomFilter::new(20, 0), Err(BloomFilterError::ExpectedCount(0)));
        BloomFilter::new(1, i32::MAX).unwrap();
    }
}
