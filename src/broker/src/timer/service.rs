//! The timer as a service: its thread, its flusher, and what operators see of it.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use bytes::Bytes;
use common::{config::MessageStoreConfig, names::TIMER_TOPIC};
use message::record::RecordView;
use parking_lot::Mutex;
use runtime::{clock::Clock, services::Services, shutdown::Shutdown};
use store::{
    message_store::MessageStore,
    timer::{Flushed, Recovered, TimerCheckpoint, TimerStore},
};

use super::{
    delivery::{Delivery, Step},
    metrics::TimerMetrics,
    rates::Rate,
};
use crate::{settings::silence_after_start, stats::BrokerStats};

/// Slots in which RocketMQ leaves the wheel empty (`TIMER_BLANK_SLOTS`).
const BLANK_SLOTS: i64 = 60;
/// Slots of one half of the wheel: as far as messages may lie ahead.
const SLOTS_AHEAD: i64 = 7 * 86_400 - BLANK_SLOTS;
/// Files of the timer log are looked at once in so many flushes.
const FLUSHES_PER_CLEANING: u32 = 30;

/// Pause before a flush goes on that waits for the CommitLog.
const FLUSH_AGAIN: Duration = Duration::from_millis(100);

/// Wakes the timer's thread when a message has joined the timer topic.
#[derive(Debug, Default)]
pub struct TimerWaker {
    thread: OnceLock<Thread>,
    /// Whether the thread has been told and has not looked yet.
    is_told: AtomicBool,
}

impl TimerWaker {
    /// A message has joined the timer topic, or the timer has to end.
    pub fn wake(&self) {
        if !self.is_told.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The thread looks after what it was told of.
    fn looks(&self) {
        self.is_told.store(false, Ordering::Release);
    }

    /// Sleeps until woken.
    fn sleep(&self, limit: Duration) {
        if !self.is_told.load(Ordering::Acquire) {
            std::thread::park_timeout(limit);
        }
    }
}

/// What the timer is made of.
#[derive(Debug)]
pub struct TimerMessageService {
    pub(super) store: Arc<MessageStore>,
    pub(super) timers: Arc<TimerStore>,
    pub(super) metrics: TimerMetrics,
    pub(super) stats: Arc<BrokerStats>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) precision_millis: i64,
    /// How far ahead a message may lie before it is put into the timer again, in milliseconds.
    roll_window_millis: AtomicI64,
    /// `timerStopEnqueue`
    stops_enqueue: AtomicBool,
    /// Nothing is delivered before this reading of the monotonic clock (`disappearTimeAfterStart`).
    pub(super) delivers_from: Duration,
    flush_interval: Duration,
    waker: Arc<TimerWaker>,
    pub(super) enqueued: Rate,
    pub(super) dequeued: Rate,
    recovered: Mutex<Option<Recovered>>,
}

/// What the timer needs of its surroundings.
pub struct TimerParts {
    /// Where messages are.
    pub store: Arc<MessageStore>,
    /// Where they wait.
    pub timers: Arc<TimerStore>,
    /// How far that had got.
    pub recovered: Recovered,
    /// How many there are.
    pub metrics: TimerMetrics,
    /// Counts those that go out.
    pub stats: Arc<BrokerStats>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Told of those that come in.
    pub waker: Arc<TimerWaker>,
}

impl TimerMessageService {
    /// The timer of a store; nothing runs until [`Self::start`].
    pub fn new(config: &MessageStoreConfig, parts: TimerParts) -> Self {
        let TimerParts { store, timers, recovered, metrics, stats, clock, waker } = parts;
        let precision_millis = i64::from(config.clamped_timer_precision_ms());
        let service = Self {
            roll_window_millis: AtomicI64::new(0),
            stops_enqueue: AtomicBool::new(false),
            delivers_from: clock.monotonic() + silence_after_start(config),
            flush_interval: Duration::from_millis(
                config.timer_flush_interval_ms.max(10).cast_unsigned().into(),
            ),
            store,
            timers,
            metrics,
            stats,
            clock,
            precision_millis,
            waker,
            enqueued: Rate::default(),
            dequeued: Rate::default(),
            recovered: Mutex::new(Some(recovered)),
        };
        service.reconfigure(config);
        service
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, config: &MessageStoreConfig) {
        let window = roll_window_millis(config, self.precision_millis);
        self.roll_window_millis.store(window, Ordering::Relaxed);
        self.stops_enqueue.store(config.timer_stop_enqueue, Ordering::Relaxed);
    }

    /// Whether no message is taken in for now (`timerStopEnqueue`).
    pub(super) fn stops_enqueue(&self) -> bool {
        self.stops_enqueue.load(Ordering::Relaxed)
    }

    /// Starts the thread that takes in and delivers, and the one that makes both durable.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(self: &Arc<Self>, services: &Services) -> io::Result<()> {
        let Some(recovered) = self.take_recovered() else { return Ok(()) };
        let service = Arc::clone(self);
        services.thread("timer-flush", move |shutdown| service.run_flusher(&shutdown))?;
        let service = Arc::clone(self);
        services.thread("timer", move |shutdown| service.run(recovered, &shutdown))?;
        let waker = Arc::clone(&self.waker);
        services.task("timer", move |shutdown| async move {
            shutdown.requested().await;
            waker.wake();
        });
        Ok(())
    }

    /// How far the last run had got; once, for whoever goes on from there.
    pub(super) fn take_recovered(&self) -> Option<Recovered> {
        self.recovered.lock().take()
    }

    fn run(self: Arc<Self>, recovered: Recovered, shutdown: &Shutdown) {
        // Where it sleeps is where it is woken.
        self.waker.thread.get_or_init(std::thread::current);
        let waker = Arc::clone(&self.waker);
        let mut delivery = Delivery::new(self, recovered);
        while !shutdown.is_requested() {
            waker.looks();
            if let Step::Idle(limit) = delivery.step() {
                waker.sleep(limit);
            }
        }
    }

    fn run_flusher(&self, shutdown: &Shutdown) {
        let mut rounds: u32 = 0;
        let mut pause = self.flush_interval;
        while !shutdown.wait_timeout(pause) {
            let is_done = self.flush();
            pause = if is_done { self.flush_interval } else { self.flush_interval.min(FLUSH_AGAIN) };
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(FLUSHES_PER_CLEANING)
                && let Err(error) = self.timers.delete_expired()
            {
                tracing::error!(%error, "expired files of the timer log not deleted");
            }
        }
    }

    /// Makes durable what can be; whether that was all.
    pub(super) fn flush(&self) -> bool {
        let flushed = self.timers.flush(self.clock.now_millis()).unwrap_or_else(|error| {
            tracing::error!(%error, "timer not flushed");
            Flushed::Everything
        });
        if flushed == Flushed::Waits {
            return false;
        }
        let now = self.clock.monotonic();
        self.enqueued.look(now);
        self.dequeued.look(now);
        self.persist_metrics();
        true
    }

    fn persist_metrics(&self) {
        if let Err(error) = self.metrics.persist() {
            tracing::error!(%error, "metrics of the timer not written");
        }
    }

    /// Makes everything durable, after the threads have stopped and before the store is closed.
    pub fn close(&self) {
        self.persist_metrics();
        if let Err(error) = self.timers.close(self.clock.now_millis()) {
            tracing::error!(%error, "timer not flushed, the next start goes on from an earlier checkpoint");
        }
    }

    /// When the slot of a moment begins.
    pub(super) fn slot_of(&self, millis: i64) -> i64 {
        millis.div_euclid(self.precision_millis).saturating_mul(self.precision_millis)
    }

    /// A message of the timer topic; `None` when something else stands there, or nothing.
    pub(super) fn message(&self, phy_offset: i64, size_bytes: i32) -> Option<Bytes> {
        let bytes = self.store.select(phy_offset, usize::try_from(size_bytes).ok()?)?;
        let record = RecordView::decode(&bytes).ok()?;
        let is_timed = record.topic() == TIMER_TOPIC && record.phy_offset() == phy_offset;
        is_timed.then_some(bytes)
    }

    /// The slot a message goes to for now, and whether it has to go on from there.
    pub(super) fn roll(&self, slot_millis: i64, now_slot: i64) -> (i64, bool) {
        let window = self.roll_window_millis.load(Ordering::Relaxed);
        let beyond = slot_millis - now_slot - window;
        if beyond < 0 {
            return (slot_millis, false);
        }
        // The last way is not to be a short one.
        let way = if beyond < window / 3 { window / 2 } else { window };
        (self.slot_of(now_slot + way), true)
    }

    /// How old slots may be while messages are put into new ones.
    pub(super) fn behind_max_millis(&self) -> i64 {
        let window = self.roll_window_millis.load(Ordering::Relaxed);
        self.timers.turn_millis() - window - BLANK_SLOTS * self.precision_millis
    }

    /// The counts by topic.
    pub fn metrics(&self) -> &TimerMetrics {
        &self.metrics
    }

    /// The checkpoint as it was last written.
    pub fn checkpoint(&self) -> TimerCheckpoint {
        self.timers.checkpoint()
    }

    /// How far deliveries are behind, in seconds (`timerReadBehind`).
    pub fn read_behind_seconds(&self) -> i64 {
        (self.clock.now_millis() - self.timers.read_time_millis()) / 1_000
    }

    /// Messages of the timer topic that were not put into the timer yet (`timerOffsetBehind`).
    pub fn offset_behind(&self) -> i64 {
        let max = self.store.max_offset(TIMER_TOPIC, 0).unwrap_or(0);
        max - self.timers.next_queue_offset()
    }

    /// How long the next message of the timer topic waits to be put into the timer, in milliseconds.
    pub fn enqueue_behind_millis(&self) -> i64 {
        let waiting = self.store.store_time(TIMER_TOPIC, 0, self.timers.next_queue_offset());
        waiting.map_or(0, |stored| (self.clock.now_millis() - stored).max(0))
    }

    /// How many messages fall due from so many seconds on, before so many others.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn count_between(&self, from_seconds: i64, until_seconds: i64) -> io::Result<i64> {
        let now_slot = self.slot_of(self.clock.now_millis());
        let until = now_slot + until_seconds * 1_000;
        let mut at = now_slot + from_seconds * 1_000;
        let mut count = 0;
        while let Some(slot) = self.timers.next_used(at, until)? {
            count += i64::from(self.timers.count_at(slot)?);
            at = slot + self.precision_millis;
        }
        Ok(count)
    }

    /// Whether messages that are due may not have arrived where they belong.
    pub fn is_behind(&self) -> bool {
        self.read_behind_seconds() > 0 || self.offset_behind() > 0
    }

    /// Messages in the timer (`timerCongestNum`).
    pub fn pending_count(&self) -> i64 {
        self.timers.pending_count()
    }

    /// Messages a second that went into the timer, and out of it (`timerEnqueueTps`, `timerDequeueTps`).
    pub fn rates(&self) -> (f32, f32) {
        (self.enqueued.per_second(), self.dequeued.per_second())
    }
}

/// `timerRollWindowSlot`, but well below the time the CommitLog keeps a message: it is stored anew when it rolls, and
/// must still be there then.
fn roll_window_millis(config: &MessageStoreConfig, precision_millis: i64) -> i64 {
    let wanted = i64::from(config.timer_roll_window_slot);
    let slots = if (2..=SLOTS_AHEAD).contains(&wanted) { wanted } else { SLOTS_AHEAD };
    let kept_millis = i64::from(config.file_reserved_time.max(0)) * 3_600_000;
    let window = (slots * precision_millis).min(kept_millis / 4 * 3);
    (window - window % precision_millis).max(2 * precision_millis)
}
