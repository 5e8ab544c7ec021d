//! The NameServer: which brokers are alive, and which of them hold a topic.
//!
//! ```text
//! server ─► router ─► processor ─► route   tables of brokers and topics
//!                              └─► kv      configuration that outlives the process
//!                              └─► config  the NameServer's own settings
//! ```
//!
//! Lives here: everything a NameServer knows and answers. NameServers share nothing: each hears of every
//! broker from the broker itself.

mod config;
mod health;
mod kv;
mod notify;
mod processor;
mod reached;
mod route;
mod router;
mod server;
mod zone;

pub use server::{NameServer, StartError};
