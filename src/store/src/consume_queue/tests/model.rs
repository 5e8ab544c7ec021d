//! Arbitrary sequences of steps against a simple model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a step of the model test does.
#[derive(Clone, Debug)]
enum Step {
    Append(i64),
    Skip(i64),
    WriteTails,
    Flush,
    Crash { dispatch_from: i64 },
    Truncate(i64),
    Expire(i64),
    Read(i64, usize),
    Search(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_i64).prop_map(Step::Append),
        1 => (1..5_i64).prop_map(Step::Skip),
        2 => Just(Step::WriteTails),
        1 => Just(Step::Flush),
        2 => (0..40_i64).prop_map(|dispatch_from| Step::Crash { dispatch_from }),
        1 => (0..30_i64).prop_map(Step::Truncate),
        1 => (0..60_i64).prop_map(Step::Expire),
        3 => (0..60_i64, 0..30_usize).prop_map(|(from, count)| Step::Read(from, count)),
        2 => (0..9_000_i64).prop_map(Step::Search),
    ]
}

/// A queue as a simple map, with the CommitLog it is derived from.
#[derive(Debug, Default)]
struct Model {
    units: BTreeMap<i64, Unit>,
    next: i64,
    next_phy_offset: i64,
    min_phy_offset: i64,
}

impl Model {
    fn min(&self) -> i64 {
        let alive = self.units.iter().find(|(_, unit)| unit.phy_offset >= self.min_phy_offset);
        alive.map_or(self.next, |(queue_offset, _)| *queue_offset)
    }

    fn append(&mut self, table: &ConsumeQueueTable) {
        let unit = unit(self.next_phy_offset);
        table.append("t", 0, self.next, unit).unwrap();
        self.units.insert(self.next, unit);
        self.next += 1;
        self.next_phy_offset += i64::from(SIZE);
    }

    fn read(&self, from: i64, count: usize) -> Vec<Unit> {
        if from < self.min() {
            return Vec::new();
        }
        let places = (from..self.next).take(count);
        places.map(|place| self.units.get(&place).copied().unwrap_or(Unit::BLANK)).collect()
    }

    fn search(&self, timestamp: i64) -> (i64, i64) {
        let alive = self.units.range(self.min()..);
        let lower = alive.clone().find(|(_, unit)| unit.phy_offset >= timestamp);
        let upper = alive.rev().find(|(_, unit)| unit.phy_offset <= timestamp);
        (lower.map_or(self.next, |(place, _)| *place), upper.map_or(self.min(), |(place, _)| *place))
    }

    fn run(&mut self, step: &Step, table: &mut ConsumeQueueTable, root: &Path) {
        match step {
            Step::Append(count) => (0..*count).for_each(|_| self.append(table)),
            Step::Skip(count) => {
                self.next += count;
                self.append(table);
            }
            Step::WriteTails => assert!(table.write_tails().is_ok()),
            Step::Flush => assert!(table.flush().is_ok()),
            Step::Crash { dispatch_from } => {
                *table = open(root);
                table.correct_min(self.min_phy_offset).unwrap();
                let from = table.next_queue_offset("t", 0).unwrap() - dispatch_from;
                for (queue_offset, unit) in self.units.range(from.min(self.next)..) {
                    if unit.phy_offset >= self.min_phy_offset {
                        table.append("t", 0, *queue_offset, *unit).unwrap();
                    }
                }
            }
            Step::Truncate(back) => {
                let phy_offset = self.next_phy_offset - back * i64::from(SIZE);
                // A log is never cut below its beginning.
                let phy_offset = phy_offset.max(self.min_phy_offset);
                self.units.retain(|_, unit| unit.phy_offset < phy_offset);
                self.next_phy_offset = self.next_phy_offset.min(phy_offset);
                table.truncate_after(phy_offset).unwrap();
                let actual = table.next_queue_offset("t", 0).unwrap();
                match self.units.last_key_value() {
                    Some((last, unit)) if unit.phy_offset >= self.min_phy_offset => self.next = last + 1,
                    _ => {
                        assert!(actual <= self.next);
                        self.units.clear();
                        self.next = actual;
                    }
                }
            }
            Step::Expire(count) => {
                let phy_offset = self.min_phy_offset + count * i64::from(SIZE);
                self.min_phy_offset = phy_offset.min(self.next_phy_offset);
                // What expires was written long ago.
                table.write_tails().unwrap();
                table.delete_files_below(self.min_phy_offset).unwrap();
            }
            Step::Read(from, count) => {
                let from = self.min() + from - 3;
                let read = table.get("t", 0).unwrap().map(|queue| queue.read(from, *count).unwrap());
                assert_eq!(read.unwrap_or_default(), self.read(from, *count));
            }
            Step::Search(timestamp) => {
                if let Some(queue) = table.get("t", 0).unwrap() {
                    let find = |boundary| {
                        queue.offset_by_time(*timestamp, boundary, &|phy_offset, _| Some(phy_offset)).unwrap()
                    };
                    assert_eq!((find(Boundary::Lower), find(Boundary::Upper)), self.search(*timestamp));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_behaves_as_a_map(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut table = open(dir.path());
        let mut model = Model::default();
        for step in &steps {
            model.run(step, &mut table, dir.path());
            if let Some(queue) = table.get("t", 0).unwrap() {
                prop_assert_eq!(queue.max_queue_offset(), model.next, "{:?}", step);
                prop_assert_eq!(queue.min_queue_offset(), model.min(), "{:?}", step);
                let alive = model.units.range(model.min()..).next_back().map(|(_, unit)| *unit);
                prop_assert!(alive.is_none() || queue.last_unit() == alive, "{:?}", step);
            }
        }
    }
}
