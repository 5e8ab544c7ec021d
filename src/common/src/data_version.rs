//! The version of a replicated table (`DataVersion`): brokers send it with their configurations, and a
//! NameServer compares it to tell a change from a repetition.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// `DataVersion`: which state of a table this is.
///
/// Two tables with equal versions hold the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVersion {
    /// Number of changes so far.
    pub counter: i64,
    /// Epoch of the master that made the change; 0 outside controller mode.
    pub state_version: i64,
    /// Wall-clock milliseconds of the last change.
    pub timestamp: i64,
}

impl DataVersion {
    /// The version of a table born at `now_millis`.
    pub fn born(now_millis: i64) -> Self {
        Self { counter: 0, state_version: 0, timestamp: now_millis }
    }

    /// Records a change at `now_millis`.
    pub fn advance(&mut self, now_millis: i64) {
        self.timestamp = now_millis;
        self.counter += 1;
    }

    /// Which of two versions is newer: by state version, then counter, then time.
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.state_version, self.counter, self.timestamp).cmp(&(
            other.state_version,
            other.counter,
            other.timestamp,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_in_javas_field_order() {
        let version = DataVersion { counter: 2, state_version: 0, timestamp: 7 };
        assert_eq!(
            serde_json::to_string(&version).unwrap(),
            r#"{"counter":2,"stateVersion":0,"timestamp":7}"#
        );
    }

    #[test]
    fn state_version_outranks_counter() {
        let old = DataVersion { counter: 9, state_version: 1, timestamp: 9 };
        let new = DataVersion { counter: 0, state_version: 2, timestamp: 0 };
        assert_eq!(new.compare(&old), Ordering::Greater);
    }
}
