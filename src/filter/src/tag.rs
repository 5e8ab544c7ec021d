//! Tag expressions: `*`, or tags separated by `||` (`FilterAPI`).

use std::collections::BTreeSet;

use message::hash::string_hash_code;
use thiserror::Error;

/// The expression that takes every message.
pub const SUB_ALL: &str = "*";

/// Why a text is no tag expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TagExpressionError {
    /// Nothing but separators; the text is RocketMQ's.
    #[error("subString split error")]
    Empty,
}

/// A tag expression taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagExpression {
    /// The text as it was written; [`SUB_ALL`] for no text.
    pub text: String,
    /// The tags; empty when every message is taken.
    pub tags: BTreeSet<String>,
    /// The hashes of the tags.
    pub codes: BTreeSet<i32>,
}

impl TagExpression {
    /// Reads an expression (`FilterAPI.buildSubscriptionData`).
    ///
    /// Blanks around a tag and empty tags are dropped; no text at all takes every message.
    pub fn parse(text: &str) -> Result<Self, TagExpressionError> {
        if text.is_empty() || text == SUB_ALL {
            return Ok(Self { text: SUB_ALL.to_owned(), tags: BTreeSet::new(), codes: BTreeSet::new() });
        }
        // Java drops empty parts at the end before it looks whether any is left; a blank one counts.
        if text.split("||").all(str::is_empty) {
            return Err(TagExpressionError::Empty);
        }
        let tags: BTreeSet<String> =
            text.split("||").map(trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        let codes = tags.iter().map(|tag| string_hash_code(tag)).collect();
        Ok(Self { text: text.to_owned(), tags, codes })
    }

    /// The filter of this expression.
    pub fn filter(&self) -> TagFilter {
        TagFilter::new(&self.text, self.codes.iter().copied())
    }
}

/// Java's `String.trim`: everything up to the blank counts as one.
fn trim(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Matches messages by the hash of their tags alone.
///
/// Two tags may share a hash: consumers compare the tags themselves again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFilter {
    /// Takes every message.
    All,
    /// Takes messages whose tags code is among these, which are in ascending order.
    Codes(Box<[i32]>),
}

impl TagFilter {
    /// The filter of a subscription with that `subString` and those codes.
    pub fn new(sub_string: &str, codes: impl IntoIterator<Item = i32>) -> Self {
        if sub_string == SUB_ALL {
            return Self::All;
        }
        let mut codes: Vec<i32> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        Self::Codes(codes.into_boxed_slice())
    }

    /// Whether a message with that tags code may be wanted.
    ///
    /// The code is the eight bytes of the `ConsumeQueue` unit, of which the lower half is compared, as
    /// in RocketMQ.
    pub fn matches(&self, tags_code: i64) -> bool {
        match self {
            Self::All => true,
            Self::Codes(codes) => match &**codes {
                [] => false,
                [code] => *code == tags_code as i32,
                codes => codes.binary_search(&(tags_code as i32)).is_ok(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_trimmed_and_hashed() {
        let expression = TagExpression::parse(" a || b||TagA |||| ").unwrap();
        assert_eq!(expression.text, " a || b||TagA |||| ");
        assert_eq!(expression.tags, ["TagA", "a", "b"].map(str::to_owned).into());
        assert_eq!(expression.codes, [97, 98, 2_598_919].into());
    }

    #[test]
    fn everything_is_a_star_or_nothing() {
        for text in ["", "*"] {
            let expression = TagExpression::parse(text).unwrap();
            assert_eq!(expression.text, "*");
            assert_eq!(expression.filter(), TagFilter::All);
            assert!(expression.filter().matches(i64::MIN));
        }
    }

    #[test]
    fn separators_alone_are_refused_and_blanks_match_nothing() {
        assert_eq!(TagExpression::parse("||"), Err(TagExpressionError::Empty));
        assert_eq!(TagExpression::parse("||||"), Err(TagExpressionError::Empty));
        let blank = TagExpression::parse("|| ||").unwrap();
        assert!(blank.tags.is_empty());
        assert!(!blank.filter().matches(0));
    }

    #[test]
    fn codes_are_compared_by_their_lower_half() {
        let filter = TagExpression::parse("a||polygenelubricants").unwrap().filter();
        assert!(filter.matches(97));
        assert!(filter.matches(i64::from(i32::MIN)));
        assert!(filter.matches((1 << 40) + 97));
        assert!(!filter.matches(98));
        let one = TagExpression::parse("a").unwrap().filter();
        assert!(one.matches(97) && !one.matches(0));
    }
}
