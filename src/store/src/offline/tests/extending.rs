//! Stores with extension files.

use std::path::PathBuf;

use super::{
    FindingKind as Kind,
    Severity::{Damage, Note},
    checked, content, flip, kinds, place, stop, write_at,
};
use crate::{
    consume_queue::UNIT_BYTES,
    message_store::tests::harness::{Harness, put_many},
    options::Switch,
};

/// Bytes of an extension without bits.
const EXTENSION_BYTES: u64 = 20;

/// A stopped store of 200 messages in two queues with an extension each.
fn extended_store() -> Harness {
    let mut harness = Harness::new();
    harness.options.consume_queue_ext = Switch::On;
    // 51 units, and no room for the next.
    harness.options.consume_queue_ext_file_size_bytes = 1024;
    let store = harness.open();
    put_many(&store, super::TOPIC, 0..200);
    stop(store);
    harness
}

fn file(harness: &Harness, base: u64) -> PathBuf {
    harness.root().join("consumequeue_ext").join(super::TOPIC).join("0").join(format!("{base:020}"))
}

#[test]
fn extensions_are_clean_and_stay_as_they_are() {
    let harness = extended_store();
    let before = content(harness.root());
    let report = checked(&harness);
    assert!(report.findings.kept().is_empty(), "{:#?}", report.findings);
    assert_eq!((report.queues.extension_file_count, report.queues.extension_count), (4, 200));
    assert_eq!(content(harness.root()), before);
}

#[test]
fn each_field_of_an_extension_is_compared() {
    let harness = extended_store();
    // Size, tags code, store timestamp, length of the bit map.
    for (base, field) in [(0, 1), (0, 9), (1024, 17), (1024, 19)] {
        let (path, position) = (file(&harness, base), 7 * EXTENSION_BYTES);
        flip(&path, position + field);
        let report = checked(&harness);
        assert_eq!(kinds(&report), [(Damage, Kind::Extension)], "{field}");
        let [finding] = report.findings.kept() else { panic!("{:#?}", report.findings) };
        assert_eq!((&finding.path, finding.position), (&path, Some(position)));
        flip(&path, position + field);
    }
    assert!(checked(&harness).findings.kept().is_empty());
}

#[test]
fn addresses_have_to_lead_to_an_extension_of_their_own() {
    let harness = extended_store();
    let (path, position) = place(&harness, 0, 7);
    let unit = std::fs::read(&path).unwrap()[position as usize..][..UNIT_BYTES].to_vec();
    for (address, problem) in [
        (i64::MIN + 6 * EXTENSION_BYTES as i64, "which is not before"),
        (i64::MIN + 7 * EXTENSION_BYTES as i64 + 3, "no unit begins here"),
    ] {
        write_at(&path, position + 12, &address.to_be_bytes());
        let report = checked(&harness);
        assert!(kinds(&report).contains(&(Damage, Kind::Extension)));
        assert!(report.findings.kept()[0].reason.contains(problem), "{:#?}", report.findings);
        write_at(&path, position, &unit);
    }
    std::fs::remove_file(file(&harness, 1024)).unwrap();
    let report = checked(&harness);
    assert_eq!(report.findings.kept()[0].path, file(&harness, 1024));
    assert_eq!(kinds(&report), [(Damage, Kind::Extension)]);
}

#[test]
fn what_nothing_points_to_is_worth_a_note() {
    let harness = extended_store();
    // Behind the last of the 49 units of the second file.
    write_at(&file(&harness, 1024), 49 * EXTENSION_BYTES, b"torn");
    let report = checked(&harness);
    assert_eq!(kinds(&report), [(Note, Kind::Extension)]);
    assert_eq!(report.findings.kept()[0].position, Some(49 * EXTENSION_BYTES));
}
