//! Searching by time.

use super::*;

/// Store time of a unit whose physical offset is a time.
fn time_is_phy(phy_offset: i64, _size: i32) -> Option<i64> {
    (phy_offset % 10 != 9).then_some(phy_offset)
}

fn times(stored: &[i64]) -> (tempfile::TempDir, ConsumeQueueTable) {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    for (queue_offset, time) in stored.iter().enumerate() {
        table.append("t", 0, queue_offset as i64, unit(*time)).unwrap();
    }
    (dir, table)
}

fn search(table: &ConsumeQueueTable, timestamp: i64) -> (i64, i64) {
    let queue = queue(table);
    let find = |boundary| queue.offset_by_time(timestamp, boundary, &time_is_phy).unwrap();
    (find(Boundary::Lower), find(Boundary::Upper))
}

#[test]
fn search_by_time_answers_as_rocketmq_does() {
    let (_dir, table) = times(&[10, 20, 20, 40]);
    let expected =
        [(5, (0, 0)), (10, (0, 0)), (15, (1, 0)), (20, (1, 2)), (30, (3, 2)), (40, (3, 3)), (50, (4, 3))];
    for (timestamp, answer) in expected {
        assert_eq!(search(&table, timestamp), answer, "{timestamp}");
    }
}

#[test]
fn search_by_time_stays_within_what_is_left() {
    let stored: Vec<i64> = (0..20).map(|place| 100 + place / 4 * 10).collect();
    let (_dir, table) = times(&stored);
    table.write_tails().unwrap();
    table.delete_files_below(120).unwrap();
    assert_eq!(bounds(&table), (8, 20));
    assert_eq!(search(&table, 100), (8, 8));
    assert_eq!(search(&table, 120), (8, 11));
    assert_eq!(search(&table, 125), (12, 11));
    assert_eq!(search(&table, 999), (20, 19));
    table.correct_min(999).unwrap();
    assert_eq!(search(&table, 120), (20, 20));
}

#[test]
fn a_record_that_cannot_be_read_does_not_stop_a_search() {
    let (_dir, table) = times(&[10, 20, 29, 29, 40, 49, 50]);
    assert_eq!(search(&table, 29), (4, 1));
    assert_eq!(search(&table, 40), (4, 4));
    assert_eq!(search(&table, 45), (6, 4));
    let (_dir, table) = times(&[9, 19]);
    assert_eq!(search(&table, 15), (0, 0));
}
