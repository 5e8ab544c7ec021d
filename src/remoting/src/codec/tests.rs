use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::header::Header;

#[derive(Debug, PartialEq, Header)]
struct RouteRequest {
    topic: String,
    queue_id: Option<i32>,
}

fn encoded(serialize: SerializeType, code: i32, topic: &str, remark: Option<&str>, body: &[u8]) -> BytesMut {
    let mut out = Vec::new();
    let header = RouteRequest { topic: topic.to_owned(), queue_id: Some(-1) };
    let extra = [("bname", "b".to_owned())];
    let head = Head { code, opaque: 5, flag: 2, remark, extra: &extra, serialize };
    encode_head(&mut out, &head, Some(&header), body.len());
    out.extend_from_slice(body);
    BytesMut::from(out.as_slice())
}

#[test]
fn both_encodings_round_trip() {
    for serialize in [SerializeType::Json, SerializeType::RocketMq] {
        let mut buffer = encoded(serialize, 105, "t\u{1}\"é", Some("why\n"), b"body");
        let frame = split_frame(&mut buffer).unwrap().unwrap();
        assert!(buffer.is_empty());
        assert_eq!(&frame.body[..], b"body");
        let command = frame.header().unwrap();
        assert_eq!((command.code, command.opaque, command.flag), (105, 5, 2));
        assert_eq!(command.version, crate::command::CURRENT_VERSION);
        assert_eq!(command.remark.as_deref(), Some("why\n"));
        assert_eq!(command.serialize, serialize);
        let header = RouteRequest::decode(&command.ext).unwrap();
        assert_eq!(header, RouteRequest { topic: "t\u{1}\"é".into(), queue_id: Some(-1) });
        assert_eq!(command.ext.get("bname"), Some("b"));
    }
}

#[test]
fn a_binary_header_of_the_java_client_reads() {
    let bytes = [
        "00000025",
        "01000021",
        "0069",
        "00",
        "01df",
        "00000005",
        "00000000",
        "00000000",
        "0000000c",
        "0005",
        "746f706963",
        "00000001",
        "54",
    ]
    .concat();
    let mut buffer: BytesMut = (0..bytes.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap())
        .collect::<Vec<_>>()
        .as_slice()
        .into();
    let frame = split_frame(&mut buffer).unwrap().unwrap();
    let command = frame.header().unwrap();
    assert_eq!((command.code, command.version, command.opaque), (105, 479, 5));
    assert_eq!(command.ext.get("topic"), Some("T"));
}

#[test]
fn a_code_too_large_for_the_binary_header_travels_as_json() {
    let mut buffer = encoded(SerializeType::RocketMq, 200_050, "T", None, b"");
    let frame = split_frame(&mut buffer).unwrap().unwrap();
    assert_eq!(frame.serialize, SerializeType::Json);
    assert_eq!(frame.header().unwrap().code, 200_050);
}

#[test]
fn json_of_other_clients_reads() {
    let json =
        br#"{"flag":0,"remark":null,"code":34,"opaque":7,"language":"ZIG","extFields":null,"version":317}"#;
    let command = json::decode(json).unwrap();
    assert_eq!(command.language, crate::command::Language::OTHER);
    assert!(command.ext.is_empty() && command.remark.is_none());
    let json = br#"{"code":1,"extFields":{"a":1,"b":true,"c":null,"d":"x"}}"#;
    let command = json::decode(json).unwrap();
    assert_eq!(command.ext.get("a"), Some("1"));
    assert_eq!(command.ext.get("b"), Some("true"));
    assert_eq!(command.ext.get("c"), None);
}

#[test]
fn a_frame_waits_for_its_last_byte() {
    let whole = encoded(SerializeType::Json, 105, "T", None, b"xyz");
    for cut in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..cut]);
        assert!(split_frame(&mut part).unwrap().is_none(), "cut at {cut}");
        assert_eq!(part.len(), cut, "an incomplete frame stays in the buffer");
    }
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let frame = |total: i32, second: u32| {
        let mut buffer = BytesMut::new();
        buffer.put_i32(total);
        buffer.put_u32(second);
        split_frame(&mut buffer).unwrap_err()
    };
    assert!(matches!(frame(-1, 0), FrameError::BadLengths { .. }));
    assert!(matches!(frame(3, 0), FrameError::BadLengths { .. }));
    assert!(matches!(frame(8, 5), FrameError::BadLengths { .. }));
    assert!(matches!(frame(100, 7 << 24), FrameError::UnknownSerializeType(7)));
    assert!(matches!(frame(20_000_000, 0), FrameError::TooLarge(_)));
    let mut tls = BytesMut::from(&[0x16, 3, 1, 2, 0][..]);
    assert_eq!(split_frame(&mut tls).unwrap_err(), FrameError::Tls);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(bytes.as_slice());
        while let Ok(Some(frame)) = split_frame(&mut buffer) {
            let _ = frame.header();
        }
        let _ = binary::decode(&bytes);
        let _ = json::decode(&bytes);
    }
}
