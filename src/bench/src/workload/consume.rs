//! `consume`: queues are read by PULL as fast as they come.

use std::time::Duration;

use super::{
    Workload,
    pull::{Cursor, Mode, QUEUES_AT_ONCE, pullers},
    send::{Counts, Kind, Requests, senders},
};
use crate::{
    args::{Common, Consume},
    control::{Control, ControlError},
    ledger::Ledger,
    payload::Head,
    run::{Field, Run, drive_all},
    stage::Stage,
};

/// How the topic is filled.
const FILL_BATCH: u32 = 32;
const FILL_BATCH_MAX_BYTES: u32 = 1 << 20;
const FILL_IN_FLIGHT: usize = 8;

impl Workload for Consume {
    const NAME: &'static str = "consume";
    const LATENCY: &'static str = "latency of a pull";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let what = if self.existing { "what is there".to_owned() } else { format!("{} bytes", self.size) };
        format!("{what}, {} per pull on {} connections", self.batch, self.common.pace.connections)
    }

    fn warm_up(&self) -> Duration {
        if self.existing { Duration::ZERO } else { super::WARM_UP }
    }

    /// Puts the messages into the topic.
    async fn prepare(&self, field: &Field, stage: &Stage, control: &Control) -> Result<(), ControlError> {
        if self.existing {
            return Ok(());
        }
        let ledger = Ledger::new(1, &field.ends(control).await?);
        let run = Run { stage, field, ledger: &ledger, id: Run::new_id() };
        let batch = FILL_BATCH.min(FILL_BATCH_MAX_BYTES / self.size).max(1);
        let requests = Requests::new(field, run.id, Kind::Plain, self.size, batch);
        let wanted = stage.of_requests(self.messages.div_ceil(u64::from(batch)));
        drive_all(run, &wanted, senders(run, &requests, 1, Counts::Acknowledgements), None, FILL_IN_FLIGHT)
            .await;
        super::ends_hold(run, control).await
    }

    async fn run(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError> {
        let field = run.field;
        let begins = control.min_offsets(&field.brokers, &field.topics, &field.places).await?;
        let ends = field.ends(control).await?;
        let queues = begins.iter().zip(&ends).enumerate();
        let cursors: Vec<Cursor> =
            queues.map(|(place, (begin, end))| Cursor::new(place, *begin, *end)).collect();
        let mode = if self.existing { Mode::Once } else { Mode::Repeatedly };
        let connections = self.common.pace.connections as usize;
        let take = |_head: Head, _now: Duration| {};
        let pullers = pullers(run, mode, self.batch, &cursors, connections, &take);
        let depth = self.common.pace.in_flight.map_or(QUEUES_AT_ONCE, |depth| depth as usize);
        drive_all(run, run.stage, pullers, self.common.pace.rate, depth).await;
        Ok(())
    }

    /// Every message was looked at when it came.
    async fn settle(&self, _run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        Ok(())
    }
}
