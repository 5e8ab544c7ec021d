//! What a group subscribes to in a topic, if that is an expression over properties (`ConsumerFilterData`).

use std::sync::Arc;

use filter::{bloom::BloomBits, sql::SqlExpression};

/// The expression of a group, compiled. Never changed: what changes is replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerFilterData {
    /// The group.
    pub consumer_group: String,
    /// The topic.
    pub topic: String,
    /// The expression as it was written.
    pub expression: String,
    /// Its language, `SQL92`.
    pub expression_type: String,
    /// What the text means.
    pub compiled: Arc<SqlExpression>,
    /// Wall-clock milliseconds of its registration: messages stored before have no bits of it.
    pub born_millis: i64,
    /// Wall-clock milliseconds at which the group stopped subscribing; 0 while it does.
    pub dead_millis: i64,
    /// Its bits in the extension of a `ConsumeQueue`; none for an expression that came with a pull.
    pub bits: Option<BloomBits>,
    /// Version of the subscription, larger for a later one.
    pub client_version: i64,
}

impl ConsumerFilterData {
    /// Whether nobody subscribes with it any more.
    pub fn is_dead(&self) -> bool {
        self.dead_millis >= self.born_millis
    }

    /// Whether the bits of a message stored then say something about this group.
    pub fn was_alive_at(&self, store_millis: i64) -> bool {
        store_millis > self.born_millis
    }
}
