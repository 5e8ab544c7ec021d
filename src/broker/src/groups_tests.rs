use runtime::clock::ManualClock;

use super::*;
use crate::{
    metadata::{
        MemoryMetadata,
        testing::{broker_config, memory},
    },
    topics::Created,
};

fn load(broker: &BrokerConfig, metadata: Arc<dyn MetadataStore>) -> SubscriptionGroupManager {
    SubscriptionGroupManager::load(broker, metadata, Arc::new(ManualClock::at(1_000))).unwrap()
}

#[test]
fn groups_are_made_on_first_use_where_that_is_allowed() {
    let broker = broker_config();
    let groups = load(&broker, memory().1);
    assert_eq!(groups.len(), 8);
    assert!(groups.contains("TOOLS_CONSUMER") && groups.contains("CID_RMQ_SYS_TRANS"));
    assert_eq!(groups.find_or_create("TOOLS_CONSUMER").unwrap().created, Created::Existing);
    assert_eq!(groups.find_or_create("G").unwrap().created, Created::New);
    assert_eq!(groups.find_or_create("G").unwrap().created, Created::Existing);
    assert_eq!(groups.data_version().counter, 1);
    assert!(groups.find_or_create("no/slash").is_none());
    assert!(groups.find_or_create(&"g".repeat(256)).is_none());

    groups.reconfigure(&BrokerConfig { auto_create_subscription_group: false, ..broker.clone() });
    assert!(groups.find_or_create("H").is_none());
    assert!(groups.find_or_create("CID_RMQ_SYS_X").is_some());
    groups.reconfigure(&BrokerConfig {
        auto_create_subscription_group: false,
        enable_create_sys_group: false,
        ..broker
    });
    assert!(groups.find_or_create("CID_RMQ_SYS_Y").is_none());
}

#[test]
fn updates_and_deletions_are_changes() {
    let groups = load(&broker_config(), memory().1);
    let config = SubscriptionGroupConfig { retry_max_times: 3, ..SubscriptionGroupConfig::new("G") };
    assert_eq!(groups.update(config.clone()).unwrap().created, Created::New);
    assert_eq!(groups.update(config).unwrap().created, Created::Changed);
    assert!(groups.disable_consume("G"));
    assert!(!groups.find("G").unwrap().consume_enable);
    assert!(!groups.disable_consume("none"));
    assert_eq!(groups.data_version().counter, 3);
    groups.forbid("G", "T", ForbiddenBit::Read).unwrap();
    assert_eq!(groups.delete("G").unwrap().retry_max_times, 3);
    assert!(groups.snapshot().forbidden.is_empty());
    assert_eq!(groups.delete("G"), None);
    let nameless = SubscriptionGroupConfig::new("");
    assert_eq!(groups.update(nameless).unwrap_err(), GroupError::Name(String::new()));
    let attributed = SubscriptionGroupConfig {
        attributes: [("+a".to_owned(), "b".to_owned())].into(),
        ..SubscriptionGroupConfig::new("H")
    };
    assert_eq!(groups.update(attributed).unwrap_err().to_string(), "unsupported key: a");
}

#[test]
fn allowing_one_topic_leaves_the_others_forbidden() {
    let groups = load(&broker_config(), memory().1);
    for topic in ["T", "U"] {
        groups.forbid("G", topic, ForbiddenBit::Read).unwrap();
    }
    assert!(groups.is_forbidden("G", "T", ForbiddenBit::Read));
    assert!(!groups.is_forbidden("G", "T", ForbiddenBit::Write));
    assert_eq!(groups.forbidden_bits("G", "T"), 4);
    let version = groups.data_version();
    groups.allow("G", "T", ForbiddenBit::Read).unwrap();
    assert!(!groups.is_forbidden("G", "T", ForbiddenBit::Read));
    assert!(groups.is_forbidden("G", "U", ForbiddenBit::Read));
    assert_eq!(groups.data_version().counter, version.counter + 1);
}

/// Written by a Java 5.3.3 broker, one of its groups.
const JAVA_FILE: &str = "{\n\t\"dataVersion\":{\n\t\t\"counter\":3,\n\t\t\"stateVersion\":0,\n\t\t\
    \"timestamp\":1795230281691\n\t},\n\t\"forbiddenTable\":{\n\t\t\"ShapeGroup\":{\n\t\t\t\
    \"ShapeTopic\":4\n\t\t}\n\t},\n\t\"subscriptionGroupTable\":{\n\t\t\"ShapeGroup\":{\n\t\t\t\
    \"attributes\":{},\n\t\t\t\"brokerId\":0,\n\t\t\t\"consumeBroadcastEnable\":true,\n\t\t\t\
    \"consumeEnable\":true,\n\t\t\t\"consumeFromMinEnable\":true,\n\t\t\t\
    \"consumeMessageOrderly\":false,\n\t\t\t\"consumeTimeoutMinute\":15,\n\t\t\t\
    \"groupName\":\"ShapeGroup\",\n\t\t\t\"groupRetryPolicy\":{\n\t\t\t\t\"type\":\"CUSTOMIZED\"\n\t\t\t},\n\t\t\t\
    \"groupSysFlag\":0,\n\t\t\t\"notifyConsumerIdsChangedEnable\":true,\n\t\t\t\"retryMaxTimes\":3,\n\t\t\t\
    \"retryQueueNums\":1,\n\t\t\t\"whichBrokerWhenConsumeSlowly\":1\n\t\t}\n\t}\n}";

#[test]
fn javas_file_is_read_and_written() {
    // The same, but that the groups come first.
    let parts: Vec<_> =
        JAVA_FILE.trim_start_matches("{\n").trim_end_matches("\n}").split(",\n\t\"").collect();
    let [version, forbidden, groups] = parts[..] else { panic!("{parts:?}") };
    let ours = format!("{{\n\t\"{groups},\n\t\"{forbidden},\n{version}\n}}");
    assert_eq!(fastjson::to_vec_pretty(&parse(JAVA_FILE).unwrap()), ours.as_bytes());
    let memory = Arc::new(MemoryMetadata::with(GROUPS_FILE, JAVA_FILE));
    let groups = load(&broker_config(), Arc::clone(&memory) as Arc<dyn MetadataStore>);
    assert_eq!(groups.find("ShapeGroup").unwrap().retry_max_times, 3);
    assert!(groups.is_forbidden("ShapeGroup", "ShapeTopic", ForbiddenBit::Read));
    groups.find_or_create("G").unwrap();
    groups.persist().unwrap();
    assert_eq!(load(&broker_config(), memory).snapshot(), groups.snapshot());
}

#[test]
fn a_group_more_is_written_behind_the_others() {
    let memory = Arc::new(MemoryMetadata::default());
    let groups = load(&broker_config(), Arc::clone(&memory) as Arc<dyn MetadataStore>);
    let text = || memory.text(GROUPS_FILE).unwrap();
    let persist = || {
        groups.persist().unwrap();
        let again = load(&broker_config(), Arc::clone(&memory) as Arc<dyn MetadataStore>);
        assert_eq!(again.snapshot(), groups.snapshot());
    };
    groups.forbid("z", "T", ForbiddenBit::Read).unwrap();
    groups.find_or_create("z").unwrap();
    persist();
    let before = text();
    groups.find_or_create("b").unwrap();
    groups.find_or_create("a").unwrap();
    persist();
    let kept = before.rfind(TABLE_END).unwrap();
    assert_eq!(text()[..kept], before[..kept]);
    assert!(text()[kept..].starts_with(",\n\t\t\"a\":{"));

    // Anything else writes the whole, in order.
    groups.disable_consume("b");
    groups.find_or_create("y").unwrap();
    persist();
    assert!(text().find("\"b\":").unwrap() < text().find("\"z\":{\n\t\t\t\"attributes").unwrap());
    groups.allow("z", "T", ForbiddenBit::Read).unwrap();
    persist();
    groups.delete("z").unwrap();
    persist();
}

#[test]
fn an_older_file_has_no_forbidden_table() {
    for text in ["{\"subscriptionGroupTable\":{}}", "{\"forbiddenTable\":null}"] {
        assert!(parse(text).unwrap().forbidden_table.is_empty());
    }
}
