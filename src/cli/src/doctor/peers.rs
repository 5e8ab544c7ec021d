//! The clocks of the cluster's other brokers. A NameServer answers nothing that tells its own.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use client::{broker::BrokerClient, nameserver::NameServerClient};
use common::fastjson;
use remoting::{
    body::{kv::KvTable, route::ClusterInfo},
    header::NoHeader,
    request::{GetBrokerClusterInfo, GetBrokerRuntimeInfo},
};
use runtime::clock::{Clock, SystemClock};

use super::Diagnosis;

/// How long a server may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// Of a large cluster some brokers tell enough.
const PEERS_MAX: usize = 8;
/// Times of messages, of delays and of checks are compared across machines; a second is within what NTP and the
/// resolution of the answer leave.
const SKEW_MAX_MILLIS: i64 = 2_000;

/// Compares this machine's clock with those of the brokers a NameServer knows beside this one.
pub(super) async fn check(names: &NameServerClient, brokers: &BrokerClient, own: &str) -> Option<Diagnosis> {
    // Whether it answers at all is told elsewhere.
    let answer = names.ask_one::<GetBrokerClusterInfo>(NoHeader {}, Bytes::new(), ANSWER_LIMIT).await.ok()?;
    let info: ClusterInfo = fastjson::from_slice(&answer.body).ok()?;
    let known = info.broker_addr_table.into_values().flat_map(|group| group.broker_addrs.into_values());
    let peers: BTreeSet<String> = known.filter(|addr| addr != own).collect();
    let mut skews = Vec::new();
    for peer in peers.into_iter().take(PEERS_MAX) {
        if let Some(skew) = skew_to(brokers, &peer).await {
            skews.push((peer, skew));
        }
    }
    diagnosis(&skews)
}

/// How far a broker's clock is ahead of ours at least, in milliseconds; behind where that is negative.
async fn skew_to(brokers: &BrokerClient, addr: &str) -> Option<i64> {
    let clock = SystemClock::new();
    let before = clock.now_millis();
    let info: KvTable =
        brokers.body::<GetBrokerRuntimeInfo, _>(addr, NoHeader {}, Bytes::new(), ANSWER_LIMIT).await.ok()?;
    Some(skew(&clock_of(&info)?, &(before..=clock.now_millis())))
}

/// What a broker's clock showed when it answered: the time it started at and for how long it runs, in seconds.
fn clock_of(info: &KvTable) -> Option<RangeInclusive<i64>> {
    let booted: i64 = info.table.get("bootTimestamp")?.parse().ok()?;
    let runs = info.table.get("runtime")?.replace(',', "");
    let numbers: Vec<i64> = runs.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [days, hours, minutes, seconds] = numbers.as_slice() else { return None };
    // `[ 0 days, 1 hours, 2 minutes, 3 seconds ]`
    let seconds = ((days.checked_mul(24)? + hours) * 60 + minutes) * 60 + seconds;
    let shown = booted.checked_add(seconds.checked_mul(1_000)?)?;
    Some(shown..=shown.checked_add(999)?)
}

/// The smallest distance between two stretches of time.
fn skew(theirs: &RangeInclusive<i64>, ours: &RangeInclusive<i64>) -> i64 {
    (theirs.start() - ours.end()).max(0) + (theirs.end() - ours.start()).min(0)
}

fn diagnosis(skews: &[(String, i64)]) -> Option<Diagnosis> {
    let check = "clocks of peers";
    let (worst, skew) = skews.iter().max_by_key(|(_, skew)| skew.abs())?;
    if skew.abs() <= SKEW_MAX_MILLIS {
        let count = skews.len();
        return Some(Diagnosis::ok(
            check,
            format!("{count} of the cluster's brokers agree with this machine's"),
        ));
    }
    let (seconds, way) = (skew.abs() as f64 / 1e3, if *skew > 0 { "ahead" } else { "behind" });
    let detail = format!("that of {worst} is {seconds:.1} s {way} of this machine's");
    Some(Diagnosis::fail(check, detail, "set both by NTP: expiry, delays and searches by time rely on it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn info(booted: &str, runs: &str) -> KvTable {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        KvTable { table: [pair("bootTimestamp", booted), pair("runtime", runs)].into() }
    }

    #[test]
    fn a_broker_tells_its_time() {
        let shown = clock_of(&info("1000", "[ 1,001 days, 2 hours, 3 minutes, 4 seconds ]")).unwrap();
        let since = 1_001 * 86_400_000 + 2 * 3_600_000 + 3 * 60_000 + 4_000;
        assert_eq!(shown, 1_000 + since..=1_999 + since);
        assert_eq!(clock_of(&info("1000", "for long")), None);
        assert_eq!(clock_of(&info("now", "[ 0 days, 0 hours, 0 minutes, 0 seconds ]")), None);
    }

    #[test]
    fn clocks_that_are_apart_are_told() {
        assert_eq!(skew(&(5_000..=5_999), &(5_500..=5_600)), 0);
        assert_eq!(skew(&(9_000..=9_999), &(5_500..=5_600)), 3_400);
        assert_eq!(skew(&(1_000..=1_999), &(5_500..=5_600)), -3_501);
        let of = |skews: &[i64]| {
            let named: Vec<_> = skews.iter().map(|skew| ("b:1".to_owned(), *skew)).collect();
            diagnosis(&named)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0, 1_500]).unwrap().status, Status::Ok);
        let behind = of(&[100, -3_501]).unwrap();
        assert_eq!(behind.status, Status::Fail);
        assert!(behind.detail.contains("3.5 s behind"), "{behind:?}");
    }
}
