//! The `checkpoint` file: how far the store had got when it was last made durable.
//!
//! ```text
//! 0     physic_msg_timestamp i64 | logics_msg_timestamp i64 | index_msg_timestamp i64
//!       | master_flushed_offset i64 | confirm_phy_offset i64                  RocketMQ's fields
//! 2048  magic i64 | copy of the 40 bytes above | recover_phy_offset i64 | crc i32      ours
//! 4096  end
//! ```
//!
//! RocketMQ rewrites its 40 bytes and leaves the rest alone. So ours count only while the copy equals the
//! original: after a run of RocketMQ in between, recovery follows RocketMQ's rule.
//!
//! Invariant: everything below `recover_phy_offset` is on disk, in the CommitLog and in the `ConsumeQueue`s.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::fs::{FileSystem, OpenMode, StoreFile};

const FILE_BYTES: usize = 4096;
const OWN_AT: usize = 2048;
const OWN_MAGIC: i64 = 0x4645_5252_4f43_4b31;
const FIELDS_BYTES: usize = 40;
const OWN_BYTES: usize = 8 + FIELDS_BYTES + 8;

/// The content of the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Store timestamp of the last flushed message.
    pub physic_msg_timestamp: i64,
    /// Store timestamp of the last message whose `ConsumeQueue` unit is flushed.
    pub logics_msg_timestamp: i64,
    /// Store timestamp of the last message whose index is flushed.
    pub index_msg_timestamp: i64,
    /// How far the master had flushed; kept for slaves.
    pub master_flushed_offset: i64,
    /// Physical offset of the last confirmed message.
    pub confirm_phy_offset: i64,
    /// Where recovery may begin; `None` when RocketMQ wrote last.
    pub recover_phy_offset: Option<i64>,
}

impl Checkpoint {
    /// RocketMQ's rule: recovery begins in the file whose first message is not younger than this.
    pub fn min_timestamp(&self) -> i64 {
        self.physic_msg_timestamp.min(self.logics_msg_timestamp).saturating_sub(3_000).max(0)
    }

    /// The same where the index must be rebuilt completely too.
    pub fn min_timestamp_index(&self) -> i64 {
        self.min_timestamp().min(self.index_msg_timestamp)
    }

    fn encode(&self) -> [u8; FILE_BYTES] {
        let mut fields = Vec::with_capacity(FIELDS_BYTES);
        for field in [
            self.physic_msg_timestamp,
            self.logics_msg_timestamp,
            self.index_msg_timestamp,
            self.master_flushed_offset,
            self.confirm_phy_offset,
        ] {
            fields.extend_from_slice(&field.to_be_bytes());
        }
        let mut page = [0; FILE_BYTES];
        copy_to(&mut page, 0, &fields);
        if let Some(recover_phy_offset) = self.recover_phy_offset {
            let mut own = OWN_MAGIC.to_be_bytes().to_vec();
            own.extend_from_slice(&fields);
            own.extend_from_slice(&recover_phy_offset.to_be_bytes());
            let crc = crc32fast::hash(&own);
            own.extend_from_slice(&crc.to_be_bytes());
            copy_to(&mut page, OWN_AT, &own);
        }
        page
    }

    fn decode(page: &[u8]) -> Self {
        let field = |at: usize| {
            let bytes = page.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| i64::from_be_bytes(*bytes))
        };
        Self {
            physic_msg_timestamp: field(0),
            logics_msg_timestamp: field(8),
            index_msg_timestamp: field(16),
            master_flushed_offset: field(24),
            confirm_phy_offset: field(32),
            recover_phy_offset: Self::decode_own(page).map(|()| field(OWN_AT + OWN_BYTES - 8)),
        }
    }

    fn decode_own(page: &[u8]) -> Option<()> {
        let own = page.get(OWN_AT..OWN_AT + OWN_BYTES)?;
        let crc = page.get(OWN_AT + OWN_BYTES..)?.first_chunk()?;
        let intact = own.starts_with(&OWN_MAGIC.to_be_bytes())
            && own.get(8..8 + FIELDS_BYTES) == page.get(..FIELDS_BYTES)
            && crc32fast::hash(own) == u32::from_be_bytes(*crc);
        intact.then_some(())
    }
}

fn copy_to(page: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(target) = page.get_mut(at..at + bytes.len()) {
        target.copy_from_slice(bytes);
    }
}

/// The file, RocketMQ's `StoreCheckpoint`.
#[derive(Debug)]
pub struct CheckpointFile {
    file: Arc<dyn StoreFile>,
    path: PathBuf,
}

impl CheckpointFile {
    /// Opens `<root>/checkpoint`, made of zeros when absent, and reads it.
    pub fn open(fs: &dyn FileSystem, root: &Path) -> io::Result<(Self, Checkpoint)> {
        let path = root.join("checkpoint");
        let file = fs.open(&path, OpenMode::Create)?;
        if file.len()? < FILE_BYTES as u64 {
            file.set_len(FILE_BYTES as u64)?;
        }
        let mut page = [0; FILE_BYTES];
        file.read_exact_at(&mut page, 0)?;
        Ok((Self { file, path }, Checkpoint::decode(&page)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it durably.
    pub fn save(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.file.write_all_at(&checkpoint.encode(), 0)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    fn sample() -> Checkpoint {
        Checkpoint {
            physic_msg_timestamp: 10_000,
            logics_msg_timestamp: 9_000,
            index_msg_timestamp: 5_000,
            master_flushed_offset: 4,
            confirm_phy_offset: 77,
            recover_phy_offset: Some(1_234),
        }
    }

    #[test]
    fn it_is_read_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let (file, read) = CheckpointFile::open(&OsFileSystem, dir.path()).unwrap();
        assert_eq!(read, Checkpoint::default());
        file.save(&sample()).unwrap();
        let (_, read) = CheckpointFile::open(&OsFileSystem, dir.path()).unwrap();
        assert_eq!(read, sample());
        assert_eq!(std::fs::metadata(dir.path().join("checkpoint")).unwrap().len(), 4096);
        assert_eq!((read.min_timestamp(), read.min_timestamp_index()), (6_000, 5_000));
    }

    #[test]
    fn our_part_ends_with_any_other_writer() {
        let mut page = sample().encode();
        page[39] ^= 1;
        assert_eq!(Checkpoint::decode(&page).recover_phy_offset, None);
        for at in OWN_AT..OWN_AT + OWN_BYTES + 4 {
            let mut page = sample().encode();
            page[at] ^= 1;
            assert_eq!(Checkpoint::decode(&page).recover_phy_offset, None);
        }
    }
}
