//! Groups that read messages which are no longer in memory (`ColdDataCgCtrService`).
//!
//! With `coldDataFlowControlEnable` a group that read more from the disk than its threshold allows, or any
//! group while all together read too much, gets one message a second until the window is over: the disk
//! stays free for those who keep up.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use common::config::{BrokerConfig, MessageStoreConfig};
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::Serialize;

/// How long reads are counted together.
pub const WINDOW: Duration = Duration::from_secs(5);
/// How long a group that reads too much waits for its next message.
pub const PAUSE: Duration = Duration::from_secs(1);
/// A group is forgotten when it has read nothing from the disk for so long.
const FORGET_MILLIS: i64 = 60_000;
/// Groups that have a threshold of their own, and groups that are counted.
const GROUPS_MAX: usize = 100_000;

/// Counts what groups read from the disk.
#[derive(Debug)]
pub struct ColdReads {
    /// `coldDataFlowControlEnable`.
    is_controlled: AtomicBool,
    /// `cgColdReadThreshold`, in bytes.
    group_threshold: AtomicI64,
    /// `globalColdReadThreshold`, in bytes.
    global_threshold: AtomicI64,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    /// Thresholds given by operators, in bytes.
    thresholds: BTreeMap<String, i64>,
    groups: HashMap<String, ColdGroup>,
    all_bytes: i64,
}

/// `AccAndTimeStamp`: one group.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ColdGroup {
    /// Bytes in this window.
    cold_acc: i64,
    create_time_mills: i64,
    last_cold_read_time_mills: i64,
}

/// Fields in the order RocketMQ writes them in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    runtime_table: &'a HashMap<String, ColdGroup>,
    config_table: &'a BTreeMap<String, i64>,
    cg_cold_read_threshold: i64,
    global_cold_read_threshold: i64,
    global_acc: i64,
}

impl ColdReads {
    /// Nothing read yet.
    pub fn new(broker: &BrokerConfig, store: &MessageStoreConfig, clock: Arc<dyn Clock>) -> Self {
        let reads = Self {
            is_controlled: AtomicBool::new(false),
            group_threshold: AtomicI64::new(0),
            global_threshold: AtomicI64::new(0),
            state: Mutex::default(),
            clock,
        };
        reads.reconfigure(broker, store);
        reads
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig, store: &MessageStoreConfig) {
        self.is_controlled.store(store.cold_data_flow_control_enable, Ordering::Relaxed);
        self.group_threshold.store(broker.cg_cold_read_threshold, Ordering::Relaxed);
        self.global_threshold.store(broker.global_cold_read_threshold, Ordering::Relaxed);
    }

    /// Whether a group has to wait before it reads from the disk again.
    pub fn is_over(&self, group: &str) -> bool {
        if !self.is_controlled.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.state.lock();
        let Some(read) = state.groups.get(group) else { return false };
        let group_threshold = || self.group_threshold.load(Ordering::Relaxed);
        let threshold = state.thresholds.get(group).copied().unwrap_or_else(group_threshold);
        read.cold_acc >= threshold || state.all_bytes >= self.global_threshold.load(Ordering::Relaxed)
    }

    /// Counts what a group has read from the disk.
    pub fn note(&self, group: &str, bytes: usize) {
        if !self.is_controlled.load(Ordering::Relaxed) || bytes == 0 {
            return;
        }
        let now = self.clock.now_millis();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut state = self.state.lock();
        state.all_bytes = state.all_bytes.saturating_add(bytes);
        if state.groups.len() >= GROUPS_MAX && !state.groups.contains_key(group) {
            return;
        }
        let fresh = ColdGroup { cold_acc: 0, create_time_mills: now, last_cold_read_time_mills: now };
        let read = state.groups.entry(group.to_owned()).or_insert(fresh);
        read.cold_acc = read.cold_acc.saturating_add(bytes);
        read.last_cold_read_time_mills = now;
    }

    /// Begins a new window; to be called every [`WINDOW`].
    pub fn begin_window(&self) {
        let now = self.clock.now_millis();
        let mut state = self.state.lock();
        state.groups.retain(|_, read| now < read.last_cold_read_time_mills.saturating_add(FORGET_MILLIS));
        state.groups.values_mut().for_each(|read| read.cold_acc = 0);
        state.all_bytes = 0;
    }

    /// Gives a group a threshold of its own, in bytes; whether there was room for it.
    pub fn set_threshold(&self, group: &str, bytes: i64) -> bool {
        let mut state = self.state.lock();
        if state.thresholds.len() >= GROUPS_MAX && !state.thresholds.contains_key(group) {
            return false;
        }
        state.thresholds.insert(group.to_owned(), bytes);
        true
    }

    /// Gives a group the common threshold again.
    pub fn remove_threshold(&self, group: &str) {
        self.state.lock().thresholds.remove(group);
    }

    /// What operators are told (`getColdDataFlowCtrInfo`), as JSON.
    pub fn info(&self) -> Vec<u8> {
        let state = self.state.lock();
        common::fastjson::to_vec(&Info {
            runtime_table: &state.groups,
            config_table: &state.thresholds,
            cg_cold_read_threshold: self.group_threshold.load(Ordering::Relaxed),
            global_cold_read_threshold: self.global_threshold.load(Ordering::Relaxed),
            global_acc: state.all_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;
    use crate::metadata::testing::{broker_config, store_config};

    fn reads(is_controlled: bool) -> (ColdReads, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1_000));
        let store = MessageStoreConfig { cold_data_flow_control_enable: is_controlled, ..store_config() };
        (ColdReads::new(&broker_config(), &store, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn a_group_beyond_its_threshold_waits_until_the_window_is_over() {
        let (reads, clock) = reads(true);
        reads.note("G", 3_145_727);
        assert!(!reads.is_over("G"));
        reads.note("G", 1);
        assert!(reads.is_over("G") && !reads.is_over("other"));
        reads.begin_window();
        assert!(!reads.is_over("G"));
        assert!(reads.set_threshold("G", 10));
        reads.note("G", 10);
        assert!(reads.is_over("G"));
        clock.advance(Duration::from_secs(60));
        reads.begin_window();
        assert!(
            String::from_utf8(reads.info())
                .unwrap()
                .starts_with(r#"{"runtimeTable":{},"configTable":{"G":10}"#)
        );
    }

    #[test]
    fn all_groups_together_have_a_threshold_too() {
        let (reads, _) = reads(true);
        reads.set_threshold("G", i64::MAX);
        reads.note("G", 104_857_600);
        assert!(reads.is_over("G") && !reads.is_over("reads nothing from the disk"));
    }

    #[test]
    fn without_control_nothing_is_counted() {
        let (reads, _) = reads(false);
        reads.note("G", usize::MAX);
        assert!(!reads.is_over("G"));
        let info = r#"{"runtimeTable":{},"configTable":{},"cgColdReadThreshold":3145728,"globalColdReadThreshold":104857600,"globalAcc":0}"#;
        assert_eq!(String::from_utf8(reads.info()).unwrap(), info);
    }
}
