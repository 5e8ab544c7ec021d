//! A histogram of whole numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::family::Distribution;

/// Buckets a histogram may have beyond its bounds' number.
const BUCKETS_MAX: usize = 10;

/// The bounds of the buckets of a kind of histogram: upper ends, which belong to their bucket.
pub trait Bounds {
    /// In rising order, at most nine.
    const BOUNDS: &'static [u32];
}

/// Counts values by bucket.
#[derive(Debug)]
pub struct Histogram<B> {
    buckets: [AtomicU64; BUCKETS_MAX],
    sum: AtomicU64,
    bounds: std::marker::PhantomData<B>,
}

impl<B> Default for Histogram<B> {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS_MAX],
            sum: AtomicU64::new(0),
            bounds: std::marker::PhantomData,
        }
    }
}

impl<B: Bounds> Histogram<B> {
    /// Counts a value.
    pub fn record(&self, value: u64) {
        let index = B::BOUNDS.iter().take_while(|bound| u64::from(**bound) < value).count();
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Distribution {
        let buckets = self.buckets.iter().take(B::BOUNDS.len() + 1);
        Distribution {
            buckets: buckets.map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Millis;
    impl Bounds for Millis {
        const BOUNDS: &'static [u32] = &[1, 10];
    }

    #[test]
    fn an_upper_end_belongs_to_its_bucket() {
        let histogram = Histogram::<Millis>::default();
        for value in [0, 1, 2, 10, 11] {
            histogram.record(value);
        }
        let read = histogram.read();
        assert_eq!((read.buckets.as_slice(), read.sum, read.count()), (&[2, 2, 1][..], 24, 5));
    }
}
