//! Cutting queues at either end.

use std::sync::Arc;

use super::*;
use crate::fs::OpenMode;

#[test]
fn truncation_is_durable() {
    for written in [false, true] {
        for kept in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let table = open(dir.path());
            fill(&table, "t", 0, 0..20);
            if written {
                table.write_tails().unwrap();
            }
            table.truncate_after(nth(kept).phy_offset).unwrap();
            assert_eq!(bounds(&table), (0, kept));
            assert_eq!(queue(&table).read(0, 99).unwrap(), (0..kept).map(nth).collect::<Vec<_>>());
            assert_eq!(queue(&table).last_unit(), (kept > 0).then(|| nth(kept - 1)));
            if written {
                let reopened = open(dir.path());
                assert_eq!(bounds(&reopened), (0, kept));
                let last_file = (kept - 1).max(0) / UNITS_PER_FILE;
                assert_eq!(file_names(dir.path()).len() as i64, last_file + 1);
            }
            fill(&table, "t", 0, kept..25);
            table.flush().unwrap();
            assert_eq!(queue(&open(dir.path())).read(0, 99).unwrap(), (0..25).map(nth).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_queue_cut_to_nothing_goes_on_from_its_first_file() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..20);
    table.flush().unwrap();
    assert_eq!(table.delete_files_below(nth(15).phy_offset).unwrap(), 2);
    table.truncate_after(0).unwrap();
    assert_eq!(bounds(&table), (14, 14));
    fill(&table, "t", 0, 14..16);
    assert_eq!(bounds(&table), (14, 16));
}

#[test]
fn the_minimum_follows_the_commit_log() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..18);
    table.write_tails().unwrap();
    fill(&table, "t", 0, 18..20);
    for min in 0..20 {
        table.correct_min(nth(min).phy_offset).unwrap();
        assert_eq!(bounds(&table), (min, 20));
        assert_eq!(queue(&table).read(min - 1, 1).unwrap(), []);
        table.correct_min(nth(min).phy_offset + 1).unwrap();
        assert_eq!(bounds(&table), (min + 1, 20));
        table.write_tails().unwrap();
        let reopened = open(dir.path());
        reopened.correct_min(nth(min).phy_offset).unwrap();
        assert_eq!(bounds(&reopened), (min, 20));
    }
    table.correct_min(i64::MAX).unwrap();
    assert_eq!(bounds(&table), (20, 20));
    assert_eq!(table.next_queue_offset("t", 0).unwrap(), 20);
    // The minimum is that of the next message now.
    fill(&table, "t", 0, 20..22);
    assert_eq!(bounds(&table), (20, 22));
}

#[test]
fn expired_files_go_and_the_last_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    fill(&table, "t", 0, 0..16);
    table.flush().unwrap();
    assert_eq!(table.delete_files_below(nth(6).phy_offset).unwrap(), 0);
    assert_eq!(bounds(&table), (6, 16));
    assert_eq!(table.delete_files_below(nth(7).phy_offset).unwrap(), 1);
    assert_eq!(file_names(dir.path()).first().unwrap(), "00000000000000000140");
    assert_eq!(table.delete_files_below(i64::MAX).unwrap(), 1);
    assert_eq!(bounds(&table), (16, 16));
    assert_eq!(file_names(dir.path()), ["00000000000000000280"]);
    assert_eq!(bounds(&open(dir.path())).1, 16);
}

#[test]
fn what_a_power_cut_left_far_behind_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = ConsumeQueueOptions::default();
        ConsumeQueueTable::open(Arc::new(OsFileSystem), dir.path(), &options).unwrap()
    };
    let table = open();
    fill(&table, "t", 0, 0..2);
    table.flush().unwrap();
    drop(table);
    let path = dir.path().join("t/0/00000000000000000000");
    let file = OsFileSystem.open(&path, OpenMode::ReadWrite).unwrap();
    let position = 100_000 * UNIT_BYTES as u64;
    file.write_all_at(&nth(100_000).encode(), position).unwrap();

    open().truncate_after(nth(2).phy_offset).unwrap();
    let mut bytes = [1; UNIT_BYTES];
    file.read_exact_at(&mut bytes, position).unwrap();
    assert_eq!(bytes, [0; UNIT_BYTES]);
    assert_eq!(bounds(&open()), (0, 2));
}

/// What a power cut may leave when no file was synced.
#[test]
fn files_that_are_lost_are_dispatched_again() {
    let empty = || vec![0; UNITS_PER_FILE as usize * UNIT_BYTES];
    let start = UNITS_PER_FILE * UNIT_BYTES as i64;
    for files in [
        vec![(start, vec![])],
        vec![(start, empty())],
        vec![(0, vec![]), (start, vec![])],
        vec![(0, empty()), (start, empty())],
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("t/0")).unwrap();
        for (start, content) in files {
            std::fs::write(dir.path().join(format!("t/0/{start:020}")), content).unwrap();
        }
        let table = open(dir.path());
        fill(&table, "t", 0, 0..10);
        assert_eq!(bounds(&table), (0, 10));
        table.truncate_after(nth(9).end_phy_offset()).unwrap();
        table.correct_min(0).unwrap();
        assert_eq!(bounds(&table), (0, 10));
        assert_eq!(queue(&table).read(0, 99).unwrap(), (0..10).map(nth).collect::<Vec<_>>());
    }
}
