//! What POP does in the background.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::services::{Schedule, Services};

use super::{
    reader::QueueReader,
    retry_version,
    revive::{self, ReviveParts, Reviver},
};
use crate::{
    parts::Parts, registration::Registration, timer::service::TimerMessageService,
    topic_publisher::TopicPublisher, topics::TopicAnnouncer,
};

/// How often queues are looked for that are no longer blocked by an order, while there are blocked ones.
const ORDER_SCAN: Duration = Duration::from_millis(100);
/// Reads from the disk at a time for messages that are revived.
const REVIVE_DISK_READS: usize = 2;
/// How often check points in memory are looked at.
const BUFFER_SCAN: Duration = Duration::from_millis(200);
/// How often what was popped is looked through for topics and groups that are gone.
const CLEANING: Duration = Duration::from_secs(30);

/// Starts all of it.
pub fn start(parts: &Arc<Parts>, registration: &Arc<Registration>, services: &Services) {
    if let Some(timer) = &parts.timer {
        revive::start(&revive_parts(parts, registration, timer), &parts.config.now(), services);
    }
    if parts.config.now().enable_notify_after_pop_order_lock_release {
        let freed = Arc::clone(&parts.pop);
        services.task("pop-orders", move |shutdown| async move {
            let scans = async {
                loop {
                    freed.orders.some_blocked().await;
                    tokio::time::sleep(ORDER_SCAN).await;
                    freed.notify_freed();
                }
            };
            tokio::select! {
                () = shutdown.requested() => {}
                () = scans => {}
            }
        });
    }
    if parts.pop.buffer.is_enabled() {
        let buffered = Arc::clone(&parts.pop);
        services.every("pop-buffer", Schedule::every(BUFFER_SCAN), move || {
            let buffered = Arc::clone(&buffered);
            async move {
                let since = Instant::now();
                buffered.buffer.store_due().await;
                buffered.log.metrics().pop_buffer_scanned(since.elapsed());
            }
        });
    }
    let cleaned = Arc::clone(parts);
    services.every("pop-cleaning", Schedule::every(CLEANING), move || {
        cleaned.clean_pops();
        async {}
    });
}

fn revive_parts(
    parts: &Parts,
    registration: &Arc<Registration>,
    timer: &Arc<TimerMessageService>,
) -> ReviveParts {
    let announcer = Arc::clone(registration) as Arc<dyn TopicAnnouncer>;
    let reader = QueueReader::new(Arc::clone(&parts.store), REVIVE_DISK_READS);
    let reviver = Reviver {
        broker_name: parts.pop.broker_name.clone(),
        retry_version: retry_version(&parts.config.now()),
        drops_after_all_pauses: parts.config.now().skip_when_ck_re_put_reach_max_times,
        store_host: parts.store_host,
        topics: Arc::clone(&parts.topics),
        groups: Arc::clone(&parts.groups),
        offsets: Arc::clone(&parts.offsets),
        publisher: Arc::new(TopicPublisher::new(Arc::clone(&parts.writer), announcer)),
        reader: reader.clone(),
        putter: Arc::clone(&parts.putter),
        log: Arc::clone(&parts.pop.log),
        inflight: Arc::clone(&parts.pop.inflight),
        clock: Arc::clone(&parts.clock),
    };
    ReviveParts {
        log: Arc::clone(&parts.pop.log),
        reviver: Arc::new(reviver),
        offsets: Arc::clone(&parts.offsets),
        reader,
        timer: Arc::clone(timer),
        clock: Arc::clone(&parts.clock),
    }
}
