//! The configuration of RocketMQ: every key of its classes, with Java's defaults and what it does here.
//!
//! A key is declared once, in the file of its class; see [`Effect`] and [`Change`] for what a declaration can say.
//! Loading never takes a key in silence: it is honoured, reported as a [`Finding`], or an error.
//!
//! | file | class |
//! |---|---|
//! | `broker` | `BrokerConfig`, `BrokerIdentity` |
//! | `store` | `MessageStoreConfig` |
//! | `server`, `client` | `NettyServerConfig`, `NettyClientConfig` |
//! | `namesrv` | `NamesrvConfig` |
//! | `auth` | `AuthConfig` |
//! | `own` | none: what RocketMQ has no keys for |
//! | `known` | keys of other classes that may stand in the same files |
//!
//! A new key goes into the file of its class and into the golden list the tests compare with.

mod auth;
mod broker;
mod broker_settings;
mod change;
mod client;
mod derived;
mod finding;
mod known;
mod load;
mod machine;
mod namesrv;
mod namesrv_settings;
mod object;
mod own;
mod reasons;
mod reference;
mod secrets;
mod server;
mod store;
mod value;

pub use auth::AuthConfig;
pub use broker::BrokerConfig;
pub use broker_settings::{BrokerSettings, DEFAULT_BROKER_PORT};
pub use change::{ChangeError, ConfigChange};
pub use client::NettyClientConfig;
pub use finding::{ConfigError, Finding, FindingKind, Origin};
pub use known::KnownKeys;
pub use load::read;
pub use machine::{MachineDefaults, choose_local_address};
pub use namesrv::NamesrvConfig;
pub use namesrv_settings::{DEFAULT_NAMESRV_PORT, NamesrvSettings};
pub use object::{Change, ConfigObject, Effect, KeySpec, WrongType};
pub use own::{OwnConfig, OwnNamesrvConfig, ProcessConfig};
pub use reference::{Reference, known_keys, reference};
pub use secrets::{REDACTED, is_secret, redact};
pub use server::NettyServerConfig;
pub use store::MessageStoreConfig;
pub use value::{BrokerRole, ConfigValue, FlushDiskType, LogFormat, MessageRequestMode, MetricsExporterType};

/// Largest value of a Java `int`, where a key has no other bound.
const MAX_INT: i64 = i32::MAX as i64;

#[cfg(test)]
mod tests;
