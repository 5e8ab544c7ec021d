//! Which CommitLog files are deleted, and when the disk counts as full: RocketMQ's `CleanCommitLogService`.
//!
//! A file expires when both its records and the file itself have been there for `fileReservedTime`. The time
//! is the smaller of the wall clock and of the time that has really passed, so a clock that jumps ahead deletes
//! nothing. The last file is never deleted, nor is one whose successor has no record yet.

use std::time::Duration;

use crate::{fs::DiskUsage, options::StoreOptions};

/// A wall clock this much ahead of the passing of time has been set, and not merely adjusted.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);
/// A request to delete by hand holds for this many rounds.
const MANUAL_ROUNDS: u32 = 20;

/// What the cleaner remembers from round to round.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    /// Wall clock in milliseconds and passing of time when both last agreed.
    anchor: Option<(i64, Duration)>,
    has_told_of_jump: bool,
    manual_rounds: u32,
    /// First physical offset when queues and index were last trimmed.
    pub(crate) trimmed_below: Option<i64>,
}

impl Retention {
    /// The time expiry is judged by.
    pub(crate) fn trusted_now(&mut self, wall_millis: i64, monotonic: Duration) -> i64 {
        let Some((anchor_millis, anchor)) = self.anchor else {
            self.anchor = Some((wall_millis, monotonic));
            return wall_millis;
        };
        let expected = anchor_millis.saturating_add(monotonic.saturating_sub(anchor).as_millis() as i64);
        if wall_millis - expected > CLOCK_TOLERANCE.as_millis() as i64 {
            if !self.has_told_of_jump {
                self.has_told_of_jump = true;
                tracing::error!(
                    ahead_millis = wall_millis - expected,
                    "the clock jumped ahead: files expire by the time that really passed, until the next start"
                );
            }
            return expected;
        }
        self.anchor = Some((wall_millis, monotonic));
        wall_millis
    }

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

/// Whether a file has expired at `now`, all in milliseconds.
pub(crate) fn is_expired(now: i64, reserved: Duration, newest_record: i64, modified: i64) -> bool {
    let reserved_millis = i64::try_from(reserved.as_millis()).unwrap_or(i64::MAX);
    now >= newest_record.max(modified).saturating_add(reserved_millis)
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
    fn a_clock_that_jumps_ahead_expires_nothing() {
        let mut retention = Retention::default();
        let hour = Duration::from_secs(3_600);
        assert_eq!(retention.trusted_now(1_000, Duration::ZERO), 1_000);
        assert_eq!(retention.trusted_now(1_000 + 365 * 24 * 3_600_000, hour), 1_000 + 3_600_000);
        assert_eq!(retention.trusted_now(1_000 + 3_600_500, hour), 1_000 + 3_600_500);
        assert_eq!(retention.trusted_now(5, hour), 5);
    }

    #[test]
    fn both_records_and_file_must_be_old() {
        let reserved = Duration::from_millis(100);
        assert!(is_expired(200, reserved, 100, 50));
        assert!(!is_expired(199, reserved, 100, 50));
        assert!(!is_expired(200, reserved, 50, 101));
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
