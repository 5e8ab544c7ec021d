//! One connection: frames in, answers and requests of our own out, on one task.
//!
//! ```text
//! read ─► frames ─► Service::call ─┬─ ready ────────────► write queue ─► one vectored write
//!                                  └─ pending ─► in flight ┘      ▲
//! ConnectionHandle ─────────── requests to the peer ──────────────┘
//! ```
//!
//! A request is worked on where it was read, without a hand-off. What cannot be answered at once waits
//! in `in_flight` on the same task. Invariants: reading stops while too much is in flight or unwritten,
//! so a connection's memory is bounded by [`ConnectionLimits`] whatever the peer does; when the
//! connection ends, everything it waited for is dropped.
//!
//! What a peer can make a connection hold:
//!
//! | what | bound |
//! |---|---|
//! | a frame that is not whole | what has arrived of it, at most a frame (16 MiB) and one read (256 KiB); `frame_max` long |
//! | requests worked on or parked | `in_flight_max`, and their frames `in_flight_max_bytes` |
//! | answers the peer does not read | `unwritten_max_bytes` and one answer more |
//! | requests of ours it does not read | 4,096, and their bodies 16 MiB and one more; abandoned ones are not written |
//! | nothing at all | a task, without buffers after 10 s; `idle_max` long |
//!
//! The first three, but for answers that are parts of mapped files, are held against one budget of 256 MiB for
//! all connections of a listener (`budget`): once it is used up, a connection that holds more than 16 KiB is
//! read no further, a larger answer is replaced by `SYSTEM_BUSY`, and a frame has to become whole within
//! `frame_max_contended`. How many connections there are is the listener's to bound, see
//! [`server`](crate::server).
//!
//! Answers leave in pieces, so that the peer has something to do while the next piece is worked on (`pipelining`). A
//! connection that always has something to do gives the others on its thread a turn (`turn`).

mod budget;
mod dial;
mod endpoint;
mod handle;
mod pending;
mod pipelining;
mod quiet;
mod serve;
mod service;
mod turn;
mod write_queue;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, Sleep},
};
use tokio_util::io::poll_read_buf;

pub(crate) use budget::MemoryBudget;
pub use dial::{DialError, dial};
pub use endpoint::ConnectionLimits;
pub(crate) use endpoint::Endpoint;
pub use handle::{CallError, ConnectionHandle, ConnectionId};
pub use serve::serve;
pub use service::{Answered, CloseReason, Service};

use self::{
    budget::MemoryCharge,
    handle::Outbound,
    pending::{Asked, Pending},
    pipelining::Pipelining,
    turn::Turn,
    write_queue::WriteQueue,
};
use crate::{
    codec::{Frame, Head, split_frame},
    command::{CommandRef, FLAG_RESPONSE, Response},
    reply::{Answer, Refusal},
    response_code::ResponseCode,
};

const READ_MIN_BYTES: usize = 2 * 1024;
const READ_MAX_BYTES: usize = 256 * 1024;
/// How soon a connection that found no room in the budget asks again.
const STARVED_PAUSE: Duration = Duration::from_millis(50);
/// A body longer than this is sent only while the budget has room for it.
const LARGE_ANSWER_BYTES: usize = 16 * 1024;
/// What a request under way costs beside its frame, roughly.
const IN_FLIGHT_OVERHEAD_BYTES: usize = 512;
/// Requests of ours without an answer yet, above which abandoned ones are cleared away.
const CALLS_BEFORE_CLEARING: usize = 256;
/// The last version whose clients do not know `GO_AWAY`: `V5_3_1`.
const GO_AWAY_ABOVE_VERSION: i32 = 475;

/// One end of a connection; runs until it closes.
pub struct Connection<S> {
    socket: S,
    service: Arc<dyn Service>,
    handle: ConnectionHandle,
    limits: ConnectionLimits,
    read: BytesMut,
    read_size_bytes: usize,
    pipelining: Pipelining,
    write: WriteQueue,
    in_flight: FuturesUnordered<Pending>,
    in_flight_bytes: usize,
    charge: MemoryCharge,
    /// Whether reading waits for room in the budget.
    starved: bool,
    outbound: mpsc::Receiver<Outbound>,
    calls: HashMap<i32, oneshot::Sender<Response>>,
    going_away: Arc<AtomicBool>,
    drain_requested: BoxFuture<'static, ()>,
    draining: bool,
    last_moved: Instant,
    /// Since when a frame has been there in part.
    frame_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    turn: Turn,
}

impl Connection<TcpStream> {
    /// The server's end of a connection that was just accepted.
    pub(crate) fn accepted(stream: TcpStream, peer: SocketAddr, endpoint: &Endpoint) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Self::new(stream, peer, local, endpoint).0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(socket: S, peer: SocketAddr, local: SocketAddr, endpoint: &Endpoint) -> (Self, ConnectionHandle) {
        let (handle, outbound) = ConnectionHandle::new(peer, local);
        let Endpoint { service, limits, draining, going_away, budget } = endpoint.clone();
        let connection = Self {
            socket,
            service,
            handle: handle.clone(),
            limits,
            read: BytesMut::new(),
            read_size_bytes: READ_MIN_BYTES,
            pipelining: Pipelining::default(),
            write: WriteQueue::default(),
            in_flight: FuturesUnordered::new(),
            in_flight_bytes: 0,
            charge: MemoryCharge::new(&budget),
            starved: false,
            outbound,
            calls: HashMap::new(),
            going_away,
            drain_requested: Box::pin(async move { draining.requested().await }),
            draining: false,
            last_moved: Instant::now(),
            frame_since: None,
            timer: Box::pin(tokio::time::sleep(quiet::QUIET.min(limits.idle_max))),
            turn: Turn::begin(limits.turn_max),
        };
        (connection, handle)
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self) {
        self.service.connected(&self.handle);
        let reason = std::future::poll_fn(|context| self.poll_run(context)).await;
        match &reason {
            CloseReason::Peer | CloseReason::Drained | CloseReason::Idle => {
                tracing::debug!(peer = %self.handle.peer_addr(), %reason, "connection closed");
            }
            _ => tracing::info!(peer = %self.handle.peer_addr(), %reason, "connection closed"),
        }
        self.service.disconnected(&self.handle, &reason);
    }

    /// Moves everything that can move; ready when the connection has ended.
    fn poll_run(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        self.turn = Turn::begin(self.limits.turn_max);
        loop {
            let mut moved = self.poll_answers(context);
            moved |= self.poll_outbound(context);
            match self.poll_socket(context) {
                Ok(socket_moved) => moved |= socket_moved,
                Err(reason) => return Poll::Ready(reason),
            }
            if !self.draining && self.drain_requested.as_mut().poll(context).is_ready() {
                self.draining = true;
            }
            if self.draining && self.in_flight.is_empty() && self.write.is_empty() {
                return Poll::Ready(CloseReason::Drained);
            }
            if moved {
                self.last_moved = Instant::now();
                if !self.turn.is_over_at(self.last_moved) {
                    continue;
                }
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return self.poll_timer(context);
        }
    }

    /// Queues the answers that have become ready.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.write.len() < self.limits.unwritten_max_bytes {
            let Poll::Ready(Some((asked, answer))) = self.in_flight.poll_next_unpin(context) else { break };
            self.in_flight_bytes -= asked.held_bytes;
            self.answer(asked, answer);
            moved = true;
            if self.turn.step_is_last() {
                break;
            }
        }
        moved
    }

    /// Queues requests of ours to the peer.
    fn poll_outbound(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.write.len() < self.limits.unwritten_max_bytes {
            let Poll::Ready(Some(outbound)) = self.outbound.poll_recv(context) else { break };
            moved = true;
            let Outbound::Request(request) = outbound else {
                self.draining = true;
                continue;
            };
            self.handle.taken(request.body.len());
            if request.answer.as_ref().is_some_and(oneshot::Sender::is_closed) {
                // Whoever asked has stopped waiting.
                continue;
            }
            let head = Head {
                code: request.code,
                opaque: request.opaque,
                flag: request.flag,
                remark: None,
                extra: &request.extra,
                serialize: self.handle.serialize(),
            };
            self.write.push(&head, Some(&*request.header), request.body);
            if let Some(answer) = request.answer {
                if self.calls.len() >= CALLS_BEFORE_CLEARING {
                    self.calls.retain(|_, waiting| !waiting.is_closed());
                }
                self.calls.insert(request.opaque, answer);
            }
        }
        moved
    }

    /// Takes frames, then writes, so that answers leave before their connection's turn ends, then reads.
    fn poll_socket(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        self.starved = false;
        let mut moved = self.take_frames(context)?;
        while !self.write.is_empty() {
            match self.write.poll_write(&mut self.socket, context)? {
                Poll::Ready(0) => return Err(CloseReason::Peer),
                Poll::Ready(_) => moved = true,
                Poll::Pending => break,
            }
        }
        if self.write.is_empty() {
            self.pipelining.wrote();
        }
        if self.may_take() && !self.starved && self.wants_bytes() {
            moved |= self.poll_read(context)?;
        }
        Ok(moved)
    }

    /// Whether no whole frame is left of what was read.
    fn wants_bytes(&self) -> bool {
        self.read.is_empty() || self.frame_since.is_some()
    }

    fn may_take(&self) -> bool {
        !self.draining
            && self.in_flight.len() < self.limits.in_flight_max
            && self.in_flight_bytes < self.limits.in_flight_max_bytes
            && self.write.len() < self.limits.unwritten_max_bytes
    }

    /// Takes frames until none is left or answers are to be written.
    fn take_frames(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        let mut moved = false;
        while self.may_take() && !self.read.is_empty() {
            // Answers to what has been read count too.
            self.starved = !self.charge.fit(self.held_bytes());
            if self.starved {
                break;
            }
            let Some(frame) = split_frame(&mut self.read)? else {
                self.frame_since.get_or_insert_with(Instant::now);
                break;
            };
            self.frame_since = None;
            self.take(&frame, context)?;
            moved = true;
            let is_write_due = self.pipelining.took_one();
            if self.turn.step_is_last() || is_write_due {
                break;
            }
        }
        Ok(moved)
    }

    /// What counts against the budget.
    fn held_bytes(&self) -> usize {
        self.read.len() + self.in_flight_bytes + self.write.heap_bytes()
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        self.starved = !self.charge_for_read();
        if self.starved {
            return Ok(false);
        }
        self.read.reserve(self.read_size_bytes);
        let offered_bytes = self.read.capacity() - self.read.len();
        let Poll::Ready(read_bytes) = poll_read_buf(Pin::new(&mut self.socket), context, &mut self.read)?
        else {
            self.pipelining.found_nothing();
            return Ok(false);
        };
        if read_bytes == 0 {
            return Err(CloseReason::Peer);
        }
        self.pipelining.read_some();
        // Room follows what the peer sends, so that an idle one costs little and a busy one few calls.
        if read_bytes == offered_bytes {
            self.read_size_bytes = (self.read_size_bytes * 2).min(READ_MAX_BYTES);
        } else if read_bytes < self.read_size_bytes / 4 {
            self.read_size_bytes = (self.read_size_bytes / 2).max(READ_MIN_BYTES);
        }
        Ok(true)
    }

    /// Whether the budget has room for another read, be it a small one.
    fn charge_for_read(&mut self) -> bool {
        let held_bytes = self.held_bytes();
        if self.charge.fit(held_bytes + self.read_size_bytes) {
            return true;
        }
        self.read_size_bytes = READ_MIN_BYTES;
        self.charge.fit(held_bytes + READ_MIN_BYTES)
    }

    /// Works on one command.
    fn take(&mut self, frame: &Frame, context: &mut Context<'_>) -> Result<(), CloseReason> {
        let command = frame.header()?;
        if command.is_response() {
            self.take_response(command, frame.body.clone());
            return Ok(());
        }
        let asked = Asked {
            opaque: command.opaque,
            serialize: command.serialize,
            oneway: command.is_oneway(),
            held_bytes: frame.len() + IN_FLIGHT_OVERHEAD_BYTES,
            code: command.code,
            since: self.service.times_answers().then(Instant::now),
        };
        if self.going_away.load(Ordering::Relaxed) && command.version > GO_AWAY_ABOVE_VERSION {
            self.answer(asked, Refusal::new(ResponseCode::GO_AWAY, "please go away").into());
            return Ok(());
        }
        let mut answer = self.service.call(&command, frame.body.clone(), &self.handle);
        match answer.as_mut().poll(context) {
            Poll::Ready(answer) => self.answer(asked, answer),
            Poll::Pending => {
                self.in_flight_bytes += asked.held_bytes;
                self.in_flight.push(Pending { asked, answer });
            }
        }
        Ok(())
    }

    fn take_response(&mut self, command: CommandRef<'_>, body: Bytes) {
        let Some(waiting) = self.calls.remove(&command.opaque) else {
            tracing::debug!(peer = %self.handle.peer_addr(), opaque = command.opaque, "late answer dropped");
            return;
        };
        let response = Response {
            code: command.code,
            version: command.version,
            remark: command.remark.map(std::borrow::Cow::into_owned),
            ext: command.ext.into_owned(),
            body,
        };
        // Nobody waits any more when the call has timed out.
        let _ = waiting.send(response);
    }

    fn answer(&mut self, asked: Asked, mut answer: Answer) {
        if let Some(since) = asked.since {
            self.service.answered(&Answered {
                request_code: asked.code,
                response_code: answer.code,
                has_waited: answer.has_waited,
                is_oneway: asked.oneway,
                took: since.elapsed(),
            });
        }
        if asked.oneway {
            return;
        }
        let body_bytes = answer.body.heap_bytes();
        if body_bytes > LARGE_ANSWER_BYTES && !self.charge.fit(self.held_bytes() + body_bytes) {
            let remark = "[OVERLOAD]too many answers wait to be read by their clients, try again";
            answer = Refusal::new(ResponseCode::SYSTEM_BUSY, remark).into();
        }
        let head = Head {
            code: answer.code.0,
            opaque: asked.opaque,
            flag: FLAG_RESPONSE,
            remark: answer.remark.as_deref(),
            extra: &answer.extra,
            serialize: asked.serialize,
        };
        self.write.push(&head, answer.header.as_deref(), answer.body);
    }

    /// Ends a connection that is stuck or idle, and frees the memory of a quiet one.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            let now = Instant::now();
            let idle_at = self.last_moved + self.limits.idle_max;
            let frame_at = self.frame_since.map(|since| since + self.frame_max());
            if frame_at.is_some_and(|at| at <= now) {
                return Poll::Ready(CloseReason::SlowFrame);
            }
            if idle_at <= now {
                return Poll::Ready(CloseReason::Idle);
            }
            let quiet_at = quiet::end_of(self.last_moved);
            if quiet_at <= now {
                self.release_memory();
            }
            let mut next = idle_at.min(frame_at.unwrap_or(idle_at));
            if quiet_at > now {
                next = next.min(quiet_at);
            }
            if self.starved {
                next = next.min(now + STARVED_PAUSE);
            } else if self.frame_since.is_some() {
                // Others may have come to want the memory.
                next = next.min(now + self.limits.frame_max_contended);
            }
            // Moving the timer costs a lock: one that fires early is set anew instead.
            let armed = self.timer.deadline();
            if armed > next || armed <= now {
                self.timer.as_mut().reset(next);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.starved {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// How long a frame may take to become whole: not long while half ones keep others from being read.
    fn frame_max(&self) -> Duration {
        if self.charge.is_contended() { self.limits.frame_max_contended } else { self.limits.frame_max }
    }

    fn release_memory(&mut self) {
        self.write.release_memory();
        self.calls.shrink_to_fit();
        self.read_size_bytes = READ_MIN_BYTES;
        if self.read.is_empty() {
            self.read = BytesMut::new();
            self.charge.fit(self.in_flight_bytes);
        }
    }
}

#[cfg(test)]
mod tests;
