//! Options that many commands take.

use crate::command::Opt;

/// A broker by its address.
pub(super) const fn broker_addr(help: &'static str) -> Opt {
    Opt::value("b", "brokerAddr", help)
}

/// A cluster by its name.
pub(super) const fn cluster_name(help: &'static str) -> Opt {
    Opt::value("c", "clusterName", help)
}

/// A topic by its name.
pub(super) const TOPIC: Opt = Opt::value("t", "topic", "topic name").required();
