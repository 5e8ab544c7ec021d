//! The keys of the message store.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert, Refused};
use super::object::config_object;
use super::reasons::{
    BISECTED, COLD, CONTROLLER, DELAY_OWN, DELAY_STATS, DELETE_OWN, DLEDGER, DUPLICATION, FALL_STATS,
    FILLED_IN, FLUSH_ALL, HA, LAG_SAMPLES, LOCKS, LOGGING, LONG_TOPIC, MULTI_BROKER, MULTI_PATH, ONE_COPY,
    POOL, READ_ONLY, ROCKSDB, STILL_READ, STORE_OWN, TIMER_METRICS, TIMER_RETRY, TIMER_THREADS, UNUSED, WARM,
};
use super::{BrokerRole, FlushDiskType, MAX_INT};

config_object! {
    /// Configuration of the store (`MessageStoreConfig`).
    pub struct MessageStoreConfig(machine) {
        /// Directory of the store.
        "storePathRootDir" store_path_root_dir: String = machine.under_home("store"), Honoured, important(), fixed();
        /// Directory of the CommitLog; default `commitlog` below the store.
        "storePathCommitLog" store_path_commit_log: Option<String> = None, Honoured, important(), fixed();
        /// Directory of the DLedger log.
        "storePathDLedgerCommitLog" store_path_dledger_commit_log: Option<String> = None, Inert(DLEDGER), important(), fixed();
        /// File of master epochs.
        "storePathEpochFile" store_path_epoch_file: Option<String> = None, Inert(CONTROLLER), important(), fixed();
        /// File of the identity a controller has given.
        "storePathBrokerIdentity" store_path_broker_identity: Option<String> = None, Inert(CONTROLLER), important(), fixed();
        /// Further CommitLog directories that are only read.
        "readOnlyCommitLogStorePaths" read_only_commit_log_store_paths: Option<String> = None, Refused(MULTI_PATH), fixed();
        /// Bytes of one CommitLog file.
        "mappedFileSizeCommitLog" mapped_file_size_commit_log: i32 = 1_073_741_824, Honoured, range(1024, MAX_INT);
        /// Bytes of one log file of a compacted topic.
        "compactionMappedFileSize" compaction_mapped_file_size: i32 = 104_857_600, Honoured, range(1, MAX_INT);
        /// Bytes of one ConsumeQueue file of a compacted topic.
        "compactionCqMappedFileSize" compaction_cq_mapped_file_size: i32 = 10_485_760, Honoured, range(92, MAX_INT);
        /// Milliseconds between two compactions.
        "compactionScheduleInternal" compaction_schedule_internal: i32 = 900_000, Honoured, range(1, MAX_INT);
        /// Bytes of the maps all compactions work with.
        "maxOffsetMapSize" max_offset_map_size: i32 = 104_857_600, Honoured, range(0, MAX_INT);
        /// Threads that compact.
        "compactionThreadNum" compaction_thread_num: i32 = 6, Honoured;
        /// Whether topics can be compacted.
        "enableCompaction" enable_compaction: bool = true, Honoured;
        /// Bytes of one timer log file.
        "mappedFileSizeTimerLog" mapped_file_size_timer_log: i32 = 104_857_600, Honoured, range(68, MAX_INT);
        /// Milliseconds of one slot of the timer wheel.
        "timerPrecisionMs" timer_precision_ms: i32 = 1000, Honoured;
        /// Slots a message may lie ahead before it is rolled.
        "timerRollWindowSlot" timer_roll_window_slot: i32 = 172_800, Honoured;
        /// Milliseconds between two flushes of the timer.
        "timerFlushIntervalMs" timer_flush_interval_ms: i32 = 1000, Honoured;
        /// Threads that read due messages.
        "timerGetMessageThreadNum" timer_get_message_thread_num: i32 = 3, Inert(TIMER_THREADS);
        /// Threads that store due messages.
        "timerPutMessageThreadNum" timer_put_message_thread_num: i32 = 3, Inert(TIMER_THREADS);
        /// Whether the timer uses disruptor queues.
        "timerEnableDisruptor" timer_enable_disruptor: bool = false, Inert(READ_ONLY), read_only();
        /// Whether the metrics of the timer are checked.
        "timerEnableCheckMetrics" timer_enable_check_metrics: bool = true, Inert(TIMER_METRICS);
        /// Whether delay levels go through the timer wheel.
        "timerInterceptDelayLevel" timer_intercept_delay_level: bool = false, Inert(UNUSED);
        /// Seconds a message may be delayed.
        "timerMaxDelaySec" timer_max_delay_sec: i32 = 259_200, Honoured, live();
        /// Whether messages can be delayed to any moment.
        "timerWheelEnable" timer_wheel_enable: bool = true, Honoured;
        /// Milliseconds after start during which the broker does not repeat its registration, -1 for none.
        "disappearTimeAfterStart" disappear_time_after_start: i32 = -1, Honoured, important();
        /// Whether timed messages are no longer taken in.
        "timerStopEnqueue" timer_stop_enqueue: bool = false, Honoured, live();
        /// Hour of the day the metrics of the timer are checked.
        "timerCheckMetricsWhen" timer_check_metrics_when: String = "05".to_owned(), Inert(READ_ONLY), read_only();
        /// Whether a timed message that keeps failing is skipped.
        "timerSkipUnknownError" timer_skip_unknown_error: bool = false, Inert(TIMER_RETRY);
        /// Whether timer files are warmed.
        "timerWarmEnable" timer_warm_enable: bool = false, Inert(READ_ONLY), read_only();
        /// Whether timed messages are no longer delivered.
        "timerStopDequeue" timer_stop_dequeue: bool = false, Inert(READ_ONLY), read_only();
        /// Whether a timed message that keeps failing is retried for ever.
        "timerEnableRetryUntilSuccess" timer_enable_retry_until_success: bool = false, Inert(TIMER_RETRY);
        /// Messages of one slot at which new ones are refused.
        "timerCongestNumEachSlot" timer_congest_num_each_slot: i32 = i32::MAX, Honoured, live();
        /// Count below which a topic is small to the metrics of the timer.
        "timerMetricSmallThreshold" timer_metric_small_threshold: i32 = 1_000_000, Inert(TIMER_METRICS);
        /// Milliseconds between two log lines on the timer.
        "timerProgressLogIntervalMs" timer_progress_log_interval_ms: i32 = 10_000, Inert(LOGGING);
        /// Kind of ConsumeQueue store: `default` for files, `defaultRocksDB`.
        "storeType" store_type: String = "default".to_owned(), Refused(ROCKSDB), important(), fixed();
        /// Bytes of one ConsumeQueue file.
        "mappedFileSizeConsumeQueue" mapped_file_size_consume_queue: i32 = 6_000_000, Honoured, range(20, MAX_INT);
        /// Whether ConsumeQueues have extension files for filters.
        "enableConsumeQueueExt" enable_consume_queue_ext: bool = false, Honoured;
        /// Bytes of one extension file.
        "mappedFileSizeConsumeQueueExt" mapped_file_size_consume_queue_ext: i32 = 50_331_648, Honoured, range(1024, MAX_INT);
        /// Bytes of one batch ConsumeQueue file.
        "mapperFileSizeBatchConsumeQueue" mapper_file_size_batch_consume_queue: i32 = 13_800_000, Honoured, range(46, MAX_INT);
        /// Bits of the filter in one extension unit.
        "bitMapLengthConsumeQueueExt" bit_map_length_consume_queue_ext: i32 = 64, Inert(FILLED_IN);
        /// Milliseconds between two asynchronous flushes of the CommitLog.
        "flushIntervalCommitLog" flush_interval_commit_log: i32 = 500, Honoured, range(1, MAX_INT), important(), live();
        /// Milliseconds between two commits from the transient store pool.
        "commitIntervalCommitLog" commit_interval_commit_log: i32 = 200, Inert(POOL), important();
        /// Files looked at during recovery.
        "maxRecoveryCommitlogFiles" max_recovery_commitlog_files: i32 = 30, Inert(UNUSED);
        /// Percentage of disk use at which writes are refused, held between 35 and 90.
        "diskSpaceWarningLevelRatio" disk_space_warning_level_ratio: i32 = 90, Honoured, live();
        /// Percentage of disk use at which files are deleted at once, held between 30 and 85.
        "diskSpaceCleanForciblyRatio" disk_space_clean_forcibly_ratio: i32 = 85, Honoured, live();
        /// Whether the append lock parks its waiters.
        "useReentrantLockWhenPutMessage" use_reentrant_lock_when_put_message: bool = true, Inert(LOCKS);
        /// Whether asynchronous flushes sleep rather than wait to be woken.
        "flushCommitLogTimed" flush_commit_log_timed: bool = true, Inert(STORE_OWN), important();
        /// Milliseconds between two flushes of the ConsumeQueues.
        "flushIntervalConsumeQueue" flush_interval_consume_queue: i32 = 1000, Honoured, range(1, MAX_INT), live();
        /// Milliseconds between two looks for expired files.
        "cleanResourceInterval" clean_resource_interval: i32 = 10_000, Honoured, range(1, MAX_INT), live();
        /// Milliseconds between the deletion of two CommitLog files.
        "deleteCommitLogFilesInterval" delete_commit_log_files_interval: i32 = 100, Inert(DELETE_OWN), range(0, MAX_INT);
        /// Milliseconds between the deletion of two ConsumeQueue files.
        "deleteConsumeQueueFilesInterval" delete_consume_queue_files_interval: i32 = 100, Inert(DELETE_OWN), range(0, MAX_INT);
        /// Milliseconds after which a file that is still being read is deleted nevertheless.
        "destroyMapedFileIntervalForcibly" destroy_maped_file_interval_forcibly: i32 = 120_000, Inert(STILL_READ), range(0, MAX_INT);
        /// Milliseconds between two attempts to delete such a file.
        "redeleteHangedFileInterval" redelete_hanged_file_interval: i32 = 120_000, Inert(STILL_READ), range(0, MAX_INT);
        /// Hours of the day expired files are deleted in, `04` or `04;16`.
        "deleteWhen" delete_when: String = "04".to_owned(), Honoured, important(), live();
        /// Percentage of disk use at which expired files are deleted at any hour, held between 10 and 95.
        "diskMaxUsedSpaceRatio" disk_max_used_space_ratio: i32 = 75, Honoured, live();
        /// Hours a file is kept after its last write.
        "fileReservedTime" file_reserved_time: i32 = 72, Honoured, range(0, MAX_INT), important(), live();
        /// Files deleted in one round.
        "deleteFileBatchMax" delete_file_batch_max: i32 = 10, Honoured, range(1, MAX_INT), important(), live();
        /// Index requests that may wait.
        "putMsgIndexHightWater" put_msg_index_hight_water: i32 = 600_000, Inert(UNUSED);
        /// Bytes of a message body.
        "maxMessageSize" max_message_size: i32 = 4_194_304, Honoured, range(1, MAX_INT), live();
        /// Bytes of a ConsumeQueue one filtered pull looks through.
        "maxFilterMessageSize" max_filter_message_size: i32 = 16_000, Honoured, range(1, MAX_INT), live();
        /// Whether recovery checks the checksum of every body.
        "checkCRCOnRecover" check_crc_on_recover: bool = true, Honoured;
        /// Pages of 4 KiB that make an asynchronous flush of the CommitLog worth while.
        "flushCommitLogLeastPages" flush_commit_log_least_pages: i32 = 4, Inert(FLUSH_ALL), range(0, MAX_INT);
        /// Pages that make a commit from the transient store pool worth while.
        "commitCommitLogLeastPages" commit_commit_log_least_pages: i32 = 4, Inert(POOL);
        /// Pages written between two flushes while a file is warmed.
        "flushLeastPagesWhenWarmMapedFile" flush_least_pages_when_warm_maped_file: i32 = 4096, Inert(WARM);
        /// Pages that make a flush of a ConsumeQueue worth while.
        "flushConsumeQueueLeastPages" flush_consume_queue_least_pages: i32 = 2, Inert(FLUSH_ALL), range(0, MAX_INT);
        /// Milliseconds after which the CommitLog is flushed however little there is.
        "flushCommitLogThoroughInterval" flush_commit_log_thorough_interval: i32 = 10_000, Inert(FLUSH_ALL), range(0, MAX_INT);
        /// Milliseconds after which the pool is committed however little there is.
        "commitCommitLogThoroughInterval" commit_commit_log_thorough_interval: i32 = 200, Inert(POOL);
        /// Milliseconds after which a ConsumeQueue is flushed however little there is.
        "flushConsumeQueueThoroughInterval" flush_consume_queue_thorough_interval: i32 = 60_000, Honoured, range(0, MAX_INT), live();
        /// Bytes one pull returns from memory.
        "maxTransferBytesOnMessageInMemory" max_transfer_bytes_on_message_in_memory: i32 = 262_144, Honoured, range(1, MAX_INT), important(), live();
        /// Messages one pull returns from memory.
        "maxTransferCountOnMessageInMemory" max_transfer_count_on_message_in_memory: i32 = 32, Honoured, range(1, MAX_INT), important(), live();
        /// Bytes one pull returns from disk.
        "maxTransferBytesOnMessageInDisk" max_transfer_bytes_on_message_in_disk: i32 = 65_536, Honoured, range(1, MAX_INT), important(), live();
        /// Messages one pull returns from disk.
        "maxTransferCountOnMessageInDisk" max_transfer_count_on_message_in_disk: i32 = 8, Honoured, range(1, MAX_INT), important(), live();
        /// Percentage of memory taken to be page cache: messages further back count as on disk.
        "accessMessageInMemoryMaxRatio" access_message_in_memory_max_ratio: i32 = 40, Honoured, range(0, 100), important(), live();
        /// Whether messages are indexed by key.
        "messageIndexEnable" message_index_enable: bool = true, Honoured, important();
        /// Slots of one IndexFile.
        "maxHashSlotNum" max_hash_slot_num: i32 = 5_000_000, Honoured, range(1, MAX_INT);
        /// Entries of one IndexFile.
        "maxIndexNum" max_index_num: i32 = 20_000_000, Honoured, range(1, MAX_INT);
        /// Messages one query by key returns.
        "maxMsgsNumBatch" max_msgs_num_batch: i32 = 64, Honoured, range(1, MAX_INT);
        /// Whether recovery goes back to the last flushed index.
        "messageIndexSafe" message_index_safe: bool = false, Honoured, important();
        /// Port slaves connect to; 0 or less stands for listenPort + 1.
        "haListenPort" ha_listen_port: i32 = 10_912, Honoured, range(-1, 65_535), fixed();
        /// Milliseconds between two replication heartbeats.
        "haSendHeartbeatInterval" ha_send_heartbeat_interval: i32 = 5000, Inert(HA);
        /// Milliseconds of silence after which a replication connection is closed.
        "haHousekeepingInterval" ha_housekeeping_interval: i32 = 20_000, Inert(HA);
        /// Bytes of one replication transfer.
        "haTransferBatchSize" ha_transfer_batch_size: i32 = 32_768, Inert(HA);
        /// Replication address of the master, instead of the one the NameServer knows.
        "haMasterAddress" ha_master_address: Option<String> = None, Inert(HA), important(), fixed();
        /// Bytes a slave may lag and still count as in sync.
        "haMaxGapNotInSync" ha_max_gap_not_in_sync: i32 = 268_435_456, Inert(HA);
        /// `ASYNC_MASTER`, `SYNC_MASTER` or `SLAVE`.
        "brokerRole" broker_role: BrokerRole = BrokerRole::AsyncMaster, Honoured, important(), fixed();
        /// Whether a send is answered after (`SYNC_FLUSH`) or before (`ASYNC_FLUSH`) it is on disk.
        "flushDiskType" flush_disk_type: FlushDiskType = FlushDiskType::AsyncFlush, Honoured, important();
        /// Milliseconds a send waits for the disk.
        "syncFlushTimeout" sync_flush_timeout: i32 = 5000, Honoured, range(1, MAX_INT), live();
        /// Milliseconds storing a message may take.
        "putMessageTimeout" put_message_timeout: i32 = 8000, Inert(UNUSED);
        /// Milliseconds a send waits for slaves.
        "slaveTimeout" slave_timeout: i32 = 3000, Inert(HA);
        /// Delays of the delay levels, separated by blanks.
        "messageDelayLevel" message_delay_level: String = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h".to_owned(), Honoured;
        /// Milliseconds between two writes of delayOffset.json; never more than a second here.
        "flushDelayOffsetInterval" flush_delay_offset_interval: i64 = 10_000, Honoured, range(1, i64::MAX);
        /// Whether a full disk deletes files before they expire.
        "cleanFileForciblyEnable" clean_file_forcibly_enable: bool = true, Honoured, important(), live();
        /// Whether new files are touched page by page.
        "warmMapedFileEnable" warm_maped_file_enable: bool = false, Inert(WARM);
        /// Whether a slave corrects offsets.
        "offsetCheckInSlave" offset_check_in_slave: bool = false, Inert(HA);
        /// Whether a page cache lock is logged with its stack.
        "debugLockEnable" debug_lock_enable: bool = false, Inert(LOCKS);
        /// Whether the log is duplicated by another system.
        "duplicationEnable" duplication_enable: bool = false, Refused(DUPLICATION);
        /// Whether statistics are kept on how far consumers lag behind on disk.
        "diskFallRecorded" disk_fall_recorded: bool = true, Inert(FALL_STATS);
        /// Milliseconds an append may take before the page cache counts as busy.
        "osPageCacheBusyTimeOutMills" os_page_cache_busy_time_out_mills: i64 = 1000, Honoured, range(1, i64::MAX), live();
        /// Messages a query by key returns when its client does not say.
        "defaultQueryMaxNum" default_query_max_num: i32 = 32, Honoured, range(1, MAX_INT);
        /// Whether messages are collected off the page cache first.
        "transientStorePoolEnable" transient_store_pool_enable: bool = false, Inert(POOL), important();
        /// Buffers of the transient store pool.
        "transientStorePoolSize" transient_store_pool_size: i32 = 5, Inert(POOL);
        /// Whether sends fail when the pool is used up.
        "fastFailIfNoBufferInStorePool" fast_fail_if_no_buffer_in_store_pool: bool = false, Inert(POOL);
        /// Whether the CommitLog is a DLedger raft log.
        "enableDLegerCommitLog" enable_dleger_commit_log: bool = false, Refused(DLEDGER);
        /// Raft group of the DLedger log.
        "dLegerGroup" dleger_group: Option<String> = None, Inert(DLEDGER);
        /// Members of that group.
        "dLegerPeers" dleger_peers: Option<String> = None, Inert(DLEDGER), fixed();
        /// This broker's name in that group.
        "dLegerSelfId" dleger_self_id: Option<String> = None, Inert(DLEDGER), fixed();
        /// Member that ought to lead.
        "preferredLeaderId" preferred_leader_id: Option<String> = None, Inert(DLEDGER);
        /// Whether DLedger entries are pushed in batches.
        "enableBatchPush" enable_batch_push: bool = false, Inert(DLEDGER);
        /// Whether statistics are kept for delayed messages.
        "enableScheduleMessageStats" enable_schedule_message_stats: bool = true, Inert(DELAY_STATS);
        /// Whether light message queues are on.
        "enableLmq" enable_lmq: bool = false, Honoured;
        /// Whether one message can go to several light message queues.
        "enableMultiDispatch" enable_multi_dispatch: bool = false, Honoured;
        /// Light message queues there may be.
        "maxLmqConsumeQueueNum" max_lmq_consume_queue_num: i32 = 20_000, Inert(UNUSED);
        /// Whether delayed messages are delivered asynchronously.
        "enableScheduleAsyncDeliver" enable_schedule_async_deliver: bool = false, Inert(DELAY_OWN);
        /// Deliveries of one level under way at a time.
        "scheduleAsyncDeliverMaxPendingLimit" schedule_async_deliver_max_pending_limit: i32 = 2000, Inert(DELAY_OWN);
        /// Failures after which a delivery blocks its level.
        "scheduleAsyncDeliverMaxResendNum2Blocked" schedule_async_deliver_max_resend_num2_blocked: i32 = 3, Inert(DELAY_OWN);
        /// Files deleted in one batch.
        "maxBatchDeleteFilesNum" max_batch_delete_files_num: i32 = 50, Inert(UNUSED);
        /// Threads that dispatch.
        "dispatchCqThreads" dispatch_cq_threads: i32 = 10, Inert(UNUSED);
        /// Requests held by a dispatching thread.
        "dispatchCqCacheNum" dispatch_cq_cache_num: i32 = 4096, Inert(UNUSED);
        /// Whether dispatch runs apart from the append.
        "enableAsyncReput" enable_async_reput: bool = true, Inert(UNUSED);
        /// Whether dispatch starts from the ConsumeQueues after a recovery.
        "recheckReputOffsetFromCq" recheck_reput_offset_from_cq: bool = false, Inert(STORE_OWN);
        /// Bytes of a topic name.
        "maxTopicLength" max_topic_length: i32 = 127, Inert(UNUSED);
        /// Whether a topic name longer than 127 bytes is stored in the newer record version.
        "autoMessageVersionOnTopicLen" auto_message_version_on_topic_len: bool = true, Inert(LONG_TOPIC);
        /// Whether records carry a checksum of all their bytes.
        "enabledAppendPropCRC" enabled_append_prop_crc: bool = false, Honoured, live();
        /// Whether recovery refuses records without that checksum.
        "forceVerifyPropCRC" force_verify_prop_crc: bool = false, Honoured;
        /// ConsumeQueue files one filtered pull goes through.
        "travelCqFileNumWhenGetMessage" travel_cq_file_num_when_get_message: i32 = 1, Honoured, range(1, MAX_INT), live();
        /// Milliseconds between two ConsumeQueues whose smallest offset is corrected.
        "correctLogicMinOffsetSleepInterval" correct_logic_min_offset_sleep_interval: i32 = 1, Inert(STORE_OWN);
        /// Milliseconds after which it is corrected in any case.
        "correctLogicMinOffsetForceInterval" correct_logic_min_offset_force_interval: i32 = 300_000, Inert(STORE_OWN);
        /// Whether idle files are unmapped.
        "mappedFileSwapEnable" mapped_file_swap_enable: bool = true, Inert(UNUSED);
        /// Milliseconds after which a CommitLog file is unmapped in any case.
        "commitLogForceSwapMapInterval" commit_log_force_swap_map_interval: i64 = 43_200_000, Inert(UNUSED);
        /// Milliseconds after which an idle CommitLog file is unmapped.
        "commitLogSwapMapInterval" commit_log_swap_map_interval: i64 = 3_600_000, Inert(UNUSED);
        /// CommitLog files that stay mapped.
        "commitLogSwapMapReserveFileNum" commit_log_swap_map_reserve_file_num: i32 = 100, Inert(UNUSED);
        /// Milliseconds after which a ConsumeQueue file is unmapped in any case.
        "logicQueueForceSwapMapInterval" logic_queue_force_swap_map_interval: i64 = 43_200_000, Inert(UNUSED);
        /// Milliseconds after which an idle ConsumeQueue file is unmapped.
        "logicQueueSwapMapInterval" logic_queue_swap_map_interval: i64 = 3_600_000, Inert(UNUSED);
        /// Milliseconds between two sweeps of unmapped files.
        "cleanSwapedMapInterval" clean_swaped_map_interval: i64 = 300_000, Inert(UNUSED);
        /// ConsumeQueue files that stay mapped.
        "logicQueueSwapMapReserveFileNum" logic_queue_swap_map_reserve_file_num: i32 = 20, Inert(UNUSED);
        /// Whether batch ConsumeQueues are searched through a cache.
        "searchBcqByCacheEnable" search_bcq_by_cache_enable: bool = true, Inert(BISECTED);
        /// Whether the sending thread dispatches.
        "dispatchFromSenderThread" dispatch_from_sender_thread: bool = false, Inert(UNUSED), important();
        /// Whether a send wakes the commit.
        "wakeCommitWhenPutMessage" wake_commit_when_put_message: bool = true, Inert(POOL), important();
        /// Whether a send wakes the asynchronous flush.
        "wakeFlushWhenPutMessage" wake_flush_when_put_message: bool = false, Inert(STORE_OWN), important();
        /// Whether offsets of deleted topics are swept.
        "enableCleanExpiredOffset" enable_clean_expired_offset: bool = false, Inert(UNUSED), important();
        /// Sends that may wait for disk or slaves.
        "maxAsyncPutMessageRequests" max_async_put_message_requests: i32 = 5000, Inert(STORE_OWN);
        /// Messages one batch pull returns.
        "pullBatchMaxMessageCount" pull_batch_max_message_count: i32 = 160, Inert(UNUSED);
        /// Copies of the log there are.
        "totalReplicas" total_replicas: i32 = 1, Inert(HA), important();
        /// Copies a `SYNC_MASTER` waits for.
        "inSyncReplicas" in_sync_replicas: i32 = 1, Inert(ONE_COPY), important();
        /// Copies below which a `SYNC_MASTER` refuses sends.
        "minInSyncReplicas" min_in_sync_replicas: i32 = 1, Inert(ONE_COPY), important();
        /// Whether every member of the SyncStateSet has to have a message.
        "allAckInSyncStateSet" all_ack_in_sync_state_set: bool = false, Inert(CONTROLLER), important();
        /// Whether inSyncReplicas shrinks with the number of slaves.
        "enableAutoInSyncReplicas" enable_auto_in_sync_replicas: bool = false, Inert(HA), important();
        /// Whether replication is throttled.
        "haFlowControlEnable" ha_flow_control_enable: bool = false, Inert(HA), important();
        /// Bytes a second of replication.
        "maxHaTransferByteInSecond" max_ha_transfer_byte_in_second: i64 = 104_857_600, Inert(HA);
        /// Milliseconds a slave may lag and stay in the SyncStateSet.
        "haMaxTimeSlaveNotCatchup" ha_max_time_slave_not_catchup: i64 = 15_000, Inert(CONTROLLER);
        /// Whether a slave cuts its log back to what the master flushed.
        "syncMasterFlushOffsetWhenStartup" sync_master_flush_offset_when_startup: bool = false, Inert(HA);
        /// Bytes compared with the master's log at start.
        "maxChecksumRange" max_checksum_range: i64 = 1_073_741_824, Inert(HA);
        /// Brokers that share the disk.
        "replicasPerDiskPartition" replicas_per_disk_partition: i32 = 1, Inert(MULTI_BROKER);
        /// Share of the disk at which brokers on one disk delete files.
        "logicalDiskSpaceCleanForciblyThreshold" logical_disk_space_clean_forcibly_threshold: f64 = 0.8, Inert(MULTI_BROKER);
        /// Bytes sent to a slave again.
        "maxSlaveResendLength" max_slave_resend_length: i64 = 268_435_456, Inert(UNUSED);
        /// Whether a new slave starts at the last file.
        "syncFromLastFile" sync_from_last_file: bool = false, Inert(HA);
        /// Whether a slave takes no part in elections.
        "asyncLearner" async_learner: bool = false, Inert(HA);
        /// Units an estimate of a backlog reads.
        "maxConsumeQueueScan" max_consume_queue_scan: i32 = 20_000, Honoured, range(1, MAX_INT);
        /// Units above which an estimate samples.
        "sampleCountThreshold" sample_count_threshold: i32 = 5000, Inert(LAG_SAMPLES);
        /// Whether cold reads are throttled.
        "coldDataFlowControlEnable" cold_data_flow_control_enable: bool = false, Honoured, live();
        /// Whether the page cache is scanned for cold data.
        "coldDataScanEnable" cold_data_scan_enable: bool = false, Inert(COLD);
        /// Whether the kernel may read ahead.
        "dataReadAheadEnable" data_read_ahead_enable: bool = true, Honoured;
        /// Milliseconds between two scans of the page cache.
        "timerColdDataCheckIntervalMs" timer_cold_data_check_interval_ms: i32 = 60_000, Inert(COLD);
        /// Samples of an estimate.
        "sampleSteps" sample_steps: i32 = 32, Inert(LAG_SAMPLES);
        /// Percentage of memory whose data counts as hot.
        "accessMessageInMemoryHotRatio" access_message_in_memory_hot_ratio: i32 = 26, Inert(COLD);
        /// Whether ConsumeQueues are built in parallel.
        "enableBuildConsumeQueueConcurrently" enable_build_consume_queue_concurrently: bool = false, Inert(STORE_OWN);
        /// Threads that do so.
        "batchDispatchRequestThreadPoolNums" batch_dispatch_request_thread_pool_nums: i32 = 16, Inert(STORE_OWN);
        /// Minutes between two sweeps of stale RocksDB units.
        "cleanRocksDBDirtyCQIntervalMin" clean_rocks_db_dirty_cq_interval_min: i64 = 60, Inert(ROCKSDB);
        /// Seconds between two log lines on RocksDB.
        "statRocksDBCQIntervalSec" stat_rocks_dbcq_interval_sec: i64 = 10, Inert(ROCKSDB);
        /// Milliseconds between two flushes of the RocksDB memory table.
        "memTableFlushIntervalMs" mem_table_flush_interval_ms: i64 = 3_600_000, Inert(ROCKSDB);
        /// Whether configuration in RocksDB is written at once.
        "realTimePersistRocksDBConfig" real_time_persist_rocks_db_config: bool = true, Inert(ROCKSDB);
        /// Whether RocksDB logs.
        "enableRocksDBLog" enable_rocks_db_log: bool = false, Inert(ROCKSDB);
        /// Locks the queues of all topics share.
        "topicQueueLockNum" topic_queue_lock_num: i32 = 32, Inert(LOCKS);
        /// Whether consumers see messages that are not yet on disk (`SYNC_FLUSH`) or on slaves.
        "readUnCommitted" read_un_committed: bool = false, Honoured;
        /// Whether ConsumeQueues are written by system call rather than through the map.
        "putConsumeQueueDataByFileChannel" put_consume_queue_data_by_file_channel: bool = true, Inert(STORE_OWN);
        /// Whether ConsumeQueues are written to files and to RocksDB.
        "rocksdbCQDoubleWriteEnable" rocksdb_cq_double_write_enable: bool = false, Refused(ROCKSDB);
        /// Compression of the lowest RocksDB level.
        "bottomMostCompressionTypeForConsumeQueueStore" bottom_most_compression_type_for_consume_queue_store: String = "zstd".to_owned(), Inert(ROCKSDB);
        /// Compression of the other RocksDB levels.
        "rocksdbCompressionType" rocksdb_compression_type: String = "lz4".to_owned(), Inert(ROCKSDB);
        /// Writes between two flushes of the RocksDB log.
        "rocksdbFlushWalFrequency" rocksdb_flush_wal_frequency: i32 = 1024, Inert(ROCKSDB);
        /// Bytes of one RocksDB log file.
        "rocksdbWalFileRollingThreshold" rocksdb_wal_file_rolling_threshold: i64 = 1_073_741_824, Inert(ROCKSDB);
        /// How far the adaptive append lock backs off.
        "spinLockCollisionRetreatOptimalDegree" spin_lock_collision_retreat_optimal_degree: i32 = 1000, Inert(LOCKS);
        /// Whether the append lock is adaptive.
        "useABSLock" use_abs_lock: bool = false, Inert(LOCKS);
    }
}
