//! Giving messages again that were popped and not acknowledged (`PopReviveService`), a task for each queue of
//! the revive topic.
//!
//! The queue holds check points and acknowledgements in the order of the moments they are about. A check
//! point is settled when everything that could acknowledge it has been read: what is left of it goes to the
//! retry topic. Invariant: the offset of [`names::REVIVE_GROUP`], that of the last check point settled, only
//! passes check points of which nothing is left.

mod retry;
mod scan;

use std::{sync::Arc, time::Duration};

pub use self::retry::Reviver;
use self::scan::Scan;
use super::{queue::PopQueue, reader::QueueReader, revive_log::ReviveLog};
use crate::{metrics::Out, offsets::ConsumerOffsetManager, timer::service::TimerMessageService};
use common::{config::BrokerConfig, names};
use runtime::{clock::Clock, services::Services, shutdown::Shutdown};
use store::get::{EveryMessage, GetResult, MessageFilter};

/// Messages read in one go.
const READ_COUNT: usize = 32;
/// Named in the log where an offset goes back.
const WHO: &str = "127.0.0.1";

/// Revives the messages of one queue of the revive topic.
struct PopReviveService {
    queue: PopQueue,
    reviver: Arc<Reviver>,
    offsets: Arc<ConsumerOffsetManager>,
    reader: QueueReader,
    timer: Arc<TimerMessageService>,
    clock: Arc<dyn Clock>,
    scan_millis: i64,
    scan: Scan,
}

/// What all queues are revived with.
#[derive(Clone)]
pub struct ReviveParts {
    /// The revive topic.
    pub log: Arc<ReviveLog>,
    /// What revives one message.
    pub reviver: Arc<Reviver>,
    /// How far the revive topic is worked off.
    pub offsets: Arc<ConsumerOffsetManager>,
    /// Where the revive topic is read.
    pub reader: QueueReader,
    /// How far timed messages are.
    pub timer: Arc<TimerMessageService>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Starts a task for each queue.
pub fn start(parts: &ReviveParts, config: &BrokerConfig, services: &Services) {
    let interval = Duration::from_millis(u64::try_from(config.revive_interval).unwrap_or(1).max(1));
    for queue_id in 0..parts.log.queue_num() {
        let service = PopReviveService::new(parts.clone(), queue_id, config);
        services.task("pop-revive", move |shutdown| service.run(interval, shutdown));
    }
}

impl PopReviveService {
    /// The service of one queue, which goes on behind what was settled before.
    fn new(parts: ReviveParts, queue_id: i32, config: &BrokerConfig) -> Self {
        let ReviveParts { log, reviver, offsets, reader, timer, clock } = parts;
        let settled = offsets.query(names::REVIVE_GROUP, log.topic(), queue_id);
        let scan = Scan::from(settled.map_or(0, |settled| settled.saturating_add(1)), &config.broker_name);
        Self {
            queue: PopQueue::new(log.topic(), names::REVIVE_GROUP, queue_id),
            reviver,
            offsets,
            reader,
            timer,
            clock,
            scan_millis: config.revive_scan_time,
            scan,
        }
    }

    /// Reads what has come and settles what is due, again and again.
    async fn run(mut self, interval: Duration, shutdown: Shutdown) {
        while !shutdown.is_requested() {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(interval) => self.run_once(&shutdown).await,
            }
        }
    }

    async fn run_once(&mut self, shutdown: &Shutdown) {
        let until = self.clock.now_millis().saturating_add(self.scan_millis);
        loop {
            let found = self.read(self.scan.next_offset()).await;
            let read_any = !found.messages.is_empty();
            let log = &self.reviver.log;
            let (topic, bytes) = (log.topic(), found.total_bytes);
            let metrics = log.metrics();
            if read_any {
                let count = found.messages.len();
                metrics.messages_out(topic, names::REVIVE_GROUP, Out::Pulled, count, bytes);
            }
            self.scan.absorb(&found, &|kind, topic, group| {
                metrics.revive_out(topic, group, kind, self.queue.queue_id);
            });
            if !read_any {
                self.scan.idle(self.clock.now_millis(), self.timer.is_behind());
            }
            if !self.settle_due(shutdown).await || !read_any || self.clock.now_millis() > until {
                break;
            }
            // A backlog leaves the runtime to others between its stretches.
            tokio::task::yield_now().await;
        }
        if let Some(settled) = self.scan.settled() {
            self.commit(settled);
        }
    }

    /// Settles check points in their order; false when one could not be, and is tried again later.
    async fn settle_due(&mut self, shutdown: &Shutdown) -> bool {
        while let Some(ck) = self.scan.first_due() {
            if shutdown.is_requested() {
                return false;
            }
            let left = self.reviver.revive(ck, self.queue.queue_id).await;
            let is_settled = left.is_empty();
            self.scan.keep_only(&left);
            if !is_settled {
                return false;
            }
            if let Some(settled) = self.scan.settle_first() {
                self.commit(settled);
            }
        }
        true
    }

    /// Goes back only with a queue whose end recovery has cut.
    fn commit(&self, settled: i64) {
        let PopQueue { topic, group, queue_id } = &self.queue;
        if self.offsets.query(group, topic, *queue_id) == Some(settled) {
            return;
        }
        if let Err(error) = self.offsets.commit(&WHO, group, topic, *queue_id, settled) {
            tracing::warn!(%error, queue_id, "offset of the revive topic not noted");
        }
    }

    async fn read(&self, queue_offset: i64) -> GetResult {
        let everything: Arc<dyn MessageFilter> = Arc::new(EveryMessage);
        self.reader.get(&self.queue, queue_offset, READ_COUNT, &everything).await.unwrap_or_default()
    }
}
