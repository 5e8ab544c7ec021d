//! When a connection on which nothing moves gives its buffers back.

use std::{sync::LazyLock, time::Duration};

use tokio::time::Instant;

/// So long nothing has moved before.
pub(super) const QUIET: Duration = Duration::from_secs(10);
/// Quiet connections are looked after in rounds: a moment for each of them would wake a processor as often as all of them
/// are heard.
const ROUND: Duration = Duration::from_secs(5);

/// When a connection that last moved then gives its buffers back: in the first round after it has been quiet for
/// [`QUIET`]. All connections of the process have the same rounds.
pub(super) fn end_of(last_moved: Instant) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let quiet_at = last_moved + QUIET;
    let nanos = quiet_at.saturating_duration_since(*FIRST).as_nanos() % ROUND.as_nanos();
    quiet_at + ROUND.saturating_sub(Duration::from_nanos(nanos as u64))
}
