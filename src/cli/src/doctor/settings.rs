//! What of the configuration is not as it may seem.

use common::config::{BrokerRole, BrokerSettings, Finding, FindingKind};

use super::Diagnosis;

pub(super) fn check(settings: &BrokerSettings, findings: &[Finding]) -> Vec<Diagnosis> {
    let mut diagnoses = vec![keys(findings)];
    diagnoses.extend(without_effect(findings));
    diagnoses.push(replication(settings));
    diagnoses.push(flushing(settings));
    diagnoses.push(access(settings));
    diagnoses
}

/// Keys nobody knows, and values that are not used as they stand.
fn keys(findings: &[Finding]) -> Diagnosis {
    let said: Vec<String> = findings
        .iter()
        .filter(|finding| !matches!(finding.kind, FindingKind::NoEffect { .. }))
        .map(ToString::to_string)
        .collect();
    if said.is_empty() {
        return Diagnosis::ok("configuration", "every key is known and every value is used");
    }
    Diagnosis::warn("configuration", said.join("; "), "correct or remove these keys")
}

/// Keys that are known and do nothing here.
fn without_effect(findings: &[Finding]) -> Option<Diagnosis> {
    let keys: Vec<&str> = findings
        .iter()
        .filter(|finding| matches!(finding.kind, FindingKind::NoEffect { .. }))
        .map(|finding| finding.key.as_str())
        .collect();
    let detail = format!("without effect here: {}", keys.join(", "));
    (!keys.is_empty()).then(|| Diagnosis::ok("keys without effect", detail))
}

fn replication(settings: &BrokerSettings) -> Diagnosis {
    let store = &settings.store;
    if store.broker_role == BrokerRole::SyncMaster && store.in_sync_replicas <= 1 {
        return Diagnosis::warn(
            "replication",
            "brokerRole=SYNC_MASTER with inSyncReplicas=1 waits for no slave",
            "set inSyncReplicas=2 where a message must be on two machines before it is acknowledged",
        );
    }
    Diagnosis::ok("replication", format!("brokerRole={}", store.broker_role))
}

fn flushing(settings: &BrokerSettings) -> Diagnosis {
    let store = &settings.store;
    Diagnosis::ok("flushing", format!("flushDiskType={}", store.flush_disk_type))
}

/// Who may do what.
fn access(settings: &BrokerSettings) -> Diagnosis {
    let is_set = |key: &str| settings.source.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if is_set("aclEnable") {
        return Diagnosis::fail(
            "access",
            "aclEnable=true does nothing since RocketMQ 5.3: the broker is open",
            "remove it, and keep strangers off the port",
        );
    }
    let bind = settings.server.bind_address.trim();
    let is_local = matches!(bind, "127.0.0.1" | "::1" | "[::1]" | "localhost");
    if is_local {
        return Diagnosis::ok("access", format!("only this machine can connect, bindAddress={bind}"));
    }
    Diagnosis::warn(
        "access",
        format!("whoever reaches bindAddress={bind} may do everything, and nothing is encrypted"),
        "let only those networks reach the ports that may, or set bindAddress to an inner address",
    )
}
