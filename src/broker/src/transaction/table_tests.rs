use super::*;

fn pending(phy_offset: i64) -> Pending {
    Pending { phy_offset, size_bytes: 100, check_times: 0, born_timestamp: 0, immunity_millis: None }
}

/// A table that has looked at half messages `0..count`, none of them decided.
fn looked_at(count: i64) -> TransactionTable {
    let mut table = TransactionTable::new(0, 0);
    for half_offset in 0..count {
        table.look_at(half_offset, pending(half_offset * 1_000), None);
    }
    table.looked_until(count);
    table
}

#[test]
fn a_half_message_is_decided_once_whether_looked_at_or_not() {
    for seen in [0, 5] {
        let mut table = looked_at(seen);
        assert_eq!(table.claim(3, 10), Claim::Granted);
        assert_eq!(table.claim(3, 10), Claim::Busy);
        table.decide(3);
        assert_eq!(table.claim(3, 10), Claim::Decided);
        table.look_at(3, pending(3), None);
        table.looked_until(5);
        assert_eq!(table.claim(3, 10), Claim::Decided, "{seen}");
        assert!(table.pending().all(|(half_offset, _)| half_offset != 3));
    }
}

#[test]
fn a_decision_that_fails_can_be_taken_again() {
    let mut table = looked_at(1);
    assert_eq!(table.claim(0, 10), Claim::Granted);
    table.release(0);
    assert_eq!(table.claim(0, 20), Claim::Granted);
    assert_eq!(table.half_offset(), 0);
    table.decide(0);
    assert_eq!(table.half_offset(), 1);
}

#[test]
fn offsets_wait_for_the_oldest_undecided() {
    let mut table = looked_at(6);
    for half_offset in [1, 2, 4] {
        table.claim(half_offset, 0);
        table.decide(half_offset);
    }
    assert_eq!(table.unrecorded(100), [1, 2, 4]);
    table.recorded(7, 2);
    table.recorded(8, 1);
    assert_eq!(table.half_offset(), 0);
    let half_offset = table.half_offset();
    assert_eq!(table.op_offset(half_offset), 7);
    table.claim(0, 0);
    table.decide_recorded(0);
    table.record(9, &[0]);
    assert_eq!(table.half_offset(), 3);
    assert!(table.op_offset(3) <= 8, "the op message of 4 is still needed");
    table.claim(3, 0);
    table.decide(3);
    table.recorded(10, 1);
    table.claim(5, 0);
    table.decide(5);
    table.recorded(11, 1);
    assert_eq!(table.half_offset(), 6);
    assert_eq!(table.op_offset(6), 12);
}

#[test]
fn op_messages_are_cut_to_size() {
    let mut table = looked_at(200);
    for half_offset in 0..200 {
        table.claim(half_offset, 0);
        table.decide(half_offset);
    }
    assert_eq!(table.unrecorded_bytes(), 10 * 2 + 90 * 3 + 100 * 4);
    assert_eq!(table.unrecorded(20).len(), 10);
    table.recorded(0, 10);
    assert_eq!(table.unrecorded(1), [10]);
    table.recorded(1, 1_000);
    assert_eq!(table.unrecorded_bytes(), 0);
    assert!(table.unrecorded(100).is_empty());
}

#[test]
fn the_mark_waits_for_claims_and_for_op_messages() {
    let mut table = looked_at(3);
    assert_eq!(table.commits_recorded_until(500), 500);
    table.claim(0, 100);
    table.claim(1, 200);
    assert_eq!(table.commits_recorded_until(500), 100);
    table.decide(0);
    table.release(1);
    assert_eq!(table.commits_recorded_until(500), 100);
    table.recorded(0, 1);
    assert_eq!(table.commits_recorded_until(500), 500);
}

#[test]
fn what_op_messages_and_final_messages_tell_at_the_start_is_decided() {
    let mut table = TransactionTable::new(10, 3);
    table.recover_op(3, &[9, 10, 12]);
    for half_offset in 10..15 {
        table.look_at(half_offset, pending(half_offset), None);
    }
    table.looked_until(15);
    table.recover_decision(13, 5_000);
    let undecided: Vec<_> = table.pending().map(|(half_offset, _)| half_offset).collect();
    assert_eq!(undecided, [11, 14]);
    assert_eq!(table.unrecorded(100), [13]);
    assert_eq!(table.op_offset(11), 3);
    assert_eq!(table.claim(13, 0), Claim::Decided);
}

#[test]
fn a_copy_of_javas_stands_for_its_origin() {
    let mut table = TransactionTable::new(5, 0);
    table.recover_op(0, &[2]);
    table.look_at(5, pending(50), Some(2));
    table.look_at(6, pending(60), Some(3));
    table.looked_until(7);
    assert_eq!(table.pending().map(|(half_offset, _)| half_offset).collect::<Vec<_>>(), [6]);
    assert_eq!(table.claim(3, 0), Claim::Granted);
    assert_eq!(table.claim(6, 0), Claim::Busy);
    table.decide(3);
    assert_eq!(table.claim(6, 0), Claim::Decided);
    assert_eq!(table.unrecorded(100), [6]);
    assert_eq!(table.claim(3, 0), Claim::Decided);
}

#[test]
fn what_retention_took_is_forgotten() {
    let mut table = looked_at(4);
    assert_eq!(table.forget_below(6), 4);
    assert_eq!((table.seen(), table.half_offset(), table.pending_count()), (6, 6, 0));
}

#[test]
fn spans_never_pass_an_op_message_that_is_needed() {
    let mut spans = OpSpans::new(0);
    for op_offset in 0..5_000 {
        spans.push(op_offset, op_offset * 10);
    }
    for half_offset in (0..50_000).step_by(777) {
        let first = spans.first_needed(half_offset);
        let needed = (0..5_000).find(|op_offset| op_offset * 10 >= half_offset).unwrap_or(5_000);
        assert!(first <= needed && needed - first < SPAN_OPS_MAX, "{half_offset}: {first} {needed}");
    }
}
