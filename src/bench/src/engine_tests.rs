//! The generator against servers that answer as they should, late, or with lies.

use std::{cell::RefCell, sync::Arc};

use bytes::BytesMut;
use common::fastjson;
use remoting::{
    codec::{Head, encode_head, split_frame},
    command::{FLAG_RESPONSE, SerializeType},
    headers::send::SendMessageResponseHeader,
};
use runtime::clock::{Clock, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    control::Place,
    ledger::Ledger,
    run::{Field, Run, drive_all},
    tally::{CountBy, Times},
    workload::{plain_requests, plain_senders},
};

/// What a server answers to its nth request.
type Behaviour = fn(u64) -> Reply;

struct Reply {
    code: i32,
    queue: i32,
    offset: i64,
    /// Added to the opaque.
    shift: i32,
    delay: Duration,
}

impl Reply {
    fn honest(number: u64) -> Self {
        Self { code: 0, queue: 0, offset: number as i64, shift: 0, delay: Duration::ZERO }
    }
}

async fn serve(listener: TcpListener, behaviour: Behaviour) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut input, mut number) = (BytesMut::new(), 0);
    while stream.read_buf(&mut input).await.unwrap() > 0 {
        while let Some(frame) = split_frame(&mut input).unwrap() {
            let reply = behaviour(number);
            number += 1;
            tokio::time::sleep(reply.delay).await;
            write(&mut stream, frame.header().unwrap().opaque, &reply).await;
        }
    }
}

async fn write(stream: &mut TcpStream, opaque: i32, reply: &Reply) {
    let header = SendMessageResponseHeader {
        queue_id: reply.queue,
        queue_offset: reply.offset,
        ..SendMessageResponseHeader::default()
    };
    let head = Head {
        code: reply.code,
        opaque: opaque + reply.shift,
        flag: FLAG_RESPONSE,
        remark: None,
        extra: &[],
        serialize: SerializeType::Json,
    };
    let mut out = Vec::new();
    encode_head(&mut out, &head, Some(&header), 0);
    stream.write_all(&out).await.unwrap();
}

/// Sends so many requests to a server; what is counted, and how many are acknowledged.
async fn load(behaviour: Behaviour, requests: u64, rate: Option<f64>, depth: usize) -> (Stage, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let field = Field {
        brokers: vec![listener.local_addr().unwrap().to_string()],
        topics: vec!["T".into()],
        places: vec![Place { broker: 0, topic: 0, queue: 0 }],
        serialize: SerializeType::Json,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let begin = clock.monotonic();
    let times = Times { begin, warm: begin, stop: begin + Duration::from_secs(30) };
    let count_by = if rate.is_some() { CountBy::Due } else { CountBy::Answer };
    let stage = Stage::new(clock, times, Some(requests), count_by, Duration::ZERO);
    let ledger = Ledger::new(1, &[0]);
    {
        let run = Run { stage: &stage, field: &field, ledger: &ledger, id: 7 };
        let all = plain_requests(&field, run.id);
        let senders = plain_senders(run, &all, 1);
        tokio::select! {
            () = drive_all(run, &stage, senders, rate, depth) => {}
            () = serve(listener, behaviour) => panic!("the server ended first"),
        }
    }
    (stage, ledger.acknowledged())
}

fn faults(stage: &Stage, fault: Fault) -> u64 {
    stage.faults.borrow().of(fault)
}

#[tokio::test]
async fn an_honest_server_has_no_faults() {
    let (stage, acknowledged) = load(Reply::honest, 500, None, 16).await;
    assert_eq!((acknowledged, stage.faults.borrow().total()), (500, 0));
    assert_eq!((stage.tally.borrow().messages, stage.tally.borrow().latencies.len()), (500, 500));
}

#[tokio::test]
async fn an_offset_given_twice_is_found() {
    let twice = |number| Reply { offset: number as i64 / 2, ..Reply::honest(number) };
    let (stage, _) = load(twice, 100, None, 8).await;
    assert_eq!(faults(&stage, Fault::WrongAnswer), 50);
}

#[tokio::test]
async fn another_queue_is_found() {
    let other = |number| Reply { queue: i32::from(number == 3), ..Reply::honest(number) };
    let (stage, acknowledged) = load(other, 10, None, 2).await;
    assert_eq!((faults(&stage, Fault::WrongAnswer), acknowledged), (1, 9));
}

#[tokio::test]
async fn a_refusal_is_no_acknowledgement() {
    let busy = |number| Reply { code: i32::from(number % 4 == 0) * 2, ..Reply::honest(number) };
    let (stage, acknowledged) = load(busy, 20, None, 4).await;
    assert_eq!((faults(&stage, Fault::Refused), acknowledged), (5, 15));
    assert!(stage.faults.borrow().examples()[0].contains("SYSTEM_BUSY"));
}

#[tokio::test]
async fn an_answer_to_nothing_is_found() {
    // The request in flight is answered a second time, under an opaque that was never asked.
    let stray = |number| Reply { shift: i32::from(number == 0) * 5, ..Reply::honest(number) };
    let outcome = tokio::time::timeout(Duration::from_millis(300), load(stray, 1, None, 1)).await;
    assert!(outcome.is_err(), "a stray answer must not end the request it is not for");
}

#[tokio::test]
async fn a_lost_connection_counts_what_was_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let begin = clock.monotonic();
    let times = Times { begin, warm: begin, stop: begin + Duration::from_secs(30) };
    let stage = Stage::new(clock, times, None, CountBy::Answer, Duration::ZERO);
    let silent = Silent { asked: RefCell::new(0) };
    let closing = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    };
    let driving = async {
        let mut wire = Wire::connect(&addr).await.unwrap();
        drive(&stage, &mut wire, &mut &silent, &mut Pacer::WhenThereIsRoom, 3).await
    };
    let (driven, ()) = tokio::join!(driving, closing);
    assert!(driven.is_err());
    assert_eq!((faults(&stage, Fault::Unanswered), *silent.asked.borrow()), (3, 3));
}

/// Asks what is never answered.
struct Silent {
    asked: RefCell<u64>,
}

impl Asker for &Silent {
    type Asked = ();

    fn ask(&mut self, _ask: Ask, out: &mut Vec<u8>) -> Option<()> {
        *self.asked.borrow_mut() += 1;
        out.extend_from_slice(&fastjson::to_vec(&"anything"));
        Some(())
    }

    fn answered(&mut self, (): (), _answer: Answer<'_>, _out: &mut Vec<u8>) -> Step<()> {
        unreachable!("nothing answers")
    }
}

/// One answer takes 300 ms, the others none: with a closed loop one request of 300 would be late, with an open one all
/// that were due meanwhile are.
#[tokio::test]
async fn a_server_that_stands_still_is_charged_with_all_that_was_due() {
    let stands_still = |number| Reply {
        delay: if number == 100 { Duration::from_millis(300) } else { Duration::ZERO },
        ..Reply::honest(number)
    };
    let (open, _) = load(stands_still, 1_000, Some(1_000.0), 1).await;
    let late = |stage: &Stage, millis: u64| {
        stage.tally.borrow().latencies.count_between(millis * 1_000_000, u64::MAX)
    };
    assert!(late(&open, 100) >= 190, "{} were late by 100 ms", late(&open, 100));
    let (closed, _) = load(stands_still, 1_000, None, 1).await;
    assert!(late(&closed, 250) >= 1);
    assert!(late(&closed, 100) < 100);
}

#[test]
fn a_window_knows_its_requests() {
    let mut window = Window::new(2);
    let first = window.next_opaque().unwrap();
    window.put(first, Pending { asked: 'a', due: Duration::ZERO });
    let second = window.next_opaque().unwrap();
    window.put(second, Pending { asked: 'b', due: Duration::ZERO });
    assert_eq!((window.next_opaque(), window.in_flight()), (None, 2));
    assert_eq!(window.take(first).map(|pending| pending.asked), Some('a'));
    assert!(window.take(first).is_none(), "an answer counts once");
    let third = window.next_opaque().unwrap();
    assert_ne!(third, first, "a slot that is used again has another opaque");
    assert!(window.take(third).is_none());
    assert_eq!(window.take(second).map(|pending| pending.asked), Some('b'));
    assert!(window.is_empty());
}

#[test]
fn opaques_have_ten_digits() {
    let mut window = Window::new(WINDOW_MAX);
    for _ in 0..WINDOW_MAX {
        let opaque = window.next_opaque().unwrap();
        assert!(opaque >= OPAQUE_BASE);
        window.put(opaque, Pending { asked: (), due: Duration::ZERO });
        window.take(opaque);
    }
    assert_eq!(window.generation, 0, "generations begin again");
}
