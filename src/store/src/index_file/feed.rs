//! Keys on their way from the appender to whoever builds the index.
//!
//! The appender has the keys of a message at hand. To read them from its record again costs several times as much, for
//! another processor has just written it. So the appender leaves their hashes here, and the log is read only for what it
//! did not leave: messages of before the start, those held back until they are flushed, and those of a long backlog.

use message::{
    hash::IndexKeyHasher,
    property_names::{KEYS, UNIQ_KEY},
    sys_flag::TransactionType,
};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{IndexError, IndexService, request::key_hashes};
use crate::{commit_log::Placed, put::PendingMessage};

/// So many keys wait at most, 3 MiB of them. Those of a longer backlog are read from the log.
const MAX_WAITING_KEYS: usize = 128 * 1024;

/// The hashes of all keys of messages that are appended together, in their order.
///
/// Those of a single message, as most are, need no allocation.
#[derive(Debug, Default)]
pub(crate) struct KeyHashes {
    hashes: SmallVec<[i32; 4]>,
    /// Where the hashes of each message end.
    ends: SmallVec<[u32; 1]>,
}

impl KeyHashes {
    /// Those of `messages` of one topic; a rolled back one has none.
    pub(crate) fn of(topic: &str, messages: &[PendingMessage]) -> Self {
        let hasher = IndexKeyHasher::of(topic);
        let mut found = Self {
            hashes: SmallVec::with_capacity(messages.len()),
            ends: SmallVec::with_capacity(messages.len()),
        };
        for message in messages {
            if TransactionType::of(message.sys_flag) != TransactionType::Rollback {
                let keys = message.properties.get(KEYS).unwrap_or_default();
                found.hashes.extend(key_hashes(hasher, message.properties.get(UNIQ_KEY), keys));
            }
            found.ends.push(found.hashes.len() as u32);
        }
        found
    }
}

/// A key of a stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StoredKey {
    key_hash: i32,
    phy_offset: i64,
    store_timestamp: i64,
}

/// The keys of all records in a stretch of the log.
#[derive(Debug, Default)]
pub(crate) struct KeyRun {
    begin: i64,
    end: i64,
    keys: Vec<StoredKey>,
}

impl KeyRun {
    /// Physical offset where the stretch ends.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Puts them into the index; answers up to where, which is not the end if one of them could not be put.
    pub(crate) fn index(&self, index: &IndexService) -> (i64, Result<(), IndexError>) {
        for record in self.keys.chunk_by(|one, next| one.phy_offset == next.phy_offset) {
            let Some(StoredKey { phy_offset, store_timestamp, .. }) = record.first().copied() else {
                continue;
            };
            let hashes = record.iter().map(|key| key.key_hash);
            if let Err(error) = index.put_hashes(phy_offset, store_timestamp, hashes) {
                return (phy_offset, Err(error));
            }
        }
        (self.end, Ok(()))
    }
}

/// Where keys wait.
#[derive(Debug, Default)]
pub(crate) struct IndexFeed {
    waiting: Mutex<KeyRun>,
}

impl IndexFeed {
    /// Leaves the keys of messages that have just been appended. To be called in their order.
    pub(crate) fn push(&self, placed: &Placed, hashes: &KeyHashes) {
        let mut run = self.waiting.lock();
        if run.end != placed.phy_offset || run.keys.len() + hashes.hashes.len() > MAX_WAITING_KEYS {
            run.keys.clear();
            run.begin = placed.phy_offset;
        }
        run.end = placed.end_phy_offset();
        if hashes.hashes.len() > MAX_WAITING_KEYS {
            run.begin = run.end;
            return;
        }
        let phy_offsets =
            std::iter::once(placed.phy_offset).chain(placed.further_phy_offsets.iter().copied());
        let mut start = 0;
        for (phy_offset, end) in phy_offsets.zip(hashes.ends.iter().map(|end| *end as usize)) {
            let of_message = hashes.hashes.get(start..end).unwrap_or_default();
            let store_timestamp = placed.store_timestamp;
            run.keys.extend(of_message.iter().map(|key_hash| StoredKey {
                key_hash: *key_hash,
                phy_offset,
                store_timestamp,
            }));
            start = end;
        }
    }

    /// Where the stretch begins whose keys wait.
    pub(crate) fn begin(&self) -> i64 {
        self.waiting.lock().begin
    }

    /// Takes the keys that wait, if they are those of what follows `from`.
    pub(crate) fn take(&self, from: i64) -> Option<KeyRun> {
        let mut waiting = self.waiting.lock();
        if from < waiting.begin || from >= waiting.end {
            return None;
        }
        // As many will come again, and the appender ought not to make room for them bit by bit.
        let keys = Vec::with_capacity(waiting.keys.len());
        let next = KeyRun { begin: waiting.end, end: waiting.end, keys };
        Some(std::mem::replace(&mut waiting, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(phy_offset: i64, sizes: &[i64]) -> Placed {
        let ends = sizes.iter().scan(phy_offset, |end, size| {
            *end += size;
            Some(*end)
        });
        let starts: Vec<i64> = std::iter::once(phy_offset).chain(ends).collect();
        Placed {
            phy_offset,
            further_phy_offsets: starts[1..sizes.len()].to_vec(),
            queue_offset: 0,
            next_queue_offset: 0,
            store_timestamp: 7,
            wrote_bytes: sizes.iter().sum::<i64>() as usize,
        }
    }

    fn hashes(of_messages: &[&[i32]]) -> KeyHashes {
        let mut all = KeyHashes::default();
        for of_message in of_messages {
            all.hashes.extend_from_slice(of_message);
            all.ends.push(all.hashes.len() as u32);
        }
        all
    }

    fn found(run: &KeyRun) -> Vec<(i64, i32)> {
        run.keys.iter().map(|key| (key.phy_offset, key.key_hash)).collect()
    }

    #[test]
    fn keys_come_with_the_places_of_their_messages() {
        let feed = IndexFeed::default();
        feed.push(&placed(0, &[10, 20]), &hashes(&[&[1, 2], &[]]));
        feed.push(&placed(30, &[5]), &hashes(&[&[3]]));
        let run = feed.take(0).unwrap();
        assert_eq!(found(&run), [(0, 1), (0, 2), (30, 3)]);
        assert_eq!(run.end(), 35);
        assert!(feed.take(35).is_none(), "nothing waits");
    }

    #[test]
    fn keys_behind_a_gap_wait_until_it_is_read() {
        let feed = IndexFeed::default();
        feed.push(&placed(100, &[10]), &hashes(&[&[1]]));
        // What is between was not left here.
        feed.push(&placed(200, &[10]), &hashes(&[&[2]]));
        assert!(feed.take(100).is_none());
        assert_eq!(feed.begin(), 200);
        assert_eq!(found(&feed.take(200).unwrap()), [(200, 2)]);
    }

    #[test]
    fn no_more_keys_wait_than_there_is_room_for() {
        let feed = IndexFeed::default();
        let many = vec![1; MAX_WAITING_KEYS];
        feed.push(&placed(0, &[10]), &hashes(&[&many]));
        feed.push(&placed(10, &[10]), &hashes(&[&[2]]));
        assert_eq!(found(&feed.take(10).unwrap()), [(10, 2)]);
        let too_many = vec![1; MAX_WAITING_KEYS + 1];
        feed.push(&placed(20, &[10]), &hashes(&[&too_many]));
        assert!(feed.take(20).is_none());
        feed.push(&placed(30, &[10]), &hashes(&[&[3]]));
        assert_eq!(found(&feed.take(30).unwrap()), [(30, 3)]);
    }
}
