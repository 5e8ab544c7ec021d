//! Reads a JSON header of the form clients write: no spaces, known members once each, texts for fields.
//!
//! That form is read in one pass, at a third of a whole parser's cost. Whatever else may be JSON, or may be none,
//! is left to `serde_json`; where both read a header, they read the same.

use std::borrow::Cow;

use crate::{
    command::{CommandRef, Language, SerializeType},
    ext_fields::ExtFields,
};

/// The header; `None` for one that is not of that form.
pub(super) fn decode(text: &str) -> Option<CommandRef<'_>> {
    let mut scan = Scan { rest: text };
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
            return scan.rest.is_empty().then_some(header);
        }
    }
}

/// How many bytes come before the first that ends a text, begins an escape, or may not stand in one.
fn plain_len(bytes: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| matches!(*byte, 0..0x20 | b'"' | b'\\');
    let mut len = 0;
    for word in bytes.chunks_exact(8) {
        let found = ends_in(u64::from_le_bytes(word.try_into().ok()?));
        if found != 0 {
            return Some(len + found.trailing_zeros() as usize / 8);
        }
        len += 8;
    }
    Some(len + bytes.get(len..)?.iter().position(ends)?)
}

/// Eight bytes at once: the lowest bit set is the highest of the first byte that ends plain text.
fn ends_in(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // A byte below `limit` borrows from its highest bit, which is the first to be set; later ones may be wrong.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\')
}

struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    /// Passes over a byte that has to come.
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.rest.as_bytes().first() != Some(&byte) {
            return None;
        }
        self.skip(1)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    fn number(&mut self) -> Option<i32> {
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let len = self.rest.bytes().take_while(is_part).count();
        let digits = self.rest.get(..len)?;
        // JSON has no zeros in front, and no negative zero that is an integer.
        let is_padded = len > 1 && digits.trim_start_matches('-').starts_with('0');
        self.skip(len)?;
        if is_padded { None } else { digits.parse().ok() }
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
    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let (plain, end) = self.stretch()?;
        if end == b'"' {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = String::with_capacity(plain.len() * 2 + 64);
        text.push_str(plain);
        loop {
            text.push(self.escaped()?);
            let (plain, end) = self.stretch()?;
            text.push_str(plain);
            if end == b'"' {
                return Some(Cow::Owned(text));
            }
        }
    }

    /// What comes before the next quote or backslash, and which of them it is; both are passed over.
    fn stretch(&mut self) -> Option<(&'a str, u8)> {
        let len = plain_len(self.rest.as_bytes())?;
        let (plain, rest) = self.rest.split_at_checked(len)?;
        let end = *rest.as_bytes().first()?;
        self.rest = rest.get(1..)?;
        (end >= 0x20).then_some((plain, end))
    }

    /// The character an escape stands for, its backslash passed over already.
    fn escaped(&mut self) -> Option<char> {
        let kind = *self.rest.as_bytes().first()?;
        self.skip(1)?;
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
        let digits = *self.rest.as_bytes().first_chunk::<4>()?;
        self.skip(4)?;
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
        fn the_first_end_is_found(bytes in proptest::collection::vec(prop_oneof![Just(b'a'), any::<u8>()], 0..40)) {
            let first = bytes.iter().position(|byte| matches!(*byte, 0..0x20 | b'"' | b'\\'));
            prop_assert_eq!(plain_len(&bytes), first);
        }

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
