//! Which messages a subscription takes: tag expressions, matched by the hashes `ConsumeQueue` units hold, and
//! SQL92 expressions over the properties of messages.
//!
//! Lives here: parsing an expression once and matching it often. May not live here: I/O, and what a
//! subscription is on the wire.

pub mod bloom;
pub mod sql;
pub mod tag;

use thiserror::Error;

/// The expression type of tags.
pub const TAG: &str = "TAG";
/// The expression type of expressions over properties.
pub const SQL92: &str = "SQL92";

/// An expression type this broker cannot filter by; the text is RocketMQ's remark.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("The broker does not support consumer to filter message by {0}")]
pub struct UnsupportedExpression(pub String);

/// Whether tags choose the messages (`ExpressionType.isTagType`): so it is where nothing is named.
pub fn is_tag_type(expression_type: Option<&str>) -> bool {
    matches!(expression_type, None | Some("" | TAG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_named_means_tags() {
        assert!([None, Some(""), Some("TAG")].into_iter().all(is_tag_type));
        assert!([Some("SQL92"), Some("tag"), Some(" ")].into_iter().all(|kind| !is_tag_type(kind)));
    }
}
