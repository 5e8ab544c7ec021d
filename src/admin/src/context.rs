//! What a running command has: its options, the servers, and a place for its output.

use std::{str::FromStr, sync::Arc, time::Duration};

use clap::ArgMatches;
use remoting::body::route::{BrokerData, ClusterInfo};
use runtime::clock::Clock;

use crate::{
    command::Spec,
    error::AdminError,
    line::{self, NAMESRV_ADDR},
    output::Output,
    remote::Remote,
    report::Report,
};

/// What a running command has.
pub(crate) struct Context {
    pub(crate) spec: &'static Spec,
    matches: ArgMatches,
    pub(crate) remote: Remote,
    pub(crate) out: Output,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Which brokers of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The master of each group.
    Masters,
    /// All of them.
    Everyone,
}

impl Context {
    pub(crate) fn new(spec: &'static Spec, matches: ArgMatches, clock: Arc<dyn Clock>) -> Self {
        let names = line::value(&matches, NAMESRV_ADDR).unwrap_or_default().to_owned();
        let out = Output::new(matches.get_flag(line::JSON));
        Self { spec, matches, remote: Remote::new(&names), out, clock }
    }

    /// The value of an option, if it was given.
    pub(crate) fn get(&self, option: &str) -> Option<&str> {
        line::value(&self.matches, option)
    }

    /// The value of an option there must be.
    pub(crate) fn need(&self, option: &str) -> Result<&str, AdminError> {
        self.get(option).ok_or_else(|| self.usage(format!("--{option} is missing")))
    }

    /// Whether a flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.matches.get_count(flag) > 0
    }

    /// Whether an option says true; as Java reads it, what is not `true` is false.
    pub(crate) fn is_true(&self, option: &str) -> Option<bool> {
        self.get(option).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// An option that is a number, or what else can be read from text.
    pub(crate) fn number<T: FromStr>(&self, option: &str) -> Result<Option<T>, AdminError> {
        let Some(text) = self.get(option) else { return Ok(None) };
        let number = text.parse().map_err(|_| self.usage(format!("--{option} is no number: {text:?}")))?;
        Ok(Some(number))
    }

    /// A complaint about the command line.
    pub(crate) fn usage(&self, problem: impl Into<String>) -> AdminError {
        AdminError::Usage(format!("{}; see 'help {}'", problem.into(), self.spec.name))
    }

    /// How often the command is to be shown again.
    pub(crate) fn watch(&self) -> Option<Duration> {
        let seconds = self.spec.is_watched.then(|| self.matches.get_one::<f64>(line::WATCH)).flatten()?;
        Duration::try_from_secs_f64(seconds.max(0.1)).ok()
    }

    /// Whether the question before harm is answered already.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.spec.harm.is_none() || self.matches.get_flag(line::YES)
    }

    /// Wall-clock milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Writes a line of text and its fields.
    pub(crate) fn say(&self, text: String, fields: &[(&str, &str)]) {
        let mut report = Report::new();
        report.text(text);
        for (key, value) in fields {
            report.field(key, value);
        }
        self.out.emit(report);
    }

    /// The brokers that `-b` and `-c` (`--brokerAddr`, `--clusterName`) name.
    pub(crate) async fn chosen_brokers(&self, reach: Reach) -> Result<Vec<String>, AdminError> {
        if let Some(addr) = self.get("brokerAddr") {
            return Ok(vec![addr.to_owned()]);
        }
        let Some(cluster) = self.get("clusterName") else {
            return Err(self.usage("name a broker with -b or a cluster with -c"));
        };
        self.cluster_brokers(cluster, reach).await
    }

    /// The brokers of a cluster, by address.
    pub(crate) async fn cluster_brokers(
        &self,
        cluster: &str,
        reach: Reach,
    ) -> Result<Vec<String>, AdminError> {
        let info = self.remote.cluster_info().await?;
        let mut addrs = Vec::new();
        for group in groups_of(&info, cluster)? {
            match reach {
                Reach::Masters => addrs.extend(group.master_addr().map(str::to_owned)),
                Reach::Everyone => addrs.extend(group.broker_addrs.values().cloned()),
            }
        }
        Ok(addrs)
    }
}

/// The groups of brokers of a cluster.
pub(crate) fn groups_of<'a>(info: &'a ClusterInfo, cluster: &str) -> Result<Vec<&'a BrokerData>, AdminError> {
    let names = info.cluster_addr_table.get(cluster).ok_or_else(|| AdminError::Missing {
        what: format!("there is no cluster {cluster}"),
        advice: "see the clusters with clusterList",
    })?;
    Ok(names.iter().filter_map(|name| info.broker_addr_table.get(name)).collect())
}
