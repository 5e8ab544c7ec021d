//! Up to which queue offset queues are compacted, RocketMQ's `CompactionPositionMgr`.
//!
//! Invariant: messages up to there have different keys. A position that is too low costs work and nothing else.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use common::fastjson;
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::{
    config_files::{ConfigFileError, ConfigFiles},
    fs::FileSystem,
};

const FILE_NAME: &str = "position-checkpoint";

/// Java's JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    /// By topic and queue id, joined by `_`.
    queue_offset_map: BTreeMap<String, i64>,
}

/// The positions of all queues.
#[derive(Debug)]
pub(super) struct Positions {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    content: Mutex<Content>,
}

impl Positions {
    /// Reads the file in a directory that need not be there.
    pub(super) fn load(
        fs: &Arc<dyn FileSystem>,
        clock: &Arc<dyn Clock>,
        dir: PathBuf,
    ) -> Result<Self, ConfigFileError> {
        let positions = Self { fs: Arc::clone(fs), clock: Arc::clone(clock), dir, content: Mutex::default() };
        if fs.exists(&positions.dir) {
            let parse = |text: &str| fastjson::from_str(text).map_err(|error| error.to_string());
            *positions.content.lock() = positions.files()?.load_with(FILE_NAME, parse)?.unwrap_or_default();
        }
        Ok(positions)
    }

    /// That of a queue; -1 while it was never compacted.
    pub(super) fn get(&self, topic: &str, queue_id: i32) -> i64 {
        self.content.lock().queue_offset_map.get(&name(topic, queue_id)).copied().unwrap_or(-1)
    }

    /// Changes that of a queue, durably.
    pub(super) fn set(&self, topic: &str, queue_id: i32, position: i64) -> Result<(), ConfigFileError> {
        let mut content = self.content.lock();
        content.queue_offset_map.insert(name(topic, queue_id), position);
        self.save(&content)
    }

    /// Forgets those of some queues of a topic.
    pub(super) fn remove(&self, topic: &str, queue_ids: &[i32]) -> Result<(), ConfigFileError> {
        let mut content = self.content.lock();
        let before = content.queue_offset_map.len();
        for queue_id in queue_ids {
            content.queue_offset_map.remove(&name(topic, *queue_id));
        }
        if content.queue_offset_map.len() == before { Ok(()) } else { self.save(&content) }
    }

    fn save(&self, content: &Content) -> Result<(), ConfigFileError> {
        let json = serde_json::to_string_pretty(content);
        let json =
            json.map_err(|error| ConfigFileError::Io { path: self.dir.clone(), error: error.into() })?;
        self.files()?.save(FILE_NAME, &json)
    }

    fn files(&self) -> Result<ConfigFiles, ConfigFileError> {
        ConfigFiles::open(Arc::clone(&self.fs), Arc::clone(&self.clock), &self.dir)
    }
}

fn name(topic: &str, queue_id: i32) -> String {
    format!("{topic}_{queue_id}")
}
