//! A puller against answers as they should be, and with lies.

use std::{net::SocketAddr, sync::Arc};

use message::encode::{AppendCrc, NewRecord, Placement};
use remoting::{
    command::{CommandRef, FLAG_RESPONSE, Language, SerializeType},
    ext_fields::ExtFields,
};
use runtime::clock::SystemClock;

use super::*;
use crate::{
    control::Place,
    ledger::Ledger,
    payload::Payload,
    run::Field,
    tally::{CountBy, Times},
    template::OPAQUE_BASE,
};

const RUN: u64 = 99;

fn record(queue_offset: i64, sequence: u64) -> Vec<u8> {
    let mut body = Vec::new();
    Payload::new(100, 1).append(&mut body, Head { run: RUN, stream: 0, sequence, sent_nanos: 1 });
    let host = SocketAddr::from(([127, 0, 0, 1], 10_911));
    let record = NewRecord {
        topic: "T",
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: &body,
        properties: b"",
        append_crc: AppendCrc::No,
    };
    record.prepare().unwrap().to_vec(Placement { queue_offset, phy_offset: 0, store_timestamp: 1 })
}

/// Asks once and gives that answer to a queue of ten messages, all of which are acknowledged; what is wrong with it, and how
/// many were not seen.
fn answered(code: i32, next: i64, body: Vec<u8>) -> (Vec<(Fault, u64)>, u64) {
    let second = Duration::from_secs(1);
    let times = Times { begin: Duration::ZERO, warm: Duration::ZERO, stop: second };
    let clock = Arc::new(SystemClock::new());
    let stage = Stage::new(clock, times, None, CountBy::Answer, Duration::ZERO);
    let field = Field {
        brokers: vec![String::new()],
        topics: vec!["T".into()],
        places: vec![Place { broker: 0, topic: 0, queue: 0 }],
        serialize: SerializeType::Json,
    };
    let ledger = Ledger::new(1, &[0]);
    ledger.acknowledge(0, 0, 10);
    let run = Run { stage: &stage, field: &field, ledger: &ledger, id: RUN };
    let take = |head: Head, _now: Duration| ledger.see(&stage, head.stream, head.sequence);
    let mut puller = Puller::new(run, Mode::Once, 32, vec![Cursor::new(0, 0, 10)], take);
    let ask = Ask { opaque: OPAQUE_BASE, due: second, now: second };
    let asked = puller.ask(ask, &mut Vec::new()).unwrap();
    let mut ext = ExtFields::new();
    ext.push("nextBeginOffset", next.to_string());
    let command = CommandRef {
        code,
        language: Language::JAVA,
        version: 0,
        opaque: OPAQUE_BASE,
        flag: FLAG_RESPONSE,
        remark: None,
        ext,
        serialize: SerializeType::Json,
    };
    let answer = Answer { command: &command, body: body.into(), opaque: OPAQUE_BASE, now: second };
    puller.answered(asked, answer, &mut Vec::new());
    let faults = stage.faults.borrow().counts().collect();
    (faults, ledger.unseen())
}

fn all(mut change: impl FnMut(u64) -> Option<Vec<u8>>) -> Vec<u8> {
    (0..10).filter_map(&mut change).flatten().collect()
}

#[test]
fn what_is_as_it_was_sent_has_no_faults() {
    let body = all(|at| Some(record(at as i64, at)));
    assert_eq!(answered(0, 10, body), (vec![], 0));
}

#[test]
fn a_message_that_is_left_out_is_lost() {
    let body = all(|at| (at != 4).then(|| record(at as i64, at)));
    assert_eq!(answered(0, 10, body), (vec![(Fault::Lost, 1)], 1));
    assert_eq!(answered(21, 7, Vec::new()), (vec![(Fault::Lost, 7)], 10));
}

#[test]
fn a_message_that_comes_twice_is_doubled() {
    let at_two_places = all(|at| Some(record(at as i64, at.min(8))));
    assert_eq!(answered(0, 10, at_two_places), (vec![(Fault::Doubled, 1)], 1));
    let at_one_place = all(|at| Some(record(at.min(8) as i64, at)));
    assert_eq!(answered(0, 10, at_one_place), (vec![(Fault::Doubled, 1)], 0));
}

#[test]
fn a_changed_byte_is_found_in_body_and_frame() {
    let size = record(0, 0).len();
    let whole = all(|at| Some(record(at as i64, at)));
    // The body of the first message, and the magic code of the second.
    for at in [120, size + 5] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let (faults, unseen) = answered(0, 10, changed);
        assert!(matches!(faults[..], [(Fault::WrongBody, 1)]), "byte {at}: {faults:?}");
        assert!(unseen > 0);
    }
}

#[test]
fn a_refusal_is_told() {
    assert_eq!(answered(1, 0, Vec::new()), (vec![(Fault::Refused, 1)], 10));
}
