//! What the store can be told, with RocketMQ's defaults.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::consume_queue::{ConsumeQueueOptions, QueueKind, QueueKinds};

use crate::mapped_file::ReadMode;

/// When appended messages become durable, RocketMQ's `flushDiskType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushDiskType {
    /// A put is answered at once; a background flush follows within the flush interval.
    Async,
    /// A put is answered when its bytes are on disk.
    Sync,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It is not.
    Off,
    /// It is.
    On,
}

impl Switch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// The options of a store; each names the RocketMQ key it stands for.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `storePathRootDir`
    pub root_dir: PathBuf,
    /// `storePathCommitLog`; `<root_dir>/commitlog` when absent.
    pub commit_log_dir: Option<PathBuf>,
    /// `mappedFileSizeCommitLog`
    pub commit_log_file_size_bytes: u64,
    /// `mappedFileSizeConsumeQueue`; rounded up to whole units.
    pub consume_queue_file_size_bytes: u64,
    /// `enableConsumeQueueExt`
    pub consume_queue_ext: Switch,
    /// `mappedFileSizeConsumeQueueExt`
    pub consume_queue_ext_file_size_bytes: u64,
    /// `mapperFileSizeBatchConsumeQueue`; rounded up to whole units.
    pub batch_consume_queue_file_size_bytes: u64,
    /// `enableCompaction`
    pub compaction: Switch,
    /// `compactionMappedFileSize`; rounded to a multiple of the queue files.
    pub compaction_log_file_size_bytes: u64,
    /// `compactionCqMappedFileSize`; rounded down to whole units.
    pub compaction_queue_file_size_bytes: u64,
    /// `compactionScheduleInternal`
    pub compaction_interval: Duration,
    /// `compactionThreadNum`
    pub compaction_thread_count: usize,
    /// `maxOffsetMapSize`: memory of all compactions at a time, in bytes.
    pub max_offset_map_bytes: usize,
    /// `enableLmq` and `enableMultiDispatch`: messages are in the light queues they name.
    pub light_queues: Switch,
    /// How many `ConsumeQueue` files may be open at a time.
    pub max_open_consume_queue_files: usize,
    /// `flushDiskType`
    pub flush_disk_type: FlushDiskType,
    /// `flushIntervalCommitLog`
    pub flush_interval_commit_log: Duration,
    /// `flushIntervalConsumeQueue`
    pub flush_interval_consume_queue: Duration,
    /// `flushConsumeQueueThoroughInterval`: queues are durable after so long, however many they are.
    pub flush_consume_queue_thorough_interval: Duration,
    /// `syncFlushTimeout`
    pub sync_flush_timeout: Duration,
    /// `maxMessageSize`: the largest body in bytes.
    pub max_message_size_bytes: usize,
    /// `enabledAppendPropCRC`
    pub append_properties_crc: Switch,
    /// `checkCRCOnRecover`
    pub check_crc_on_recover: Switch,
    /// `forceVerifyPropCRC`: recovery takes a record without a checksum over itself for a torn one.
    pub require_record_crc_on_recover: Switch,
    /// `readUnCommitted`: with sync flush, consumers see messages before they are on disk.
    pub read_uncommitted: Switch,
    /// `maxTransferBytesOnMessageInMemory`
    pub max_transfer_bytes_in_memory: usize,
    /// `maxTransferCountOnMessageInMemory`
    pub max_transfer_count_in_memory: usize,
    /// `maxTransferBytesOnMessageInDisk`
    pub max_transfer_bytes_on_disk: usize,
    /// `maxTransferCountOnMessageInDisk`
    pub max_transfer_count_on_disk: usize,
    /// `accessMessageInMemoryMaxRatio`: percent of physical memory taken to hold the newest messages.
    pub access_in_memory_max_percent: u32,
    /// How the CommitLog is read at first (`dataReadAheadEnable`).
    pub read_mode: ReadMode,
    /// `maxFilterMessageSize`: bytes of `ConsumeQueue` one get looks through at most.
    pub max_filter_message_size_bytes: usize,
    /// `travelCqFileNumWhenGetMessage`: files of a `ConsumeQueue` one get goes through while it finds nothing.
    pub travel_consume_queue_files: usize,
    /// `messageIndexEnable`
    pub message_index: Switch,
    /// `maxHashSlotNum`
    pub max_hash_slot_count: u32,
    /// `maxIndexNum`
    pub max_index_count: u32,
    /// `messageIndexSafe`
    pub message_index_safe: Switch,
    /// Delays of the levels from 1 on, in milliseconds, RocketMQ's `messageDelayLevel`.
    pub delay_level_millis: Vec<i64>,
    /// How far local time is ahead of UTC, in milliseconds: RocketMQ names index files and chooses
    /// `deleteWhen` by local time.
    pub utc_offset_millis: i64,
    /// `fileReservedTime`
    pub file_reserved_time: Duration,
    /// Local hours in which expired files are deleted, RocketMQ's `deleteWhen`.
    pub delete_when_hours: Vec<u32>,
    /// `deleteFileBatchMax`: files deleted in one round.
    pub delete_file_batch_max: usize,
    /// `cleanResourceInterval`
    pub clean_interval: Duration,
    /// `diskMaxUsedSpaceRatio`: above it expired files are deleted at any hour.
    pub disk_max_used_percent: u32,
    /// `diskSpaceCleanForciblyRatio`: above it the oldest files are deleted whatever their age.
    pub disk_clean_forcibly_percent: u32,
    /// `diskSpaceWarningLevelRatio`: above it puts are refused.
    pub disk_warning_percent: u32,
    /// `diskMinFreeBytes`, a key of ours: when set, it replaces the three ratios: below it puts are
    /// refused, below twice of it the oldest files are deleted.
    pub disk_min_free_bytes: Option<u64>,
    /// `cleanFileForciblyEnable`
    pub clean_file_forcibly: Switch,
    /// `osPageCacheBusyTimeOutMills`
    pub page_cache_busy_timeout: Duration,
}

impl StoreOptions {
    /// RocketMQ's defaults for a store under `root_dir`.
    pub fn at(root_dir: impl Into<PathBuf>) -> Self {
        Self {
            root_dir: root_dir.into(),
            commit_log_dir: None,
            commit_log_file_size_bytes: 1 << 30,
            consume_queue_file_size_bytes: 6_000_000,
            consume_queue_ext: Switch::Off,
            consume_queue_ext_file_size_bytes: 48 << 20,
            batch_consume_queue_file_size_bytes: 13_800_000,
            compaction: Switch::On,
            compaction_log_file_size_bytes: 100 << 20,
            compaction_queue_file_size_bytes: 10 << 20,
            compaction_interval: Duration::from_secs(15 * 60),
            compaction_thread_count: 6,
            max_offset_map_bytes: 100 << 20,
            light_queues: Switch::Off,
            max_open_consume_queue_files: 256,
            flush_disk_type: FlushDiskType::Async,
            flush_interval_commit_log: Duration::from_millis(500),
            flush_interval_consume_queue: Duration::from_secs(1),
            flush_consume_queue_thorough_interval: Duration::from_secs(60),
            sync_flush_timeout: Duration::from_secs(5),
            max_message_size_bytes: 4 << 20,
            append_properties_crc: Switch::Off,
            check_crc_on_recover: Switch::On,
            require_record_crc_on_recover: Switch::Off,
            read_uncommitted: Switch::Off,
            max_transfer_bytes_in_memory: 256 * 1024,
            max_transfer_count_in_memory: 32,
            max_transfer_bytes_on_disk: 64 * 1024,
            max_transfer_count_on_disk: 8,
            access_in_memory_max_percent: 40,
            read_mode: ReadMode::Ahead,
            max_filter_message_size_bytes: 16_000,
            travel_consume_queue_files: 1,
            message_index: Switch::On,
            max_hash_slot_count: 5_000_000,
            max_index_count: 20_000_000,
            message_index_safe: Switch::Off,
            delay_level_millis: DEFAULT_DELAY_LEVEL_SECONDS.iter().map(|seconds| seconds * 1_000).collect(),
            utc_offset_millis: 0,
            file_reserved_time: Duration::from_secs(72 * 3_600),
            delete_when_hours: vec![4],
            delete_file_batch_max: 10,
            clean_interval: Duration::from_secs(10),
            disk_max_used_percent: 75,
            disk_clean_forcibly_percent: 85,
            disk_warning_percent: 90,
            disk_min_free_bytes: None,
            clean_file_forcibly: Switch::On,
            page_cache_busy_timeout: Duration::from_secs(1),
        }
    }

    /// These options with everything from `wanted` that an open store can change: intervals, limits and what is kept.
    /// Where files are, how they are laid out and when a put is durable stay.
    #[must_use]
    pub fn retuned(&self, wanted: &Self) -> Self {
        let kept = self.clone();
        let wanted = wanted.clone();
        Self {
            root_dir: kept.root_dir,
            commit_log_dir: kept.commit_log_dir,
            commit_log_file_size_bytes: kept.commit_log_file_size_bytes,
            consume_queue_file_size_bytes: kept.consume_queue_file_size_bytes,
            consume_queue_ext: kept.consume_queue_ext,
            consume_queue_ext_file_size_bytes: kept.consume_queue_ext_file_size_bytes,
            batch_consume_queue_file_size_bytes: kept.batch_consume_queue_file_size_bytes,
            light_queues: kept.light_queues,
            max_open_consume_queue_files: kept.max_open_consume_queue_files,
            flush_disk_type: kept.flush_disk_type,
            check_crc_on_recover: kept.check_crc_on_recover,
            require_record_crc_on_recover: kept.require_record_crc_on_recover,
            read_uncommitted: kept.read_uncommitted,
            read_mode: kept.read_mode,
            message_index: kept.message_index,
            max_hash_slot_count: kept.max_hash_slot_count,
            max_index_count: kept.max_index_count,
            message_index_safe: kept.message_index_safe,
            delay_level_millis: kept.delay_level_millis,
            utc_offset_millis: kept.utc_offset_millis,
            ..wanted
        }
    }

    /// Where the CommitLog is.
    pub fn commit_log_path(&self) -> PathBuf {
        self.commit_log_dir.clone().unwrap_or_else(|| self.root_dir.join("commitlog"))
    }

    /// Where the queues of a kind are.
    pub fn queues_path(&self, kind: QueueKind) -> PathBuf {
        self.root_dir.join(kind.dir_name())
    }

    /// Length of the queue files of a kind, and the key that says it.
    pub(crate) fn queue_file_size_bytes(&self, kind: QueueKind) -> (&'static str, u64) {
        (
            kind.file_size_key(),
            match kind {
                QueueKind::Simple => self.consume_queue_file_size_bytes,
                QueueKind::Batch => self.batch_consume_queue_file_size_bytes,
            },
        )
    }

    /// How queues are kept, where topics have these kinds.
    pub(crate) fn queue_options(&self, kinds: Arc<QueueKinds>) -> ConsumeQueueOptions {
        ConsumeQueueOptions {
            file_size_bytes: self.consume_queue_file_size_bytes,
            batch_file_size_bytes: self.batch_consume_queue_file_size_bytes,
            kinds,
            max_open_files: self.max_open_consume_queue_files,
        }
    }

    /// Where the configuration files are.
    pub fn config_path(&self) -> PathBuf {
        self.root_dir.join("config")
    }

    /// Whether consumers see messages only once they are on disk.
    pub fn holds_back_unflushed(&self) -> bool {
        self.flush_disk_type == FlushDiskType::Sync && !self.read_uncommitted.is_on()
    }
}

/// `1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h`
const DEFAULT_DELAY_LEVEL_SECONDS: [i64; 18] =
    [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];
