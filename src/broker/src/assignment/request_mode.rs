//! Whether groups pull or pop (`MessageRequestModeManager`), kept in `messageRequestMode.json`:
//!
//! ```text
//! {"messageRequestModeMap":{"<topic>":{"<group>":{SetMessageRequestModeRequestBody}}}}
//! ```

use std::{collections::BTreeMap, sync::Arc};

use common::fastjson;
use parking_lot::Mutex;
use remoting::body::assignment::SetMessageRequestModeRequestBody;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::metadata::{MetadataError, MetadataStore, TableFile};

const FILE: &str = "messageRequestMode.json";
/// Pairs of topic and group the table takes.
const PAIRS_MAX: usize = 100_000;

/// The table has [`PAIRS_MAX`] pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no room for more message request modes")]
pub struct ModesFull;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Modes {
    message_request_mode_map: BTreeMap<String, BTreeMap<String, SetMessageRequestModeRequestBody>>,
}

#[derive(Debug, Default)]
struct State {
    modes: Modes,
    changes: u64,
}

/// The modes that operators have set.
#[derive(Debug)]
pub struct MessageRequestModeManager {
    state: Mutex<State>,
    file: TableFile,
}

impl MessageRequestModeManager {
    /// Reads the table.
    ///
    /// # Errors
    /// When it was written before and cannot be read.
    pub fn load(metadata: Arc<dyn MetadataStore>) -> Result<Self, MetadataError> {
        let file = TableFile::new(FILE, metadata);
        let modes: Modes = file.load(fastjson::from_str)?.unwrap_or_default();
        file.mark_written(0);
        Ok(Self { state: Mutex::new(State { modes, changes: 0 }), file })
    }

    /// How a group consumes a topic, if that was set.
    pub fn find(&self, topic: &str, group: &str) -> Option<SetMessageRequestModeRequestBody> {
        self.state.lock().modes.message_request_mode_map.get(topic)?.get(group).cloned()
    }

    /// Sets how a group consumes a topic.
    ///
    /// # Errors
    /// When the table is full.
    pub fn set(&self, mode: SetMessageRequestModeRequestBody) -> Result<(), ModesFull> {
        let mut state = self.state.lock();
        let map = &mut state.modes.message_request_mode_map;
        let is_known = map.get(&mode.topic).is_some_and(|groups| groups.contains_key(&mode.consumer_group));
        if !is_known && map.values().map(BTreeMap::len).sum::<usize>() >= PAIRS_MAX {
            return Err(ModesFull);
        }
        map.entry(mode.topic.clone()).or_default().insert(mode.consumer_group.clone(), mode);
        state.changes += 1;
        Ok(())
    }

    /// The whole, as the file has it but without line breaks.
    pub fn encode(&self) -> Vec<u8> {
        fastjson::to_vec(&self.state.lock().modes)
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            let state = self.state.lock();
            (written != Some(state.changes)).then(|| (state.changes, fastjson::to_vec_pretty(&state.modes)))
        })
    }
}

#[cfg(test)]
mod tests {
    use common::config::MessageRequestMode;

    use super::*;
    use crate::metadata::testing::memory;

    #[test]
    fn what_is_set_is_there_after_a_restart() {
        let (_, files) = memory();
        let manager = MessageRequestModeManager::load(Arc::clone(&files)).unwrap();
        assert_eq!(manager.find("T", "G"), None);
        let mode = SetMessageRequestModeRequestBody {
            consumer_group: "G".to_owned(),
            mode: MessageRequestMode::Pop,
            pop_share_queue_num: 2,
            topic: "T".to_owned(),
        };
        manager.set(mode.clone()).unwrap();
        manager.persist().unwrap();
        let text = r#"{"messageRequestModeMap":{"T":{"G":{"consumerGroup":"G","mode":"POP","popShareQueueNum":2,"topic":"T"}}}}"#;
        assert_eq!(String::from_utf8(manager.encode()).unwrap(), text);
        let again = MessageRequestModeManager::load(files).unwrap();
        assert_eq!(again.find("T", "G"), Some(mode));
    }
}
