//! What connections are told when they begin.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use runtime::shutdown::Shutdown;

use super::{MemoryBudget, Service};

/// The bounds of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Requests being worked on or parked; at this number reading stops.
    pub in_flight_max: usize,
    /// Bytes of their frames; at this number reading stops.
    pub in_flight_max_bytes: usize,
    /// Unwritten bytes at which reading stops.
    pub unwritten_max_bytes: usize,
    /// A connection on which nothing moves for so long is closed.
    pub idle_max: Duration,
    /// A frame must be whole so long after its first byte.
    pub frame_max: Duration,
    /// The same while memory for frames is short and this one holds some of it.
    pub frame_max_contended: Duration,
    /// How long it works before others on its thread get a turn.
    pub turn_max: Duration,
    /// Bytes the kernel buffers on the way out of a connection that is dialled; 0 leaves that to it.
    pub send_buffer_bytes: usize,
    /// Bytes the kernel buffers on the way into one; 0 leaves that to it.
    pub receive_buffer_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            in_flight_max: 65_536,
            in_flight_max_bytes: 64 * 1024 * 1024,
            unwritten_max_bytes: 4 * 1024 * 1024,
            idle_max: Duration::from_secs(120),
            frame_max: Duration::from_secs(60),
            frame_max_contended: Duration::from_secs(5),
            turn_max: Duration::from_millis(1),
            send_buffer_bytes: 0,
            receive_buffer_bytes: 0,
        }
    }
}

/// What the connections of one listener, or of one pool, have in common.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) draining: Shutdown,
    pub(crate) going_away: Arc<AtomicBool>,
    pub(crate) budget: Arc<MemoryBudget>,
}
