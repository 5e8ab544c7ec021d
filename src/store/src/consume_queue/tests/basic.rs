//! Appending, reading and opening again.

use std::sync::Arc;

use super::*;
use crate::fs::OpenMode;

#[test]
fn units_are_read_across_files_and_tail() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..17);
    table.flush().unwrap();
    fill(&table, "t", 0, 17..25);
    let queue = queue(&table);
    for from in 0..26 {
        let expected: Vec<Unit> = (from..(from + 12).min(25)).map(nth).collect();
        assert_eq!(queue.read(from, 12).unwrap(), expected);
    }
    assert_eq!(queue.read(-1, 5).unwrap(), []);
    assert_eq!(queue.read(i64::MAX, usize::MAX).unwrap(), []);
    assert_eq!(queue.last_unit(), Some(nth(24)));
    assert_eq!(queue.roll_next_file(8).unwrap(), 14);
    assert_eq!(
        file_names(dir.path()),
        ["00000000000000000000", "00000000000000000140", "00000000000000000280"]
    );
}

#[test]
fn only_what_was_written_is_there_after_a_crash_and_appending_again_completes_it() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..9);
    let report = table.write_tails().unwrap();
    assert_eq!((report.queue_count, report.unit_count), (1, 9));
    assert_eq!(table.dirty_queue_count(), 0);
    fill(&table, "t", 0, 9..12);
    assert_eq!(table.dirty_queue_count(), 1);
    drop(table);

    let table = open(dir.path());
    assert_eq!(bounds(&table), (0, 9));
    assert_eq!(table.max_phy_offset().unwrap(), Some(nth(8).end_phy_offset()));
    for queue_offset in 4..12 {
        let expected = if queue_offset < 9 { AppendOutcome::AlreadyPresent } else { AppendOutcome::Appended };
        assert_eq!(table.append("t", 0, queue_offset, nth(queue_offset)).unwrap(), expected);
    }
    assert_eq!(queue(&table).read(0, 20).unwrap(), (0..12).map(nth).collect::<Vec<_>>());
}

#[test]
fn a_hole_left_by_a_power_cut_is_repaired_by_appending_again() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..2);
    table.flush().unwrap();
    fill(&table, "t", 0, 2..6);
    table.write_tails().unwrap();
    drop(table);
    let file = OsFileSystem.open(&dir.path().join("t/0/00000000000000000000"), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&[0; UNIT_BYTES], 2 * UNIT_BYTES as u64).unwrap();

    let table = open(dir.path());
    assert_eq!(bounds(&table), (0, 6));
    table.truncate_after(nth(2).phy_offset).unwrap();
    assert_eq!(bounds(&table), (0, 2));
    fill(&table, "t", 0, 2..6);
    table.flush().unwrap();
    assert_eq!(queue(&open(dir.path())).read(0, 9).unwrap(), (0..6).map(nth).collect::<Vec<_>>());
}

#[test]
fn the_first_record_that_claims_a_queue_offset_keeps_it() {
    for written in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let table = open(dir.path());
        fill(&table, "t", 0, 0..9);
        if written {
            table.write_tails().unwrap();
        }
        for place in [3, 8] {
            let later = unit(50_000);
            assert_eq!(table.append("t", 0, place, later).unwrap(), AppendOutcome::AlreadyPresent);
            let earlier = unit(nth(place).phy_offset - 1);
            assert_eq!(table.append("t", 0, place, earlier).unwrap(), AppendOutcome::Repaired);
            assert_eq!(queue(&table).unit_at(place).unwrap(), Some(earlier));
        }
        assert_eq!(queue(&table).last_unit(), Some(unit(nth(8).phy_offset - 1)));
    }
}

#[test]
fn a_queue_that_begins_late_is_blank_before() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    let outcome = table.append("t", 0, 17, nth(17)).unwrap();
    assert_eq!(outcome, AppendOutcome::AppendedAfterGap { blank_count: 3 });
    assert_eq!(bounds(&table), (17, 18));
    table.flush().unwrap();
    assert_eq!(file_names(dir.path()), ["00000000000000000280"]);
    let table = open(dir.path());
    assert_eq!(bounds(&table), (17, 18));
    assert_eq!(queue(&table).unit_at(15).unwrap(), Some(Unit::BLANK));
    assert_eq!(queue(&table).unit_at(3).unwrap(), None);
    table.truncate_after(nth(17).phy_offset).unwrap();
    assert_eq!(queue(&table).read(0, 9).unwrap(), []);
    fill(&table, "t", 0, 17..19);
    assert_eq!(bounds(&table), (17, 19));
}

#[test]
fn a_small_gap_is_filled_and_a_wild_offset_refused() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..5);
    let outcome = table.append("t", 0, 9, nth(9)).unwrap();
    assert_eq!(outcome, AppendOutcome::AppendedAfterGap { blank_count: 4 });
    let wild = table.append("t", 0, 1 << 40, nth(10)).unwrap_err();
    assert!(matches!(wild, TableError::Append(AppendError::GapTooLarge { next_queue_offset: 10, .. })));
    let negative = table.append("t", 0, -1, nth(10)).unwrap_err();
    assert!(matches!(negative, TableError::Append(AppendError::OutOfRange { .. })));
    let not_a_record = table.append("t", 0, 10, Unit::BLANK).unwrap_err();
    assert!(matches!(not_a_record, TableError::Append(AppendError::InvalidUnit(_))));
    fill(&table, "t", 0, 10..12);
    table.flush().unwrap();
    let table = open(dir.path());
    assert_eq!(bounds(&table), (0, 12));
    for min in [4, 5, 7, 9] {
        table.correct_min(nth(min).phy_offset).unwrap();
        assert_eq!(bounds(&table).0, if min == 4 { 4 } else { 9 });
    }
    // The gap goes with the units behind it.
    table.truncate_after(nth(9).phy_offset).unwrap();
    assert_eq!(bounds(&table).1, 5);
}

#[test]
fn a_queue_with_nothing_left_may_go_on_far_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..5);
    table.flush().unwrap();
    table.correct_min(nth(5).phy_offset).unwrap();
    table.append("t", 0, 1_000, nth(1_000)).unwrap();
    assert_eq!(bounds(&table), (1_000, 1_001));
    table.flush().unwrap();
    assert_eq!(file_names(dir.path()), ["00000000000000019880"]);
    assert_eq!(queue(&open(dir.path())).read(1_000, 3).unwrap(), [nth(1_000)]);
}

#[test]
fn a_lost_file_in_the_middle_hides_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..20);
    table.flush().unwrap();
    drop(table);
    std::fs::remove_file(dir.path().join("t/0/00000000000000000140")).unwrap();
    let table = open(dir.path());
    let queue = queue(&table);
    assert_eq!(bounds(&table), (0, 20));
    assert_eq!(queue.read(5, 9).unwrap(), [nth(5), nth(6)]);
    assert_eq!(queue.read(8, 9).unwrap(), []);
    assert_eq!(queue.read(queue.roll_next_file(8).unwrap(), 1).unwrap(), [nth(14)]);
    table.correct_min(nth(9).phy_offset).unwrap();
    assert_eq!(bounds(&table).0, 14);
}

#[test]
fn a_file_of_another_size_is_refused_and_a_short_last_one_completed() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..9);
    table.flush().unwrap();
    drop(table);
    let last = dir.path().join("t/0/00000000000000000140");
    OsFileSystem.open(&last, OpenMode::ReadWrite).unwrap().set_len(20).unwrap();
    assert_eq!(bounds(&open(dir.path())), (0, 8));
    assert_eq!(file_names(dir.path()).len(), 2);

    let options =
        ConsumeQueueOptions { file_size_bytes: 60, max_open_files: 4, ..ConsumeQueueOptions::default() };
    let table = ConsumeQueueTable::open(Arc::new(OsFileSystem), dir.path(), &options).unwrap();
    let refused = table.get("t", 0).unwrap_err();
    assert!(matches!(refused, TableError::Open(OpenError::FileSize { len_bytes: 140, .. })), "{refused}");
}

#[test]
fn a_deleted_topic_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..9);
    fill(&table, "t", 3, 0..2);
    fill(&table, "%RETRY%g", 0, 0..2);
    table.write_tails().unwrap();
    fill(&table, "t", 0, 9..10);
    let held = queue(&table);
    assert_eq!(table.queues("t"), [0, 3]);
    assert_eq!(table.queue_count(), 3);
    assert!(table.delete_topic("t").unwrap());
    assert!(!table.delete_topic("t").unwrap());
    assert!(matches!(held.append(10, nth(10)), Err(AppendError::Deleted)));
    assert!(table.get("t", 0).unwrap().is_none());
    assert_eq!(table.topics(), ["%RETRY%g".into()]);
    assert!(!dir.path().join("t").exists());
    table.flush().unwrap();
    fill(&table, "t", 0, 0..1);
    assert_eq!(bounds(&table), (0, 1));
    for name in ["", ".", "..", "a/b", &"x".repeat(256)] {
        assert!(matches!(table.get_or_create(name, 0), Err(TableError::InvalidTopic(_))));
    }
}

#[test]
fn a_hot_queue_writes_its_own_tail() {
    let dir = tempfile::tempdir().unwrap();
    let options = ConsumeQueueOptions::default();
    let table = ConsumeQueueTable::open(Arc::new(OsFileSystem), dir.path(), &options).unwrap();
    fill(&table, "t", 0, 0..10_000);
    assert!(queue(&table).state.lock().tail.len() < 64 * 1024);
    assert_eq!(queue(&table).read(0, 20_000).unwrap(), (0..10_000).map(nth).collect::<Vec<_>>());
    assert_eq!(bounds(&table), (0, 10_000));
}
