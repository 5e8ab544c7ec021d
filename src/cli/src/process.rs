//! The runtime, the signals and the errors of a process.

use std::{error::Error, future::Future, io::Write, sync::Arc, time::Duration};

use runtime::clock::{Clock, SystemClock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::log_setup::LogLevels;

/// So many tasks run on a thread before it looks whether sockets have become ready: with as many busy connections a
/// quiet one waits for no more than their turns.
const TASKS_PER_LOOK: u32 = 16;

/// Whatever ends a process: its text goes to standard error.
pub(crate) type Failure = Box<dyn Error>;

/// Between two looks at what the allocator keeps.
const MEMORY_PAUSE: Duration = Duration::from_secs(5);
/// How long a server that is told to stop while it starts may go on starting.
const START_GRACE: Duration = Duration::from_secs(5);

/// Runs a server on a runtime of its own, from its start until it is told to stop and has stopped.
///
/// Ctrl-C and SIGTERM count from the first moment on. A second one does not wait for the stop. SIGUSR1 changes the levels
/// of the log.
///
/// # Errors
/// What `start` or `stop` answer, and when either was not waited for.
pub(crate) fn serve<T>(
    levels: LogLevels<'_>,
    start: impl Future<Output = Result<T, Failure>>,
    announce: impl FnOnce(&T),
    stop: impl AsyncFnOnce(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    allow_open_files();
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut signals = StopSignals::install()?;
        let level_signals = LogLevels::listen()?;
        let server = started(start, &mut signals).await?;
        if !signals.has_come {
            announce(&server);
            tokio::select! {
                () = signals.wait() => {}
                () = tend_memory() => {}
                () = levels.follow(level_signals) => {}
            }
        }
        tokio::select! {
            stopped = stop(server) => stopped,
            () = signals.wait() => Err("told again to stop: not waiting for the rest".into()),
        }
    });
    // Whatever still runs was not waited for on purpose.
    runtime.shutdown_background();
    outcome
}

/// Gives memory back to the system after bursts, for ever.
async fn tend_memory() {
    loop {
        tokio::time::sleep(MEMORY_PAUSE).await;
        let _given_back = tokio::task::spawn_blocking(runtime::memory::give_back).await;
    }
}

/// The server once it has started, also when it was told to stop meanwhile: it stops in order then.
async fn started<T>(
    start: impl Future<Output = Result<T, Failure>>,
    signals: &mut StopSignals,
) -> Result<T, Failure> {
    let mut start = std::pin::pin!(start);
    tokio::select! {
        server = &mut start => return server,
        () = signals.wait() => {}
    }
    let server = tokio::time::timeout(START_GRACE, start).await;
    server.map_err(|_| "told to stop before the start was complete: the next one recovers the store")?
}

/// Takes as many open files as the process may have, as Java's virtual machine does.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "limit of open files not raised");
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("worker").event_interval(TASKS_PER_LOOK).enable_all();
    Ok(builder.build()?)
}

/// The clock of this process.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Ctrl-C and SIGTERM, which end the process no more by themselves.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    has_come: bool,
}

impl StopSignals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            has_come: false,
        })
    }

    /// Resolves at the next one.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM received, stopping"),
            _ = self.interrupt.recv() => tracing::info!("interrupted, stopping"),
        }
        self.has_come = true;
    }
}

/// Prints lines for people, scripts and test harnesses. Nobody may be there to read them.
pub(crate) fn print(lines: impl IntoIterator<Item = String>) {
    let mut stdout = std::io::stdout().lock();
    for line in lines {
        if let Err(error) = writeln!(stdout, "{line}") {
            tracing::debug!(%error, "standard output cannot be written");
            return;
        }
    }
}
