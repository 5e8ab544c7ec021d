//! Which half messages are undecided, found out at the start from what the store holds.
//!
//! In this order: the op messages from their offset on say what is decided; the half messages from theirs on, but for
//! those, are pending; and the final messages behind the checkpoint's mark tell of commits whose op message a crash took.
//! All three may be longer ago than needed, none may be missing.

use std::collections::HashMap;

use bytes::Bytes;
use common::names;
use message::{record::RecordView, sys_flag::TransactionType};
use store::message_store::MessageStore;

use super::{
    checkpoint::TransactionCheckpoint,
    half::HalfMessage,
    op,
    table::{Pending, TransactionTable},
};
use crate::offsets::ConsumerOffsetManager;

/// Units read in one go.
const UNITS_PER_READ: usize = 1_024;

/// The table of the transactions in a store.
pub(super) fn recover(
    store: &MessageStore,
    offsets: &ConsumerOffsetManager,
    checkpoint: &TransactionCheckpoint,
    timeout_millis: i64,
) -> TransactionTable {
    let half_offset = first_offset(store, offsets, names::TRANS_HALF_TOPIC);
    let op_offset = first_offset(store, offsets, names::TRANS_OP_HALF_TOPIC);
    let mut table = TransactionTable::new(half_offset, op_offset);
    each_record(store, names::TRANS_OP_HALF_TOPIC, op_offset, |op_offset, bytes| {
        if let Ok(record) = RecordView::decode(bytes) {
            table.recover_op(op_offset, &op::half_offsets(&record));
        }
    });
    let end = each_record(store, names::TRANS_HALF_TOPIC, half_offset, |half_offset, bytes| {
        if let Some((pending, copy_of)) = pending_of(bytes, timeout_millis) {
            table.look_at(half_offset, pending, copy_of);
            table.set_check_times(half_offset, checkpoint.check_times(half_offset));
        }
    });
    table.looked_until(end);
    find_commits(store, &mut table, checkpoint.commits_recorded_until);
    if end > half_offset {
        tracing::info!(half_offset, end, pending = table.pending_count(), "transactions recovered");
    }
    table
}

/// What is remembered of a half message that is not decided, and the one it is a copy of; `None` when the bytes are none.
pub(super) fn pending_of(bytes: &Bytes, timeout_millis: i64) -> Option<(Pending, Option<i64>)> {
    let half = HalfMessage::read(bytes)?;
    let record = half.record();
    let pending = Pending {
        phy_offset: record.phy_offset(),
        size_bytes: i32::try_from(record.total_size()).ok()?,
        check_times: half.check_times(),
        born_timestamp: record.born_timestamp(),
        immunity_millis: half.immunity_millis(timeout_millis),
    };
    Some((pending, half.copy_of()))
}

/// Where the group of transactions goes on in a queue. A power cut may have shortened the queue, and retention too.
fn first_offset(store: &MessageStore, offsets: &ConsumerOffsetManager, topic: &str) -> i64 {
    let min = store.min_offset(topic, 0).unwrap_or(0);
    let max = store.max_offset(topic, 0).unwrap_or(0).max(min);
    offsets.query(names::TRANS_GROUP, topic, 0).unwrap_or(min).clamp(min, max)
}

/// Reads the records of a queue from an offset on; answers the offset behind the last.
fn each_record(store: &MessageStore, topic: &str, from: i64, mut visit: impl FnMut(i64, &Bytes)) -> i64 {
    let mut next = from;
    loop {
        let units = store.queue_units(topic, 0, next, UNITS_PER_READ);
        if units.is_empty() {
            return next;
        }
        for unit in units {
            let size = usize::try_from(unit.size_bytes).unwrap_or(0);
            if let Some(bytes) = unit.is_message().then(|| store.select(unit.phy_offset, size)).flatten() {
                visit(next, &bytes);
            }
            next += 1;
        }
    }
}

/// Final messages name the half message they come of by its place in the log.
fn find_commits(store: &MessageStore, table: &mut TransactionTable, recorded_until: i64) {
    let by_place: HashMap<i64, i64> =
        table.pending().map(|(half_offset, pending)| (pending.phy_offset, half_offset)).collect();
    let Some(oldest) = by_place.keys().min().copied() else { return };
    // A mark from behind the end of the log was set before a power cut shortened it; it says nothing any more.
    let from = if recorded_until <= store.max_phy_offset() { oldest.max(recorded_until) } else { oldest };
    let mut found = 0;
    store.walk(from, |record, _| {
        if record.transaction_type() == TransactionType::Commit
            && let Some(half_offset) = by_place.get(&record.prepared_transaction_offset())
        {
            table.recover_decision(*half_offset, record.phy_offset());
            found += 1;
        }
        true
    });
    if found > 0 {
        tracing::info!(found, "commits without op messages");
    }
}
