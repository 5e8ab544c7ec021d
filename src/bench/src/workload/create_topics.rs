//! `create-topics`: topics are created, each by a request of its own.

use remoting::request::RequestCode;

use super::Workload;
use crate::{
    args::{Common, CreateTopics},
    control::{Control, ControlError, create_topic_header},
    engine::{Answer, Ask, Asker, Step},
    run::{Run, accepted, append_head, drive_all},
    tally::Fault,
};

/// Created topics that are asked for in the end.
const LOOKED_AT: u64 = 100;

impl Workload for CreateTopics {
    const NAME: &'static str = "create-topics";
    const UNIT: &'static str = "topics";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let pace = &self.common.pace;
        let in_flight = pace.in_flight.unwrap_or(1);
        format!(
            "{} queues, {in_flight} in flight on {} connections",
            self.common.target.queues, pace.connections
        )
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let (pace, brokers) = (&self.common.pace, run.field.brokers.len().max(1));
        let queues = self.common.target.queues as i32;
        let creator = |stream: usize| {
            let stream_number = stream as u32;
            (stream % brokers, Creator { run, stream: stream_number, next: 0, queues })
        };
        let creators = (0..self.streams()).map(creator).collect();
        drive_all(run, run.stage, creators, pace.rate, pace.in_flight.unwrap_or(1) as usize).await;
        Ok(())
    }

    /// The first topics of every connection must be known.
    async fn settle(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError> {
        let brokers = run.field.brokers.len().max(1);
        let each = (LOOKED_AT / self.streams().max(1) as u64).max(1);
        for stream in 0..self.streams() {
            let Some(addr) = run.field.brokers.get(stream % brokers) else { continue };
            let count = run.ledger.acknowledged_in_row(stream as u32).min(each);
            for sequence in 0..count {
                let topic = name(run.id, stream as u32, sequence);
                let known = control.topic(addr, &topic).await?;
                let lost =
                    known.is_none_or(|topic| topic.write_queue_nums != self.common.target.queues as i32);
                run.stage.fault(Fault::Lost, u64::from(lost), || format!("topic {topic} of {addr}"));
            }
        }
        Ok(())
    }
}

struct Creator<'a> {
    run: Run<'a>,
    stream: u32,
    next: u64,
    queues: i32,
}

fn name(run: u64, stream: u32, sequence: u64) -> String {
    format!("FerrocketBench-{run:016x}-{stream}-{sequence}")
}

impl Asker for Creator<'_> {
    type Asked = u64;

    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<u64> {
        let sequence = self.next;
        self.next += 1;
        let header = create_topic_header(&name(self.run.id, self.stream, sequence), self.queues);
        append_head(out, self.run.field, RequestCode::UpdateAndCreateTopic, ask.opaque, &header, 0);
        Some(sequence)
    }

    fn answered(&mut self, sequence: u64, answer: Answer<'_>, _out: &mut Vec<u8>) -> Step<u64> {
        if !accepted(self.run.stage, &answer) {
            return Step::Nothing;
        }
        self.run.ledger.acknowledge(self.stream, sequence, 1);
        Step::Done(1)
    }
}
