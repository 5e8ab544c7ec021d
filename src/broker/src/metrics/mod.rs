//! What this broker measures, under RocketMQ's names (`BrokerMetricsManager`).
//!
//! What happens is counted where it happens ([`BrokerMetrics`]); what is just so is looked at when metrics are collected
//! ([`observed`], [`lag`]). Invariants: with `metricsExporterType=DISABLE` counting is one comparison; with any other
//! value it is a look-up and a few atomic additions, and tables are bounded by `metricsOtelCardinalityLimit`.

pub mod export;
mod health;
mod lag;
mod observed;
mod pop;
mod pop_observed;
mod rpc;
mod traffic;
mod transactions;

use common::{
    config::{BrokerConfig, MetricsExporterType},
    names,
};
use metrics::family::{Family, Labels, OVERFLOW_LABEL};

pub use self::{
    observed::NamedLane,
    pop::ReviveMessageType,
    traffic::{MessageType, Out},
};
use self::{pop::PopCounts, rpc::RpcCounts, traffic::TrafficCounts, transactions::TransactionCounts};

/// What is counted while the broker works; nothing where metrics are not exported.
#[derive(Debug, Default)]
pub struct BrokerMetrics(Option<Box<Counts>>);

#[derive(Debug)]
struct Counts {
    traffic: TrafficCounts,
    transactions: TransactionCounts,
    pop: PopCounts,
    rpc: RpcCounts,
}

impl BrokerMetrics {
    /// Nothing counted yet, and never if the configuration wants no metrics.
    pub fn new(config: &BrokerConfig) -> Self {
        if config.metrics_exporter_type == MetricsExporterType::Disable {
            return Self::default();
        }
        let keys_max = usize::try_from(config.metrics_otel_cardinality_limit).unwrap_or(0).max(1);
        Self(Some(Box::new(Counts {
            traffic: TrafficCounts::new(keys_max),
            transactions: TransactionCounts::new(keys_max),
            pop: PopCounts::new(keys_max),
            rpc: RpcCounts::new(keys_max),
        })))
    }

    /// Whether anything is counted.
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// What was counted; `is_system_topic` says which topics are RocketMQ's own.
    pub fn collect(&self, is_system_topic: &dyn Fn(&str) -> bool) -> Vec<Family> {
        let Some(counts) = &self.0 else { return Vec::new() };
        let mut families = counts.traffic.collect(is_system_topic);
        families.extend(counts.transactions.collect());
        families.extend(counts.pop.collect());
        families.extend(counts.rpc.collect());
        families
    }

    /// Forgets a topic.
    pub fn topic_deleted(&self, topic: &str) {
        let Some(counts) = &self.0 else { return };
        counts.traffic.forget(&|counted, _| counted == topic);
        counts.transactions.forget(topic);
        counts.pop.forget(&|counted, _| counted == topic);
    }

    /// Forgets a group.
    pub fn group_deleted(&self, group: &str) {
        let Some(counts) = &self.0 else { return };
        counts.traffic.forget(&|_, counted| counted == group);
        counts.pop.forget(&|_, counted| counted == group);
    }
}

/// The labels of a key; those of the keys without a place when there is none.
fn labels_of<K>(key: Option<&K>, labels: impl FnOnce(&K) -> Labels) -> Labels {
    key.map_or_else(|| vec![(OVERFLOW_LABEL, true.into())], labels)
}

/// Whether a group is RocketMQ's own (`isSystemGroup`).
fn is_system_group(group: &str) -> bool {
    let prefix = names::CID_RMQ_SYS_PREFIX.as_bytes();
    group.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The storage that figures of the store are about.
fn storage_labels() -> Labels {
    vec![("storage_type", "local".into()), ("storage_medium", "disk".into())]
}
