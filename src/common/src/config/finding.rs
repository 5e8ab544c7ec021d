//! What loading a configuration can say: findings to report, errors that stop the start.

use std::fmt;

use crate::properties::PropertiesError;

/// Where a value was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This line of the file, from 1.
    Line(usize),
    /// The command line, or a request that changes configuration at run time.
    Override,
    /// The environment of the process.
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Override => f.write_str("override"),
            Self::Environment => f.write_str("environment"),
        }
    }
}

/// Something an operator ought to know about one key; the process starts all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the key was set.
    pub origin: Origin,
    /// The key as it was written.
    pub key: String,
    /// What there is to say.
    pub kind: FindingKind,
}

/// What there is to say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// No configuration object of this process has such a key.
    UnknownKey {
        /// The known key most like it, when one is close.
        nearest: Option<&'static str>,
    },
    /// The key is known and was changed, but does nothing here.
    NoEffect {
        /// Why.
        why: &'static str,
    },
    /// The value lies outside what is used, as in RocketMQ.
    Clamped {
        /// The value that is used instead.
        used: i64,
    },
    /// A value the role of the broker does not leave open was replaced.
    Replaced {
        /// The value that is used instead.
        used: i64,
    },
    /// The key stands in the file again, and the later line counts.
    Repeated {
        /// The line that counts.
        by_line: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ", self.origin, self.key)?;
        match &self.kind {
            FindingKind::UnknownKey { nearest: Some(nearest) } => {
                write!(f, "is not a known key, did you mean {nearest}?")
            }
            FindingKind::UnknownKey { nearest: None } => f.write_str("is not a known key"),
            FindingKind::NoEffect { why } => write!(f, "has no effect: {why}"),
            FindingKind::Clamped { used } => write!(f, "is out of bounds, {used} is used"),
            FindingKind::Replaced { used } => write!(f, "does not fit brokerRole, {used} is used"),
            FindingKind::Repeated { by_line } => write!(f, "is set again on line {by_line}, which counts"),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not properties text.
    #[error(transparent)]
    Syntax(#[from] PropertiesError),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The value is not of the key's type.
    #[error("{origin}: {key}={value} is not {expected}")]
    WrongType {
        /// Where it was set.
        origin: Origin,
        /// The key.
        key: String,
        /// The value, secrets hidden.
        value: String,
        /// What a good value looks like.
        expected: &'static str,
    },
    /// The number is too small or too large.
    #[error("{origin}: {key}={value} is not between {min} and {max}")]
    OutOfRange {
        /// Where it was set.
        origin: Origin,
        /// The key.
        key: String,
        /// The number.
        value: i64,
        /// Smallest number taken.
        min: i64,
        /// Largest number taken.
        max: i64,
    },
    /// The value asks for something this process cannot do and must not pretend to.
    #[error("{origin}: {key}={value} is refused: {why}")]
    Refused {
        /// Where it was set.
        origin: Origin,
        /// The key.
        key: String,
        /// The value, secrets hidden.
        value: String,
        /// Why.
        why: &'static str,
    },
    /// The text of the value is malformed.
    #[error("{origin}: {key}={value}: {problem}")]
    Malformed {
        /// Where it was set.
        origin: Origin,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More than one of them.
    #[error("{}", lines(.0))]
    Several(Vec<ConfigError>),
}

impl ConfigError {
    /// All of `errors` as one; nothing when there are none.
    pub(super) fn all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => errors.pop().map_or(Ok(()), Err),
            _ => Err(Self::Several(errors)),
        }
    }
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}
