//! The outside of a connection: who it is, and how to ask the peer something over it.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use crate::{
    command::{FLAG_ONEWAY, Response, SerializeType},
    header::{EncodeHeader, Header},
    reply::Body,
    request::Request,
};

/// Requests of ours that may wait for their connection to write them.
const OUTBOUND_MAX: usize = 4096;

/// Bytes of their bodies at which no more are taken.
const OUTBOUND_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Identity of a connection within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// Why a request of ours got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The connection ended first.
    #[error("connection to {0} is closed")]
    Closed(SocketAddr),
    /// The peer does not read what is sent to it.
    #[error("too many requests wait for {0}")]
    Busy(SocketAddr),
    /// The peer did not answer in time.
    #[error("no answer from {peer} within {limit:?}")]
    Timeout {
        /// Who was asked.
        peer: SocketAddr,
        /// How long was waited.
        limit: Duration,
    },
}

/// What a handle tells its connection.
pub(super) enum Outbound {
    /// Write a request.
    Request(OutboundRequest),
    /// End.
    Close,
}

/// A request of ours on its way to the connection that writes it.
pub(super) struct OutboundRequest {
    pub(super) code: i32,
    pub(super) opaque: i32,
    pub(super) flag: i32,
    pub(super) header: Box<dyn EncodeHeader>,
    pub(super) extra: Vec<(&'static str, String)>,
    pub(super) body: Body,
    /// Where the answer goes; `None` for a oneway request.
    pub(super) answer: Option<oneshot::Sender<Response>>,
}

/// Names a connection and sends requests over it; clones share it, and none keeps it open.
#[derive(Clone)]
pub struct ConnectionHandle {
    shared: Arc<Shared>,
}

struct Shared {
    id: ConnectionId,
    peer: SocketAddr,
    local: SocketAddr,
    next_opaque: AtomicI32,
    outbound_bytes: AtomicUsize,
    outbound: mpsc::Sender<Outbound>,
    serialize: SerializeType,
}

impl ConnectionHandle {
    pub(super) fn new(peer: SocketAddr, local: SocketAddr) -> (Self, mpsc::Receiver<Outbound>) {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (outbound, receiver) = mpsc::channel(OUTBOUND_MAX);
        let id = ConnectionId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let next_opaque = AtomicI32::new(0);
        // Requests of ours are JSON, as Java's are: codes above 32,767 need it, and every peer reads it.
        let shared = Shared {
            id,
            peer,
            local,
            next_opaque,
            outbound_bytes: AtomicUsize::new(0),
            outbound,
            serialize: SerializeType::Json,
        };
        (Self { shared: Arc::new(shared) }, receiver)
    }

    /// A handle whose connection never was: every call over it answers [`CallError::Closed`].
    pub fn closed(peer: SocketAddr) -> Self {
        Self::new(peer, peer).0
    }

    /// Identity of the connection.
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// Address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.shared.peer
    }

    /// Address of our end: by which the peer reached us, if it came to us.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.outbound.is_closed()
    }

    pub(super) fn serialize(&self) -> SerializeType {
        self.shared.serialize
    }

    /// A request with a body of so many bytes has left the queue.
    pub(super) fn taken(&self, body_bytes: usize) {
        self.shared.outbound_bytes.fetch_sub(body_bytes, Ordering::Relaxed);
    }

    /// Ends the connection; one that does not even take this ends by its own time limits.
    pub fn close(&self) {
        let _ = self.shared.outbound.try_send(Outbound::Close);
    }

    /// Sends a request nobody answers.
    ///
    /// # Errors
    /// [`CallError::Closed`] or [`CallError::Busy`].
    pub fn oneway<R: Request>(&self, header: R::Header, body: impl Into<Body>) -> Result<(), CallError> {
        self.oneway_with_extra::<R>(header, Vec::new(), body)
    }

    /// As [`Self::oneway`], with fields beside the typed header.
    ///
    /// # Errors
    /// As [`Self::oneway`].
    pub fn oneway_with_extra<R: Request>(
        &self,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: impl Into<Body>,
    ) -> Result<(), CallError> {
        self.submit::<R>(header, extra, body.into(), FLAG_ONEWAY, None)
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When there is no answer within `limit`. An answer with a bad code is an answer.
    pub async fn call<R: Request>(
        &self,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, CallError> {
        self.call_with_extra::<R>(header, Vec::new(), body, limit).await
    }

    /// As [`Self::call`], with fields beside the typed header.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_with_extra<R: Request>(
        &self,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, CallError> {
        let (sender, receiver) = oneshot::channel();
        self.submit::<R>(header, extra, body.into(), 0, Some(sender))?;
        let peer = self.shared.peer;
        match tokio::time::timeout(limit, receiver).await {
            Ok(answered) => answered.map_err(|_| CallError::Closed(peer)),
            Err(_) => Err(CallError::Timeout { peer, limit }),
        }
    }

    fn submit<R: Request>(
        &self,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: Body,
        flag: i32,
        answer: Option<oneshot::Sender<Response>>,
    ) -> Result<(), CallError> {
        let body_bytes = body.len();
        if self.shared.outbound_bytes.fetch_add(body_bytes, Ordering::Relaxed) >= OUTBOUND_MAX_BYTES {
            self.taken(body_bytes);
            return Err(CallError::Busy(self.shared.peer));
        }
        let header: Box<dyn EncodeHeader> = Box::new(header);
        let opaque = self.shared.next_opaque.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let request = OutboundRequest { code: R::CODE.number(), opaque, flag, header, extra, body, answer };
        self.shared.outbound.try_send(Outbound::Request(request)).map_err(|error| {
            self.taken(body_bytes);
            match error {
                TrySendError::Full(_) => CallError::Busy(self.shared.peer),
                TrySendError::Closed(_) => CallError::Closed(self.shared.peer),
            }
        })
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionHandle({} from {})", self.shared.id.0, self.shared.peer)
    }
}

impl Response {
    /// The typed reply header of request `R`.
    ///
    /// # Errors
    /// When a field is missing or of the wrong type.
    pub fn header<R: Request>(&self) -> Result<R::ReplyHeader, crate::header::HeaderError> {
        R::ReplyHeader::decode(&self.ext)
    }

    /// The body.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{header::NoHeader, request::HeartBeat};

    #[test]
    fn requests_wait_within_bounds_of_number_and_size() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let (handle, mut outbound) = ConnectionHandle::new(peer, peer);
        let ask = |body: Bytes| handle.oneway::<HeartBeat>(NoHeader::default(), body);
        let large = Bytes::from(vec![7; OUTBOUND_MAX_BYTES / 2]);
        ask(large.clone()).unwrap();
        ask(large.clone()).unwrap();
        assert_eq!(ask(Bytes::from_static(b"more")), Err(CallError::Busy(peer)));
        assert!(outbound.try_recv().is_ok());
        handle.taken(large.len());
        for _ in 1..OUTBOUND_MAX {
            ask(Bytes::from_static(b"small")).unwrap();
        }
        assert_eq!(ask(Bytes::new()), Err(CallError::Busy(peer)));
        drop(outbound);
        assert_eq!(ask(Bytes::new()), Err(CallError::Closed(peer)));
    }
}
