//! Where counting begins and ends.
//!
//! Callgrind counts what happens inside of [`counted`] and nothing else: it is told the function's name, so nothing
//! here knows whether it is there.

use std::hint::black_box;

/// Not counted: what is made at the first use is there, and vectors have the size they keep.
const WARM_UP: usize = 128;

/// Performs one operation again and again.
#[derive(Debug)]
pub(crate) struct Meter {
    warm_up: usize,
    count: usize,
}

impl Meter {
    /// Counts `count` operations, after some that warm up.
    pub(crate) fn of(count: usize) -> Self {
        Self { warm_up: WARM_UP, count }
    }

    /// Performs the operation twice, to see whether it can be performed.
    #[cfg(test)]
    pub(crate) fn trial() -> Self {
        Self { warm_up: 1, count: 1 }
    }

    /// Counts `operation`, what it makes and frees included, but not `prepare`.
    pub(crate) fn measure<I, O>(&self, mut prepare: impl FnMut() -> I, mut operation: impl FnMut(I) -> O) {
        for _ in 0..self.warm_up {
            drop(black_box(operation(black_box(prepare()))));
        }
        for _ in 0..self.count {
            let mut input = Some(prepare());
            counted(&mut || {
                if let Some(input) = input.take() {
                    drop(black_box(operation(black_box(input))));
                }
            });
        }
    }
}

/// Callgrind's collection is on in here. What follows the call keeps it from becoming a jump.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    operation();
    black_box(());
}
