//! Light queues (LMQ): a message of any topic may name queues it is in besides its own.
//!
//! Their names begin with `%LMQ%`, each has one queue, 0, and nothing but units that point to the records of
//! the topics the messages were sent to. Two properties of a record tell of them:
//!
//! ```text
//! INNER_MULTI_DISPATCH      %LMQ%a,%LMQ%b    named by the producer
//! INNER_MULTI_QUEUE_OFFSET  17,4             the queue offsets in them, given under the append lock
//! ```
//!
//! A name that is none of a light queue has nothing for an offset.

use common::names::{RETRY_GROUP_TOPIC_PREFIX, SCHEDULE_TOPIC, SYSTEM_TOPIC_PREFIX, is_lmq};
use message::{properties, property_names};

/// The one queue of a light topic, RocketMQ's `LMQ_QUEUE_ID`.
pub(crate) const LIGHT_QUEUE_ID: i32 = 0;
/// Between names as between offsets, RocketMQ's `LMQ_DISPATCH_SEPARATOR`.
const SEPARATOR: char = ',';
/// The longest name a directory can have.
const MAX_NAME_BYTES: usize = 255;

/// The names a message of `topic` gives, light queues or not; none where they do not count
/// (`MixAll.topicAllowsLMQ`).
pub(crate) fn names<'a>(topic: &str, properties: &'a [u8]) -> impl Iterator<Item = &'a str> {
    let counts = !topic.starts_with(RETRY_GROUP_TOPIC_PREFIX)
        && !topic.starts_with(SYSTEM_TOPIC_PREFIX)
        && topic != SCHEDULE_TOPIC;
    let named = if counts { properties::get(properties, property_names::INNER_MULTI_DISPATCH) } else { None };
    named.into_iter().flat_map(|names| names.split(SEPARATOR))
}

/// Whether a queue can have this name.
pub(crate) fn is_light(name: &str) -> bool {
    is_lmq(name) && name.len() <= MAX_NAME_BYTES && !name.contains(['/', '\0'])
}

/// The light queues a stored message of `topic` is in, with its queue offset in each.
pub(crate) fn places<'a>(topic: &str, properties: &'a [u8]) -> impl Iterator<Item = (&'a str, i64)> {
    let offsets = properties::get(properties, property_names::INNER_MULTI_QUEUE_OFFSET).unwrap_or_default();
    names(topic, properties)
        .zip(offsets.split(SEPARATOR))
        .filter(|(name, _)| is_light(name))
        .filter_map(|(name, offset)| Some((name, offset.parse().ok()?)))
}

/// `INNER_MULTI_QUEUE_OFFSET` of these offsets, in the order of the names.
pub(crate) fn joined(offsets: impl Iterator<Item = Option<i64>>) -> String {
    let offsets: Vec<String> =
        offsets.map(|offset| offset.map_or_else(String::new, |o| o.to_string())).collect();
    offsets.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(topic: &str, properties: &str) -> Vec<(String, i64)> {
        places(topic, properties.as_bytes()).map(|(name, offset)| (name.to_owned(), offset)).collect()
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        let names_of = |names: &str| format!("INNER_MULTI_DISPATCH\u{1}{names}\u{2}");
        let with = |names: &str, offsets: &str| {
            format!("{}INNER_MULTI_QUEUE_OFFSET\u{1}{offsets}\u{2}", names_of(names))
        };
        assert_eq!(found("T", &with("%LMQ%a,%LMQ%b", "17,4")), [("%LMQ%a".into(), 17), ("%LMQ%b".into(), 4)]);
        // A name that is no light queue has no offset.
        assert_eq!(joined([None, Some(3), None].into_iter()), ",3,");
        assert_eq!(found("T", &with("x,%LMQ%a,y", ",3,")), [("%LMQ%a".into(), 3)]);
        assert_eq!(found("T", &with("%LMQ%../a,%LMQ%b", "1,2")), [("%LMQ%b".into(), 2)]);
        assert_eq!(found("T", &with("%LMQ%a", "x")), []);
        assert_eq!(found("T", &names_of("%LMQ%a")), []);
        for topic in ["%RETRY%g", "rmq_sys_wheel_timer", "SCHEDULE_TOPIC_XXXX"] {
            assert_eq!(found(topic, &with("%LMQ%a", "1")), []);
        }
    }
}
