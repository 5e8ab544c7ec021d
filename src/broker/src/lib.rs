//! The broker: what becomes of a request between its connection and the store.
//!
//! Lives here: processors, and the tables and services they need. May not live here: file access (the
//! store owns everything under its root) and frames (remoting owns the wire).

pub mod advertised;
pub mod arrivals;
pub mod assignment;
pub mod auth;
pub mod broker;
pub mod clients;
pub mod cold_reads;
pub mod config_cell;
pub mod connections;
pub mod disk_reads;
pub mod draft;
pub mod faq;
pub mod file_metadata;
pub mod filters;
pub mod groups;
pub mod light_queues;
pub mod listeners;
pub mod metadata;
pub mod metadata_writer;
pub mod metrics;
pub mod offsets;
pub mod parts;
pub mod pop;
pub mod processor;
pub mod pull;
pub mod put;
pub mod queue_view;
pub mod reconfigured;
pub mod redelivery;
pub mod registration;
pub mod response;
pub mod router;
pub mod schedule;
pub mod settings;
pub mod static_topics;
pub mod stats;
mod table_state;
pub mod timer;
pub mod topic_publisher;
pub mod topics;
pub mod transaction;
pub mod uniq_id;
