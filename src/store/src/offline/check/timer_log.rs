//! The blocks of the timer log, one by one.

use std::{io, path::PathBuf, sync::Arc};

use common::names::TIMER_TOPIC;

use super::{
    super::{
        OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
        lookup::LogLookup,
    },
    Liveness, LogSummary, Scope,
};
use crate::{
    fs::{OpenMode, StoreFile},
    mapped_file_queue::{file_name, parse_file_name},
    recovery::files::read_up_to,
    timer::{
        Block,
        block::{BLOCK_BYTES, Entry},
    },
};

/// Blocks read at a time.
const BLOCKS_PER_READ: usize = 1_024;

/// One file of the timer log.
#[derive(Clone)]
struct TimerLogFile {
    path: PathBuf,
    base: i64,
    file: Arc<dyn StoreFile>,
}

/// The timer log, and what reading it told.
pub(super) struct TimerLogPass<'a> {
    scope: Scope<'a>,
    log: &'a LogSummary,
    files: Vec<TimerLogFile>,
    file_bytes: u64,
    /// Up to where the checkpoint says that everything is durable.
    flushed: i64,
    /// Position behind the last block.
    pub(super) end: i64,
    pub(super) block_count: u64,
    /// Blocks that cancel others.
    pub(super) cancel_count: u64,
    /// Where nothing stands, until a block behind it is found.
    gap: Option<(PathBuf, i64, u64)>,
}

impl<'a> TimerLogPass<'a> {
    /// Looks at the files' names and lengths: they have one length, which is that of the first.
    pub(super) fn open(
        scope: Scope<'a>,
        log: &'a LogSummary,
        flushed: i64,
        findings: &mut Findings,
    ) -> Result<Self, OfflineError> {
        let (fs, dir) = (&scope.dir.fs, scope.dir.root().join("timerlog"));
        let entries =
            if fs.exists(&dir) { fs.read_dir(&dir).map_err(OfflineError::io(&dir))? } else { Vec::new() };
        let mut named: Vec<_> = entries
            .into_iter()
            .filter(|entry| !entry.is_dir)
            .filter_map(|entry| Some((parse_file_name(&entry.name)?, entry)))
            .collect();
        named.sort_unstable_by_key(|(base, _)| *base);
        let file_bytes = named.first().map_or(0, |(_, entry)| entry.len);
        let mut report = |severity, path, reason| {
            findings.push(Finding::new(severity, FindingKind::TimerLog, path, reason));
        };
        let mut files: Vec<TimerLogFile> = Vec::new();
        for (base, entry) in named {
            let path = dir.join(&entry.name);
            if entry.len == 0 {
                report(scope.unfinished(), path, "has no bytes yet".to_owned());
                continue;
            }
            if entry.len != file_bytes {
                let reason = format!("has {} bytes instead of {file_bytes}: not read", entry.len);
                report(Severity::Damage, path, reason);
                continue;
            }
            let expected = files.last().map_or(base, |last| last.base.saturating_add_unsigned(file_bytes));
            if expected != base {
                let reason = format!("is missing before {}", entry.name);
                report(Severity::Damage, dir.join(file_name(expected)), reason);
            }
            let file = fs.open(&path, OpenMode::Read).map_err(OfflineError::io(&path))?;
            files.push(TimerLogFile { path, base, file });
        }
        let end = files.first().map_or(0, |first| first.base);
        let (block_count, cancel_count, gap) = (0, 0, None);
        Ok(Self { scope, log, files, file_bytes, flushed, end, block_count, cancel_count, gap })
    }

    pub(super) fn file_count(&self) -> u64 {
        self.files.len() as u64
    }

    /// Position of the first block.
    pub(super) fn begin(&self) -> i64 {
        self.files.first().map_or(0, |first| first.base)
    }

    /// How bad it is that there is no whole block at a position: what a crash took from behind the place the checkpoint
    /// names is put into the log again.
    fn severity(&self, position: i64) -> Severity {
        let is_flushed = self.scope.liveness == Liveness::Offline && position < self.flushed;
        if is_flushed { Severity::Damage } else { self.scope.unfinished() }
    }

    /// Reads all blocks.
    pub(super) fn run(&mut self, findings: &mut Findings) -> Result<(), OfflineError> {
        let mut lookup = LogLookup::new(self.scope.dir, self.scope.row);
        for file in self.files.clone() {
            self.file(&file, &mut lookup, findings)?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        file: &TimerLogFile,
        lookup: &mut LogLookup<'_>,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let failed = || OfflineError::io(&file.path);
        let mut buffer = vec![0; BLOCKS_PER_READ * BLOCK_BYTES];
        let mut at = 0;
        while at < self.file_bytes {
            let data = file.file.next_data(at).map_err(failed())?.unwrap_or(self.file_bytes);
            let data = data - data % BLOCK_BYTES as u64;
            if data > at {
                self.gap.get_or_insert_with(|| (file.path.clone(), file.base, at));
                at = data;
            }
            let got = read_up_to(&*file.file, &mut buffer, at).map_err(failed())?;
            if got == 0 || self.scope.progress.is_stopped() {
                break;
            }
            for bytes in buffer.get(..got).unwrap_or_default().chunks(BLOCK_BYTES) {
                if !self.entry((file, at), bytes, lookup, findings)? {
                    return Ok(());
                }
                at += bytes.len() as u64;
            }
        }
        if self.scope.progress.is_stopped() { Err(OfflineError::Interrupted) } else { Ok(()) }
    }

    /// Looks at what stands at a place of a file; whether there can be more in it.
    fn entry(
        &mut self,
        (file, at): (&TimerLogFile, u64),
        bytes: &[u8],
        lookup: &mut LogLookup<'_>,
        findings: &mut Findings,
    ) -> Result<bool, OfflineError> {
        match Entry::decode(bytes) {
            Entry::EndOfFile => return Ok(false),
            Entry::Block(block) => {
                if let Some((path, base, from)) = self.gap.take() {
                    let reason = "nothing was written here, but blocks behind it".to_owned();
                    let severity = self.severity(base.saturating_add_unsigned(from));
                    let finding = Finding::new(severity, FindingKind::TimerLog, path, reason);
                    findings.push(finding.at(from));
                }
                self.block((file, at), &block, lookup, findings)?;
            }
            Entry::Nothing if bytes.iter().any(|byte| *byte != 0) => {
                let reason = "no block stands here".to_owned();
                let severity = self.severity(file.base.saturating_add_unsigned(at));
                findings.push(Finding::new(severity, FindingKind::TimerLog, &file.path, reason).at(at));
            }
            // What is left of a file behind its last block is no gap.
            Entry::Nothing if bytes.len() == BLOCK_BYTES => {
                self.gap.get_or_insert_with(|| (file.path.clone(), file.base, at));
            }
            Entry::Nothing => {}
        }
        Ok(true)
    }

    fn block(
        &mut self,
        (file, at): (&TimerLogFile, u64),
        block: &Block,
        lookup: &mut LogLookup<'_>,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        let position = file.base.saturating_add_unsigned(at);
        self.block_count += 1;
        self.cancel_count += u64::from(block.kind.cancels);
        self.end = position + BLOCK_BYTES as i64;
        let mut report = |severity, reason: String| {
            let finding = Finding::new(severity, FindingKind::TimerLog, &file.path, reason);
            findings.push(finding.at(at).of_record(block.phy_offset));
        };
        if let Some(previous) = block.previous_position {
            if previous >= position {
                report(
                    Severity::Damage,
                    format!("the block before it in its slot is at {previous}, behind it"),
                );
            } else if previous >= self.begin()
                && self.at(previous).map_err(OfflineError::io(&file.path))?.is_none()
            {
                let reason =
                    format!("the block before it in its slot is said to be at {previous}, where none is");
                report(Severity::Damage, reason);
            }
        }
        if block.phy_offset < 0 || block.size_bytes <= 0 {
            report(Severity::Damage, format!("is of {} bytes of the commit log", block.size_bytes));
        } else if block.phy_offset >= self.log.end_phy_offset {
            let reason = format!("points behind the end of the commit log, {}", self.log.end_phy_offset);
            report(self.severity(position), reason);
        } else if block.phy_offset >= self.log.min_phy_offset {
            let is_there = lookup.record(block.phy_offset)?.is_some_and(|record| {
                record.topic() == TIMER_TOPIC && usize::try_from(block.size_bytes) == Ok(record.total_size())
            });
            if !is_there {
                report(Severity::Damage, "points to no intact record of a timed message".to_owned());
            }
        }
        Ok(())
    }

    /// The block at a position; `None` where none begins.
    pub(super) fn at(&self, position: i64) -> io::Result<Option<Block>> {
        let Some(TimerLogFile { base, file, .. }) = self.files.iter().rfind(|file| file.base <= position)
        else {
            return Ok(None);
        };
        let at = position.abs_diff(*base);
        if !at.is_multiple_of(BLOCK_BYTES as u64) || at >= self.file_bytes {
            return Ok(None);
        }
        let mut bytes = [0; BLOCK_BYTES];
        let got = read_up_to(&**file, &mut bytes, at)?;
        Ok(match Entry::decode(bytes.get(..got).unwrap_or_default()) {
            Entry::Block(block) => Some(block),
            Entry::EndOfFile | Entry::Nothing => None,
        })
    }
}
