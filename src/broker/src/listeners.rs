//! The broker's two ports: the main one and, two below it, the fast ("VIP") one.

use std::{io, net::SocketAddr};

use common::config::NettyServerConfig;
use remoting::{
    configured::listen_addr,
    server::{BindOptions, Server},
};
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
    /// `bindAddress` is neither an IP address nor the name of a host.
    #[error("bindAddress={bind_address} is not the address of a host: {source}")]
    BadAddress {
        /// What is configured.
        bind_address: String,
        /// What looking it up answered.
        source: io::Error,
    },
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
    let addr = listen_addr(config).map_err(|source| {
        let bind_address = config.bind_address.clone();
        BindError::BadAddress { bind_address, source }
    })?;
    let options = BindOptions::from(config);
    let attempts = if addr.port() == 0 { PAIRS_TRIED } else { 1 };
    let mut tried = bind_pair(addr, &options);
    for _ in 1..attempts {
        if tried.is_ok() {
            break;
        }
        tried = bind_pair(addr, &options);
    }
    tried
}

fn bind_pair(addr: SocketAddr, options: &BindOptions) -> Result<Listeners, BindError> {
    let bind = |addr| Server::bind_with(addr, options).map_err(|source| BindError::Io { addr, source });
    let main = bind(addr)?;
    let port = main.local_addr().map_err(|source| BindError::Io { addr, source })?.port();
    let fast_port = port.checked_sub(FAST_PORT_DISTANCE).filter(|port| *port > 0);
    let fast = fast_port.map(|port| bind(SocketAddr::new(addr.ip(), port))).transpose()?;
    Ok(Listeners { main, fast })
}
