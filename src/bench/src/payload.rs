//! Bodies that tell whether they arrived as they were sent, once, and how long it took.
//!
//! ```text
//! run u64 | stream u32 | sequence u64 | sent u64 (nanoseconds of the run's clock) | crc u32 | filler
//! ```
//! The checksum is that of the filler followed by all that stands before it, so that a sender computes it over 28 bytes.

use bytes::{BufMut, Bytes, BytesMut};
use message::batch::{BatchItem, push_item};

/// The least size of a body.
pub(crate) const HEAD_BYTES: usize = 32;
const CHECKED_BYTES: usize = HEAD_BYTES - 4;
/// Of each message of a batch beside those of the batch.
const ITEM_PROPERTIES: &[u8] = b"WAIT\x01true\x02";

/// What a body says of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which run sent it.
    pub(crate) run: u64,
    /// Which of its connections.
    pub(crate) stream: u32,
    /// Its number on that connection.
    pub(crate) sequence: u64,
    /// When it was sent, or due to be: nanoseconds of the run's clock.
    pub(crate) sent_nanos: u64,
}

impl Head {
    fn encode(self, filler_crc: u32) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        let mut rest = &mut head[..];
        rest.put_u64(self.run);
        rest.put_u32(self.stream);
        rest.put_u64(self.sequence);
        rest.put_u64(self.sent_nanos);
        let crc = checksum(filler_crc, head.first_chunk::<CHECKED_BYTES>().map_or(&[], |head| &head[..]));
        if let Some(place) = head.last_chunk_mut() {
            *place = crc.to_be_bytes();
        }
        head
    }
}

fn checksum(filler_crc: u32, head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(filler_crc);
    hasher.update(head);
    hasher.finalize()
}

/// Reads a body; `None` when it is not as it was sent.
pub(crate) fn read(body: &[u8]) -> Option<Head> {
    let (head, filler) = body.split_first_chunk::<HEAD_BYTES>()?;
    let (checked, crc) = head.split_last_chunk::<4>()?;
    if checksum(crc32fast::hash(filler), checked) != u32::from_be_bytes(*crc) {
        return None;
    }
    let u64_at = |at: usize| Some(u64::from_be_bytes(*head.get(at..)?.first_chunk()?));
    Some(Head {
        run: u64_at(0)?,
        stream: u32::from_be_bytes(*head.get(8..)?.first_chunk()?),
        sequence: u64_at(12)?,
        sent_nanos: u64_at(20)?,
    })
}

/// The bodies of one kind of request, whose messages differ in their heads only.
#[derive(Debug)]
pub(crate) struct Payload {
    /// A whole request body with empty heads.
    template: Bytes,
    heads_at: Vec<usize>,
    filler_crc: u32,
}

impl Payload {
    /// Messages of `size` bytes, [`HEAD_BYTES`] at least, `batch` of them a request.
    pub(crate) fn new(size: usize, batch: usize) -> Self {
        let filler: Vec<u8> = (b'a'..=b'z').cycle().take(size.saturating_sub(HEAD_BYTES)).collect();
        let mut body = vec![0; HEAD_BYTES];
        body.extend_from_slice(&filler);
        let filler_crc = crc32fast::hash(&filler);
        if batch <= 1 {
            return Self { template: body.into(), heads_at: vec![0], filler_crc };
        }
        let item = BatchItem { flag: 0, body: body.into(), properties: Bytes::from_static(ITEM_PROPERTIES) };
        let (mut template, mut heads_at) = (BytesMut::new(), Vec::new());
        for _ in 0..batch {
            // Five words stand before the body of an item.
            heads_at.push(template.len() + 20);
            push_item(&mut template, &item);
        }
        Self { template: template.freeze(), heads_at, filler_crc }
    }

    /// Bytes of a request body.
    pub(crate) fn len(&self) -> usize {
        self.template.len()
    }

    /// Messages in a request.
    pub(crate) fn messages(&self) -> u64 {
        self.heads_at.len() as u64
    }

    /// Appends a request body; the sequences of a batch count on from `first`.
    pub(crate) fn append(&self, out: &mut Vec<u8>, first: Head) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        for (sequence, at) in (first.sequence..).zip(&self.heads_at) {
            if let Some(place) = out.get_mut(start + at..).and_then(|rest| rest.first_chunk_mut()) {
                *place = Head { sequence, ..first }.encode(self.filler_crc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use message::batch::items;

    use super::*;

    const FIRST: Head = Head { run: 7 << 40, stream: 3, sequence: 9, sent_nanos: 5 };

    fn appended(size: usize, batch: usize) -> Vec<u8> {
        let payload = Payload::new(size, batch);
        let mut out = b"before".to_vec();
        payload.append(&mut out, FIRST);
        assert_eq!(out.len(), payload.len() + 6);
        out.split_off(6)
    }

    #[test]
    fn a_body_is_read_as_it_was_sent() {
        for size in [HEAD_BYTES, 33, 1024] {
            let body = appended(size, 1);
            assert_eq!(body.len(), size);
            assert_eq!(read(&body), Some(FIRST));
        }
    }

    #[test]
    fn messages_of_a_batch_count_on() {
        let bodies = items(appended(100, 3).into()).map(|item| item.unwrap().body);
        let sequences: Vec<u64> = bodies.map(|body| read(&body).unwrap().sequence).collect();
        assert_eq!(sequences, [9, 10, 11]);
    }

    #[test]
    fn every_changed_bit_is_found() {
        let body = appended(64, 1);
        for bit in 0..body.len() * 8 {
            let mut changed = body.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&changed), None, "bit {bit}");
        }
        assert_eq!(read(&body[..63]), None);
        assert_eq!(read(b""), None);
    }
}
