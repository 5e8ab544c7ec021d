//! `connections`: clients that are connected and do nothing but send heartbeats, the first of them while the load warms up.

use common::fastjson;
use remoting::{
    body::heartbeat::{HeartbeatData, ProducerData},
    header::NoHeader,
    request::RequestCode,
};

use super::Workload;
use crate::{
    args::{Common, Connections},
    control::{Control, ControlError},
    engine::{Answer, Ask, Asker, Step},
    run::{GROUP, Run, accepted, append_head, drive_all},
};

impl Workload for Connections {
    const NAME: &'static str = "connections";
    const UNIT: &'static str = "heartbeats";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let seconds = self.heartbeat.as_secs_f64();
        format!("{} clients, a heartbeat each {seconds} s", self.common.pace.connections)
    }

    fn streams(&self) -> usize {
        0
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let (pace, brokers) = (&self.common.pace, run.field.brokers.len().max(1));
        let clients = 0..pace.connections as usize;
        let beaters = clients.map(|client| (client % brokers, Beater { run, client })).collect();
        let rate = f64::from(pace.connections) / self.heartbeat.as_secs_f64().max(0.001);
        drive_all(run, run.stage, beaters, Some(rate), 1).await;
        Ok(())
    }

    /// Nothing is kept.
    async fn settle(&self, _run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        Ok(())
    }
}

struct Beater<'a> {
    run: Run<'a>,
    client: usize,
}

impl Asker for Beater<'_> {
    type Asked = ();

    fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) -> Option<()> {
        let beat = HeartbeatData {
            client_id: format!("127.0.0.1@{:016x}-{}", self.run.id, self.client),
            producer_data_set: vec![ProducerData { group_name: GROUP.to_owned() }],
            ..HeartbeatData::default()
        };
        let body = fastjson::to_vec(&beat);
        append_head(out, self.run.field, RequestCode::HeartBeat, ask.opaque, &NoHeader {}, body.len());
        out.extend_from_slice(&body);
        Some(())
    }

    fn greets(&self) -> bool {
        true
    }

    fn answered(&mut self, (): (), answer: Answer<'_>, _out: &mut Vec<u8>) -> Step<()> {
        if accepted(self.run.stage, &answer) { Step::Done(1) } else { Step::Nothing }
    }
}
