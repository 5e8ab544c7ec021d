//! What was acknowledged and what was seen, to be compared in the end.

use std::cell::RefCell;

use crate::{ranges::Ranges, stage::Stage, tally::Fault};

/// Messages of one connection by their sequence.
#[derive(Debug, Default)]
struct Stream {
    acknowledged: Ranges,
    seen: Ranges,
}

/// A queue: where it began and which of its places were given away since.
#[derive(Debug, Default)]
struct Place {
    begin: u64,
    given: Ranges,
}

/// See the module. Everything is counted, nothing is kept per message while it comes in order.
#[derive(Debug)]
pub(crate) struct Ledger {
    streams: RefCell<Vec<Stream>>,
    places: RefCell<Vec<Place>>,
}

impl Ledger {
    /// A ledger of so many connections that send, and of queues that begin at these offsets.
    pub(crate) fn new(streams: usize, begins: &[i64]) -> Self {
        let place = |begin: &i64| Place { begin: (*begin).max(0) as u64, given: Ranges::default() };
        Self {
            streams: RefCell::new((0..streams).map(|_| Stream::default()).collect()),
            places: RefCell::new(begins.iter().map(place).collect()),
        }
    }

    /// Messages `first..first + count` of a connection are acknowledged.
    pub(crate) fn acknowledge(&self, stream: u32, first: u64, count: u64) {
        if let Some(stream) = self.streams.borrow_mut().get_mut(stream as usize) {
            stream.acknowledged.insert(first..first + count);
        }
    }

    /// The server says that it put `count` messages at `offset` of a queue.
    pub(crate) fn give(&self, stage: &Stage, place: usize, offset: i64, count: u64) {
        let mut places = self.places.borrow_mut();
        let Some(queue) = places.get_mut(place) else { return };
        let Some(start) = u64::try_from(offset).ok().filter(|offset| *offset >= queue.begin) else {
            return stage.fault(Fault::WrongAnswer, count, || {
                format!("queue offset {offset} is before {}, where the queue began", queue.begin)
            });
        };
        // An offset that no queue reaches would be no number to count on from.
        let repeated = queue.given.insert(start..start.saturating_add(count));
        stage.fault(Fault::WrongAnswer, repeated, || format!("queue offset {offset} was given away twice"));
    }

    /// A message of this run has come to a consumer.
    pub(crate) fn see(&self, stage: &Stage, stream: u32, sequence: u64) {
        let mut streams = self.streams.borrow_mut();
        let Some(known) = streams.get_mut(stream as usize) else {
            return stage.fault(Fault::WrongBody, 1, || format!("connection {stream} sent nothing"));
        };
        let repeated = known.seen.insert(sequence..sequence.saturating_add(1));
        stage.fault(Fault::Doubled, repeated, || format!("message {sequence} of connection {stream}"));
    }

    /// How many acknowledged messages were not seen.
    pub(crate) fn unseen(&self) -> u64 {
        let streams = self.streams.borrow();
        streams.iter().map(|stream| stream.acknowledged.missing_in(&stream.seen)).sum()
    }

    /// How many are acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.streams.borrow().iter().map(|stream| stream.acknowledged.count()).sum()
    }

    /// How many of the first messages of a connection are acknowledged without a gap.
    pub(crate) fn acknowledged_in_row(&self, stream: u32) -> u64 {
        let streams = self.streams.borrow();
        streams.get(stream as usize).map_or(0, |stream| stream.acknowledged.first_gap())
    }

    /// Where each queue began, and where it must end at least: above the last offset given away, and holding as many.
    pub(crate) fn expected_end(&self, place: usize) -> u64 {
        let places = self.places.borrow();
        places
            .get(place)
            .map_or(0, |place| place.given.bounds().end.max(place.begin.saturating_add(place.given.count())))
    }

    /// Where a queue began.
    pub(crate) fn begin(&self, place: usize) -> u64 {
        self.places.borrow().get(place).map_or(0, |place| place.begin)
    }
}
