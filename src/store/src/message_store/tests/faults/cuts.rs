//! The last record is cut at every byte, with several things behind the cut: it is there as a whole or not at all.

use std::{fs::OpenOptions, os::unix::fs::FileExt};

use super::{TOPIC, open, run_cases};
use crate::{
    message_store::tests::harness::{Harness, consume, copy, message, put_many},
    options::Switch,
};

const BEFORE: usize = 20;
/// With a short body.
const LAST: usize = 900;
/// Bytes behind the record that what follows the cut covers too.
const BEYOND: usize = 300;

/// What may stand behind a cut.
fn tails(older_record: &[u8], len: usize) -> [Vec<u8>; 4] {
    let noise = (0..len).map(|at| (at * 131 + 17) as u8).collect();
    let older = older_record.iter().copied().cycle().take(len).collect();
    [vec![0; len], vec![0xFF; len], noise, older]
}

/// Tries every cut with the first so many of [`tails`].
fn cut_everywhere(properties_crc: Switch, tail_count: u64) {
    let mut source = Harness::new();
    source.options.append_properties_crc = properties_crc;
    let store = source.open();
    put_many(&store, TOPIC, 0..BEFORE);
    let start = store.max_phy_offset() as usize;
    let _durability = store.put(&[message(TOPIC, 0, LAST)]).unwrap().durability;
    let end = store.max_phy_offset() as usize;
    // As after kill -9: neither queues nor checkpoint have heard of anything.
    drop(store);
    let log = std::fs::read(source.log_file(0)).unwrap();
    let first_len = i32::from_be_bytes(*log.first_chunk().unwrap()) as usize;

    let cuts = end - start + 1;
    let ran = run_cases(&format!("torn record, checksum of properties {properties_crc:?}"), |case| {
        let (cut, tail) = ((case / tail_count) as usize, (case % tail_count) as usize);
        if cut >= cuts {
            return false;
        }
        let mut harness = Harness::new();
        harness.options.require_record_crc_on_recover = properties_crc;
        copy(source.root(), harness.root());
        let from = start + cut;
        let tail = &tails(&log[..first_len], end + BEYOND - from)[tail];
        let file = OpenOptions::new().write(true).open(harness.log_file(0)).unwrap();
        file.write_all_at(tail, from as u64).unwrap();

        let store = open(&harness).unwrap();
        let evens: Vec<usize> = (0..BEFORE).step_by(2).collect();
        assert_eq!(consume(&store, TOPIC, 1), (1..BEFORE).step_by(2).collect::<Vec<_>>());
        let found = consume(&store, TOPIC, 0);
        let whole = [&evens[..], &[LAST]].concat();
        assert!(found == whole || (found == evens && cut < cuts - 1), "cut at {cut}: {found:?}");
        assert!(store.damage().is_empty(), "cut at {cut}: a torn end is no damage");
        true
    });
    assert_eq!(ran as u64, cuts as u64 * tail_count);
}

#[test]
fn a_torn_record_is_there_as_a_whole_or_not_at_all() {
    cut_everywhere(Switch::On, 4);
}

/// Without a checksum over them torn properties are told by the zeros a file has where nothing was written.
#[test]
fn so_is_one_without_a_checksum_when_zeros_follow() {
    cut_everywhere(Switch::Off, 1);
}
