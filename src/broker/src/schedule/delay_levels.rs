//! The delay levels (`messageDelayLevel`): a fixed list of pauses, counted from 1.

use std::time::Duration;

use thiserror::Error;

/// The pauses of all levels, shortest name first: `1s 5s 10s … 2h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayLevels {
    pauses: Vec<Duration>,
}

/// Why a list of levels cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("delay level {0:?} is not a number followed by s, m, h or d")]
pub struct BadDelayLevel(String);

impl DelayLevels {
    /// Reads a list such as `1s 5s 10s 30s 1m`.
    pub fn parse(text: &str) -> Result<Self, BadDelayLevel> {
        let pauses = text.split_whitespace().map(parse_pause).collect::<Result<Vec<_>, _>>()?;
        if pauses.is_empty() { Err(BadDelayLevel(text.to_owned())) } else { Ok(Self { pauses }) }
    }

    /// The highest level.
    pub fn max(&self) -> i32 {
        i32::try_from(self.pauses.len()).unwrap_or(i32::MAX)
    }

    /// The pause of a level; `None` for a level there is not.
    pub fn pause(&self, level: i32) -> Option<Duration> {
        let index = usize::try_from(level.checked_sub(1)?).ok()?;
        self.pauses.get(index).copied()
    }

    /// All levels with their pauses.
    pub fn iter(&self) -> impl Iterator<Item = (i32, Duration)> {
        (1..).zip(self.pauses.iter().copied())
    }

    /// When a message of that level, stored then, is due; one second later for a level there is not, as
    /// RocketMQ has it.
    pub fn due_millis(&self, level: i32, store_timestamp: i64) -> i64 {
        let pause = self.pause(level).unwrap_or(Duration::from_secs(1));
        store_timestamp.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The queue of the schedule topic a level waits in.
pub fn queue_of_level(level: i32) -> i32 {
    level - 1
}

fn parse_pause(text: &str) -> Result<Duration, BadDelayLevel> {
    let bad = || BadDelayLevel(text.to_owned());
    let unit = text.chars().next_back().ok_or_else(bad)?;
    let seconds_per_unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let count: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(bad)?;
    count.checked_mul(seconds_per_unit).map(Duration::from_secs).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_list_has_eighteen_levels() {
        let levels =
            DelayLevels::parse("1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h").unwrap();
        assert_eq!(levels.max(), 18);
        assert_eq!(levels.pause(3), Some(Duration::from_secs(10)));
        assert_eq!(levels.pause(18), Some(Duration::from_secs(7_200)));
        assert_eq!(levels.pause(0), None);
        assert_eq!(levels.pause(19), None);
        assert_eq!(levels.due_millis(1, 500), 1_500);
        assert_eq!(levels.due_millis(99, 500), 1_500);
    }

    #[test]
    fn a_bad_level_is_named() {
        let error = DelayLevels::parse("1s 5x").unwrap_err();
        assert!(error.to_string().contains("5x"));
        assert!(DelayLevels::parse("").is_err());
        assert!(DelayLevels::parse("é").is_err());
    }
}
