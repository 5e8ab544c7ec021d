//! The asking side of the network: one shared set of connections, and what brokers, NameServers,
//! tools and clients ask of NameServers and brokers over it.
//!
//! Lives here: who is connected to whom, and typed calls. May not live here: what a caller does with an
//! answer, and any state of a product.

pub mod broker;
pub mod nameserver;
pub mod pool;
pub mod producer;
pub mod puller;
pub mod routes;
pub mod stored_message;
pub mod unique_id;
