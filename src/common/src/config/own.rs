//! The keys RocketMQ does not have.
//!
//! Invariant: by default each does as RocketMQ does, so that its configuration files mean what they mean there.

use super::Effect::Honoured;
use super::object::config_object;

config_object! {
    /// Configuration of a broker that is this project's own.
    pub struct OwnConfig(machine) {
        /// Free bytes of the disk below which messages are refused, in place of the three disk ratios; 0 for the ratios.
        "diskMinFreeBytes" disk_min_free_bytes: i64 = 0, Honoured, range(0, i64::MAX), live();
        /// Milliseconds an orderly consumer owns a queue without renewing its claim; RocketMQ's system property
        /// `rocketmq.broker.rebalance.lockMaxLiveTime`.
        "rebalanceLockMaxLiveTime" rebalance_lock_max_live_time: i64 = 60_000, Honoured, range(1, i64::MAX);
    }
}
