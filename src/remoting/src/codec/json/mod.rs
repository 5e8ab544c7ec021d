//! The JSON header: `{"code":…,"extFields":{…},"flag":…,"language":"JAVA","opaque":…,…}`.

mod plain;

use serde::Deserialize;

use super::FrameError;
use crate::{
    command::{CommandRef, Language, SerializeType},
    ext_fields::{ExtFields, FieldText},
    header::FieldSink,
};

#[derive(Deserialize)]
struct JsonHeader<'a> {
    #[serde(default)]
    code: i32,
    #[serde(borrow, default)]
    language: Option<FieldText<'a>>,
    #[serde(default)]
    version: i32,
    #[serde(default)]
    opaque: i32,
    #[serde(default)]
    flag: i32,
    #[serde(borrow, default)]
    remark: Option<FieldText<'a>>,
    #[serde(borrow, default, rename = "extFields")]
    ext: ExtFields<'a>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<CommandRef<'_>, FrameError> {
    // Checking the whole at once is cheaper than text by text.
    let text = str::from_utf8(bytes).map_err(|error| FrameError::BadHeader(error.to_string()))?;
    plain::decode(text).map_or_else(|| decode_whole(text), Ok)
}

/// Any JSON a header may be written in.
fn decode_whole(text: &str) -> Result<CommandRef<'_>, FrameError> {
    // An array would pass for the fields of the object in their order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(FrameError::BadHeader("not an object".to_owned()));
    }
    let header: JsonHeader<'_> =
        serde_json::from_str(text).map_err(|error| FrameError::BadHeader(error.to_string()))?;
    let language = header.language.and_then(|text| text.0);
    Ok(CommandRef {
        code: header.code,
        language: language.map_or(Language::OTHER, |name| Language::from_name(&name)),
        version: header.version,
        opaque: header.opaque,
        flag: header.flag,
        remark: header.remark.and_then(|text| text.0),
        ext: header.ext,
        serialize: SerializeType::Json,
    })
}

/// Writes extension fields as the members of a JSON object.
pub(super) struct JsonFields<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> JsonFields<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, first: true }
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        // Keys are names of Java's fields and have nothing to escape.
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

impl FieldSink for JsonFields<'_> {
    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(self.out, value);
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        self.out.push(b'"');
        write_number(self.out, value);
        self.out.push(b'"');
    }
}

pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    // Looking at every byte lets the compiler look at many at a time.
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let is_plain = !text.bytes().fold(false, |found, byte| found | is_special(byte));
    if is_plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing into a vector cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

pub(super) fn write_number(out: &mut Vec<u8>, value: i64) {
    let _ = serde_json::to_writer(out, &value);
}
