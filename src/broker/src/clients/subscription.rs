//! A subscription with its filter ready: parsed once, matched for every message.

use std::collections::BTreeSet;

use filter::tag::{TagExpression, TagExpressionError, TagFilter};
use remoting::body::heartbeat::{EXPRESSION_TYPE_TAG, SubscriptionData};
use thiserror::Error;

/// Why a subscription in a request cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubscriptionError {
    /// The tag expression is none: RocketMQ's answer is `SUBSCRIPTION_PARSE_FAILED`.
    #[error(transparent)]
    Tag(#[from] TagExpressionError),
    /// An expression of a type other than tags, and empty: RocketMQ's answer is the same.
    #[error("Expression can't be null! {0}")]
    EmptyExpression(String),
}

/// What a group subscribes to in one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// As it travels.
    pub data: SubscriptionData,
    /// `None` when it filters by something other than tags.
    tags: Option<TagFilter>,
}

impl From<SubscriptionData> for Subscription {
    /// A subscription as a heartbeat brings it: the codes in it, not its text, choose messages.
    fn from(data: SubscriptionData) -> Self {
        let tags = match (data.is_tag_type(), data.class_filter_mode) {
            (true, false) => Some(TagFilter::new(&data.sub_string, data.code_set.iter().copied())),
            (_, true) => Some(TagFilter::All),
            (false, false) => None,
        };
        Self { data, tags }
    }
}

impl Subscription {
    /// The subscription a pull request carries (`FilterAPI.build`).
    ///
    /// An expression over properties is taken as it is: whether it can be read shows when it is compiled.
    ///
    /// # Errors
    /// When a tag expression cannot be read, or there is none of another type.
    pub fn parse(
        topic: &str,
        expression: &str,
        expression_type: Option<&str>,
        sub_version: i64,
    ) -> Result<Self, SubscriptionError> {
        // Only a type that is not there means tags here; RocketMQ takes an empty one for another type,
        // keeps the text as it is, and then filters by the codes of no tag.
        match expression_type {
            None | Some(EXPRESSION_TYPE_TAG) => {}
            Some(other) if expression.is_empty() => {
                return Err(SubscriptionError::EmptyExpression(other.to_owned()));
            }
            Some(_) => {
                return Ok(Self::from(SubscriptionData {
                    expression_type: expression_type.map(str::to_owned),
                    sub_string: expression.to_owned(),
                    sub_version,
                    topic: topic.to_owned(),
                    ..SubscriptionData::default()
                }));
            }
        }
        let TagExpression { text, tags, codes } = TagExpression::parse(expression)?;
        Ok(Self::from(SubscriptionData {
            class_filter_mode: false,
            code_set: codes,
            expression_type: Some(EXPRESSION_TYPE_TAG.to_owned()),
            sub_string: text,
            sub_version,
            tags_set: tags,
            topic: topic.to_owned(),
        }))
    }

    /// A subscription to every message of a topic.
    pub fn all(topic: &str, sub_version: i64) -> Self {
        Self::from(SubscriptionData {
            code_set: BTreeSet::new(),
            sub_string: filter::tag::SUB_ALL.to_owned(),
            sub_version,
            topic: topic.to_owned(),
            ..SubscriptionData::default()
        })
    }

    /// The filter over tags codes; `None` for a subscription that is not about tags.
    pub fn tags(&self) -> Option<&TagFilter> {
        self.tags.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_subscription_is_what_a_client_would_send() {
        let parsed = Subscription::parse("T", "a || b", None, 7).unwrap();
        assert_eq!(parsed.data.code_set, [97, 98].into());
        assert_eq!(parsed.data.sub_string, "a || b");
        assert_eq!(parsed, Subscription::from(parsed.data.clone()));
        assert!(parsed.tags().unwrap().matches(97));
        assert!(!parsed.tags().unwrap().matches(99));
        assert!(Subscription::parse("T", "", Some("TAG"), 0).unwrap().tags().unwrap().matches(99));
    }

    #[test]
    fn expressions_over_properties_are_kept_as_they_are() {
        let parsed = Subscription::parse("T", "a > 5", Some("SQL92"), 3).unwrap();
        assert!(parsed.tags().is_none());
        assert_eq!((&*parsed.data.sub_string, parsed.data.sub_version), ("a > 5", 3));
        let error = Subscription::parse("T", "", Some("SQL92"), 0).unwrap_err();
        assert_eq!(error.to_string(), "Expression can't be null! SQL92");
        assert!(matches!(Subscription::parse("T", "||", None, 0), Err(SubscriptionError::Tag(_))));
    }

    #[test]
    fn the_codes_of_a_heartbeat_outrank_its_text() {
        let data = SubscriptionData {
            code_set: [5].into(),
            sub_string: "a".to_owned(),
            ..SubscriptionData::default()
        };
        let subscription = Subscription::from(data);
        assert!(subscription.tags().unwrap().matches(5));
        assert!(!subscription.tags().unwrap().matches(97));
    }
}
