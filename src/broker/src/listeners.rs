//! The broker's two ports: the main one and, two below it, the fast ("VIP") one.

use std::{io, net::SocketAddr};

use common::config::NettyServerConfig;
use remoting::server::{BindOptions, Server};
use thiserror::Error;
use tokio::net::TcpListener;

/// How many main ports are tried before a free pair is given up on.
const PAIRS_TRIED: usize = 64;
/// How far the fast port is below the main one.
const FAST_PORT_DISTANCE: u16 = 2;

/// Bound sockets, not served yet.
#[derive(Debug)]
pub struct Listeners {
    /// For everything.
    pub main: TcpListener,
    /// For everything but pulls; none when the main port is too low for it.
    pub fast: Option<TcpListener>,
}

/// Why a port cannot be listened on.
#[derive(Debug, Error)]
pub enum BindError {
    /// `bindAddress` is no address.
    #[error("bindAddress {0:?} is not an IP address")]
    BadAddress(String),
    /// Somebody else has the port, or it is not ours to have.
    #[error("cannot listen on {addr}: {source}")]
    Io {
        /// The address.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Binds both ports; port 0 takes a free pair.
///
/// # Errors
/// When one of them cannot be had.
pub fn bind(config: &NettyServerConfig) -> Result<Listeners, BindError> {
    let bad_address = || BindError::BadAddress(config.bind_address.clone());
    let ip = config.bind_address.parse().map_err(|_| bad_address())?;
    let port = u16::try_from(config.listen_port).map_err(|_| bad_address())?;
    let options = BindOptions::from(config);
    if port != 0 {
        return bind_pair(SocketAddr::new(ip, port), &options);
    }
    let mut tried = Ok(());
    for _ in 0..PAIRS_TRIED {
        match bind_pair(SocketAddr::new(ip, 0), &options) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => tried = Err(error),
        }
    }
    tried?;
    Err(bad_address())
}

fn bind_pair(addr: SocketAddr, options: &BindOptions) -> Result<Listeners, BindError> {
    let bind = |addr| Server::bind_with(addr, options).map_err(|source| BindError::Io { addr, source });
    let main = bind(addr)?;
    let port = main.local_addr().map_err(|source| BindError::Io { addr, source })?.port();
    let fast_port = port.checked_sub(FAST_PORT_DISTANCE).filter(|port| *port > 0);
    let fast = fast_port.map(|port| bind(SocketAddr::new(addr.ip(), port))).transpose()?;
    Ok(Listeners { main, fast })
}
