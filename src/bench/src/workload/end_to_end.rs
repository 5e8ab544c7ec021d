//! `end-to-end`: messages are sent to consumers that wait for them, and their arrival measured.

use std::time::Duration;

use super::{
    Workload,
    pull::{Cursor, Mode, QUEUES_AT_ONCE, pullers},
    send::{Counts, Kind, Requests, senders},
    settled,
};
use crate::{
    args::{Common, EndToEnd},
    control::{Control, ControlError},
    payload::Head,
    run::{Run, drive_all},
    tally::{CountBy, Fault},
};

/// Messages a waiting pull asks for, as a push consumer's does.
const PULL_BATCH: u32 = 32;
/// Brokers count in whole milliseconds: a message is stored at the begin of the one it was sent in.
const GRANULARITY: Duration = Duration::from_millis(1);
/// Consumers are waiting before anything is sent.
const CONSUMERS_AHEAD: Duration = Duration::from_millis(100);

impl Workload for EndToEnd {
    const NAME: &'static str = "end-to-end";
    const LATENCY: &'static str = "from send to arrival";

    fn common(&self) -> &Common {
        &self.common
    }

    fn shape(&self) -> String {
        let rate =
            self.common.pace.rate.map_or("as fast as they go".to_owned(), |rate| format!("{rate} a second"));
        format!("{} bytes, {rate}, {} waiting consumers", self.shape.size, self.consumers)
    }

    fn count_by(&self) -> CountBy {
        CountBy::Due
    }

    async fn run(&self, run: Run<'_>, _control: &Control) -> Result<(), ControlError> {
        let (pace, shape) = (&self.common.pace, &self.shape);
        let requests = Requests::new(run.field, run.id, Kind::Plain, shape.size, shape.batch);
        let senders = senders(run, &requests, self.streams(), Counts::Arrivals);
        let rate = pace.rate.map(|rate| rate / f64::from(shape.batch));
        let depth = pace.in_flight.unwrap_or(super::produce::IN_FLIGHT) as usize;
        let sending = drive_all(run, run.stage, senders, rate, depth);
        with_waiting_consumers(run, self.consumers as usize, sending, Duration::ZERO).await;
        Ok(())
    }
}

/// Runs `sending` while consumers wait for what it sends, and goes on until all of it has come, at most `lag` and some
/// seconds longer. An arrival counts from when the message was sent, or from `lag` after.
pub(super) async fn with_waiting_consumers(
    run: Run<'_>,
    consumers: usize,
    sending: impl Future<Output = ()>,
    lag: Duration,
) {
    let stage = run.stage;
    let begins = (0..run.field.places.len()).map(|place| (place, run.ledger.begin(place) as i64));
    let cursors: Vec<Cursor> = begins.map(|(place, begin)| Cursor::new(place, begin, i64::MAX)).collect();
    let take = |head: Head, now: Duration| {
        if head.run != run.id {
            return;
        }
        run.ledger.see(stage, head.stream, head.sequence);
        let due = Duration::from_nanos(head.sent_nanos) + lag;
        let early = due.saturating_sub(now + GRANULARITY);
        stage.fault(Fault::Early, u64::from(!early.is_zero()), || format!("by {early:?}"));
        stage.done(due, now, 1);
    };
    let waiting = stage.beside();
    let pullers = pullers(run, Mode::Waiting, PULL_BATCH, &cursors, consumers, &take);
    let consuming = drive_all(run, &waiting, pullers, None, QUEUES_AT_ONCE);
    let load = async {
        tokio::time::sleep(CONSUMERS_AHEAD).await;
        sending.await;
        settled(stage, stage.now() + lag, || run.ledger.unseen() == 0).await;
    };
    tokio::select! {
        () = consuming => {}
        () = load => {}
    }
    let unseen = run.ledger.unseen();
    stage.fault(Fault::Lost, unseen, || "acknowledged, and did not arrive".to_owned());
}
