//! What an examination has to say about a store.

use std::{collections::BTreeMap, path::PathBuf};

/// Most findings that are kept in full; the others are counted.
const KEPT_MAX: usize = 1_000;

/// What a finding means for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is wrong and stays so.
    Damage,
    /// What a crash leaves behind and the next start of a broker puts right.
    Pending,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Its name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Pending => "pending",
            Self::Note => "note",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A file of the CommitLog is missing or has a wrong length.
    LogFile,
    /// Bytes in the CommitLog that are no records, with records behind them.
    LogDamage,
    /// Bytes behind the last record of the CommitLog.
    TornTail,
    /// Records no unit points to.
    MissingUnit,
    /// A unit that stands where a record belongs and does not fit it.
    WrongUnit,
    /// A unit that points to no record of its queue.
    StrayUnit,
    /// Units out of order, or places without any.
    UnitOrder,
    /// A file of a queue is missing or has a wrong length.
    QueueFile,
    /// An index file is missing, has a wrong length or an impossible header.
    IndexFile,
    /// An item of the index that points to no record with its key.
    IndexItem,
    /// A slot or chain of the index that leads to the wrong item.
    IndexSlot,
    /// Keys of records that are not in the index.
    IndexKey,
    /// The checkpoint contradicts the CommitLog.
    Checkpoint,
    /// A configuration file cannot be read.
    ConfigFile,
    /// An extension file, or a unit that points to none of its units.
    Extension,
    /// The timer log: its files and blocks.
    TimerLog,
    /// The timer wheel: its length and slots.
    TimerWheel,
    /// A file of a compacted queue.
    Compaction,
    /// The timer's checkpoint.
    TimerCheckpoint,
    /// How the last run ended.
    Abort,
    /// Something was not looked at.
    NotChecked,
}

impl FindingKind {
    /// Its name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::LogFile => "log-file",
            Self::LogDamage => "log-damage",
            Self::TornTail => "torn-tail",
            Self::MissingUnit => "missing-unit",
            Self::WrongUnit => "wrong-unit",
            Self::StrayUnit => "stray-unit",
            Self::UnitOrder => "unit-order",
            Self::QueueFile => "queue-file",
            Self::IndexFile => "index-file",
            Self::IndexItem => "index-item",
            Self::IndexSlot => "index-slot",
            Self::IndexKey => "index-key",
            Self::Checkpoint => "checkpoint",
            Self::ConfigFile => "config-file",
            Self::Extension => "extension",
            Self::TimerLog => "timer-log",
            Self::TimerWheel => "timer-wheel",
            Self::Compaction => "compaction",
            Self::TimerCheckpoint => "timer-check",
            Self::Abort => "abort",
            Self::NotChecked => "not-checked",
        }
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub severity: Severity,
    /// What it is about.
    pub kind: FindingKind,
    /// The file or directory.
    pub path: PathBuf,
    /// Where in the file, in bytes.
    pub position: Option<u64>,
    /// Where in the CommitLog.
    pub phy_offset: Option<i64>,
    /// What is wrong, in words.
    pub reason: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        kind: FindingKind,
        path: impl Into<PathBuf>,
        reason: String,
    ) -> Self {
        Self { severity, kind, path: path.into(), position: None, phy_offset: None, reason }
    }

    pub(super) fn at(mut self, position: u64) -> Self {
        self.position = Some(position);
        self
    }

    pub(super) fn of_record(mut self, phy_offset: i64) -> Self {
        self.phy_offset = Some(phy_offset);
        self
    }
}

/// All findings: the first ones in full, all of them counted.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<(Severity, FindingKind), u64>,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.severity, finding.kind)).or_default();
        *count += 1;
        // One kind in thousands must not push out the others.
        if *count <= KEPT_MAX as u64 / 10 && self.kept.len() < KEPT_MAX {
            self.kept.push(finding);
        }
    }

    /// The findings kept in full, in the order they were found.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there are of each severity and kind.
    pub fn counts(&self) -> impl Iterator<Item = (Severity, FindingKind, u64)> {
        self.counts.iter().map(|((severity, kind), count)| (*severity, *kind, *count))
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> u64 {
        self.counts().filter(|(found, _, _)| *found == severity).map(|(_, _, count)| count).sum()
    }
}
