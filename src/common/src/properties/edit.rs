//! Changing keys of a properties text that somebody has written by hand.

use std::{collections::HashSet, fmt::Write};

use super::{PropertiesError, decode, parse};

/// The text with keys set to other values, at its end; what else stands in it, comments included, stays.
///
/// # Errors
/// When the text is none.
pub fn with_changes(text: &[u8], changes: &[(String, String)]) -> Result<Vec<u8>, PropertiesError> {
    let is_latin = std::str::from_utf8(text).is_err();
    let text = decode(text);
    let changed: HashSet<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
    let places = parse::places(&text)?;
    let replaced: Vec<_> = places.into_iter().filter(|(_, key)| changed.contains(key.as_str())).collect();
    let mut edited = String::with_capacity(text.len() + 64);
    let mut is_open = false;
    for (index, line) in parse::natural_lines(text.trim_end_matches(['\n', '\r'])).enumerate() {
        if replaced.iter().any(|(lines, _)| lines.contains(&(index + 1))) || (index == 0 && text.is_empty()) {
            continue;
        }
        edited.push_str(line);
        edited.push('\n');
        is_open = line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    }
    if is_open {
        // The last line would be continued by ours.
        edited.push('\n');
    }
    for (key, value) in changes {
        push_escaped(&mut edited, key, &['=', ':', ' ', '#', '!']);
        edited.push('=');
        push_escaped(&mut edited, value, &[]);
        edited.push('\n');
    }
    Ok(if is_latin { edited.chars().map(|c| c as u8).collect() } else { edited.into_bytes() })
}

/// Writes a key or value so that it is read as it is.
fn push_escaped(out: &mut String, text: &str, special: &[char]) {
    for (index, c) in text.char_indices() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            ' ' if index == 0 => out.push_str("\\ "),
            c if special.contains(&c) => out.extend(['\\', c]),
            c if c.is_ascii() => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Properties;
    use super::*;

    fn edited(text: &str, changes: &[(&str, &str)]) -> String {
        let changes: Vec<_> = changes.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        String::from_utf8(with_changes(text.as_bytes(), &changes).unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_changed_stays() {
        let text = "# mine\r\na = 1\nb=x\\\n  y\n\n! also mine\nc=3";
        assert_eq!(edited(text, &[("b", "z")]), "# mine\na = 1\n\n! also mine\nc=3\nb=z\n");
        assert_eq!(edited("", &[("b", " ä\\\n")]), "b=\\ \\u00e4\\\\\\n\n");
        assert_eq!(edited("a=1\\", &[("b", "2")]), "a=1\\\n\nb=2\n");
    }

    #[test]
    fn latin_text_stays_latin() {
        let changes = [("b".to_owned(), "2".to_owned())];
        assert_eq!(with_changes(b"a=\xe4\nb=1\n", &changes).unwrap(), b"a=\xe4\nb=2\n");
    }

    proptest! {
        #[test]
        fn the_changed_text_says_what_was_wanted(
            text in "([abc#! =:\\\\\n\r]{0,40})",
            key in "[a-c]{1,2}",
            value in "[ -~ä\n\t\\\\]{0,12}",
        ) {
            let Ok(before) = Properties::parse(text.as_bytes()) else { return Ok(()) };
            let changes = [(key.clone(), value.clone())];
            let after = Properties::parse(&with_changes(text.as_bytes(), &changes).unwrap()).unwrap();
            let pairs = |properties: &Properties| -> Vec<(String, String)> {
                properties.entries().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
            };
            let mut wanted = pairs(&before);
            wanted.retain(|(other, _)| *other != key);
            wanted.push((key, value));
            prop_assert_eq!(pairs(&after), wanted);
        }
    }
}
