//! The timer at work: from the timer topic into slots, and from slots to the topics messages were sent to.
//!
//! Invariant: the offset of the timer topic only passes a message that has a slot or is delivered, and the read time
//! only passes a slot of which everything is delivered. So a crash may deliver again, and [`Delivered`] prevents
//! that as far as the CommitLog tells, but loses nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use common::names::TIMER_TOPIC;
use message::{property_names as property, record::RecordView};
use store::{
    consume_queue::Unit,
    timer::{Block, Kind, NewTimer, Recovered},
};

use super::{
    delivered::{Delivered, Delivery as DeliveryOf},
    loaded::{Due, Loaded},
    service::TimerMessageService,
    timed_message,
};
use crate::redelivery::{Redelivered, redeliver};

/// Messages taken from the timer topic, and delivered, in one go.
const MESSAGES_PER_STEP: usize = 256;
/// While so many messages are loaded, no further slot is.
const LOADED_MAX: usize = 100_000;
/// Pause after the store or the disk has refused.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Longest sleep without looking at the wall clock, which may have been set meanwhile.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// What a step of the timer leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do at once.
    More,
    /// Nothing is to do for so long, or until a message arrives.
    Idle(Duration),
}

/// What somebody had to do could not be done now.
struct NotNow;

/// The one who reads and writes slots.
pub(super) struct Delivery {
    service: Arc<TimerMessageService>,
    loaded: Loaded,
    /// Slots before this moment are loaded.
    loaded_until: i64,
    read_time_millis: i64,
    delivered: Delivered,
    /// Messages that have a slot although the offset says they may not.
    logged: HashSet<i64>,
    /// What the last run has left behind ends with this offset and this slot.
    old_until: (i64, i64),
}

impl Delivery {
    pub(super) fn new(service: Arc<TimerMessageService>, recovered: Recovered) -> Self {
        let delivered = Delivered::since(&service.store, recovered.deliveries_phy_offset);
        let old_until = (
            service.store.max_offset(TIMER_TOPIC, 0).unwrap_or(0),
            service.slot_of(service.clock.now_millis()) + 2 * service.precision_millis,
        );
        Self {
            loaded: Loaded::default(),
            loaded_until: recovered.read_time_millis,
            read_time_millis: recovered.read_time_millis,
            delivered,
            logged: recovered.logged,
            old_until,
            service,
        }
    }

    /// One step: some messages in, some messages out.
    pub(super) fn step(&mut self) -> Step {
        self.follow_clock();
        let taken_in = self.take_in();
        let delivered = self.deliver();
        self.service.store.hold_expired_files(self.is_behind());
        match (taken_in, delivered) {
            (Err(NotNow), _) | (_, Err(NotNow)) => Step::Idle(PAUSE_AFTER_FAILURE),
            (Ok(Step::More), _) | (_, Ok(Step::More)) => Step::More,
            (Ok(Step::Idle(one)), Ok(Step::Idle(other))) => Step::Idle(one.min(other)),
        }
    }

    /// A clock that was set back makes slots current that are done with: they are empty, and filled again.
    fn follow_clock(&mut self) {
        let now_slot = self.service.slot_of(self.service.clock.now_millis());
        if now_slot < self.read_time_millis {
            self.read_time_millis = now_slot;
            self.service.timers.set_read_time(now_slot);
        }
        let (old_offset, old_slot) = self.old_until;
        let has_old = !self.delivered.is_empty() || !self.logged.is_empty();
        if has_old
            && self.read_time_millis >= old_slot
            && self.service.timers.next_queue_offset() >= old_offset
        {
            self.delivered = Delivered::default();
            self.logged = HashSet::new();
        }
    }

    /// Whether messages wait whose time has passed for long: their CommitLog files must not expire now.
    fn is_behind(&self) -> bool {
        let behind = self.service.clock.now_millis() - self.read_time_millis;
        behind > 60_000_i64.max(10 * self.service.precision_millis)
    }

    /// Gives the next messages of the timer topic their slots.
    fn take_in(&mut self) -> Result<Step, NotNow> {
        let service = Arc::clone(&self.service);
        let now = service.clock.now_millis();
        // Slots of long ago must be done with before the wheel turns over them.
        let is_far_behind = now - self.read_time_millis > service.behind_max_millis();
        if service.stops_enqueue() || is_far_behind {
            return Ok(Step::Idle(SLEEP_MAX));
        }
        let next = service.timers.next_queue_offset();
        let min = service.store.min_offset(TIMER_TOPIC, 0).unwrap_or(0);
        if next < min {
            tracing::error!(
                lost = min - next,
                "timed messages have expired before they were put into the timer"
            );
            service.timers.skip_to(min);
        }
        let next = next.max(min);
        let units = service.store.queue_units(TIMER_TOPIC, 0, next, MESSAGES_PER_STEP);
        for (unit, queue_offset) in units.iter().zip(next..) {
            self.take_in_one(unit, queue_offset)?;
            service.timers.skip_to(queue_offset + 1);
        }
        Ok(if units.len() < MESSAGES_PER_STEP { Step::Idle(SLEEP_MAX) } else { Step::More })
    }

    fn take_in_one(&mut self, unit: &Unit, queue_offset: i64) -> Result<(), NotNow> {
        let phy_offset = unit.phy_offset;
        if self.logged.remove(&phy_offset) {
            return Ok(());
        }
        let service = Arc::clone(&self.service);
        let Some(bytes) = service.message(phy_offset, unit.size_bytes) else {
            tracing::error!(queue_offset, phy_offset, "timed message is gone, skipped");
            return Ok(());
        };
        let Ok(record) = RecordView::decode(&bytes) else { return Ok(()) };
        let (Some(out_millis), Some(topic)) =
            (timed_message::out_millis(&record), record.property(property::REAL_TOPIC))
        else {
            tracing::error!(queue_offset, phy_offset, "timed message names no time or no topic, skipped");
            return Ok(());
        };
        service.enqueued.add_one();
        service.stats.metrics().timer_enqueued(topic, out_millis - record.born_timestamp());
        let now_slot = service.slot_of(service.clock.now_millis());
        let slot_millis = service.slot_of(out_millis);
        let cancels = record.property(property::TIMER_DEL_UNIQKEY).is_some();
        if slot_millis < now_slot {
            let due = Due {
                at_millis: out_millis,
                slot_millis,
                phy_offset,
                size_bytes: unit.size_bytes,
                enqueue_millis: i64::MAX,
                rolls: false,
            };
            return if cancels { Ok(()) } else { self.send_out(&due, &record, &bytes) };
        }
        let (slot_millis, rolls) = service.roll(slot_millis, now_slot);
        let timer = NewTimer {
            slot_millis,
            enqueue_millis: now_slot,
            kind: Kind { rolls, cancels },
            phy_offset,
            size_bytes: unit.size_bytes,
            queue_offset,
            topic,
        };
        let block = service.timers.put(&timer).map_err(|error| {
            tracing::error!(%error, "timed message not put into the timer, trying again");
            NotNow
        })?;
        service.metrics.add(topic, if cancels { -1 } else { 1 });
        if slot_millis < self.loaded_until {
            self.load(&block, slot_millis, &record);
        }
        Ok(())
    }

    /// Takes a message of a slot at hand into memory.
    fn load(&mut self, block: &Block, slot_millis: i64, record: &RecordView<'_>) {
        match record.property(property::TIMER_DEL_UNIQKEY) {
            Some(key) if block.kind.cancels && !block.kind.rolls => {
                self.loaded.cancel(slot_millis, key.to_owned());
            }
            _ => {
                let due_millis = if block.kind.rolls {
                    slot_millis
                } else {
                    timed_message::due_millis(record, slot_millis, self.service.precision_millis)
                };
                self.loaded.push(Due::of(block, slot_millis, due_millis));
            }
        }
    }

    /// Reads the slots that begin within the next slot's length.
    fn load_slots(&mut self, now: i64) -> Result<(), NotNow> {
        let service = Arc::clone(&self.service);
        let until = service.slot_of(now) + 2 * service.precision_millis;
        while self.loaded_until < until && self.loaded.len() < LOADED_MAX {
            let next = service.timers.next_used(self.loaded_until, until);
            let Some(slot_millis) = next.map_err(|error| unreadable(&error))? else {
                // A wheel is looked through one turn at a time.
                self.loaded_until = until.min(self.loaded_until + service.timers.turn_millis());
                continue;
            };
            let blocks = service.timers.messages_of(slot_millis).map_err(|error| unreadable(&error))?;
            self.loaded.open_slot(slot_millis);
            for block in &blocks {
                let bytes = service.message(block.phy_offset, block.size_bytes);
                match bytes.as_ref().map(|bytes| RecordView::decode(bytes)) {
                    Some(Ok(record)) => self.load(block, slot_millis, &record),
                    _ => {
                        tracing::error!(
                            phy_offset = block.phy_offset,
                            "timed message is gone, not delivered"
                        );
                    }
                }
            }
            self.loaded_until = slot_millis + service.precision_millis;
        }
        Ok(())
    }

    /// Sends out what is due now.
    fn deliver(&mut self) -> Result<Step, NotNow> {
        let service = Arc::clone(&self.service);
        if service.clock.monotonic() < service.delivers_from {
            return Ok(Step::Idle(SLEEP_MAX));
        }
        let now = service.clock.now_millis();
        self.load_slots(now)?;
        let now_slot = service.slot_of(now);
        for _ in 0..MESSAGES_PER_STEP {
            let Some(due) = self.loaded.next() else {
                self.advance(self.loaded_until.min(now_slot))?;
                return Ok(self.idle(now, now_slot));
            };
            self.advance(due.slot_millis.min(now_slot))?;
            if due.at_millis > now {
                return Ok(self.idle(now, now_slot));
            }
            self.deliver_one(&due)?;
            self.loaded.pop();
        }
        Ok(Step::More)
    }

    /// How long to sleep: until a message is due, or slots are to be loaded.
    fn idle(&self, now: i64, now_slot: i64) -> Step {
        let next_load = now_slot + self.service.precision_millis;
        let until = self.loaded.next().map_or(next_load, |due| due.at_millis.min(next_load));
        let wait = Duration::from_millis(u64::try_from(until - now).unwrap_or(0));
        if self.loaded_until <= now_slot { Step::More } else { Step::Idle(wait.min(SLEEP_MAX)) }
    }

    /// Everything before this slot is delivered.
    fn advance(&mut self, to: i64) -> Result<(), NotNow> {
        if to <= self.read_time_millis {
            return Ok(());
        }
        while let Some((slot_millis, unused)) = self.loaded.close_slot(to) {
            self.service.timers.finish(slot_millis).map_err(|error| unreadable(&error))?;
            for key in unused {
                // It was counted as if it had taken a message away.
                if let Some((topic, _)) = key.rsplit_once('+') {
                    self.service.metrics.add(topic, 1);
                }
            }
        }
        self.read_time_millis = to;
        self.service.timers.set_read_time(to);
        Ok(())
    }

    fn deliver_one(&mut self, due: &Due) -> Result<(), NotNow> {
        let Some(bytes) = self.service.message(due.phy_offset, due.size_bytes) else {
            tracing::error!(phy_offset = due.phy_offset, "timed message is gone, not delivered");
            return Ok(());
        };
        let Ok(record) = RecordView::decode(&bytes) else { return Ok(()) };
        let cancel_key = timed_message::cancel_key(&record);
        if cancel_key.is_some_and(|key| self.loaded.is_cancelled(due.slot_millis, &key)) {
            return Ok(());
        }
        self.send_out(due, &record, &bytes)?;
        if let Some(topic) = record.property(property::REAL_TOPIC) {
            let cancels = due.rolls && record.property(property::TIMER_DEL_UNIQKEY).is_some();
            self.service.metrics.add(topic, if cancels { 1 } else { -1 });
        }
        Ok(())
    }

    /// Stores a message that is due where it goes; one that can never be stored is left out.
    fn send_out(&mut self, due: &Due, record: &RecordView<'_>, bytes: &Bytes) -> Result<(), NotNow> {
        let delivery = DeliveryOf { record, enqueue_millis: due.enqueue_millis, rolls: due.rolls };
        if self.delivered.take(&delivery) {
            return Ok(());
        }
        let service = &self.service;
        let now = service.clock.now_millis();
        let outgoing = timed_message::outgoing(record, bytes, due.enqueue_millis, now, due.rolls);
        let Some(message) = outgoing else {
            tracing::error!(
                phy_offset = due.phy_offset,
                "timed message names no topic it can go to, skipped"
            );
            return Ok(());
        };
        match redeliver(&service.store, &service.stats, message) {
            Redelivered::Stored { .. } => {
                service.dequeued.add_one();
                let topic = record.property(property::REAL_TOPIC).unwrap_or_default();
                service.stats.metrics().timer_dequeued(topic);
            }
            Redelivered::Never(error) => {
                tracing::error!(phy_offset = due.phy_offset, %error, "timed message skipped");
            }
            Redelivered::NotNow(error) => {
                tracing::warn!(%error, "cannot deliver a timed message, trying again");
                return Err(NotNow);
            }
        }
        Ok(())
    }
}

fn unreadable(error: &std::io::Error) -> NotNow {
    tracing::error!(%error, "timer cannot be read, trying again");
    NotNow
}
