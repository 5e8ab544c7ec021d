//! Accepting connections and ending them in order.
//!
//! Invariant: connections never take the last file descriptors of the process. A part of them is kept for
//! the files of whoever serves the connections; when only those are left, and also when none is, new
//! connections are turned away, fewer and fewer a second, while those that are open go on.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runtime::{services::Services, shutdown::Shutdown};
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, ConnectionLimits, Endpoint, MemoryBudget, Service};

/// What a listening socket is told.
#[derive(Clone, Copy, Debug)]
pub struct BindOptions {
    /// Connections waiting to be accepted (`serverSocketBacklog`).
    pub backlog: u32,
    /// Bytes the kernel buffers on the way out; 0 leaves that to it.
    pub send_buffer_bytes: u32,
    /// Bytes the kernel buffers on the way in; 0 leaves that to it.
    pub receive_buffer_bytes: u32,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self { backlog: 1024, send_buffer_bytes: 0, receive_buffer_bytes: 0 }
    }
}

/// What all connections of a listener may hold.
const BUDGET_BYTES: usize = 256 * 1024 * 1024;
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A listening server: sockets in, requests to a [`Service`].
pub struct Server {
    local_addr: SocketAddr,
    service: Arc<dyn Service>,
    listening: Shutdown,
    draining: Shutdown,
    going_away: Arc<AtomicBool>,
    connections: TaskTracker,
}

impl Server {
    /// Binds `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        Self::bind_with(addr, &BindOptions::default())
    }

    /// As [`Self::bind`], with options.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind_with(addr: SocketAddr, options: &BindOptions) -> io::Result<TcpListener> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        if options.send_buffer_bytes > 0 {
            socket.set_send_buffer_size(options.send_buffer_bytes)?;
        }
        if options.receive_buffer_bytes > 0 {
            socket.set_recv_buffer_size(options.receive_buffer_bytes)?;
        }
        socket.bind(addr)?;
        socket.listen(options.backlog)
    }

    /// Serves `listener` as the service `name` of `services`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(
        name: &'static str,
        listener: TcpListener,
        service: Arc<dyn Service>,
        limits: ConnectionLimits,
        services: &Services,
    ) -> io::Result<Self> {
        let server = Self {
            local_addr: listener.local_addr()?,
            service: Arc::clone(&service),
            listening: Shutdown::new(),
            draining: Shutdown::new(),
            going_away: Arc::new(AtomicBool::new(false)),
            connections: TaskTracker::new(),
        };
        let acceptor = Acceptor {
            listener,
            endpoint: Endpoint {
                service,
                limits,
                draining: server.draining.clone(),
                going_away: Arc::clone(&server.going_away),
                budget: MemoryBudget::new(BUDGET_BYTES),
            },
            descriptor_end: descriptor_end(),
            listening: server.listening.clone(),
            connections: server.connections.clone(),
        };
        services.task(name, |shutdown| acceptor.run(shutdown));
        Ok(server)
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What it hands requests to.
    pub fn service(&self) -> &Arc<dyn Service> {
        &self.service
    }

    /// Connections that are open.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Takes no more connections.
    pub fn stop_listening(&self) {
        self.listening.request();
    }

    /// From now on tells every client that knows how to connect elsewhere (`GO_AWAY`).
    pub fn go_away(&self) {
        self.going_away.store(true, Ordering::Relaxed);
    }

    /// Takes no more requests, writes the answers that are under way, and closes; at most `limit` long.
    pub async fn drain(&self, limit: Duration) {
        self.stop_listening();
        self.draining.request();
        self.connections.close();
        if tokio::time::timeout(limit, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "connections did not end in time");
        }
    }
}

/// How many of the files this process may have open are never used for accepted connections.
pub fn files_kept() -> usize {
    let quarter = getrlimit(Resource::Nofile).current.map_or(u64::MAX, |limit| limit / 4);
    quarter.clamp(16, 1024) as usize
}

/// The first descriptor a connection must not have.
///
/// The kernel always gives out the lowest that is free, so a connection's own tells how many are in use.
fn descriptor_end() -> i32 {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return i32::MAX };
    i32::try_from(limit.saturating_sub(files_kept() as u64)).unwrap_or(i32::MAX)
}

struct Acceptor {
    listener: TcpListener,
    endpoint: Endpoint,
    descriptor_end: i32,
    listening: Shutdown,
    connections: TaskTracker,
}

impl Acceptor {
    async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.requested() => {}
            () = self.listening.requested() => {}
            () = self.accept_all() => {}
        }
    }

    async fn accept_all(&self) {
        let mut pause = ACCEPT_PAUSE_MIN;
        let mut is_full = false;
        loop {
            let problem = match self.listener.accept().await {
                Ok((stream, peer)) if stream.as_raw_fd() < self.descriptor_end => {
                    self.serve(stream, peer);
                    None
                }
                Ok(_) => Some("the rest of the open files allowed is kept for the store".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            let Some(problem) = problem else {
                (pause, is_full) = (ACCEPT_PAUSE_MIN, false);
                continue;
            };
            if !is_full {
                tracing::error!(
                    problem,
                    "new connections are turned away, consider more open files (ulimit -n)"
                );
                is_full = true;
            }
            // Whoever was turned away comes back, and closing connections make room.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        match Connection::accepted(stream, peer, &self.endpoint) {
            Ok(connection) => drop(self.connections.spawn(connection.run())),
            Err(error) => tracing::debug!(%peer, %error, "connection lost at once"),
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
