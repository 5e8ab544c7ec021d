//! How much memory all connections of one listener may take together.
//!
//! A connection charges what it has read and not yet taken, the requests it still works on, and answers its peer
//! does not read. Invariant: the charges of all connections together stay within the budget. The first
//! [`FREE_BYTES`] of each connection are not charged, so that ordinary requests get through whatever others
//! have filled the budget with.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What every connection may hold without a charge.
const FREE_BYTES: usize = 16 * 1024;

/// The budget of one listener.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    max_bytes: usize,
    charged_bytes: AtomicUsize,
}

impl MemoryBudget {
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, charged_bytes: AtomicUsize::new(0) })
    }

    fn try_charge(&self, bytes: usize) -> bool {
        let charged = |charged: usize| charged.checked_add(bytes).filter(|sum| *sum <= self.max_bytes);
        self.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged).is_ok()
    }

    /// Whether three quarters are used.
    fn is_short(&self) -> bool {
        self.charged_bytes.load(Ordering::Relaxed) >= self.max_bytes / 4 * 3
    }

    fn release(&self, bytes: usize) {
        self.charged_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one connection has charged; given back when dropped.
#[derive(Debug)]
pub(super) struct MemoryCharge {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryCharge {
    pub(super) fn new(budget: &Arc<MemoryBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Whether the budget is short and this connection has a part in it.
    pub(super) fn is_contended(&self) -> bool {
        self.bytes > 0 && self.budget.is_short()
    }

    /// Makes the charge fit what is held; false, and unchanged, when the budget has no room for that.
    pub(super) fn fit(&mut self, held_bytes: usize) -> bool {
        let wanted = held_bytes.saturating_sub(FREE_BYTES);
        if wanted > self.bytes {
            if !self.budget.try_charge(wanted - self.bytes) {
                return false;
            }
            self.bytes = wanted;
        } else if wanted < self.bytes / 2 {
            // Not at once, so that a steady stream of requests does not touch what all connections share.
            self.budget.release(self.bytes - wanted);
            self.bytes = wanted;
        }
        true
    }
}

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_end_at_the_budget_and_come_back() {
        let budget = MemoryBudget::new(100_000);
        let (mut one, mut other) = (MemoryCharge::new(&budget), MemoryCharge::new(&budget));
        assert!(one.fit(FREE_BYTES + 70_000));
        assert!(!one.is_contended());
        assert!(one.fit(FREE_BYTES + 90_000));
        assert!(one.is_contended() && !other.is_contended());
        assert!(!other.fit(FREE_BYTES + 20_000));
        assert!(other.fit(FREE_BYTES), "the first bytes are free");
        assert!(one.fit(FREE_BYTES + 10_000));
        assert!(other.fit(FREE_BYTES + 20_000));
        drop(one);
        assert!(other.fit(FREE_BYTES + 100_000));
        drop(other);
        assert_eq!(budget.charged_bytes.load(Ordering::Relaxed), 0);
    }
}
