//! Configuration keys of RocketMQ's network and what they mean for sockets and connections here.

use std::time::Duration;

use common::config::{NettyClientConfig, NettyServerConfig};

use crate::{connection::ConnectionLimits, server::BindOptions};

impl From<&NettyServerConfig> for BindOptions {
    fn from(config: &NettyServerConfig) -> Self {
        Self {
            backlog: config.server_socket_backlog.max(1) as u32,
            send_buffer_bytes: config.server_socket_snd_buf_size.max(0) as u32,
            receive_buffer_bytes: config.server_socket_rcv_buf_size.max(0) as u32,
        }
    }
}

/// The bounds of a connection that is accepted.
impl From<&NettyServerConfig> for ConnectionLimits {
    fn from(config: &NettyServerConfig) -> Self {
        let idle_seconds = config.server_channel_max_idle_time_seconds;
        limits(idle_seconds, config.write_buffer_high_water_mark)
    }
}

/// The bounds of a connection that is dialled.
impl From<&NettyClientConfig> for ConnectionLimits {
    fn from(config: &NettyClientConfig) -> Self {
        let idle_seconds = config.client_channel_max_idle_time_seconds;
        Self {
            send_buffer_bytes: usize::try_from(config.client_socket_snd_buf_size).unwrap_or(0),
            receive_buffer_bytes: usize::try_from(config.client_socket_rcv_buf_size).unwrap_or(0),
            ..limits(idle_seconds, config.write_buffer_high_water_mark)
        }
    }
}

/// 0 stands for the default.
fn limits(idle_seconds: i32, high_water_mark_bytes: i32) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    if let Ok(seconds @ 1..) = u64::try_from(idle_seconds) {
        limits.idle_max = Duration::from_secs(seconds);
    }
    if let Ok(bytes @ 1..) = usize::try_from(high_water_mark_bytes) {
        limits.unwritten_max_bytes = bytes;
    }
    limits
}
