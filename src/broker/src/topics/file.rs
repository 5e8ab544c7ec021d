//! The text of `topics.json`:
//!
//! ```text
//! {"topicConfigTable":{"<topic>":{TopicConfig},...},"dataVersion":{...}}
//! ```
//!
//! RocketMQ writes the two members the other way round and reads them in any order. Here the table is followed by
//! little that changes, so that a topic more is written at the end of the file, however many there are.

use std::{collections::BTreeMap, sync::Arc};

use common::{
    data_version::DataVersion,
    fastjson::{self, FastjsonError},
    topic::TopicConfig,
};
use serde::{Deserialize, Serialize};

use crate::metadata::TableText;

/// What it begins with, before the first topic.
const TABLE_HEAD: &str = "{\n\t\"topicConfigTable\":{";
/// What stands behind the last one; no name holds a line break.
pub(super) const TABLE_END: &str = "\n\t},\n\t\"dataVersion\":";

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TopicsFile {
    pub(super) topic_config_table: BTreeMap<String, Arc<TopicConfig>>,
    pub(super) data_version: DataVersion,
}

impl TopicsFile {
    pub(super) fn new(
        topic_config_table: BTreeMap<String, Arc<TopicConfig>>,
        data_version: DataVersion,
    ) -> Self {
        Self { topic_config_table, data_version }
    }

    pub(super) fn parse(text: &str) -> Result<Self, FastjsonError> {
        fastjson::from_str(text)
    }

    pub(super) fn text(&self) -> TableText {
        TableText::of(self, TABLE_HEAD, TABLE_END)
    }
}
