//! `ferrocket doctor`: looks at what a broker depends on, a line for each thing, and says what to do about it.
//!
//! It changes nothing but for a small file in the store's directory, which measures how fast the disk is and goes at once.
//! A broker may be running meanwhile.

mod machine;
mod network;
mod past;
mod peers;
mod settings;
mod store_dir;

use std::{fmt, process::ExitCode};

use common::config::BrokerSettings;
use serde_json::json;

use crate::{args::Doctor, configuration, process};

/// Something has to be done before a broker can be relied on.
const FAILED: u8 = 1;
/// There is no result: the configuration cannot be read.
const NO_RESULT: u8 = 2;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Diagnosis {
    /// The thing.
    check: &'static str,
    status: Status,
    /// How it is.
    detail: String,
    /// What to do; empty where nothing is.
    fix: String,
}

impl Diagnosis {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, detail: detail.into(), fix: String::new() }
    }

    fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: Status::Warn, detail: detail.into(), fix: fix.into() }
    }

    fn fail(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::warn(check, detail, fix) }
    }

    fn line(&self) -> String {
        let Self { check, status, detail, fix } = self;
        let fix = if fix.is_empty() { String::new() } else { format!(": {fix}") };
        format!("{status:<4} {check:<20} {detail}{fix}")
    }

    fn json(&self) -> String {
        json!({
            "check": self.check,
            "status": self.status.to_string(),
            "detail": self.detail,
            "fix": self.fix,
        })
        .to_string()
    }
}

/// Looks at everything; answers what to exit with.
pub(crate) fn run(arguments: &Doctor) -> ExitCode {
    let file = arguments.config.as_deref();
    let overrides: Vec<_> =
        arguments.namesrv_addr.iter().map(|addrs| ("namesrvAddr".to_owned(), addrs.clone())).collect();
    let loaded = BrokerSettings::load_file(file, &overrides, &crate::machine::defaults());
    let (settings, findings) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let failure = configuration::located(&error, file).to_string();
            let fix = "put it right; nothing else can be looked at before that";
            report(&[Diagnosis::fail("configuration", failure, fix)], arguments.json);
            return ExitCode::from(NO_RESULT);
        }
    };
    let diagnoses = examine(&settings, &findings);
    report(&diagnoses, arguments.json);
    let worst = diagnoses.iter().map(|diagnosis| diagnosis.status).max();
    if worst == Some(Status::Fail) { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

fn examine(settings: &BrokerSettings, findings: &[common::config::Finding]) -> Vec<Diagnosis> {
    let state = store_dir::State::of(settings);
    let mut diagnoses = settings::check(settings, findings);
    diagnoses.extend(machine::check(settings));
    diagnoses.extend(store_dir::check(settings, &state));
    diagnoses.extend(network::check(settings, state.is_in_use()));
    diagnoses
}

fn report(diagnoses: &[Diagnosis], as_json: bool) {
    process::print(diagnoses.iter().map(if as_json { Diagnosis::json } else { Diagnosis::line }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_is_and_what_to_do() {
        let fine = Diagnosis::ok("clock", "it goes");
        assert_eq!(fine.line(), "OK   clock                it goes");
        let bad = Diagnosis::fail("disk space", "100% used", "free some");
        assert_eq!(bad.line(), "FAIL disk space           100% used: free some");
        assert!(Status::Fail > Status::Warn && Status::Warn > Status::Ok);
        assert!(bad.json().contains(r#""status":"FAIL""#));
    }
}
