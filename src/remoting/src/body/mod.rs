//! The JSON (and compressed) bodies of requests and replies, by subject.
//!
//! Fields stand in the order of their JSON names, which is the order RocketMQ writes them in; bodies
//! whose maps have keys that are no texts travel in the dialect of [`common::fastjson`].

pub mod admin;
pub mod assignment;
pub mod auth;
pub mod consumer;
pub mod heartbeat;
pub mod kv;
pub mod lock;
pub mod pop;
pub mod queue_mapping;
pub mod registration;
pub mod route;
pub mod topic_list;
