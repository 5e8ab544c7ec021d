//! Configuration keys of RocketMQ's network and what they mean for sockets and connections here.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use common::config::{ChangeError, NettyClientConfig, NettyServerConfig};

use crate::{connection::ConnectionLimits, reply::Refusal, response_code::ResponseCode, server::BindOptions};

/// `NO_PERMISSION` for keys that are never changed over the wire, `SYSTEM_ERROR` for a text that is none, as in
/// RocketMQ.
impl From<&ChangeError> for Refusal {
    fn from(error: &ChangeError) -> Self {
        let code = match error {
            ChangeError::BlackListed { .. } | ChangeError::Fixed { .. } => ResponseCode::NO_PERMISSION,
            ChangeError::Text(_) => ResponseCode::SYSTEM_ERROR,
            ChangeError::Unknown { .. } | ChangeError::NoEffect { .. } | ChangeError::Value(_) => {
                ResponseCode::INVALID_PARAMETER
            }
        };
        Self::new(code, error.to_string())
    }
}

/// Where a server listens: `bindAddress`, an IP address or a host name, which is looked up, and `listenPort`.
///
/// # Errors
/// When the name is not known.
pub fn listen_addr(config: &NettyServerConfig) -> io::Result<SocketAddr> {
    let port = u16::try_from(config.listen_port).map_err(io::Error::other)?;
    let host = config.bind_address.trim();
    let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = unbracketed.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    (host, port).to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

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

/// Longer than any connection lives.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Without a time no connection is closed for being idle; without a mark the default counts.
fn limits(idle_seconds: i32, high_water_mark_bytes: i32) -> ConnectionLimits {
    let idle_max = match u64::try_from(idle_seconds) {
        Ok(seconds @ 1..) => Duration::from_secs(seconds),
        _ => NEVER,
    };
    let mut limits = ConnectionLimits { idle_max, ..ConnectionLimits::default() };
    if let Ok(bytes @ 1..) = usize::try_from(high_water_mark_bytes) {
        limits.unwritten_max_bytes = bytes;
    }
    limits
}
