//! The extension files of `ConsumeQueue`s, unit by unit, and whether what points to them is right.
//!
//! Both stand in one order, so both are read side by side. What no unit of a queue points to is never served: a crash
//! leaves it behind, and it is worth a note only.

use std::{io, path::PathBuf, sync::Arc};

use common::names::SCHEDULE_TOPIC;

use super::{
    super::{
        OfflineError, StoreDir,
        findings::{Finding, FindingKind, Findings, Severity},
        lookup::LogLookup,
    },
    Scope,
    queues::QueuePass,
};
use crate::{
    consume_queue::{QueueDir, QueueDirFile, QueueKind, QueuedUnit, Unit, find_queues},
    consume_queue_ext::{Extension, HEADER_BYTES, position_of},
    dispatch::{DelayLevels, places},
    fs::{Disk, OpenMode, StoreFile},
    options::Switch,
    recovery::files::{is_zero, read_up_to},
};

/// What ends a file in the place of a unit's size.
const END_MARK: [u8; 2] = (-1_i16).to_be_bytes();

/// An extension file of the right length.
struct ExtensionFile {
    path: PathBuf,
    /// Position of its first byte.
    base: u64,
    file: Arc<dyn StoreFile>,
}

/// The extension files of one queue, and how far they were read.
struct ExtensionFiles {
    dir: PathBuf,
    file_bytes: u64,
    files: Vec<ExtensionFile>,
    /// The file that is read, by its place in `files`.
    current: usize,
    /// The next unit of it.
    next_position: u64,
    /// The last position a unit of the queue pointed to.
    last_position: Option<u64>,
}

impl QueuePass<'_> {
    /// Looks at the extensions of a queue, and at the units in `files` that point to them; answers how many files they
    /// are in.
    pub(super) fn extensions(
        &self,
        queue: &QueueDir<'_>,
        files: &[QueueDirFile],
        topic: &str,
        queue_id: i32,
        findings: &mut Findings,
    ) -> Result<u64, OfflineError> {
        let Scope { dir, row, .. } = self.scope;
        let path = dir.extensions_path().join(topic).join(queue_id.to_string());
        let files_of_queue = ExtensionFiles::open(&self.scope, path, findings)?;
        let lookup = LogLookup::new(dir, row);
        let mut reading = Reading { topic, queue_id, lookup, extensions: files_of_queue };
        for file in files.iter().filter(|file| file.is_aligned) {
            let mut outcome = Ok(());
            let walked = queue.walk(file, |place, queued| {
                let at = (place - file.base) as u64 * queue.unit_bytes() as u64;
                outcome = self.extension(&mut reading, (file, at), &queued, findings);
                outcome.is_ok() && !self.scope.progress.is_stopped()
            });
            walked.map_err(OfflineError::io(&file.path))?;
            outcome?;
        }
        reading.extensions.walk_to(u64::MAX, findings)?;
        Ok(reading.extensions.files.len() as u64)
    }

    /// Looks at the extension of a unit, and at what lies before it.
    fn extension(
        &self,
        reading: &mut Reading<'_>,
        (file, at_unit): (&QueueDirFile, u64),
        QueuedUnit { unit, queue_offset, .. }: &QueuedUnit,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let in_log = self.log.min_phy_offset..self.log.end_phy_offset;
        let is_served = unit.has_extension() && in_log.contains(&unit.phy_offset);
        let Some(position) = position_of(unit.tags_code).filter(|_| is_served) else { return Ok(()) };
        let expected = reading.expected(self.scope.dir, unit, *queue_offset)?;
        reading.extensions.walk_to(position, findings)?;
        if let Some((path, at, reason)) = reading.extensions.problem(position, expected)? {
            let severity = self.missing_severity(unit.phy_offset, true)?;
            let reason = format!("{reason}; {} at {at_unit} points here", file.path.display());
            let finding = Finding::new(severity, FindingKind::Extension, path, reason);
            findings.push(finding.at(at).of_record(unit.phy_offset));
        }
        Ok(())
    }

    /// Names the directories of extensions whose queue is not there.
    pub(super) fn extensions_without_queue(&self, findings: &mut Findings) -> Result<(), OfflineError> {
        let dir = self.scope.dir;
        let root = dir.extensions_path();
        for (topic, queue_ids) in find_queues(&*dir.fs, &root)? {
            for queue_id in queue_ids {
                if !dir.fs.exists(dir.queue(QueueKind::Simple, &topic, queue_id).path()) {
                    let path = root.join(&topic).join(queue_id.to_string());
                    let reason = "extensions of a queue that is not there: nothing points to them".to_owned();
                    findings.push(Finding::new(Severity::Note, FindingKind::Extension, path, reason));
                }
            }
        }
        Ok(())
    }
}

/// What a record says of its extension.
#[derive(Clone, Copy)]
struct Expected {
    tags_code: i64,
    store_timestamp: i64,
    /// Whether the tags code is a delivery time, which depends on the configuration of its day.
    is_delivery_time: bool,
}

/// The extensions of a queue and the records they stand for.
struct Reading<'a> {
    topic: &'a str,
    queue_id: i32,
    lookup: LogLookup<'a>,
    extensions: ExtensionFiles,
}

impl Reading<'_> {
    /// What the record of a unit says; `None` where the unit points to no record of the queue.
    fn expected(
        &mut self,
        dir: &StoreDir,
        unit: &Unit,
        queue_offset: i64,
    ) -> Result<Option<Expected>, OfflineError> {
        let Some(record) = self.lookup.record(unit.phy_offset)? else { return Ok(None) };
        let levels = DelayLevels::new(dir.options.delay_level_millis.clone());
        let place = places(&record, &levels, Switch::On).find(|(topic, queue_id, place)| {
            (*topic, *queue_id, place.queue_offset) == (self.topic, self.queue_id, queue_offset)
        });
        Ok(place.map(|(_, _, place)| Expected {
            tags_code: place.unit.tags_code,
            store_timestamp: place.store_timestamp,
            is_delivery_time: self.topic == SCHEDULE_TOPIC,
        }))
    }
}

impl ExtensionFiles {
    fn open(scope: &Scope<'_>, dir: PathBuf, findings: &mut Findings) -> Result<Self, OfflineError> {
        let fs = &scope.dir.fs;
        let file_bytes = scope.dir.options.consume_queue_ext_file_size_bytes.max(HEADER_BYTES as u64);
        let entries =
            if fs.exists(&dir) { fs.read_dir(&dir).map_err(OfflineError::io(&dir))? } else { Vec::new() };
        let mut named: Vec<_> = entries
            .into_iter()
            .filter(|entry| !entry.is_dir)
            .filter_map(|entry| Some((entry.name.parse::<u64>().ok()?, entry)))
            .collect();
        named.sort_unstable_by_key(|(base, _)| *base);
        let last_base = named.last().map(|(base, _)| *base);
        let mut files = Vec::new();
        for (base, entry) in named {
            let path = dir.join(&entry.name);
            let reason = if !base.is_multiple_of(file_bytes) {
                format!("begins where no file of {file_bytes} bytes does: not read")
            } else if entry.len != file_bytes {
                format!("has {} bytes instead of {file_bytes}: not read", entry.len)
            } else {
                let file = fs.open(&path, OpenMode::Read).map_err(OfflineError::io(&path))?;
                files.push(ExtensionFile { path, base, file });
                continue;
            };
            let is_new = last_base == Some(base) && entry.len < file_bytes;
            let severity = if is_new { scope.unfinished() } else { Severity::Damage };
            findings.push(Finding::new(severity, FindingKind::Extension, path, reason));
        }
        Ok(Self { dir, file_bytes, files, current: 0, next_position: 0, last_position: None })
    }

    /// Reads the units before a position, and tells of what is none of them.
    fn walk_to(&mut self, position: u64, findings: &mut Findings) -> Result<(), OfflineError> {
        while let Some(ExtensionFile { path, base, file }) = self.files.get(self.current) {
            let file_end = base + self.file_bytes;
            let at = self.next_position.max(*base);
            if at >= position {
                return Ok(());
            }
            let failed = OfflineError::io(path);
            match read(&**file, at - base, self.file_bytes).map_err(failed)? {
                Place::Unit(extension) => {
                    self.next_position = at + extension.size_bytes();
                    continue;
                }
                Place::End => {}
                // Told already.
                Place::Damaged if self.last_position == Some(at) => {}
                Place::Damaged => {
                    let reason = "no unit begins here, and nothing points here".to_owned();
                    let finding = Finding::new(Severity::Note, FindingKind::Extension, path, reason);
                    findings.push(finding.at(at - base));
                }
            }
            // What follows can be told apart again where a unit of the queue points.
            if position < file_end {
                self.next_position = position;
                return Ok(());
            }
            self.next_position = file_end;
            self.current += 1;
        }
        Ok(())
    }

    /// What is wrong with the extension a unit points to, with the file and the position in it.
    fn problem(
        &mut self,
        position: u64,
        expected: Option<Expected>,
    ) -> Result<Option<(PathBuf, u64, String)>, OfflineError> {
        let before = self.last_position.replace(position);
        let at = position % self.file_bytes;
        let base = position - at;
        let Some(ExtensionFile { path, file, .. }) = self.files.iter().find(|file| file.base == base) else {
            let path = self.dir.join(format!("{base:020}"));
            return Ok(Some((path, at, "there is no such extension file".to_owned())));
        };
        let problem = |reason: String| Ok(Some((path.clone(), at, reason)));
        if let Some(before) = before.filter(|before| *before >= position) {
            return problem(format!("the unit before points to {before}, which is not before {position}"));
        }
        let Place::Unit(extension) = read(&**file, at, self.file_bytes).map_err(OfflineError::io(path))?
        else {
            return problem("no unit begins here".to_owned());
        };
        let Some(expected) = expected else { return Ok(None) };
        let Expected { tags_code, store_timestamp, is_delivery_time } = expected;
        if extension.store_timestamp != store_timestamp {
            let found = extension.store_timestamp;
            return problem(format!("store timestamp {found}, the record has {store_timestamp}"));
        }
        let found = extension.tags_code;
        if found != tags_code && !(is_delivery_time && found >= store_timestamp) {
            return problem(format!("tags code {found}, the record makes it {tags_code}"));
        }
        Ok(None)
    }
}

/// What stands at a place of a file.
enum Place {
    Unit(Extension),
    /// Nothing follows in this file.
    End,
    Damaged,
}

fn read(file: &dyn StoreFile, at: u64, file_bytes: u64) -> io::Result<Place> {
    match Extension::read(Disk::MayWait, file, at) {
        Ok(Some(extension)) => return Ok(Place::Unit(extension)),
        // A size that reaches over the end of the file, or no room for a unit.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        Ok(None) | Err(_) => {}
    }
    let mut size = END_MARK;
    read_up_to(file, &mut size, at)?;
    let is_end = size == END_MARK || is_zero(file, at, file_bytes)?;
    Ok(if is_end { Place::End } else { Place::Damaged })
}
