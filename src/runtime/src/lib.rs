//! What a long-running process needs and no product knows about: named services that start and stop
//! in order, the clock, values that are exchanged while they are read, shared maps, and logging.
//!
//! May not live here: any word of RocketMQ.

pub mod clock;
pub mod live;
pub mod log_files;
pub mod logging;
pub mod memory;
pub mod services;
pub mod shared_map;
pub mod shutdown;
