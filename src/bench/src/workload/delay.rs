//! `delay`: messages wait at the broker, and how late they come is measured.

use std::time::Duration;

use super::{
    Workload,
    end_to_end::with_waiting_consumers,
    send::{Counts, Kind, Requests, senders},
};
use crate::{
    args::{Common, Delay},
    control::{Control, ControlError},
    run::{Run, drive_all},
    tally::CountBy,
};

/// Seconds of the levels a broker has where its configuration names no others (`messageDelayLevel`).
const LEVEL_SECONDS: [u64; 18] =
    [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];
/// A rate at which lateness is the timer's and not the load's.
const RATE: f64 = 1_000.0;

impl Workload for Delay {
    const NAME: &'static str = "delay";
    const LATENCY: &'static str = "lateness";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let rate = self.common.pace.rate.unwrap_or(RATE);
        let what = match self.deliver_after {
            Some(after) => format!("delivery time {} s ahead", after.as_secs_f64()),
            None => format!("delay level {}", self.level),
        };
        format!("{} bytes, {what}, {rate} a second", self.size)
    }

    fn count_by(&self) -> CountBy {
        CountBy::Due
    }

    fn lag(&self) -> Duration {
        let level = LEVEL_SECONDS.get((self.level as usize).saturating_sub(1)).copied().unwrap_or_default();
        self.deliver_after.unwrap_or(Duration::from_secs(level))
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let kind = match self.deliver_after {
            Some(after) => Kind::DeliverAfter(after.as_millis() as i64),
            None => Kind::Level(self.level),
        };
        let pace = &self.common.pace;
        let requests = Requests::new(run.field, run.id, kind, self.size, 1);
        let senders = senders(run, &requests, self.streams(), Counts::Arrivals);
        let depth = pace.in_flight.unwrap_or(super::produce::IN_FLIGHT) as usize;
        let sending = drive_all(run, run.stage, senders, Some(pace.rate.unwrap_or(RATE)), depth);
        with_waiting_consumers(run, 1, sending, self.lag()).await;
        Ok(())
    }

    /// Everything was seen on arrival.
    async fn settle(&self, _run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        Ok(())
    }
}
