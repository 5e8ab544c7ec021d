//! One processor per subject: typed requests in, typed replies or refusals out.

pub mod client_manage;
pub mod consumer_manage;
pub mod lock;
