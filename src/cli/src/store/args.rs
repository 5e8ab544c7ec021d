//! The command line of `ferrocket store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Flags of `store`.
#[derive(Debug, Args)]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Examine every file of a store and report damage
    ///
    /// Reads the CommitLog record by record, compares it with the ConsumeQueues and the index in both directions,
    /// and looks at checkpoint and configuration. Changes nothing. Exits with 0 when there is no damage, 1 when
    /// there is, and 2 when the store could not be checked.
    Check(Check),
    /// List what is in a store: records, or the units, index items, compacted records or checkpoint
    Dump(Dump),
    /// Build the ConsumeQueues again from the CommitLog
    ///
    /// Says what would be done; does it with --write. The new queues are built beside the old ones and exchanged
    /// with them when complete, so that an interruption at any moment loses nothing.
    RebuildQueues(Rebuild),
    /// Build the index, by which messages are found by key, again from the CommitLog
    ///
    /// Says what would be done; does it with --write. The new files are built beside the old ones and exchanged
    /// with them when complete, so that an interruption at any moment loses nothing.
    RebuildIndex(Rebuild),
}

/// Which store, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// The directory of the store: storePathRootDir, the one that holds commitlog
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The broker's configuration file, when it changes mappedFileSize…, maxHashSlotNum, maxIndexNum,
    /// messageDelayLevel or storePathCommitLog [default: file sizes are taken from the files]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) store: Store,
    /// Check beside a running broker, passing over what it has not finished writing; the broker must not be
    /// started meanwhile
    #[arg(long)]
    pub(crate) live: bool,
}

/// What `dump` lists instead of records.
#[derive(Debug, Args)]
pub(crate) struct What {
    /// List the units of the ConsumeQueues
    #[arg(long, conflicts_with_all = ["index", "checkpoint", "body", "key", "from", "to"])]
    pub(crate) queue_units: bool,
    /// List the index files with their items; with --topic and --key, the items of that key
    #[arg(long, conflicts_with_all = ["checkpoint", "body", "from", "to", "queue", "from_queue_offset", "to_queue_offset"])]
    pub(crate) index: bool,
    /// Print the checkpoint
    #[arg(long)]
    pub(crate) checkpoint: bool,
}

/// Flags of `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) what: What,
    /// The records of compacted topics, from their compacted logs
    #[arg(long, conflicts_with_all = ["queue_units", "index", "checkpoint"])]
    pub(crate) compacted: bool,
    /// Of this topic only
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Of this queue id only
    #[arg(long, value_name = "ID")]
    pub(crate) queue: Option<i32>,
    /// From this physical offset on
    #[arg(long, value_name = "PHY_OFFSET", default_value_t = 0, hide_default_value = true)]
    pub(crate) from: i64,
    /// Up to this physical offset, without it
    #[arg(long, value_name = "PHY_OFFSET", default_value_t = i64::MAX, hide_default_value = true)]
    pub(crate) to: i64,
    /// From this offset in the queue on
    #[arg(long, value_name = "OFFSET", default_value_t = 0, hide_default_value = true)]
    pub(crate) from_queue_offset: i64,
    /// Up to this offset in the queue, without it
    #[arg(long, value_name = "OFFSET", default_value_t = i64::MAX, hide_default_value = true)]
    pub(crate) to_queue_offset: i64,
    /// With this key or unique id only
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// No more than so many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Print bodies as well: as text where they are, else in hexadecimal
    #[arg(long)]
    pub(crate) body: bool,
}

/// Flags of `rebuild-queues` and `rebuild-index`.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    pub(crate) store: Store,
    /// Do it; the broker must be stopped
    #[arg(long)]
    pub(crate) write: bool,
}
