//! `produce`: messages are sent, and acknowledgements measured.

use super::{
    Workload, ends_hold,
    pull::read_back,
    send::{Counts, Kind, Requests, senders},
};
use crate::{
    args::{Common, Produce},
    control::{Control, ControlError},
    run::{Run, drive_all},
};

/// Requests in flight where nothing else is said.
pub(super) const IN_FLIGHT: u32 = 64;

impl Workload for Produce {
    const NAME: &'static str = "produce";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let pace = &self.common.pace;
        let batch =
            if self.shape.batch > 1 { format!(", batches of {}", self.shape.batch) } else { String::new() };
        format!(
            "{} bytes{batch}, {} in flight on {} connections",
            self.shape.size,
            pace.in_flight.unwrap_or(IN_FLIGHT),
            pace.connections
        )
    }

    fn has_floor(&self) -> bool {
        self.common.target.topics == 1
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let (pace, shape) = (&self.common.pace, &self.shape);
        let requests = Requests::new(run.field, run.id, Kind::Plain, shape.size, shape.batch);
        let senders = senders(run, &requests, self.streams(), Counts::Acknowledgements);
        let rate = pace.rate.map(|rate| rate / f64::from(shape.batch));
        drive_all(run, run.stage, senders, rate, pace.in_flight.unwrap_or(IN_FLIGHT) as usize).await;
        Ok(())
    }

    async fn settle(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError> {
        ends_hold(run, control).await?;
        if self.read_back { read_back(run, control).await } else { Ok(()) }
    }
}
