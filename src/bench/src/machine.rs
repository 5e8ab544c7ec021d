//! `machine`: what the machine can do, so that figures can be seen as shares of it.

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read, Seek, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use runtime::clock::Clock;
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use serde::{Deserialize, Serialize};

use crate::{args::Machine, summary::number, tally::histogram};

const COPY_BYTES: usize = 256 << 20;
const CHUNK_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;
const SYNCS: usize = 300;

/// The limits of a machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limits {
    /// One thread copying large memory, in GB a second.
    pub(crate) memory_copy_gb_per_s: f64,
    /// `fdatasync` after 4 KiB at the end of an allocated file, in microseconds.
    pub(crate) fdatasync_p50_us: f64,
    pub(crate) fdatasync_p99_us: f64,
    /// Writing in sequence, with one `fdatasync` at the end, in MB a second.
    pub(crate) write_mb_per_s: f64,
    /// Reading in sequence what is not in memory, in MB a second.
    pub(crate) read_cold_mb_per_s: f64,
    /// The same from memory.
    pub(crate) read_hot_mb_per_s: f64,
    /// Depth 1 with frames of 1 KiB over loopback, against the floor, in microseconds.
    pub(crate) loopback_p50_us: f64,
    /// The same with 64 in flight, in messages a second.
    pub(crate) loopback_per_s: f64,
}

/// Measures all but the loopback.
///
/// # Errors
/// When the disk fails.
pub(crate) fn disk_and_memory(machine: &Machine, clock: &Arc<dyn Clock>) -> io::Result<Limits> {
    let dir = match &machine.dir {
        Some(dir) => tempfile::TempDir::with_prefix_in("machine-", dir)?,
        None => tempfile::TempDir::with_prefix("machine-")?,
    };
    let mut limits = Limits { memory_copy_gb_per_s: memory_copy(clock), ..Limits::default() };
    (limits.fdatasync_p50_us, limits.fdatasync_p99_us) = syncs(&dir.path().join("syncs"), clock)?;
    let bytes = machine.write << 20;
    let path = dir.path().join("sequence");
    limits.write_mb_per_s = mb_per_s(bytes, write(&path, bytes, clock)?);
    // Only what is on the disk can be dropped from memory.
    fadvise(&File::open(&path)?, 0, None, Advice::DontNeed)?;
    limits.read_cold_mb_per_s = mb_per_s(bytes, read(&path, clock)?);
    limits.read_hot_mb_per_s = mb_per_s(bytes, read(&path, clock)?);
    Ok(limits)
}

fn mb_per_s(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64().max(1e-9)
}

fn memory_copy(clock: &Arc<dyn Clock>) -> f64 {
    let (source, mut target) = (vec![7_u8; COPY_BYTES], vec![0_u8; COPY_BYTES]);
    let copies = 4_u64;
    let begun = clock.monotonic();
    for _ in 0..copies {
        target.copy_from_slice(black_box(&source));
        black_box(&target);
    }
    mb_per_s(copies * COPY_BYTES as u64, clock.monotonic().saturating_sub(begun)) / 1e3
}

fn syncs(path: &Path, clock: &Arc<dyn Clock>) -> io::Result<(f64, f64)> {
    let mut file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, (SYNCS * PAGE_BYTES) as u64)?;
    file.sync_all()?;
    let mut times = histogram();
    for _ in 0..SYNCS {
        file.write_all(&[7; PAGE_BYTES])?;
        let begun = clock.monotonic();
        file.sync_data()?;
        times.saturating_record((clock.monotonic().saturating_sub(begun)).as_nanos() as u64);
    }
    let micros = |percentile| times.value_at_percentile(percentile) as f64 / 1e3;
    Ok((micros(50.0), micros(99.0)))
}

fn write(path: &Path, bytes: u64, clock: &Arc<dyn Clock>) -> io::Result<Duration> {
    let chunk = vec![7_u8; CHUNK_BYTES];
    let mut file = File::create(path)?;
    let begun = clock.monotonic();
    for _ in 0..bytes / CHUNK_BYTES as u64 {
        file.write_all(&chunk)?;
    }
    file.sync_data()?;
    Ok(clock.monotonic().saturating_sub(begun))
}

fn read(path: &Path, clock: &Arc<dyn Clock>) -> io::Result<Duration> {
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut file = File::open(path)?;
    file.rewind()?;
    let begun = clock.monotonic();
    while file.read(&mut chunk)? > 0 {
        black_box(&chunk);
    }
    Ok(clock.monotonic().saturating_sub(begun))
}

/// The limits as lines.
pub(crate) fn lines(limits: &Limits) -> String {
    [
        ("memory copy, one thread", limits.memory_copy_gb_per_s, "GB/s"),
        ("fdatasync after 4 KiB, p50", limits.fdatasync_p50_us, "µs"),
        ("fdatasync after 4 KiB, p99", limits.fdatasync_p99_us, "µs"),
        ("sequential write with fdatasync", limits.write_mb_per_s, "MB/s"),
        ("sequential read, cold", limits.read_cold_mb_per_s, "MB/s"),
        ("sequential read, hot", limits.read_hot_mb_per_s, "MB/s"),
        ("round trip of 1 KiB over loopback, p50", limits.loopback_p50_us, "µs"),
        ("64 such in flight", limits.loopback_per_s, "a second"),
    ]
    .map(|(name, value, unit)| format!("{name:<42} {:>12} {unit}", number(value)))
    .join("\n")
}
