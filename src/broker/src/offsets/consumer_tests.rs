use runtime::clock::ManualClock;

use super::*;
use crate::metadata::{
    MemoryMetadata,
    testing::{broker_config, memory},
};

/// Every queue begins at the same offset.
struct Begin(i64);

impl QueueOffsets for Begin {
    fn min_queue_offset(&self, _: &str, _: i32) -> i64 {
        self.0
    }

    fn max_queue_offset(&self, _: &str, _: i32) -> i64 {
        100
    }

    fn is_in_memory(&self, _: &str, _: i32, _: i64) -> bool {
        false
    }
}

fn load(metadata: Arc<dyn MetadataStore>) -> ConsumerOffsetManager {
    ConsumerOffsetManager::load(&broker_config(), metadata, Arc::new(ManualClock::at(1_000))).unwrap()
}

fn fresh() -> ConsumerOffsetManager {
    load(memory().1)
}

fn commit(offsets: &ConsumerOffsetManager, group: &str, topic: &str, queue_id: i32, queue_offset: i64) {
    offsets.commit(&"test", group, topic, queue_id, queue_offset).unwrap();
}

#[test]
fn what_is_committed_is_found() {
    let offsets = fresh();
    assert_eq!(offsets.query("G", "T", 0), None);
    commit(&offsets, "G", "T", 0, 7);
    commit(&offsets, "G", "T", 1, 0);
    commit(&offsets, "G", "T", 0, 5);
    assert_eq!(offsets.query("G", "T", 0), Some(5), "an offset may go back");
    assert_eq!(offsets.query_all("G", "T"), Some([(0, 5), (1, 0)].into()));
    assert_eq!(offsets.query("T", "G", 0), None);
    commit(&offsets, "G", "T", 2, -1);
    assert_eq!(offsets.query("G", "T", 2), None, "below zero means none");
}

#[test]
fn a_reset_outranks_what_is_committed_until_it_is_fetched() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    offsets.assign_reset("T", "G", 0, 3).unwrap();
    assert!(offsets.has_reset("T", "G", 0) && !offsets.has_reset("T", "G", 1));
    commit(&offsets, "G", "T", 0, 9);
    assert_eq!(offsets.query("G", "T", 0), Some(3));
    assert_eq!(offsets.query_pull("G", "T", 0), Some(3));
    assert_eq!(offsets.take_reset("T", "G", 0), Some(3));
    assert_eq!(offsets.take_reset("T", "G", 0), None);
    assert_eq!(offsets.query("G", "T", 0), Some(9));
    for (topic, group, queue_id, queue_offset) in
        [("", "G", 0, 0), ("T", "", 0, 0), ("T", "G", -1, 0), ("T", "G", 0, -1)]
    {
        assert_eq!(offsets.assign_reset(topic, group, queue_id, queue_offset), Err(OffsetError::Invalid));
    }
}

#[test]
fn resets_need_the_switch() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    offsets.assign_reset("T", "G", 0, 3).unwrap();
    commit(&offsets, "G", "T", 0, 9);
    offsets.reconfigure(&BrokerConfig { use_server_side_reset_offset: false, ..broker_config() });
    assert!(!offsets.has_reset("T", "G", 0));
    assert_eq!(offsets.query("G", "T", 0), Some(9));
}

#[test]
fn pulls_are_ahead_of_commits() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    assert_eq!(offsets.query_pull("G", "T", 0), Some(7));
    offsets.commit_pull("G", "T", 0, 20).unwrap();
    assert_eq!(offsets.query_pull("G", "T", 0), Some(20));
    assert_eq!(offsets.query("G", "T", 0), Some(7));
    offsets.clear_pull("G", "T");
    assert_eq!(offsets.query_pull("G", "T", 0), Some(7));
}

#[test]
fn groups_and_topics_are_listed_without_broadcast_offsets() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    commit(&offsets, "G", "U", 0, 7);
    commit(&offsets, "H", "T", 0, 7);
    commit(&offsets, "B@broadcast", "T", 0, 7);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(offsets.topics_of_group("G"), set(&["T", "U"]));
    assert_eq!(offsets.groups_of_topic("T"), set(&["G", "H"]));
    assert_eq!(offsets.topics_of_group("B@broadcast"), set(&[]));
    assert_eq!(offsets.group_topics().len(), 2);
    assert!(offsets.snapshot().offset_table.contains_key("T@B@broadcast"));
}

#[test]
fn cloning_copies_every_queue() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    commit(&offsets, "H", "T", 5, 1);
    offsets.clone_group("G", "H", "T").unwrap();
    offsets.clone_group("none", "H", "T").unwrap();
    assert_eq!(offsets.query_all("H", "T"), Some([(0, 7)].into()));
}

#[test]
fn removing_forgets_group_or_topic() {
    let offsets = fresh();
    commit(&offsets, "G", "T", 0, 7);
    commit(&offsets, "GG", "T", 0, 7);
    commit(&offsets, "G", "U", 0, 7);
    offsets.assign_reset("T", "G", 0, 1).unwrap();
    offsets.commit_pull("G", "T", 0, 9).unwrap();
    assert!(offsets.remove_group("G"));
    assert!(!offsets.remove_group("G"));
    assert_eq!((offsets.query_pull("G", "T", 0), offsets.has_reset("T", "G", 0)), (None, false));
    assert_eq!(offsets.query("GG", "T", 0), Some(7));
    assert!(offsets.remove_topic("T"));
    assert!(offsets.snapshot().offset_table.is_empty());
}

#[test]
fn only_offsets_nobody_can_use_are_cleared_away() {
    let offsets = fresh();
    commit(&offsets, "gone", "T", 0, 5);
    commit(&offsets, "ahead", "T", 0, 5);
    commit(&offsets, "ahead", "T", 1, 50);
    commit(&offsets, "subscribed", "T", 0, 5);
    offsets.remove_unsubscribed(&|group, _| group == "subscribed", &Begin(10));
    assert_eq!(offsets.groups_of_topic("T").into_iter().collect::<Vec<_>>(), ["ahead", "subscribed"]);
}

#[test]
fn the_smallest_offset_counts_messages_that_are_still_there() {
    let offsets = fresh();
    commit(&offsets, "a", "T", 0, 30);
    commit(&offsets, "b", "T", 0, 20);
    commit(&offsets, "c", "T", 0, 5);
    commit(&offsets, "d", "T", 0, 12);
    commit(&offsets, "a", "U", 1, 20);
    assert_eq!(offsets.min_in_all_groups("T", &["d"], &Begin(10)), [(0, 20)].into());
    assert_eq!(offsets.query("d", "T", 0), Some(12), "leaving a group out does not remove it");
}

#[test]
fn every_so_many_commits_make_a_version() {
    let offsets = fresh();
    offsets.reconfigure(&BrokerConfig { consumer_offset_update_version_step: 3, ..broker_config() });
    for queue_offset in 0..7 {
        commit(&offsets, "G", "T", 0, queue_offset);
    }
    assert_eq!(offsets.data_version().counter, 2);
}

/// Written by a Java 5.3.3 broker.
const JAVA_FILE: &str = "{\n\t\"dataVersion\":{\n\t\t\"counter\":0,\n\t\t\"stateVersion\":0,\n\t\t\
    \"timestamp\":1795229086430\n\t},\n\t\"groupTopicMap\":{\n\t\t\"ShapeGroup\":[\"ShapeTopic\"]\n\t},\n\t\
    \"offsetTable\":{\n\t\t\"ShapeTopic@ShapeGroup\":{0:0,1:10,2:20,3:30\n\t\t}\n\t}\n}";

#[test]
fn javas_file_is_read_and_written() {
    let memory = Arc::new(MemoryMetadata::with(CONSUMER_OFFSET_FILE, JAVA_FILE));
    let offsets = load(Arc::clone(&memory) as Arc<dyn MetadataStore>);
    assert_eq!(offsets.query("ShapeGroup", "ShapeTopic", 3), Some(30));
    offsets.persist().unwrap();
    let written = memory.text(CONSUMER_OFFSET_FILE).unwrap();
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(squeeze(&written), squeeze(JAVA_FILE));

    commit(&offsets, "ShapeGroup", "ShapeTopic", 3, 31);
    offsets.persist().unwrap();
    assert_eq!(load(memory).snapshot(), offsets.snapshot());
}

#[test]
fn an_unchanged_table_is_not_written_again() {
    let (memory, metadata) = memory();
    let offsets = load(metadata);
    commit(&offsets, "G", "T", 0, 1);
    offsets.persist().unwrap();
    memory.save(CONSUMER_OFFSET_FILE, "marked").unwrap();
    offsets.persist().unwrap();
    assert_eq!(memory.text(CONSUMER_OFFSET_FILE).as_deref(), Some("marked"));
    commit(&offsets, "G", "T", 0, 2);
    offsets.persist().unwrap();
    assert!(memory.text(CONSUMER_OFFSET_FILE).unwrap().contains("{0:2"));
}

#[test]
fn concurrent_commits_are_all_kept() {
    let offsets = fresh();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let offsets = &offsets;
            scope.spawn(move || {
                for queue_id in 0..200 {
                    commit(offsets, "G", "T", queue_id, 1);
                    commit(offsets, &format!("G{thread}"), "T", queue_id % 8, i64::from(queue_id));
                }
            });
        }
    });
    assert_eq!(offsets.query_all("G", "T").unwrap().len(), 200);
    assert_eq!(offsets.groups_of_topic("T").len(), 5);
}

#[test]
fn offsets_of_light_queues_stand_apart_in_a_file_of_their_own() {
    let (memory, metadata) = memory();
    memory.save(CONSUMER_OFFSET_FILE, r#"{"offsetTable":{"T@G":{"1":7}}}"#).unwrap();
    let load = || {
        let (clock, metadata) = (Arc::new(ManualClock::at(1_000)), Arc::clone(&metadata));
        ConsumerOffsetManager::load_with(&broker_config(), LightQueues::On, metadata, clock).unwrap()
    };
    let offsets = load();
    assert_eq!(offsets.query("G", "T", 1), Some(7), "taken over from before light queues");
    commit(&offsets, "%LMQ%g", "%LMQ%a", 5, 3);
    commit(&offsets, "plain", "%LMQ%a", 0, 4);
    offsets.persist().unwrap();
    let text = memory.text(LIGHT_OFFSET_FILE).unwrap().replace(char::is_whitespace, "");
    let tables = concat!(
        r#""groupTopicMap":{"G":["T"],"plain":["%LMQ%a"]},"lmqOffsetTable":{"%LMQ%a@%LMQ%g":3},"#,
        r#""offsetTable":{"%LMQ%a@plain":{0:4},"T@G":{1:7}}}"#
    );
    assert!(text.ends_with(tables), "{text}");
    let again = load();
    assert_eq!((again.query("%LMQ%g", "%LMQ%a", 9), again.query("plain", "%LMQ%a", 0)), (Some(3), Some(4)));
}
