//! What a running command has: its options, the servers, and a place for its output.

use std::{str::FromStr, sync::Arc, time::Duration};

use clap::ArgMatches;
use client::{producer::Producer, puller::Puller, routes::Routes};
use remoting::body::route::{BrokerData, ClusterInfo, MASTER_ID};
use runtime::clock::Clock;

use crate::{
    command::Spec,
    error::AdminError,
    line::{self, NAMESRV_ADDR},
    output::{self, Output},
    remote::{LIMIT, Remote},
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

    /// Milliseconds since a monotonic reading of the clock.
    pub(crate) fn millis_since(&self, begun: Duration) -> i64 {
        i64::try_from(self.clock.monotonic().saturating_sub(begun).as_millis()).unwrap_or(i64::MAX)
    }

    /// Wall-clock milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Reads queues on behalf of a group.
    pub(crate) fn puller(&self, group: &str) -> Puller {
        Puller::new(self.routes(), self.remote.brokers.clone(), group, LIMIT)
    }

    /// Sends messages on behalf of a group.
    pub(crate) fn producer(&self, group: &str) -> Producer {
        let clock = Arc::clone(&self.clock);
        Producer::new(self.routes(), self.remote.brokers.clone(), clock, group, LIMIT)
    }

    fn routes(&self) -> Arc<Routes> {
        Arc::new(Routes::new(Arc::clone(&self.remote.names), Arc::clone(&self.clock), LIMIT))
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

    /// The brokers that `-b` (`--brokerName`) and `-c` (`--clusterName`) name.
    pub(crate) async fn named_brokers(&self, reach: Reach) -> Result<Vec<String>, AdminError> {
        let Some(name) = self.get("brokerName") else {
            let cluster = self.get("clusterName");
            let cluster = cluster.ok_or_else(|| self.usage("name a broker with -b or a cluster with -c"))?;
            return self.cluster_brokers(cluster, reach).await;
        };
        let info = self.remote.cluster_info().await?;
        let group = info.broker_addr_table.get(name).ok_or_else(|| AdminError::Missing {
            what: format!("there is no broker {name}"),
            advice: "see the brokers with clusterList",
        })?;
        Ok(group.broker_addrs.values().cloned().collect())
    }

    /// The brokers that `-b` and `-c` name with the titles RocketMQ prints above what it says of each; no
    /// address where a group has no master.
    pub(crate) async fn titled_brokers(&self) -> Result<Vec<(String, Option<String>)>, AdminError> {
        if let Some(addr) = self.get("brokerAddr") {
            return Ok(vec![(addr.to_owned(), Some(addr.to_owned()))]);
        }
        let Some(cluster) = self.get("clusterName") else {
            return Err(self.usage("name a broker with -b or a cluster with -c"));
        };
        let info = self.remote.cluster_info().await?;
        let mut titled = Vec::new();
        for group in groups_of(&info, cluster)? {
            let master = group.master_addr();
            let shown = master.unwrap_or("NO_MASTER");
            titled.push((format!("Master: {shown}"), master.map(str::to_owned)));
            let slaves = group.broker_addrs.iter().filter(|(id, _)| **id != MASTER_ID);
            titled.extend(
                slaves.map(|(_, addr)| (format!("My Master: {shown}=====Slave: {addr}"), Some(addr.clone()))),
            );
        }
        Ok(titled)
    }

    /// Does something with each broker; what fails is told, and the others get their turn.
    pub(crate) async fn each_broker(
        &self,
        addrs: &[String],
        act: impl AsyncFn(&str) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let mut failed = 0;
        for addr in addrs {
            if let Err(error) = act(addr).await {
                failed += 1;
                output::complain(self.spec.name, &error);
            }
        }
        if failed > 0 { Err(AdminError::SomeFailed { failed, asked: addrs.len() }) } else { Ok(()) }
    }

    /// Does it once, or again and again when `-i` (`--interval`) says how many seconds to wait.
    pub(crate) async fn at_interval(
        &self,
        act: impl AsyncFn() -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let interval: Option<u64> = self.number("interval")?;
        loop {
            act().await?;
            let Some(seconds) = interval else { return Ok(()) };
            if self.out.is_closed() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
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
