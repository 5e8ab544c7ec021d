//! What a process says of its configuration.

use std::path::Path;

use common::config::{Finding, FindingKind, redact};

use crate::process::Failure;

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
pub(crate) fn located(error: &dyn std::fmt::Display, file: Option<&Path>) -> Failure {
    match file {
        Some(file) => format!("{}: {error}", file.display()).into(),
        None => error.to_string().into(),
    }
}

/// Prints `key=value` lines, secrets hidden.
#[expect(clippy::print_stdout, reason = "printing is what was asked for")]
pub(crate) fn print(items: &[(String, String)]) {
    for (key, value) in items {
        println!("{key}={}", redact(key, value));
    }
}
