//! The broker: what becomes of a request between its connection and the store.
//!
//! Lives here: processors, and the tables and services they need. May not live here: file access (the
//! store owns everything under its root) and frames (remoting owns the wire).

pub mod clients;
pub mod faq;
pub mod groups;
pub mod metadata;
pub mod offsets;
pub mod processor;
pub mod topics;
