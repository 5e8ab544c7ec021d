//! The bytes of a RocketMQ message, as they stand in the CommitLog and travel to consumers: the stored
//! record, its properties, its flags, its ids and the body of a client's batch.
//!
//! Lives here: encoding and checked decoding over byte slices, without copies where possible. May not
//! live here: files, sockets, and any state.

pub mod batch;
pub mod encode;
pub mod hash;
pub mod message_id;
mod name_set;
pub mod properties;
pub mod property_names;
pub mod record;
pub mod sys_flag;
