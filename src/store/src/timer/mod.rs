//! The files of messages with a delivery time of their own, RocketMQ's timer wheel.
//!
//! ```text
//! timerwheel           a slot for every second of the next days: where its chain begins and ends
//! timerlog/<position>  a block for every message in the timer; blocks of a slot form a chain
//! config/timercheck    how far both are durable, and how far messages were taken in and delivered
//! ```
//!
//! The messages themselves are in the CommitLog, in the one queue of the timer topic. What is kept here can be built
//! again from them, except for how far they were delivered.
//!
//! Order of writing: the timer log first, then the wheel, then the checkpoint, and none of them before the part of the
//! CommitLog they speak of. So after a crash at any moment the checkpoint is a place to go on from.

pub(crate) mod block;
pub(crate) mod checkpoint;
mod log;
mod recovery;
pub(crate) mod slot;
mod timer_store;
pub(crate) mod wheel;

pub use block::{Block, Kind};
pub use checkpoint::{OwnPart, TimerCheckpoint};
pub use recovery::Recovered;
pub use timer_store::{Flushed, NewTimer, TimerOptions, TimerStore};
