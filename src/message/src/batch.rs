//! The body of a client's batch: several messages of one topic in one request.
//!
//! ```text
//! item:  total_size i32 | magic i32 | body_crc i32 | flag i32 | body_len i32 | body
//!        | properties_len i16 | properties
//! ```
//! Size, magic and checksum are not looked at, as RocketMQ does not: clients leave them zero.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::properties::PROPERTY_SEPARATOR;

/// One message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// The flag the application gave it.
    pub flag: i32,
    /// Its body.
    pub body: Bytes,
    /// Its own properties, encoded.
    pub properties: Bytes,
}

/// The batch ends within an item or declares a negative length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed batch: item {item_index} does not fit into the body")]
pub struct MalformedBatch {
    /// Which item, from 0.
    pub item_index: usize,
}

/// The messages of a batch body, without copying them.
pub fn items(body: Bytes) -> BatchItems {
    BatchItems { rest: body, next_index: 0 }
}

/// Iterator over the messages of a batch; ends after an error.
#[derive(Clone, Debug)]
pub struct BatchItems {
    rest: Bytes,
    next_index: usize,
}

impl Iterator for BatchItems {
    type Item = Result<BatchItem, MalformedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item_index = self.next_index;
        self.next_index += 1;
        let item = take_item(&mut self.rest);
        if item.is_none() {
            self.rest.clear();
        }
        Some(item.ok_or(MalformedBatch { item_index }))
    }
}

fn take_item(rest: &mut Bytes) -> Option<BatchItem> {
    // Total size, magic code and body checksum.
    for _ in 0..3 {
        rest.try_get_i32().ok()?;
    }
    let flag = rest.try_get_i32().ok()?;
    let body_len = usize::try_from(rest.try_get_i32().ok()?).ok()?;
    let body = take(rest, body_len)?;
    let properties_len = usize::try_from(rest.try_get_i16().ok()?).ok()?;
    let properties = take(rest, properties_len)?;
    Some(BatchItem { flag, body, properties })
}

fn take(rest: &mut Bytes, count: usize) -> Option<Bytes> {
    (rest.len() >= count).then(|| rest.split_to(count))
}

/// Appends one message to a batch body, as clients encode it. Properties longer than 32,767 bytes are no
/// message: `false`, and nothing is appended.
pub fn push_item(batch: &mut BytesMut, item: &BatchItem) -> bool {
    let (Ok(body_len), Ok(properties_len)) =
        (i32::try_from(item.body.len()), i16::try_from(item.properties.len()))
    else {
        return false;
    };
    let Some(total) = body_len.checked_add(i32::from(properties_len) + 22) else { return false };
    batch.put_i32(total);
    batch.put_i32(0);
    batch.put_i32(0);
    batch.put_i32(item.flag);
    batch.put_i32(body_len);
    batch.put_slice(&item.body);
    batch.put_i16(properties_len);
    batch.put_slice(&item.properties);
    true
}

/// The properties a batch item is stored with: its own, then those of the whole batch.
pub fn stored_properties(item: &[u8], batch: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(item.len() + batch.len() + 1);
    joined.extend_from_slice(item);
    if !batch.is_empty() && item.last().is_some_and(|last| *last != PROPERTY_SEPARATOR) {
        joined.push(PROPERTY_SEPARATOR);
    }
    joined.extend_from_slice(batch);
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(flag: i32, body: &'static [u8], properties: &'static [u8]) -> BatchItem {
        BatchItem { flag, body: Bytes::from_static(body), properties: Bytes::from_static(properties) }
    }

    #[test]
    fn a_batch_round_trips() {
        let sent = [item(1, b"one", b"KEYS\x01k\x02"), item(0, b"", b"")];
        let mut body = BytesMut::new();
        for item in &sent {
            assert!(push_item(&mut body, item));
        }
        let read: Vec<_> = items(body.freeze()).collect::<Result<_, _>>().unwrap();
        assert_eq!(read, sent);
    }

    #[test]
    fn a_cut_batch_names_the_item() {
        let mut body = BytesMut::new();
        push_item(&mut body, &item(1, b"one", b""));
        push_item(&mut body, &item(1, b"two", b""));
        let body = body.freeze();
        let cut = body.slice(..body.len() - 1);
        let read: Vec<_> = items(cut).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1], Err(MalformedBatch { item_index: 1 }));
    }

    #[test]
    fn batch_properties_follow_the_items_own() {
        assert_eq!(stored_properties(b"a\x011", b"b\x012\x02"), b"a\x011\x02b\x012\x02");
        assert_eq!(stored_properties(b"a\x011\x02", b"b\x012\x02"), b"a\x011\x02b\x012\x02");
        assert_eq!(stored_properties(b"", b"b\x012\x02"), b"b\x012\x02");
        assert_eq!(stored_properties(b"a\x011", b""), b"a\x011");
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_a_batch(bytes: Vec<u8>) {
            let _ = items(Bytes::from(bytes)).count();
        }
    }
}
