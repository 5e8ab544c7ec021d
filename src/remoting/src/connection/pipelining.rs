//! How many requests a peer keeps under way, and when their answers are best written.
//!
//! Answers that leave all at once make both ends wait for each other: the peer has nothing to do until they come, and then
//! this end has nothing until the next requests do. Written in halves of what is under way, one half is worked on here while
//! the peer is busy with the other; in smaller pieces they would cost more system calls for no more overlap.

/// Answers of so many requests are worth a write of their own.
const PER_WRITE_MIN: usize = 8;
/// More of them do not make a write cheaper.
const PER_WRITE_MAX: usize = 32;
/// What has been under way counts for about so many reads.
const MEMORY_READS: usize = 256;

/// What is known of a peer's requests.
#[derive(Debug, Default)]
pub(super) struct Pipelining {
    /// How many the peer keeps under way, about.
    depth: usize,
    /// Taken since the last read.
    since_read: usize,
    /// Taken since the last write.
    since_write: usize,
    /// How many the last write answered.
    last_write: usize,
    /// How many were with the peer, their answers just written, when what is being taken was read.
    with_peer: usize,
    /// Whether a read found nothing since the last that found something: the peer had all answers by then.
    waited: bool,
}

impl Pipelining {
    /// A request is worked on; whether it is time to write.
    pub(super) fn took_one(&mut self) -> bool {
        self.since_read += 1;
        self.since_write += 1;
        self.since_write >= (self.depth / 2).clamp(PER_WRITE_MIN, PER_WRITE_MAX)
    }

    /// All answers there are have been written.
    pub(super) fn wrote(&mut self) {
        if self.since_write > 0 {
            self.last_write = std::mem::take(&mut self.since_write);
        }
    }

    /// Nothing was there to be read.
    pub(super) fn found_nothing(&mut self) {
        self.waited = true;
    }

    /// More has been read.
    pub(super) fn read_some(&mut self) {
        let seen = self.with_peer + std::mem::take(&mut self.since_read);
        self.depth = seen.max(self.depth - self.depth.div_ceil(MEMORY_READS));
        self.with_peer = if std::mem::take(&mut self.waited) { 0 } else { self.last_write };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `count` requests that were read at once; how many each write answers.
    fn take(pipelining: &mut Pipelining, count: usize) -> Vec<usize> {
        pipelining.read_some();
        let mut writes = vec![0];
        for _ in 0..count {
            *writes.last_mut().unwrap() += 1;
            if pipelining.took_one() {
                pipelining.wrote();
                writes.push(0);
            }
        }
        pipelining.wrote();
        writes.retain(|written| *written > 0);
        writes
    }

    #[test]
    fn halves_are_written_and_stay_halves() {
        let mut pipelining = Pipelining::default();
        pipelining.found_nothing();
        take(&mut pipelining, 64);
        // All answers were written: all requests come again.
        pipelining.found_nothing();
        assert_eq!(take(&mut pipelining, 64), [32, 32]);
        // While the second half was worked on the first came again, and so on.
        for _ in 0..50 {
            assert_eq!(take(&mut pipelining, 32), [32]);
        }
    }

    #[test]
    fn a_peer_that_waits_for_every_answer_gets_it_at_once() {
        let mut pipelining = Pipelining::default();
        for _ in 0..5 {
            pipelining.found_nothing();
            assert_eq!(take(&mut pipelining, 1), [1]);
        }
    }

    #[test]
    fn what_was_under_way_once_is_forgotten() {
        let mut pipelining = Pipelining::default();
        take(&mut pipelining, 1_000);
        pipelining.found_nothing();
        assert_eq!(take(&mut pipelining, 16), [16]);
        for _ in 0..8 * MEMORY_READS {
            pipelining.found_nothing();
            take(&mut pipelining, 16);
        }
        pipelining.found_nothing();
        assert_eq!(take(&mut pipelining, 16), [8, 8]);
    }
}
