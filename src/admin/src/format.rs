//! How Java writes numbers and times.

use chrono::{DateTime, Local, NaiveDateTime, TimeZone};

/// `yyyy-MM-dd HH:mm:ss` in local time (`UtilAll.YYYY_MM_DD_HH_MM_SS`).
pub(crate) fn seconds(millis: i64) -> String {
    local(millis, "%Y-%m-%d %H:%M:%S")
}

/// `yyyy-MM-dd HH:mm:ss,SSS` in local time (`UtilAll.timeMillisToHumanString2`).
pub(crate) fn millis(millis: i64) -> String {
    local(millis, "%Y-%m-%d %H:%M:%S,%3f")
}

/// `yyyyMMddHHmmssSSS` in local time (`UtilAll.timeMillisToHumanString`).
pub(crate) fn digits(millis: i64) -> String {
    local(millis, "%Y%m%d%H%M%S%3f")
}

/// A time in local time after a pattern of chrono's; one no calendar has as its number.
pub(crate) fn local(millis: i64, pattern: &str) -> String {
    DateTime::from_timestamp_millis(millis)
        .map_or_else(|| millis.to_string(), |time| time.with_timezone(&Local).format(pattern).to_string())
}

/// A moment as operators give it: milliseconds, or `yyyy-MM-dd#HH:mm:ss:SSS` in local time.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let (seconds, millis) = text.rsplit_once(':')?;
    let time = NaiveDateTime::parse_from_str(seconds, "%Y-%m-%d#%H:%M:%S").ok()?;
    let millis: i64 = millis.parse().ok()?;
    Some(Local.from_local_datetime(&time).earliest()?.timestamp_millis() + millis)
}

/// `Double.toString`.
pub(crate) fn double(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) && size.is_finite() {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        return format!("{digits}{point}E{exponent}");
    }
    format!("{value:?}")
}

/// The first characters of a text, counted as Java counts them (`UtilAll.frontStringAtLeast`).
pub(crate) fn front(text: &str, chars: usize) -> &str {
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > chars {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (1.5, "1.5"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.000_25, "2.5E-4"),
            (0.001, "0.001"),
            (-3.0, "-3.0"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn texts_are_cut_by_utf16_units() {
        assert_eq!(front("abc", 2), "ab");
        assert_eq!(front("a😀b", 2), "a");
        assert_eq!(front("ab", 2), "ab");
    }

    #[test]
    fn times_are_read_as_they_are_given() {
        assert_eq!(parse_time("-1"), Some(-1));
        let given = parse_time("2024-02-03#04:05:06:789").unwrap();
        assert_eq!(millis(given), "2024-02-03 04:05:06,789");
        assert_eq!(seconds(given), "2024-02-03 04:05:06");
        assert_eq!(parse_time("yesterday"), None);
    }
}
