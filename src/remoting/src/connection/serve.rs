//! Serving a connection that no listener has accepted.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use runtime::shutdown::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, ConnectionLimits, Endpoint, MemoryBudget, Service};

/// Serves what comes over `socket`, whatever that is, until either end closes it.
///
/// It has no part in the budget for memory that the connections of a listener share.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    peer: SocketAddr,
    local: SocketAddr,
    service: Arc<dyn Service>,
    limits: ConnectionLimits,
) {
    let endpoint = Endpoint {
        service,
        limits,
        draining: Shutdown::new(),
        going_away: Arc::new(AtomicBool::new(false)),
        budget: MemoryBudget::new(usize::MAX),
    };
    Connection::new(socket, peer, local, &endpoint).0.run().await;
}
