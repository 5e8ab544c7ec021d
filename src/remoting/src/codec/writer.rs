//! Writing a frame's length words and header; the body follows as it is.

use super::{
    binary::BinaryFields,
    json::{JsonFields, write_number, write_string},
};
use crate::{
    command::{CURRENT_VERSION, Language, SerializeType},
    header::{EncodeHeader, FieldSink},
};

/// What stands in a header beside its fields.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Request code or response code.
    pub code: i32,
    /// Ties a response to its request.
    pub opaque: i32,
    /// [`crate::command::FLAG_RESPONSE`] and [`crate::command::FLAG_ONEWAY`].
    pub flag: i32,
    /// A text for people.
    pub remark: Option<&'a str>,
    /// Fields beside the typed header's.
    pub extra: &'a [(&'static str, String)],
    /// How the header is written.
    pub serialize: SerializeType,
}

/// Appends length words and header to `out`; a body of `body_bytes` must follow.
///
/// A code that does not fit the binary header makes this one header JSON.
pub fn encode_head(out: &mut Vec<u8>, head: &Head<'_>, header: Option<&dyn EncodeHeader>, body_bytes: usize) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    let short_code = i16::try_from(head.code).ok().filter(|_| head.serialize == SerializeType::RocketMq);
    let serialize = if let Some(code) = short_code {
        write_binary(out, head, code, header);
        SerializeType::RocketMq
    } else {
        write_json(out, head, header);
        SerializeType::Json
    };
    let header_bytes = (out.len() - start - 8) as u32;
    let total_bytes = 4 + header_bytes + body_bytes as u32;
    if let Some(words) = out.get_mut(start..start + 8) {
        let (first, second) = words.split_at_mut(4);
        first.copy_from_slice(&total_bytes.to_be_bytes());
        let typed = u32::from(serialize.code()) << 24 | header_bytes & 0x00FF_FFFF;
        second.copy_from_slice(&typed.to_be_bytes());
    }
}

fn write_json(out: &mut Vec<u8>, head: &Head<'_>, header: Option<&dyn EncodeHeader>) {
    out.extend_from_slice(b"{\"code\":");
    write_number(out, i64::from(head.code));
    if header.is_some() || !head.extra.is_empty() {
        out.extend_from_slice(b",\"extFields\":{");
        write_fields(&mut JsonFields::new(out), head, header);
        out.push(b'}');
    }
    out.extend_from_slice(b",\"flag\":");
    write_number(out, i64::from(head.flag));
    // The language of the servers whose place this takes.
    out.extend_from_slice(b",\"language\":\"JAVA\",\"opaque\":");
    write_number(out, i64::from(head.opaque));
    if let Some(remark) = head.remark {
        out.extend_from_slice(b",\"remark\":");
        write_string(out, remark);
    }
    out.extend_from_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    write_number(out, i64::from(CURRENT_VERSION));
    out.push(b'}');
}

fn write_binary(out: &mut Vec<u8>, head: &Head<'_>, code: i16, header: Option<&dyn EncodeHeader>) {
    out.extend_from_slice(&code.to_be_bytes());
    out.push(Language::JAVA.code());
    out.extend_from_slice(&(CURRENT_VERSION as i16).to_be_bytes());
    out.extend_from_slice(&head.opaque.to_be_bytes());
    out.extend_from_slice(&head.flag.to_be_bytes());
    let remark = head.remark.unwrap_or_default();
    out.extend_from_slice(&(remark.len() as u32).to_be_bytes());
    out.extend_from_slice(remark.as_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    write_fields(&mut BinaryFields::new(out), head, header);
    let fields_bytes = (out.len() - length_at - 4) as u32;
    if let Some(length) = out.get_mut(length_at..length_at + 4) {
        length.copy_from_slice(&fields_bytes.to_be_bytes());
    }
}

fn write_fields(sink: &mut dyn FieldSink, head: &Head<'_>, header: Option<&dyn EncodeHeader>) {
    if let Some(header) = header {
        header.encode_fields(sink);
    }
    for (key, value) in head.extra {
        sink.text(key, value);
    }
}
