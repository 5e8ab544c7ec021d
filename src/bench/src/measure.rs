//! A whole measurement: servers in turn, each watched while it works.

use std::{cell::Cell, io::IsTerminal, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use runtime::clock::Clock;
use thiserror::Error;
use tokio::time::sleep;

use crate::{
    control::{Control, ControlError},
    ledger::Ledger,
    process::{self, FloorProcess},
    results::{Figures, Outcome, Role, ServerOutcome},
    run::{Field, Run},
    stage::Stage,
    summary::number,
    tally::{Fault, Times, histogram},
    workload::Workload,
};

/// Why there is no result.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    /// A server does not do what comes before or after the load.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The floor does not start.
    #[error("the floor does not start: {0}")]
    Floor(std::io::Error),
    /// The floor would not answer.
    #[error("the floor serves `produce` to one topic only")]
    NoFloor,
    /// A process that is to be watched is not there.
    #[error("process {pid}: {error}")]
    Process {
        /// Its id.
        pid: u32,
        /// What the operating system said.
        error: std::io::Error,
    },
}

const PAIRS: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// A server that is measured.
struct Measured {
    name: String,
    role: Role,
    /// Where it is, when no name server tells.
    addr: Option<String>,
    pid: Option<u32>,
    rounds: Vec<Figures>,
    latencies: Histogram<u64>,
}

/// Runs a workload on all servers that are asked for.
///
/// # Errors
/// When a server cannot be made ready or looked at. What is wrong with its answers is part of the outcome.
pub(crate) async fn measure<W: Workload>(work: &W, clock: Arc<dyn Clock>) -> Result<Outcome, BenchError> {
    let common = work.common();
    if common.servers.floor && !work.has_floor() {
        return Err(BenchError::NoFloor);
    }
    let floor = common.servers.floor.then(FloorProcess::start).transpose().map_err(BenchError::Floor)?;
    let mut servers = servers(work, floor.as_ref());
    let control = Control::new();
    let mut fields = Vec::new();
    for server in &servers {
        let field = Field::prepare(&control, &common.target, server.addr.as_deref()).await?;
        let stage = stage(work, &clock);
        within(&stage, common.pace.timeout, work.prepare(&field, &stage, &control)).await?;
        // A server that cannot be filled cannot be measured; its faults are told with those of the load.
        fields.push((field, stage.faults.take()));
    }
    let rounds = common.servers.pairs.unwrap_or(if servers.len() > 1 { PAIRS } else { 1 });
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..servers.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let (Some(server), Some((field, before))) = (servers.get_mut(index), fields.get_mut(index))
            else {
                continue;
            };
            let stage = stage(work, &clock);
            stage.faults.replace(std::mem::take(before));
            let figures = one(work, server, field, &stage, &control, round + 1).await?;
            server.rounds.push(figures);
        }
    }
    Ok(Outcome {
        workload: W::NAME.to_owned(),
        title: common.output.title.clone().unwrap_or_else(|| W::NAME.to_owned()),
        shape: work.shape(),
        unit: W::UNIT.to_owned(),
        latency: W::LATENCY.to_owned(),
        servers: servers
            .into_iter()
            .map(|server| ServerOutcome::new(server.name, server.role, server.rounds, &server.latencies))
            .collect(),
    })
}

fn servers<W: Workload>(work: &W, floor: Option<&FloorProcess>) -> Vec<Measured> {
    let given = &work.common().servers;
    let measured = |name: &str, role, addr: Option<&String>, pid| Measured {
        name: name.to_owned(),
        role,
        addr: addr.cloned(),
        pid,
        rounds: Vec::new(),
        latencies: histogram(),
    };
    let mut all = vec![measured(&given.name, Role::Subject, None, given.pid)];
    if given.compare.is_some() {
        all.push(measured(&given.compare_name, Role::Compared, given.compare.as_ref(), given.compare_pid));
    }
    if let Some(floor) = floor {
        all.push(measured("floor", Role::Floor, Some(&floor.addr), Some(floor.pid())));
    }
    all
}

fn stage<W: Workload>(work: &W, clock: &Arc<dyn Clock>) -> Stage {
    let pace = &work.common().pace;
    let begin = clock.monotonic();
    let warm_up = pace.warmup.unwrap_or_else(|| work.warm_up());
    let times = Times { begin, warm: begin + warm_up, stop: begin + warm_up + pace.duration };
    Stage::new(Arc::clone(clock), times, pace.requests, work.count_by(), work.lag())
}

/// One measurement on one server.
async fn one<W: Workload>(
    work: &W,
    server: &mut Measured,
    field: &Field,
    stage: &Stage,
    control: &Control,
    round: u32,
) -> Result<Figures, BenchError> {
    let ledger = Ledger::new(work.streams(), &field.ends(control).await?);
    let run = Run { stage, field, ledger: &ledger, id: Run::new_id() };
    let watch = Watch::new(stage, server.pid, work.lag());
    let label = format!("{} {round}: {}", W::NAME, server.name);
    let patience = work.common().pace.timeout + work.lag();
    tokio::select! {
        biased;
        ran = within(stage, patience, work.run(run, control)) => ran?,
        watched = watch.observe(&label, work.common().output.quiet) => watched?,
    }
    let ended = stage.now();
    let used = watch.finish()?;
    within(stage, patience, work.settle(run, control)).await?;
    let seconds = ended.min(stage.times.stop).saturating_sub(stage.times.warm);
    let mut figures = Figures::of(stage, seconds);
    if let Some(used) = used {
        let memory = server.pid.map(process::memory).transpose();
        let memory =
            memory.map_err(|error| BenchError::Process { pid: server.pid.unwrap_or_default(), error })?;
        figures.cpu_us_per_message =
            (used.messages > 0).then(|| used.cpu.as_secs_f64() * 1e6 / used.messages as f64);
        figures.cpu_percent = Some(100.0 * used.cpu.as_secs_f64() / used.wall.as_secs_f64().max(1e-9));
        figures.private_mib = memory.map(|memory| memory.private_mib);
        figures.file_mib = memory.map(|memory| memory.file_mib);
    }
    // Both have the same bounds.
    let _ = server.latencies.add(&stage.tally.borrow().latencies);
    Ok(figures)
}

/// Works until it is done or nothing has come for `limit`, which is a fault.
async fn within(
    stage: &Stage,
    limit: Duration,
    work: impl Future<Output = Result<(), ControlError>>,
) -> Result<(), ControlError> {
    tokio::select! {
        biased;
        done = work => done,
        () = stalled(stage, limit) => {
            stage.fault(Fault::Unanswered, 1, || format!("nothing came for {limit:?}"));
            Ok(())
        }
    }
}

/// Ends when nothing has come for `limit`.
async fn stalled(stage: &Stage, limit: Duration) {
    let (mut seen, mut since) = (stage.answers(), stage.now());
    loop {
        sleep(SECOND).await;
        let (answers, now) = (stage.answers(), stage.now());
        if answers != seen {
            (seen, since) = (answers, now);
        } else if now.saturating_sub(since) >= limit {
            return;
        }
    }
}

/// What a server process has used so far.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu: Duration,
    at: Duration,
    messages: u64,
}

/// What it used between warm-up and end.
struct Used {
    cpu: Duration,
    wall: Duration,
    messages: u64,
}

/// Looks at a stage and at the process of its server.
struct Watch<'a> {
    stage: &'a Stage,
    pid: Option<u32>,
    /// When what was sent last is through.
    through: Duration,
    warm: Cell<Option<Sample>>,
    stop: Cell<Option<Sample>>,
}

impl<'a> Watch<'a> {
    fn new(stage: &'a Stage, pid: Option<u32>, lag: Duration) -> Self {
        Self { stage, pid, through: stage.times.stop + lag, warm: Cell::new(None), stop: Cell::new(None) }
    }

    /// Samples the process when it is warm and when the load stops, and prints a line each second. Never ends by itself.
    async fn observe(&self, label: &str, is_quiet: bool) -> Result<(), BenchError> {
        let times = self.stage.times;
        let mut shown = 0;
        loop {
            let now = self.stage.now();
            let next_line = SECOND.saturating_sub(Duration::from_nanos(u64::from(
                now.saturating_sub(times.begin).subsec_nanos(),
            )));
            let until = |moment: Duration| moment.saturating_sub(now).max(Duration::from_millis(1));
            if self.warm.get().is_none() && now >= times.warm {
                self.warm.set(self.sample()?);
            }
            if self.stop.get().is_none() && now >= self.through {
                self.stop.set(self.sample()?);
            }
            let second = now.saturating_sub(times.begin).as_secs();
            if second > shown && !is_quiet {
                shown = second;
                self.print(label, second);
            }
            let wake = if now < times.warm { until(times.warm) } else { until(self.through) };
            let wake = if now >= self.through { next_line } else { wake.min(next_line) };
            sleep(wake).await;
        }
    }

    fn print(&self, label: &str, second: u64) {
        let tally = self.stage.tally.borrow();
        let last = tally.per_second.get(second as usize - 1).copied().unwrap_or_default();
        let p99 = tally.latencies.value_at_percentile(99.0) as f64 / 1e3;
        let faults = self.stage.faults.borrow().total();
        let line = format!(
            "{label:<32} {second:>4} s {:>10}/s   p99 {:>9} µs   faults {faults}",
            number(last as f64),
            number(p99)
        );
        // A terminal keeps one line of it.
        if std::io::stderr().is_terminal() { eprint!("\r{line}") } else { eprintln!("{line}") }
    }

    fn sample(&self) -> Result<Option<Sample>, BenchError> {
        let Some(pid) = self.pid else { return Ok(None) };
        let cpu = process::processor_time(pid).map_err(|error| BenchError::Process { pid, error })?;
        let messages = self.stage.tally.borrow().all_messages;
        Ok(Some(Sample { cpu, at: self.stage.now(), messages }))
    }

    /// What was used from warm-up to the end, or to now when that comes first.
    fn finish(&self) -> Result<Option<Used>, BenchError> {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
        let stop = match self.stop.get() {
            Some(stop) => Some(stop),
            None => self.sample()?,
        };
        Ok(self.warm.get().zip(stop).map(|(warm, stop)| Used {
            cpu: stop.cpu.saturating_sub(warm.cpu),
            wall: stop.at.saturating_sub(warm.at),
            messages: stop.messages - warm.messages,
        }))
    }
}
