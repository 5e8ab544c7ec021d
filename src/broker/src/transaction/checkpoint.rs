//! What a start need not find out again: `transactionCheckpoint.json`, a file of our own that Java's broker does not know.
//!
//! ```text
//! {"commitsRecordedUntil":<physical offset>,"checkTimes":[[<half offset>,<times>],…]}
//! ```
//!
//! Final messages below the mark have op messages. `checkTimes` are runs: pending half messages from that offset on, up to
//! that of the next run, were checked so often. Half messages are checked in their order, so that there are few runs.
//! Either may be too old: then more is read, and some messages are checked more often.

use serde::{Deserialize, Serialize};

use super::table::Pending;

/// Name of the file.
pub(super) const FILE: &str = "transactionCheckpoint.json";
/// Most runs that are kept; those of the newest half messages are left out.
const RUNS_MAX: usize = 10_000;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TransactionCheckpoint {
    pub(super) commits_recorded_until: i64,
    check_times: Vec<(i64, i32)>,
}

impl TransactionCheckpoint {
    /// Takes over how often pending half messages were checked; they come in the order of their offsets, all of them
    /// below `end`.
    pub(super) fn set_check_times(&mut self, pending: impl Iterator<Item = (i64, Pending)>, end: i64) {
        let mut runs: Vec<(i64, i32)> = Vec::new();
        for (half_offset, pending) in pending {
            let before = runs.last().map_or(0, |(_, times)| *times);
            if pending.check_times == before {
                continue;
            }
            if runs.len() == RUNS_MAX {
                runs.push((half_offset, 0));
                break;
            }
            runs.push((half_offset, pending.check_times));
        }
        if runs.last().is_some_and(|(_, times)| *times != 0) {
            runs.push((end, 0));
        }
        self.check_times = runs;
    }

    /// How often a half message was checked.
    pub(super) fn check_times(&self, half_offset: i64) -> i32 {
        let after = self.check_times.partition_point(|(first, _)| *first <= half_offset);
        let run = after.checked_sub(1).and_then(|index| self.check_times.get(index));
        run.map_or(0, |(_, times)| *times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(check_times: i32) -> Pending {
        Pending { phy_offset: 0, size_bytes: 1, check_times, born_timestamp: 0, immunity_millis: None }
    }

    #[test]
    fn checks_are_kept_in_runs() {
        let waiting = [(3, 2), (5, 2), (9, 1), (20, 0), (21, 0)];
        let of = |waiting: &[(i64, i32)]| {
            let mut checkpoint =
                TransactionCheckpoint { commits_recorded_until: 77, ..TransactionCheckpoint::default() };
            checkpoint.set_check_times(waiting.iter().map(|(offset, times)| (*offset, pending(*times))), 30);
            checkpoint
        };
        assert_eq!(of(&waiting[..1]).check_times, [(3, 2), (30, 0)]);
        let checkpoint = of(&waiting);
        assert_eq!(checkpoint.check_times, [(3, 2), (9, 1), (20, 0)]);
        for (offset, times) in waiting {
            assert_eq!(checkpoint.check_times(offset), times, "{offset}");
        }
        assert_eq!(checkpoint.check_times(1), 0);
        let text = common::fastjson::to_string(&checkpoint);
        assert_eq!(text, r#"{"commitsRecordedUntil":77,"checkTimes":[[3,2],[9,1],[20,0]]}"#);
        assert_eq!(common::fastjson::from_str::<TransactionCheckpoint>(&text).unwrap(), checkpoint);
    }
}
