//! A value many read at any moment and somebody exchanges now and then, such as a configuration.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, Guard};

/// A value that is exchanged as a whole; reading takes no lock and waits for nobody.
///
/// Clones are doors to the same value.
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Live<T> {
    /// The first value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value as it is now. What belongs together is read from one such look; it is not kept.
    pub fn now(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// The value as it is now, to be kept.
    pub fn snapshot(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Puts another value in its place.
    pub fn set(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&**self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_doors_lead_to_the_new_value() {
        let value = Live::new(1);
        let other = value.clone();
        let kept = value.snapshot();
        value.set(2);
        assert_eq!((*kept, **other.now()), (1, 2));
    }
}
