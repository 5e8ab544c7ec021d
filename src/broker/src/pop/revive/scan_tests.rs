use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use message::{
    encode::{AppendCrc, NewRecord, Placement},
    properties::PropertyString,
};

use super::*;
use crate::pop::check_point::Popping;

fn record(tag: &str, deliver_time: i64, body: &[u8]) -> Bytes {
    let host = SocketAddr::from((Ipv4Addr::LOCALHOST, 10911));
    let time = deliver_time.to_string();
    let properties: PropertyString =
        [(property::TAGS, tag), (property::TIMER_DELIVER_MS, time.as_str())].into_iter().collect();
    let new = NewRecord {
        topic: "rmq_sys_REVIVE_LOG_C",
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 0,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        properties: properties.as_bytes(),
        append_crc: AppendCrc::No,
    };
    let placement = Placement { queue_offset: 0, phy_offset: 0, store_timestamp: 0 };
    new.prepare().unwrap().to_vec(placement).into()
}

fn check_point(start_offset: i64, pop_time: i64, queue_offsets: &[i64]) -> Bytes {
    let popping = Popping { broker_name: "b", group: "G", pop_time, invisible_time: 10_000 };
    let ck = PopCheckPoint::new(popping, "T", 0, start_offset, queue_offsets).unwrap();
    record(CK_TAG, ck.revive_time() - 1_000, &fastjson::to_vec(&ck))
}

fn ack(start_offset: i64, pop_time: i64, queue_offsets: &[i64]) -> Bytes {
    let several = queue_offsets.len() > 1;
    let ack = AckMsg {
        ack_offset: if several { -1 } else { queue_offsets[0] },
        ack_offset_list: several.then(|| queue_offsets.to_vec()),
        broker_name: (!several).then(|| "b".to_owned()),
        group: "G".to_owned(),
        pop_time,
        start_offset,
        topic: "T".to_owned(),
        ..AckMsg::default()
    };
    record(if several { BATCH_ACK_TAG } else { ACK_TAG }, pop_time + 10_000, &fastjson::to_vec(&ack))
}

fn found(first_offset: i64, messages: Vec<Bytes>) -> GetResult {
    let count = i64::try_from(messages.len()).unwrap();
    GetResult {
        status: if count > 0 { GetStatus::Found } else { GetStatus::OffsetOverflowOne },
        next_begin_offset: first_offset + count,
        queue_offsets: (first_offset..first_offset + count).collect(),
        messages,
        ..GetResult::default()
    }
}

#[test]
fn a_check_point_is_due_when_the_queue_has_come_two_seconds_further() {
    let mut scan = Scan::from(0, "b");
    scan.absorb(&found(0, vec![check_point(5, 1_000, &[5, 6, 8]), ack(5, 1_000, &[6])]), &|_, _, _| ());
    assert!(scan.first_due().is_none());
    scan.absorb(&found(2, vec![check_point(9, 4_000, &[9])]), &|_, _, _| ());
    assert!(scan.first_due().is_none(), "11,000 and two seconds are not over at 13,000");
    scan.absorb(&found(3, vec![ack(9, 4_000, &[9])]), &|_, _, _| ());
    assert_eq!(scan.first_due().unwrap().unacknowledged(), [5, 8]);
    scan.keep_only(&[8]);
    assert_eq!(scan.first_due().unwrap().unacknowledged(), [8]);
    assert_eq!((scan.settled(), scan.settle_first()), (None, Some(0)));
    assert!(scan.first_due().is_none());
}

#[test]
fn an_idle_queue_comes_as_far_as_the_clock_unless_the_timer_is_behind() {
    let mut scan = Scan::from(0, "b");
    scan.idle(1_000_000, false);
    scan.absorb(&found(0, vec![check_point(5, 0, &[5])]), &|_, _, _| ());
    for (now, is_behind) in [(11_999, false), (1_000_000, true)] {
        scan.idle(now, is_behind);
        assert!(scan.first_due().is_none());
    }
    scan.idle(12_001, false);
    assert_eq!(scan.first_due().unwrap().unacknowledged(), [5]);
    assert_eq!(scan.settle_first(), Some(0));
    assert_eq!((scan.settled(), scan.next_offset()), (Some(0), 1));
}

#[test]
fn acknowledgements_of_several_messages_and_of_none_are_taken() {
    let mut scan = Scan::from(0, "b");
    let garbage = record(CK_TAG, 0, b"{");
    let messages = vec![ack(5, 0, &[5]), check_point(5, 0, &[5, 6]), garbage, ack(5, 0, &[5, 6, 7])];
    scan.absorb(&found(0, messages), &|_, _, _| ());
    scan.idle(20_000, false);
    assert!(scan.first_due().unwrap().unacknowledged().is_empty());
}

#[test]
fn a_queue_that_was_cut_is_read_from_its_new_begin_or_end() {
    let mut scan = Scan::from(7, "b");
    for (status, next) in [(GetStatus::OffsetTooSmall, 20), (GetStatus::OffsetOverflowBadly, 3)] {
        scan.absorb(&GetResult { status, next_begin_offset: next, ..GetResult::default() }, &|_, _, _| ());
        assert_eq!(scan.next_offset(), next);
    }
}
