//! Where pulls wait that found nothing (`PullRequestHoldService`).
//!
//! A pull parks under its queue with the offset it wants and the tags it takes; the arrival of a message
//! wakes exactly those it serves, at once and on the spot. Invariant: whoever parks looks at the queue
//! once more before waiting, so that an arrival between the first look and the parking is not missed.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use runtime::shared_map::SharedMap;
use store::arrival::Arrival;
use tokio::sync::oneshot;

/// Pulls that may wait at once; one more is answered at once instead.
const PARKED_MAX: usize = 1_000_000;

/// Says whether a message that has arrived is one the pull takes.
pub type Takes = Arc<dyn Fn(&Arrival<'_>) -> bool + Send + Sync>;

/// Parked pulls by topic and queue.
#[derive(Default)]
pub struct ArrivalBoard {
    topics: SharedMap<Arc<str>, HashMap<i32, Vec<Waiter>>>,
    parked: AtomicUsize,
    next_id: AtomicU64,
    closed: AtomicBool,
}

struct Waiter {
    id: u64,
    queue_offset: i64,
    takes: Takes,
    wake: oneshot::Sender<()>,
}

/// What a pull waits for.
pub struct Wanted<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The queue.
    pub queue_id: i32,
    /// The first queue offset not seen yet.
    pub queue_offset: i64,
    /// Which messages count.
    pub takes: Takes,
}

/// A parked pull; leaves the board when dropped.
pub struct Parked<'a> {
    board: &'a ArrivalBoard,
    topic: Arc<str>,
    queue_id: i32,
    id: u64,
    woken: oneshot::Receiver<()>,
}

impl ArrivalBoard {
    /// Parks a pull; `None` when no more may wait.
    pub fn park(&self, wanted: Wanted<'_>) -> Option<Parked<'_>> {
        if self.parked.fetch_add(1, Ordering::SeqCst) >= PARKED_MAX || self.closed.load(Ordering::SeqCst) {
            self.parked.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (wake, woken) = oneshot::channel();
        let topic: Arc<str> = Arc::from(wanted.topic);
        let waiter = Waiter { id, queue_offset: wanted.queue_offset, takes: wanted.takes, wake };
        self.topics.entry(Arc::clone(&topic)).or_default().entry(wanted.queue_id).or_default().push(waiter);
        let parked = Parked { board: self, topic, queue_id: wanted.queue_id, id, woken };
        // A board that closed meanwhile wakes nobody who came late.
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        Some(parked)
    }

    /// A message has arrived: wakes the pulls it serves.
    pub fn arrived(&self, arrival: &Arrival<'_>) {
        if self.parked.load(Ordering::SeqCst) == 0 {
            return;
        }
        let Some(mut queues) = self.topics.get_mut(arrival.topic) else { return };
        let Some(waiters) = queues.get_mut(&arrival.queue_id) else { return };
        let mut at = 0;
        while let Some(waiter) = waiters.get(at) {
            if arrival.next_queue_offset > waiter.queue_offset && (waiter.takes)(arrival) {
                self.wake(waiters.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }

    /// Wakes everybody and lets nobody wait any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for mut queues in self.topics.iter_mut() {
            for (_, waiters) in queues.drain() {
                for waiter in waiters {
                    self.wake(waiter);
                }
            }
        }
    }

    /// Number of parked pulls.
    pub fn len(&self) -> usize {
        self.parked.load(Ordering::SeqCst)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn wake(&self, waiter: Waiter) {
        self.parked.fetch_sub(1, Ordering::SeqCst);
        // The pull may have given up in this very moment.
        let _ = waiter.wake.send(());
    }

    fn leave(&self, topic: &str, queue_id: i32, id: u64) {
        let mut topic_is_empty = false;
        if let Some(mut queues) = self.topics.get_mut(topic) {
            if let Some(waiters) = queues.get_mut(&queue_id) {
                if let Some(at) = waiters.iter().position(|waiter| waiter.id == id) {
                    waiters.swap_remove(at);
                    self.parked.fetch_sub(1, Ordering::SeqCst);
                }
                if waiters.is_empty() {
                    queues.remove(&queue_id);
                }
            }
            topic_is_empty = queues.is_empty();
        }
        if topic_is_empty {
            self.topics.remove_if(topic, |_, queues| queues.is_empty());
        }
    }
}

impl fmt::Debug for ArrivalBoard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ArrivalBoard").field("parked", &self.len()).finish_non_exhaustive()
    }
}

impl Parked<'_> {
    /// Resolves when a message has arrived or the board was closed.
    pub async fn woken(&mut self) {
        // An error says the waker is gone, which is a wake too.
        let _ = (&mut self.woken).await;
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.board.leave(&self.topic, self.queue_id, self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn wanted(queue_id: i32, queue_offset: i64, tag: Option<i64>) -> Wanted<'static> {
        let takes: Takes = Arc::new(move |arrival| tag.is_none_or(|tag| tag == arrival.tags_code));
        Wanted { topic: "T", queue_id, queue_offset, takes }
    }

    fn arrive(board: &ArrivalBoard, next_queue_offset: i64, tags_code: i64) {
        let topic = &Arc::from("T");
        let (queue_id, store_timestamp, properties) = (0, 0, &[][..]);
        board.arrived(&Arrival {
            topic,
            queue_id,
            next_queue_offset,
            tags_code,
            store_timestamp,
            properties,
        });
    }

    async fn is_woken(parked: &mut Parked<'_>) -> bool {
        tokio::time::timeout(Duration::from_millis(10), parked.woken()).await.is_ok()
    }

    #[tokio::test]
    async fn an_arrival_wakes_whom_it_serves() {
        let board = ArrivalBoard::default();
        let mut served = board.park(wanted(0, 5, None)).unwrap();
        let mut other_queue = board.park(wanted(1, 5, None)).unwrap();
        let mut other_tag = board.park(wanted(0, 5, Some(9))).unwrap();
        let mut ahead = board.park(wanted(0, 6, None)).unwrap();
        arrive(&board, 6, 7);
        tokio::time::timeout(LONG, served.woken()).await.unwrap();
        assert!(!is_woken(&mut other_queue).await);
        assert!(!is_woken(&mut other_tag).await);
        assert!(!is_woken(&mut ahead).await);
        assert_eq!(board.len(), 3);
        arrive(&board, 7, 9);
        tokio::time::timeout(LONG, other_tag.woken()).await.unwrap();
        tokio::time::timeout(LONG, ahead.woken()).await.unwrap();
    }

    #[tokio::test]
    async fn leaving_frees_the_place() {
        let board = ArrivalBoard::default();
        drop(board.park(wanted(0, 5, None)));
        assert!(board.is_empty());
        assert!(board.topics.is_empty());
        arrive(&board, 6, 0);
        assert!(board.is_empty());
    }

    #[tokio::test]
    async fn closing_wakes_everybody() {
        let board = ArrivalBoard::default();
        let mut parked = board.park(wanted(3, 0, None)).unwrap();
        board.close();
        tokio::time::timeout(LONG, parked.woken()).await.unwrap();
        drop(parked);
        assert!(board.park(wanted(3, 0, None)).is_none());
        assert!(board.is_empty());
    }
}
