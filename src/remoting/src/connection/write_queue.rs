//! What waits to be written to a socket: small answers side by side, large bodies as they are.

use std::{
    collections::VecDeque,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::{
    codec::{Head, encode_head},
    header::EncodeHeader,
    reply::Body,
};

/// A body at least this long is queued as it is; a shorter one is cheaper to copy.
const COPY_BELOW_BYTES: usize = 2048;
/// Pieces handed to one system call.
const PIECES_PER_WRITE: usize = 64;
/// Room kept for small answers between bursts.
const TAIL_KEPT_BYTES: usize = 64 * 1024;

/// Bytes of one origin.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Made for this answer.
    Heap,
    /// A part of something that is there anyway, mostly of a mapped file.
    Shared,
}

/// Bytes on their way out, in order.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    pieces: VecDeque<Piece>,
    /// Small answers not yet turned into a piece.
    tail: Vec<u8>,
    /// How much of `tail` is written; only when `pieces` is empty.
    tail_written: usize,
    queued_bytes: usize,
    /// How many of them nothing but this queue keeps alive.
    heap_bytes: usize,
}

impl WriteQueue {
    pub(super) fn len(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued_bytes == 0
    }

    /// How much of it is memory of its own.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Queues a whole command.
    pub(super) fn push(&mut self, head: &Head<'_>, header: Option<&dyn EncodeHeader>, body: Body) {
        let before = self.tail.len();
        encode_head(&mut self.tail, head, header, body.len());
        self.queued_bytes += self.tail.len() - before;
        self.heap_bytes += self.tail.len() - before;
        match body {
            Body::Empty => {}
            Body::Whole(bytes) => self.push_bytes(bytes, Origin::Heap),
            Body::Pieces(pieces) => {
                for piece in pieces {
                    self.push_bytes(piece, Origin::Shared);
                }
            }
        }
    }

    fn push_bytes(&mut self, bytes: Bytes, origin: Origin) {
        self.queued_bytes += bytes.len();
        let is_copied = bytes.len() < COPY_BELOW_BYTES;
        if is_copied || origin == Origin::Heap {
            self.heap_bytes += bytes.len();
        }
        if is_copied {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.seal_tail();
            self.pieces.push_back(Piece { bytes, origin });
        }
    }

    fn seal_tail(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut sealed = Bytes::from(std::mem::take(&mut self.tail));
        sealed.advance(std::mem::take(&mut self.tail_written));
        self.pieces.push_back(Piece { bytes: sealed, origin: Origin::Heap });
    }

    /// Writes as much as the socket takes in one call; the number of bytes it took.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut W,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); PIECES_PER_WRITE];
        let tail = self.tail.get(self.tail_written..).unwrap_or_default();
        let waiting = self.pieces.iter().map(|piece| piece.bytes.as_ref()).chain(std::iter::once(tail));
        let mut count = 0;
        for (slot, piece) in slices.iter_mut().zip(waiting.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let written = ready!(Pin::new(socket).poll_write_vectored(context, slices))?;
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, mut written: usize) {
        self.queued_bytes -= written;
        while written > 0 {
            let Some(piece) = self.pieces.front_mut() else {
                self.tail_written += written;
                self.heap_bytes -= written;
                break;
            };
            let taken = written.min(piece.bytes.len());
            piece.bytes.advance(taken);
            written -= taken;
            if piece.origin == Origin::Heap {
                self.heap_bytes -= taken;
            }
            if piece.bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
        if self.queued_bytes == 0 {
            self.tail.clear();
            self.tail.shrink_to(TAIL_KEPT_BYTES);
            self.tail_written = 0;
        }
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn release_memory(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::command::SerializeType;

    #[tokio::test]
    async fn pieces_leave_in_order_through_a_narrow_socket() {
        let mut queue = WriteQueue::default();
        let head =
            Head { code: 0, opaque: 1, flag: 1, remark: None, extra: &[], serialize: SerializeType::Json };
        let mut expected = Vec::new();
        for round in 0..50_u8 {
            let small = vec![round; 10];
            let large = vec![round; COPY_BELOW_BYTES + 1];
            let body = [small.clone(), large.clone()].concat();
            encode_head(&mut expected, &head, None, body.len());
            expected.extend_from_slice(&body);
            queue.push(&head, None, Body::Pieces(vec![small.into(), large.into()]));
        }
        assert_eq!(queue.len(), expected.len());
        let (mut near, mut far) = tokio::io::duplex(100);
        let reader = async {
            let mut read = vec![0; expected.len()];
            far.read_exact(&mut read).await.unwrap();
            read
        };
        let writer = async {
            while !queue.is_empty() {
                poll_fn(|context| queue.poll_write(&mut near, context)).await.unwrap();
            }
        };
        let (read, ()) = tokio::join!(reader, writer);
        assert_eq!(read, expected);
        assert_eq!((queue.len(), queue.heap_bytes()), (0, 0));
    }
}
