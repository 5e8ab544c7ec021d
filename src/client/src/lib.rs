//! The asking side of the network: one shared set of connections, and what brokers, NameServers and
//! tools ask of NameServers over it.
//!
//! Lives here: who is connected to whom, and typed calls. May not live here: what a caller does with an
//! answer, and any state of a product.

pub mod nameserver;
pub mod pool;
