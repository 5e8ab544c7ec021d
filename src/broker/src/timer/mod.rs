//! Messages with a delivery time of their own: taking them into the timer, and delivering them when they are due
//! (`TimerMessageStore`, `HookUtils.handleScheduleMessage`).

mod delivered;
mod delivery;
pub mod gate;
mod loaded;
pub mod metrics;
mod rates;
pub mod service;
mod timed_message;

pub use timed_message::cancel_key_of;

#[cfg(test)]
mod tests;
