//! Log output: a line an event, on standard error or in files; levels from `RUST_LOG` (default `info`).
//!
//! Where and how lines are written, and the levels, can be changed while the process runs ([`Logging`]).

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::MakeWriter,
    layer::{Layered, SubscriberExt},
    reload,
    util::SubscriberInitExt,
};

use crate::log_files::{LogFile, LogFiles, LogFilesGuard};

const DEFAULT_LEVELS: &str = "info";

type Filtered = Layered<reload::Layer<EnvFilter, Registry>, Registry>;
type Output = Box<dyn Layer<Filtered> + Send + Sync>;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// The log of the process, for those who change how it is written.
pub struct Logging {
    levels: reload::Handle<EnvFilter, Registry>,
    output: reload::Handle<Output, Filtered>,
}

/// Starts logging for the process. A second call writes nothing and changes nothing.
pub fn init() -> Logging {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LEVELS));
    let (filter, levels) = reload::Layer::new(filter);
    let (output, handle) = reload::Layer::new(on_standard_error(Format::Text));
    if tracing_subscriber::registry().with(filter).with(output).try_init().is_err() {
        tracing::debug!("logging was started before");
    }
    Logging { levels, output: handle }
}

impl Logging {
    /// Writes lines in this format from now on.
    pub fn set_format(&self, format: Format) {
        self.replace(on_standard_error(format));
    }

    /// Writes lines into files of a directory from now on, until the guard is dropped.
    ///
    /// # Errors
    /// When a file cannot be opened; lines are written where they were then.
    pub fn write_files(
        &self,
        directory: &Path,
        files: &'static [LogFile],
        format: Format,
    ) -> io::Result<LogFilesGuard> {
        let (files, guard) = LogFiles::open(directory, files)?;
        self.replace(output(format, files, false));
        Ok(guard)
    }

    /// Changes the levels; without a text to those the process began with.
    ///
    /// # Errors
    /// When the text names no levels; they stay as they are then.
    pub fn set_levels(&self, levels: &str) -> Result<(), ParseError> {
        let filter = if levels.trim().is_empty() {
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LEVELS))
        } else {
            EnvFilter::builder().parse(levels)?
        };
        if self.levels.reload(filter).is_err() {
            tracing::warn!("levels of the log not changed, its output is gone");
        }
        Ok(())
    }

    fn replace(&self, output: Output) {
        if self.output.reload(output).is_err() {
            tracing::warn!("output of the log not changed, it is gone");
        }
    }
}

fn on_standard_error(format: Format) -> Output {
    output(format, io::stderr, io::stderr().is_terminal())
}

fn output<W>(format: Format, writer: W, is_coloured: bool) -> Output
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(true);
    match format {
        Format::Text => lines.with_ansi(is_coloured).boxed(),
        Format::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    }
}
