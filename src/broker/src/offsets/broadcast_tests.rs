use runtime::clock::ManualClock;

use super::*;
use crate::metadata::testing::{broker_config, memory};

struct Young(bool);

impl QueueOffsets for Young {
    fn min_queue_offset(&self, _: &str, _: i32) -> i64 {
        0
    }

    fn max_queue_offset(&self, _: &str, _: i32) -> i64 {
        100
    }

    fn is_in_memory(&self, _: &str, _: i32, queue_offset: i64) -> bool {
        self.0 && queue_offset == 0
    }
}

struct Setup {
    clock: Arc<ManualClock>,
    committed: Arc<ConsumerOffsetManager>,
    broadcast: BroadcastOffsetManager,
}

fn setup(young: bool) -> Setup {
    let clock = Arc::new(ManualClock::at(0));
    let as_clock: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let broker = broker_config();
    let committed =
        Arc::new(ConsumerOffsetManager::load(&broker, memory().1, Arc::clone(&as_clock)).unwrap());
    let queues = Arc::new(Young(young));
    let broadcast = BroadcastOffsetManager::new(&broker, Arc::clone(&committed), queues, as_clock);
    Setup { clock, committed, broadcast }
}

use BroadcastSource::{Client, Proxy};

#[test]
fn an_unknown_client_is_told_where_to_start_only_through_a_proxy() {
    let Setup { broadcast, .. } = setup(true);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", -1, Client), None);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", 5, Proxy), None);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", -1, Proxy), Some(0));
    assert_eq!(setup(false).broadcast.query_init("T", "G", 0, "c", -1, Proxy), Some(100));
}

#[test]
fn a_client_that_moves_goes_on_where_it_was() {
    let Setup { broadcast, .. } = setup(true);
    broadcast.update("T", "G", 0, 40, "c", Client);
    broadcast.update("T", "G", 0, 30, "c", Client);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", 0, Client), None);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", 0, Proxy), Some(40), "it never goes back");
    broadcast.update("T", "G", 0, 50, "c", Proxy);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", 50, Proxy), None);
    assert_eq!(broadcast.query_init("T", "G", 0, "c", -1, Proxy), Some(50));
}

#[test]
fn the_smallest_offset_is_committed_and_silent_clients_are_forgotten() {
    let Setup { clock, committed, broadcast } = setup(false);
    broadcast.update("T", "G", 0, 40, "slow", Client);
    broadcast.update("T", "G", 0, 90, "fast", Client);
    broadcast.scan(&|_, _| false);
    assert_eq!(committed.query("G@broadcast", "T", 0), Some(40));

    clock.advance(Duration::from_secs(121));
    broadcast.update("T", "G", 0, 91, "fast", Client);
    broadcast.scan(&|_, _| false);
    assert_eq!(committed.query("G@broadcast", "T", 0), Some(91), "the slow one is gone");

    clock.advance(Duration::from_secs(200));
    broadcast.scan(&|group, client_id| (group, client_id) == ("G", "fast"));
    assert_eq!(broadcast.groups.len(), 1, "a connected client is kept longer");
    clock.advance(Duration::from_secs(100));
    broadcast.scan(&|_, _| true);
    assert_eq!(broadcast.groups.len(), 0);
    assert_eq!(broadcast.query_init("T", "G", 0, "fast", -1, Proxy), Some(91), "from what was committed");
}
