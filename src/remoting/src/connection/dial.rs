//! Our end of a connection that we open.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use runtime::shutdown::Shutdown;
use rustix::net::sockopt;
use thiserror::Error;
use tokio::net::TcpStream;

use super::{Connection, ConnectionHandle, ConnectionLimits, Endpoint, MemoryBudget, Service};

/// Why no connection came about.
#[derive(Debug, Error)]
pub enum DialError {
    /// The address leads nowhere, or nobody listens there.
    #[error("cannot connect to {addr}: {source}")]
    Io {
        /// `host:port` as it was given.
        addr: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error("cannot connect to {addr} within {limit:?}")]
    Timeout {
        /// `host:port` as it was given.
        addr: String,
        /// How long was waited.
        limit: Duration,
    },
}

/// Connects to `addr` (`host:port`) within `limit`; the peer's own requests go to `service`.
///
/// The connection lives until either end closes it or `draining` is requested.
///
/// # Errors
/// When there is no connection in time.
pub async fn dial(
    addr: &str,
    service: Arc<dyn Service>,
    limits: ConnectionLimits,
    limit: Duration,
    draining: &Shutdown,
) -> Result<ConnectionHandle, DialError> {
    let failed = |source| DialError::Io { addr: addr.to_owned(), source };
    let stream = tokio::time::timeout(limit, TcpStream::connect(addr))
        .await
        .map_err(|_| DialError::Timeout { addr: addr.to_owned(), limit })?
        .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    set_buffers(&stream, &limits).map_err(failed)?;
    let peer = stream.peer_addr().map_err(failed)?;
    let local = stream.local_addr().map_err(failed)?;
    let endpoint = Endpoint {
        service,
        limits,
        draining: draining.clone(),
        going_away: Arc::new(AtomicBool::new(false)),
        // Whom we call we have chosen: the bounds of the connection itself do.
        budget: MemoryBudget::new(usize::MAX),
    };
    let (connection, handle) = Connection::new(stream, peer, local, &endpoint);
    #[expect(clippy::disallowed_methods, reason = "a connection is its own task")]
    tokio::spawn(connection.run());
    Ok(handle)
}

fn set_buffers(stream: &TcpStream, limits: &ConnectionLimits) -> io::Result<()> {
    if limits.send_buffer_bytes > 0 {
        sockopt::set_socket_send_buffer_size(stream, limits.send_buffer_bytes)?;
    }
    if limits.receive_buffer_bytes > 0 {
        sockopt::set_socket_recv_buffer_size(stream, limits.receive_buffer_bytes)?;
    }
    Ok(())
}
