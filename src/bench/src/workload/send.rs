//! Requests that send messages.

use common::names::AUTO_CREATE_TOPIC_KEY_TOPIC;
use message::{properties::PropertyString, property_names as property, sys_flag};
use remoting::{
    headers::send::SendMessageRequestHeaderV2,
    request::{RequestCode, RequestCode::SendBatchMessage, RequestCode::SendMessageV2},
};

use crate::{
    engine::{Answer, Ask, Asker, Step},
    payload::{HEAD_BYTES, Head, Payload},
    run::{Field, GROUP, Run, accepted, number},
    tally::Fault,
    template::{BORN_MARK, DELIVER_MARK, KEY_MARK, Stamp, Template},
};

/// What becomes of a message that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is delivered.
    Plain,
    /// It waits for its transaction.
    Half,
    /// It waits for a delay level.
    Level(u32),
    /// It waits so many milliseconds.
    DeliverAfter(i64),
}

/// The requests of a run, one for each place.
#[derive(Debug)]
pub(crate) struct Requests {
    templates: Vec<Template>,
    payload: Payload,
    deliver_after: Option<i64>,
}

impl Requests {
    /// Requests of `batch` messages of `size` bytes.
    pub(crate) fn new(field: &Field, run: u64, kind: Kind, size: u32, batch: u32) -> Self {
        let payload = Payload::new(size as usize, batch as usize);
        let template = |place| {
            let (topic, queue_id) = field.name(place);
            let header = SendMessageRequestHeaderV2 {
                producer_group: GROUP.to_owned(),
                topic: topic.to_owned(),
                default_topic: AUTO_CREATE_TOPIC_KEY_TOPIC.to_owned(),
                default_topic_queue_nums: 4,
                queue_id,
                sys_flag: if kind == Kind::Half { sys_flag::TRANSACTION_PREPARED } else { 0 },
                born_timestamp: BORN_MARK,
                flag: 0,
                properties: Some(properties(run, kind)),
                reconsume_times: Some(0),
                unit_mode: Some(false),
                max_reconsume_times: None,
                batch: Some(batch > 1),
                broker_name: None,
            };
            let code: RequestCode = if batch > 1 { SendBatchMessage } else { SendMessageV2 };
            Template::new(code.number(), &header, payload.len(), field.serialize)
        };
        let templates = (0..field.places.len()).map(template).collect();
        let deliver_after = if let Kind::DeliverAfter(millis) = kind { Some(millis) } else { None };
        Self { templates, payload, deliver_after }
    }

    /// Messages in each.
    pub(crate) fn messages(&self) -> u64 {
        self.payload.messages()
    }
}

/// As a client writes them: the key first.
fn properties(run: u64, kind: Kind) -> String {
    let mut all = PropertyString::new();
    all.push(property::UNIQ_KEY, &format!("{run:016X}{KEY_MARK}"));
    all.push(property::WAIT_STORE_OK, "true");
    match kind {
        Kind::Plain => {}
        Kind::Half => {
            all.push(property::TRANSACTION_PREPARED, "true");
            all.push(property::PRODUCER_GROUP, GROUP);
        }
        Kind::Level(level) => all.push(property::DELAY_LEVEL, &level.to_string()),
        Kind::DeliverAfter(_) => all.push(property::TIMER_DELIVER_MS, &DELIVER_MARK.to_string()),
    }
    String::from_utf8_lossy(all.as_bytes()).into_owned()
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Where to.
    pub(crate) place: usize,
    /// Sequence of its first message.
    pub(crate) first: u64,
}

/// What a sender makes of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// It is what is measured.
    Acknowledgements,
    /// The arrival is.
    Arrivals,
}

/// One connection that sends, to all places of its broker in turn.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) run: Run<'a>,
    requests: &'a Requests,
    places: Vec<usize>,
    next_place: usize,
    pub(crate) stream: u32,
    next_sequence: u64,
    counts: Counts,
}

/// The senders of a run, each with its broker.
pub(crate) fn senders<'a>(
    run: Run<'a>,
    requests: &'a Requests,
    connections: usize,
    counts: Counts,
) -> Vec<(usize, Sender<'a>)> {
    let brokers = run.field.brokers.len().max(1);
    let sender = |at: usize| {
        let places = run.field.places_at(at % brokers);
        let next_place = at / brokers % places.len().max(1);
        let stream = at as u32;
        (at % brokers, Sender { run, requests, places, next_place, stream, next_sequence: 0, counts })
    };
    (0..connections).map(sender).collect()
}

impl Sender<'_> {
    /// Part of the key that differs between messages, unique in a run.
    pub(crate) fn key(&self, sequence: u64) -> u64 {
        u64::from(self.stream) << 40 | sequence & 0xFF_FFFF_FFFF
    }
}

impl Asker for Sender<'_> {
    type Asked = Sent;

    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<Sent> {
        let place = *self.places.get(self.next_place)?;
        self.next_place = (self.next_place + 1) % self.places.len();
        let born_millis = self.run.stage.wall_millis();
        let sequence = self.next_sequence;
        self.next_sequence += self.requests.messages();
        // A delay counts from when the message is really sent.
        let sent =
            if self.counts == Counts::Arrivals && self.run.stage.has_lag() { ask.now } else { ask.due };
        let stamp = Stamp {
            opaque: ask.opaque,
            born_millis,
            // The part of a millisecond that has passed counts as a whole one, so that on time is not early.
            deliver_millis: born_millis + 1 + self.requests.deliver_after.unwrap_or_default(),
            key: self.key(sequence),
        };
        self.requests.templates.get(place)?.append(out, stamp);
        let head =
            Head { run: self.run.id, stream: self.stream, sequence, sent_nanos: sent.as_nanos() as u64 };
        self.requests.payload.append(out, head);
        Some(Sent { place, first: sequence })
    }

    fn answered(&mut self, asked: Sent, answer: Answer<'_>, _out: &mut Vec<u8>) -> Step<Sent> {
        let (stage, count) = (self.run.stage, self.requests.messages());
        if !accepted(stage, &answer) {
            return Step::Nothing;
        }
        let (_, queue) = self.run.field.name(asked.place);
        let named = number(answer.command, "queueId");
        let offset = number(answer.command, "queueOffset");
        let Some(offset) = offset.filter(|_| named == Some(i64::from(queue))) else {
            stage.fault(Fault::WrongAnswer, count, || {
                format!("sent to queue {queue}, stored in {named:?} at {offset:?}")
            });
            return Step::Nothing;
        };
        self.run.ledger.acknowledge(self.stream, asked.first, count);
        // The offset of a message that waits is one of the queue it waits in.
        if !stage.has_lag() {
            self.run.ledger.give(stage, asked.place, offset, count);
        }
        match self.counts {
            Counts::Acknowledgements => Step::Done(count),
            Counts::Arrivals => Step::Nothing,
        }
    }
}

/// Appends a request that sends one small message to the first place.
pub(crate) fn send_one(field: &Field, stamp: Stamp, out: &mut Vec<u8>) {
    let requests = Requests::new(field, 0, Kind::Plain, HEAD_BYTES as u32, 1);
    if let Some(template) = requests.templates.first() {
        template.append(out, stamp);
        requests.payload.append(out, Head { run: 0, stream: 0, sequence: 0, sent_nanos: 0 });
    }
}

/// Requests of one small message each.
#[cfg(test)]
pub(crate) fn plain_requests(field: &Field, run: u64) -> Requests {
    Requests::new(field, run, Kind::Plain, 64, 1)
}

/// Senders whose acknowledgements count.
#[cfg(test)]
pub(crate) fn plain_senders<'a>(
    run: Run<'a>,
    requests: &'a Requests,
    connections: usize,
) -> Vec<(usize, Sender<'a>)> {
    senders(run, requests, connections, Counts::Acknowledgements)
}
