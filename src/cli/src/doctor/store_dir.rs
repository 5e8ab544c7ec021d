//! The store's directory: whose it is, what it lies on, and what is in it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ::broker::settings::store_options;
use ::store::{
    error::OpenError,
    fs::{FileSystem, OsFileSystem},
    offline::{OfflineError, SizesFrom, StoreDir},
};
use common::{config::BrokerSettings, fastjson};

use super::{Diagnosis, past};

/// Writes that are measured.
const SYNCS: usize = 100;
/// How long they may take altogether.
const SYNC_TIME_MAX: Duration = Duration::from_secs(10);
/// Length of each.
const SYNC_BYTES: usize = 4_096;
/// A disk that takes longer for one write in a hundred is too slow for `SYNC_FLUSH`.
const SYNC_SLOW: Duration = Duration::from_millis(50);
/// The file that is written to for that.
const PROBE_FILE: &str = ".ferrocket-doctor";

/// Who is at the store.
pub(super) enum State {
    /// There is none yet.
    Absent,
    /// Nobody.
    Free,
    /// A running broker.
    InUse(Option<i32>),
    /// That cannot be told.
    Unknown(String),
}

impl State {
    pub(super) fn of(settings: &BrokerSettings) -> Self {
        let options = store_options(settings);
        if !options.root_dir.exists() {
            return Self::Absent;
        }
        match StoreDir::open(Arc::new(OsFileSystem), options, SizesFrom::Options) {
            Ok(dir) => match dir.check_free() {
                Ok(()) => Self::Free,
                Err(OpenError::InUse { pid, .. }) => Self::InUse(pid),
                Err(error) => Self::Unknown(error.to_string()),
            },
            Err(OfflineError::NotAStore { .. }) => Self::Absent,
            Err(error) => Self::Unknown(error.to_string()),
        }
    }

    pub(super) fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse(_))
    }
}

pub(super) fn check(settings: &BrokerSettings, state: &State) -> Vec<Diagnosis> {
    let root = PathBuf::from(&settings.store.store_path_root_dir);
    let mut diagnoses = vec![owner(&root, state)];
    // Of a directory that is not there its nearest parent tells.
    let Some(existing) = root.ancestors().find(|path| path.is_dir()) else { return diagnoses };
    diagnoses.push(kind_of_disk(existing));
    diagnoses.push(space(settings, existing));
    diagnoses.push(speed(existing));
    if root.is_dir() {
        diagnoses.push(tables(&root));
        diagnoses.extend(past::check(settings, state));
    }
    diagnoses
}

fn owner(root: &Path, state: &State) -> Diagnosis {
    let shown = root.display();
    match state {
        State::Absent => {
            Diagnosis::ok("store", format!("{shown} holds no store yet, the first start makes it"))
        }
        State::Free => Diagnosis::ok("store", format!("{shown}, no broker has it open")),
        State::InUse(pid) => {
            let pid = pid.map(|pid| format!(" {pid}")).unwrap_or_default();
            Diagnosis::ok("store", format!("{shown} is open in the running process{pid}"))
        }
        State::Unknown(error) => {
            Diagnosis::fail("store", error.clone(), "give the directory to the broker's user")
        }
    }
}

/// Memory and networks are no place for a store.
fn kind_of_disk(path: &Path) -> Diagnosis {
    let Ok(stat) = rustix::fs::statfs(path) else {
        return Diagnosis::warn("file system", "it cannot be told which one", "");
    };
    let elsewhere = "put storePathRootDir on a local disk, in a container on a volume";
    match stat.f_type as u64 & 0xffff_ffff {
        0x0102_1994 | 0x8584_58f6 => {
            Diagnosis::warn("file system", "it is memory: all is lost with the machine", elsewhere)
        }
        0x794c_7630 => {
            Diagnosis::warn("file system", "it is a container's own layer: all is lost with it", elsewhere)
        }
        0x6969 | 0xff53_4d42 | 0x517b => {
            Diagnosis::warn("file system", "it is on a network: locks and syncs may not hold", elsewhere)
        }
        kind => Diagnosis::ok("file system", name_of(kind)),
    }
}

fn name_of(kind: u64) -> String {
    match kind {
        0xef53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x2fc1_2fc1 => "zfs".to_owned(),
        other => format!("of type {other:#x}"),
    }
}

/// Use against the limits at which a broker deletes files and refuses messages.
fn space(settings: &BrokerSettings, path: &Path) -> Diagnosis {
    let usage = match OsFileSystem.disk_usage(path) {
        Ok(usage) => usage,
        Err(error) => return Diagnosis::warn("disk space", error.to_string(), "look at the mount"),
    };
    let (used, free_mib) = (usage.used_percent(), usage.available_bytes >> 20);
    let detail = format!("{used}% used, {free_mib} MiB free");
    let fix = "free some, enlarge the disk, or keep messages for a shorter time (fileReservedTime)";
    let min_free = u64::try_from(settings.own.disk_min_free_bytes).unwrap_or(0);
    let store = &settings.store;
    let limit = |percent: i32| u32::try_from(percent).unwrap_or(0);
    let (refuses, deletes) = (
        limit(store.clamped_disk_space_warning_level_ratio()),
        limit(store.clamped_disk_max_used_space_ratio()),
    );
    let is_full = if min_free > 0 { usage.available_bytes < min_free } else { used >= refuses };
    if is_full {
        return Diagnosis::fail("disk space", format!("{detail}, messages are refused"), fix);
    }
    if used >= deletes {
        return Diagnosis::warn("disk space", format!("{detail}, files are deleted from {deletes}% on"), fix);
    }
    Diagnosis::ok("disk space", detail)
}

/// How long the disk takes to keep a write.
fn speed(path: &Path) -> Diagnosis {
    match measure(path) {
        Ok(mut took) => {
            took.sort_unstable();
            let at = |percent: usize| took.get(took.len() * percent / 100).or(took.last()).copied();
            let (half, most) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
            let detail = format!(
                "fsync takes {:.2} ms, one in a hundred {:.2} ms",
                half.as_secs_f64() * 1e3,
                most.as_secs_f64() * 1e3
            );
            if most > SYNC_SLOW {
                let fix = "expect slow sends with flushDiskType=SYNC_FLUSH; use a faster disk";
                return Diagnosis::warn("disk speed", detail, fix);
            }
            Diagnosis::ok("disk speed", detail)
        }
        Err(error) => Diagnosis::fail(
            "disk speed",
            format!("{} cannot be written: {error}", path.display()),
            "give the directory to the broker's user",
        ),
    }
}

fn measure(path: &Path) -> io::Result<Vec<Duration>> {
    let probe = path.join(format!("{PROBE_FILE}-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&probe)?;
    let measured = measure_with(file);
    fs::remove_file(&probe)?;
    measured
}

fn measure_with(mut file: File) -> io::Result<Vec<Duration>> {
    let (began, block) = (Instant::now(), [0_u8; SYNC_BYTES]);
    let mut took = Vec::with_capacity(SYNCS);
    while took.len() < SYNCS && began.elapsed() < SYNC_TIME_MAX {
        let since = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(since.elapsed());
    }
    Ok(took)
}

/// Whether the tables can be read.
fn tables(root: &Path) -> Diagnosis {
    let config = root.join("config");
    let entries = match fs::read_dir(&config) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Diagnosis::ok("tables", "there are none yet");
        }
        Err(error) => return Diagnosis::fail("tables", error.to_string(), "look at the disk"),
    };
    let (mut count, mut bad) = (0, Vec::new());
    for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|ext| ext == "json")) {
        count += 1;
        let read = fs::read(entry.path());
        let is_fine = read.is_ok_and(|text| fastjson::from_slice::<serde_json::Value>(&text).is_ok());
        if !is_fine {
            bad.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    if bad.is_empty() {
        return Diagnosis::ok("tables", format!("{count} files in {} can be read", config.display()));
    }
    Diagnosis::fail(
        "tables",
        format!("cannot be read: {}", bad.join(", ")),
        "a start takes the newest .bak that can be read; if none can, restore the file",
    )
}
