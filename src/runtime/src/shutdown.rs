//! The signal that asks a service to end, for tasks and for threads alike.

use std::{sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio_util::sync::CancellationToken;

/// One shutdown signal; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Wakes tasks.
    token: CancellationToken,
    /// Wakes threads.
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Shutdown {
    /// A signal nobody has raised yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the signal; doing so again changes nothing.
    pub fn request(&self) {
        *self.shared.requested.lock() = true;
        self.shared.changed.notify_all();
        self.shared.token.cancel();
    }

    /// Whether the signal was raised.
    pub fn is_requested(&self) -> bool {
        self.shared.token.is_cancelled()
    }

    /// Resolves when the signal is raised.
    pub async fn requested(&self) {
        self.shared.token.cancelled().await;
    }

    /// Blocks the calling thread for at most `timeout`; answers whether the signal was raised.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let mut requested = self.shared.requested.lock();
        if !*requested {
            self.shared.changed.wait_for(&mut requested, timeout);
        }
        *requested
    }
}
