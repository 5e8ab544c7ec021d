//! Delayed messages: the delay levels and the service that delivers what is due.

pub mod delay_levels;
pub mod service;
