//! What a run found, as it is printed, written and read again.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// The figures of one measurement, or medians of several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    /// Messages that count.
    pub(crate) messages: f64,
    /// Seconds in which they came.
    pub(crate) seconds: f64,
    /// Messages a second.
    pub(crate) per_second: f64,
    /// Percentiles of the latency, in microseconds.
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
    /// Processor time of the server for a message, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us_per_message: Option<f64>,
    /// Processor time of the server, in percent of one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_percent: Option<f64>,
    /// Memory of the server at the end: its own, and of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_mib: Option<f64>,
    /// Messages in each second, warm-up included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) over_time: Vec<u64>,
    /// How much was wrong, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) faults: BTreeMap<String, u64>,
    /// The first things that were wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
}

impl Figures {
    /// What a stage has counted in `seconds`.
    pub(crate) fn of(stage: &Stage, seconds: Duration) -> Self {
        let (tally, faults) = (stage.tally.borrow(), stage.faults.borrow());
        let seconds = seconds.as_secs_f64();
        let micros = |percentile| tally.latencies.value_at_percentile(percentile) as f64 / 1e3;
        Self {
            messages: tally.messages as f64,
            seconds,
            per_second: if seconds > 0.0 { tally.messages as f64 / seconds } else { 0.0 },
            p50_us: micros(50.0),
            p90_us: micros(90.0),
            p99_us: micros(99.0),
            p999_us: micros(99.9),
            max_us: tally.latencies.max() as f64 / 1e3,
            over_time: tally.per_second.clone(),
            faults: faults.counts().map(|(fault, count)| (fault.name().to_owned(), count)).collect(),
            examples: faults.examples().to_vec(),
            ..Self::default()
        }
    }

    /// Medians of all figures; faults are added up.
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect()).unwrap_or_default();
        let of_some = |figure: fn(&Self) -> Option<f64>| median(rounds.iter().filter_map(figure).collect());
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        for (fault, count) in rounds.iter().flat_map(|round| &round.faults) {
            *faults.entry(fault.clone()).or_default() += count;
        }
        Self {
            messages: of(|round| round.messages),
            seconds: of(|round| round.seconds),
            per_second: of(|round| round.per_second),
            p50_us: of(|round| round.p50_us),
            p90_us: of(|round| round.p90_us),
            p99_us: of(|round| round.p99_us),
            p999_us: of(|round| round.p999_us),
            max_us: of(|round| round.max_us),
            cpu_us_per_message: of_some(|round| round.cpu_us_per_message),
            cpu_percent: of_some(|round| round.cpu_percent),
            private_mib: of_some(|round| round.private_mib),
            file_mib: of_some(|round| round.file_mib),
            over_time: Vec::new(),
            faults,
            examples: rounds.iter().flat_map(|round| &round.examples).take(5).cloned().collect(),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper))
}

/// What a server is to the others of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Role {
    /// The one that is measured.
    Subject,
    /// The one it is compared with.
    Compared,
    /// The least any server has to do.
    Floor,
}

/// What was measured on one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerOutcome {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) median: Figures,
    pub(crate) rounds: Vec<Figures>,
    /// Latency in microseconds by percentile, of all rounds together.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// Percentiles of a curve: nines, with steps between.
const CURVE: [f64; 22] = [
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.8, 99.9,
    99.95, 99.98, 99.99, 99.999, 100.0,
];

impl ServerOutcome {
    pub(crate) fn new(name: String, role: Role, rounds: Vec<Figures>, latencies: &Histogram<u64>) -> Self {
        let point = |percentile| (percentile, latencies.value_at_percentile(percentile) as f64 / 1e3);
        Self { name, role, median: Figures::median(&rounds), rounds, curve: CURVE.map(point).to_vec() }
    }
}

/// What one run of a workload found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(crate) workload: String,
    pub(crate) title: String,
    /// What characterises the load, for people.
    pub(crate) shape: String,
    /// What is counted.
    pub(crate) unit: String,
    /// What a latency is.
    pub(crate) latency: String,
    pub(crate) servers: Vec<ServerOutcome>,
}

impl Outcome {
    /// The server of a role.
    pub(crate) fn server(&self, role: Role) -> Option<&ServerOutcome> {
        self.servers.iter().find(|server| server.role == role)
    }

    /// A median by its name in JSON, behind the role of its server: `compared.perSecond`.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let (role, figure) = name.split_once('.')?;
        let role = serde_json::from_value(role.into()).ok()?;
        serde_json::to_value(&self.server(role)?.median).ok()?.get(figure)?.as_f64()
    }

    /// How much was wrong, on all servers.
    pub(crate) fn faults(&self) -> u64 {
        self.servers.iter().flat_map(|server| server.median.faults.values()).sum()
    }
}

/// A figure that is compared.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) figure: fn(&Figures) -> Option<f64>,
    /// Whether more of it is better.
    pub(crate) more_is_better: bool,
}

/// The figures that are reported, in order.
pub(crate) const METRICS: [Metric; 9] = [
    Metric { name: "per second", figure: |found| Some(found.per_second), more_is_better: true },
    Metric { name: "p50 µs", figure: |found| Some(found.p50_us), more_is_better: false },
    Metric { name: "p99 µs", figure: |found| Some(found.p99_us), more_is_better: false },
    Metric { name: "p99.9 µs", figure: |found| Some(found.p999_us), more_is_better: false },
    Metric { name: "longest µs", figure: |found| Some(found.max_us), more_is_better: false },
    Metric { name: "CPU µs each", figure: |found| found.cpu_us_per_message, more_is_better: false },
    Metric { name: "CPU % of a core", figure: |found| found.cpu_percent, more_is_better: false },
    Metric { name: "private MiB", figure: |found| found.private_mib, more_is_better: false },
    Metric { name: "file MiB", figure: |found| found.file_mib, more_is_better: false },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        let round = |per_second, cpu, lost| Figures {
            per_second,
            cpu_us_per_message: cpu,
            faults: BTreeMap::from([("lost".to_owned(), lost)]),
            ..Figures::default()
        };
        let median =
            Figures::median(&[round(10.0, None, 1), round(30.0, Some(2.0), 0), round(20.0, None, 4)]);
        assert_eq!((median.per_second, median.cpu_us_per_message), (20.0, Some(2.0)));
        assert_eq!(median.faults["lost"], 5);
    }
}
