//! A bit of any file flips while nobody has the store open: no message is served that nobody sent, and none is missing
//! but, at most, the one that was hit.

use std::path::PathBuf;

use message::record::RecordView;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{TOPIC, open, run_cases, seed, tries_all};
use crate::message_store::{
    MessageStore,
    tests::harness::{Harness, consume, copy, flip_bit, number_of, put_many},
};

const MESSAGES: usize = 10;

/// Whether the store was stopped in order before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stopped,
    Killed,
}

fn small_store(ended: Ended) -> Harness {
    let mut harness = Harness::new();
    // Every byte of a record is covered by a checksum.
    harness.options.append_properties_crc = crate::options::Switch::On;
    harness.options.max_hash_slot_count = 10;
    harness.options.max_index_count = 50;
    let store = harness.open();
    put_many(&store, TOPIC, 0..MESSAGES);
    store.index_everything();
    match ended {
        Ended::Stopped => store.stop().unwrap(),
        Ended::Killed => store.flush_queues(super::Thoroughness::Sync),
    }
    harness
}

/// All bits of all files that anything was written to: path below the root and position of the byte.
fn written_bytes(harness: &Harness) -> Vec<(PathBuf, u64)> {
    let mut bytes = Vec::new();
    let mut dirs = vec![harness.root().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let content = std::fs::read(&path).unwrap();
            // With a little of what follows.
            let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 16);
            let below = path.strip_prefix(harness.root()).unwrap();
            bytes.extend((0..end.min(content.len()) as u64).map(|at| (below.to_owned(), at)));
        }
    }
    bytes
}

/// `lost_at_most` messages may be missing.
fn verify(store: &MessageStore, lost_at_most: usize, case: &str) {
    let found: Vec<usize> = (0..2).flat_map(|queue_id| consume(store, TOPIC, queue_id)).collect();
    let missing: Vec<usize> = (0..MESSAGES).filter(|number| !found.contains(number)).collect();
    assert!(missing.len() <= lost_at_most, "{case}: {missing:?} are missing");
    assert_eq!(found.len() + missing.len(), MESSAGES, "{case}: {found:?}");
    for number in 0..MESSAGES {
        for record in store.query(TOPIC, &format!("U{number}"), 32, 0, i64::MAX).messages {
            assert_eq!(number_of(&RecordView::decode(&record).unwrap()), number, "{case}");
        }
    }
}

fn flip_everywhere(ended: Ended) {
    let source = small_store(ended);
    let bytes = written_bytes(&source);
    let seed = seed();
    let bits_of_a_byte = if tries_all() { 8 } else { 1 };
    let ran = run_cases(&format!("flipped bit, {ended:?}"), |case| {
        let Some((below, at)) = bytes.get(case as usize / bits_of_a_byte) else { return false };
        let bit = if tries_all() {
            case as usize % 8
        } else {
            StdRng::seed_from_u64(seed ^ case).random_range(0..8)
        };
        let case =
            format!("{ended:?}, bit {bit} of byte {at} of {}, STORE_FAULT_SEED={seed}", below.display());
        let mut harness = Harness::new();
        harness.options = crate::options::StoreOptions {
            root_dir: harness.options.root_dir.clone(),
            ..source.options.clone()
        };
        copy(source.root(), harness.root());
        flip_bit(&harness.root().join(below), *at, bit as u32);
        // A store that says what is wrong with it has lost nothing.
        if let Some(store) = open(&harness) {
            // What is wrong in a queue is put right from the log.
            verify(&store, usize::from(!below.starts_with("consumequeue")), &case);
        }
        true
    });
    assert_eq!(ran, bytes.len() * bits_of_a_byte);
}

#[test]
fn a_bit_flips_in_a_stopped_store() {
    flip_everywhere(Ended::Stopped);
}

#[test]
fn a_bit_flips_in_a_killed_store() {
    flip_everywhere(Ended::Killed);
}
