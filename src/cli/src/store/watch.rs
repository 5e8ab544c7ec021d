//! Progress on standard error, and Ctrl-C.

use std::{
    cell::RefCell,
    io::{IsTerminal, stderr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::store::offline::{Progress, Stage};
use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use runtime::clock::Clock;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::process::{self, Failure};

/// Where there is no terminal, a line comes this often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
    is_terminal: bool,
    clock: Arc<dyn Clock>,
    lines: RefCell<Lines>,
}

/// What the next line says.
struct Lines {
    stage: Stage,
    total: u64,
    last: Duration,
}

impl Watch {
    /// Watches from now on. The first signal asks to stop, the second ends the process.
    pub(crate) fn new() -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        let clock = process::clock();
        let last = clock.monotonic();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let lines = RefCell::new(Lines { stage: Stage::CommitLog, total: 0, last });
        Ok(Self { stop, bar, is_terminal: stderr().is_terminal(), clock, lines })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn begin(&self, stage: Stage, total: u64) {
        let mut lines = self.lines.borrow_mut();
        (lines.stage, lines.total) = (stage, total);
        let template = match stage {
            Stage::CommitLog => "{msg} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {eta} left",
            Stage::ConsumeQueues => "{msg} [{bar:30}] {pos} of {len}, {eta} left",
            Stage::Syncing => "{msg} …",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(stage.to_string());
        self.bar.tick();
    }

    fn advance(&self, done: u64) {
        if self.is_terminal {
            self.bar.set_position(done);
            return;
        }
        let mut lines = self.lines.borrow_mut();
        let now = self.clock.monotonic();
        if now.saturating_sub(lines.last) < LINE_INTERVAL {
            return;
        }
        lines.last = now;
        let percent = u128::from(done) * 100 / u128::from(lines.total.max(1));
        if lines.stage.is_in_bytes() {
            let (done, total) = (BinaryBytes(done), BinaryBytes(lines.total));
            eprintln!("{}: {percent}%, {done} of {total}", lines.stage);
        } else {
            eprintln!("{}: {percent}%, {done} of {}", lines.stage, lines.total);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
