//! Users and access control lists as operators keep them (RocketMQ's authentication and authorization metadata).
//! Nothing enforces them yet.
//!
//! Where a Java broker has RocksDB directories under `config/auth`, they are in `config/users.json` and
//! `config/acls.json` here.

mod acl;
mod error;
mod manager;
mod resource;

pub use error::AuthError;
pub use manager::AuthMetadataManager;
