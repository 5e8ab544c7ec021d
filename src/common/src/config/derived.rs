//! What the store and the broker use in place of a raw value.

use super::{BrokerConfig, MessageStoreConfig};

impl MessageStoreConfig {
    /// Percentage of disk use at which expired files are deleted at any hour.
    pub fn clamped_disk_max_used_space_ratio(&self) -> i32 {
        self.disk_max_used_space_ratio.clamp(10, 95)
    }

    /// Percentage of disk use at which writes are refused.
    pub fn clamped_disk_space_warning_level_ratio(&self) -> i32 {
        self.disk_space_warning_level_ratio.clamp(35, 90)
    }

    /// Percentage of disk use at which files are deleted at once.
    pub fn clamped_disk_space_clean_forcibly_ratio(&self) -> i32 {
        self.disk_space_clean_forcibly_ratio.clamp(30, 85)
    }

    /// Milliseconds of one slot of the timer wheel: one of the four lengths there are, the next smaller.
    pub fn clamped_timer_precision_ms(&self) -> i32 {
        match self.timer_precision_ms {
            ..200 => 100,
            200..500 => 200,
            500..1_000 => 500,
            1_000.. => 1_000,
        }
    }

    /// The delays of the delay levels in milliseconds, level 1 first; `None` when the text is malformed.
    pub fn delay_levels_millis(&self) -> Option<Vec<i64>> {
        self.message_delay_level.split(' ').map(delay_millis).collect()
    }

    /// The hours of the day expired files are deleted in; `None` when the text is malformed.
    pub fn delete_hours(&self) -> Option<Vec<i32>> {
        let hour = |text: &str| text.trim().parse().ok().filter(|hour| (0..24).contains(hour));
        self.delete_when.trim_end_matches(';').split(';').map(hour).collect()
    }

    /// Directory of the CommitLog.
    pub fn commit_log_path(&self) -> String {
        self.store_path_commit_log
            .clone()
            .unwrap_or_else(|| format!("{}/commitlog", self.store_path_root_dir))
    }
}

impl BrokerConfig {
    /// The NameServer addresses, none when there are none to register with.
    pub fn namesrv_addrs(&self) -> Vec<String> {
        let addresses = self.namesrv_addr.as_deref().unwrap_or_default();
        addresses.split(';').map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect()
    }

    /// Milliseconds between two registrations with the NameServers.
    pub fn clamped_register_name_server_period(&self) -> i32 {
        self.register_name_server_period.clamp(10_000, 60_000)
    }
}

fn delay_millis(text: &str) -> Option<i64> {
    let unit = match text.bytes().last()? {
        b's' => 1_000,
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => 86_400_000,
        _ => return None,
    };
    let count: i64 = text.get(..text.len() - 1)?.parse().ok()?;
    count.checked_mul(unit)
}
