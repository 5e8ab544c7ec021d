//! The one filter that every way of reading messages uses (`ExpressionMessageFilter`,
//! `ExpressionForRetryMessageFilter`).

use std::sync::Arc;

use common::names::RETRY_GROUP_TOPIC_PREFIX;
use filter::tag::TagFilter;
use message::{properties, property_names, record::RecordView};
use store::{arrival::Arrival, get::MessageFilter};

use super::{ConsumerFilterData, ConsumerFilterManager};

/// Between group and topic in the retry topics of POP consumers.
const POP_RETRY_SEPARATOR: char = '+';

/// Which messages a consumer gets.
#[derive(Clone, Debug)]
pub struct ExpressionFilter(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Tags(TagFilter),
    /// `None` takes every message.
    Expression(Option<Arc<ConsumerFilterData>>),
    /// Messages of a retry topic, each by what the group subscribes to in the topic it came from.
    Retry {
        filters: Arc<ConsumerFilterManager>,
        group: String,
    },
}

impl ExpressionFilter {
    /// By the tags alone.
    pub fn by_tags(tags: TagFilter) -> Self {
        Self(Kind::Tags(tags))
    }

    /// By an expression; every message without one.
    pub(super) fn by_expression(data: Option<Arc<ConsumerFilterData>>) -> Self {
        Self(Kind::Expression(data))
    }

    /// The messages in a retry topic by the expressions of the topics they were first in.
    pub(super) fn for_retry(filters: Arc<ConsumerFilterManager>, retry_topic: &str) -> Self {
        let group = retry_topic.strip_prefix(RETRY_GROUP_TOPIC_PREFIX).unwrap_or(retry_topic);
        let of_pop = group.split_once(POP_RETRY_SEPARATOR);
        let of_pop = of_pop.filter(|(_, topic)| !topic.is_empty() && !topic.contains(POP_RETRY_SEPARATOR));
        let group = of_pop.map_or(group, |(group, _)| group);
        Self(Kind::Retry { filters, group: group.to_owned() })
    }

    /// Whether a message with these encoded properties is taken.
    pub fn matches_properties(&self, encoded: &[u8]) -> bool {
        match &self.0 {
            // Consumers compare the tags themselves again, whose hashes the queue has matched.
            Kind::Tags(_) | Kind::Expression(None) => true,
            Kind::Expression(Some(data)) => takes(data, encoded),
            Kind::Retry { filters, group } => properties::get(encoded, property_names::RETRY_TOPIC)
                .and_then(|topic| filters.get(topic, group))
                .is_none_or(|data| takes(&data, encoded)),
        }
    }

    /// Whether whoever waits for messages of this filter wants to hear of one that has arrived.
    pub fn wants(&self, arrival: &Arrival<'_>) -> bool {
        self.matches_consume_queue(arrival.tags_code) && self.matches_properties(arrival.properties)
    }
}

/// A message for which the expression has no value is not taken.
fn takes(data: &ConsumerFilterData, encoded: &[u8]) -> bool {
    data.compiled.evaluate(encoded).unwrap_or_else(|error| {
        let (topic, group) = (&data.topic, &data.consumer_group);
        tracing::debug!(topic, group, expression = data.expression, %error, "message cannot be compared");
        None
    }) == Some(true)
}

impl MessageFilter for ExpressionFilter {
    fn matches_consume_queue(&self, tags_code: i64) -> bool {
        match &self.0 {
            Kind::Tags(tags) => tags.matches(tags_code),
            Kind::Expression(_) | Kind::Retry { .. } => true,
        }
    }

    /// Bits say something about messages stored since the group has had its expression.
    fn matches_bit_map(&self, store_timestamp: i64, bit_map: &[u8]) -> bool {
        let Kind::Expression(Some(data)) = &self.0 else { return true };
        let Some(bits) = &data.bits else { return true };
        !data.was_alive_at(store_timestamp) || bits.may_be_in(bit_map)
    }

    fn matches_commit_log(&self, record: &RecordView<'_>) -> bool {
        self.matches_properties(record.properties())
    }
}
