//! Names of index files: `yyyyMMddHHmmssSSS` of the creation, ascending.

/// Digits of a name.
const NAME_DIGITS: usize = 17;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The number a file name stands for; `None` for a name that is not one of an index file.
pub(super) fn parse(name: &str) -> Option<u64> {
    (name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| name.parse().ok())?
}

/// The name of a file created at `local_millis` after that named `last`: the time, or the number behind
/// `last` where the clock does not stand behind it. Only their order is ever asked of names.
pub(super) fn next(local_millis: i64, last: Option<u64>) -> u64 {
    let (year, month, day) = civil(local_millis.div_euclid(DAY_MILLIS));
    let millis = local_millis.rem_euclid(DAY_MILLIS);
    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, milli) = (millis / 1_000 % 60, millis % 1_000);
    let date = (year * 100 + month) * 100 + day;
    let number = (((date * 100 + hour) * 100 + minute) * 100 + second) * 1_000 + milli;
    let number = u64::try_from(number).unwrap_or(0);
    last.map_or(number, |last| number.max(last.saturating_add(1)))
}

/// A name as it stands in the directory.
pub(super) fn format(number: u64) -> String {
    format!("{number:017}")
}

/// Year, month and day of a day since the epoch, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted in years from March, so that the leap day is the last one, and in eras of 400 years.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_time_of_creation() {
        assert_eq!(format(next(0, None)), "19700101000000000");
        assert_eq!(format(next(1_709_210_096_789, None)), "20240229123456789");
        assert_eq!(format(next(1_735_689_599_999, None)), "20241231235959999");
        assert_eq!(format(next(1_740_787_200_000, None)), "20250301000000000");
    }

    #[test]
    fn names_ascend_even_when_the_clock_does_not() {
        assert_eq!(next(0, Some(20_240_229_123_456_789)), 20_240_229_123_456_790);
        assert_eq!(next(1_709_210_096_789, Some(5)), 20_240_229_123_456_789);
    }

    #[test]
    fn other_names_are_left_alone() {
        assert_eq!(parse("20240229123456789"), Some(20_240_229_123_456_789));
        for name in ["", "2024022912345678", "202402291234567890", "2024022912345678x", "+0240229123456789"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
