//! Op messages: which half messages are decided, `12,15,` with the tag `d` (`TransactionalMessageUtil`).

use std::{fmt::Write, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::names;
use message::{properties::PropertyString, property_names as property, record::RecordView};

use crate::draft::MessageDraft;

/// The tag of an op message that removes half messages.
const REMOVE_TAG: &str = "d";
/// After each offset.
const SEPARATOR: char = ',';

/// Bytes an offset takes in the body of an op message.
pub(super) fn entry_bytes(half_offset: i64) -> usize {
    half_offset.checked_ilog10().unwrap_or(0) as usize + 2
}

/// An op message that tells of these half messages.
pub(super) fn message(half_offsets: &[i64], host: SocketAddr, now_millis: i64) -> MessageDraft {
    let mut body = String::with_capacity(half_offsets.len() * 12);
    for half_offset in half_offsets {
        // Writing into a string cannot fail.
        let _ = write!(body, "{half_offset}{SEPARATOR}");
    }
    MessageDraft {
        topic: Arc::from(names::TRANS_OP_HALF_TOPIC),
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: now_millis,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from(body),
        properties: PropertyString::from_iter([
            (property::WAIT_STORE_OK, "true"),
            (property::TAGS, REMOVE_TAG),
        ]),
    }
}

/// The half messages an op message tells of; what is none is passed over.
pub(super) fn half_offsets(record: &RecordView<'_>) -> Vec<i64> {
    if record.property(property::TAGS) != Some(REMOVE_TAG) {
        return Vec::new();
    }
    let body = str::from_utf8(record.body()).unwrap_or_default();
    body.split(SEPARATOR).filter_map(|offset| offset.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use message::encode::{AppendCrc, NewRecord, Placement};

    use super::*;

    fn written(draft: &MessageDraft) -> Vec<u8> {
        let record = NewRecord {
            topic: &draft.topic,
            queue_id: draft.queue_id,
            flag: draft.flag,
            sys_flag: draft.sys_flag,
            born_timestamp: draft.born_timestamp,
            born_host: draft.born_host,
            store_host: draft.store_host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: &draft.body,
            properties: draft.properties.as_bytes(),
            append_crc: AppendCrc::No,
        };
        record.prepare().unwrap().to_vec(Placement { queue_offset: 0, phy_offset: 0, store_timestamp: 1 })
    }

    #[test]
    fn what_is_written_is_read() {
        let host = SocketAddr::from(([127, 0, 0, 1], 10911));
        let offsets = [0, 7, 10, 12_345];
        let op = message(&offsets, host, 9);
        assert_eq!(&op.body[..], b"0,7,10,12345,");
        assert_eq!(offsets.map(entry_bytes).iter().sum::<usize>(), op.body.len());
        let bytes = written(&op);
        assert_eq!(half_offsets(&RecordView::decode(&bytes).unwrap()), offsets);
    }

    #[test]
    fn what_is_no_op_message_tells_of_nothing() {
        let host = SocketAddr::from(([127, 0, 0, 1], 10911));
        let mut op = message(&[1], host, 9);
        op.body = Bytes::from_static(b"1,x,,99999999999999999999,4");
        assert_eq!(half_offsets(&RecordView::decode(&written(&op)).unwrap()), [1, 4]);
        op.properties.set(property::TAGS, "TagA");
        assert_eq!(half_offsets(&RecordView::decode(&written(&op)).unwrap()), Vec::<i64>::new());
    }
}
