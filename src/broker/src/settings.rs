//! What of the configuration the store is told.

use std::{path::PathBuf, time::Duration};

use common::config::{BrokerSettings, FlushDiskType as ConfiguredFlush, MessageStoreConfig};
use remoting::server::files_kept;
use store::{
    mapped_file::ReadMode,
    options::{FlushDiskType, StoreOptions, Switch},
    timer::TimerOptions,
};

/// The options of the store.
pub fn store_options(settings: &BrokerSettings) -> StoreOptions {
    let config = &settings.store;
    StoreOptions {
        commit_log_dir: config.store_path_commit_log.as_ref().map(PathBuf::from),
        commit_log_file_size_bytes: unsigned(config.mapped_file_size_commit_log),
        consume_queue_file_size_bytes: unsigned(config.mapped_file_size_consume_queue),
        consume_queue_ext: config.enable_consume_queue_ext.into(),
        consume_queue_ext_file_size_bytes: unsigned(config.mapped_file_size_consume_queue_ext),
        batch_consume_queue_file_size_bytes: unsigned(config.mapper_file_size_batch_consume_queue),
        compaction: config.enable_compaction.into(),
        compaction_log_file_size_bytes: unsigned(config.compaction_mapped_file_size),
        compaction_queue_file_size_bytes: unsigned(config.compaction_cq_mapped_file_size),
        compaction_interval: millis(config.compaction_schedule_internal),
        compaction_thread_count: count(config.compaction_thread_num),
        max_offset_map_bytes: count(config.max_offset_map_size),
        light_queues: light_queues(config),
        max_open_consume_queue_files: (files_kept() / 2).min(256),
        flush_disk_type: match config.flush_disk_type {
            ConfiguredFlush::SyncFlush => FlushDiskType::Sync,
            ConfiguredFlush::AsyncFlush => FlushDiskType::Async,
        },
        flush_interval_commit_log: millis(config.flush_interval_commit_log),
        flush_interval_consume_queue: millis(config.flush_interval_consume_queue),
        flush_consume_queue_thorough_interval: millis(config.flush_consume_queue_thorough_interval),
        sync_flush_timeout: millis(config.sync_flush_timeout),
        max_message_size_bytes: count(config.max_message_size),
        append_properties_crc: config.enabled_append_prop_crc.into(),
        check_crc_on_recover: config.check_crc_on_recover.into(),
        require_record_crc_on_recover: config.force_verify_prop_crc.into(),
        read_uncommitted: config.read_un_committed.into(),
        message_index: config.message_index_enable.into(),
        max_hash_slot_count: config.max_hash_slot_num.max(0) as u32,
        max_index_count: config.max_index_num.max(0) as u32,
        message_index_safe: config.message_index_safe.into(),
        utc_offset_millis: i64::from(chrono::Local::now().offset().local_minus_utc()) * 1_000,
        page_cache_busy_timeout: Duration::from_millis(config.os_page_cache_busy_time_out_mills.max(0) as u64),
        ..retention_options(settings, transfer_options(config))
    }
}

/// The options of the timer; `None` when there is none.
pub fn timer_options(config: &MessageStoreConfig) -> Option<TimerOptions> {
    config.timer_wheel_enable.then(|| TimerOptions {
        log_file_size_bytes: unsigned(config.mapped_file_size_timer_log),
        precision_millis: config.clamped_timer_precision_ms().into(),
    })
}

/// Light queues get their messages when both keys are set.
fn light_queues(config: &MessageStoreConfig) -> Switch {
    if config.enable_lmq != config.enable_multi_dispatch {
        tracing::warn!("light queues stay empty: enableLmq and enableMultiDispatch belong together");
    }
    (config.enable_lmq && config.enable_multi_dispatch).into()
}

/// What one answer may carry.
fn transfer_options(config: &MessageStoreConfig) -> StoreOptions {
    StoreOptions {
        max_transfer_bytes_in_memory: count(config.max_transfer_bytes_on_message_in_memory),
        max_transfer_count_in_memory: count(config.max_transfer_count_on_message_in_memory),
        max_transfer_bytes_on_disk: count(config.max_transfer_bytes_on_message_in_disk),
        max_transfer_count_on_disk: count(config.max_transfer_count_on_message_in_disk),
        access_in_memory_max_percent: percent(config.access_message_in_memory_max_ratio),
        read_mode: if config.data_read_ahead_enable { ReadMode::Ahead } else { ReadMode::Random },
        max_filter_message_size_bytes: count(config.max_filter_message_size),
        travel_consume_queue_files: count(config.travel_cq_file_num_when_get_message),
        ..StoreOptions::at(&config.store_path_root_dir)
    }
}

/// What is kept, and for how long.
fn retention_options(settings: &BrokerSettings, base: StoreOptions) -> StoreOptions {
    let config = &settings.store;
    let hours = config.delete_hours().unwrap_or_default();
    StoreOptions {
        delay_level_millis: config.delay_levels_millis().unwrap_or_default(),
        file_reserved_time: Duration::from_secs(unsigned(config.file_reserved_time) * 3_600),
        delete_when_hours: hours.into_iter().filter_map(|hour| u32::try_from(hour).ok()).collect(),
        delete_file_batch_max: count(config.delete_file_batch_max),
        clean_interval: millis(config.clean_resource_interval),
        disk_max_used_percent: percent(config.clamped_disk_max_used_space_ratio()),
        disk_clean_forcibly_percent: percent(config.clamped_disk_space_clean_forcibly_ratio()),
        disk_warning_percent: percent(config.clamped_disk_space_warning_level_ratio()),
        disk_min_free_bytes: u64::try_from(settings.own.disk_min_free_bytes).ok().filter(|bytes| *bytes > 0),
        clean_file_forcibly: config.clean_file_forcibly_enable.into(),
        ..base
    }
}

/// `disappearTimeAfterStart`: how long a broker that has started does not repeat its registration.
pub fn silence_after_start(config: &MessageStoreConfig) -> Duration {
    millis(config.disappear_time_after_start)
}

/// A configured number whose range has been checked to be positive.
fn unsigned(value: i32) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn percent(value: impl TryInto<u32>) -> u32 {
    value.try_into().unwrap_or(0).min(100)
}

fn millis(value: i32) -> Duration {
    Duration::from_millis(unsigned(value))
}
