//! Which member of an orderly group owns which queue (`RebalanceLockManager`).
//!
//! Invariants: within a group a queue has at most one owner; an owner that does not renew its claim
//! within `rebalanceLockMaxLiveTime` may be replaced. There are at most [`LOCKS_MAX`] claims in all.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use remoting::body::consumer::MessageQueue;
use runtime::clock::Clock;

/// Claims in all groups together.
pub const LOCKS_MAX: usize = 1_000_000;

/// The queues orderly consumers own.
#[derive(Debug)]
pub struct RebalanceLockManager {
    table: Mutex<Table>,
    max_live: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Table {
    groups: HashMap<String, HashMap<MessageQueue, Lock>>,
    count: usize,
}

#[derive(Debug)]
struct Lock {
    client_id: Arc<str>,
    held_until: Duration,
}

impl Lock {
    fn is_expired(&self, now: Duration) -> bool {
        now > self.held_until
    }
}

impl RebalanceLockManager {
    /// No claims; each holds for `max_live` after it was made or renewed.
    pub fn new(max_live: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { table: Mutex::default(), max_live, clock }
    }

    /// Claims queues for a client, or renews its claims; those it owns now (`tryLockBatch`).
    pub fn lock_batch(&self, group: &str, queues: &[MessageQueue], client_id: &str) -> Vec<MessageQueue> {
        let now = self.clock.monotonic();
        let client_id: Arc<str> = client_id.into();
        let mut table = self.table.lock();
        if table.count + queues.len() > LOCKS_MAX {
            table.drop_expired(now);
        }
        let mut owned = Vec::with_capacity(queues.len());
        for queue in queues {
            if table.lock(group, queue, &client_id, now, now + self.max_live) {
                owned.push(queue.clone());
            }
        }
        owned
    }

    /// Claims one queue; whether the client owns it now (`tryLock`).
    pub fn try_lock(&self, group: &str, queue: &MessageQueue, client_id: &str) -> bool {
        !self.lock_batch(group, std::slice::from_ref(queue), client_id).is_empty()
    }

    /// Gives queues back; those of others are left alone.
    pub fn unlock_batch(&self, group: &str, queues: &[MessageQueue], client_id: &str) {
        let mut guard = self.table.lock();
        let table = &mut *guard;
        let Some(locks) = table.groups.get_mut(group) else {
            tracing::debug!(group, client_id, "queues given back of a group that owns none");
            return;
        };
        for queue in queues {
            match locks.get(queue) {
                Some(lock) if &*lock.client_id == client_id => {
                    locks.remove(queue);
                    table.count -= 1;
                    tracing::info!(group, client_id, %queue, "queue unlocked");
                }
                Some(lock) => {
                    tracing::warn!(group, client_id, owner = %lock.client_id, %queue, "queue of another client");
                }
                None => tracing::debug!(group, client_id, %queue, "queue was not locked"),
            }
        }
        if locks.is_empty() {
            table.groups.remove(group);
        }
    }

    /// Whether no member of a group owns a queue (`isLockAllExpired`).
    pub fn is_unlocked(&self, group: &str) -> bool {
        let now = self.clock.monotonic();
        let table = self.table.lock();
        table.groups.get(group).is_none_or(|locks| locks.values().all(|lock| lock.is_expired(now)))
    }

    /// Forgets claims nobody renewed; to be called now and then.
    pub fn expire(&self) {
        self.table.lock().drop_expired(self.clock.monotonic());
    }

    /// Claims there are, expired ones included.
    pub fn len(&self) -> usize {
        self.table.lock().count
    }

    /// Whether there are no claims.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    fn lock(
        &mut self,
        group: &str,
        queue: &MessageQueue,
        client_id: &Arc<str>,
        now: Duration,
        held_until: Duration,
    ) -> bool {
        if let Some(lock) = self.groups.get_mut(group).and_then(|locks| locks.get_mut(queue)) {
            if lock.client_id != *client_id {
                if !lock.is_expired(now) {
                    tracing::debug!(group, %client_id, owner = %lock.client_id, %queue, "queue is locked");
                    return false;
                }
                tracing::warn!(group, %client_id, owner = %lock.client_id, %queue, "expired lock taken over");
                lock.client_id = Arc::clone(client_id);
            }
            lock.held_until = held_until;
            return true;
        }
        if self.count >= LOCKS_MAX {
            tracing::error!(group, %client_id, %queue, "no room for more queue locks");
            return false;
        }
        tracing::info!(group, %client_id, %queue, "queue locked");
        let lock = Lock { client_id: Arc::clone(client_id), held_until };
        self.groups.entry(group.to_owned()).or_default().insert(queue.clone(), lock);
        self.count += 1;
        true
    }

    fn drop_expired(&mut self, now: Duration) {
        self.groups.retain(|_, locks| {
            locks.retain(|_, lock| !lock.is_expired(now));
            !locks.is_empty()
        });
        self.count = self.groups.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;

    const LOCK_MAX_LIVE: Duration = Duration::from_secs(60);

    fn queues(ids: &[i32]) -> Vec<MessageQueue> {
        ids.iter().map(|id| MessageQueue::new("T", "b", *id)).collect()
    }

    #[test]
    fn a_queue_has_one_owner_until_it_falls_silent() {
        let clock = Arc::new(ManualClock::at(0));
        let locks = RebalanceLockManager::new(LOCK_MAX_LIVE, Arc::clone(&clock) as Arc<dyn Clock>);
        assert!(locks.is_unlocked("G"));
        assert_eq!(locks.lock_batch("G", &queues(&[0, 1]), "a"), queues(&[0, 1]));
        assert_eq!(locks.lock_batch("G", &queues(&[1, 2]), "b"), queues(&[2]));
        assert!(locks.try_lock("H", &queues(&[0])[0], "b"), "groups do not share locks");
        assert!(!locks.is_unlocked("G"));

        clock.advance(Duration::from_secs(40));
        assert!(locks.try_lock("G", &queues(&[0])[0], "a"), "renewed");
        clock.advance(LOCK_MAX_LIVE.saturating_sub(Duration::from_secs(39)));
        assert_eq!(locks.lock_batch("G", &queues(&[0, 1]), "b"), queues(&[1]));
        clock.advance(LOCK_MAX_LIVE + Duration::from_millis(1));
        assert!(locks.is_unlocked("G"));
        locks.expire();
        assert!(locks.is_empty());
    }

    #[test]
    fn only_the_owner_unlocks() {
        let locks = RebalanceLockManager::new(LOCK_MAX_LIVE, Arc::new(ManualClock::at(0)));
        locks.lock_batch("G", &queues(&[0, 1]), "a");
        locks.unlock_batch("G", &queues(&[0, 1]), "b");
        locks.unlock_batch("X", &queues(&[0]), "a");
        assert_eq!(locks.len(), 2);
        locks.unlock_batch("G", &queues(&[0, 5]), "a");
        assert!(locks.try_lock("G", &queues(&[0])[0], "b"));
        locks.unlock_batch("G", &queues(&[1]), "a");
        locks.unlock_batch("G", &queues(&[0]), "b");
        assert!(locks.is_empty());
    }

    #[test]
    fn a_wall_clock_jump_does_not_expire_locks() {
        let clock = Arc::new(ManualClock::at(0));
        let locks = RebalanceLockManager::new(LOCK_MAX_LIVE, Arc::clone(&clock) as Arc<dyn Clock>);
        locks.lock_batch("G", &queues(&[0]), "a");
        clock.jump_to(1_000_000_000);
        assert!(!locks.try_lock("G", &queues(&[0])[0], "b"));
    }
}
