//! What every crate of Ferrocket agrees on: RocketMQ's names and limits, topic and group
//! configurations, the configuration keys and the two text dialects they travel in.
//!
//! Lives here: plain data and pure functions. May not live here: anything async, and any I/O beyond
//! reading and replacing a configuration file.

pub mod config;
pub mod data_version;
pub mod fastjson;
pub mod file;
pub mod group;
pub mod names;
pub mod permission;
pub mod properties;
pub mod topic;
