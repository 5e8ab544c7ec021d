use proptest::prelude::*;

use super::*;

fn pairs(text: &str) -> Vec<(usize, String, String)> {
    let properties = Properties::parse(text.as_bytes()).unwrap();
    properties.entries.into_iter().map(|entry| (entry.line, entry.key, entry.value)).collect()
}

fn one(text: &str) -> (String, String) {
    let mut all = pairs(text);
    assert_eq!(all.len(), 1, "{all:?}");
    let (_, key, value) = all.remove(0);
    (key, value)
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn separators_and_blanks() {
    for text in ["a=b", "a = b", "a:b", "a : b", "a b", "  a\t=\u{c}b", "a\tb", "a   =b"] {
        assert_eq!(one(text), pair("a", "b"), "{text:?}");
    }
    assert_eq!(one("a==b"), pair("a", "=b"));
    assert_eq!(one("a = b "), pair("a", "b "));
    assert_eq!(one("a"), pair("a", ""));
    assert_eq!(one("a="), pair("a", ""));
    assert_eq!(one("=b"), pair("", "b"));
    assert_eq!(one("a b = c"), pair("a", "b = c"));
}

#[test]
fn comments_blank_lines_and_line_numbers() {
    let text = "# one\n\n! two\r\na=1\r  # three\r\nb=2 # not a comment\n";
    assert_eq!(pairs(text), [(4, "a".into(), "1".into()), (6, "b".into(), "2 # not a comment".into())]);
}

#[test]
fn continuation() {
    assert_eq!(one("a=1,\\\n   2,\\\r\n\t3"), pair("a", "1,2,3"));
    assert_eq!(one("a=1\\\\\n"), pair("a", "1\\"));
    assert_eq!(one("a=1\\"), pair("a", "1"));
    assert_eq!(one("a=1\\\n#2"), pair("a", "1#2"));
    assert_eq!(pairs("a=1\\\n\nb=2"), [(1, "a".into(), "1".into()), (3, "b".into(), "2".into())]);
    assert_eq!(pairs("# c\\\na=1"), [(2, "a".into(), "1".into())]);
    assert_eq!(pairs("\\\n\\\na=1"), [(3, "a".into(), "1".into())]);
}

#[test]
fn escapes() {
    assert_eq!(one("a\\ b\\=c = x\\ty\\n\\:\\q\\\\"), pair("a b=c", "x\ty\n:q\\"));
    assert_eq!(one("k=\\u00e9\\uD83D\\ude00"), pair("k", "é😀"));
    assert_eq!(Properties::parse(b"ok=1\nk=\\u12").unwrap_err(), PropertiesError { line: 2 });
    assert_eq!(Properties::parse(b"k=\\u12g4").unwrap_err(), PropertiesError { line: 1 });
}

#[test]
fn utf8_and_latin1() {
    assert_eq!(Properties::parse("k=é".as_bytes()).unwrap().get("k"), Some("é"));
    assert_eq!(Properties::parse(b"k=\xe9").unwrap().get("k"), Some("é"));
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let properties = Properties::parse(b"a=1\nb=2\na=3\n").unwrap();
    assert_eq!(properties.get("a"), Some("3"));
    assert_eq!(properties.entries().len(), 3);
    let effective: Vec<_> = properties.effective().map(|entry| (entry.line, entry.key.as_str())).collect();
    assert_eq!(effective, [(2, "b"), (3, "a")]);
}

#[test]
fn dump_is_plain_lines() {
    assert_eq!(to_text([("a", "1"), ("b", "x=y")]), "a=1\nb=x=y\n");
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Properties::parse(&bytes);
    }

    #[test]
    fn never_panics_on_syntax(text in r"[ab =:#!\\\n\rtu0é]{0,40}") {
        let _ = Properties::parse(text.as_bytes());
    }

    #[test]
    fn dumps_read_back(pairs in prop::collection::btree_map("[a-zA-Z]{1,8}", "[!-\\[\\]-~é][ -\\[\\]-~é]{0,8}", 0..8)) {
        let properties = Properties::parse(to_text(&pairs).as_bytes()).unwrap();
        for (key, value) in &pairs {
            prop_assert_eq!(properties.get(key), Some(value.as_str()));
        }
    }
}
