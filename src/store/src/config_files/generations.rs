//! The numbered generations of a configuration file: their names, and when one is cut.

use std::io;

use common::fastjson;
use serde_json::Value;

use super::ConfigFiles;

/// How many are kept.
const GENERATION_COUNT: u32 = 3;

/// The age of the newest at which another is cut.
const GENERATION_MILLIS: u64 = 10 * 60 * 1_000;

/// A table without entries is not longer than this.
const EMPTY_TABLE_BYTES: usize = 1_024;

/// RocketMQ's name of the content before the present one.
pub(super) fn backup_name(name: &str) -> String {
    format!("{name}.bak")
}

fn generation_name(name: &str, number: u32) -> String {
    format!("{name}.bak.{number}")
}

/// The names of all backups of a file, from the newest to the oldest.
pub(crate) fn backup_names(name: &str) -> impl Iterator<Item = String> {
    std::iter::once(backup_name(name))
        .chain((1..=GENERATION_COUNT).map(move |number| generation_name(name, number)))
}

/// The name of the file that `file_name` is, or is a backup of.
pub(crate) fn table_name(file_name: &str) -> &str {
    let (stem, number) = file_name.rsplit_once(".bak").unwrap_or((file_name, ""));
    let is_backup = number.strip_prefix('.').map_or(number.is_empty(), |number| {
        number.parse::<u32>().is_ok_and(|number| (1..=GENERATION_COUNT).contains(&number))
    });
    if is_backup { stem } else { file_name }
}

/// Whether a content is not worth being kept: it is neither what was `expected`, by its checksum, nor JSON.
pub(super) fn is_damaged(content: &[u8], expected: Option<u32>) -> bool {
    let is_known = expected.is_some_and(|expected| expected == crc32fast::hash(content));
    content.trim_ascii().is_empty() || (!is_known && fastjson::from_slice::<Value>(content).is_err())
}

/// Whether a table loses all of its entries.
pub(super) fn is_emptied(previous: &[u8], content: &str) -> bool {
    content.len() < EMPTY_TABLE_BYTES && !has_entries(content.as_bytes()) && has_entries(previous)
}

fn has_entries(table: &[u8]) -> bool {
    let Ok(Value::Object(members)) = fastjson::from_slice(table) else { return true };
    members.iter().filter(|(name, _)| *name != "dataVersion").any(|(_, member)| match member {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        _ => false,
    })
}

impl ConfigFiles {
    /// Whether what is replaced should outlive the next replacements.
    pub(super) fn wants_generation(&self, name: &str, previous: &[u8], content: &str) -> bool {
        if is_emptied(previous, content) {
            tracing::warn!(name, "a table has no entries any more: what it had is kept as a generation");
            return true;
        }
        self.is_generation_due(name)
    }

    /// Whether the newest generation is old enough for another.
    pub(super) fn is_generation_due(&self, name: &str) -> bool {
        let Ok(cut) = self.fs.modified_millis(&self.dir.join(generation_name(name, 1))) else { return true };
        // One from the future was cut before the clock was set back.
        self.clock.now_millis().abs_diff(cut) >= GENERATION_MILLIS
    }

    /// Makes `content` the newest generation. A crash in between leaves a number out.
    pub(super) fn cut_generation(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(name, content)?;
        for number in (1..GENERATION_COUNT).rev() {
            let path = |number| self.dir.join(generation_name(name, number));
            match self.fs.rename(&path(number), &path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.fs.rename(&temporary, &self.dir.join(generation_name(name, 1)))
    }
}
