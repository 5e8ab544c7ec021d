//! Sets of numbers that come nearly in order: sequences of messages, offsets of a queue.

use std::{collections::BTreeMap, ops::Range};

/// A set of numbers as ranges that neither touch nor overlap.
///
/// Takes as much memory as there are gaps. The range that grew last is kept at hand, so that numbers that come in order
/// cost next to nothing.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    /// End by start, without the range at hand.
    others: BTreeMap<u64, u64>,
    at_hand: Range<u64>,
    /// Start of the first range above the one at hand.
    limit: Option<u64>,
    count: u64,
}

impl Ranges {
    /// Adds numbers; answers how many of them were there already.
    pub(crate) fn insert(&mut self, added: Range<u64>) -> u64 {
        if added.is_empty() {
            return 0;
        }
        let fits = self.limit.is_none_or(|limit| added.end < limit);
        if added.start == self.at_hand.end && !self.at_hand.is_empty() && fits {
            self.at_hand.end = added.end;
            self.count += added.end - added.start;
            return 0;
        }
        let repeated = self.merge(added.clone());
        self.count += added.end - added.start - repeated;
        repeated
    }

    fn merge(&mut self, added: Range<u64>) -> u64 {
        if !self.at_hand.is_empty() {
            self.others.insert(self.at_hand.start, self.at_hand.end);
        }
        let mut joined = added.clone();
        let mut repeated = 0;
        let mut absorb = |start: u64, end: u64| {
            repeated += end.min(added.end).saturating_sub(start.max(added.start));
            joined = joined.start.min(start)..joined.end.max(end);
        };
        let before = self.others.range(..added.start).next_back().map(|(start, end)| (*start, *end));
        if let Some((start, end)) = before.filter(|(_, end)| *end >= added.start) {
            self.others.remove(&start);
            absorb(start, end);
        }
        while let Some((start, end)) = self.others.range(added.start..=added.end).next() {
            let (start, end) = (*start, *end);
            self.others.remove(&start);
            absorb(start, end);
        }
        self.limit = self.others.range(joined.end..).next().map(|(start, _)| *start);
        self.at_hand = joined;
        repeated
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether all numbers of `range` are there.
    fn contains(&self, range: &Range<u64>) -> bool {
        let holds = |start: u64, end: u64| start <= range.start && range.end <= end;
        let below = self.others.range(..=range.start).next_back();
        holds(self.at_hand.start, self.at_hand.end) || below.is_some_and(|(start, end)| holds(*start, *end))
    }

    /// The least and the largest number, as a range.
    pub(crate) fn bounds(&self) -> Range<u64> {
        let start = self.iter().map(|range| range.start).min().unwrap_or_default();
        start..self.iter().map(|range| range.end).max().unwrap_or_default()
    }

    /// The first number that is missing.
    pub(crate) fn first_gap(&self) -> u64 {
        self.iter().find(|range| range.start == 0).map_or(0, |range| range.end)
    }

    /// How many of these numbers are not in `other`.
    pub(crate) fn missing_in(&self, other: &Self) -> u64 {
        let ranges = self.iter().filter(|range| !other.contains(range));
        ranges
            .map(|range| range.filter(|number| !other.contains(&(*number..number + 1))).count() as u64)
            .sum()
    }

    fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        let at_hand = (!self.at_hand.is_empty()).then(|| self.at_hand.clone());
        self.others.iter().map(|(start, end)| *start..*end).chain(at_hand)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn numbers_in_order_are_one_range() {
        let mut set = Ranges::default();
        for number in 5..1_000 {
            assert_eq!(set.insert(number..number + 1), 0);
        }
        assert_eq!((set.count(), set.bounds(), set.others.len()), (995, 5..1_000, 0));
        assert_eq!(set.insert(10..20), 10);
        assert_eq!(set.count(), 995);
    }

    #[test]
    fn any_order_gives_the_same_set() {
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..200 {
            let (mut set, mut model) = (Ranges::default(), BTreeSet::new());
            for _ in 0..60 {
                let start = random.random_range(0..80);
                let added = start..start + random.random_range(0..6);
                let repeated = added.clone().filter(|number| !model.insert(*number)).count() as u64;
                assert_eq!(set.insert(added), repeated);
                assert_eq!(set.count(), model.len() as u64);
            }
            let from_ranges: BTreeSet<u64> = set.iter().flatten().collect();
            assert_eq!(from_ranges, model);
        }
    }

    #[test]
    fn what_is_missing_is_counted() {
        let (mut sent, mut seen) = (Ranges::default(), Ranges::default());
        sent.insert(0..100);
        for part in [0..10, 12..40, 41..99] {
            seen.insert(part);
        }
        assert_eq!(sent.missing_in(&seen), 4);
        assert_eq!(seen.missing_in(&sent), 0);
    }
}
