//! `ferrocket bench`: load for any RocketMQ server, with every answer and every message verified.
//!
//! Lives here: the generator, its workloads, the floor it compares with, and reports. May not live here: anything a server
//! does. It speaks the protocol through `remoting`'s codec and looks at servers from outside only.
//!
//! One thread drives everything. Each connection is a future that fills its window of requests in flight into one buffer,
//! writes it with one call, and takes all answers one read brings, so that the generator takes as little as it can of the
//! cores it shares with the server.

mod args;
mod control;
mod engine;
mod floor;
mod html;
mod ledger;
mod machine;
mod measure;
mod pacer;
mod payload;
mod process;
mod ranges;
mod results;
mod run;
mod stage;
mod start;
mod summary;
mod tally;
mod template;
mod wire;
mod workload;

use std::{error::Error, fs, io::Write, path::Path, process::ExitCode, sync::Arc};

use clap::Parser;
use runtime::clock::{Clock, SystemClock};
use serde::Serialize;

pub use args::BenchCommand;
use args::{Action, Machine, Output, Produce, Report};
use measure::measure;
use process::FloorProcess;
use results::{Outcome, Role};
use workload::Workload;

type Failure = Box<dyn Error>;

/// Something was refused, lost, doubled or wrong.
const FAULTS: u8 = 1;
/// There is no result.
const FAILED: u8 = 2;
/// What shells make of Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs one of the commands; answers what to exit with: 0, 1 when a server broke a promise, 2 when there is no result.
pub fn run(command: &BenchCommand) -> ExitCode {
    let ran = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = ran.map_err(Failure::from).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                ran = act(&command.action) => ran,
                _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
            }
        })
    });
    ran.unwrap_or_else(|failure| {
        eprintln!("ferrocket bench: {failure}");
        ExitCode::from(FAILED)
    })
}

async fn act(action: &Action) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    match action {
        Action::Produce(work) => load(work, clock).await,
        Action::Consume(work) => load(work, clock).await,
        Action::EndToEnd(work) => load(work, clock).await,
        Action::Transaction(work) => load(work, clock).await,
        Action::Delay(work) => load(work, clock).await,
        Action::CreateTopics(work) => load(work, clock).await,
        Action::Connections(work) => load(work, clock).await,
        Action::Start(start) => {
            print(&serde_json::to_string(&start::start(start, &clock).await?)?);
            Ok(ExitCode::SUCCESS)
        }
        Action::Floor(floor) => {
            floor::serve(floor).await?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Machine(machine) => {
            limits(machine, clock).await?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Report(report) => {
            write_report(report)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs a workload and reports.
async fn load<W: Workload>(work: &W, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let outcome = measure(work, clock).await?;
    let output: &Output = &work.common().output;
    let has_own_output = output.json.as_deref().is_some_and(is_standard_output);
    if let Some(path) = &output.json {
        write_json(path, &outcome)?;
    }
    if let Some(path) = &output.html {
        fs::write(path, html::page(std::slice::from_ref(&outcome)))?;
    }
    if !has_own_output {
        print(summary::summary(&outcome).trim_end());
    }
    Ok(if outcome.faults() == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAULTS) })
}

/// Measures the machine, the loopback by means of the floor.
async fn limits(machine: &Machine, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let mut limits = machine::disk_and_memory(machine, &clock)?;
    let floor = FloorProcess::start()?;
    for in_flight in ["1", "64"] {
        let line = ["bench", "-q", "--broker", &floor.addr, "--duration", "2", "--in-flight", in_flight];
        let ProduceLine { produce } = ProduceLine::try_parse_from(line)?;
        let outcome = measure(&produce, Arc::clone(&clock)).await?;
        let found = outcome.server(Role::Subject).map(|server| server.median.clone()).unwrap_or_default();
        if in_flight == "1" {
            limits.loopback_p50_us = found.p50_us;
        } else {
            limits.loopback_per_s = found.per_second;
        }
    }
    match &machine.json {
        Some(path) => write_json(path, &limits)?,
        None => print(&machine::lines(&limits)),
    }
    Ok(())
}

/// The flags of `produce`, for their defaults.
#[derive(Parser)]
struct ProduceLine {
    #[command(flatten)]
    produce: Produce,
}

fn write_report(report: &Report) -> Result<(), Failure> {
    let read = |path: &std::path::PathBuf| -> Result<Outcome, Failure> {
        let told = |error: &dyn Error| Failure::from(format!("{}: {error}", path.display()));
        let text = fs::read(path).map_err(|error| told(&error))?;
        serde_json::from_slice(&text).map_err(|error| told(&error))
    };
    let outcomes: Vec<Outcome> = report.files.iter().map(read).collect::<Result<_, _>>()?;
    if let Some(name) = &report.value {
        let value = outcomes.first().and_then(|outcome| outcome.value(name));
        print(&value.ok_or_else(|| format!("no figure {name}"))?.to_string());
        return Ok(());
    }
    if let Some(path) = &report.html {
        fs::write(path, html::page(&outcomes))?;
    }
    if let (Some(path), Some(first)) = (&report.svg, outcomes.first()) {
        fs::write(path, html::image(first))?;
    }
    print(summary::markdown(&outcomes).trim_end());
    Ok(())
}

fn is_standard_output(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)?;
    if is_standard_output(path) {
        print(&text);
    } else {
        fs::write(path, text + "\n")?;
    }
    Ok(())
}

/// Prints a line; whoever reads it may have gone.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
