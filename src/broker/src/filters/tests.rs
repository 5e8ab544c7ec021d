use std::{sync::Arc, time::Duration};

use common::{config::BrokerConfig, names};
use message::properties::PropertyString;
use remoting::body::heartbeat::SubscriptionData;
use runtime::clock::{Clock, ManualClock};
use store::{consume_queue_ext::FilterBitMap, get::MessageFilter};

use super::*;
use crate::{
    clients::Subscription,
    metadata::{
        MemoryMetadata, MetadataStore,
        testing::{broker_config, memory},
    },
};

struct Fixture {
    clock: Arc<ManualClock>,
    memory: Arc<MemoryMetadata>,
    filters: Arc<ConsumerFilterManager>,
}

fn config() -> BrokerConfig {
    BrokerConfig { enable_property_filter: true, ..broker_config() }
}

fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::at(100_000));
    let (memory, _) = memory();
    let filters = load(&config(), &memory, &clock);
    Fixture { clock, memory, filters }
}

fn load(
    config: &BrokerConfig,
    memory: &Arc<MemoryMetadata>,
    clock: &Arc<ManualClock>,
) -> Arc<ConsumerFilterManager> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let filters = ConsumerFilterManager::new(config, clock).unwrap();
    filters.load(Arc::clone(memory) as Arc<dyn MetadataStore>).unwrap();
    Arc::new(filters)
}

fn sql(topic: &str, expression: &str, sub_version: i64) -> SubscriptionData {
    SubscriptionData {
        topic: topic.to_owned(),
        sub_string: expression.to_owned(),
        expression_type: Some("SQL92".to_owned()),
        sub_version,
        ..SubscriptionData::default()
    }
}

fn properties(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut properties = PropertyString::new();
    for (name, value) in pairs {
        properties.push(name, value);
    }
    properties.as_bytes().to_vec()
}

#[test]
fn the_latest_version_counts() {
    let Fixture { filters, .. } = fixture();
    let expression = || filters.get("T", "G").map(|data| data.expression.clone());
    filters.register("G", &[sql("T", "a > 5", 10)]);
    filters.register("G", &[sql("T", "a > 6", 9)]);
    filters.register("G", &[sql("T", "a > 6", 10)]);
    assert_eq!(expression().as_deref(), Some("a > 5"));
    filters.register("G", &[sql("T", "a > 6", 11)]);
    assert_eq!(expression().as_deref(), Some("a > 6"));
    filters.register("G", &[sql("T", "a >", 12)]);
    assert_eq!(expression(), None);
}

#[test]
fn subscriptions_that_are_left_out_die_and_may_live_again() {
    let Fixture { filters, clock, .. } = fixture();
    let is_dead = |topic| filters.get(topic, "G").unwrap().is_dead();
    filters.register("G", &[sql("T", "a > 5", 1), sql("U", "a > 5", 1)]);
    clock.advance(Duration::from_millis(5));
    filters.register("G", &[sql("T", "a > 5", 1), Subscription::all("V", 1).data]);
    assert!(!is_dead("T") && is_dead("U"));
    filters.unregister("G");
    assert!(is_dead("T"));
    filters.register("G", &[sql("T", "a > 5", 1)]);
    assert!(!is_dead("T") && is_dead("U"));
    assert_eq!(filters.get("T", "G").unwrap().born_millis, 100_000);
}

#[test]
fn the_file_is_javas_and_survives() {
    let Fixture { filters, clock, memory } = fixture();
    filters.persist().unwrap();
    assert_eq!(memory.text("consumerFilter.json"), None);
    filters.register("H", &[sql("T", "a > 5 AND b = 'x'", 123)]);
    filters.persist().unwrap();
    let text = memory.text("consumerFilter.json").unwrap();
    let positions = filters.get("T", "H").unwrap().bits.clone().unwrap().positions;
    let expected = format!(
        "{{\n\t\"filterDataByTopic\":{{\n\t\t\"T\":{{\n\t\t\t\"groupFilterData\":{{\n\t\t\t\t\"H\":{{\n\
         \t\t\t\t\t\"bloomFilterData\":{{\n\t\t\t\t\t\t\"bitNum\":112,\n\t\t\t\t\t\t\"bitPos\":[\n\
         \t\t\t\t\t\t\t{},\n\t\t\t\t\t\t\t{},\n\t\t\t\t\t\t\t{}\n\t\t\t\t\t\t]\n\t\t\t\t\t}},\n\
         \t\t\t\t\t\"bornTime\":100000,\n\t\t\t\t\t\"clientVersion\":123,\n\t\t\t\t\t\"consumerGroup\":\"H\",\n\
         \t\t\t\t\t\"dead\":false,\n\t\t\t\t\t\"deadTime\":0,\n\t\t\t\t\t\"expression\":\"a > 5 AND b = 'x'\",\n\
         \t\t\t\t\t\"expressionType\":\"SQL92\",\n\t\t\t\t\t\"topic\":\"T\"\n\t\t\t\t}}\n\t\t\t}},\n\
         \t\t\t\"topic\":\"T\"\n\t\t}}\n\t}}\n}}",
        positions[0], positions[1], positions[2]
    );
    assert_eq!(text, expected);
    clock.advance(Duration::from_secs(40));
    let loaded = load(&config(), &memory, &clock);
    let data = loaded.get("T", "H").unwrap();
    assert_eq!((data.dead_millis, data.client_version), (110_000, 123));
    // Another size of the bloom filter: what is in the file says nothing any more.
    let other = BrokerConfig { expect_consumer_num_use_filter: 1_000, ..config() };
    assert!(load(&other, &memory, &clock).get("T", "H").is_none());
    // A day later nobody has come back.
    clock.advance(Duration::from_secs(86_400));
    loaded.persist().unwrap();
    assert!(loaded.get("T", "H").is_none());
    assert!(!memory.text("consumerFilter.json").unwrap().contains("\"H\""));
}

#[test]
fn readers_are_told_what_is_wrong_with_their_filter() {
    let Fixture { filters, .. } = fixture();
    let subscription = Subscription::from(sql("T", "a > 5", 7));
    let subscribed = |version| filters.subscribed("G", &subscription, version).map(|_| ());
    assert_eq!(subscribed(7), Err(FilterDataError::Missing));
    filters.register("G", std::slice::from_ref(&subscription.data));
    assert_eq!(subscribed(7), Ok(()));
    assert_eq!(subscribed(8), Err(FilterDataError::NotLatest));
    assert_eq!(filters.check("a > 5", Some("SQL92")), Ok(()));
    assert_eq!(filters.check("anything", Some("TAG")), Ok(()));
    assert!(matches!(filters.check("a >", Some("SQL92")), Err(CheckError::Parse(_))));
    assert!(matches!(filters.check("a > 5", Some("LUA")), Err(CheckError::UnknownType(_))));
    let off = ConsumerFilterManager::new(&broker_config(), Arc::new(ManualClock::at(0))).unwrap();
    let error = off.check("a > 5", Some("SQL92")).unwrap_err();
    assert_eq!(error.to_string(), "The broker does not support consumer to filter message by SQL92");
    let error = Arc::new(off).brought("G", &subscription).unwrap_err();
    assert_eq!(error.to_string(), "The broker does not support consumer to filter message by SQL92");
}

#[test]
fn retried_messages_are_filtered_by_the_topic_they_came_from() {
    let Fixture { clock, memory, .. } = fixture();
    let filters = load(&BrokerConfig { filter_support_retry: true, ..config() }, &memory, &clock);
    filters.register("G", &[sql("T", "a > 5", 1)]);
    let retry = Subscription::from(sql(&names::retry_topic("G"), "a > 100", 1));
    let filter = filters.brought("G", &retry).unwrap();
    assert!(filter.matches_properties(&properties(&[("RETRY_TOPIC", "T"), ("a", "6")])));
    assert!(!filter.matches_properties(&properties(&[("RETRY_TOPIC", "T"), ("a", "5")])));
    assert!(filter.matches_properties(&properties(&[("RETRY_TOPIC", "U"), ("a", "5")])));
    let of_pop = Subscription::from(sql("%RETRY%G+T", "a > 100", 1));
    let filter = filters.brought("G", &of_pop).unwrap();
    assert!(!filter.matches_properties(&properties(&[("RETRY_TOPIC", "T"), ("a", "5")])));
}

#[test]
fn an_expression_of_a_pull_that_cannot_be_read_filters_nothing() {
    let Fixture { filters, .. } = fixture();
    let filter = filters.brought("G", &Subscription::from(sql("T", "a >", 1))).unwrap();
    assert!(filter.matches_properties(&[]));
    let filter = filters.brought("G", &Subscription::from(sql("T", "a > 5", 1))).unwrap();
    assert!(!filter.matches_properties(&properties(&[("a", "x")])));
    assert!(filter.matches_properties(&properties(&[("a", "6")])));
}

#[test]
fn bits_of_other_groups_hold_a_message_back() {
    let Fixture { clock, memory, .. } = fixture();
    let filters = load(&BrokerConfig { enable_calc_filter_bit_map: true, ..config() }, &memory, &clock);
    assert_eq!(filters.bit_map("T", &[]), None);
    filters.register("G", &[sql("T", "a > 5", 1)]);
    filters.register("H", &[sql("T", "a < 5", 1)]);
    let filter_of = |group| {
        let subscription =
            Subscription::from(filters.get("T", group).map(|data| sql("T", &data.expression, 1)).unwrap());
        filters.subscribed(group, &subscription, 1).unwrap()
    };
    let (g, h) = (filter_of("G"), filter_of("H"));
    let map = filters.bit_map("T", &properties(&[("a", "6")])).unwrap();
    assert_eq!(map.len(), 14);
    assert!(g.matches_bit_map(100_001, &map) && !h.matches_bit_map(100_001, &map));
    // Stored before the group had its expression, without bits, or with those of another size.
    assert!(
        h.matches_bit_map(100_000, &map)
            && h.matches_bit_map(100_001, &[])
            && h.matches_bit_map(100_001, &[0])
    );
    let nobodys = filters.bit_map("T", &properties(&[("a", "x")])).unwrap();
    assert_eq!(nobodys, [0; 14]);
}
