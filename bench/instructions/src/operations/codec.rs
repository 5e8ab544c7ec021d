//! From bytes to typed headers and back.

use bytes::BytesMut;
use remoting::{
    codec::{Head, encode_head, split_frame},
    command::{FLAG_RESPONSE, SerializeType},
    header::{EncodeHeader, Header},
    headers::{
        pull::{PullMessageRequestHeader, PullMessageResponseHeader},
        send::{SendMessageRequestHeaderV2, SendMessageResponseHeader},
    },
};

use crate::{meter::Meter, samples};

pub(super) fn decode_send_json(meter: &Meter) {
    decode::<SendMessageRequestHeaderV2>(meter, &samples::send_frame(1024, SerializeType::Json));
}

pub(super) fn decode_send_binary(meter: &Meter) {
    decode::<SendMessageRequestHeaderV2>(meter, &samples::send_frame(1024, SerializeType::RocketMq));
}

pub(super) fn decode_pull_json(meter: &Meter) {
    decode::<PullMessageRequestHeader>(meter, &samples::pull_frame(0, 32, SerializeType::Json));
}

fn decode<H: Header>(meter: &Meter, frame: &[u8]) {
    meter.measure(
        || BytesMut::from(frame),
        |mut read| {
            let frame = split_frame(&mut read).expect("a frame").expect("a whole frame");
            let command = frame.header().expect("a header");
            H::decode(&command.ext).expect("a typed header")
        },
    );
}

pub(super) fn encode_send_answer_json(meter: &Meter) {
    encode_send_answer(meter, SerializeType::Json);
}

pub(super) fn encode_send_answer_binary(meter: &Meter) {
    encode_send_answer(meter, SerializeType::RocketMq);
}

fn encode_send_answer(meter: &Meter, serialize: SerializeType) {
    let header = SendMessageResponseHeader {
        msg_id: "0A01020400002A9F0000000000A1B2C3".to_owned(),
        queue_id: 1,
        queue_offset: 123_456,
        transaction_id: Some("7F0000010C5A18B4AAC2179D8AFF0000".to_owned()),
        batch_uniq_id: None,
        recall_handle: None,
    };
    let extra = [("MSG_REGION", "DefaultRegion".to_owned()), ("TRACE_ON", "true".to_owned())];
    encode(meter, &header, &extra, serialize, 0);
}

pub(super) fn encode_pull_answer(meter: &Meter) {
    let header = PullMessageResponseHeader {
        suggest_which_broker_id: 0,
        next_begin_offset: 123_456,
        min_offset: 0,
        max_offset: 234_567,
        ..PullMessageResponseHeader::default()
    };
    encode(meter, &header, &[], SerializeType::Json, 32 * 1024);
}

fn encode(
    meter: &Meter,
    header: &dyn EncodeHeader,
    extra: &[(&'static str, String)],
    serialize: SerializeType,
    body_bytes: usize,
) {
    let head = Head { code: 0, opaque: 1_042, flag: FLAG_RESPONSE, remark: None, extra, serialize };
    // As on a connection, whose buffer has grown before.
    let mut out = Vec::with_capacity(4096);
    meter.measure(
        || {},
        |()| {
            out.clear();
            encode_head(&mut out, &head, Some(header), body_bytes);
        },
    );
}
