//! RocketMQ's remoting protocol: frames, the one table of requests, typed headers and bodies, and
//! the connections both servers and clients speak it over.
//!
//! Lives here: everything between a socket and a typed request. May not live here: product state; a
//! server hands in a [`router::Router`], a client its calls.

// The derive names this crate by its outside name.
extern crate self as remoting;

pub mod body;
pub mod codec;
pub mod command;
pub mod configured;
pub mod connection;
pub mod ext_fields;
pub mod header;
pub mod headers;
pub mod lane;
pub mod reply;
pub mod request;
pub mod response_code;
pub mod router;
pub mod server;
pub mod version;
