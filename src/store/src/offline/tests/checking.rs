use super::{
    FindingKind as Kind,
    Severity::{Damage, Note, Pending},
    TOPIC, assert_sound, check, checked, content, flip, kinds, place, stop, stopped_store, store_dir,
    unit_at, write_at,
};
use crate::{
    consume_queue::{UNIT_BYTES, Unit},
    error::OpenError,
    message_store::tests::harness::{Harness, message, put_many},
    offline::{LastExit, Liveness, OfflineError, Quiet},
    options::Switch,
};

#[test]
fn a_healthy_store_is_clean_and_stays_as_it_is() {
    let harness = stopped_store(400);
    let before = content(harness.root());
    let report = checked(&harness);
    assert!(report.findings.kept().is_empty(), "{:#?}", report.findings);
    assert_eq!((report.log.record_count, report.last_exit), (400, LastExit::Clean));
    assert_eq!((report.queues.topic_count, report.queues.queue_count, report.queues.unit_count), (1, 2, 400));
    // Three keys each.
    assert_eq!(report.index.item_count, 1_200);
    assert!(report.log.file_count >= 3 && report.log.damage.is_empty());
    assert_eq!(content(harness.root()), before);
}

#[test]
fn a_directory_without_a_lock_file_gets_none() {
    let harness = stopped_store(10);
    std::fs::remove_file(harness.root().join("lock")).unwrap();
    assert_sound(&harness);
    assert!(!harness.root().join("lock").exists());
}

#[test]
fn a_store_in_use_is_refused_unless_it_may_be_live() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..100);
    store.write_queues();
    let refused = check(&store_dir(&harness), Liveness::Offline, &Quiet);
    let Err(OfflineError::Open(OpenError::InUse { pid, .. })) = refused else { panic!("{refused:?}") };
    assert_eq!(pid, i32::try_from(std::process::id()).ok());
    let report = check(&store_dir(&harness), Liveness::Live, &Quiet).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert_eq!(report.log.record_count, 100);
    // Examining takes none of the broker's locks from it.
    assert!(check(&store_dir(&harness), Liveness::Offline, &Quiet).is_err());
}

#[test]
fn a_killed_store_is_sound_and_what_it_lacks_is_pending() {
    let harness = Harness::new();
    let store = harness.open();
    put_many(&store, TOPIC, 0..60);
    store.write_queues();
    put_many(&store, TOPIC, 60..90);
    drop(store);
    let report = checked(&harness);
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert!(kinds(&report).contains(&(Pending, Kind::MissingUnit)));
    assert!(kinds(&report).contains(&(Note, Kind::Abort)));
    drop(harness.open());
}

#[test]
fn a_torn_tail_is_told_from_damage_in_the_middle() {
    let harness = stopped_store(20);
    let end = checked(&harness).log.end_phy_offset as u64;
    write_at(&harness.log_file(0), end, b"torn");
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Damage, Kind::TornTail)]);
    assert_eq!(report.findings.kept()[0].phy_offset, Some(end as i64));
    std::fs::write(harness.root().join("abort"), "77").unwrap();
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Pending, Kind::TornTail), (Note, Kind::Abort)]);
    assert_eq!(report.abort_pid, Some(77));
}

#[test]
fn flipped_bits_in_the_middle_are_found_and_passed_over() {
    let harness = stopped_store(200);
    let unit = unit_at(&harness, 1, 10);
    flip(&harness.log_file(0), unit.phy_offset as u64 + 90);
    let report = checked(&harness);
    assert!(!report.is_sound());
    assert_eq!(report.log.record_count, 199);
    let damage = report.findings.kept().iter().find(|finding| finding.kind == Kind::LogDamage).unwrap();
    assert_eq!((damage.phy_offset, damage.position), (Some(unit.phy_offset), Some(unit.phy_offset as u64)));
    assert_eq!(report.log.damage[0].until_phy_offset, unit.end_phy_offset());
    // Its unit and its keys point to it in vain.
    let kinds = kinds(&report);
    assert!(kinds.contains(&(Damage, Kind::StrayUnit)) && kinds.contains(&(Damage, Kind::IndexItem)));
    assert_eq!(kinds.len(), 3);
}

#[test]
fn missing_units_are_counted_by_queue() {
    let harness = stopped_store(200);
    // The last units of a queue: zeros from there on.
    let (path, position) = place(&harness, 0, 95);
    write_at(&path, position, &[0; 5 * UNIT_BYTES]);
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Damage, Kind::MissingUnit)]);
    assert!(
        report.findings.kept()[0]
            .reason
            .starts_with("records without a unit: 5, the first at queue offset 95")
    );
    // In the middle, those behind show the gap as well.
    let (path, position) = place(&harness, 1, 30);
    write_at(&path, position, &[0; 3 * UNIT_BYTES]);
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Damage, Kind::MissingUnit), (Damage, Kind::UnitOrder)]);
}

#[test]
fn a_lost_queue_is_damage_and_a_deleted_topic_is_not() {
    let harness = stopped_store(100);
    std::fs::remove_dir_all(harness.root().join("consumequeue").join(TOPIC).join("1")).unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::MissingUnit)]);
    let config = harness.root().join("config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("topics.json"), r#"{"topicConfigTable":{"other":{}}}"#).unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Note, Kind::MissingUnit)]);
    std::fs::write(config.join("topics.json"), format!(r#"{{"topicConfigTable":{{"{TOPIC}":{{}}}}}}"#))
        .unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::MissingUnit)]);
}

#[test]
fn a_topic_made_again_is_sound() {
    let harness = stopped_store(100);
    let store = harness.open();
    assert_eq!(store.delete_topics(&[TOPIC]), 1);
    put_many(&store, TOPIC, 0..30);
    stop(store);
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Note, Kind::MissingUnit)]);
    assert_eq!((report.log.record_count, report.queues.unit_count), (130, 30));
}

#[test]
fn stray_and_wrong_units_are_told_apart() {
    let harness = stopped_store(100);
    let unit = unit_at(&harness, 0, 7);
    let (path, position) = place(&harness, 0, 7);
    let wrong_tags = Unit { tags_code: unit.tags_code ^ 1, ..unit };
    write_at(&path, position, &wrong_tags.encode());
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::WrongUnit)]);
    write_at(&path, position, &unit.encode());
    // One more than there are records.
    let (path, position) = place(&harness, 0, 50);
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(400)
        .unwrap();
    write_at(&path, position, &Unit { phy_offset: unit.phy_offset + 1, ..unit }.encode());
    let found = kinds(&checked(&harness));
    assert_eq!(found, [(Damage, Kind::StrayUnit), (Damage, Kind::UnitOrder)]);
}

#[test]
fn the_index_is_compared_key_by_key() {
    let harness = stopped_store(100);
    let file = std::fs::read_dir(harness.root().join("index")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let items_at = 40 + 4 * u64::from(harness.options.max_hash_slot_count);
    // The hash of item 5, where item 31 points, and the first used slot.
    flip(&file, items_at + 20 * 5 + 3);
    let report = checked(&harness);
    assert!(kinds(&report).contains(&(Damage, Kind::IndexItem)));
    assert!(kinds(&report).contains(&(Damage, Kind::IndexKey)));
    std::fs::write(&file, &whole).unwrap();
    flip(&file, items_at + 20 * 31 + 11);
    let report = checked(&harness);
    assert!(kinds(&report).contains(&(Damage, Kind::IndexItem)), "{:?}", report.findings);
    std::fs::write(&file, &whole).unwrap();
    let slot = (0..100).find(|slot| whole[40 + 4 * slot + 3] != 0).unwrap();
    write_at(&file, 40 + 4 * slot as u64, &[0; 4]);
    assert_eq!(kinds(&checked(&harness)), [(Damage, Kind::IndexSlot)]);
    std::fs::write(&file, &whole).unwrap();
    assert_sound(&harness);
}

#[test]
fn small_files_are_looked_at() {
    let harness = stopped_store(100);
    let config = harness.root().join("config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("a.json"), r#"{"offsetTable":{1:2}}"#).unwrap();
    std::fs::write(config.join("b.json"), "{").unwrap();
    std::fs::write(config.join("b.json.bak"), "{}").unwrap();
    std::fs::write(config.join("c.json"), "").unwrap();
    // Was not empty, and no generation is left that can be used.
    std::fs::write(config.join("d.json"), "").unwrap();
    std::fs::write(config.join("d.json.bak.2"), "[").unwrap();
    // Only a generation is left.
    std::fs::write(config.join("e.json.bak.3"), "{}").unwrap();
    std::fs::write(config.join("timermetrics"), "{").unwrap();
    std::fs::write(config.join("unknown"), "{").unwrap();
    write_at(&harness.root().join("checkpoint"), 0, &i64::MAX.to_be_bytes());
    let report = checked(&harness);
    assert_eq!(
        kinds(&report),
        [(Damage, Kind::Checkpoint), (Damage, Kind::ConfigFile), (Note, Kind::ConfigFile)]
    );
    let of_config = report.findings.kept().iter().filter(|finding| finding.kind == Kind::ConfigFile);
    let named: Vec<_> = of_config
        .map(|finding| (finding.severity, finding.path.file_name().unwrap().to_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [
            (Damage, "b.json"),
            (Note, "c.json"),
            (Damage, "d.json"),
            (Damage, "d.json.bak.2"),
            (Note, "e.json"),
            (Damage, "timermetrics")
        ]
    );
    assert_eq!(report.config.file_count, 5);
}

#[test]
fn lost_and_short_log_files_are_named() {
    let harness = stopped_store(400);
    std::fs::remove_file(harness.log_file(64 * 1024)).unwrap();
    let report = checked(&harness);
    let lost = report.findings.kept().iter().find(|finding| finding.kind == Kind::LogFile).unwrap();
    assert_eq!(lost.path, harness.log_file(64 * 1024));
    assert!(report.log.record_count > 200);
    std::fs::OpenOptions::new().write(true).open(harness.log_file(0)).unwrap().set_len(100).unwrap();
    assert!(!checked(&harness).is_sound());
}

#[test]
fn no_store_is_no_store() {
    let harness = Harness::new();
    std::fs::create_dir_all(harness.root()).unwrap();
    let opened = crate::offline::StoreDir::open(
        std::sync::Arc::new(crate::fs::OsFileSystem),
        harness.options.clone(),
        crate::offline::SizesFrom::Files,
    );
    assert!(matches!(opened, Err(OfflineError::NotAStore { .. })));
}

#[test]
fn addresses_and_checksums_of_records_are_known() {
    let mut harness = Harness::new();
    harness.options.append_properties_crc = Switch::On;
    let store = harness.open();
    let mut six = message("six", 0, 1);
    six.born_host = "[2001:db8::1]:4567".parse().unwrap();
    six.store_host = "[::1]:10911".parse().unwrap();
    for message in [message(TOPIC, 0, 0), six] {
        let _durability = store.put(&[message]).unwrap().durability;
    }
    stop(store);
    let log = checked(&harness).log;
    assert_eq!((log.record_count, log.v2_count, log.ipv6_count, log.checksummed_count), (2, 0, 1, 2));
    assert_sound(&harness);
    // A bit the checksum of the body does not cover: the born timestamp of the first record.
    flip(&harness.log_file(0), 45);
    assert!(kinds(&checked(&harness)).contains(&(Damage, Kind::LogDamage)));
}
