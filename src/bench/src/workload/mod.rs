//! The workloads.

pub(crate) mod connections;
pub(crate) mod consume;
pub(crate) mod create_topics;
pub(crate) mod delay;
pub(crate) mod end_to_end;
pub(crate) mod produce;
mod pull;
mod send;
pub(crate) mod transaction;

use std::time::Duration;

pub(crate) use send::send_one;
#[cfg(test)]
pub(crate) use send::{plain_requests, plain_senders};

use crate::{
    args::Common,
    control::{Control, ControlError},
    run::{Field, Run},
    stage::Stage,
    tally::{CountBy, Fault},
};

/// A kind of load: how it is made ready, run and looked at afterwards.
pub(crate) trait Workload {
    /// Its name on the command line.
    const NAME: &'static str;
    /// What is counted, in plural.
    const UNIT: &'static str = "messages";
    /// What a latency is.
    const LATENCY: &'static str = "latency";

    /// The arguments all workloads have.
    fn common(&self) -> &Common;

    /// What characterises it, for people.
    fn shape(&self) -> String;

    /// Connections that send messages of this run.
    fn streams(&self) -> usize {
        self.common().pace.connections as usize
    }

    /// Which answers count.
    fn count_by(&self) -> CountBy {
        if self.common().pace.rate.is_some() { CountBy::Due } else { CountBy::Answer }
    }

    /// How long after a send the thing happens whose lateness is measured.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    /// How long to warm up when nothing is said. A load that ends by itself leaves nothing to be left out.
    fn warm_up(&self) -> Duration {
        if self.common().pace.requests.is_some() { Duration::ZERO } else { WARM_UP }
    }

    /// Whether the floor answers what it asks.
    fn has_floor(&self) -> bool {
        false
    }

    /// What has to be there before, once for every server.
    async fn prepare(&self, _field: &Field, _stage: &Stage, _control: &Control) -> Result<(), ControlError> {
        Ok(())
    }

    /// The load.
    async fn run(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError>;

    /// Whether what the server has in the end is what it said.
    async fn settle(&self, run: Run<'_>, control: &Control) -> Result<(), ControlError> {
        ends_hold(run, control).await
    }
}

const WARM_UP: Duration = Duration::from_secs(2);
/// How long a server may take to show what it has acknowledged.
const SETTLE_MAX: Duration = Duration::from_secs(10);
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

/// Every queue must have grown by what was given away.
async fn ends_hold(run: Run<'_>, control: &Control) -> Result<(), ControlError> {
    let limit = run.stage.now() + SETTLE_MAX;
    loop {
        let ends = run.field.ends(control).await?;
        let short =
            |(place, end): (usize, &i64)| run.ledger.expected_end(place).saturating_sub((*end).max(0) as u64);
        let lost: u64 = ends.iter().enumerate().map(short).sum();
        if lost == 0 || run.stage.now() > limit {
            run.stage
                .fault(Fault::Lost, lost, || "queues end before offsets that were given away".to_owned());
            return Ok(());
        }
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
}

/// Waits until `is_settled`, for [`SETTLE_MAX`] after `from` at most.
async fn settled(stage: &Stage, from: Duration, is_settled: impl Fn() -> bool) {
    let limit = from + SETTLE_MAX;
    while !is_settled() && stage.now() < limit {
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
}
