//! Batch queues.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;
use crate::{
    fs::Disk,
    testing::{Switches, WatchedFs},
};

const BATCHES_PER_FILE: u64 = 5;

struct Batches {
    dir: tempfile::TempDir,
    fs: Arc<dyn FileSystem>,
    table: ConsumeQueueTable,
}

impl Batches {
    fn new() -> Self {
        Self::on(Arc::new(OsFileSystem))
    }

    fn on(fs: Arc<dyn FileSystem>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let table = Self::table(&fs, dir.path());
        Self { dir, fs, table }
    }

    fn table(fs: &Arc<dyn FileSystem>, dir: &Path) -> ConsumeQueueTable {
        let options = ConsumeQueueOptions {
            batch_file_size_bytes: BATCHES_PER_FILE * BATCH_UNIT_BYTES as u64,
            ..ConsumeQueueOptions::default()
        };
        options.kinds.set("t", QueueKind::Batch);
        ConsumeQueueTable::open(Arc::clone(fs), dir.join("consumequeue"), &options).unwrap()
    }

    fn reopened(self) -> Self {
        self.table.flush().unwrap();
        let table = Self::table(&self.fs, self.dir.path());
        Self { table, ..self }
    }

    fn queue(&self) -> Arc<ConsumeQueue> {
        self.table.get_or_create("t", 0).unwrap()
    }

    /// Appends batches of these sizes, one behind the other.
    fn fill(&self, counts: &[i16]) {
        let queue = self.queue();
        let (mut base, mut phy_offset) = (queue.max_queue_offset(), queue.max_phy_offset().unwrap_or(1_000));
        for count in counts {
            queue.append_batch(batch(phy_offset, base, *count)).unwrap();
            base += i64::from(*count);
            phy_offset += i64::from(SIZE);
        }
    }

    fn bounds(&self) -> (i64, i64) {
        (self.queue().min_queue_offset(), self.queue().max_queue_offset())
    }

    /// Base offsets of what is read from `queue_offset` on.
    fn bases(&self, queue_offset: i64) -> Vec<i64> {
        let units = self.queue().read_queued(Disk::MayWait, queue_offset, 3).unwrap();
        units.iter().map(|queued| queued.queue_offset).collect()
    }
}

/// Stored at ten times its base offset.
fn batch(phy_offset: i64, base_offset: i64, message_count: i16) -> BatchUnit {
    BatchUnit { unit: unit(phy_offset), store_timestamp: base_offset * 10, base_offset, message_count }
}

#[test]
fn batches_are_found_by_any_offset_in_them() {
    let batches = Batches::new();
    assert_eq!((batches.bounds(), batches.bases(0)), ((0, 0), vec![]));
    batches.fill(&[3, 1, 10, 2, 7, 5, 1]);
    let check = |batches: &Batches| {
        assert_eq!(batches.bounds(), (0, 29));
        assert_eq!(batches.bases(0), [0, 3, 4]);
        assert_eq!(batches.bases(2), [0, 3, 4]);
        assert_eq!(batches.bases(3), [3, 4, 14]);
        assert_eq!(batches.bases(13), [4, 14, 16]);
        assert_eq!(batches.bases(28), [28]);
        assert!(batches.bases(29).is_empty());
        assert!(batches.bases(-1).is_empty());
        assert_eq!(batches.queue().roll_next_file(2).unwrap(), 23);
        assert_eq!(batches.queue().roll_next_file(25).unwrap(), 29);
    };
    check(&batches);
    let batches = batches.reopened();
    check(&batches);
    let names = |kind: &str| {
        let entries = OsFileSystem.read_dir(&batches.dir.path().join(kind).join("t/0")).unwrap();
        entries.into_iter().map(|entry| (entry.name, entry.len)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let expected = [("00000000000000000000".into(), 230), ("00000000000000000230".into(), 230)];
    assert_eq!(names("batchconsumequeue"), std::collections::BTreeMap::from(expected));
    assert!(!batches.dir.path().join("consumequeue").exists());
}

#[test]
fn the_first_record_that_claims_offsets_has_them() {
    let batches = Batches::new();
    batches.fill(&[3, 4]);
    let queue = batches.queue();
    let again = |batch| queue.append_batch(batch).unwrap();
    assert_eq!(again(batch(1_000, 0, 3)), AppendOutcome::AlreadyPresent);
    assert_eq!(again(batch(1_100, 3, 4)), AppendOutcome::AlreadyPresent);
    assert_eq!(again(batch(1_200, 3, 1)), AppendOutcome::AlreadyPresent);
    assert_eq!(again(batch(1_200, 9, 1)), AppendOutcome::AppendedAfterGap { blank_count: 2 });
    assert_eq!(batches.bases(7), [9]);
    let wrong = |batch| queue.append_batch(batch).unwrap_err();
    assert!(matches!(wrong(batch(1_300, 10, 0)), AppendError::InvalidUnit(_)));
    assert!(matches!(wrong(batch(1_300, 1 << 40, 1)), AppendError::GapTooLarge { .. }));
    assert!(matches!(queue.append(10, unit(1_300)), Err(AppendError::InvalidUnit(_))));
    let simple = batches.table.get_or_create("simple", 0).unwrap();
    assert!(matches!(simple.append_batch(batch(1_300, 10, 1)), Err(AppendError::InvalidUnit(_))));
}

#[test]
fn what_expires_takes_its_offsets_along() {
    let batches = Batches::new();
    batches.fill(&[3; 12]);
    let batches = batches.reopened();
    batches.queue();
    batches.table.correct_min(1_000 + 7 * i64::from(SIZE)).unwrap();
    assert_eq!((batches.bounds(), batches.bases(20)), ((21, 36), vec![]));
    assert_eq!(batches.table.delete_files_below(1_000 + 7 * i64::from(SIZE)).unwrap(), 1);
    assert_eq!((batches.bounds(), batches.bases(21)), ((21, 36), vec![21, 24, 27]));
    let batches = batches.reopened();
    assert_eq!(batches.bounds(), (15, 36));
    batches.table.correct_min(i64::MAX).unwrap();
    assert_eq!(batches.bounds(), (36, 36));
    batches.fill(&[2]);
    assert_eq!((batches.bounds(), batches.bases(36)), ((36, 38), vec![36]));
}

#[test]
fn what_is_cut_can_be_appended_again() {
    let batches = Batches::new();
    batches.fill(&[3; 12]);
    let batches = batches.reopened();
    batches.table.truncate_batches_after(1_000 + 4 * i64::from(SIZE)).unwrap();
    assert_eq!((batches.bounds(), batches.bases(9)), ((0, 12), vec![9]));
    batches.fill(&[2; 12]);
    let batches = batches.reopened();
    assert_eq!((batches.bounds(), batches.bases(13)), ((0, 36), vec![12, 14, 16]));
    batches.table.truncate_after(0).unwrap();
    assert_eq!(batches.bounds(), (0, 0));
    batches.fill(&[5]);
    assert_eq!((batches.bounds(), batches.bases(0)), ((0, 5), vec![0]));
    assert!(batches.table.delete_topic("t").unwrap());
    assert_eq!((batches.bounds(), batches.table.topics().len()), ((0, 0), 1));
}

#[test]
fn times_are_those_of_the_units() {
    let batches = Batches::new();
    batches.fill(&[3; 8]);
    let no_record = |_, _| panic!("units have the time");
    let at = |timestamp, boundary| batches.queue().offset_by_time(timestamp, boundary, &no_record).unwrap();
    for (timestamp, lower, upper) in
        [(-1, 0, 0), (0, 0, 0), (30, 3, 3), (31, 6, 3), (210, 21, 21), (999, 21, 21)]
    {
        assert_eq!(
            (at(timestamp, Boundary::Lower), at(timestamp, Boundary::Upper)),
            (lower, upper),
            "{timestamp}"
        );
    }
}

#[test]
fn batches_that_could_not_be_written_are_written_later() {
    let fs = WatchedFs::new(Switches::default());
    let batches = Batches::on(fs.clone());
    batches.fill(&[3; 7]);
    fs.watcher.writes.store(true, Ordering::SeqCst);
    assert!(batches.table.flush().is_err());
    assert_eq!(batches.bases(18), [18]);
    fs.watcher.writes.store(false, Ordering::SeqCst);
    let batches = batches.reopened();
    assert_eq!((batches.bounds(), batches.bases(18)), ((0, 21), vec![18]));
}

#[test]
fn a_topic_has_queues_of_one_kind() {
    let batches = Batches::new();
    batches.fill(&[3]);
    batches.table.flush().unwrap();
    std::fs::create_dir_all(batches.dir.path().join("consumequeue/t/1")).unwrap();
    let opened = ConsumeQueueTable::open(
        Arc::clone(&batches.fs),
        batches.dir.path().join("consumequeue"),
        &ConsumeQueueOptions::default(),
    );
    assert!(matches!(opened, Err(OpenError::TwoKinds(topic)) if topic == "t"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the sizes, each offset is in the batch that covers it, in memory as from the files.
    #[test]
    fn every_offset_has_its_batch(counts in prop::collection::vec(1..40_i16, 1..40), written in 0..40_usize) {
        let batches = Batches::new();
        let (first, second) = counts.split_at(written.min(counts.len()));
        batches.fill(first);
        batches.table.write_tails().unwrap();
        batches.fill(second);
        let mut base = 0;
        for count in counts {
            let next = base + i64::from(count);
            for queue_offset in [base, i64::midpoint(base, next), next - 1] {
                prop_assert_eq!(batches.bases(queue_offset).first().copied(), Some(base));
            }
            base = next;
        }
        prop_assert_eq!(batches.bounds(), (0, base));
    }
}
