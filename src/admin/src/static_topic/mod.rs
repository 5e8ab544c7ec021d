//! Static topics: what they look like from outside, and how their queues are laid out.

mod check;
mod plan;
mod stats;

pub(crate) use plan::{BrokerConfig, Plan};
pub(crate) use stats::{add_logical_progress, add_logical_stats, mappings};
