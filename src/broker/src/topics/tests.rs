use common::{fastjson, topic::TopicFilterType};
use runtime::clock::ManualClock;
use serde_json::Value;

use super::{file::TABLE_END, *};
use crate::metadata::{
    MemoryMetadata,
    testing::{broker_config, memory, store_config},
};

fn load(broker: &BrokerConfig, metadata: Arc<dyn MetadataStore>) -> TopicConfigManager {
    TopicConfigManager::load(broker, &store_config(), metadata, Arc::new(ManualClock::at(1_000))).unwrap()
}

fn fresh() -> (TopicConfigManager, Arc<MemoryMetadata>) {
    let (memory, metadata) = memory();
    (load(&broker_config(), metadata), memory)
}

fn wanted<'a>(topic: &'a str, template: &'a str) -> FromTemplate<'a> {
    FromTemplate { topic, template, client_queue_nums: 4, sys_flag: 1 }
}

#[test]
fn a_new_broker_has_rocketmqs_topics() {
    let (topics, memory) = fresh();
    let shape = |name: &str| topics.find(name).map(|topic| (topic.read_queue_nums, topic.perm.0));
    let expected = [
        ("SELF_TEST_TOPIC", 1, 6),
        ("TBW102", 8, 7),
        ("BenchmarkTest", 1024, 6),
        ("C", 16, 7),
        ("broker-a", 1, 7),
        ("OFFSET_MOVED_EVENT", 1, 6),
        ("SCHEDULE_TOPIC_XXXX", 18, 6),
        ("C_REPLY_TOPIC", 1, 6),
        ("rmq_sys_REVIVE_LOG_C", 8, 6),
        ("rmq_sys_SYNC_BROKER_MEMBER_broker-a", 1, 1),
        ("RMQ_SYS_TRANS_HALF_TOPIC", 1, 6),
        ("RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, 6),
        ("rmq_sys_wheel_timer", 1, 6),
    ];
    for (name, queues, perm) in expected {
        assert_eq!(shape(name), Some((queues, perm)), "{name}");
        assert!(topics.is_system(name), "{name}");
    }
    assert_eq!(topics.len(), expected.len());
    assert!(!topics.is_system("C2"));
    assert_eq!(topics.data_version(), DataVersion::born(1_000));
    topics.persist().unwrap();
    assert_eq!(memory.text(TOPICS_FILE), None, "nothing has changed yet");
}

#[test]
fn start_topics_follow_the_configuration() {
    let broker = BrokerConfig {
        auto_create_topic_enable: false,
        cluster_topic_enable: false,
        trace_topic_enable: true,
        msg_trace_topic_name: "traces".to_owned(),
        ..broker_config()
    };
    let topics = load(&broker, memory().1);
    assert!(!topics.contains("TBW102"));
    assert!(topics.is_system("TBW102"));
    assert_eq!(topics.find("C").unwrap().perm, Permission::INHERIT);
    assert!(topics.contains("traces") && topics.is_system("traces"));
    assert!(topics.system_topics().contains(&"traces".to_owned()));
}

#[test]
fn a_topic_is_made_after_its_template() {
    let (topics, _) = fresh();
    let before = topics.data_version();
    let made = topics.create_from_template(&wanted("orders", "TBW102")).unwrap();
    assert_eq!(made.created, Created::New);
    assert_eq!((made.config.read_queue_nums, made.config.write_queue_nums), (4, 4));
    assert_eq!((made.config.perm, made.config.topic_sys_flag), (Permission::READ_WRITE, 1));
    assert_eq!(made.config.topic_filter_type, TopicFilterType::SingleTag);
    assert_eq!(topics.data_version().counter, before.counter + 1);

    let again = topics.create_from_template(&wanted("orders", "nothing")).unwrap();
    assert_eq!(again.created, Created::Existing);
    let wide = FromTemplate { client_queue_nums: 100, ..wanted("wide", "TBW102") };
    assert_eq!(topics.create_from_template(&wide).unwrap().config.write_queue_nums, 8);
    let negative = FromTemplate { client_queue_nums: -1, ..wanted("none", "TBW102") };
    assert_eq!(topics.create_from_template(&negative).unwrap().config.write_queue_nums, 0);
}

#[test]
fn a_template_has_to_exist_and_to_inherit() {
    let (topics, _) = fresh();
    assert!(matches!(
        topics.create_from_template(&wanted("t", "nothing")),
        Err(TopicError::NoTemplate { .. })
    ));
    assert!(matches!(
        topics.create_from_template(&wanted("t", "BenchmarkTest")),
        Err(TopicError::NotInheritable { permission: Permission(6), .. })
    ));
    assert_eq!(
        topics.create_from_template(&wanted("../t", "TBW102")).unwrap_err(),
        TopicError::Name(InvalidTopic::IllegalCharacter)
    );
    assert!(!topics.contains("t"));
}

#[test]
fn tbw102_closes_when_topics_are_no_longer_made_by_themselves() {
    let (topics, memory) = fresh();
    let version = topics.data_version();
    topics.reconfigure(&BrokerConfig { auto_create_topic_enable: false, ..broker_config() });
    assert_eq!(topics.find("TBW102").unwrap().perm.0, 7);
    assert!(topics.create_from_template(&wanted("t", "TBW102")).is_err());
    assert_eq!(topics.find("TBW102").unwrap().perm, Permission::READ_WRITE);
    assert_eq!(topics.data_version(), version);
    topics.persist().unwrap();
    assert!(memory.text(TOPICS_FILE).is_some());
    assert!(topics.create_from_template(&wanted("t", "C")).is_ok(), "other templates still work");
}

#[test]
fn retry_topics_take_over_the_order() {
    let (topics, _) = fresh();
    let create = |order| {
        topics.create_retry("%RETRY%G", 1, Permission::READ_WRITE, order, TOPIC_SYS_FLAG_UNIT_SUB).unwrap()
    };
    assert_eq!(create(Order::None).created, Created::New);
    assert_eq!(create(Order::None).created, Created::Existing);
    let version = topics.data_version();
    assert_eq!(create(Order::Kept).created, Created::Changed);
    assert!(topics.is_order("%RETRY%G"));
    assert_eq!(topics.data_version().counter, version.counter + 1);
    let long = names::retry_topic(&"g".repeat(NAME_LENGTH_MAX_BYTES));
    assert!(topics.create_retry(&long, 1, Permission::READ_WRITE, Order::None, 0).is_ok());
    let too_long = names::retry_topic(&"g".repeat(NAME_LENGTH_MAX_BYTES + 1));
    assert!(topics.create_retry(&too_long, 1, Permission::READ_WRITE, Order::None, 0).is_err());
}

#[test]
fn an_update_alters_attributes() {
    let (topics, _) = fresh();
    let with = |key: &str, value: &str| TopicConfig {
        attributes: [(key.to_owned(), value.to_owned())].into(),
        ..TopicConfig::new("T", 2)
    };
    let made = topics.update(with("+message.type", "FIFO")).unwrap();
    assert_eq!(made.created, Created::New);
    assert_eq!(made.config.attributes["message.type"], "FIFO");
    let kept = topics.update(TopicConfig::new("T", 7)).unwrap();
    assert_eq!(kept.created, Created::Changed);
    assert_eq!((kept.config.read_queue_nums, kept.config.attributes.len()), (7, 1));
    let error = topics.update(with("+cleanup.policy", "COMPACTION")).unwrap_err();
    assert!(matches!(error, TopicError::Attribute(AttributeError::Unchangeable(_))));
    assert_eq!(topics.find("T").unwrap(), kept.config, "a refused update changes nothing");
}

#[test]
fn flags_orders_and_deletions_are_changes() {
    let (topics, _) = fresh();
    topics.create_if_absent(TopicConfig::new("T", 1)).unwrap();
    assert_eq!(topics.create_if_absent(TopicConfig::new("T", 9)).unwrap().config.read_queue_nums, 1);
    topics.set_unit("T", UnitFlag::Set).unwrap();
    assert_eq!(topics.set_unit_sub("T", UnitFlag::Set).unwrap().topic_sys_flag, 3);
    assert_eq!(topics.set_unit("T", UnitFlag::Clear).unwrap().topic_sys_flag, 2);
    assert_eq!(topics.set_unit("none", UnitFlag::Set), None);
    assert_eq!(topics.mark_ordered(["T", "none"]), 1);
    assert_eq!(topics.mark_ordered(["T"]), 0);
    assert_eq!(topics.data_version().counter, 5);
    assert!(topics.delete("T").unwrap().order);
    assert_eq!(topics.delete("T"), None);
    assert_eq!(topics.data_version().counter, 6);
}

#[test]
fn the_number_of_topics_is_bounded() {
    let (topics, _) = fresh();
    for number in topics.len()..TOPICS_MAX {
        let name = format!("t{number}");
        topics.table.insert(name.clone(), Arc::new(TopicConfig::new(name, 1)));
    }
    assert_eq!(topics.create_from_template(&wanted("more", "TBW102")).unwrap_err(), TopicError::TooMany);
    assert!(topics.update(TopicConfig::new("t500", 3)).is_ok());
}

/// Written by a Java 5.3.3 broker, two of its topics.
const JAVA_FILE: &str = "{\n\t\"dataVersion\":{\n\t\t\"counter\":1,\n\t\t\"stateVersion\":0,\n\t\t\
    \"timestamp\":1795229518717\n\t},\n\t\"topicConfigTable\":{\n\t\t\"SCHEDULE_TOPIC_XXXX\":{\n\t\t\t\
    \"attributes\":{},\n\t\t\t\"order\":false,\n\t\t\t\"perm\":6,\n\t\t\t\"readQueueNums\":18,\n\t\t\t\
    \"topicFilterType\":\"SINGLE_TAG\",\n\t\t\t\"topicName\":\"SCHEDULE_TOPIC_XXXX\",\n\t\t\t\
    \"topicSysFlag\":0,\n\t\t\t\"writeQueueNums\":18\n\t\t},\n\t\t\"ShapeTopic\":{\n\t\t\t\
    \"attributes\":{\n\t\t\t\t\"message.type\":\"FIFO\"\n\t\t\t},\n\t\t\t\"order\":false,\n\t\t\t\"perm\":6,\n\t\t\t\
    \"readQueueNums\":4,\n\t\t\t\"topicFilterType\":\"SINGLE_TAG\",\n\t\t\t\"topicName\":\"ShapeTopic\",\n\t\t\t\
    \"topicSysFlag\":0,\n\t\t\t\"writeQueueNums\":4\n\t\t}\n\t}\n}";

#[test]
fn javas_file_is_read_and_written() {
    let (version, table) = JAVA_FILE.strip_prefix('{').unwrap().split_once(",\n\t\"topic").unwrap();
    let ours = ["{\n\t\"topic", table.strip_suffix("\n}").unwrap(), ",", version, "\n}"].concat();
    assert_eq!(fastjson::to_vec_pretty(&TopicsFile::parse(JAVA_FILE).unwrap()), ours.as_bytes());

    let memory = Arc::new(MemoryMetadata::with(TOPICS_FILE, JAVA_FILE));
    let topics = load(&broker_config(), Arc::clone(&memory) as Arc<dyn MetadataStore>);
    assert_eq!(topics.find("ShapeTopic").unwrap().attributes["message.type"], "FIFO");
    assert_eq!(topics.len(), 14);
    assert_eq!(
        topics.data_version(),
        DataVersion { counter: 1, state_version: 0, timestamp: 1_795_229_518_717 }
    );
    topics.persist().unwrap();
    assert_eq!(memory.text(TOPICS_FILE).as_deref(), Some(JAVA_FILE), "an unchanged table is not written");

    topics.create_from_template(&wanted("orders", "TBW102")).unwrap();
    topics.persist().unwrap();
    let written: Value = serde_json::from_str(&memory.text(TOPICS_FILE).unwrap()).unwrap();
    assert_eq!(written["dataVersion"]["counter"], 2);
    assert_eq!(written["topicConfigTable"]["orders"]["writeQueueNums"], 4);
    let again = load(&broker_config(), memory);
    assert_eq!(again.snapshot(), topics.snapshot());
}

#[test]
fn a_new_topic_is_written_behind_the_others() {
    let (topics, memory) = fresh();
    let text = || memory.text(TOPICS_FILE).unwrap();
    let create = |name: &str| {
        topics.create_if_absent(TopicConfig::new(name, 1)).unwrap();
    };
    let persist = || {
        topics.persist().unwrap();
        let again = load(&broker_config(), Arc::clone(&memory) as Arc<dyn MetadataStore>);
        assert_eq!(again.snapshot(), topics.snapshot());
    };
    create("z");
    persist();
    let before = text();
    create("b");
    create("a");
    persist();
    let grown = text();
    let kept = before.len() - before.rfind(TABLE_END).map(|end| before.len() - end).unwrap();
    assert_eq!(grown[..kept], before[..kept]);
    assert!(grown[kept..].starts_with(",\n\t\t\"a\":{\n\t\t\t\"attributes\":{}"));

    // Anything else writes the whole, in order.
    topics.set_unit("b", UnitFlag::Set).unwrap();
    create("y");
    persist();
    assert!(text().find("\"b\":").unwrap() < text().find("\"z\":").unwrap());
    topics.delete("z").unwrap();
    persist();
    create("z");
    persist();
    assert!(text().find("\"z\":").unwrap() > text().find("\"y\":").unwrap());

    // Somebody else has written the file.
    memory.save(TOPICS_FILE, JAVA_FILE).unwrap();
    create("c");
    persist();
}

#[test]
fn a_damaged_file_is_no_empty_table() {
    let memory = Arc::new(MemoryMetadata::with(TOPICS_FILE, "{\"topicConfigTable\":"));
    let loaded =
        TopicConfigManager::load(&broker_config(), &store_config(), memory, Arc::new(ManualClock::at(0)));
    assert!(matches!(loaded, Err(MetadataError::Damaged { .. })));
}
