//! The formatter that turns `serde_json`'s event stream into the dialect.
//!
//! What a key looks like is known only once its first characters arrive, so everything that precedes
//! it (line break, opening quote) is held back until then.

use std::io::{self, Write};

use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// Largest integer a JavaScript number holds exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Which of fastjson's outputs to imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// No features: raw keys, no white space.
    Raw,
    /// `PrettyFormat`: raw keys, one member a line, indented by tabs; integer keys stay on one line.
    Pretty,
    /// `BrowserCompatible` with `QuoteFieldNames`.
    Browser,
}

/// Where the formatter stands in writing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Not in a key.
    None,
    /// Nothing of the key has been written yet.
    Pending,
    /// The only fragment so far is a lone `{`: the start of an object key, or a string key.
    Brace,
    /// A quoted string.
    Quoted,
    /// An unquoted integer.
    Integer,
    /// An unquoted object: its text is copied without escapes.
    Object,
}

/// `serde_json` formatter for the fastjson dialect.
pub(super) struct Dialect {
    flavour: Flavour,
    key: Key,
    depth: usize,
    is_empty: bool,
}

impl Dialect {
    pub(super) fn new(flavour: Flavour) -> Self {
        Self { flavour, key: Key::None, depth: 0, is_empty: true }
    }

    fn break_line<W: Write + ?Sized>(&self, out: &mut W) -> io::Result<()> {
        if self.flavour == Flavour::Pretty {
            out.write_all(b"\n")?;
            for _ in 0..self.depth {
                out.write_all(b"\t")?;
            }
        }
        Ok(())
    }

    /// Starts the held-back key as `kind`, with `opening` as its first characters.
    fn open_key<W: Write + ?Sized>(&mut self, out: &mut W, kind: Key, opening: &[u8]) -> io::Result<()> {
        self.key = kind;
        if kind != Key::Integer {
            self.break_line(out)?;
        }
        out.write_all(opening)
    }

    fn open_integer<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        match (self.key, self.flavour) {
            (Key::Pending, Flavour::Browser) => self.open_key(out, Key::Quoted, b"\""),
            (Key::Pending, _) => self.open_key(out, Key::Integer, b""),
            _ => Ok(()),
        }
    }

    fn write_text<W: Write + ?Sized>(&self, out: &mut W, text: &str) -> io::Result<()> {
        if self.flavour != Flavour::Browser {
            return out.write_all(text.as_bytes());
        }
        let mut units = [0_u16; 2];
        for c in text.chars() {
            match c {
                '/' => out.write_all(b"\\/")?,
                ' '..='~' => out.write_all(&[c as u8])?,
                _ => {
                    for unit in c.encode_utf16(&mut units) {
                        write!(out, "\\u{unit:04X}")?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether an integer of this size is written as a string.
    fn quotes_integer(&self, magnitude: u64) -> bool {
        self.flavour == Flavour::Browser && self.key == Key::None && magnitude > MAX_SAFE_INTEGER
    }

    fn begin_container<W: Write + ?Sized>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn end_container<W: Write + ?Sized>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if !self.is_empty {
            self.break_line(out)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<W: Write + ?Sized>(&mut self, out: &mut W, value: $type) -> io::Result<()> {
            self.open_integer(out)?;
            CompactFormatter.$method(out, value)
        }
    )*};
}

impl Formatter for Dialect {
    integers!(write_i8: i8, write_i16: i16, write_i32: i32, write_u8: u8, write_u16: u16, write_u32: u32);

    fn write_i64<W: Write + ?Sized>(&mut self, out: &mut W, value: i64) -> io::Result<()> {
        self.open_integer(out)?;
        if self.quotes_integer(value.unsigned_abs()) {
            return write!(out, "\"{value}\"");
        }
        CompactFormatter.write_i64(out, value)
    }

    fn write_u64<W: Write + ?Sized>(&mut self, out: &mut W, value: u64) -> io::Result<()> {
        self.open_integer(out)?;
        if self.quotes_integer(value) {
            return write!(out, "\"{value}\"");
        }
        CompactFormatter.write_u64(out, value)
    }

    fn write_bool<W: Write + ?Sized>(&mut self, out: &mut W, value: bool) -> io::Result<()> {
        if self.key == Key::Pending {
            self.open_key(out, Key::Quoted, b"\"")?;
        }
        CompactFormatter.write_bool(out, value)
    }

    fn write_f64<W: Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        if self.key == Key::Pending {
            self.open_key(out, Key::Quoted, b"\"")?;
        }
        CompactFormatter.write_f64(out, value)
    }

    fn write_f32<W: Write + ?Sized>(&mut self, out: &mut W, value: f32) -> io::Result<()> {
        if self.key == Key::Pending {
            self.open_key(out, Key::Quoted, b"\"")?;
        }
        CompactFormatter.write_f32(out, value)
    }

    fn begin_string<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        if self.key == Key::None { out.write_all(b"\"") } else { Ok(()) }
    }

    fn end_string<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        match self.key {
            Key::None | Key::Quoted => out.write_all(b"\""),
            Key::Pending => self.open_key(out, Key::Quoted, b"\"\""),
            Key::Brace => self.open_key(out, Key::Quoted, b"\"{\""),
            Key::Integer | Key::Object => Ok(()),
        }
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        match self.key {
            Key::None | Key::Quoted => self.write_text(out, text),
            Key::Pending if text == "{" => {
                self.key = Key::Brace;
                Ok(())
            }
            Key::Pending => {
                self.open_key(out, Key::Quoted, b"\"")?;
                self.write_text(out, text)
            }
            // See `object_key::Marked`: only an object key hands over a brace and a blank apart.
            Key::Brace if text == " " && self.flavour != Flavour::Browser => {
                self.open_key(out, Key::Object, b"{")
            }
            Key::Brace => {
                self.open_key(out, Key::Quoted, b"\"{")?;
                if text == " " { Ok(()) } else { self.write_text(out, text) }
            }
            Key::Integer | Key::Object => out.write_all(text.as_bytes()),
        }
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        match self.key {
            Key::None | Key::Quoted => {}
            Key::Pending => self.open_key(out, Key::Quoted, b"\"")?,
            Key::Brace => self.open_key(out, Key::Quoted, b"\"{")?,
            Key::Integer | Key::Object => return out.write_all(&[escaped_byte(&escape)]),
        }
        CompactFormatter.write_char_escape(out, escape)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin_container(out, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end_container(out, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.break_line(out)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _out: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin_container(out, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end_container(out, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.key = Key::Pending;
        if first { Ok(()) } else { out.write_all(b",") }
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _out: &mut W) -> io::Result<()> {
        self.key = Key::None;
        Ok(())
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _out: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }
}

fn escaped_byte(escape: &CharEscape) -> u8 {
    match escape {
        CharEscape::Quote => b'"',
        CharEscape::ReverseSolidus => b'\\',
        CharEscape::Solidus => b'/',
        CharEscape::Backspace => 0x08,
        CharEscape::FormFeed => 0x0c,
        CharEscape::LineFeed => b'\n',
        CharEscape::CarriageReturn => b'\r',
        CharEscape::Tab => b'\t',
        CharEscape::AsciiControl(byte) => *byte,
    }
}
