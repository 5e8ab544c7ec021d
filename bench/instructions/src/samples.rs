//! What is measured with: messages and frames as Java clients write them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use message::{
    batch::{BatchItem, push_item},
    hash::tags_code,
    properties::PropertyString,
    property_names as names,
};
use remoting::{
    codec::{Head, encode_head},
    command::SerializeType,
    header::EncodeHeader,
    headers::{pull::PullMessageRequestHeader, send::SendMessageRequestHeaderV2},
    request::{PullMessage, Request, SendBatchMessage, SendMessageV2},
};
use store::put::{PendingMessage, WaitStore};

pub(crate) const TOPIC: &str = "OrderEvents";
const PRODUCER_GROUP: &str = "order-service";
pub(crate) const CONSUMER_GROUP: &str = "billing-service";
pub(crate) const TAG: &str = "created";
/// A moment, in milliseconds.
pub(crate) const NOW_MILLIS: i64 = 1_700_000_000_000;
/// What a producer without settings of its own says of topics that do not exist.
const DEFAULT_TOPIC: &str = "TBW102";
pub(crate) const QUEUE_ID: i32 = 1;
/// That a pull may wait, and that it has the group's offset with it.
const COMMIT_AND_SUSPEND: i32 = 3;

/// A body of that size.
pub(crate) fn body(bytes: usize) -> Bytes {
    (b'a'..=b'z').cycle().take(bytes).collect()
}

/// The properties of a message with a tag and a key, as a producer writes them.
pub(crate) fn properties() -> PropertyString {
    let of_client = [
        (names::KEYS, "order-20231114-000042"),
        (names::UNIQ_KEY, "7F0000010C5A18B4AAC2179D8AFF0000"),
        (names::WAIT_STORE_OK, "true"),
        (names::TAGS, TAG),
    ];
    of_client.into_iter().collect()
}

/// A message as the store takes it.
pub(crate) fn pending(body_bytes: usize) -> PendingMessage {
    PendingMessage {
        topic: Arc::from(TOPIC),
        queue_id: QUEUE_ID,
        flag: 0,
        sys_flag: 0,
        born_timestamp: NOW_MILLIS,
        born_host: ([10, 1, 2, 3], 40_000).into(),
        store_host: ([10, 1, 2, 4], 10_911).into(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: body(body_bytes),
        properties: properties(),
        tags_code: tags_code(Some(TAG)),
        wait_store_ok: WaitStore::Wait,
    }
}

/// A whole frame with a request.
pub(crate) fn frame<R: Request>(header: &dyn EncodeHeader, body: &[u8], serialize: SerializeType) -> Vec<u8> {
    let head = Head { code: R::CODE.number(), opaque: 1_042, flag: 0, remark: None, extra: &[], serialize };
    let mut frame = Vec::new();
    encode_head(&mut frame, &head, Some(header), body.len());
    frame.extend_from_slice(body);
    frame
}

fn send_header() -> SendMessageRequestHeaderV2 {
    SendMessageRequestHeaderV2 {
        producer_group: PRODUCER_GROUP.to_owned(),
        topic: TOPIC.to_owned(),
        default_topic: DEFAULT_TOPIC.to_owned(),
        default_topic_queue_nums: 4,
        queue_id: QUEUE_ID,
        sys_flag: 0,
        born_timestamp: NOW_MILLIS,
        flag: 0,
        properties: Some(String::from_utf8_lossy(properties().as_bytes()).into_owned()),
        reconsume_times: Some(0),
        unit_mode: Some(false),
        max_reconsume_times: None,
        batch: Some(false),
        broker_name: Some("broker-a".to_owned()),
    }
}

/// `SEND_MESSAGE_V2` of one message.
pub(crate) fn send_frame(body_bytes: usize, serialize: SerializeType) -> Vec<u8> {
    frame::<SendMessageV2>(&send_header(), &body(body_bytes), serialize)
}

/// `SEND_BATCH_MESSAGE` of so many messages.
pub(crate) fn send_batch_frame(messages: usize, body_bytes: usize) -> Vec<u8> {
    let mut batch = BytesMut::new();
    let item = BatchItem { flag: 0, body: body(body_bytes), properties: properties().into_bytes() };
    for _ in 0..messages {
        assert!(push_item(&mut batch, &item), "a message of a batch has a size");
    }
    let header = SendMessageRequestHeaderV2 { batch: Some(true), ..send_header() };
    frame::<SendBatchMessage>(&header, &batch, SerializeType::Json)
}

/// `PULL_MESSAGE` of a push consumer whose subscription the broker knows.
pub(crate) fn pull_frame(queue_offset: i64, max_msg_nums: i32, serialize: SerializeType) -> Vec<u8> {
    let header = PullMessageRequestHeader {
        consumer_group: CONSUMER_GROUP.to_owned(),
        topic: TOPIC.to_owned(),
        queue_id: QUEUE_ID,
        queue_offset,
        max_msg_nums,
        sys_flag: COMMIT_AND_SUSPEND,
        commit_offset: queue_offset,
        suspend_timeout_millis: 15_000,
        sub_version: NOW_MILLIS,
        expression_type: Some("TAG".to_owned()),
        max_msg_bytes: Some(i32::MAX),
        ..PullMessageRequestHeader::default()
    };
    frame::<PullMessage>(&header, &[], serialize)
}
