//! Where pops wait that found nothing (`PopLongPollingService`).
//!
//! Waiters stand by topic, group and queue, -1 for all queues. A message wakes one waiter of each group, the
//! one whose time is up first; a waiter that is woken and then finds no use for it passes that on. Invariant:
//! whoever parks looks once more before waiting, so that no arrival in between is missed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{
    config::BrokerConfig,
    names::{PopRetryVersion, pop_retry_topic},
};
use parking_lot::Mutex;
use store::arrival::Arrival;
use tokio::sync::oneshot;

use super::queue::PopQueue;
use crate::pull::arrival_board::Takes;

/// The queue id that stands for all queues of a topic.
pub const ALL_QUEUES: i32 = -1;

/// No more pops may wait (`POLLING_FULL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollingFull;

/// Which of the waiters at one place is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeOrder {
    /// The one whose time is up first.
    FirstToExpire,
    /// The one whose time is up last.
    LastToExpire,
}

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct PollingLimits {
    all: usize,
    places: usize,
    at_one_place: usize,
    /// Every so many messages of a queue one wakes whatever it is.
    force_notify_interval: i64,
}

impl From<&BrokerConfig> for PollingLimits {
    fn from(config: &BrokerConfig) -> Self {
        let count = |value: i64| usize::try_from(value).unwrap_or(0);
        Self {
            all: count(config.max_pop_polling_size),
            places: count(config.pop_polling_map_size.into()),
            at_one_place: count(config.pop_polling_size.into()),
            force_notify_interval: config.pop_long_polling_force_notify_interval,
        }
    }
}

/// Waiting pops.
pub struct PopWaitingRoom {
    limits: PollingLimits,
    order: WakeOrder,
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    topics: HashMap<Arc<str>, HashMap<Arc<str>, Places>>,
    /// The topic and group of each retry topic of those that wait.
    retry_topics: HashMap<String, (Arc<str>, Arc<str>)>,
    places: usize,
    next_id: u64,
    is_closed: bool,
}

/// The waiters of a topic and group by queue, each by when its time is up.
type Places = HashMap<i32, BTreeMap<WaiterId, Waiter>>;
type WaiterId = (i64, u64);

struct Waiter {
    takes: Option<Takes>,
    wake: oneshot::Sender<()>,
}

/// A pop that waits; leaves when dropped.
pub struct ParkedPop {
    room: Arc<PopWaitingRoom>,
    queue: PopQueue,
    id: WaiterId,
    woken: oneshot::Receiver<()>,
    is_served: bool,
}

impl PopWaitingRoom {
    /// Nobody waits.
    pub fn new(limits: PollingLimits, order: WakeOrder) -> Self {
        Self { limits, order, count: AtomicUsize::new(0), state: Mutex::default() }
    }

    /// Parks a pop until `expires_at` at the latest; `takes` says which messages it can use, absent all.
    ///
    /// # Errors
    /// When no more may wait.
    pub fn park(
        self: &Arc<Self>,
        queue: &PopQueue,
        expires_at: i64,
        takes: Option<Takes>,
    ) -> Result<ParkedPop, PollingFull> {
        let (wake, woken) = oneshot::channel();
        let mut state = self.state.lock();
        if state.is_closed || self.count.load(Ordering::SeqCst) >= self.limits.all {
            return Err(PollingFull);
        }
        let waiters = state.waiters(queue);
        match waiters {
            Some(waiters) if waiters.len() > self.limits.at_one_place => return Err(PollingFull),
            None if state.places >= self.limits.places => return Err(PollingFull),
            _ => {}
        }
        let id = (expires_at, state.next_id);
        state.next_id += 1;
        state.insert(queue, id, Waiter { takes, wake });
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(ParkedPop { room: Arc::clone(self), queue: queue.clone(), id, woken, is_served: false })
    }

    /// A message has arrived: wakes one waiter of each group that can use it.
    pub fn arrived(&self, arrival: &Arrival<'_>) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let interval = self.limits.force_notify_interval;
        let is_forced = interval > 0 && arrival.next_queue_offset % interval == 0;
        let filtered = (!is_forced).then_some(arrival);
        let mut state = self.state.lock();
        if let Some((topic, group)) = state.retry_topics.get(&**arrival.topic).cloned() {
            self.wake_anywhere(&mut state, &topic, &group, filtered);
            return;
        }
        let Some(groups) = state.topics.get(arrival.topic) else { return };
        let groups: Vec<Arc<str>> = groups.keys().cloned().collect();
        for group in groups {
            for queue_id in [ALL_QUEUES, arrival.queue_id] {
                let queue =
                    PopQueue { topic: Arc::clone(arrival.topic), group: Arc::clone(&group), queue_id };
                self.wake_one_of(&mut state, &queue, filtered);
            }
        }
    }

    /// There is something in a queue for a group, or in all of its queues.
    pub fn wake(&self, queue: &PopQueue) -> bool {
        self.count.load(Ordering::SeqCst) > 0 && self.wake_one_of(&mut self.state.lock(), queue, None)
    }

    /// A retry may be popped by whoever pops from the topic.
    fn wake_anywhere(
        &self,
        state: &mut State,
        topic: &Arc<str>,
        group: &Arc<str>,
        arrival: Option<&Arrival<'_>>,
    ) {
        let places = state.topics.get(topic).and_then(|groups| groups.get(group));
        let mut queue_ids: Vec<i32> = places.into_iter().flat_map(HashMap::keys).copied().collect();
        queue_ids.sort_unstable();
        for queue_id in queue_ids {
            let queue = PopQueue { topic: Arc::clone(topic), group: Arc::clone(group), queue_id };
            if self.wake_one_of(state, &queue, arrival) {
                return;
            }
        }
    }

    fn wake_one_of(&self, state: &mut State, queue: &PopQueue, arrival: Option<&Arrival<'_>>) -> bool {
        let Some(waiters) = state.waiters(queue) else { return false };
        let can_use = |waiter: &Waiter| match (&waiter.takes, arrival) {
            (Some(takes), Some(arrival)) => takes(arrival),
            _ => true,
        };
        let mut fitting = waiters.iter().filter(|(_, waiter)| can_use(waiter)).map(|(id, _)| *id);
        let chosen = match self.order {
            WakeOrder::FirstToExpire => fitting.next(),
            WakeOrder::LastToExpire => fitting.next_back(),
        };
        let Some(waiter) = chosen.and_then(|id| state.remove(queue, id)) else { return false };
        self.count.fetch_sub(1, Ordering::SeqCst);
        // It may have given up in this very moment, and then passes nothing on.
        waiter.wake.send(()).is_ok()
    }

    /// Wakes everybody and lets nobody wait any more.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        // A waker that is gone is a wake too.
        state.topics.clear();
        state.retry_topics.clear();
        state.places = 0;
        self.count.store(0, Ordering::SeqCst);
    }

    /// How many wait at one place.
    pub fn waiting(&self, queue: &PopQueue) -> usize {
        self.state.lock().waiters(queue).map_or(0, BTreeMap::len)
    }

    /// How many wait in all.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl State {
    fn waiters(&self, queue: &PopQueue) -> Option<&BTreeMap<WaiterId, Waiter>> {
        self.topics.get(&queue.topic)?.get(&queue.group)?.get(&queue.queue_id)
    }

    fn insert(&mut self, queue: &PopQueue, id: WaiterId, waiter: Waiter) {
        let PopQueue { topic, group, queue_id } = queue;
        let groups = self.topics.entry(Arc::clone(topic)).or_default();
        let places = groups.entry(Arc::clone(group)).or_default();
        if places.is_empty() {
            for version in [PopRetryVersion::V1, PopRetryVersion::V2] {
                let retry_topic = pop_retry_topic(topic, group, version);
                self.retry_topics.insert(retry_topic, (Arc::clone(topic), Arc::clone(group)));
            }
        }
        let waiters = places.entry(*queue_id).or_default();
        self.places += usize::from(waiters.is_empty());
        waiters.insert(id, waiter);
    }

    fn remove(&mut self, queue: &PopQueue, id: WaiterId) -> Option<Waiter> {
        let PopQueue { topic, group, queue_id } = queue;
        let groups = self.topics.get_mut(topic)?;
        let places = groups.get_mut(group)?;
        let waiters = places.get_mut(queue_id)?;
        let waiter = waiters.remove(&id)?;
        if waiters.is_empty() {
            places.remove(queue_id);
            self.places -= 1;
        }
        if places.is_empty() {
            groups.remove(group);
            for version in [PopRetryVersion::V1, PopRetryVersion::V2] {
                self.retry_topics.remove(&pop_retry_topic(topic, group, version));
            }
        }
        if groups.is_empty() {
            self.topics.remove(topic);
        }
        Some(waiter)
    }
}

impl fmt::Debug for PopWaitingRoom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PopWaitingRoom").field("waiting", &self.len()).finish_non_exhaustive()
    }
}

impl ParkedPop {
    /// Resolves when there may be something, or everybody is sent away.
    pub async fn woken(&mut self) {
        // An error says the waker is gone, which is a wake too.
        let _ = (&mut self.woken).await;
        self.is_served = true;
    }
}

impl Drop for ParkedPop {
    fn drop(&mut self) {
        let mut state = self.room.state.lock();
        if state.remove(&self.queue, self.id).is_some() {
            self.room.count.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        // Woken, and gone before it noticed: somebody else is to have a look.
        if !self.is_served && !state.is_closed {
            self.room.wake_one_of(&mut state, &self.queue, None);
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
