//! What a running broker does again and again: tables are written, and what is no longer of use is forgotten.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Duration, Instant},
};

use common::config::BrokerSettings;
use runtime::services::{Schedule, Services};

use crate::{cold_reads::WINDOW, parts::Parts};

/// How often topics and groups are written that could not be when they changed.
const CONFIGURATION_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time between two writes of offsets: half of what a crash may cost, as a write takes its time, too.
const OFFSETS_INTERVAL_MAX: Duration = Duration::from_millis(500);
/// And the shortest, whatever is configured.
const OFFSETS_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// How often clients are looked through for those that have fallen silent.
const CLIENT_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(10), pause: Duration::from_secs(10) };
/// How often members are told of changes that were gathered up (`realTimeNotifyConsumerChange=false`).
const NOTIFY_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(30), pause: Duration::from_secs(15) };
/// How often the timer forgets topics that are no more.
const TIMER_METRICS_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(180), pause: Duration::from_secs(180) };
/// How often the offsets of broadcasting clients are gathered.
const BROADCAST_SCAN: Schedule =
    Schedule { initial_delay: Duration::from_secs(5), pause: Duration::from_secs(5) };

/// Clients that have fallen silent, and what else time changes.
pub(super) fn start_scans(parts: &Arc<Parts>, services: &Services) {
    let scanned = Arc::clone(parts);
    services.every("client-scan", CLIENT_SCAN, move || {
        scanned.drop_silent_clients();
        async {}
    });
    let notifier = Arc::clone(&parts.notifier);
    services.every("notify-members", NOTIFY_SCAN, move || {
        notifier.flush();
        async {}
    });
    let cleaned = Arc::clone(parts);
    services.every("timer-metrics", TIMER_METRICS_SCAN, move || {
        cleaned.clean_timer_metrics();
        async {}
    });
    let cold_reads = Arc::clone(&parts.cold_reads);
    services.every("cold-reads", Schedule::every(WINDOW), move || {
        cold_reads.begin_window();
        async {}
    });
    let gathered = Arc::clone(parts);
    services.every("broadcast-offsets", BROADCAST_SCAN, move || {
        gathered.gather_broadcast_offsets();
        async {}
    });
}

/// A table that is written regularly.
struct Written {
    name: &'static str,
    interval: Duration,
    /// Writes it if it has changed.
    write: fn(&Parts),
    due: Instant,
}

/// Tables are written regularly, if they have changed: what a crash may cost of them. A thread of its own waits for the
/// disk, and is woken once for all that is due.
///
/// The configured intervals hold where they are shorter than ours: RocketMQ's own would let a crash replay
/// five seconds of consumption and ten of delayed messages.
///
/// # Errors
/// When the operating system gives no thread.
pub(super) fn start_writing(
    settings: &BrokerSettings,
    parts: &Arc<Parts>,
    services: &Services,
) -> io::Result<()> {
    let begun = Instant::now();
    let every = |name, interval: Duration, write| Written { name, interval, write, due: begun + interval };
    let millis = |millis: i64| {
        let interval = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        interval.clamp(OFFSETS_INTERVAL_MIN, OFFSETS_INTERVAL_MAX)
    };
    let mut tables = [
        every(
            "consumer offsets",
            millis(settings.broker.flush_consumer_offset_interval.into()),
            Parts::persist_offsets,
        ),
        every(
            "delay offsets",
            millis(settings.store.flush_delay_offset_interval),
            Parts::persist_delay_offsets,
        ),
        every(
            "transactions",
            millis(settings.broker.transaction_metric_flush_interval),
            Parts::persist_transactions,
        ),
        every("topics and groups", CONFIGURATION_INTERVAL, Parts::persist_configuration),
    ];
    let parts = Arc::clone(parts);
    services.thread("tables", move |shutdown| {
        loop {
            let next = tables.iter().map(|table| table.due).min().unwrap_or(begun);
            if shutdown.wait_timeout(next.saturating_duration_since(Instant::now())) {
                return;
            }
            let now = Instant::now();
            for table in tables.iter_mut().filter(|table| table.due <= now) {
                // The others are written whatever becomes of one, and it is tried again.
                if panic::catch_unwind(AssertUnwindSafe(|| (table.write)(&parts))).is_err() {
                    tracing::error!(table = table.name, "table not written");
                }
                table.due = now + table.interval;
            }
        }
    })
}
