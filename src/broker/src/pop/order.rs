//! Popping in order (`ConsumerOrderInfoManager`): a queue gives nothing more to a group before what it gave
//! is acknowledged or seen again. Kept in `consumerOrderInfo.json`:
//!
//! ```text
//! {"table":{"<topic>@<group>":{0:{OrderInfo},…}}}
//! ```
//!
//! Invariant: what changes here is changed by whoever has the queue's turn, so that an offset is never
//! committed against a pop that came later.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use common::fastjson;
use parking_lot::Mutex;
use runtime::clock::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{extra_info::OffsetInfo, order_info::OrderInfo, queue::PopQueue};
use crate::metadata::{MetadataError, MetadataStore, TableFile};

const FILE: &str = "consumerOrderInfo.json";
/// Between topic and group in the file's keys.
const SEPARATOR: char = '@';
/// Queues of groups the table takes; one more is popped in order without being remembered over a restart.
const QUEUES_MAX: usize = 1_000_000;
/// After so long without a pop a queue is forgotten.
const FORGOTTEN_AFTER_MILLIS: i64 = 24 * 3_600 * 1_000;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OrderFile {
    table: BTreeMap<String, BTreeMap<i32, OrderInfo>>,
}

#[derive(Debug, Default)]
struct State {
    table: HashMap<PopQueue, OrderInfo>,
    /// When queues are free again, soonest first, and the same by queue.
    free_at: BTreeSet<(i64, PopQueue)>,
    due: HashMap<PopQueue, i64>,
    /// Tells whoever waits for `free_at` to have something.
    blocked: Arc<Notify>,
    changes: u64,
}

/// What became of an acknowledgement in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// The group goes on here.
    Next(i64),
    /// Of a pop that is no longer the last one: nothing to do.
    Outdated,
    /// There is no such message.
    Unknown,
}

/// The last pops in order of all queues and groups.
#[derive(Debug)]
pub struct ConsumerOrderInfoManager {
    state: Mutex<State>,
    file: TableFile,
    clock: Arc<dyn Clock>,
}

impl ConsumerOrderInfoManager {
    /// Reads the table.
    ///
    /// # Errors
    /// When it was written before and cannot be read.
    pub fn load(metadata: Arc<dyn MetadataStore>, clock: Arc<dyn Clock>) -> Result<Self, MetadataError> {
        let file = TableFile::new(FILE, metadata);
        let read: OrderFile = file.load(fastjson::from_str)?.unwrap_or_default();
        file.mark_written(0);
        let manager = Self { state: Mutex::default(), file, clock };
        for (key, queues) in read.table {
            let Some((topic, group)) = key.split_once(SEPARATOR) else { continue };
            for (queue_id, info) in queues {
                let queue = PopQueue::new(topic, group, queue_id);
                manager.state.lock().insert(&queue, info, manager.clock.now_millis());
            }
        }
        manager.state.lock().changes = 0;
        Ok(manager)
    }

    /// Messages of a queue were popped; tells in `counts` how often they had been before.
    pub fn update(&self, queue: &PopQueue, mut info: OrderInfo, counts: &mut OffsetInfo) {
        let mut state = self.state.lock();
        if let Some(previous) = state.table.get(queue) {
            info.count_on_from(previous);
        }
        let counted = info.offset_consumed_count.clone().unwrap_or_default();
        for (queue_offset, count) in &counted {
            counts.add_message_count(&queue.topic, queue.queue_id, *queue_offset, *count);
        }
        // A message that is new counts for the queue as a whole.
        let smallest =
            if counted.len() == info.offset_list.len() { counted.values().min().copied() } else { None };
        counts.add_queue_count(&queue.topic, queue.queue_id, smallest.unwrap_or(0));
        state.insert(queue, info, self.clock.now_millis());
    }

    /// Whether a queue gives nothing to that attempt now.
    pub fn needs_block(&self, queue: &PopQueue, attempt_id: Option<&str>, invisible_time: i64) -> bool {
        let now = self.clock.now_millis();
        let state = self.state.lock();
        state.table.get(queue).is_some_and(|info| info.needs_block(attempt_id, invisible_time, now))
    }

    /// Forgets the last pop of a queue: its offset was reset (`clearBlock`).
    pub fn clear(&self, queue: &PopQueue) {
        self.state.lock().remove(queue);
    }

    /// Notes an acknowledgement of a message popped at `pop_time` (`commitAndNext`).
    pub fn acknowledge(&self, queue: &PopQueue, queue_offset: i64, pop_time: i64) -> Acknowledged {
        let mut state = self.state.lock();
        let Some(info) = state.table.get_mut(queue) else {
            return Acknowledged::Next(queue_offset.saturating_add(1));
        };
        if info.pop_time != pop_time {
            return Acknowledged::Outdated;
        }
        if !info.acknowledge(queue_offset) {
            return Acknowledged::Unknown;
        }
        let next = info.next_offset();
        state.changed(queue, self.clock.now_millis());
        next.map_or(Acknowledged::Outdated, Acknowledged::Next)
    }

    /// Hides a message popped at `pop_time` until another time (`updateNextVisibleTime`).
    pub fn set_next_visible_time(&self, queue: &PopQueue, queue_offset: i64, pop_time: i64, visible_at: i64) {
        let mut state = self.state.lock();
        if let Some(info) = state.table.get_mut(queue).filter(|info| info.pop_time == pop_time) {
            info.set_next_visible_time(queue_offset, visible_at);
            state.changed(queue, self.clock.now_millis());
        }
    }

    /// Resolves when there are queues that will be free again without anybody doing anything.
    pub async fn some_blocked(&self) {
        let blocked = Arc::clone(&self.state.lock().blocked);
        while self.state.lock().free_at.is_empty() {
            blocked.notified().await;
        }
    }

    /// The queues that have become free since they were asked for last.
    pub fn take_freed(&self) -> Vec<PopQueue> {
        let now = self.clock.now_millis();
        let mut state = self.state.lock();
        let mut freed = Vec::new();
        while state.free_at.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, queue)) = state.free_at.pop_first() {
                state.due.remove(&queue);
                freed.push(queue);
            }
        }
        freed
    }

    /// Forgets queues that are gone, and those nobody has popped for a day (`autoClean`).
    pub fn retain(&self, is_there: impl Fn(&PopQueue) -> bool) {
        let oldest = self.clock.now_millis().saturating_sub(FORGOTTEN_AFTER_MILLIS);
        let mut state = self.state.lock();
        let is_gone = |(queue, info): &(&PopQueue, &OrderInfo)| {
            info.last_consume_timestamp < oldest || !is_there(queue)
        };
        let gone: Vec<PopQueue> =
            state.table.iter().filter(is_gone).map(|(queue, _)| queue.clone()).collect();
        for queue in gone {
            state.remove(&queue);
        }
    }

    /// Writes the table if it has changed; blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.file.persist(|written| {
            let state = self.state.lock();
            if written == Some(state.changes) {
                return None;
            }
            let mut file = OrderFile::default();
            for (queue, info) in &state.table {
                let key = format!("{}{SEPARATOR}{}", queue.topic, queue.group);
                file.table.entry(key).or_default().insert(queue.queue_id, info.clone());
            }
            Some((state.changes, fastjson::to_vec_pretty(&file)))
        })
    }
}

impl State {
    fn insert(&mut self, queue: &PopQueue, info: OrderInfo, now: i64) {
        if self.table.len() < QUEUES_MAX || self.table.contains_key(queue) {
            self.table.insert(queue.clone(), info);
            self.changed(queue, now);
        }
    }

    fn remove(&mut self, queue: &PopQueue) {
        if self.table.remove(queue).is_some() {
            self.changes += 1;
        }
        self.forget_due(queue);
    }

    fn changed(&mut self, queue: &PopQueue, now: i64) {
        self.changes += 1;
        self.forget_due(queue);
        if let Some(at) = self.table.get(queue).and_then(|info| info.free_at(now)) {
            self.due.insert(queue.clone(), at);
            self.free_at.insert((at, queue.clone()));
            self.blocked.notify_one();
        }
    }

    fn forget_due(&mut self, queue: &PopQueue) {
        if let Some(at) = self.due.remove(queue) {
            self.free_at.remove(&(at, queue.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use runtime::clock::ManualClock;

    use super::*;
    use crate::metadata::testing::memory;

    fn popped(offsets: &[i64], pop_time: i64) -> OrderInfo {
        OrderInfo::new(None, pop_time, 10_000, offsets, pop_time)
    }

    #[tokio::test]
    async fn who_waits_for_blocked_queues_is_told_of_the_first() {
        let clock = Arc::new(ManualClock::at(1_000));
        let manager = ConsumerOrderInfoManager::load(memory().1, clock.clone()).unwrap();
        assert_eq!(manager.some_blocked().now_or_never(), None);
        let pop = async {
            tokio::task::yield_now().await;
            manager.update(&PopQueue::new("T", "G", 0), popped(&[3], 1_000), &mut OffsetInfo::default());
        };
        tokio::join!(manager.some_blocked(), pop);
        // There is one still.
        assert_eq!(manager.some_blocked().now_or_never(), Some(()));
        clock.advance(Duration::from_secs(10));
        assert_eq!(manager.take_freed().len(), 1);
        assert_eq!(manager.some_blocked().now_or_never(), None);
    }

    #[test]
    fn a_pop_in_order_survives_a_restart() {
        let clock = Arc::new(ManualClock::at(1_000));
        let (texts, files) = memory();
        let queue = PopQueue::new("T", "G", 0);
        let manager = ConsumerOrderInfoManager::load(Arc::clone(&files), clock.clone()).unwrap();
        let mut counts = OffsetInfo::default();
        manager.update(&queue, popped(&[3, 4], 1_000), &mut counts);
        assert_eq!(counts.order_counts, "0 0 0");
        assert_eq!(manager.acknowledge(&queue, 3, 1_000), Acknowledged::Next(4));
        assert_eq!(manager.acknowledge(&queue, 9, 1_000), Acknowledged::Unknown);
        assert_eq!(manager.acknowledge(&queue, 4, 999), Acknowledged::Outdated);
        manager.persist().unwrap();
        assert!(texts.text(FILE).unwrap().contains("\"T@G\""));

        let again = ConsumerOrderInfoManager::load(files, clock.clone()).unwrap();
        assert!(again.needs_block(&queue, None, 0));
        assert!(again.take_freed().is_empty());
        clock.advance(Duration::from_secs(10));
        assert!(!again.needs_block(&queue, None, 0));
        assert_eq!(again.take_freed(), std::slice::from_ref(&queue));
        let mut counts = OffsetInfo::default();
        again.update(&queue, popped(&[4, 5], 11_000), &mut counts);
        assert_eq!(counts.order_counts, "0 qo0%4 1;0 0 0");
        again.retain(|_| false);
        assert_eq!(again.acknowledge(&queue, 4, 1), Acknowledged::Next(5));
    }

    #[test]
    fn a_change_of_time_moves_the_moment_a_queue_is_free() {
        let clock = Arc::new(ManualClock::at(0));
        let manager = ConsumerOrderInfoManager::load(memory().1, clock.clone()).unwrap();
        let queue = PopQueue::new("T", "G", 0);
        manager.update(&queue, popped(&[1], 0), &mut OffsetInfo::default());
        manager.set_next_visible_time(&queue, 1, 0, 2_000);
        clock.advance(Duration::from_secs(2));
        assert_eq!(manager.take_freed(), std::slice::from_ref(&queue));
        manager.update(&queue, popped(&[1], 2_000), &mut OffsetInfo::default());
        assert_eq!(manager.acknowledge(&queue, 1, 2_000), Acknowledged::Next(2));
        clock.advance(Duration::from_secs(60));
        assert!(manager.take_freed().is_empty());
    }
}
