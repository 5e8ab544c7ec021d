//! What the connections of one measurement share, and how they are driven together.

use futures_util::future::join_all;
use rand::Rng;
use remoting::{
    codec::{Head, encode_head},
    command::{CommandRef, SerializeType},
    header::EncodeHeader,
    request::RequestCode,
    response_code::ResponseCode,
};

use crate::{
    args::Target,
    control::{Control, ControlError, Place},
    engine::{Answer, Asker, drive},
    ledger::Ledger,
    pacer::Pacer,
    stage::Stage,
    tally::Fault,
    wire::{Wire, WireError},
};

/// Group of the producers and consumers of a load.
pub(crate) const GROUP: &str = "FerrocketBench";

/// The queues a load goes to.
#[derive(Debug)]
pub(crate) struct Field {
    /// Addresses of brokers.
    pub(crate) brokers: Vec<String>,
    pub(crate) topics: Vec<String>,
    /// Every queue, broker by broker.
    pub(crate) places: Vec<Place>,
    pub(crate) serialize: SerializeType,
}

impl Field {
    /// Finds the brokers, or takes the one at `addr`, and creates the topics that are missing.
    pub(crate) async fn prepare(
        control: &Control,
        target: &Target,
        addr: Option<&str>,
    ) -> Result<Self, ControlError> {
        let brokers = match (addr.or(target.broker.as_deref()), target.namesrv.as_deref()) {
            (Some(addr), _) => vec![addr.to_owned()],
            (None, namesrv) => control.masters(namesrv.unwrap_or_default()).await?,
        };
        let topics: Vec<String> = match target.topics {
            1 => vec![target.topic.clone()],
            count => (0..count).map(|number| format!("{}-{number}", target.topic)).collect(),
        };
        let mut places = Vec::new();
        for (broker, addr) in brokers.iter().enumerate() {
            let queues = control.ensure_topics(addr, &topics, target.queues as i32).await?;
            for (topic, queues) in queues.into_iter().enumerate() {
                places.extend((0..queues).map(|queue| Place { broker, topic, queue }));
            }
        }
        Ok(Self { brokers, topics, places, serialize: target.header.serialize_type() })
    }

    /// The places at one broker.
    pub(crate) fn places_at(&self, broker: usize) -> Vec<usize> {
        let places = self.places.iter().enumerate().filter(|(_, place)| place.broker == broker);
        places.map(|(index, _)| index).collect()
    }

    /// Topic and queue of a place.
    pub(crate) fn name(&self, place: usize) -> (&str, i32) {
        let place = self.places.get(place);
        let topic = place.and_then(|place| self.topics.get(place.topic)).map_or("", String::as_str);
        (topic, place.map_or(-1, |place| place.queue))
    }

    /// Where the queues end now.
    pub(crate) async fn ends(&self, control: &Control) -> Result<Vec<i64>, ControlError> {
        control.max_offsets(&self.brokers, &self.topics, &self.places).await
    }
}

/// One measurement on one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) field: &'a Field,
    pub(crate) ledger: &'a Ledger,
    /// Tells its messages from those of other runs.
    pub(crate) id: u64,
}

impl Run<'_> {
    /// A new number for a run.
    pub(crate) fn new_id() -> u64 {
        rand::rng().random()
    }
}

/// Drives all askers at once, each with the broker it speaks to, until each has ended; the requests of all together come at
/// `rate` a second.
pub(crate) async fn drive_all<A: Asker>(
    run: Run<'_>,
    stage: &Stage,
    askers: Vec<(usize, A)>,
    rate: Option<f64>,
    depth: usize,
) {
    let (count, begin) = (askers.len(), stage.now());
    join_all(askers.into_iter().enumerate().map(async |(at, (broker, mut asker))| {
        let addr = run.field.brokers.get(broker).map_or("", String::as_str);
        let driven: Result<(), WireError> = async {
            let mut wire = Wire::connect(addr).await?;
            let mut pacer = Pacer::new(rate, begin, at, count);
            if asker.greets() {
                let warm_up = stage.times.warm.saturating_sub(begin);
                pacer = pacer.greeting_at(begin + warm_up.mul_f64(at as f64 / count as f64));
            }
            drive(stage, &mut wire, &mut asker, &mut pacer, depth).await
        }
        .await;
        if let Err(error) = driven {
            run.stage.fault(Fault::Disconnected, 1, || format!("connection {at} to {addr}: {error}"));
        }
    }))
    .await;
}

/// Appends the head of a request; a body of `body_bytes` must follow.
pub(crate) fn append_head(
    out: &mut Vec<u8>,
    field: &Field,
    code: RequestCode,
    opaque: i32,
    header: &dyn EncodeHeader,
    body_bytes: usize,
) {
    let (code, serialize) = (code.number(), field.serialize);
    let head = Head { code, opaque, flag: 0, remark: None, extra: &[], serialize };
    encode_head(out, &head, Some(header), body_bytes);
}

/// Whether an answer is a success; otherwise it is counted as refused.
pub(crate) fn accepted(stage: &Stage, answer: &Answer<'_>) -> bool {
    let code = ResponseCode(answer.command.code);
    if code == ResponseCode::SUCCESS {
        return true;
    }
    stage.fault(Fault::Refused, 1, || {
        let remark = answer.command.remark.as_deref().unwrap_or_default();
        format!("{} ({}): {remark}", code.0, code.name().unwrap_or("unknown"))
    });
    false
}

/// A number among the fields of an answer.
pub(crate) fn number(command: &CommandRef<'_>, key: &str) -> Option<i64> {
    command.ext.get(key)?.parse().ok()
}
