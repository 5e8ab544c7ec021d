//! Which half messages wait for a decision: the state of all transactions, without any I/O.
//!
//! Half messages are named by their offset in the half queue. Those below `seen` have been looked at: of them exactly the
//! pending ones are undecided. Those at or above it are undecided unless they stand in `decided`, which therefore holds no
//! more than what came in since the last look.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A half message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// Where its record is.
    pub(super) phy_offset: i64,
    /// Bytes of the record.
    pub(super) size_bytes: i32,
    /// How often its producers were asked.
    pub(super) check_times: i32,
    /// When its producer made it, in milliseconds.
    pub(super) born_timestamp: i64,
    /// Milliseconds it may wait before the first check, where the message says so itself.
    pub(super) immunity_millis: Option<i64>,
}

/// Whether a decision may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// By the caller, who has to call `decide` or `release`.
    Granted,
    /// Another one is being carried out.
    Busy,
    /// It was decided, or given up, before.
    Decided,
}

/// A decision no op message tells of yet.
#[derive(Clone, Copy, Debug)]
struct Unrecorded {
    half_offset: i64,
    /// Where the log ended when it was claimed: its final message is behind that.
    claimed_at: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct TransactionTable {
    seen: i64,
    pending: BTreeMap<i64, Pending>,
    decided: BTreeSet<i64>,
    /// Decisions under way, and where the log ended when they began.
    claims: HashMap<i64, i64>,
    /// Half messages that Java's broker has copied, by the offset their producers know: the offset of the copy.
    copies: HashMap<i64, i64>,
    unrecorded: VecDeque<Unrecorded>,
    unrecorded_bytes: usize,
    ops: OpSpans,
}

impl TransactionTable {
    /// A table that has looked at nothing from `seen` on, and of whose op messages those from `op_offset` on count.
    pub(super) fn new(seen: i64, op_offset: i64) -> Self {
        Self { seen, ops: OpSpans::new(op_offset), ..Self::default() }
    }

    /// Half messages from here on have not been looked at.
    pub(super) fn seen(&self) -> i64 {
        self.seen
    }

    /// How many are known to be undecided.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The pending ones in the order of their offsets.
    pub(super) fn pending(&self) -> impl Iterator<Item = (i64, Pending)> {
        self.pending.iter().map(|(half_offset, pending)| (*half_offset, *pending))
    }

    /// As [`Self::pending`], from an offset on.
    pub(super) fn pending_from(&self, half_offset: i64) -> impl Iterator<Item = (i64, Pending)> {
        self.pending.range(half_offset..).map(|(half_offset, pending)| (*half_offset, *pending))
    }

    /// Whether a half message that has not been looked at is decided already.
    pub(super) fn is_decided_unseen(&self, half_offset: i64) -> bool {
        self.decided.contains(&half_offset)
    }

    /// A half message has been looked at. `copy_of` names the one it is a copy of, if Java's broker has copied it.
    pub(super) fn look_at(&mut self, half_offset: i64, pending: Pending, copy_of: Option<i64>) {
        if half_offset < self.seen || self.decided.contains(&half_offset) {
            return;
        }
        if let Some(origin) = copy_of.filter(|origin| *origin != half_offset) {
            if self.decided.contains(&origin) {
                return;
            }
            self.copies.insert(origin, half_offset);
        }
        self.pending.insert(half_offset, pending);
    }

    /// All half messages below `end` have been looked at.
    pub(super) fn looked_until(&mut self, end: i64) {
        self.seen = self.seen.max(end);
        self.decided = self.decided.split_off(&self.seen);
    }

    /// Half messages below `min` are no longer in the log.
    pub(super) fn forget_below(&mut self, min: i64) -> usize {
        let before = self.pending.len();
        self.pending = self.pending.split_off(&min);
        self.copies.retain(|_, copy| *copy >= min);
        self.looked_until(min);
        before - self.pending.len()
    }

    /// Asks for the right to decide a half message; the log ends at `log_end`.
    pub(super) fn claim(&mut self, half_offset: i64, log_end: i64) -> Claim {
        let half_offset = self.current(half_offset);
        if self.is_decided(half_offset) {
            return Claim::Decided;
        }
        if self.claims.contains_key(&half_offset) {
            return Claim::Busy;
        }
        self.claims.insert(half_offset, log_end);
        Claim::Granted
    }

    /// A claimed decision could not be carried out.
    pub(super) fn release(&mut self, half_offset: i64) {
        let half_offset = self.current(half_offset);
        self.claims.remove(&half_offset);
    }

    /// A claimed decision is in the log as a final message; an op message has to tell of it.
    pub(super) fn decide(&mut self, half_offset: i64) {
        let (half_offset, claimed_at) = self.settle(half_offset);
        self.push_unrecorded(half_offset, claimed_at);
    }

    /// A claimed decision is in the log as an op message.
    pub(super) fn decide_recorded(&mut self, half_offset: i64) {
        self.settle(half_offset);
    }

    /// A decision taken before the start, of which a final message at `phy_offset` tells and no op message.
    pub(super) fn recover_decision(&mut self, half_offset: i64, phy_offset: i64) {
        if self.pending.remove(&half_offset).is_some() {
            self.push_unrecorded(half_offset, phy_offset);
        }
    }

    /// An op message read at the start.
    pub(super) fn recover_op(&mut self, op_offset: i64, half_offsets: &[i64]) {
        // Those below `seen` matter too: Java's broker may have copied them to above it.
        self.decided.extend(half_offsets);
        self.record(op_offset, half_offsets);
    }

    /// How often a half message was checked; `None` when it is decided.
    pub(super) fn check_times(&self, half_offset: i64) -> Option<i32> {
        self.pending.get(&self.current(half_offset)).map(|pending| pending.check_times)
    }

    /// A half message was checked that often; nothing if it is decided meanwhile.
    pub(super) fn checked(&mut self, half_offset: i64, check_times: i32) {
        if let Some(pending) = self.pending.get_mut(&half_offset) {
            pending.check_times = check_times;
        }
    }

    /// Sets how often a half message was checked before the start.
    pub(super) fn set_check_times(&mut self, half_offset: i64, check_times: i32) {
        if let Some(pending) = self.pending.get_mut(&half_offset) {
            pending.check_times = pending.check_times.max(check_times);
        }
    }

    /// Bytes of the body of an op message that told of all decisions not told of yet.
    pub(super) fn unrecorded_bytes(&self) -> usize {
        self.unrecorded_bytes
    }

    /// Decisions for the next op message, about `max_bytes` of its body; they stay until `recorded`.
    pub(super) fn unrecorded(&self, max_bytes: usize) -> Vec<i64> {
        let mut left = max_bytes;
        let fits = |decision: &&Unrecorded| {
            let fits = left > 0;
            left = left.saturating_sub(super::op::entry_bytes(decision.half_offset));
            fits
        };
        self.unrecorded.iter().take_while(fits).map(|decision| decision.half_offset).collect()
    }

    /// An op message tells of the first `count` decisions that had none.
    pub(super) fn recorded(&mut self, op_offset: i64, count: usize) {
        let count = count.min(self.unrecorded.len());
        let half_offsets: Vec<i64> =
            self.unrecorded.drain(..count).map(|decision| decision.half_offset).collect();
        let bytes: usize = half_offsets.iter().map(|half_offset| super::op::entry_bytes(*half_offset)).sum();
        self.unrecorded_bytes = self.unrecorded_bytes.saturating_sub(bytes);
        self.record(op_offset, &half_offsets);
    }

    /// An op message tells of these decisions.
    pub(super) fn record(&mut self, op_offset: i64, half_offsets: &[i64]) {
        self.ops.push(op_offset, half_offsets.iter().copied().max().unwrap_or(-1));
    }

    /// Below this all half messages are decided or given up: the offset of the half queue.
    pub(super) fn half_offset(&self) -> i64 {
        self.pending.first_key_value().map_or(self.seen, |(first, _)| (*first).min(self.seen))
    }

    /// Below this no op message tells of a half message at or above `half_offset`: the offset of the op queue.
    pub(super) fn op_offset(&mut self, half_offset: i64) -> i64 {
        self.ops.first_needed(half_offset)
    }

    /// All final messages below this physical offset have an op message; `log_end` is where the log ends.
    pub(super) fn commits_recorded_until(&self, log_end: i64) -> i64 {
        let claims = self.claims.values().copied();
        let waiting = self.unrecorded.iter().map(|decision| decision.claimed_at);
        claims.chain(waiting).fold(log_end, i64::min)
    }

    /// The half message that is decided when its producer names `half_offset`: Java's copy of it, if there is one.
    fn current(&self, half_offset: i64) -> i64 {
        self.copies.get(&half_offset).copied().unwrap_or(half_offset)
    }

    fn is_decided(&self, half_offset: i64) -> bool {
        if half_offset < self.seen {
            !self.pending.contains_key(&half_offset)
        } else {
            self.decided.contains(&half_offset)
        }
    }

    fn settle(&mut self, half_offset: i64) -> (i64, i64) {
        let current = self.current(half_offset);
        if current != half_offset {
            self.copies.remove(&half_offset);
        }
        let claimed_at = self.claims.remove(&current).unwrap_or(0);
        self.pending.remove(&current);
        if current >= self.seen {
            self.decided.insert(current);
        }
        (current, claimed_at)
    }

    fn push_unrecorded(&mut self, half_offset: i64, claimed_at: i64) {
        self.unrecorded_bytes += super::op::entry_bytes(half_offset);
        self.unrecorded.push_back(Unrecorded { half_offset, claimed_at });
    }
}

/// Most op messages one span stands for.
const SPAN_OPS_MAX: i64 = 1_024;

/// Up to which half message the op messages tell, in spans of neighbours.
#[derive(Debug, Default)]
struct OpSpans {
    /// First op message of a span, and the highest half message the span tells of; both grow.
    spans: VecDeque<(i64, i64)>,
    next: i64,
}

impl OpSpans {
    fn new(next: i64) -> Self {
        Self { spans: VecDeque::new(), next }
    }

    fn push(&mut self, op_offset: i64, highest: i64) {
        self.next = self.next.max(op_offset + 1);
        match self.spans.back_mut() {
            // An earlier op message tells of later ones already: whoever needs this one starts there.
            Some((_, before)) if highest <= *before => {}
            Some((first, before)) if op_offset < *first + SPAN_OPS_MAX => *before = highest,
            _ => self.spans.push_back((op_offset, highest)),
        }
    }

    /// The first op message that may tell of a half message at or above `half_offset`.
    fn first_needed(&mut self, half_offset: i64) -> i64 {
        while self.spans.front().is_some_and(|(_, highest)| *highest < half_offset) {
            self.spans.pop_front();
        }
        self.spans.front().map_or(self.next, |(first, _)| *first)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
