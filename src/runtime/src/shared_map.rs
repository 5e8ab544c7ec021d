//! The map that threads share and look into for every message.

use dashmap::DashMap;
use foldhash::fast::RandomState;

/// A [`DashMap`] whose hashes cost a few nanoseconds.
///
/// Keys are names clients choose: hashes begin with a secret of the process, so that names which fall together in one
/// place cannot be prepared.
pub type SharedMap<K, V> = DashMap<K, V, RandomState>;
