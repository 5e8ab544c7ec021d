//! Rewrites what fastjson accepts into standard JSON, token by token.
//!
//! It checks only what it needs to find its way (brackets, commas, quotes); what a token means is left
//! to the standard parser that reads the result. White space and comments are dropped, so an object in
//! key position becomes a string that holds its compact text.

use super::{FastjsonError, MAX_DEPTH};

const UNEXPECTED: &str = "unexpected character";
const ENDED: &str = "the text ends in the middle of a value";

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// What encloses the current position.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Array,
    Object,
    /// An object in key position, its text starting at this byte of the output.
    KeyObject(usize),
}

/// The standard JSON a text in the dialect stands for.
pub(super) fn normalize(text: &[u8]) -> Result<Vec<u8>, FastjsonError> {
    let mut run = Normalizer {
        text,
        position: 0,
        out: Vec::with_capacity(text.len() + text.len() / 8),
        frames: Vec::new(),
        in_key_object: false,
        comma: false,
    };
    let mut expect = Expect::Value;
    loop {
        run.skip_blanks()?;
        let Some(byte) = run.peek() else { break };
        expect = run.step(expect, byte)?;
    }
    if expect == Expect::Nothing { Ok(run.out) } else { Err(run.error(ENDED)) }
}

struct Normalizer<'a> {
    text: &'a [u8],
    position: usize,
    out: Vec<u8>,
    frames: Vec<Frame>,
    in_key_object: bool,
    /// A comma was read and is written as soon as something follows it.
    comma: bool,
}

impl Normalizer<'_> {
    fn step(&mut self, expect: Expect, byte: u8) -> Result<Expect, FastjsonError> {
        match (expect, byte) {
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}')
            | (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') => self.close(byte),
            (Expect::Value | Expect::ValueOrEnd, _) => self.value(byte),
            (Expect::KeyOrEnd, _) => self.key(byte),
            (Expect::Colon, b':') => {
                self.take(byte);
                Ok(Expect::Value)
            }
            (Expect::CommaOrEnd, b',') => {
                self.position += 1;
                self.comma = true;
                match self.frames.last() {
                    Some(Frame::Array) => Ok(Expect::ValueOrEnd),
                    _ => Ok(Expect::KeyOrEnd),
                }
            }
            _ => Err(self.error(UNEXPECTED)),
        }
    }

    fn value(&mut self, byte: u8) -> Result<Expect, FastjsonError> {
        self.write_comma();
        match byte {
            b'{' => {
                self.open(Frame::Object, b'{')?;
                Ok(Expect::KeyOrEnd)
            }
            b'[' => {
                self.open(Frame::Array, b'[')?;
                Ok(Expect::ValueOrEnd)
            }
            b'"' | b'\'' => {
                self.string(byte)?;
                Ok(self.after_value())
            }
            _ => {
                let word = self.word()?;
                self.out.extend_from_slice(match word {
                    b"NaN" | b"Infinity" | b"-Infinity" | b"+Infinity" | b"undefined" => b"null",
                    [b'+', number @ ..] => number,
                    other => other,
                });
                Ok(self.after_value())
            }
        }
    }

    fn key(&mut self, byte: u8) -> Result<Expect, FastjsonError> {
        self.write_comma();
        match byte {
            b'{' => {
                // Each level of key in key would double the escapes of the one inside it.
                if self.in_key_object {
                    return Err(self.error("an object key inside an object key"));
                }
                self.in_key_object = true;
                self.open(Frame::KeyObject(self.out.len()), b'{')?;
                return Ok(Expect::KeyOrEnd);
            }
            b'"' | b'\'' => self.string(byte)?,
            _ => {
                let word = self.word()?;
                self.out.push(b'"');
                self.out.extend_from_slice(word);
                self.out.push(b'"');
            }
        }
        Ok(Expect::Colon)
    }

    fn open(&mut self, frame: Frame, bracket: u8) -> Result<(), FastjsonError> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(FastjsonError::TooDeep);
        }
        self.frames.push(frame);
        self.take(bracket);
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<Expect, FastjsonError> {
        self.comma = false;
        match (self.frames.pop(), bracket) {
            (Some(Frame::Array), b']') | (Some(Frame::Object), b'}') => {
                self.take(bracket);
                Ok(self.after_value())
            }
            (Some(Frame::KeyObject(start)), b'}') => {
                self.take(bracket);
                self.in_key_object = false;
                let object = self.out.split_off(start);
                self.out.push(b'"');
                for byte in object {
                    if matches!(byte, b'"' | b'\\') {
                        self.out.push(b'\\');
                    }
                    self.out.push(byte);
                }
                self.out.push(b'"');
                Ok(Expect::Colon)
            }
            _ => Err(self.error("brackets do not match")),
        }
    }

    fn after_value(&self) -> Expect {
        if self.frames.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd }
    }

    /// Copies a quoted string, turning the quotes and escapes only fastjson knows into standard ones.
    fn string(&mut self, quote: u8) -> Result<(), FastjsonError> {
        self.position += 1;
        self.out.push(b'"');
        loop {
            let byte = self.next()?;
            match byte {
                _ if byte == quote => break,
                b'\\' => self.escape()?,
                b'"' => self.out.extend_from_slice(b"\\\""),
                0..=0x1f => self.control(byte),
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), FastjsonError> {
        match self.next()? {
            b'\'' => self.out.push(b'\''),
            b'v' => self.control(0x0b),
            digit @ b'0'..=b'7' => self.control(digit - b'0'),
            b'x' => {
                let digits = [self.next()?, self.next()?];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.error("a hexadecimal escape without two digits"));
                }
                self.out.extend_from_slice(b"\\u00");
                self.out.extend_from_slice(&digits);
            }
            0..=0x1f => return Err(self.error("an escaped control character")),
            standard => self.out.extend_from_slice(&[b'\\', standard]),
        }
        Ok(())
    }

    fn control(&mut self, byte: u8) {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]);
    }

    /// A run of characters numbers, literals and unquoted names are made of.
    fn word<'b>(&mut self) -> Result<&'b [u8], FastjsonError>
    where
        Self: 'b,
    {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_' | b'$')
            })
            .count();
        if length == 0 {
            return Err(self.error(UNEXPECTED));
        }
        self.position += length;
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn skip_blanks(&mut self) -> Result<(), FastjsonError> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x08 | 0x0c => self.position += 1,
                b'/' => self.skip_comment()?,
                _ => break,
            }
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), FastjsonError> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let length = match rest {
            [b'/', b'/', line @ ..] => 2 + line.iter().take_while(|byte| **byte != b'\n').count(),
            [b'/', b'*', block @ ..] => match block.windows(2).position(|pair| pair == b"*/") {
                Some(length) => length + 4,
                None => return Err(self.error("a comment without end")),
            },
            _ => return Err(self.error(UNEXPECTED)),
        };
        self.position += length;
        Ok(())
    }

    fn write_comma(&mut self) {
        if std::mem::take(&mut self.comma) {
            self.out.push(b',');
        }
    }

    /// Copies the current byte.
    fn take(&mut self, byte: u8) {
        self.position += 1;
        self.out.push(byte);
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn next(&mut self) -> Result<u8, FastjsonError> {
        let byte = self.peek().ok_or_else(|| self.error(ENDED))?;
        self.position += 1;
        Ok(byte)
    }

    fn error(&self, problem: &'static str) -> FastjsonError {
        FastjsonError::Syntax { position: self.position, problem }
    }
}
