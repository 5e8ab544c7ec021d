//! Which kind of queues topics have, as the broker's `topics.json` says: recovery makes queues before there is
//! a broker to ask.

use std::{path::Path, sync::Arc};

use common::fastjson;
use runtime::clock::Clock;
use serde_json::Value;

use crate::{
    compaction::CompactedTopics,
    config_files::ConfigFiles,
    consume_queue::{QueueKind, QueueKinds},
    error::OpenError,
    fs::FileSystem,
};

/// The broker's file of topics, in the configuration directory.
pub(crate) const TOPICS_FILE: &str = "topics.json";

/// Reads from the configuration directory which kinds topics have, and which of them are compacted; without the file all
/// are simple, and none is compacted.
pub(crate) fn load(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    config_dir: &Path,
) -> Result<(QueueKinds, CompactedTopics), OpenError> {
    let (kinds, compacted) = (QueueKinds::default(), CompactedTopics::default());
    if fs.exists(config_dir) {
        let files = ConfigFiles::open(Arc::clone(fs), Arc::clone(clock), config_dir)?;
        let parse = |text: &str| fastjson::from_str::<Value>(text).map_err(|error| error.to_string());
        let topics = files.load_with(TOPICS_FILE, parse)?.unwrap_or_default();
        for topic in batch_topics(&topics) {
            kinds.set(topic, QueueKind::Batch);
        }
        for topic in compacted_topics(&topics) {
            // Both together lose messages in RocketMQ: here they are ordinary batch queues.
            compacted.set(topic, kinds.of(topic) == QueueKind::Simple);
        }
    }
    Ok((kinds, compacted))
}

/// The topics with batch queues among those of a `topics.json`.
pub(crate) fn batch_topics(topics: &Value) -> impl Iterator<Item = &str> {
    with_attribute(topics, "queue.type", "BatchCQ")
}

/// The compacted topics among those of a `topics.json`.
pub(crate) fn compacted_topics(topics: &Value) -> impl Iterator<Item = &str> {
    with_attribute(topics, "cleanup.policy", "COMPACTION")
}

fn with_attribute<'a>(topics: &'a Value, key: &'a str, value: &'a str) -> impl Iterator<Item = &'a str> {
    let table = topics.get("topicConfigTable").and_then(Value::as_object);
    let has_it = move |topic: &Value| {
        let attribute = topic.get("attributes").and_then(|attributes| attributes.get(key));
        attribute.and_then(Value::as_str) == Some(value)
    };
    table.into_iter().flatten().filter(move |(_, topic)| has_it(topic)).map(|(name, _)| name.as_str())
}
