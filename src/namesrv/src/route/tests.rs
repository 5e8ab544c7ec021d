//! The tables, driven as the processors drive them.

use std::{net::SocketAddr, time::Duration};

use common::{
    data_version::DataVersion,
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};
use remoting::{
    body::{
        registration::TopicConfigAndMappingSerializeWrapper,
        route::{QueueData, TopicQueueMappingInfo, TopicRouteData},
    },
    connection::{ConnectionHandle, ConnectionId},
};

use super::{
    ActingMaster, BrokerAddr, Cause, Departure, MinBrokerIdChange, RegisterError, RegisterPolicy,
    Registration, TopicKind, WritePermission,
    register::Registered,
    tables::{LIVE_MAX, NAME_MAX_BYTES, RouteTables},
};

const NOW: Duration = Duration::from_secs(1_000);
const TIMEOUT: Duration = Duration::from_secs(120);

fn connection() -> ConnectionId {
    ConnectionHandle::closed(SocketAddr::from(([127, 0, 0, 1], 1))).id()
}

/// Broker `id` of the group `b` in cluster `C`, at `b<id>:1`, with two topics.
fn broker(id: i64) -> Registration {
    let mut registration = Registration {
        cluster_name: "C".into(),
        broker_name: "b".into(),
        broker_addr: format!("b{id}:1"),
        broker_id: id,
        ha_server_addr: format!("b{id}:2"),
        zone_name: None,
        timeout: TIMEOUT,
        enable_acting_master: Some(true),
        topics: TopicConfigAndMappingSerializeWrapper::default(),
        filter_servers: Some(Vec::new()),
        connection: connection(),
    };
    registration.topics.data_version = DataVersion { counter: 1, state_version: 0, timestamp: 1 };
    with_topics(registration, &["T", "U"])
}

fn with_topics(mut registration: Registration, names: &[&str]) -> Registration {
    let topics = names.iter().map(|name| ((*name).to_owned(), TopicConfig::new(*name, 4)));
    registration.topics.topic_config_table = topics.collect();
    registration
}

#[expect(clippy::needless_pass_by_value, reason = "registrations are made where they are used")]
fn register(tables: &mut RouteTables, registration: Registration) -> Registered {
    tables.register(&registration, NOW, RegisterPolicy::default()).unwrap()
}

fn asked(id: i64) -> Departure {
    let broker = BrokerAddr { cluster_name: "C".into(), addr: format!("b{id}:1") };
    Departure { broker, broker_name: "b".into(), broker_id: id, cause: Cause::Asked }
}

fn route(tables: &RouteTables, topic: &str) -> TopicRouteData {
    tables.pickup(topic, ActingMaster::Unsupported).unwrap()
}

#[test]
fn a_master_brings_its_topics() {
    let mut tables = RouteTables::default();
    assert_eq!(register(&mut tables, broker(0)), Registered::default());
    let found = route(&tables, "T");
    assert_eq!(found.broker_datas[0].broker_addrs, [(0, "b0:1".to_owned())].into());
    assert!(found.broker_datas[0].enable_acting_master);
    let queues = QueueData {
        broker_name: "b".into(),
        perm: Permission::READ_WRITE,
        read_queue_nums: 4,
        topic_sys_flag: 0,
        write_queue_nums: 4,
    };
    assert_eq!(found.queue_datas, [queues]);
    assert_eq!(tables.pickup("V", ActingMaster::Supported), None);
}

#[test]
fn a_slave_learns_its_master_and_brings_no_topics() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    let told = register(&mut tables, with_topics(broker(1), &["only-on-slave", "T"]));
    assert_eq!((told.master_addr.as_deref(), told.ha_server_addr.as_deref()), (Some("b0:1"), Some("b0:2")));
    assert_eq!(tables.pickup("only-on-slave", ActingMaster::Unsupported), None);
    assert_eq!(route(&tables, "T").broker_datas[0].broker_addrs.len(), 2);
}

#[test]
fn one_topic_of_a_broker_that_never_registered_is_refused_without_a_trace() {
    let mut tables = RouteTables::default();
    let single = || with_topics(broker(0), &["T"]);
    let refused = tables.register(&single(), NOW, RegisterPolicy::default());
    assert_eq!(refused.unwrap_err(), RegisterError::NotRegisteredYet);
    assert!(tables.cluster_info().broker_addr_table.is_empty());
    register(&mut tables, broker(0));
    register(&mut tables, with_topics(broker(0), &["V"]));
    assert_eq!(tables.all_topics().topic_list.len(), 3);
}

#[test]
fn topics_change_with_the_data_version_only() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    let mut changed = broker(0);
    changed.topics.topic_config_table.get_mut("T").unwrap().write_queue_nums = 8;
    register(&mut tables, changed.clone());
    assert_eq!(route(&tables, "T").queue_datas[0].write_queue_nums, 4);
    changed.topics.data_version.counter = 2;
    register(&mut tables, changed);
    assert_eq!(route(&tables, "T").queue_datas[0].write_queue_nums, 8);
}

#[test]
fn topics_a_broker_no_longer_names_stay_unless_configured() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    register(&mut tables, with_topics(broker(0), &["T", "V"]));
    assert_eq!(tables.all_topics().topic_list.len(), 3);
    let policy = RegisterPolicy { delete_missing_topics: true, ..RegisterPolicy::default() };
    tables.register(&with_topics(broker(0), &["T", "V"]), NOW, policy).unwrap();
    assert_eq!(tables.all_topics().topic_list.into_iter().collect::<Vec<_>>(), ["T", "V"]);
}

#[test]
fn an_address_stands_once_in_a_group() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(1));
    let mut promoted = broker(0);
    promoted.broker_addr = "b1:1".into();
    register(&mut tables, promoted);
    assert_eq!(tables.member_group("C", "b").broker_addrs, [(0, "b1:1".to_owned())].into());
}

#[test]
fn an_outdated_holder_of_an_id_is_ignored() {
    let mut tables = RouteTables::default();
    let mut current = broker(0);
    current.topics.data_version.state_version = 2;
    register(&mut tables, current);
    let mut outdated = broker(0);
    outdated.broker_addr = "old:1".into();
    outdated.topics.data_version.state_version = 1;
    register(&mut tables, outdated.clone());
    assert_eq!(tables.member_group("C", "b").broker_addrs[&0], "b0:1");
    assert!(tables.data_version(&BrokerAddr { cluster_name: "C".into(), addr: "old:1".into() }).is_none());
    outdated.topics.data_version.state_version = 2;
    register(&mut tables, outdated);
    assert_eq!(tables.member_group("C", "b").broker_addrs[&0], "old:1");
}

#[test]
fn the_last_broker_takes_its_name_and_topics_with_it() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    register(&mut tables, broker(1));
    tables.unregister(vec![asked(0)], NOW);
    assert_eq!(tables.member_group("C", "b").broker_addrs.len(), 1);
    assert_eq!(tables.all_topics().topic_list.len(), 2);
    tables.unregister(vec![asked(1)], NOW);
    let info = tables.cluster_info();
    assert!(info.broker_addr_table.is_empty() && info.cluster_addr_table.is_empty());
    assert!(tables.topics.is_empty() && tables.live.is_empty());
}

#[test]
fn a_slave_stands_in_for_a_lost_master_for_reading() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    register(&mut tables, broker(1));
    register(&mut tables, broker(2));
    tables.unregister(vec![asked(0)], NOW);
    let found = tables.pickup("T", ActingMaster::Supported).unwrap();
    assert_eq!(found.queue_datas[0].perm, Permission::READ);
    let addrs = [(0, "b1:1".to_owned()), (2, "b2:1".to_owned())];
    assert_eq!(found.broker_datas[0].broker_addrs, addrs.into());
    assert!(!route(&tables, "T").broker_datas[0].broker_addrs.contains_key(&0));
    // The slave's own registrations keep the topic read-only, the master's give the right to write back.
    let mut prime_slave = broker(1);
    prime_slave.topics.data_version.counter = 5;
    register(&mut tables, prime_slave);
    assert_eq!(route(&tables, "T").queue_datas[0].perm, Permission::READ);
    register(&mut tables, broker(0));
    assert_eq!(route(&tables, "T").queue_datas[0].perm, Permission::READ_WRITE);
}

#[test]
fn members_of_a_group_see_who_they_are() {
    let mut tables = RouteTables::default();
    let topic = "rmq_sys_SYNC_BROKER_MEMBER_b";
    register(&mut tables, with_topics(broker(1), &[topic, "T"]));
    let found = tables.pickup(topic, ActingMaster::Supported).unwrap();
    assert!(found.broker_datas[0].broker_addrs.contains_key(&1));
}

#[test]
fn groups_that_allow_no_acting_master_keep_their_ids() {
    let mut tables = RouteTables::default();
    for id in [0, 1] {
        register(&mut tables, Registration { enable_acting_master: None, ..broker(id) });
    }
    tables.unregister(vec![asked(0)], NOW);
    let found = tables.pickup("T", ActingMaster::Supported).unwrap();
    assert_eq!(found.queue_datas[0].perm, Permission::READ_WRITE);
    assert!(found.broker_datas[0].broker_addrs.contains_key(&1));
}

#[test]
fn a_new_smallest_id_is_told_to_the_others() {
    let mut tables = RouteTables::default();
    let policy = RegisterPolicy { notify_min_broker_id: true, ..RegisterPolicy::default() };
    let mut come = |id| tables.register(&broker(id), NOW, policy).unwrap().notice;
    assert_eq!((come(2), come(3)), (None, None));
    let expected = MinBrokerIdChange {
        min_broker_id: 0,
        min_broker_addr: "b0:1".into(),
        offline_broker_addr: None,
        ha_broker_addr: Some("b0:2".into()),
        tell: vec!["b2:1".into(), "b3:1".into()],
    };
    assert_eq!(come(0), Some(expected));
    let left = tables.unregister(vec![asked(0)], NOW);
    let expected = MinBrokerIdChange {
        min_broker_id: 2,
        min_broker_addr: "b2:1".into(),
        offline_broker_addr: Some("b0:1".into()),
        ha_broker_addr: None,
        tell: vec!["b2:1".into(), "b3:1".into()],
    };
    assert_eq!(left, [expected]);
    assert_eq!(tables.unregister(vec![asked(3)], NOW), []);
    assert_eq!(tables.unregister(vec![asked(2)], NOW), []);
}

#[test]
fn silent_brokers_are_found_and_those_heard_of_since_stay() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    register(&mut tables, Registration { timeout: TIMEOUT * 2, ..broker(1) });
    assert_eq!(tables.silent(NOW + TIMEOUT), []);
    let later = NOW + TIMEOUT + Duration::from_millis(1);
    let silent = tables.silent(later);
    assert_eq!(silent, [Departure { cause: Cause::Silent, ..asked(0) }]);
    let mut heard = RouteTables::default();
    register(&mut heard, broker(0));
    heard.heard(&silent[0].broker, later);
    heard.unregister(silent.clone(), later);
    assert_eq!(heard.live.len(), 1);
    tables.unregister(silent, later);
    assert_eq!(tables.member_group("C", "b").broker_addrs.keys().collect::<Vec<_>>(), [&1]);
}

#[test]
fn a_broker_that_came_back_over_another_connection_stays() {
    let mut tables = RouteTables::default();
    let first = broker(0);
    let lost = first.connection;
    register(&mut tables, first);
    let departures = tables.departures_of(lost);
    assert_eq!(departures.len(), 1);
    register(&mut tables, broker(0));
    tables.unregister(departures, NOW);
    assert_eq!(tables.live.len(), 1);
    assert!(tables.departures_of(lost).is_empty());
}

#[test]
fn all_brokers_of_a_connection_leave_with_it() {
    let mut tables = RouteTables::default();
    let connection = connection();
    for id in [0, 1] {
        register(&mut tables, Registration { connection, ..broker(id) });
    }
    let departures = tables.departures_of(connection);
    tables.unregister(departures, NOW);
    assert!(tables.live.is_empty() && tables.groups.is_empty());
}

#[test]
fn the_right_to_write_is_changed_until_the_broker_changes() {
    let mut tables = RouteTables::default();
    let mut readable = broker(0);
    readable.topics.topic_config_table.get_mut("U").unwrap().perm = Permission(7);
    register(&mut tables, readable.clone());
    assert_eq!(tables.change_write_permission("b", WritePermission::Wipe), 2);
    assert_eq!(route(&tables, "U").queue_datas[0].perm, Permission(5));
    register(&mut tables, readable);
    assert_eq!(route(&tables, "U").queue_datas[0].perm, Permission(5));
    assert_eq!(tables.change_write_permission("b", WritePermission::Add), 2);
    assert_eq!(route(&tables, "U").queue_datas[0].perm, Permission(6));
    assert_eq!(tables.change_write_permission("nobody", WritePermission::Add), 0);
}

#[test]
fn topics_are_listed_by_cluster_and_kind() {
    let mut tables = RouteTables::default();
    let mut first = broker(0);
    let both = TOPIC_SYS_FLAG_UNIT | TOPIC_SYS_FLAG_UNIT_SUB;
    first.topics.topic_config_table.get_mut("T").unwrap().topic_sys_flag = both;
    first.topics.topic_config_table.get_mut("U").unwrap().topic_sys_flag = TOPIC_SYS_FLAG_UNIT_SUB;
    register(&mut tables, first);
    let other = Registration {
        cluster_name: "D".into(),
        broker_name: "d".into(),
        broker_addr: "d:1".into(),
        ..with_topics(broker(0), &["V", "W"])
    };
    register(&mut tables, other);
    let names = |list: remoting::body::topic_list::TopicList| list.topic_list.into_iter().collect::<Vec<_>>();
    assert_eq!(names(tables.topics_of_cluster("C")), ["T", "U"]);
    assert!(names(tables.topics_of_cluster("E")).is_empty());
    assert_eq!(names(tables.unit_topics(TopicKind::Unit)), ["T"]);
    assert_eq!(names(tables.unit_topics(TopicKind::UnitSub)), ["T", "U"]);
    assert_eq!(names(tables.unit_topics(TopicKind::UnitSubUnUnit)), ["U"]);
    let system = tables.system_topics();
    assert_eq!(system.broker_addr.as_deref(), Some("b0:1"));
    assert_eq!(names(system), ["C", "D", "b", "d"]);
}

#[test]
fn topics_are_deleted_everywhere_or_in_one_cluster() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    register(
        &mut tables,
        Registration {
            cluster_name: "D".into(),
            broker_name: "d".into(),
            broker_addr: "d:1".into(),
            ..broker(0)
        },
    );
    tables.delete_topic_in_cluster("T", "nowhere");
    tables.delete_topic_in_cluster("T", "C");
    assert_eq!(route(&tables, "T").queue_datas[0].broker_name, "d");
    tables.delete_topic_in_cluster("T", "D");
    tables.delete_topic("U");
    assert!(tables.all_topics().topic_list.is_empty());
}

#[test]
fn a_single_topic_is_registered_on_known_brokers_only() {
    let mut tables = RouteTables::default();
    register(&mut tables, broker(0));
    let queues =
        |name: &str| QueueData { broker_name: name.into(), write_queue_nums: 2, ..QueueData::default() };
    tables.register_topic("X", &[queues("b"), queues("unknown")]);
    assert!(!tables.topics.contains_key("X"));
    tables.register_topic("X", &[queues("b")]);
    tables.register_topic("T", &[queues("b")]);
    assert_eq!(route(&tables, "X").queue_datas, [queues("b")]);
    assert_eq!(route(&tables, "T").queue_datas, [queues("b")]);
}

#[test]
fn mappings_and_filter_servers_are_part_of_the_route() {
    let mut tables = RouteTables::default();
    let mut registration = broker(0);
    let mapping = TopicQueueMappingInfo { bname: "b".into(), topic: "T".into(), ..Default::default() };
    registration.topics.topic_queue_mapping_info_map.insert("T".into(), mapping.clone());
    registration.filter_servers = Some(vec!["f:1".into()]);
    register(&mut tables, registration.clone());
    registration.filter_servers = None;
    register(&mut tables, registration.clone());
    let found = route(&tables, "T");
    assert_eq!(found.topic_queue_mapping_by_broker, Some([("b".to_owned(), mapping)].into()));
    assert_eq!(found.filter_server_table["b0:1"], ["f:1"]);
    registration.filter_servers = Some(Vec::new());
    register(&mut tables, registration);
    assert!(route(&tables, "T").filter_server_table.is_empty());
    tables.unregister(vec![asked(0)], NOW);
    assert!(tables.mappings.is_empty());
}

#[test]
fn the_tables_are_bounded() {
    let mut tables = RouteTables::default();
    let long = Registration { zone_name: Some("z".repeat(NAME_MAX_BYTES + 1)), ..broker(0) };
    assert!(matches!(tables.register(&long, NOW, RegisterPolicy::default()), Err(RegisterError::Limit(_))));
    let topics = with_topics(broker(0), &["T", &"x".repeat(NAME_MAX_BYTES + 1)]);
    register(&mut tables, topics);
    assert_eq!(tables.all_topics().topic_list.len(), 1);
    let live = tables.live.values().next().unwrap().clone();
    let addr = |port| BrokerAddr { cluster_name: "C".into(), addr: format!("b:{port}") };
    tables.live.extend((1..LIVE_MAX).map(|port| (addr(port), live.clone())));
    let one_more = tables.register(&broker(1), NOW, RegisterPolicy::default());
    assert!(matches!(one_more, Err(RegisterError::Limit("number of brokers"))));
    let known = Registration { broker_addr: format!("b:{}", LIVE_MAX - 1), ..broker(0) };
    register(&mut tables, known);
}
