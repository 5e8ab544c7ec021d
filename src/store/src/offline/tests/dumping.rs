use std::ops::ControlFlow;

use super::{TOPIC, flip, stopped_store, store_dir, unit_at};
use crate::{
    message_store::tests::harness::{Harness, number_of},
    offline::{Dumped, Quiet, RecordFilter, UnitFilter, dump_index, dump_records, dump_units},
};

/// The numbers of the messages a filter takes, and how many damaged places were met.
fn dumped(harness: &Harness, filter: &RecordFilter) -> (Vec<usize>, usize) {
    let (mut numbers, mut damage_count) = (Vec::new(), 0);
    dump_records(&store_dir(harness), filter, &Quiet, &mut |dumped| {
        match dumped {
            Dumped::Record(record) => numbers.push(number_of(record)),
            Dumped::Damage(..) => damage_count += 1,
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    (numbers, damage_count)
}

#[test]
fn records_are_listed_by_any_filter() {
    let harness = stopped_store(300);
    let all = RecordFilter::default;
    assert_eq!(dumped(&harness, &all()).0, (0..300).collect::<Vec<_>>());
    assert_eq!(dumped(&harness, &RecordFilter { limit: 3, ..all() }).0, [0, 1, 2]);
    assert!(dumped(&harness, &RecordFilter { limit: 0, ..all() }).0.is_empty());
    assert!(dumped(&harness, &RecordFilter { topic: Some("other".into()), ..all() }).0.is_empty());
    let queue = RecordFilter { queue_id: Some(1), queue_offsets: 100..103, ..all() };
    assert_eq!(dumped(&harness, &queue).0, [201, 203, 205]);
    assert_eq!(dumped(&harness, &RecordFilter { key: Some("key40".into()), ..all() }).0, [80, 81]);
    assert_eq!(dumped(&harness, &RecordFilter { key: Some("U40".into()), ..all() }).0, [40]);
    // From the middle of a file, and of a record.
    let phy_offset = unit_at(&harness, 0, 140).phy_offset;
    let from = RecordFilter { phy_offsets: phy_offset - 5..phy_offset + 1, ..all() };
    assert_eq!(dumped(&harness, &from).0, [280]);
    assert!(dumped(&harness, &RecordFilter { phy_offsets: 1 << 40..i64::MAX, ..all() }).0.is_empty());
}

#[test]
fn damage_is_passed_over() {
    let harness = stopped_store(50);
    flip(&harness.log_file(0), unit_at(&harness, 0, 4).phy_offset as u64 + 90);
    let (numbers, damage_count) = dumped(&harness, &RecordFilter::default());
    assert_eq!((numbers.len(), damage_count), (49, 1));
    assert!(!numbers.contains(&8));
}

#[test]
fn units_and_items_are_listed() {
    let harness = stopped_store(100);
    let filter = UnitFilter { topic: None, queue_id: Some(0), queue_offsets: 10..30, limit: 15 };
    let mut places = Vec::new();
    dump_units(&store_dir(&harness), &filter, &Quiet, &mut |dumped| {
        assert_eq!(dumped.unit, unit_at(&harness, 0, dumped.queue_offset as u64));
        places.push(dumped.queue_offset);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(places, (10..25).collect::<Vec<_>>());
    let (mut files, mut items) = (0, Vec::new());
    dump_index(&store_dir(&harness), Some((TOPIC, "U60")), u64::MAX, &mut |_, item| {
        files += usize::from(item.is_none());
        items.extend(item.map(|item| item.phy_offset));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((files, items), (1, vec![unit_at(&harness, 0, 30).phy_offset]));
}
