use std::net::{Ipv4Addr, SocketAddr};

use remoting::command::Language;
use runtime::clock::ManualClock;

use super::*;
use crate::metadata::testing::broker_config;

struct Setup {
    clock: Arc<ManualClock>,
    producers: ProducerManager,
}

fn setup() -> Setup {
    let clock = Arc::new(ManualClock::at(0));
    let producers = ProducerManager::new(&broker_config(), Arc::clone(&clock) as Arc<dyn Clock>);
    Setup { clock, producers }
}

impl Setup {
    fn channel(&self, client_id: &str) -> ClientChannel {
        let handle = ConnectionHandle::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        ClientChannel::new(handle, client_id, Language::JAVA, 479, &*self.clock)
    }

    fn found(&self, client_id: &str) -> Option<ConnectionId> {
        self.producers.find_client(client_id).map(|handle| handle.id())
    }
}

#[test]
fn a_client_is_found_until_its_last_group_is_gone() {
    let setup = setup();
    let a = setup.channel("a");
    for group in ["P", "Q"] {
        setup.producers.register(group, &a).unwrap();
        setup.producers.register(group, &a).unwrap();
    }
    assert_eq!(setup.found("a"), Some(a.id()));
    assert_eq!(setup.producers.members("P").unwrap().len(), 1);
    assert_eq!(setup.producers.table().keys().collect::<Vec<_>>(), ["P", "Q"]);
    setup.producers.unregister("P", a.id());
    assert!(!setup.producers.is_online("P"));
    assert_eq!(setup.found("a"), Some(a.id()), "still a member of the other group");
    assert!(setup.producers.connection_closed(a.id()));
    assert_eq!(setup.found("a"), None);
    assert!(!setup.producers.connection_closed(a.id()));
    let state = setup.producers.state.lock();
    assert!(state.groups.is_empty() && state.clients.is_empty() && state.by_connection.is_empty());
}

#[test]
fn a_client_that_came_back_survives_the_end_of_its_old_connection() {
    let setup = setup();
    let (old, new) = (setup.channel("a"), setup.channel("a"));
    setup.producers.register("P", &old).unwrap();
    setup.producers.register("P", &new).unwrap();
    setup.producers.connection_closed(old.id());
    assert_eq!(setup.found("a"), Some(new.id()));
}

#[test]
fn silent_producers_expire() {
    let setup = setup();
    let a = setup.channel("a");
    setup.producers.register("P", &a).unwrap();
    setup.clock.advance(Duration::from_secs(100));
    let b = setup.channel("b");
    setup.producers.register("P", &b).unwrap();
    setup.clock.advance(Duration::from_secs(21));
    assert_eq!(setup.producers.expire().iter().map(ClientChannel::id).collect::<Vec<_>>(), [a.id()]);
    assert_eq!((setup.found("a"), setup.found("b")), (None, Some(b.id())));
    setup.clock.advance(Duration::from_secs(60));
    let beat = ClientChannel::new(b.handle.clone(), "b", Language::JAVA, 479, &*setup.clock);
    setup.producers.register("P", &beat).unwrap();
    setup.clock.advance(Duration::from_secs(100));
    assert!(setup.producers.expire().is_empty(), "a heartbeat refreshes");
}

#[test]
fn producers_nobody_looks_for_are_only_refreshed() {
    let setup = setup();
    let a = setup.channel("a");
    setup.producers.register("P", &a).unwrap();
    setup.producers.reconfigure(&BrokerConfig {
        enable_register_producer: false,
        reject_transaction_message: true,
        ..broker_config()
    });
    setup.producers.register("Q", &a).unwrap();
    setup.producers.register("P", &a).unwrap();
    assert!(setup.producers.is_online("P") && !setup.producers.is_online("Q"));
}

#[test]
fn only_connected_members_are_available() {
    let setup = setup();
    assert!(setup.producers.available("P").is_none());
    setup.producers.register("P", &setup.channel("a")).unwrap();
    assert!(setup.producers.available("P").is_none(), "its connection is closed");
}

#[test]
fn groups_of_a_connection_are_bounded() {
    let setup = setup();
    let a = setup.channel("a");
    for number in 0..GROUPS_PER_CONNECTION_MAX {
        setup.producers.register(&format!("p{number}"), &a).unwrap();
    }
    assert_eq!(setup.producers.register("one-more", &a), Err(RegisterError::TooManyGroupsOfConnection));
    assert_eq!(setup.producers.register("p5", &a), Ok(()));
}
