//! The `timercheck` file: how far the timer had got when that was last made durable, RocketMQ's `TimerCheckpoint`.
//!
//! ```text
//! 0     last_read_time_ms i64 | last_timer_log_flush_pos i64 | last_timer_queue_offset i64
//!       | master_timer_queue_offset i64 | data version: state i64, timestamp i64, counter i64      RocketMQ's
//! 2048  magic i64 | copy of the 56 bytes above | precision_millis i64 | deliveries_phy_offset i64 | crc i32    ours
//! 4096  end
//! ```
//!
//! RocketMQ rewrites its 56 bytes and leaves the rest alone, so ours count only while the copy equals the original.

use std::{io, path::Path, sync::Arc};

use common::data_version::DataVersion;

use crate::fs::{FileSystem, OpenMode, StoreFile};

/// Length of the file.
pub(crate) const FILE_BYTES: usize = 4096;
/// Where our part begins.
pub(crate) const OWN_AT: usize = 2048;
const OWN_MAGIC: i64 = 0x4645_5252_5449_4D31;
const FIELDS_BYTES: usize = 56;
const OWN_BYTES: usize = 8 + FIELDS_BYTES + 16;

/// The content of the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimerCheckpoint {
    /// The first slot that may hold messages that were not delivered, in milliseconds.
    pub last_read_time_millis: i64,
    /// Up to where the timer log is durable, and every block of it in the wheel.
    pub last_timer_log_flush_position: i64,
    /// The first message of the timer topic that may not be in the timer log.
    pub last_timer_queue_offset: i64,
    /// The same of the master; on a master, the same.
    pub master_timer_queue_offset: i64,
    /// Changes with what is above.
    pub data_version: DataVersion,
    /// `None` when RocketMQ wrote last.
    pub own: Option<OwnPart>,
}

/// What RocketMQ does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPart {
    /// Length of a slot the wheel was written with, in milliseconds.
    pub precision_millis: i64,
    /// What was delivered of slots not before `last_read_time_millis`, and of messages not before
    /// `last_timer_queue_offset`, is in the CommitLog from this physical offset on.
    pub deliveries_phy_offset: i64,
}

impl TimerCheckpoint {
    /// RocketMQ's part, as a master hands it to its slaves.
    pub fn encode_fields(&self) -> Vec<u8> {
        [
            self.last_read_time_millis,
            self.last_timer_log_flush_position,
            self.last_timer_queue_offset,
            self.master_timer_queue_offset,
            self.data_version.state_version,
            self.data_version.timestamp,
            self.data_version.counter,
        ]
        .into_iter()
        .flat_map(i64::to_be_bytes)
        .collect()
    }

    fn encode(&self) -> Vec<u8> {
        let mut page = self.encode_fields();
        if let Some(own) = &self.own {
            let mut bytes = OWN_MAGIC.to_be_bytes().to_vec();
            bytes.extend_from_slice(&page);
            bytes.extend_from_slice(&own.precision_millis.to_be_bytes());
            bytes.extend_from_slice(&own.deliveries_phy_offset.to_be_bytes());
            let crc = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&crc.to_be_bytes());
            page.resize(OWN_AT, 0);
            page.extend_from_slice(&bytes);
        }
        page.resize(FILE_BYTES, 0);
        page
    }

    /// Reads a whole file; any bytes are one.
    pub(crate) fn decode(page: &[u8]) -> Self {
        let field = |at: usize| {
            let bytes = page.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| i64::from_be_bytes(*bytes))
        };
        let own_fields = OWN_AT + 8 + FIELDS_BYTES;
        Self {
            last_read_time_millis: field(0),
            last_timer_log_flush_position: field(8),
            last_timer_queue_offset: field(16),
            master_timer_queue_offset: field(24),
            data_version: DataVersion { state_version: field(32), timestamp: field(40), counter: field(48) },
            own: is_own_intact(page).then(|| OwnPart {
                precision_millis: field(own_fields),
                deliveries_phy_offset: field(own_fields + 8),
            }),
        }
    }
}

fn is_own_intact(page: &[u8]) -> bool {
    let own = page.get(OWN_AT..OWN_AT + OWN_BYTES).unwrap_or_default();
    own.get(8..8 + FIELDS_BYTES) == page.get(..FIELDS_BYTES) && is_own_whole(page)
}

/// Whether the part of ours is as it was written, whoever wrote the rest since.
fn is_own_whole(page: &[u8]) -> bool {
    let own = page.get(OWN_AT..OWN_AT + OWN_BYTES).unwrap_or_default();
    let crc = page.get(OWN_AT + OWN_BYTES..).and_then(<[u8]>::first_chunk);
    own.starts_with(&OWN_MAGIC.to_be_bytes())
        && crc.is_some_and(|crc| crc32fast::hash(own) == u32::from_be_bytes(*crc))
}

/// Whether there is a part of ours, and it is not as it was written.
pub(crate) fn is_own_damaged(page: &[u8]) -> bool {
    let is_there = page.get(OWN_AT..).unwrap_or_default().iter().any(|byte| *byte != 0);
    is_there && !is_own_whole(page)
}

/// The file.
#[derive(Debug)]
pub(crate) struct TimerCheckpointFile {
    file: Arc<dyn StoreFile>,
}

impl TimerCheckpointFile {
    /// Opens the file, made of zeros when absent, and reads it.
    pub(crate) fn open(fs: &dyn FileSystem, path: &Path) -> io::Result<(Self, TimerCheckpoint)> {
        if let Some(dir) = path.parent() {
            fs.create_dir_all(dir)?;
        }
        let file = fs.open(path, OpenMode::Create)?;
        if file.len()? < FILE_BYTES as u64 {
            file.set_len(FILE_BYTES as u64)?;
        }
        let mut page = [0; FILE_BYTES];
        file.read_exact_at(&mut page, 0)?;
        Ok((Self { file }, TimerCheckpoint::decode(&page)))
    }

    /// Writes it.
    pub(crate) fn write(&self, checkpoint: &TimerCheckpoint) -> io::Result<()> {
        self.file.write_all_at(&checkpoint.encode(), 0)
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    fn sample() -> TimerCheckpoint {
        TimerCheckpoint {
            last_read_time_millis: 1,
            last_timer_log_flush_position: 2,
            last_timer_queue_offset: 3,
            master_timer_queue_offset: 4,
            data_version: DataVersion { state_version: 5, timestamp: 6, counter: 7 },
            own: Some(OwnPart { precision_millis: 1_000, deliveries_phy_offset: 9 }),
        }
    }

    #[test]
    fn it_is_read_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/timercheck");
        let (file, read) = TimerCheckpointFile::open(&OsFileSystem, &path).unwrap();
        assert_eq!(read, TimerCheckpoint::default());
        file.write(&sample()).unwrap();
        assert_eq!(TimerCheckpointFile::open(&OsFileSystem, &path).unwrap().1, sample());
        assert_eq!(std::fs::metadata(path).unwrap().len(), 4096);
    }

    #[test]
    fn our_part_ends_with_any_other_writer() {
        let mut page = sample().encode();
        page[55] ^= 1;
        let read = TimerCheckpoint::decode(&page);
        assert_eq!((read.own, read.data_version.counter), (None, 6));
        for at in OWN_AT..OWN_AT + OWN_BYTES + 4 {
            let mut page = sample().encode();
            page[at] ^= 1;
            assert_eq!(TimerCheckpoint::decode(&page).own, None);
        }
    }

    #[test]
    fn the_fields_are_rocketmqs() {
        let fields: Vec<u8> = (1..=7_i64).flat_map(i64::to_be_bytes).collect();
        assert_eq!(sample().encode_fields(), fields);
    }
}
