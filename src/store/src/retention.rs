//! Which CommitLog files are deleted, and when the disk counts as full: RocketMQ's `CleanCommitLogService`.
//!
//! A file expires when its records and the file itself are older than `fileReservedTime`, as in RocketMQ, and it has
//! also been complete for as long by the time that really passed ([`ages`]): a clock that jumps deletes nothing early.
//! One whose time lies in the future, as of a clock that was set back, is judged by the latter alone. The last file
//! is never deleted, nor is one whose successor has no record yet.

pub(crate) mod ages;

use std::time::Duration;

use ages::Ages;

use crate::{fs::DiskUsage, options::StoreOptions};

/// A request to delete by hand holds for this many rounds.
const MANUAL_ROUNDS: u32 = 20;

/// What the cleaner remembers from round to round.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    pub(crate) ages: Ages,
    /// Physical offset of the file that was the last when the store was opened.
    pub(crate) opened_at_base: i64,
    manual_rounds: u32,
    /// First physical offset when queues and index were last trimmed.
    pub(crate) trimmed_below: Option<i64>,
}

impl Retention {
    /// Expired files are deleted in the next rounds, whatever the hour.
    pub(crate) fn delete_manually(&mut self) {
        self.manual_rounds = MANUAL_ROUNDS;
    }

    /// Whether this round was asked for by hand.
    pub(crate) fn take_manual_round(&mut self) -> bool {
        let is_manual = self.manual_rounds > 0;
        self.manual_rounds = self.manual_rounds.saturating_sub(1);
        is_manual
    }
}

/// What the use of a mount asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    /// Nothing.
    #[default]
    None,
    /// Expired files are deleted at any hour.
    DeleteExpired,
    /// The oldest files are deleted whatever their age.
    DeleteOldest,
    /// And no message is taken.
    Full,
}

/// What the use of a mount asks for.
pub(crate) fn pressure(usage: &DiskUsage, options: &StoreOptions) -> Pressure {
    if let Some(least) = options.disk_min_free_bytes {
        return match usage.available_bytes {
            available if available < least => Pressure::Full,
            available if available < least.saturating_mul(2) => Pressure::DeleteOldest,
            _ => Pressure::None,
        };
    }
    match usage.used_percent() {
        used if used > options.disk_warning_percent => Pressure::Full,
        used if used > options.disk_clean_forcibly_percent => Pressure::DeleteOldest,
        used if used > options.disk_max_used_percent => Pressure::DeleteExpired,
        _ => Pressure::None,
    }
}

/// Whether messages are refused: from [`Pressure::Full`] until the pressure is below
/// [`Pressure::DeleteOldest`], so that a store at its limit does not flicker.
pub(crate) fn refuses(pressure: Pressure, refused_before: bool) -> bool {
    match pressure {
        Pressure::Full => true,
        Pressure::DeleteOldest => refused_before,
        Pressure::DeleteExpired | Pressure::None => false,
    }
}

/// Whether the wall clock says that a file has expired at `now`, all in milliseconds.
pub(crate) fn is_expired(now: i64, reserved: Duration, newest_record: i64, modified: i64) -> bool {
    let reserved_millis = i64::try_from(reserved.as_millis()).unwrap_or(i64::MAX);
    let written = newest_record.max(modified);
    written > now || now >= written.saturating_add(reserved_millis)
}

/// Whether local time is in one of the hours of `deleteWhen`.
pub(crate) fn is_delete_hour(now_millis: i64, options: &StoreOptions) -> bool {
    let local = now_millis.saturating_add(options.utc_offset_millis);
    let hour = u32::try_from(local.div_euclid(3_600_000).rem_euclid(24)).unwrap_or(0);
    options.delete_when_hours.contains(&hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(percent: u64) -> DiskUsage {
        DiskUsage {
            total_bytes: 1_000,
            free_bytes: 1_000 - percent * 10,
            available_bytes: 1_000 - percent * 10,
        }
    }

    #[test]
    fn refusal_has_hysteresis_and_heals() {
        let options = StoreOptions::at("/x");
        let mut refused = false;
        let mut seen = Vec::new();
        for percent in [70, 86, 91, 90, 88, 86, 85, 86] {
            refused = refuses(pressure(&used(percent), &options), refused);
            seen.push(refused);
        }
        assert_eq!(seen, [false, false, true, true, true, true, false, false]);
    }

    #[test]
    fn free_bytes_replace_the_ratios() {
        let mut options = StoreOptions::at("/x");
        options.disk_min_free_bytes = Some(10);
        let left = |available_bytes| {
            pressure(
                &DiskUsage { total_bytes: 1_000, free_bytes: available_bytes, available_bytes },
                &options,
            )
        };
        assert_eq!([left(9), left(10), left(20)], [Pressure::Full, Pressure::DeleteOldest, Pressure::None]);
    }

    #[test]
    fn both_records_and_file_must_be_old() {
        let reserved = Duration::from_millis(100);
        assert!(is_expired(200, reserved, 100, 50));
        assert!(!is_expired(199, reserved, 100, 50));
        assert!(!is_expired(200, reserved, 50, 101));
        assert!(is_expired(200, reserved, 50, 201), "the future tells nothing");
    }

    #[test]
    fn hours_are_local() {
        let mut options = StoreOptions::at("/x");
        let at_two_utc = 2 * 3_600_000 + 59 * 60_000;
        assert!(!is_delete_hour(at_two_utc, &options));
        options.utc_offset_millis = 2 * 3_600_000;
        assert!(is_delete_hour(at_two_utc, &options));
        options.utc_offset_millis = -23 * 3_600_000;
        assert!(!is_delete_hour(at_two_utc, &options));
    }
}
