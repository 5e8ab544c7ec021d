use std::time::Duration;

use super::*;

fn room(order: WakeOrder) -> Arc<PopWaitingRoom> {
    let limits = PollingLimits { all: 4, places: 3, at_one_place: 1, force_notify_interval: 800 };
    Arc::new(PopWaitingRoom::new(limits, order))
}

fn queue(queue_id: i32) -> PopQueue {
    PopQueue::new("T", "G", queue_id)
}

fn arrive(room: &PopWaitingRoom, topic: &str, next_queue_offset: i64) {
    room.arrived(&Arrival {
        topic: &Arc::from(topic),
        queue_id: 1,
        next_queue_offset,
        tags_code: 7,
        store_timestamp: 0,
        properties: &[],
    });
}

async fn is_woken(parked: &mut ParkedPop) -> bool {
    tokio::time::timeout(Duration::from_millis(10), parked.woken()).await.is_ok()
}

#[tokio::test]
async fn a_message_wakes_one_waiter_for_its_queue_and_one_for_all() {
    let room = room(WakeOrder::FirstToExpire);
    let mut later = room.park(&queue(ALL_QUEUES), 20, None).unwrap();
    let mut sooner = room.park(&queue(ALL_QUEUES), 10, None).unwrap();
    let mut here = room.park(&queue(1), 30, None).unwrap();
    let mut elsewhere = room.park(&queue(2), 30, None).unwrap();
    arrive(&room, "T", 1);
    assert!(is_woken(&mut sooner).await && is_woken(&mut here).await);
    assert!(!is_woken(&mut later).await && !is_woken(&mut elsewhere).await);
    drop((later, elsewhere));
    assert!(room.is_empty() && room.state.lock().topics.is_empty());
    assert!(room.state.lock().retry_topics.is_empty());
}

#[tokio::test]
async fn retries_wake_and_filters_hold_until_a_wake_is_forced() {
    let room = room(WakeOrder::LastToExpire);
    let mut parked = room.park(&queue(3), 10, Some(Arc::new(|arrival| arrival.tags_code == 8))).unwrap();
    arrive(&room, "T", 1);
    arrive(&room, "%RETRY%G+T", 1);
    assert!(!is_woken(&mut parked).await);
    arrive(&room, "%RETRY%G_T", 800);
    assert!(is_woken(&mut parked).await);
}

#[tokio::test]
async fn a_wake_that_is_not_noticed_is_passed_on() {
    let room = room(WakeOrder::FirstToExpire);
    let first = room.park(&queue(1), 10, None).unwrap();
    let mut second = room.park(&queue(1), 20, None).unwrap();
    assert!(room.wake(&queue(1)));
    assert!(!is_woken(&mut second).await);
    drop(first);
    assert!(is_woken(&mut second).await);
}

#[tokio::test]
async fn no_more_wait_than_may() {
    let room = room(WakeOrder::FirstToExpire);
    let mut parked: Vec<_> = [1, 1, 2, 3].map(|id| room.park(&queue(id), 10, None).unwrap()).into();
    assert!(room.park(&queue(1), 10, None).is_err());
    parked.pop();
    assert_eq!((room.waiting(&queue(1)), room.len()), (2, 3));
    assert!(room.park(&queue(1), 10, None).is_err(), "two wait there already");
    parked.push(room.park(&queue(4), 10, None).unwrap());
    parked.pop();
    room.close();
    assert!(is_woken(&mut parked[0]).await);
    assert!(room.park(&queue(1), 10, None).is_err());
    drop(parked);
    assert!(room.is_empty());
}
