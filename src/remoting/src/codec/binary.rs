//! RocketMQ's binary header.
//!
//! ```text
//! | code: i16 | language: u8 | version: i16 | opaque: i32 | flag: i32
//! | remark length: i32 | remark | fields length: i32 | (key length: i16 | key | value length: i32 | value)*
//! ```
//!
//! Codes above 32,767 do not fit; their requests travel with JSON headers only. A remark or value of no
//! length reads as absent.

use std::borrow::Cow;

use bytes::Buf;

use super::FrameError;
use crate::{
    command::{CommandRef, Language, SerializeType},
    ext_fields::ExtFields,
    header::FieldSink,
};

const FIXED_BYTES: usize = 2 + 1 + 2 + 4 + 4;

pub(super) fn decode(mut bytes: &[u8]) -> Result<CommandRef<'_>, FrameError> {
    if bytes.len() < FIXED_BYTES {
        return Err(bad("shorter than its fixed part"));
    }
    let code = i32::from(bytes.get_i16());
    let language = Language::from_code(bytes.get_u8());
    let version = i32::from(bytes.get_i16());
    let opaque = bytes.get_i32();
    let flag = bytes.get_i32();
    let remark = take_long_text(&mut bytes)?;
    let ext = decode_fields(take_long(&mut bytes)?)?;
    Ok(CommandRef { code, language, version, opaque, flag, remark, ext, serialize: SerializeType::RocketMq })
}

fn decode_fields(mut bytes: &[u8]) -> Result<ExtFields<'_>, FrameError> {
    let mut fields = ExtFields::new();
    while !bytes.is_empty() {
        if bytes.len() < 2 {
            return Err(bad("field key length cut off"));
        }
        let key_bytes = usize::from(bytes.get_u16());
        let key = String::from_utf8_lossy(take(&mut bytes, key_bytes)?);
        let value = take_long_text(&mut bytes)?;
        if let Some(value) = value {
            fields.push(key, value);
        }
    }
    Ok(fields)
}

fn take_long_text<'a>(bytes: &mut &'a [u8]) -> Result<Option<Cow<'a, str>>, FrameError> {
    let text = take_long(bytes)?;
    Ok((!text.is_empty()).then(|| String::from_utf8_lossy(text)))
}

/// What a 4-byte length in front says; nothing at the very end is nothing.
fn take_long<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], FrameError> {
    if bytes.len() < 4 {
        return Err(bad("length cut off"));
    }
    let length = usize::try_from(bytes.get_i32()).map_err(|_| bad("negative length"))?;
    take(bytes, length)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], FrameError> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or_else(|| bad("length runs over the header"))?;
    *bytes = rest;
    Ok(taken)
}

fn bad(what: &str) -> FrameError {
    FrameError::BadHeader(what.to_owned())
}

/// Writes extension fields in their binary form; one that is too long for its length is left out,
/// which no value of the protocol is.
pub(super) struct BinaryFields<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> BinaryFields<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }
}

impl FieldSink for BinaryFields<'_> {
    fn text(&mut self, key: &str, value: &str) {
        let (Ok(key_bytes), Ok(value_bytes)) = (i16::try_from(key.len()), i32::try_from(value.len())) else {
            return;
        };
        self.out.extend_from_slice(&key_bytes.to_be_bytes());
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(&value_bytes.to_be_bytes());
        self.out.extend_from_slice(value.as_bytes());
    }

    fn number(&mut self, key: &str, value: i64) {
        let mut digits = Vec::with_capacity(20);
        super::json::write_number(&mut digits, value);
        self.text(key, std::str::from_utf8(&digits).unwrap_or_default());
    }
}
