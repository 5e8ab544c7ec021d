//! Reads a JSON header of the form clients write: no spaces, known members once each, texts for fields.
//!
//! That form is read in one pass, at a third of a whole parser's cost. Whatever else may be JSON, or may be none,
//! is left to `serde_json`; where both read a header, they read the same.

use std::borrow::Cow;

use memchr::memchr2;

use crate::{
    command::{CommandRef, Language, SerializeType},
    ext_fields::ExtFields,
};

/// Room for what follows the first escape of a text; the properties of most messages need less.
const ESCAPED_BYTES: usize = 256;

/// So much of a text is looked through word by word.
const SHORT_BYTES: usize = 16;

/// The header; `None` for one that is not of that form.
pub(super) fn decode(text: &str) -> Option<CommandRef<'_>> {
    // The smallest of many bytes is found at a time; none of a text is below the blank.
    if text.bytes().fold(u8::MAX, u8::min) < b' ' {
        return None;
    }
    let mut scan = Scan { text, at: 0 };
    let mut header = CommandRef {
        code: 0,
        language: Language::OTHER,
        version: 0,
        opaque: 0,
        flag: 0,
        remark: None,
        ext: ExtFields::new(),
        serialize: SerializeType::Json,
    };
    let mut seen = 0_u8;
    scan.take(b'{')?;
    loop {
        let key = scan.text()?;
        scan.take(b':')?;
        let member = match &*key {
            "code" => {
                header.code = scan.number()?;
                1 << 0
            }
            "extFields" => {
                header.ext = scan.fields()?;
                1 << 1
            }
            "flag" => {
                header.flag = scan.number()?;
                1 << 2
            }
            "language" => {
                header.language = Language::from_name(&scan.text()?);
                1 << 3
            }
            "opaque" => {
                header.opaque = scan.number()?;
                1 << 4
            }
            "remark" => {
                header.remark = Some(scan.text()?);
                1 << 5
            }
            "serializeTypeCurrentRPC" => {
                scan.text()?;
                1 << 6
            }
            "version" => {
                header.version = scan.number()?;
                1 << 7
            }
            _ => return None,
        };
        // Each may stand there once.
        if seen & member != 0 {
            return None;
        }
        seen |= member;
        if scan.take(b',').is_none() {
            scan.take(b'}')?;
            return (scan.at == text.len()).then_some(header);
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    /// How much of it is read, in bytes.
    at: usize,
}

impl<'a> Scan<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over a byte that has to come.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    fn number(&mut self) -> Option<i32> {
        let is_negative = self.take(b'-').is_some();
        let (start, mut number) = (self.at, 0_i64);
        while let Some(digit) = self.byte().filter(u8::is_ascii_digit) {
            number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        // JSON has no zeros in front, and no negative zero that is an integer.
        let starts_with_zero = self.text.as_bytes().get(start) == Some(&b'0');
        match self.at - start {
            0 => None,
            digits if starts_with_zero && (digits > 1 || is_negative) => None,
            _ => i32::try_from(if is_negative { -number } else { number }).ok(),
        }
    }

    fn fields(&mut self) -> Option<ExtFields<'a>> {
        let mut fields = ExtFields::with_capacity(16);
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(fields);
        }
        loop {
            let name = self.text()?;
            self.take(b':')?;
            fields.push(name, self.text()?);
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(fields);
            }
        }
    }

    /// A text, borrowed when it has no escapes.
    #[inline]
    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let (plain, end) = self.stretch()?;
        if end == b'"' { Some(Cow::Borrowed(plain)) } else { self.escaped_text(plain).map(Cow::Owned) }
    }

    /// A text that begins with `plain` and goes on with an escape.
    fn escaped_text(&mut self, plain: &str) -> Option<String> {
        let mut text = String::with_capacity(plain.len() + (self.text.len() - self.at).min(ESCAPED_BYTES));
        text.push_str(plain);
        loop {
            text.push(self.escaped()?);
            let (plain, end) = self.stretch()?;
            text.push_str(plain);
            if end == b'"' {
                return Some(text);
            }
        }
    }

    /// What comes before the next quote or backslash, and which of them it is; both are passed over.
    #[inline]
    fn stretch(&mut self) -> Option<(&'a str, u8)> {
        let bytes = self.text.as_bytes();
        let end_at = self.at + end_of_plain(bytes.get(self.at..)?)?;
        let plain = self.text.get(self.at..end_at)?;
        self.at = end_at + 1;
        Some((plain, *bytes.get(end_at)?))
    }

    /// The character an escape stands for, its backslash passed over already.
    fn escaped(&mut self) -> Option<char> {
        let kind = self.byte()?;
        self.at += 1;
        Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return None,
        })
    }

    /// Four hexadecimal digits; halves of surrogate pairs are no characters.
    fn code_point(&mut self) -> Option<char> {
        let digits = *self.text.as_bytes().get(self.at..)?.first_chunk::<4>()?;
        self.at += 4;
        match &digits {
            // What properties are separated by.
            b"0001" => return Some('\u{1}'),
            b"0002" => return Some('\u{2}'),
            _ => {}
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        char::from_u32(digits.into_iter().try_fold(0, |code, byte| Some(code << 4 | digit(byte)?))?)
    }
}

/// Where the first quote or backslash is. Names and numbers have few bytes and end within a word or two; only what is
/// longer is worth the call of a search by vectors.
#[inline]
fn end_of_plain(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < SHORT_BYTES
        && let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        let word = u64::from_le_bytes(*word);
        let found = places_of(b'"', word) | places_of(b'\\', word);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += size_of_val(&word);
    }
    memchr2(b'"', b'\\', bytes.get(at..)?).map(|further| at + further)
}

/// Of the bytes of a word, the lowest of which is the first, the highest bit of each that is `byte`, exactly up to the
/// first of them.
fn places_of(byte: u8, word: u64) -> u64 {
    const LOWEST: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let differing = word ^ (LOWEST * u64::from(byte));
    differing.wrapping_sub(LOWEST) & !differing & HIGHEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: &str = r#"{"code":310,"extFields":{"a":"G","i":"KEYS\u0001k\u0002WAIT\u0001true","x":"\"é\/"},"flag":0,"language":"JAVA","opaque":-7,"remark":"","serializeTypeCurrentRPC":"JSON","version":479}"#;

    #[test]
    fn what_clients_write_is_read() {
        let header = decode(SENT).unwrap();
        assert_eq!((header.code, header.opaque, header.version), (310, -7, 479));
        assert_eq!(header.language, Language::JAVA);
        assert_eq!(header.ext.get("i"), Some("KEYS\u{1}k\u{2}WAIT\u{1}true"));
        assert_eq!(header.ext.get("x"), Some("\"é/"));
        assert!(decode(r#"{"code":34,"extFields":{}}"#).unwrap().ext.is_empty());
    }

    #[test]
    fn what_they_do_not_write_is_left_to_a_whole_parser() {
        for other in [
            "",
            "{}",
            "{ }",
            r#"{"code": 1}"#,
            r#"{"code":1,"code":2}"#,
            r#"{"code":01}"#,
            r#"{"code":1.5}"#,
            r#"{"code":99999999999}"#,
            r#"{"code":1,"new":"x"}"#,
            r#"{"code":1}x"#,
            r#"{"code":1,"extFields":{"a":1}}"#,
            r#"{"code":1,"extFields":{"a":null}}"#,
            r#"{"code":1,"remark":"\ud83d\ude00"}"#,
            "{\"code\":1,\"remark\":\"\n\"}",
        ] {
            assert_eq!(decode(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn both_read_the_same(
            cut in 0..SENT.len(),
            inserted in r#"[{}",:\\u01a\-é]{0,3}"#,
            removed in 0..3_usize,
        ) {
            let Some((before, after)) = SENT.split_at_checked(cut) else { return Ok(()) };
            let after: String = after.chars().skip(removed).collect();
            let text = format!("{before}{inserted}{after}");
            if let Some(header) = decode(&text) {
                prop_assert_eq!(super::super::decode_whole(&text), Ok(header));
            }
        }
    }
}
