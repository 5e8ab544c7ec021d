//! Standard output and standard error.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};

use crate::{error::AdminError, report::Report};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const ADVICE: Style = AnsiColor::Yellow.on_default();

/// Where reports go: as text, or as JSON, a value a line. Whoever reads them may stop early, as `head` does.
#[derive(Debug)]
pub(crate) struct Output {
    is_json: bool,
    is_closed: Cell<bool>,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, is_closed: Cell::new(false) }
    }

    /// Whether JSON is wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Writes a report at once.
    pub(crate) fn emit(&self, report: Report) {
        let text =
            if self.is_json { format!("{}\n", report.into_json()) } else { report.as_text().to_owned() };
        self.write(&text);
    }

    /// Wipes the screen before the next look, where there is one.
    pub(crate) fn clear(&self) {
        if !self.is_json && io::stdout().is_terminal() {
            self.write("\x1b[2J\x1b[H");
        }
    }

    fn write(&self, text: &str) {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        self.is_closed.set(self.is_closed.get() || written.is_err());
    }
}

/// Says on standard error what failed and what to do about it.
pub(crate) fn complain(command: &str, error: &AdminError) {
    let mut out = anstream::stderr().lock();
    let advice = error.advice().map(|advice| format!("{ADVICE}  {advice}{ADVICE:#}\n")).unwrap_or_default();
    // Without standard error there is nobody to tell.
    let _ = write!(out, "{ERROR}{command}: {error}{ERROR:#}\n{advice}");
}

/// Asks on a terminal whether to do it; without one nobody is asked and it is done, as scripts written for
/// Java's tool expect.
pub(crate) fn is_wanted(question: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    let mut out = anstream::stderr().lock();
    let _ = write!(out, "{ADVICE}{question} Go on? [y/N] {ADVICE:#}").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
