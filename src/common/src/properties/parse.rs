//! From text to entries: joins natural lines to logical ones, splits key from value, resolves escapes.

use std::ops::RangeInclusive;

use super::{Entry, PropertiesError};

pub(super) fn entries(text: &str) -> Result<Vec<Entry>, PropertiesError> {
    logical_lines(text).into_iter().map(|line| entry(line.first, &line.content)).collect()
}

/// The lines, from 1, each entry stands on, with its key.
pub(super) fn places(text: &str) -> Result<Vec<(RangeInclusive<usize>, String)>, PropertiesError> {
    let place = |line: LogicalLine| Ok((line.first..=line.last, entry(line.first, &line.content)?.key));
    logical_lines(text).into_iter().map(place).collect()
}

/// The text of an entry, joined, with the numbers of its first and last line.
struct LogicalLine {
    first: usize,
    last: usize,
    content: String,
}

/// Joins continued lines and drops comments and blank lines.
fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut joined: Vec<LogicalLine> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, natural) in natural_lines(text).enumerate() {
        let content = natural.trim_start_matches(is_blank);
        let (first, mut logical) = open.take().unwrap_or_else(|| (index + 1, String::new()));
        // As long as nothing was collected Java still takes the line for a new one, comment or not.
        if logical.is_empty() && content.starts_with(['#', '!']) {
            continue;
        }
        let backslashes = content.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if backslashes % 2 == 1 {
            logical.push_str(content.strip_suffix('\\').unwrap_or(content));
            open = Some((if logical.is_empty() { index + 2 } else { first }, logical));
            continue;
        }
        logical.push_str(content);
        if !logical.is_empty() {
            joined.push(LogicalLine { first, last: index + 1, content: logical });
        }
    }
    let unfinished = open.filter(|(_, logical)| !logical.is_empty());
    joined.extend(unfinished.map(|(first, content)| LogicalLine { first, last: usize::MAX, content }));
    joined
}

/// Lines ended by `\n`, `\r` or `\r\n`.
pub(super) fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some((line, after)) = current.split_once(['\n', '\r']) else {
            rest = None;
            return Some(current);
        };
        let after_pair =
            after.strip_prefix('\n').filter(|_| current.as_bytes().get(line.len()) == Some(&b'\r'));
        rest = Some(after_pair.unwrap_or(after));
        Some(line)
    })
}

fn entry(line: usize, content: &str) -> Result<Entry, PropertiesError> {
    let mut escaped = false;
    let end = content
        .find(|c| {
            let ends = !escaped && (matches!(c, '=' | ':') || is_blank(c));
            escaped = c == '\\' && !escaped;
            ends
        })
        .unwrap_or(content.len());
    let (key, rest) = content.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    let value = rest.trim_start_matches(is_blank);
    let malformed = || PropertiesError { line };
    Ok(Entry {
        line,
        key: unescape(key).ok_or_else(malformed)?,
        value: unescape(value).ok_or_else(malformed)?,
    })
}

/// Resolves escapes; `None` for a `\u` without its digits.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    // Java strings are UTF-16, so a character outside the basic plane comes as two escapes.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut buffer = [0; 2];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            match chars.next() {
                Some('u') => {
                    let rest = chars.as_str();
                    let digits =
                        rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    chars = rest.get(4..)?.chars();
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            }
        } else {
            c
        };
        units.extend_from_slice(c.encode_utf16(&mut buffer));
    }
    Some(String::from_utf16_lossy(&units))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}
