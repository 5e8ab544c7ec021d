//! The keys RocketMQ does not have.
//!
//! Invariant: each is off by default, so that a configuration file of RocketMQ means what it means there.

use super::Effect::Honoured;
use super::object::config_object;

config_object! {
    /// Configuration of a broker that is this project's own.
    pub struct OwnConfig(machine) {
        /// Free bytes of the disk below which messages are refused, in place of the three disk ratios; 0 for the ratios.
        "diskMinFreeBytes" disk_min_free_bytes: i64 = 0, Honoured, range(0, i64::MAX), live();
    }
}
