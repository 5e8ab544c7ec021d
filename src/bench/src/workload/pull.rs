//! Requests that pull messages, and what is checked of every message.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use message::record::RecordView;
use remoting::{
    body::heartbeat::{EXPRESSION_TYPE_TAG, SUB_ALL},
    headers::pull::PullMessageRequestHeader,
    request::RequestCode,
    response_code::ResponseCode,
};

use crate::{
    control::{Control, ControlError},
    engine::{Answer, Ask, Asker, Step},
    payload::{self, Head},
    run::{GROUP, Run, accepted, append_head, drive_all, number},
    stage::Stage,
    tally::Fault,
};

/// Bits of a pull's `sysFlag` (`PullSysFlag`).
const FLAG_SUSPEND: i32 = 1 << 1;
const FLAG_SUBSCRIPTION: i32 = 1 << 2;
const SUSPEND_MAX: Duration = Duration::from_secs(15);
/// Pulls of one queue in a row that may bring nothing although it goes on.
const EMPTY_MAX: u32 = 100;

/// Until when a queue is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To its end, once.
    Once,
    /// To its end, and again from the beginning.
    Repeatedly,
    /// For ever: pulls wait at the broker for messages.
    Waiting,
}

/// How far a queue is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) place: usize,
    pub(crate) begin: i64,
    pub(crate) end: i64,
    next: i64,
    empty: u32,
}

impl Cursor {
    pub(crate) fn new(place: usize, begin: i64, end: i64) -> Self {
        Self { place, begin, end, next: begin, empty: 0 }
    }
}

/// One connection that pulls some queues, each with one request at a time.
///
/// `take` gets every whole message of this or another run, with the number of the pass through its queue.
pub(crate) struct Puller<'a, F> {
    run: Run<'a>,
    mode: Mode,
    batch: u32,
    cursors: Vec<Cursor>,
    /// Queues that are not being pulled.
    idle: VecDeque<usize>,
    ended: usize,
    take: F,
}

impl<'a, F: FnMut(Head, Duration)> Puller<'a, F> {
    pub(crate) fn new(run: Run<'a>, mode: Mode, batch: u32, cursors: Vec<Cursor>, take: F) -> Self {
        let wanted = |cursor: &Cursor| mode == Mode::Waiting || cursor.begin < cursor.end;
        let cursors: Vec<Cursor> = cursors.into_iter().filter(wanted).collect();
        Self { run, mode, batch, idle: (0..cursors.len()).collect(), cursors, ended: 0, take }
    }

    /// Takes the messages of an answer; answers how many.
    fn found(&mut self, index: usize, mut body: Bytes, now: Duration) -> u64 {
        let Some(cursor) = self.cursors.get_mut(index) else { return 0 };
        let stage = self.run.stage;
        let mut count = 0;
        while !body.is_empty() {
            let (offset, size, head) = match RecordView::decode(&body) {
                Ok(record) => (record.queue_offset(), record.total_size(), intact(&record)),
                Err(error) => {
                    stage.fault(Fault::WrongBody, 1, || format!("record at {}: {error}", cursor.next));
                    return count;
                }
            };
            stage.fault(Fault::Lost, offset.saturating_sub(cursor.next).max(0) as u64, || {
                format!("the queue goes on at {offset} after {}", cursor.next)
            });
            stage.fault(Fault::Doubled, u64::from(offset < cursor.next), || {
                format!("offset {offset} comes after {}", cursor.next - 1)
            });
            cursor.next = offset.saturating_add(1);
            count += 1;
            match head {
                Some(head) => (self.take)(head, now),
                None => stage.fault(Fault::WrongBody, 1, || format!("message at offset {offset}")),
            }
            let _taken = body.split_to(size);
        }
        count
    }

    /// Goes on after an answer without messages.
    fn nothing_found(&mut self, index: usize, answer: &Answer<'_>) {
        let stage = self.run.stage;
        let Some(cursor) = self.cursors.get_mut(index) else { return };
        let next = number(answer.command, "nextBeginOffset").unwrap_or(cursor.next);
        match ResponseCode(answer.command.code) {
            ResponseCode::PULL_NOT_FOUND if self.mode == Mode::Waiting => cursor.next = cursor.next.max(next),
            ResponseCode::PULL_NOT_FOUND | ResponseCode::PULL_RETRY_IMMEDIATELY => {
                cursor.next = cursor.next.max(next);
                cursor.empty += 1;
                if cursor.empty > EMPTY_MAX && self.mode != Mode::Waiting {
                    let lost = cursor.end.saturating_sub(cursor.next).max(0) as u64;
                    stage.fault(Fault::Lost, lost, || format!("nothing comes at offset {}", cursor.next));
                    cursor.next = cursor.end;
                }
            }
            ResponseCode::PULL_OFFSET_MOVED => {
                let lost = next.saturating_sub(cursor.next).unsigned_abs().max(1);
                stage.fault(Fault::Lost, lost, || format!("offset {} is moved to {next}", cursor.next));
                cursor.next = next.max(cursor.next.saturating_add(1));
            }
            // Messages that cannot be read: what was wrong with them is counted.
            ResponseCode::SUCCESS => cursor.next = next.max(cursor.next.saturating_add(1)),
            _ => {
                accepted(stage, answer);
                cursor.next = if self.mode == Mode::Waiting { cursor.next } else { cursor.end };
            }
        }
    }
}

/// The head of a message whose body is as it was sent, and as the record says.
fn intact(record: &RecordView<'_>) -> Option<Head> {
    record.verify_body().ok().and_then(|()| payload::read(record.body()))
}

impl<F: FnMut(Head, Duration)> Asker for Puller<'_, F> {
    type Asked = usize;

    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<usize> {
        let index = self.idle.pop_front()?;
        let cursor = self.cursors.get(index)?;
        let (topic, queue_id) = self.run.field.name(cursor.place);
        let waiting = if self.mode == Mode::Waiting { FLAG_SUSPEND } else { 0 };
        let header = PullMessageRequestHeader {
            consumer_group: GROUP.to_owned(),
            topic: topic.to_owned(),
            queue_id,
            queue_offset: cursor.next,
            max_msg_nums: self.batch as i32,
            sys_flag: FLAG_SUBSCRIPTION | waiting,
            commit_offset: 0,
            suspend_timeout_millis: SUSPEND_MAX.as_millis() as i64,
            subscription: Some(SUB_ALL.to_owned()),
            sub_version: 0,
            expression_type: Some(EXPRESSION_TYPE_TAG.to_owned()),
            ..PullMessageRequestHeader::default()
        };
        append_head(out, self.run.field, RequestCode::PullMessage, ask.opaque, &header, 0);
        Some(index)
    }

    fn answered(&mut self, index: usize, answer: Answer<'_>, _out: &mut Vec<u8>) -> Step<usize> {
        let mut count = 0;
        if answer.command.code == ResponseCode::SUCCESS.0 {
            count = self.found(index, answer.body.clone(), answer.now);
        }
        if count == 0 {
            self.nothing_found(index, &answer);
        }
        if let Some(cursor) = self.cursors.get_mut(index) {
            if count > 0 {
                cursor.empty = 0;
            }
            let at_end = self.mode != Mode::Waiting && cursor.next >= cursor.end;
            if at_end && self.mode == Mode::Repeatedly {
                cursor.next = cursor.begin;
            }
            if at_end && self.mode == Mode::Once {
                self.ended += 1;
            } else {
                self.idle.push_back(index);
            }
        }
        if count == 0 || self.mode == Mode::Waiting { Step::Nothing } else { Step::Done(count) }
    }

    fn is_done(&self) -> bool {
        self.ended == self.cursors.len()
    }
}

/// Spreads queues over connections, each with its broker.
pub(crate) fn pullers<'a, F: FnMut(Head, Duration) + Clone>(
    run: Run<'a>,
    mode: Mode,
    batch: u32,
    cursors: &[Cursor],
    connections: usize,
    take: &F,
) -> Vec<(usize, Puller<'a, F>)> {
    let brokers = run.field.brokers.len();
    let each = connections.div_ceil(brokers.max(1)).max(1);
    let mut all = Vec::new();
    for broker in 0..brokers {
        let mut shares = vec![Vec::new(); each];
        let here = cursors
            .iter()
            .filter(|cursor| run.field.places.get(cursor.place).is_some_and(|place| place.broker == broker));
        for (at, cursor) in here.enumerate() {
            if let Some(share) = shares.get_mut(at % each) {
                share.push(*cursor);
            }
        }
        let shares = shares.into_iter().filter(|share| !share.is_empty());
        all.extend(shares.map(|share| (broker, Puller::new(run, mode, batch, share, take.clone()))));
    }
    all
}

/// Queues pulled at once on one connection.
pub(crate) const QUEUES_AT_ONCE: usize = 4_096;
const READ_BACK_BATCH: u32 = 32;

/// Reads all that came into the queues since the run began, and compares it with what was acknowledged.
pub(crate) async fn read_back(run: Run<'_>, control: &Control) -> Result<(), ControlError> {
    let ends = run.field.ends(control).await?;
    let cursor = |(place, end): (usize, &i64)| Cursor::new(place, run.ledger.begin(place) as i64, *end);
    let cursors: Vec<Cursor> = ends.iter().enumerate().map(cursor).collect();
    let stage: Stage = run.stage.beside();
    let take = |head: Head, _now| {
        if head.run == run.id {
            run.ledger.see(run.stage, head.stream, head.sequence);
        }
    };
    let pullers = pullers(run, Mode::Once, READ_BACK_BATCH, &cursors, 1, &take);
    drive_all(run, &stage, pullers, None, QUEUES_AT_ONCE).await;
    let unseen = run.ledger.unseen();
    run.stage.fault(Fault::Lost, unseen, || "acknowledged, and not there to be read".to_owned());
    Ok(())
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
