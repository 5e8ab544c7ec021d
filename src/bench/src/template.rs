//! Heads of requests that are encoded once and stamped for every request.
//!
//! A head is encoded with marks for what changes, and the marks are looked for in its bytes: so the codec stays the only
//! one that knows the two encodings. Every mark is as long as what takes its place.

use remoting::{
    codec::{Head, encode_head},
    command::SerializeType,
    header::EncodeHeader,
};

/// Opaques count from here up, so that all have ten digits; this one is the mark.
pub(crate) const OPAQUE_BASE: i32 = 1_000_000_000;
const OPAQUE_MARK: i32 = 1_999_999_937;
/// Stands for the wall-clock milliseconds at which a message is made.
pub(crate) const BORN_MARK: i64 = 9_876_543_210_123;
/// Stands for the wall-clock milliseconds at which a message is to be delivered.
pub(crate) const DELIVER_MARK: i64 = 9_876_543_210_456;
/// Stands for the part of a message's key that differs between messages.
pub(crate) const KEY_MARK: &str = "FEDCBA9876543210";

/// What differs between the requests of one template.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp {
    /// Ties the answer to the request: from [`OPAQUE_BASE`] up.
    pub(crate) opaque: i32,
    /// Takes the place of [`BORN_MARK`].
    pub(crate) born_millis: i64,
    /// Takes the place of [`DELIVER_MARK`].
    pub(crate) deliver_millis: i64,
    /// Takes the place of [`KEY_MARK`].
    pub(crate) key: u64,
}

/// Length words and header of a request.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    serialize: SerializeType,
    opaque_at: usize,
    born_at: Option<usize>,
    deliver_at: Option<usize>,
    key_at: Option<usize>,
}

impl Template {
    /// A request of `code`, whose body has `body_bytes`.
    pub(crate) fn new(
        code: i32,
        header: &dyn EncodeHeader,
        body_bytes: usize,
        serialize: SerializeType,
    ) -> Self {
        let head = Head { code, opaque: OPAQUE_MARK, flag: 0, remark: None, extra: &[], serialize };
        let mut bytes = Vec::new();
        encode_head(&mut bytes, &head, Some(header), body_bytes);
        let find = |mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
        let opaque_at = match serialize {
            SerializeType::Json => find(OPAQUE_MARK.to_string().as_bytes()),
            SerializeType::RocketMq => find(&OPAQUE_MARK.to_be_bytes()),
        };
        Self {
            opaque_at: opaque_at.unwrap_or_default(),
            born_at: find(BORN_MARK.to_string().as_bytes()),
            deliver_at: find(DELIVER_MARK.to_string().as_bytes()),
            key_at: find(KEY_MARK.as_bytes()),
            bytes,
            serialize,
        }
    }

    /// Appends a head to `out`.
    pub(crate) fn append(&self, out: &mut Vec<u8>, stamp: Stamp) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(head) = out.get_mut(start..) else { return };
        match self.serialize {
            SerializeType::Json => put(head, Some(self.opaque_at), &digits::<10>(i64::from(stamp.opaque))),
            SerializeType::RocketMq => put(head, Some(self.opaque_at), &stamp.opaque.to_be_bytes()),
        }
        put(head, self.born_at, &digits::<13>(stamp.born_millis));
        if self.deliver_at.is_some() {
            put(head, self.deliver_at, &digits::<13>(stamp.deliver_millis));
        }
        if self.key_at.is_some() {
            put(head, self.key_at, &hex(stamp.key));
        }
    }
}

fn put<const N: usize>(head: &mut [u8], at: Option<usize>, bytes: &[u8; N]) {
    if let Some(place) = at.and_then(|at| head.get_mut(at..)).and_then(|rest| rest.first_chunk_mut()) {
        *place = *bytes;
    }
}

/// The last `N` decimal digits.
fn digits<const N: usize>(number: i64) -> [u8; N] {
    let mut text = [b'0'; N];
    let mut rest = number.unsigned_abs();
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

fn hex(number: u64) -> [u8; 16] {
    let mut text = [b'0'; 16];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        let value = (rest & 0xF) as u8;
        *digit = if value < 10 { b'0' + value } else { b'A' + value - 10 };
        rest >>= 4;
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use remoting::{codec::split_frame, header::Header, headers::send::SendMessageRequestHeaderV2};

    use super::*;

    #[test]
    fn a_stamped_head_is_what_the_codec_would_have_written() {
        let stamp = Stamp {
            opaque: OPAQUE_BASE + 77,
            born_millis: 1_700_000_000_001,
            deliver_millis: 1_700_000_009_009,
            key: 0xABC,
        };
        for serialize in [SerializeType::Json, SerializeType::RocketMq] {
            let header = SendMessageRequestHeaderV2 {
                producer_group: "P".into(),
                topic: "T".into(),
                default_topic: "D".into(),
                born_timestamp: BORN_MARK,
                properties: Some(format!("UNIQ_KEY\u{1}{KEY_MARK}\u{2}T\u{1}{DELIVER_MARK}\u{2}")),
                ..Default::default()
            };
            let mut out = Vec::new();
            Template::new(310, &header, 3, serialize).append(&mut out, stamp);
            out.extend_from_slice(b"xyz");
            let frame = split_frame(&mut BytesMut::from(&out[..])).unwrap().unwrap();
            let command = frame.header().unwrap();
            assert_eq!((command.code, command.opaque), (310, stamp.opaque));
            let read = SendMessageRequestHeaderV2::decode(&command.ext).unwrap();
            assert_eq!(read.born_timestamp, stamp.born_millis);
            let properties = read.properties.unwrap();
            assert_eq!(properties, "UNIQ_KEY\u{1}0000000000000ABC\u{2}T\u{1}1700000009009\u{2}");
            assert_eq!(&frame.body[..], b"xyz");
        }
    }
}
