//! What the machine gives a broker.

use std::{
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use common::config::BrokerSettings;
use runtime::clock::{Clock, SystemClock};
use rustix::process::{Resource, getrlimit};

use super::Diagnosis;

/// As many open files as RocketMQ's own set-up script asks for.
const OPEN_FILES_WANTED: u64 = 65_536;
/// With fewer a broker has no room for its clients beside its files.
const OPEN_FILES_MIN: u64 = 1_024;
/// Maps a broker has beside those of its files.
const OTHER_MAPS: u64 = 1_000;
/// How much younger than now a file may seem.
const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// Where services that keep the clock right leave a trace.
const CLOCK_KEEPERS: [&str; 4] =
    ["/run/systemd/timesync/synchronized", "/run/chrony", "/run/ntpd.pid", "/run/ntpd"];

pub(super) fn check(settings: &BrokerSettings) -> Vec<Diagnosis> {
    vec![open_files(getrlimit(Resource::Nofile).maximum), maps(settings), clock(settings)]
}

/// A broker raises the soft limit to the hard one by itself.
fn open_files(hard_limit: Option<u64>) -> Diagnosis {
    let fix = "raise the limit: LimitNOFILE of the service, ulimit -n of the shell, --ulimit nofile of the container";
    match hard_limit {
        None => Diagnosis::ok("open files", "unlimited"),
        Some(limit) if limit < OPEN_FILES_MIN => {
            Diagnosis::fail("open files", format!("at most {limit}"), fix)
        }
        Some(limit) if limit < OPEN_FILES_WANTED => {
            Diagnosis::warn("open files", format!("at most {limit}, {OPEN_FILES_WANTED} are better"), fix)
        }
        Some(limit) => Diagnosis::ok("open files", format!("up to {limit}")),
    }
}

/// Each file of the CommitLog is a map of its own.
fn maps(settings: &BrokerSettings) -> Diagnosis {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let Some(limit) = limit.and_then(|text| text.trim().parse::<u64>().ok()) else {
        return Diagnosis::ok("memory maps", "this system tells no limit");
    };
    let files = fs::read_dir(settings.store.commit_log_path()).map_or(0, Iterator::count) as u64;
    let detail = format!("vm.max_map_count={limit}, the CommitLog has {files} files");
    if files * 2 + OTHER_MAPS > limit {
        let fix = format!("sysctl -w vm.max_map_count={}", (files * 4 + OTHER_MAPS).max(262_144));
        return Diagnosis::warn("memory maps", detail, fix);
    }
    Diagnosis::ok("memory maps", detail)
}

/// Files from the future tell of a clock that was set back.
fn clock(settings: &BrokerSettings) -> Diagnosis {
    let now = Duration::from_millis(u64::try_from(SystemClock::new().now_millis()).unwrap_or(0));
    let newest = newest_file(Path::new(&settings.store.store_path_root_dir));
    if let Some(newest) = newest.filter(|newest| *newest > now + CLOCK_SLACK) {
        let ahead = newest.saturating_sub(now).as_secs();
        return Diagnosis::fail(
            "clock",
            format!("the store has a file of {ahead} s in the future: the clock was set back, or is wrong"),
            "set the clock by NTP before the broker starts",
        );
    }
    if CLOCK_KEEPERS.iter().any(|path| Path::new(path).exists()) {
        return Diagnosis::ok("clock", "a service of this machine keeps it right");
    }
    Diagnosis::warn(
        "clock",
        "nothing is seen here that keeps it right",
        "run chrony or systemd-timesyncd, on the host where this is a container",
    )
}

/// When the newest file right below the store's directory, or in its `config`, was written.
fn newest_file(root: &Path) -> Option<Duration> {
    let entries = [root.to_owned(), root.join("config")].into_iter().filter_map(|dir| fs::read_dir(dir).ok());
    let written = entries.flatten().flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok());
    written.filter_map(|time| time.duration_since(UNIX_EPOCH).ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn few_open_files_are_told() {
        let status = |limit| open_files(limit).status;
        assert_eq!(status(Some(512)), Status::Fail);
        assert_eq!(status(Some(4_096)), Status::Warn);
        assert_eq!((status(Some(65_536)), status(None)), (Status::Ok, Status::Ok));
    }
}
