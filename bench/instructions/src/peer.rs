//! A connection without a socket: its peer's bytes come from memory and its own go there.

#![expect(clippy::expect_used, reason = "a connection that does not answer cannot be measured")]

use std::{
    cell::RefCell,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::BytesMut;
use remoting::{
    codec::split_frame,
    connection::{ConnectionLimits, Service, serve},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Runtime,
    time::timeout,
};

/// Longer than any turn takes, also where everything is slow because it is counted.
const FOREVER: Duration = Duration::from_secs(3600);

/// How long a server may take to answer before anything is counted.
const ANSWER_MAX: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Streams {
    input: Vec<u8>,
    read: usize,
    output: Vec<u8>,
}

/// One end of a connection that is served.
#[derive(Clone, Default)]
struct Socket(Rc<RefCell<Streams>>);

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut streams = self.0.borrow_mut();
        let unread = streams.input.get(streams.read..).unwrap_or_default();
        if unread.is_empty() {
            return Poll::Pending;
        }
        let taken = unread.len().min(buffer.remaining());
        buffer.put_slice(unread.get(..taken).unwrap_or_default());
        streams.read += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let output = &mut self.0.borrow_mut().output;
        let before = output.len();
        for piece in pieces {
            output.extend_from_slice(piece);
        }
        Poll::Ready(Ok(output.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The peer of a connection that a server serves on this very thread.
pub(crate) struct Peer {
    socket: Socket,
    connection: Pin<Box<dyn Future<Output = ()>>>,
}

impl Peer {
    /// A connection to `service`.
    pub(crate) fn of(service: &Arc<dyn Service>) -> Self {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        let socket = Socket::default();
        let limits = ConnectionLimits { turn_max: FOREVER, ..ConnectionLimits::default() };
        let connection = serve(socket.clone(), addr, addr, Arc::clone(service), limits);
        Self { socket, connection: Box::pin(connection) }
    }

    /// Puts bytes where the connection reads them next.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut streams = self.socket.0.borrow_mut();
        streams.read = 0;
        streams.input.clear();
        streams.input.extend_from_slice(bytes);
        streams.output.clear();
    }

    /// Lets the connection do what it can do now.
    pub(crate) fn poll(&mut self) {
        assert!(
            self.poll_with(&mut Context::from_waker(Waker::noop())).is_pending(),
            "the connection has ended"
        );
    }

    /// Asks for something that may take several steps, on the runtime the server lives on.
    pub(crate) fn ask(&mut self, runtime: &Runtime, frame: &[u8]) {
        self.write(frame);
        let answered = std::future::poll_fn(|context| {
            assert!(self.poll_with(context).is_pending(), "the connection has ended");
            if self.answers() == 0 { Poll::Pending } else { Poll::Ready(()) }
        });
        let in_time = runtime.block_on(async { timeout(ANSWER_MAX, answered).await });
        assert!(in_time.is_ok(), "no answer within {ANSWER_MAX:?}");
    }

    fn poll_with(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.connection.as_mut().poll(context)
    }

    /// How many answers have come since the last [`Self::write`], all of which must say that what was asked was done.
    pub(crate) fn answers(&self) -> usize {
        let mut output = BytesMut::from(&*self.socket.0.borrow().output);
        let mut count = 0;
        while let Some(frame) = split_frame(&mut output).expect("answers are frames") {
            let command = frame.header().expect("answers have headers");
            // A server also tells its clients of changes.
            if command.is_response() {
                assert_eq!(command.code, 0, "{:?}", command.remark);
                count += 1;
            }
        }
        count
    }
}
