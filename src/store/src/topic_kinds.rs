//! Which kind of queues topics have, as the broker's `topics.json` says: recovery makes queues before there is
//! a broker to ask.

use std::{path::Path, sync::Arc};

use common::fastjson;
use runtime::clock::Clock;
use serde_json::Value;

use crate::{
    config_files::ConfigFiles,
    consume_queue::{QueueKind, QueueKinds},
    error::OpenError,
    fs::FileSystem,
};

/// The broker's file of topics, in the configuration directory.
pub(crate) const TOPICS_FILE: &str = "topics.json";

/// Reads the kinds from the configuration directory; without the file all are simple.
pub(crate) fn load(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    config_dir: &Path,
) -> Result<QueueKinds, OpenError> {
    let kinds = QueueKinds::default();
    if fs.exists(config_dir) {
        let files = ConfigFiles::open(Arc::clone(fs), Arc::clone(clock), config_dir)?;
        let parse = |text: &str| fastjson::from_str::<Value>(text).map_err(|error| error.to_string());
        let topics = files.load_with(TOPICS_FILE, parse)?.unwrap_or_default();
        for topic in batch_topics(&topics) {
            kinds.set(topic, QueueKind::Batch);
        }
    }
    Ok(kinds)
}

/// The topics with batch queues among those of a `topics.json`.
pub(crate) fn batch_topics(topics: &Value) -> impl Iterator<Item = &str> {
    let table = topics.get("topicConfigTable").and_then(Value::as_object);
    let queue_type = |topic: &Value| topic.get("attributes")?.get("queue.type")?.as_str().map(str::to_owned);
    let is_batch = move |topic: &Value| queue_type(topic).is_some_and(|kind| kind == "BatchCQ");
    table.into_iter().flatten().filter(move |(_, topic)| is_batch(topic)).map(|(name, _)| name.as_str())
}
