//! The headers of all requests and replies, by subject.
//!
//! Every field is RocketMQ's of the same name in camelCase; [`crate::request`] says which request
//! carries which header. An `Option` may be absent, all else must be there or has the default it names.
#![allow(missing_docs, reason = "a field is RocketMQ's field of the same name")]
#![allow(clippy::struct_excessive_bools, reason = "the switches are RocketMQ's, one field each")]

pub mod auth;
pub mod broker;
pub mod consumer;
pub mod controller;
pub mod offset;
pub mod pop;
pub mod pull;
pub mod send;
pub mod topic;
