use std::net::{Ipv4Addr, SocketAddr};

use remoting::command::Language;
use runtime::clock::ManualClock;

use super::*;
use crate::metadata::testing::broker_config;

struct Setup {
    clock: Arc<ManualClock>,
    notifier: Arc<ConsumerIdsNotifier>,
    consumers: ConsumerManager,
}

/// Notifications wait to be flushed, so that a test can count them.
fn setup() -> Setup {
    let clock = Arc::new(ManualClock::at(0));
    let broker = BrokerConfig { real_time_notify_consumer_change: false, ..broker_config() };
    let notifier = Arc::new(ConsumerIdsNotifier::new(&broker));
    let consumers =
        ConsumerManager::new(&broker, Arc::clone(&notifier), Arc::clone(&clock) as Arc<dyn Clock>);
    Setup { clock, notifier, consumers }
}

impl Setup {
    fn channel(&self, client_id: &str) -> ClientChannel {
        let handle = ConnectionHandle::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        ClientChannel::new(handle, client_id, Language::JAVA, 479, &*self.clock)
    }

    fn again(&self, channel: &ClientChannel) -> ClientChannel {
        ClientChannel::new(channel.handle.clone(), &channel.client_id, Language::JAVA, 479, &*self.clock)
    }

    fn beat(&self, group: &str, channel: &ClientChannel, subscriptions: Subscriptions) -> bool {
        self.beat_as(group, channel, subscriptions, MessageModel::Clustering).unwrap()
    }

    fn beat_as(
        &self,
        group: &str,
        channel: &ClientChannel,
        subscriptions: Subscriptions,
        message_model: MessageModel,
    ) -> Result<bool, RegisterError> {
        self.consumers.register(Registration {
            group,
            channel: self.again(channel),
            consume_type: Some(ConsumeType::Passively),
            message_model: Some(message_model),
            consume_from_where: Some(ConsumeFromWhere::LastOffset),
            subscriptions,
            notify: Notify::Members,
        })
    }

    /// How many groups were told of a change since the last question.
    fn told(&self) -> usize {
        let told = self.notifier.waiting();
        self.notifier.flush();
        told
    }

    fn version(&self, group: &str, topic: &str) -> Option<i64> {
        self.consumers.find_subscription(group, topic).map(|subscription| subscription.data.sub_version)
    }
}

fn to(topics: &[(&str, i64)]) -> Subscriptions {
    let data = |(topic, sub_version): &(&str, i64)| Subscription::all(topic, *sub_version).data;
    Subscriptions::Replace(topics.iter().map(data).collect())
}

#[test]
fn a_member_is_new_once() {
    let setup = setup();
    let a = setup.channel("a");
    assert!(setup.beat("G", &a, to(&[("T", 1)])));
    assert!(!setup.beat("G", &a, to(&[("T", 1)])));
    assert_eq!(setup.told(), 1);
    let b = setup.channel("b");
    assert!(setup.beat("G", &b, to(&[("T", 1)])));
    let mut ids = setup.consumers.client_ids("G").unwrap();
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(setup.consumers.find_client("G", "b").unwrap().id(), b.id());
    assert_eq!(&*setup.consumers.find_member("G", a.id()).unwrap().client_id, "a");
    assert!(setup.consumers.find_client("H", "b").is_none());
    assert!(setup.consumers.client_ids("H").is_none());
}

#[test]
fn subscriptions_follow_the_newest_heartbeat() {
    let setup = setup();
    let a = setup.channel("a");
    setup.beat("G", &a, to(&[("T", 5), ("U", 5)]));
    assert!(!setup.beat("G", &a, to(&[("T", 4), ("U", 6)])), "other versions are no change");
    assert_eq!((setup.version("G", "T"), setup.version("G", "U")), (Some(5), Some(6)));
    assert!(setup.beat("G", &a, to(&[("T", 7)])), "a topic that is gone is");
    assert_eq!(setup.version("G", "U"), None);
    assert_eq!(setup.consumers.subscription_count("G"), 1);
    assert!(!setup.beat("G", &a, Subscriptions::Keep));
    assert_eq!(setup.version("G", "T"), Some(7));
}

#[test]
fn topics_know_their_groups() {
    let setup = setup();
    let (a, b) = (setup.channel("a"), setup.channel("b"));
    setup.beat("G", &a, to(&[("T", 1), ("U", 1)]));
    setup.beat("H", &b, to(&[("T", 1)]));
    let groups = |topic| setup.consumers.groups_of_topic(topic).into_iter().collect::<Vec<_>>();
    assert_eq!(groups("T"), ["G", "H"]);
    setup.beat("G", &a, to(&[("U", 2)]));
    assert_eq!(groups("T"), ["H"]);
    setup.consumers.connection_closed(a.id());
    assert!(groups("U").is_empty());
    setup.consumers.unregister("H", b.id(), Notify::Members);
    assert!(groups("T").is_empty());
    assert!(setup.consumers.index.lock().by_topic.is_empty());
}

#[test]
fn a_closed_connection_leaves_all_its_groups() {
    let setup = setup();
    let (a, b) = (setup.channel("a"), setup.channel("b"));
    setup.beat("G", &a, to(&[("T", 1)]));
    setup.beat("H", &a, to(&[("T", 1)]));
    setup.beat("H", &b, to(&[("T", 1)]));
    setup.told();
    assert!(setup.consumers.connection_closed(a.id()));
    assert!(!setup.consumers.connection_closed(a.id()));
    assert_eq!(setup.consumers.groups(), ["H"]);
    assert_eq!(setup.consumers.client_ids("H").unwrap(), ["b"]);
    assert_eq!(setup.told(), 1, "only a group that is still there");
}

#[test]
fn leaving_tells_the_others_unless_the_group_says_no() {
    let setup = setup();
    let (a, b, c) = (setup.channel("a"), setup.channel("b"), setup.channel("c"));
    for member in [&a, &b, &c] {
        setup.beat("G", member, to(&[("T", 1)]));
    }
    setup.told();
    setup.consumers.unregister("G", a.id(), Notify::Members);
    assert_eq!(setup.told(), 1);
    setup.consumers.unregister("G", b.id(), Notify::Nobody);
    assert_eq!(setup.told(), 0);
    setup.consumers.unregister("G", c.id(), Notify::Members);
    setup.consumers.unregister("G", c.id(), Notify::Members);
    assert!(setup.consumers.group("G").is_none());
    assert!(setup.consumers.index.lock().by_connection.is_empty());
}

#[test]
fn broadcasting_members_do_not_hear_of_each_other() {
    let setup = setup();
    let (a, b) = (setup.channel("a"), setup.channel("b"));
    for member in [&a, &b] {
        assert_eq!(setup.beat_as("G", member, to(&[("T", 1)]), MessageModel::Broadcasting), Ok(true));
    }
    assert!(setup.consumers.group("G").unwrap().is_broadcasting());
    setup.consumers.connection_closed(a.id());
    assert_eq!(setup.told(), 0);
}

#[test]
fn one_connection_is_one_member_whatever_it_calls_itself() {
    let setup = setup();
    let a = setup.channel("a");
    setup.beat("G", &a, to(&[("T", 1)]));
    let renamed = ClientChannel { client_id: "b".into(), ..a };
    assert!(!setup.beat("G", &renamed, to(&[("T", 1)])));
    assert_eq!(setup.consumers.client_ids("G").unwrap(), ["b"]);
}

#[test]
fn silent_members_expire() {
    let setup = setup();
    let (a, b) = (setup.channel("a"), setup.channel("b"));
    setup.beat("G", &a, to(&[("T", 1)]));
    setup.beat("G", &b, to(&[("T", 1)]));
    setup.clock.advance(Duration::from_secs(100));
    setup.beat("G", &b, to(&[("T", 1)]));
    setup.clock.jump_to(i64::MAX / 2);
    assert!(setup.consumers.expire().is_empty(), "a wall clock jump expires nobody");
    setup.clock.advance(Duration::from_secs(21));
    setup.told();
    let expired: Vec<_> = setup.consumers.expire().iter().map(ClientChannel::id).collect();
    assert_eq!(expired, [a.id()]);
    assert_eq!(setup.consumers.client_ids("G").unwrap(), ["b"]);
    assert_eq!(setup.told(), 1);
    setup.clock.advance(Duration::from_secs(121));
    assert_eq!(setup.consumers.expire().len(), 1);
    assert!(setup.consumers.groups().is_empty());
    assert!(setup.consumers.index.lock().by_connection.is_empty());
}

#[test]
fn pulls_without_heartbeats_are_compensated_for() {
    let setup = setup();
    let subscription = Arc::new(Subscription::all("T", 3));
    setup.consumers.compensate_modes("G", ConsumeType::Actively, MessageModel::Clustering);
    setup.consumers.compensate_subscription("G", "T", &subscription);
    assert_eq!(setup.version("G", "T"), Some(3));
    assert_eq!(
        setup.consumers.modes("G"),
        Some((Some(ConsumeType::Actively), Some(MessageModel::Clustering)))
    );
    assert!(setup.consumers.consumption("G", "T").is_none(), "that is no member");

    setup.beat("G", &setup.channel("a"), to(&[("T", 9)]));
    assert_eq!(setup.version("G", "T"), Some(9), "heartbeats come first");
    assert_eq!(setup.consumers.consumption("G", "T").unwrap().subscription.unwrap().data.sub_version, 9);
    assert!(setup.consumers.consumption("G", "U").unwrap().subscription.is_none());

    setup.clock.advance(Duration::from_secs(601));
    setup.consumers.expire();
    assert!(setup.consumers.compensation.is_empty());
}

#[test]
fn tables_are_bounded() {
    let setup = setup();
    let a = setup.channel("a");
    let many: Vec<_> =
        (0..=SUBSCRIPTIONS_MAX).map(|number| Subscription::all(&number.to_string(), 1).data).collect();
    let refused = setup.beat_as("G", &a, Subscriptions::Replace(many), MessageModel::Clustering);
    assert_eq!(refused, Err(RegisterError::TooManySubscriptions));
    assert!(setup.consumers.group("G").is_none());

    for number in 0..GROUPS_PER_CONNECTION_MAX {
        setup.beat(&format!("g{number}"), &a, Subscriptions::Keep);
    }
    let beat = |group| setup.beat_as(group, &a, Subscriptions::Keep, MessageModel::Clustering);
    assert_eq!(beat("one-more"), Err(RegisterError::TooManyGroupsOfConnection));
    assert_eq!(beat("g7"), Ok(false));
}
