//! Frames and the two encodings of their headers.
//!
//! ```text
//! | total length: i32 | serialize type: u8, header length: u24 | header | body |
//!        └ of all that follows it
//! ```
//!
//! Splitting ([`split_frame`]) and reading a header ([`Frame::header`]) are apart: the first only looks
//! at lengths and copies nothing, the second borrows from the frame.

mod binary;
mod json;
mod writer;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

pub use writer::{Head, encode_head};

use crate::command::{CommandRef, SerializeType};

/// The largest frame RocketMQ's peers send or take, length word included.
pub const FRAME_MAX_BYTES: usize = 16 * 1024 * 1024;
/// The largest header taken: far above any real one (properties are at most 32 KiB).
pub const HEADER_MAX_BYTES: usize = 1024 * 1024;

const LENGTH_WORDS_BYTES: usize = 8;

/// One frame, not looked into yet.
#[derive(Clone, Debug)]
pub struct Frame {
    /// How the header is written.
    pub serialize: SerializeType,
    /// The header's bytes.
    header: Bytes,
    /// The body's bytes.
    pub body: Bytes,
}

/// Why bytes are no frame. The connection they came on cannot go on: nobody knows where the next
/// frame begins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A TLS handshake on a plain port.
    #[error("peer speaks tls, which this server does not offer yet")]
    Tls,
    /// The frame would be larger than allowed.
    #[error("frame of {0} bytes is over the limit of {FRAME_MAX_BYTES}")]
    TooLarge(usize),
    /// The length words contradict each other.
    #[error("frame of {total_bytes} bytes cannot hold a header of {header_bytes}")]
    BadLengths {
        /// What the first word says.
        total_bytes: i64,
        /// What the second word says.
        header_bytes: usize,
    },
    /// A header encoding nobody knows.
    #[error("unknown serialize type {0}")]
    UnknownSerializeType(u8),
    /// The header does not read as its encoding.
    #[error("header cannot be read: {0}")]
    BadHeader(String),
}

/// Takes the next whole frame off `buffer`; `None` while it is incomplete.
pub fn split_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let mut words: &[u8] = buffer;
    if words.first() == Some(&TLS_HANDSHAKE) {
        return Err(FrameError::Tls);
    }
    if words.len() < LENGTH_WORDS_BYTES {
        return Ok(None);
    }
    let total_bytes = words.get_i32();
    let second = words.get_u32();
    let header_bytes = (second & 0x00FF_FFFF) as usize;
    let bad_lengths = FrameError::BadLengths { total_bytes: i64::from(total_bytes), header_bytes };
    let Some(rest_bytes) = usize::try_from(total_bytes).ok().and_then(|total| total.checked_sub(4)) else {
        return Err(bad_lengths);
    };
    let frame_bytes = rest_bytes + LENGTH_WORDS_BYTES;
    if frame_bytes > FRAME_MAX_BYTES {
        return Err(FrameError::TooLarge(frame_bytes));
    }
    if header_bytes > rest_bytes || header_bytes > HEADER_MAX_BYTES {
        return Err(bad_lengths);
    }
    let type_code = (second >> 24) as u8;
    let serialize = SerializeType::from_code(type_code).ok_or(FrameError::UnknownSerializeType(type_code))?;
    if buffer.len() < frame_bytes {
        return Ok(None);
    }
    let mut frame = buffer.split_to(frame_bytes).freeze();
    frame.advance(LENGTH_WORDS_BYTES);
    let header = frame.split_to(header_bytes);
    Ok(Some(Frame { serialize, header, body: frame }))
}

/// First byte of a TLS record; no length word begins with it, as such a frame would be over the limit.
const TLS_HANDSHAKE: u8 = 0x16;

impl Frame {
    /// Bytes of header and body.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    /// Reads the header.
    pub fn header(&self) -> Result<CommandRef<'_>, FrameError> {
        match self.serialize {
            SerializeType::Json => json::decode(&self.header),
            SerializeType::RocketMq => binary::decode(&self.header),
        }
    }
}

#[cfg(test)]
mod tests;
