//! The words of an expression, as RocketMQ's token manager cuts them.
//!
//! Cut one at a time and no further than the parser looks: what stands behind the end of an expression is
//! never read, in RocketMQ neither.

use super::ParseError;

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Not,
    And,
    Or,
    Between,
    In,
    True,
    False,
    Null,
    Is,
    Contains,
    StartsWith,
    EndsWith,
    /// An integer, perhaps with an `L` behind it.
    Decimal(&'a str),
    Float(&'a str),
    /// A string with its quotes.
    Text(&'a str),
    Name(&'a str),
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Open,
    Close,
    Comma,
    Plus,
    Minus,
    /// There is no more.
    End,
}

/// A word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    /// First byte.
    pub(super) start: usize,
    /// Byte behind the last.
    pub(super) end: usize,
}

const KEYWORDS: [(&str, Token<'static>); 12] = [
    ("NOT", Token::Not),
    ("AND", Token::And),
    ("OR", Token::Or),
    ("BETWEEN", Token::Between),
    ("IN", Token::In),
    ("TRUE", Token::True),
    ("FALSE", Token::False),
    ("NULL", Token::Null),
    ("IS", Token::Is),
    ("CONTAINS", Token::Contains),
    ("STARTSWITH", Token::StartsWith),
    ("ENDSWITH", Token::EndsWith),
];

/// Longest first, where one begins with the other.
const SIGNS: [(&str, Token<'static>); 11] = [
    ("<>", Token::NotEqual),
    (">=", Token::GreaterEqual),
    ("<=", Token::LessEqual),
    (">", Token::Greater),
    ("<", Token::Less),
    ("=", Token::Equal),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    ("+", Token::Plus),
    ("-", Token::Minus),
];

/// The word that begins at `at` or behind blanks and comments there.
pub(super) fn token_at(text: &str, at: usize) -> Result<Placed<'_>, ParseError> {
    let start = skip_blanks(text, at);
    let rest = text.get(start..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(Placed { token: Token::End, start, end: start });
    }
    let (token, len) = sign(rest)
        .or_else(|| number(rest))
        .or_else(|| quoted(rest))
        .or_else(|| word(rest))
        .ok_or_else(|| ParseError::lexical(text, start))?;
    Ok(Placed { token, start, end: start + len })
}

fn skip_blanks(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let bare = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        let skipped = rest.len() - bare.len() + comment(bare).unwrap_or(0);
        if skipped == 0 {
            return at;
        }
        at += skipped;
    }
}

/// Bytes of the comment a text begins with. A comment to the end of the line needs that end: without one the
/// dashes are signs.
fn comment(text: &str) -> Option<usize> {
    if let Some(rest) = text.strip_prefix("--") {
        return rest.find(['\n', '\r']).map(|end| 2 + end + 1);
    }
    let rest = text.strip_prefix("/*")?;
    rest.find("*/").map(|end| 2 + end + 2)
}

fn sign(text: &str) -> Option<(Token<'_>, usize)> {
    SIGNS.iter().find(|(sign, _)| text.starts_with(sign)).map(|(sign, token)| (*token, sign.len()))
}

fn number(text: &str) -> Option<(Token<'_>, usize)> {
    let decimal = decimal_len(text);
    let float = float_len(text);
    if let Some(len) = float.filter(|len| decimal.is_none_or(|decimal| *len > decimal)) {
        return Some((Token::Float(text.get(..len)?), len));
    }
    let len = decimal?;
    Some((Token::Decimal(text.get(..len)?), len))
}

fn digits_len(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `0`, or digits that do not begin with it and perhaps an `L`.
fn decimal_len(text: &str) -> Option<usize> {
    match digits_len(text) {
        0 => None,
        _ if text.starts_with('0') => Some(1),
        digits if text.get(digits..).is_some_and(|rest| rest.starts_with(['l', 'L'])) => Some(digits + 1),
        digits => Some(digits),
    }
}

/// Digits with a point in or beside them, or with an exponent, or with both.
fn float_len(text: &str) -> Option<usize> {
    let whole = digits_len(text);
    let rest = text.get(whole..)?;
    let Some(fraction) = rest.strip_prefix('.') else {
        return exponent_len(rest).filter(|_| whole > 0).map(|len| whole + len);
    };
    let digits = digits_len(fraction);
    if whole + digits == 0 {
        return None;
    }
    Some(whole + 1 + digits + fraction.get(digits..).and_then(exponent_len).unwrap_or(0))
}

fn exponent_len(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let digits = digits_len(unsigned);
    (digits > 0).then(|| text.len() - unsigned.len() + digits)
}

/// A string: two quotes inside stand for one.
fn quoted(text: &str) -> Option<(Token<'_>, usize)> {
    let mut end = None;
    let mut at = text.strip_prefix('\'').map(|_| 1)?;
    while let Some(quote) = text.get(at..).and_then(|rest| rest.find('\'')) {
        let behind = at + quote + 1;
        end = Some(behind);
        if !text.get(behind..)?.starts_with('\'') {
            break;
        }
        // A text that ends before it is closed again ended at the first of the two.
        at = behind + 1;
    }
    let end = end?;
    Some((Token::Text(text.get(..end)?), end))
}

fn word(text: &str) -> Option<(Token<'_>, usize)> {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    text.bytes().next().filter(is_letter)?;
    let len = text.bytes().take_while(|byte| is_letter(byte) || byte.is_ascii_digit()).count();
    let word = text.get(..len)?;
    let keyword = KEYWORDS.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(word));
    Some((keyword.map_or(Token::Name(word), |(_, token)| *token), len))
}

/// What stands between the quotes of a string.
pub(super) fn unquoted(quoted: &str) -> String {
    let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or_default();
    inner.replace("''", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut at = 0;
        let mut found = Vec::new();
        loop {
            let placed = token_at(text, at).unwrap();
            if placed.token == Token::End {
                return found;
            }
            at = placed.end;
            found.push(placed.token);
        }
    }

    #[test]
    fn numbers_are_cut_as_in_rocketmq() {
        use Token::{Decimal, Float, Name};
        assert_eq!(
            tokens("0 10 10L 0L"),
            [Decimal("0"), Decimal("10"), Decimal("10L"), Decimal("0"), Name("L")]
        );
        assert_eq!(tokens("007"), [Decimal("0"), Decimal("0"), Decimal("7")]);
        assert_eq!(tokens("5. .5 5e3 00.5 1.e-2"), ["5.", ".5", "5e3", "00.5", "1.e-2"].map(Float));
        assert_eq!(tokens("1e 5.5f"), [Decimal("1"), Name("e"), Float("5.5"), Name("f")]);
        assert!(token_at(".", 0).is_err());
    }

    #[test]
    fn strings_double_their_quotes() {
        assert_eq!(tokens("'it''s'"), [Token::Text("'it''s'")]);
        assert_eq!(unquoted("'it''s'"), "it's");
        assert_eq!(unquoted("''"), "");
        assert!(token_at("'abc", 0).is_err());
        assert_eq!(token_at("'abc''", 0).unwrap().token, Token::Text("'abc'"));
    }

    #[test]
    fn comments_are_skipped_where_they_end() {
        assert_eq!(tokens("a -- b\n/* c ** */ d"), [Token::Name("a"), Token::Name("d")]);
        assert_eq!(tokens("--5"), [Token::Minus, Token::Minus, Token::Decimal("5")]);
        assert!(token_at("/* never closed", 0).is_err());
    }

    #[test]
    fn keywords_have_no_case() {
        assert_eq!(tokens("nOt Isx $a_1"), [Token::Not, Token::Name("Isx"), Token::Name("$a_1")]);
    }
}
