//! Standard output, and how numbers and times look there.

use std::io::{self, BufWriter, Stdout, Write};

use chrono::{DateTime, SecondsFormat};

/// Buffered lines. Whoever reads them may stop early, as `head` does.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    is_closed: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::new(io::stdout()), is_closed: false }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) {
        self.is_closed |= writeln!(self.out, "{line}").is_err();
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// A time in UTC; an impossible one as it is.
pub(crate) fn time(millis: i64) -> String {
    if millis == 0 {
        return "never".to_owned();
    }
    DateTime::from_timestamp_millis(millis)
        .map_or_else(|| millis.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// A number with its noun.
pub(crate) fn count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// A number of bytes for people.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::BinaryBytes(number).to_string()
}
