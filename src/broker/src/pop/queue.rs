//! A queue as a group pops it, and turns at it: one pop, or one change of its order, at a time.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// A queue of a topic, popped by a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PopQueue {
    /// The topic, which may be a retry topic.
    pub topic: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// The queue.
    pub queue_id: i32,
}

impl PopQueue {
    /// That queue.
    pub fn new(topic: &str, group: &str, queue_id: i32) -> Self {
        Self { topic: Arc::from(topic), group: Arc::from(group), queue_id }
    }
}

impl fmt::Display for PopQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}@{}", self.topic, self.group, self.queue_id)
    }
}

type Turn = Arc<tokio::sync::Mutex<()>>;

/// Turns at queues (`QueueLockManager`). A queue nobody is at takes no place.
#[derive(Debug, Default)]
pub struct QueueLockManager {
    turns: Mutex<HashMap<PopQueue, Turn>>,
}

/// Somebody's turn at a queue; ends when dropped.
#[derive(Debug)]
pub struct QueueTurn {
    // In this order: the table forgets the queue when the turn is over.
    _turn: OwnedMutexGuard<()>,
    _interest: Interest,
}

/// That somebody is at a queue, or waits for it.
#[derive(Debug)]
struct Interest {
    manager: Arc<QueueLockManager>,
    queue: PopQueue,
}

impl QueueLockManager {
    /// The turn at a queue; `None` when it is somebody else's.
    pub fn try_lock(self: &Arc<Self>, queue: &PopQueue) -> Option<QueueTurn> {
        let interest = self.interest(queue);
        let turn = self.turn(queue).try_lock_owned().ok()?;
        Some(QueueTurn { _turn: turn, _interest: interest })
    }

    /// The turn at a queue, waited for.
    pub async fn lock(self: &Arc<Self>, queue: &PopQueue) -> QueueTurn {
        let interest = self.interest(queue);
        let turn = self.turn(queue).lock_owned().await;
        QueueTurn { _turn: turn, _interest: interest }
    }

    fn interest(self: &Arc<Self>, queue: &PopQueue) -> Interest {
        Interest { manager: Arc::clone(self), queue: queue.clone() }
    }

    fn turn(&self, queue: &PopQueue) -> Turn {
        let mut turns = self.turns.lock();
        Arc::clone(turns.entry(queue.clone()).or_default())
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut turns = self.manager.turns.lock();
        // Others are made under this lock only.
        if turns.get(&self.queue).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_is_anybodys_in_turn() {
        let manager = Arc::new(QueueLockManager::default());
        let queue = PopQueue::new("T", "G", 0);
        let first = manager.try_lock(&queue).unwrap();
        assert!(manager.try_lock(&queue).is_none());
        assert!(manager.try_lock(&PopQueue::new("T", "G", 1)).is_some());
        let wait = async { drop(manager.lock(&queue).await) };
        let free = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        tokio::join!(wait, free);
        assert!(manager.turns.lock().is_empty());
    }
}
