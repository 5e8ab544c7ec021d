//! Metrics: counting, and how what was counted leaves the process.
//!
//! Lives here: series of counters and histograms that are cheap to add to, the families a collection of them makes,
//! Prometheus's text, OTLP over gRPC, and the HTTP listener that serves the first along with health. May not live
//! here: a RocketMQ word. What is measured, and under which name, is said by whoever measures.
//!
//! Invariant: a table of series is bounded; what comes under a label too many is counted together.

pub mod family;
pub mod histogram;
pub mod http;
pub mod otlp;
pub mod prometheus;
pub mod push;
pub mod series;
