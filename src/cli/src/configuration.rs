//! What a process says of its configuration.

use std::{fmt::Write, path::Path};

use common::config::{ConfigError, Finding, FindingKind, redact};

use crate::{
    args::ConfigFile,
    process::{self, Failure},
};

/// Reports every finding as one line of the log.
pub(crate) fn report(findings: &[Finding], file: Option<&Path>) {
    let file = file.map_or_else(|| "command line".to_owned(), |path| path.display().to_string());
    for finding in findings {
        if matches!(finding.kind, FindingKind::NoEffect { .. }) {
            tracing::info!(%file, "{finding}");
        } else {
            tracing::warn!(%file, "{finding}");
        }
    }
}

/// Names the file in an error about it.
pub(crate) fn located(error: &ConfigError, file: Option<&Path>) -> Failure {
    match (error, file) {
        (ConfigError::Unreadable { .. }, _) | (_, None) => error.to_string().into(),
        (ConfigError::Several(errors), Some(file)) => {
            let mut text = format!("{} things are wrong with the configuration:", errors.len());
            for error in errors {
                let _ = write!(text, "\n{}: {error}", file.display());
            }
            text.into()
        }
        (_, Some(file)) => format!("{}: {error}", file.display()).into(),
    }
}

/// Prints the configuration where it was asked for; whether it was all that was asked for, as is a check.
pub(crate) fn is_all(
    asked: &ConfigFile,
    effective: impl FnOnce() -> Vec<(String, String)>,
    important: impl FnOnce() -> Vec<(String, String)>,
) -> bool {
    if asked.print {
        print(&effective());
    } else if asked.print_important {
        print(&important());
    }
    asked.print || asked.print_important || asked.check_config
}

/// Prints `key=value` lines, secrets hidden.
fn print(items: &[(String, String)]) {
    process::print(items.iter().map(|(key, value)| format!("{key}={}", redact(key, value))));
}
