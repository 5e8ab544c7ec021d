//! How a server's log is written, as its configuration says.

use std::{
    env,
    path::{Path, PathBuf},
};

use common::config::{self, LogFormat, ProcessConfig};
use runtime::{
    log_files::{LogFile, LogFilesGuard},
    logging::{Format, Logging},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::process::Failure;

const MIB: u64 = 1024 * 1024;

/// A broker's log files: those of RocketMQ's that operators follow, turned as there.
pub(crate) const BROKER_FILES: &[LogFile] = &[
    LogFile { stem: "broker", targets: &[], size_max_bytes: 128 * MIB, kept: 20 },
    LogFile { stem: "store", targets: &["store"], size_max_bytes: 128 * MIB, kept: 10 },
    LogFile { stem: "remoting", targets: &["remoting", "client"], size_max_bytes: 100 * MIB, kept: 10 },
    LogFile { stem: "transaction", targets: &["broker::transaction"], size_max_bytes: 100 * MIB, kept: 10 },
    LogFile {
        stem: "pop",
        targets: &["broker::pop", "broker::processor::pop"],
        size_max_bytes: 100 * MIB,
        kept: 20,
    },
    LogFile { stem: "broker_metrics", targets: &["metrics_export"], size_max_bytes: 512 * MIB, kept: 3 },
];

/// A NameServer's log file.
pub(crate) const NAMESRV_FILES: &[LogFile] =
    &[LogFile { stem: "namesrv", targets: &[], size_max_bytes: 100 * MIB, kept: 5 }];

/// Writes the log as configured; into files as long as what is answered lives.
///
/// # Errors
/// When the levels are none, or the files cannot be opened.
pub(crate) fn apply(
    logging: &Logging,
    process: &ProcessConfig,
    files: &'static [LogFile],
) -> Result<Option<LogFilesGuard>, Failure> {
    let format = match process.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    logging.set_levels(&process.log_level).map_err(|error| format!("logLevel: {error}"))?;
    let directory = process.log_directory.trim();
    if directory.is_empty() {
        logging.set_format(format);
        return Ok(None);
    }
    let directory = expanded(directory);
    let opened = logging.write_files(&directory, files, format);
    Ok(Some(opened.map_err(|error| format!("logDirectory={}: {error}", directory.display()))?))
}

/// The path, under the user's home directory where it begins with `~/`.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => PathBuf::from(path),
    }
}

/// Whose levels are read anew at each SIGUSR1, and from which file.
#[derive(Clone, Copy)]
pub(crate) struct LogLevels<'a> {
    pub(crate) logging: &'a Logging,
    pub(crate) file: Option<&'a Path>,
}

impl LogLevels<'_> {
    /// From now on SIGUSR1 does not end the process.
    ///
    /// # Errors
    /// When it cannot be listened for.
    pub(crate) fn listen() -> std::io::Result<Signal> {
        signal(SignalKind::user_defined1())
    }

    /// Reads `logLevel` at each of the signals, for ever.
    pub(crate) async fn follow(self, mut signals: Signal) {
        while signals.recv().await.is_some() {
            self.read();
        }
        std::future::pending::<()>().await;
    }

    fn read(self) {
        let Some(file) = self.file else {
            tracing::warn!("SIGUSR1: there is no configuration file with a logLevel");
            return;
        };
        let levels = config::read(file).map(|keys| keys.get("logLevel").unwrap_or_default().to_owned());
        match levels {
            Ok(levels) => match self.logging.set_levels(&levels) {
                Ok(()) => tracing::info!(levels, "levels of the log changed"),
                Err(error) => tracing::warn!(levels, %error, "logLevel names no levels, they stay"),
            },
            Err(error) => tracing::warn!(file = %file.display(), %error, "logLevel not read, levels stay"),
        }
    }
}
