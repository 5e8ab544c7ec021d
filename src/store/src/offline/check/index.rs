//! The index against the CommitLog.
//!
//! Items stand in the order of their records, so both are read side by side: items before a record belong to
//! no record, items of a record must have its keys, and its keys must have items.

use std::io;

use message::record::RecordView;

use super::{
    super::{
        OfflineError,
        findings::{Finding, FindingKind, Findings, Severity},
    },
    Liveness, Scope, name_of,
};
use crate::{
    index_file::{IndexReader, IndexRequest, Item, list_index_files},
    lock::LastExit,
};

/// What is in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexSummary {
    /// Files that were read.
    pub file_count: u64,
    /// Items in them.
    pub item_count: u64,
    /// Items whose record has left the CommitLog.
    pub expired_item_count: u64,
    /// Keys of records before the first item: the index began later, or its first files are gone.
    pub keys_before_count: u64,
    /// Keys of records behind the last item: not indexed yet.
    pub keys_behind_count: u64,
}

/// The file that is being read.
struct Current {
    reader: IndexReader,
    next: u32,
    /// The newest item of each slot so far.
    newest: Vec<u32>,
    is_last: bool,
}

/// The comparison.
pub(super) struct IndexPass<'a> {
    scope: Scope<'a>,
    /// Files still to be read, the next one last.
    waiting: Vec<u64>,
    current: Option<Current>,
    /// Where the last item of all files points.
    last_phy_offset: i64,
    /// Where the last item read points.
    seen_phy_offset: Option<i64>,
    /// The next item, if it was looked at already.
    peeked: Option<Item>,
    hashes: Vec<i32>,
    found: Vec<i32>,
    /// Whether there are files that were not read.
    has_unread: bool,
    summary: IndexSummary,
}

impl<'a> IndexPass<'a> {
    /// Looks at the files' names, lengths and headers.
    pub(super) fn open(scope: Scope<'a>, findings: &mut Findings) -> Result<Self, OfflineError> {
        let (dir, layout) = (scope.dir.index_path(), scope.dir.index_layout());
        let fs = &*scope.dir.fs;
        let listed = list_index_files(fs, &dir)?;
        let fits = |len_bytes: u64| len_bytes == layout.file_bytes();
        let has_unread = listed.iter().any(|(_, len_bytes)| !fits(*len_bytes));
        let any_fits = listed.iter().any(|(_, len_bytes)| fits(*len_bytes));
        let mut waiting = Vec::new();
        let mut last_phy_offset = -1;
        for (number, len_bytes) in listed {
            let path = dir.join(format!("{number:017}"));
            if !fits(len_bytes) {
                findings.push(wrong_length(scope, path, len_bytes, any_fits));
                continue;
            }
            let reader = IndexReader::open(fs, &dir, number, layout).map_err(OfflineError::io(&path))?;
            if let Some(problem) = reader.header_problem() {
                let severity =
                    if scope.liveness == Liveness::Live { Severity::Pending } else { Severity::Damage };
                findings.push(Finding::new(severity, FindingKind::IndexFile, path, problem));
            }
            if reader.header().has_item() {
                last_phy_offset = reader.header().end_phy_offset;
                waiting.push(number);
            }
        }
        waiting.reverse();
        let summary = IndexSummary { file_count: waiting.len() as u64, ..IndexSummary::default() };
        let (hashes, found) = (Vec::new(), Vec::new());
        let (current, seen_phy_offset, peeked) = (None, None, None);
        Ok(Self {
            scope,
            waiting,
            current,
            last_phy_offset,
            seen_phy_offset,
            peeked,
            hashes,
            found,
            has_unread,
            summary,
        })
    }

    /// Compares the keys of a record with the items that point to it.
    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        findings: &mut Findings,
    ) -> Result<(), OfflineError> {
        if self.summary.file_count == 0 {
            return Ok(());
        }
        self.take_items(record, findings)?;
        self.hashes.clear();
        self.hashes.extend(IndexRequest::of(record).iter().flat_map(IndexRequest::key_hashes));
        let missing = self.hashes.iter().filter(|hash| !self.found.contains(hash)).count() as u64;
        if self.found.iter().any(|hash| !self.hashes.contains(hash)) {
            let reason = format!("an item of {} has a key the record has not", name_of(record));
            findings.push(self.finding(FindingKind::IndexItem, reason).of_record(record.phy_offset()));
        }
        if missing == 0 {
            return Ok(());
        }
        if record.phy_offset() >= self.last_phy_offset {
            self.summary.keys_behind_count += missing;
        } else if self.seen_phy_offset.is_none() {
            self.summary.keys_before_count += missing;
        } else {
            let reason = format!("{missing} keys of {} are not in the index", name_of(record));
            findings.push(self.finding(FindingKind::IndexKey, reason).of_record(record.phy_offset()));
        }
        Ok(())
    }

    /// Takes the items up to and of a record; the latter's hashes go to `found`.
    fn take_items(&mut self, record: &RecordView<'_>, findings: &mut Findings) -> Result<(), OfflineError> {
        self.found.clear();
        while let Some(item) = self.peek(findings)? {
            if item.phy_offset > record.phy_offset() {
                break;
            }
            if item.phy_offset == record.phy_offset() {
                self.found.push(item.key_hash);
            } else {
                self.not_a_record(&item, findings);
            }
            self.take(&item, findings);
        }
        Ok(())
    }

    /// Looks at what is left once the log has ended at `end`.
    pub(super) fn finish(&mut self, findings: &mut Findings, end: i64) -> Result<IndexSummary, OfflineError> {
        let mut behind_count = 0;
        while let Some(item) = self.peek(findings)? {
            if item.phy_offset >= end {
                behind_count += 1;
            } else {
                self.not_a_record(&item, findings);
            }
            self.take(&item, findings);
        }
        if behind_count > 0 && self.scope.liveness == Liveness::Offline {
            let reason = format!("{behind_count} items point behind the end of the commit log, {end}");
            let severity = self.scope.unfinished();
            findings.push(Finding::new(
                severity,
                FindingKind::IndexItem,
                self.scope.dir.index_path(),
                reason,
            ));
        }
        self.tell_ends(findings);
        Ok(std::mem::take(&mut self.summary))
    }

    fn tell_ends(&self, findings: &mut Findings) {
        let path = self.scope.dir.index_path();
        let mut tell = |reason: String| {
            findings.push(Finding::new(Severity::Note, FindingKind::IndexKey, &path, reason));
        };
        let IndexSummary { file_count, keys_before_count, keys_behind_count, .. } = self.summary;
        if file_count == 0 && !self.has_unread {
            tell("there is no index: messages are not found by key".to_owned());
        }
        if keys_before_count > 0 {
            tell(format!("{keys_before_count} keys are older than the index"));
        }
        if keys_behind_count > 0 {
            tell(format!("{keys_behind_count} keys are not indexed yet"));
        }
    }

    /// The next item, of whatever file. Items that stand out of order are reported and passed over.
    fn peek(&mut self, findings: &mut Findings) -> Result<Option<Item>, OfflineError> {
        if self.peeked.is_some() {
            return Ok(self.peeked);
        }
        loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(current) = &mut self.current else { return Ok(None) };
            let read = |reader: &mut IndexReader, index| -> Result<Option<Item>, OfflineError> {
                reader.item(index).map_err(|error: io::Error| OfflineError::io(reader.path())(error))
            };
            let Some(item) = read(&mut current.reader, current.next)? else {
                self.close_current(findings)?;
                continue;
            };
            let floor = self.seen_phy_offset.unwrap_or(i64::MIN);
            let ceiling = current.reader.header().end_phy_offset;
            let is_odd = item.phy_offset < floor || item.phy_offset > ceiling || {
                let following = read(&mut current.reader, current.next + 1)?;
                following.is_some_and(|next| next.phy_offset < item.phy_offset && next.phy_offset >= floor)
            };
            if !is_odd {
                self.peeked = Some(item);
                return Ok(self.peeked);
            }
            let reason = format!("item {} points to {}, out of order", current.next, item.phy_offset);
            findings.push(self.finding(FindingKind::IndexItem, reason));
            self.advance(&item, findings);
        }
    }

    fn open_next(&mut self) -> Result<bool, OfflineError> {
        let Some(number) = self.waiting.pop() else { return Ok(false) };
        let (dir, layout) = (self.scope.dir.index_path(), self.scope.dir.index_layout());
        let reader =
            IndexReader::open(&*self.scope.dir.fs, &dir, number, layout).map_err(OfflineError::io(&dir))?;
        let newest = vec![0; layout.slot_count as usize];
        self.current = Some(Current { reader, next: 1, newest, is_last: self.waiting.is_empty() });
        Ok(true)
    }

    /// Takes the item that was peeked at.
    fn take(&mut self, item: &Item, findings: &mut Findings) {
        self.seen_phy_offset = Some(item.phy_offset);
        self.advance(item, findings);
    }

    /// Goes on behind an item, whose chain is checked.
    fn advance(&mut self, item: &Item, findings: &mut Findings) {
        self.peeked = None;
        self.summary.item_count += 1;
        self.summary.expired_item_count += u64::from(item.phy_offset < self.first_in_log());
        let Some(current) = &mut self.current else { return };
        let index = current.next;
        current.next += 1;
        let slot = current.reader.slot_of(item.key_hash) as usize;
        let Some(newest) = current.newest.get_mut(slot) else { return };
        let before = std::mem::replace(newest, index);
        if item.previous != before && item.previous < index {
            let reason =
                format!("item {index} goes on at item {}, its slot's older one is {before}", item.previous);
            findings.push(self.finding(FindingKind::IndexSlot, reason));
        }
    }

    /// Compares the slots of a file that was read to its end.
    fn close_current(&mut self, findings: &mut Findings) -> Result<(), OfflineError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let path = current.reader.path().to_owned();
        let mut wrong = Vec::new();
        let slots = current.reader.slots(|slot, newest| {
            if current.newest.get(slot as usize).is_some_and(|expected| *expected != newest) {
                wrong.push((slot, newest));
            }
        });
        slots.map_err(OfflineError::io(&path))?;
        if let Some((slot, newest)) = wrong.first() {
            let reason =
                format!("{} slots lead to the wrong item, the first is slot {slot}: {newest}", wrong.len());
            let severity = self.severity(current.is_last);
            findings.push(Finding::new(severity, FindingKind::IndexSlot, path, reason));
        }
        Ok(())
    }

    fn not_a_record(&self, item: &Item, findings: &mut Findings) {
        if item.phy_offset >= self.first_in_log() {
            let reason = "an item points where no intact record begins".to_owned();
            findings.push(self.finding(FindingKind::IndexItem, reason).of_record(item.phy_offset));
        }
    }

    fn first_in_log(&self) -> i64 {
        self.scope.row.min_phy_offset()
    }

    /// The newest file of a broker that runs or was killed is not finished.
    fn severity(&self, is_last: bool) -> Severity {
        let is_at_work = self.scope.liveness == Liveness::Live || self.scope.last_exit == LastExit::Unclean;
        if is_last && is_at_work { Severity::Pending } else { Severity::Damage }
    }

    /// A finding about the item that comes next.
    fn finding(&self, kind: FindingKind, reason: String) -> Finding {
        match &self.current {
            Some(current) => {
                Finding::new(self.severity(current.is_last), kind, current.reader.path(), reason)
                    .at(current.reader.position_of(current.next))
            }
            None => Finding::new(self.severity(true), kind, self.scope.dir.index_path(), reason),
        }
    }
}

fn wrong_length(scope: Scope<'_>, path: std::path::PathBuf, len_bytes: u64, others_fit: bool) -> Finding {
    let expected = scope.dir.index_layout().file_bytes();
    if others_fit {
        let severity = if len_bytes == 0 { scope.unfinished() } else { Severity::Damage };
        let reason = format!("has {len_bytes} bytes instead of {expected}: not read");
        return Finding::new(severity, FindingKind::IndexFile, path, reason);
    }
    let reason = format!(
        "has {len_bytes} bytes, maxHashSlotNum and maxIndexNum make {expected}: \
         not checked, name the broker's configuration with -c"
    );
    Finding::new(Severity::Note, FindingKind::NotChecked, path, reason)
}
