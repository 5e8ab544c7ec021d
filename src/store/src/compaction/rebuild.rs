//! Making a queue file again from its log file.

use std::{io, path::Path};

use message::record::{Scanned, scan};

use super::segment::{Units, record_of, unit_of};
use crate::{commit_log::next_magic, consume_queue::BatchUnit, durable::write_whole, fs::FileSystem};

/// Units looked at to see whether a queue file agrees with the log: one flipped bit makes no file wrong.
const LOOK_AT_COUNT: usize = 8;

/// The record in a log file that begins at `base`, if the unit points to it.
pub(crate) fn has_record(bytes: &[u8], base: i64, unit: &BatchUnit, place: (&str, i32)) -> bool {
    let range =
        usize::try_from(unit.unit.phy_offset - base).ok().zip(usize::try_from(unit.unit.size_bytes).ok());
    let record = range.and_then(|(start, len)| bytes.get(start..start.checked_add(len)?));
    record.is_some_and(|record| record_of(record, unit, place).is_some())
}

/// Whether a queue file can be of this log file: the last units do point to their records.
pub(super) fn agrees(bytes: &[u8], base: i64, units: &Units, place: (&str, i32)) -> bool {
    if units.len() == 0 {
        return !matches!(scan(bytes), Ok(Scanned::Record(_)));
    }
    units.iter().rev().take(LOOK_AT_COUNT).any(|unit| has_record(bytes, base, &unit, place))
}

/// The units of all intact records in a log file.
pub(crate) fn units_of(bytes: &[u8], base: i64, place: (&str, i32)) -> Vec<BatchUnit> {
    let mut units: Vec<BatchUnit> = Vec::new();
    let mut at = 0;
    loop {
        match scan(bytes.get(at..).unwrap_or_default()) {
            Ok(Scanned::Blank { .. }) => return units,
            Ok(Scanned::Record(record)) => {
                let unit = unit_of(&record, base + at as i64);
                let is_next = units.last().is_none_or(|last| last.base_offset < unit.base_offset);
                if is_next && record_of(record.bytes(), &unit, place).is_some() {
                    units.push(unit);
                    at += record.total_size();
                    continue;
                }
            }
            Err(_) => {}
        }
        match next_magic(bytes, at + 1, bytes.len()) {
            Some(found) => at = found,
            None => return units,
        }
    }
}

/// Replaces a queue file durably. `work_dir` is where it is written.
pub(super) fn write_units(
    fs: &dyn FileSystem,
    work_dir: &Path,
    target: &Path,
    units: &Units,
    len_bytes: u64,
) -> io::Result<()> {
    let temporary = work_dir.join("rebuilt");
    write_whole(fs, &temporary, units.bytes())?;
    let file = fs.open(&temporary, crate::fs::OpenMode::ReadWrite)?;
    file.set_len(len_bytes)?;
    file.sync_all()?;
    fs.rename(&temporary, target)?;
    target.parent().map_or(Ok(()), |dir| fs.sync_dir(dir))
}
