//! The runtime, the signals and the errors of a process.

use std::{error::Error, future::Future, sync::Arc};

use runtime::clock::{Clock, SystemClock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

/// Whatever ends a process: its text goes to standard error.
pub(crate) type Failure = Box<dyn Error>;

/// Runs a server on a runtime of its own.
pub(crate) fn block_on<F>(server: F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    allow_open_files();
    runtime()?.block_on(server)
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
    Ok(Builder::new_multi_thread().thread_name("worker").enable_all().build()?)
}

/// The clock of this process.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Resolves at Ctrl-C or SIGTERM.
pub(crate) async fn stop_requested() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM received, stopping"),
        _ = interrupt.recv() => tracing::info!("interrupted, stopping"),
    }
    Ok(())
}
