//! What other set-ups of RocketMQ leave in a store directory and this store does not read.
//!
//! Invariant: a store in which messages may be that no queue here would show is not opened.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{consume_queue::QueueKind, error::OpenError, fs::FileSystem, options::StoreOptions};

/// The file every directory of RocksDB has.
const ROCKSDB_MARK: &str = "CURRENT";
/// `DLedger` puts its log into `dledger-SELFID`.
const DLEDGER_PREFIX: &str = "dledger-";
/// Tables below `config` that may be directories of RocksDB.
const TABLES: [&str; 5] = ["topics", "subscriptionGroups", "consumerOffsets", "rdb", "metadata"];

/// Files that are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Where they are.
    pub path: PathBuf,
    /// What they hold.
    pub kind: ForeignKind,
}

/// What files that are not read hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKind {
    /// `storeType=defaultRocksDB`.
    QueuesInRocksDb,
    /// `enableDLegerCommitLog=true`.
    DLedgerLog,
    /// Topics, groups or offsets.
    TableInRocksDb,
    /// `popConsumerKVServiceEnable=true`.
    PopsInRocksDb,
}

impl ForeignKind {
    /// Whether messages may be behind it that are nowhere else.
    pub fn hides_messages(self) -> bool {
        matches!(self, Self::QueuesInRocksDb | Self::DLedgerLog)
    }

    fn name(self) -> &'static str {
        match self {
            Self::QueuesInRocksDb => "consume queues in RocksDB",
            Self::DLedgerLog => "a CommitLog of DLedger",
            Self::TableInRocksDb => "a table in RocksDB",
            Self::PopsInRocksDb => "pops that wait to be acknowledged, in RocksDB",
        }
    }
}

impl fmt::Display for ForeignKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Looks for all of it.
///
/// # Errors
/// When a directory cannot be listed.
pub fn find(fs: &dyn FileSystem, options: &StoreOptions) -> Result<Vec<Foreign>, OpenError> {
    let root = &options.root_dir;
    let mut found = Vec::new();
    let mut note = |path: PathBuf, kind| found.push(Foreign { path, kind });
    let is_rocksdb = |path: &Path| fs.exists(&path.join(ROCKSDB_MARK));
    let queues = options.queues_path(QueueKind::Simple);
    if is_rocksdb(&queues) {
        note(queues, ForeignKind::QueuesInRocksDb);
    }
    let entries = if fs.exists(root) { fs.read_dir(root).map_err(OpenError::io(root))? } else { Vec::new() };
    for entry in entries.iter().filter(|entry| entry.is_dir && entry.name.starts_with(DLEDGER_PREFIX)) {
        note(root.join(&entry.name), ForeignKind::DLedgerLog);
    }
    for table in TABLES.map(|table| options.config_path().join(table)) {
        if is_rocksdb(&table) {
            note(table, ForeignKind::TableInRocksDb);
        }
    }
    let pops = root.join("kvStore");
    if is_rocksdb(&pops) {
        note(pops, ForeignKind::PopsInRocksDb);
    }
    Ok(found)
}

/// Refuses a store of which messages would be passed over in silence.
pub(crate) fn refuse(fs: &dyn FileSystem, options: &StoreOptions) -> Result<(), OpenError> {
    let hiding = find(fs, options)?.into_iter().find(|foreign| foreign.kind.hides_messages());
    hiding.map_or(Ok(()), |Foreign { path, kind }| Err(OpenError::Unsupported { path, what: kind.name() }))
}
