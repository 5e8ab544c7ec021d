use super::{
    TOPIC, assert_sound, checked, content, copy, flip, kinds, stop, stopped_store, store_dir, unit_at,
};
use crate::{
    message_store::tests::harness::{Harness, assert_holds, consume, message, put_many},
    offline::{
        FindingKind, OfflineError, Quiet, RebuildMode, RebuildReport, Severity, rebuild_index, rebuild_queues,
    },
};

fn queues(harness: &Harness, mode: RebuildMode) -> RebuildReport {
    rebuild_queues(&store_dir(harness), mode, &Quiet).unwrap()
}

fn index(harness: &Harness, mode: RebuildMode) -> RebuildReport {
    let clock = harness.environment().clock;
    rebuild_index(&store_dir(harness), mode, clock, &Quiet).unwrap()
}

#[test]
fn rebuilt_queues_are_the_same_bytes() {
    let harness = stopped_store(400);
    let path = harness.root().join("consumequeue");
    let before = content(&path);
    let all = content(harness.root());
    let planned = queues(&harness, RebuildMode::DryRun);
    assert_eq!((planned.entry_count, planned.container_count), (400, 2));
    assert_eq!(content(harness.root()), all, "a dry run changes nothing");
    let done = queues(&harness, RebuildMode::Write);
    assert_eq!((done.record_count, done.entry_count, done.container_count), (400, 400, 2));
    assert_eq!(content(&path), before);
    assert_eq!(content(harness.root()).keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    assert_sound(&harness);
}

#[test]
fn lost_and_broken_queues_come_back() {
    let harness = stopped_store(200);
    let path = harness.root().join("consumequeue");
    let before = content(&path);
    std::fs::remove_dir_all(&path).unwrap();
    queues(&harness, RebuildMode::Write);
    assert_eq!(content(&path), before);
    let (file, position) = super::place(&harness, 0, 25);
    super::write_at(&file, position, &[0xEE; 100]);
    queues(&harness, RebuildMode::Write);
    assert_eq!(content(&path), before);
    let store = harness.open();
    assert_holds(&store, TOPIC, 0..200);
    put_many(&store, TOPIC, 200..220);
    stop(store);
    assert_sound(&harness);
}

#[test]
fn a_killed_store_opens_after_its_queues_were_rebuilt() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..90);
    drop(store);
    assert_eq!(queues(&harness, RebuildMode::Write).entry_count, 90);
    assert!(harness.root().join("abort").exists());
    assert_sound(&harness);
    assert_holds(&harness.open(), TOPIC, 0..90);
}

#[test]
fn queues_whose_first_messages_have_expired_keep_their_offsets() {
    let harness = Harness::new();
    let store = harness.open();
    // All of this queue is in the first file.
    for number in 0..3 {
        let _durability = store.put(&[message("early", 5, number)]).unwrap().durability;
    }
    put_many(&store, TOPIC, 0..400);
    stop(store);
    std::fs::remove_file(harness.log_file(0)).unwrap();
    let expected = Harness::new();
    copy(harness.root(), expected.root());
    let report = queues(&harness, RebuildMode::Write);
    assert_eq!(report.carried_count, 1);
    assert_sound(&harness);
    let (rebuilt, untouched) = (harness.open(), expected.open());
    for queue_id in 0..2 {
        assert!(rebuilt.min_offset(TOPIC, queue_id).unwrap() > 10);
        assert_eq!(rebuilt.min_offset(TOPIC, queue_id), untouched.min_offset(TOPIC, queue_id));
        assert_eq!(rebuilt.max_offset(TOPIC, queue_id), untouched.max_offset(TOPIC, queue_id));
        assert_eq!(consume(&rebuilt, TOPIC, queue_id), consume(&untouched, TOPIC, queue_id));
    }
    assert_eq!((rebuilt.min_offset("early", 5), rebuilt.max_offset("early", 5)), (Some(3), Some(3)));
}

#[test]
fn deleted_topics_stay_deleted_and_topics_made_again_are_the_younger_ones() {
    let harness = stopped_store(100);
    let store = harness.open();
    put_many(&store, "gone", 0..20);
    assert_eq!(store.delete_topics(&[TOPIC, "gone"]), 2);
    put_many(&store, TOPIC, 300..330);
    stop(store);
    let config = harness.root().join("config");
    std::fs::create_dir_all(&config).unwrap();
    let topics = format!(r#"{{"topicConfigTable":{{"{TOPIC}":{{}}}}}}"#);
    std::fs::write(config.join("topics.json"), topics).unwrap();
    let path = harness.root().join("consumequeue");
    let before = content(&path);
    let report = queues(&harness, RebuildMode::Write);
    assert_eq!((report.entry_count, report.deleted_count, report.superseded_count), (30, 20, 100));
    assert_eq!(content(&path), before);
}

#[test]
fn damage_is_reported_and_everything_else_is_built() {
    let harness = stopped_store(100);
    flip(&harness.log_file(0), unit_at(&harness, 0, 4).phy_offset as u64 + 90);
    let report = queues(&harness, RebuildMode::Write);
    assert_eq!(report.entry_count, 99);
    assert_eq!(report.findings.count(Severity::Damage), 1);
    index(&harness, RebuildMode::Write);
    assert_eq!(kinds(&checked(&harness)), [(Severity::Damage, FindingKind::LogDamage)]);
}

#[test]
fn a_rebuilt_index_answers_as_before() {
    let harness = stopped_store(400);
    let all = content(harness.root());
    let planned = index(&harness, RebuildMode::DryRun);
    assert_eq!((planned.entry_count, planned.container_count), (1_200, 2));
    assert_eq!(content(harness.root()), all, "a dry run changes nothing");
    std::fs::remove_dir_all(harness.root().join("index")).unwrap();
    let done = index(&harness, RebuildMode::Write);
    assert_eq!((done.entry_count, done.container_count), (1_200, 2));
    assert_sound(&harness);
    let store = harness.open();
    for number in [0, 199, 399] {
        assert_eq!(store.query(TOPIC, &format!("U{number}"), 32, 0, i64::MAX).messages.len(), 1);
        assert_eq!(store.query(TOPIC, &format!("key{}", number / 2), 32, 0, i64::MAX).messages.len(), 2);
    }
    put_many(&store, TOPIC, 400..450);
    stop(store);
    assert_sound(&harness);
}

#[test]
fn an_index_of_another_layout_is_refused() {
    let mut harness = stopped_store(10);
    harness.options.max_index_count = 77;
    let clock = harness.environment().clock;
    assert!(rebuild_index(&store_dir(&harness), RebuildMode::Write, clock, &Quiet).is_err());
}

#[test]
fn a_topic_younger_than_the_configuration_is_built_after_a_crash() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, "young", 0..20);
    drop(store);
    let config = harness.root().join("config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("topics.json"), r#"{"topicConfigTable":{"other":{}}}"#).unwrap();
    assert!(checked(&harness).is_sound());
    assert_eq!(queues(&harness, RebuildMode::Write).entry_count, 20);
    assert_holds(&harness.open(), "young", 0..20);
}

#[test]
fn an_incomplete_log_is_not_built_from() {
    let harness = stopped_store(400);
    let before = content(harness.root());
    let mut dir = store_dir(&harness);
    dir.options.commit_log_file_size_bytes = 32 * 1024;
    let refused = rebuild_queues(&dir, RebuildMode::Write, &Quiet);
    assert!(matches!(refused, Err(OfflineError::LogIncomplete { .. })), "{refused:?}");
    assert_eq!(content(harness.root()), before);
    std::fs::remove_file(harness.log_file(64 * 1024)).unwrap();
    let clock = harness.environment().clock;
    let refused = rebuild_index(&store_dir(&harness), RebuildMode::Write, clock, &Quiet);
    assert!(matches!(refused, Err(OfflineError::LogIncomplete { .. })), "{refused:?}");
}
